"""The daemon as a process: wires everything together, and obeys signals."""

from __future__ import annotations

import signal
import socket
import threading
from typing import TYPE_CHECKING, Final

import psycopg

from godot_daemon import database, migrations, partitions
from godot_daemon.backoff import Backoff
from godot_daemon.batching import BatchSize, Pipeline
from godot_daemon.endpoint import Endpoint
from godot_daemon.errors import GodotError, SettingsError, SetupError, UnavailableError
from godot_daemon.housekeeping import Housekeeping
from godot_daemon.metrics import Metrics
from godot_daemon.redis_queue import RedisQueue
from godot_daemon.settings import masked
from godot_daemon.signals import Signals
from godot_daemon.sink import PostgresSink, prepare
from godot_daemon.source import RedisSource, worker_name
from godot_daemon.watching import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from godot_daemon.narration import Narrator
    from godot_daemon.redis_queue import Backlog
    from godot_daemon.settings import Settings

LARGEST_BATCH: Final = 4_000
"""Beyond this a batch gains nothing any more, and costs memory and latency."""

_DRAIN_SECONDS: Final = 7.0
_RELEASE_SECONDS: Final = 1.5
"""Together with what stands between them less than the 10 seconds that a SIGTERM may take."""

_LOOK_SECONDS: Final = 0.5
_UPKEEP_SECONDS: Final = 3600.0
_UPKEEP_RETRY_SECONDS: Final = 30.0


class Service:
    """Runs until a signal or something that only a person can repair ends it.

    Parameters
    ----------
    load
        Reads the settings: at the start, and again at each SIGHUP.
    narrator
        The daemon's own log.
    """

    def __init__(self, load: Callable[[], Settings], narrator: Narrator) -> None:
        self._load = load
        self._settings = load()
        self._narrator = narrator
        self._metrics = Metrics(self._backlog)
        self._queue: RedisQueue | None = None
        self._watch: Watch | None = None
        self._pipeline: Pipeline | None = None

    def run(self) -> None:
        """Run to the end. Returns after SIGTERM or SIGINT; raises SetupError when it cannot go on."""
        settings = self._settings
        with Signals() as signals:
            endpoint = Endpoint(
                settings.metrics_host,
                settings.metrics_port,
                metrics=self._metrics.exposition,
                unhealthy=self._unhealthy,
                unready=self._unready,
            )
            self._narrator.info(f"metrics on {endpoint.url}/metrics", metrics=f"{endpoint.url}/metrics")
            try:
                while self._generation(signals):
                    self._reload()
            finally:
                endpoint.close()
        self._narrator.info("stopped")

    def _generation(self, signals: Signals) -> bool:
        """Run with one set of settings; True when they are to be read again."""
        settings = self._settings
        queue = self._queue = RedisQueue(settings)
        source = RedisSource(queue, settings, worker_name())
        watch = Watch(self._metrics, self._narrator, lambda: source.waiting)
        ledger = socket.gethostname()
        sinks = [PostgresSink(settings, ledger, self._metrics.database_call) for _ in range(settings.writers)]
        pipeline = Pipeline(
            source,
            prepare,
            sinks,
            size=BatchSize(settings.batch_size, LARGEST_BATCH),
            backoff=Backoff(),
            observer=watch,
        )
        upkeep = _Upkeep(settings, self._metrics, self._narrator)
        housekeeping = Housekeeping(settings, queue, self._narrator)
        try:
            upkeep.check()
            if (told := self._open(source, signals)) is not None:
                return told is signal.SIGHUP
            self._watch = watch
            self._narrator.info(
                f"moving records from {masked(settings.redis_url)} ({queue.queue})"
                f" to {masked(settings.database_url)}",
                worker=source.worker,
                **settings.shown(),
            )
            pipeline.start()
            self._pipeline = pipeline
            upkeep.start()
            housekeeping.start()
            told = _next_signal(signals, pipeline, watch)
            self._narrator.info(f"{told.name if told else 'failure'}: finishing what is claimed")
            pipeline.stop()
            if not pipeline.join(_DRAIN_SECONDS):
                self._narrator.warning("some records stay claimed: the next daemon takes them over")
            return told is signal.SIGHUP
        finally:
            self._watch = self._pipeline = None
            upkeep.stop()
            housekeeping.stop()
            watch.tell()
            _release(source)
            queue.close()

    def _open(self, source: RedisSource, signals: Signals) -> signal.Signals | None:
        """Announce the worker, as soon as Redis is there; returns a signal that came before."""
        backoff = Backoff()
        attempt = 0
        while True:
            try:
                source.open()
            except UnavailableError as error:
                attempt += 1
                delay = backoff.delay(attempt)
                self._narrator.warning(f"{error.message}; attempt {attempt + 1} in {delay:.1f} s")
                if (told := signals.wait(delay)) is not None:
                    return told
            else:
                return None

    def _reload(self) -> None:
        try:
            self._settings = self._load()
        except SettingsError as error:
            self._narrator.error(f"the settings stay as they were: {error.message}")
        else:
            self._narrator.info("settings read again")

    def _unhealthy(self) -> list[str]:
        stopped = self._pipeline is not None and not self._pipeline.running
        return ["the pipeline is stopping"] if stopped else []

    def _unready(self) -> list[str]:
        return self._watch.problems() if self._watch else ["starting"]

    def _backlog(self) -> Backlog:
        if self._queue is None:
            raise UnavailableError("not started")
        return self._queue.backlog()


class _Upkeep:
    """Sees that partitions are there before their day, beside the pipeline."""

    def __init__(self, settings: Settings, metrics: Metrics, narrator: Narrator) -> None:
        self._settings = settings
        self._metrics = metrics
        self._narrator = narrator
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="upkeep", daemon=True)

    def check(self) -> None:
        """Refuse to start on a database that is not set up; one that is away comes back."""
        try:
            self._ensure()
        except UnavailableError as error:
            self._narrator.warning(error.message)

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
                self._ensure()
                pause = _UPKEEP_SECONDS
            except GodotError as error:
                self._narrator.warning(f"partitions: {error.message}")
                pause = _UPKEEP_RETRY_SECONDS

    def _ensure(self) -> None:
        url = self._settings.database_url
        try:
            with database.connect(
                url, patience=self._settings.database_timeout, application="godot upkeep"
            ) as connection:
                missing = migrations.pending(connection)
                if missing:
                    raise SetupError(
                        f"the database at {masked(url)} misses {len(missing)} migrations",
                        "run `godot db upgrade`",
                    )
                for day in partitions.ensure(connection, days_ahead=self._settings.days_ahead):
                    self._narrator.info(f"created the partition of {day}")
                misplaced = partitions.default_rows(connection)
        except psycopg.Error as error:
            raise database.translated(error, url) from error
        self._metrics.misplaced(misplaced)
        if misplaced:
            self._narrator.warning(
                f"{misplaced:,} records are in the default partition: they are old, or a clock is wrong",
                misplaced=misplaced,
            )


def _next_signal(signals: Signals, pipeline: Pipeline, watch: Watch) -> signal.Signals | None:
    """Wait for a signal; None when the pipeline has given up by itself."""
    while pipeline.running:
        if (told := signals.wait(_LOOK_SECONDS)) is not None:
            return told
        watch.tell()
    return None


def _release(source: RedisSource) -> None:
    """Give claims back, but do not wait for a Redis that hangs: without a heartbeat they are free soon."""

    def close() -> None:
        try:
            source.close()
        except GodotError:
            return

    thread = threading.Thread(target=close, name="release", daemon=True)
    thread.start()
    thread.join(_RELEASE_SECONDS)
