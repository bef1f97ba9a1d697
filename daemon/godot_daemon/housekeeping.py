"""What the daemon does beside moving records: levels for clients, counts for statistics, search, retention.

Nothing in here may stop or slow the pipeline: a chore that fails is told and tried again at its next turn.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import psycopg

from godot_daemon import database, levels, partitions, retention, stats
from godot_daemon.archive import ParquetArchive
from godot_daemon.errors import GodotError
from godot_daemon.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from godot_daemon.database import Connection
    from godot_daemon.narration import Narrator
    from godot_daemon.redis_queue import RedisQueue
    from godot_daemon.settings import Settings

_LEVELS_SECONDS: Final = 30.0
"""For so long a Redis that lost its data leaves clients at their own levels."""
_COUNTS_SECONDS: Final = 300.0
_MERGE_SECONDS: Final = 10.0
"""A burst pays for no merge while it lasts; at 5,000 records/s the lists are a third full by then."""
_RETENTION_SECONDS: Final = 3600.0
_RETRY_SECONDS: Final = 60.0

_PATIENCE_SECONDS: Final = 3600.0
"""For a statement: reading a whole day into an archive may take long, and nobody waits for it."""

READER_ROLE: Final = "godot_reader"


class Housekeeping:
    """One thread for each chore, so that a day being archived does not keep the clients from their levels."""

    def __init__(self, settings: Settings, queue: RedisQueue, narrator: Narrator) -> None:
        self._settings = settings
        self._queue = queue
        self._narrator = narrator
        self._stop = threading.Event()
        chores: list[tuple[str, float, Callable[[], None]]] = [
            ("levels", _LEVELS_SECONDS, self._mirror_levels),
            ("counts", _COUNTS_SECONDS, self._count),
            ("search", _MERGE_SECONDS, self._merge),
            ("retention", _RETENTION_SECONDS, self._retain),
        ]
        self._threads = [
            threading.Thread(target=self._repeat, args=chore, name=chore[0], daemon=True) for chore in chores
        ]

    def start(self) -> None:
        """Begin each chore at once, and then at its own pace."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End it; what is being done is abandoned with the process, and loses nothing by that."""
        self._stop.set()

    def _repeat(self, name: str, pause: float, chore: Callable[[], None]) -> None:
        told = ""
        while not self._stop.is_set():
            problem = self._problem(chore)
            if problem and problem != told and not self._stop.is_set():
                self._narrator.warning(f"{name}: {problem}")
            told = problem
            self._stop.wait(min(pause, _RETRY_SECONDS) if problem else pause)

    def _problem(self, chore: Callable[[], None]) -> str:
        """What kept a chore from being done; nothing if it was."""
        try:
            chore()
        except GodotError as error:
            return str(error)
        except psycopg.Error as error:
            return str(database.translated(error, self._settings.database_url))
        return ""

    def _mirror_levels(self) -> None:
        with self._connected() as connection:
            levels.mirror(connection, self._queue)

    def _count(self) -> None:
        with self._connected(_PATIENCE_SECONDS) as connection:
            stats.count_arrivals(connection)

    def _merge(self) -> None:
        with self._connected(_PATIENCE_SECONDS) as connection:
            partitions.merge_pending(connection)

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
            f"retention: {counted(step.records, 'record')} of {step.partition} went{kept}{archived}",
            partition=step.partition,
            records=step.records,
            pinned=step.pinned,
            late=step.late,
            archive=step.archive,
        )

    def _connected(self, patience: float | None = None, role: str = database.WRITER_ROLE) -> Connection:
        connection = database.connect(
            self._settings.database_url,
            patience=self._settings.database_timeout,
            application="godot housekeeping",
            role=role,
        )
        if patience:
            database.limit(connection, patience)
        return connection
