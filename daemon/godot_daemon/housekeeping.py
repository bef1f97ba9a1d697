"""What the daemon does beside moving records: levels for the clients, counts for the statistics, retention.

Nothing in here may stop or slow the pipeline: a chore that fails is told and tried again at its next turn.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

import psycopg

from godot_daemon import database, levels, retention, stats
from godot_daemon.archive import ParquetArchive
from godot_daemon.errors import GodotError

if TYPE_CHECKING:
    from collections.abc import Callable

    from godot_daemon.database import Connection
    from godot_daemon.narration import Narrator
    from godot_daemon.redis_queue import RedisQueue
    from godot_daemon.settings import Settings

_LEVELS_SECONDS: Final = 30.0
"""For so long a Redis that lost its data leaves clients at their own levels."""
_COUNTS_SECONDS: Final = 300.0
_RETENTION_SECONDS: Final = 3600.0
_LOOK_SECONDS: Final = 1.0

_PATIENCE_SECONDS: Final = 3600.0
"""For a statement: reading a whole day into an archive may take long, and nobody waits for it."""

READER_ROLE: Final = "godot_reader"


class Housekeeping:
    """A thread that does each chore at the start and then at its own pace."""

    def __init__(self, settings: Settings, queue: RedisQueue, narrator: Narrator) -> None:
        self._settings = settings
        self._queue = queue
        self._narrator = narrator
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="housekeeping", daemon=True)
        self._told: dict[str, str] = {}

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End it; what is being done is abandoned with the process, and loses nothing by that."""
        self._stop.set()

    def _work(self) -> None:
        chores: list[tuple[str, float, Callable[[], None]]] = [
            ("levels", _LEVELS_SECONDS, self._mirror_levels),
            ("counts", _COUNTS_SECONDS, self._count),
            ("retention", _RETENTION_SECONDS, self._retain),
        ]
        due = {name: 0.0 for name, _, _ in chores}
        while not self._stop.is_set():
            for name, pause, chore in chores:
                if time.monotonic() >= due[name] and not self._stop.is_set():
                    self._attempt(name, chore)
                    due[name] = time.monotonic() + pause
            self._stop.wait(_LOOK_SECONDS)

    def _attempt(self, name: str, chore: Callable[[], None]) -> None:
        """Do one chore; the same problem is told once, until it is gone."""
        problem = ""
        try:
            chore()
        except GodotError as error:
            problem = str(error)
        except psycopg.Error as error:
            problem = str(database.translated(error, self._settings.database_url))
        if problem and problem != self._told.get(name) and not self._stop.is_set():
            self._narrator.warning(f"{name}: {problem}")
        self._told[name] = problem

    def _mirror_levels(self) -> None:
        with self._connected() as connection:
            levels.mirror(connection, self._queue)

    def _count(self) -> None:
        with self._connected(_PATIENCE_SECONDS) as connection:
            stats.count_arrivals(connection)

    def _retain(self) -> None:
        settings = self._settings
        with self._connected(_PATIENCE_SECONDS) as connection:
            promised = retention.promised(connection)
            if (settings.retention_days or promised) < promised:
                self._narrator.warning(
                    f"logs are kept {promised} days as the database promises, not {settings.retention_days}:"
                    f" `godot db retain --days {settings.retention_days}` changes that"
                )
            before = retention.bound(connection, max(promised, settings.retention_days or 0))
            if settings.archive_dir:
                with self._connected(_PATIENCE_SECONDS, READER_ROLE) as reading:
                    archive = ParquetArchive(settings.archive_dir, reading)
                    outcome = retention.retain(connection, before, archive, self._tell)
            else:
                outcome = retention.retain(connection, before, told=self._tell)
        for problem in outcome.problems:
            self._narrator.warning(f"retention: {problem}")

    def _tell(self, step: retention.Retired) -> None:
        kept = "".join(
            f", {count:,} {name} stay"
            for name, count in (("pinned", step.pinned), ("late", step.late))
            if count
        )
        archived = f", archived to {step.archive}" if step.archive else ""
        self._narrator.info(
            f"retention: {step.records:,} records of {step.partition} went{kept}{archived}",
            partition=step.partition,
            records=step.records,
            pinned=step.pinned,
            late=step.late,
            archive=step.archive,
        )

    def _connected(self, patience: float | None = None, role: str = database.WRITER_ROLE) -> Connection:
        return database.connect(
            self._settings.database_url,
            patience=patience or self._settings.database_timeout,
            application="godot housekeeping",
            role=role,
        )
