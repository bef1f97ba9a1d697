"""Sees that the database is set up, and that partitions are there before their day."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import psycopg

from godot_daemon import database, migrations, partitions
from godot_daemon.errors import GodotError, SetupError, UnavailableError
from godot_daemon.wording import counted
from godot_wire.connections import shown

if TYPE_CHECKING:
    from godot_daemon.metrics import Metrics
    from godot_daemon.narration import Narrator
    from godot_daemon.settings import Settings

_TURN_SECONDS: Final = 3600.0
_RETRY_SECONDS: Final = 30.0
_FIRST_RETRY_SECONDS: Final = 2.0
"""Until it has answered once: the service manager waits for that."""

_CHECK_SECONDS: Final = 10.0
"""For the check at the start, while nobody else does anything."""


class Upkeep:
    """Sees that partitions are there before their day, beside the pipeline."""

    def __init__(self, settings: Settings, metrics: Metrics, narrator: Narrator) -> None:
        self._settings = settings
        self._metrics = metrics
        self._narrator = narrator
        self.checked = False
        """Whether the database has answered and is set up."""
        self._told = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="upkeep", daemon=True)

    def check(self) -> None:
        """Refuse to start on a database that is not set up; one that is away comes back."""
        try:
            self._ensure(min(self._settings.database_timeout, _CHECK_SECONDS))
        except UnavailableError as error:
            self._tell(error.message)

    def start(self) -> None:
        """Go on hourly."""
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._stop.set()

    def _keep(self) -> None:
        pause = 0.0
        while not self._stop.wait(pause):
            try:
                self._ensure(self._settings.database_timeout)
                pause = _TURN_SECONDS
            except GodotError as error:
                self._tell(error.message)
                pause = _RETRY_SECONDS if self.checked else _FIRST_RETRY_SECONDS

    def _tell(self, problem: str) -> None:
        """The same problem once, until it is gone."""
        if problem != self._told:
            self._narrator.warning(f"partitions: {problem}")
        self._told = problem

    def _ensure(self, patience: float) -> None:
        url = self._settings.database_url
        try:
            with database.connect(url, patience=patience, application="godot upkeep") as connection:
                missing = migrations.pending(connection)
                if missing:
                    raise SetupError(
                        f"the database at {shown(url)} misses {counted(len(missing), 'migration')}",
                        "run `godot db upgrade`",
                    )
                for day in partitions.ensure(connection, days_ahead=self._settings.days_ahead):
                    self._narrator.info(f"created the partition of {day}")
                misplaced = partitions.default_rows(connection)
        except psycopg.Error as error:
            raise database.translated(error, url) from error
        self.checked, self._told = True, ""
        self._metrics.misplaced(misplaced)
        if misplaced:
            self._narrator.warning(
                f"{counted(misplaced, 'record', 'is')} in the default partition: old, or of a wrong clock",
                misplaced=misplaced,
            )
