"""The daemon as a process: wires everything together, and obeys signals."""

from __future__ import annotations

import math
import signal
import socket
import threading
from functools import partial
from typing import TYPE_CHECKING, Final

from godot_daemon.backoff import Backoff
from godot_daemon.batching import BatchSize, Pipeline
from godot_daemon.endpoint import Endpoint
from godot_daemon.errors import GodotError, SettingsError, UnavailableError
from godot_daemon.housekeeping import Housekeeping
from godot_daemon.metrics import Metrics
from godot_daemon.notify import Notifier
from godot_daemon.redacting import Redacting, names
from godot_daemon.redis_queue import RedisQueue
from godot_daemon.signals import Signals
from godot_daemon.sink import PostgresSink, prepare
from godot_daemon.source import RedisSource, worker_name
from godot_daemon.upkeep import Upkeep
from godot_daemon.watching import Watch
from godot_daemon.wording import counted
from godot_wire.connections import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from godot_daemon.narration import Narrator
    from godot_daemon.redis_queue import Backlog
    from godot_daemon.settings import Settings

LARGEST_BATCH: Final = 4_000
"""Beyond this a batch gains nothing any more, and costs memory and latency."""

_DRAIN_SECONDS: Final = 7.0
_RELEASE_SECONDS: Final = 1.5
"""Together with what stands between them less than the 10 seconds that a SIGTERM may take."""

_LOOK_SECONDS: Final = 0.5

_START_SECONDS: Final = 30.0
"""How much longer a start may take while a server is waited for, asked for again at each look."""

_STALLED_SECONDS: Final = 60.0
"""Beyond all time-outs: then a thread hangs in something that has none, and only a restart helps."""


class Service:
    """Runs until a signal or something that only a person can repair ends it.

    Parameters
    ----------
    load
        Reads the settings: at the start, and again at each SIGHUP.
    narrator
        The daemon's own log.
    notifier
        Tells the service manager; by default the one of the environment, if any.
    """

    def __init__(
        self, load: Callable[[], Settings], narrator: Narrator, notifier: Notifier | None = None
    ) -> None:
        self._load = load
        self._settings = load()
        self._narrator = narrator
        self._notifier = notifier or Notifier()
        self._metrics = Metrics(self._backlog)
        self._queue: RedisQueue | None = None
        self._watch: Watch | None = None
        self._pipeline: Pipeline | None = None
        self._stalled_after = math.inf

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
            except GodotError as error:
                self._notifier.status(f"ended: {error}")
                raise
            finally:
                endpoint.close()
                self._notifier.close()
        self._narrator.info("stopped")

    def _generation(self, signals: Signals) -> bool:
        """Run with one set of settings; True when they are to be read again."""
        settings = self._settings
        self._metrics.limited(settings.queue_max)
        queue = self._queue = RedisQueue(settings)
        source = RedisSource(queue, settings, worker_name())
        watch = Watch(self._metrics, self._narrator, lambda: source.waiting)
        ledger = socket.gethostname()
        sinks = [
            PostgresSink(settings, ledger, self._metrics.database_call, source.worker)
            for _ in range(settings.writers)
        ]
        pipeline = Pipeline(
            source,
            partial(prepare, redact=Redacting(settings.redact, names(settings.redact_fields))),
            sinks,
            size=BatchSize(settings.batch_size, LARGEST_BATCH),
            backoff=Backoff(),
            observer=watch,
        )
        upkeep = Upkeep(settings, self._metrics, self._narrator)
        housekeeping = Housekeeping(settings, queue, self._narrator)
        try:
            self._notifier.alive()
            self._notifier.status("starting: asking PostgreSQL")
            upkeep.check()
            if (told := self._open(source, signals)) is not None:
                return self._heed(told)
            self._watch = watch
            self._narrator.info(
                f"moving records from {shown(settings.redis_url)} ({queue.queue})"
                f" to {shown(settings.database_url)}",
                worker=source.worker,
                **settings.shown(),
            )
            pipeline.start()
            self._pipeline = pipeline
            upkeep.start()
            housekeeping.start()
            told = self._attend(signals, upkeep, source, sinks)
            again = self._heed(told)
            self._narrator.info(f"{told.name if told else 'failure'}: finishing what is claimed")
            pipeline.stop()
            self._notifier.alive()
            if not pipeline.join(_DRAIN_SECONDS):
                self._narrator.warning("some records stay claimed: the next daemon takes them over")
            return again
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
                self._notifier.patience(_START_SECONDS)
                self._notifier.status(f"waiting: {error.message}")
                self._notifier.alive()
                if (told := signals.wait(delay)) is not None:
                    return told
            else:
                return None

    def _attend(
        self, signals: Signals, upkeep: Upkeep, source: RedisSource, sinks: Sequence[PostgresSink]
    ) -> signal.Signals | None:
        """Watch the pipeline until a signal comes; None when it has given up by itself."""
        pipeline, watch = self._pipeline, self._watch
        ready = False
        while pipeline is not None and watch is not None and pipeline.running:
            if (told := signals.wait(_LOOK_SECONDS)) is not None:
                return told
            watch.tell()
            ready = ready or (upkeep.checked and self._notifier.ready())
            if not ready:
                self._notifier.patience(_START_SECONDS)
            problems = watch.problems() or ([] if upkeep.checked else ["waiting for PostgreSQL"])
            self._notifier.status("; ".join(problems) or f"{counted(source.waiting, 'record')} waiting")
            slowest = max(sink.patience for sink in sinks)
            self._stalled_after = _STALLED_SECONDS + 2 * (slowest + self._settings.redis_timeout)
            if not self._unhealthy():
                self._notifier.alive()
        return None

    def _heed(self, told: signal.Signals | None) -> bool:
        """Announce what a signal asks for; whether it is to read the settings again."""
        if told is signal.SIGHUP:
            self._notifier.reloading()
            return True
        self._notifier.stopping()
        return False

    def _reload(self) -> None:
        try:
            self._settings = self._load()
        except SettingsError as error:
            self._narrator.error(f"the settings stay as they were: {error.message}")
        else:
            self._narrator.info("settings read again")

    def _unhealthy(self) -> list[str]:
        pipeline = self._pipeline
        if pipeline is None:
            return []
        if not pipeline.running:
            return ["the pipeline is stopping"]
        if (silence := pipeline.silence) > self._stalled_after:
            return [f"the pipeline has hung for {silence:.0f} s"]
        return []

    def _unready(self) -> list[str]:
        return self._watch.problems() if self._watch else ["starting"]

    def _backlog(self) -> Backlog:
        if self._queue is None:
            raise UnavailableError("not started")
        return self._queue.backlog()


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
