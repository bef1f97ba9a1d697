"""The core: claim, prepare, write, acknowledge. It knows no driver, only a Source and a Sink.

One thread claims and prepares; each sink has a thread that writes. What is prepared waits in a queue of one
batch, so the work of this process overlaps with the database's, and during an outage no more is claimed than
the sinks hold in their hands.
"""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from godot_daemon.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from godot_daemon.backoff import Backoff
    from godot_daemon.record import Origin

_HANDOVER_SECONDS: Final = 0.2
"""How often a thread that waits for another one looks whether it is told to stop."""

_LAST_WORDS_SECONDS: Final = 0.5
"""How long interrupted threads may take to notice."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Raw entries claimed together, the oldest first."""

    name: str
    origin: Origin
    entries: Sequence[bytes]
    adopted_from: str | None = None
    """Whose claim it was, when it was taken over."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a committed batch: received = stored + duplicate + dead."""

    stored: int
    duplicate: int = 0
    dead: Mapping[str, int] = field(default_factory=dict)
    oldest_us: int | None = None

    @property
    def received(self) -> int:
        """How many entries the batch had."""
        return self.stored + self.duplicate + sum(self.dead.values())


class Source(Protocol):
    """Where batches come from. UnavailableError means: try again later."""

    def claim(self, limit: int) -> Batch | None:
        """Take up to `limit` entries; None when there are none yet. Waits a moment, never for long."""

    def acknowledge(self, batch: Batch) -> None:
        """Forget a batch that is committed. Harmless when done twice, or for somebody else's batch."""


class Sink(Protocol):
    """Where batches go. UnavailableError means: the same batch again later."""

    def write(self, prepared: Any) -> Outcome:
        """Store a prepared batch in one transaction; when this returns it is committed."""

    def close(self) -> None:
        """Give the connection back. Called by the thread that writes."""

    def interrupt(self) -> None:
        """Make a write in progress fail at once. Called by another thread."""


class Observer(Protocol):
    """Who is told what happens. Called from several threads."""

    def claimed(self, batch: Batch) -> None:
        """Told of a batch that was taken from the source."""

    def committed(self, batch: Batch, outcome: Outcome, seconds: float) -> None:
        """Told of a batch that is stored, and how long writing took."""

    def retrying(self, error: UnavailableError, attempt: int, delay: float) -> None:
        """Told that something is away and when it is tried again."""

    def recovered(self, attempts: int) -> None:
        """Told that what was away is back."""


class BatchSize:
    """How many to claim: the configured size when idle, doubling while every claim comes back full."""

    def __init__(self, smallest: int, largest: int) -> None:
        self._smallest = smallest
        self._largest = max(smallest, largest)
        self.limit = smallest

    def learn(self, claimed: int) -> None:
        """Adapt to what the last claim brought."""
        if claimed >= self.limit:
            self.limit = min(self.limit * 2, self._largest)
        elif claimed < self._smallest:
            self.limit = self._smallest


class Pipeline:
    """Moves batches from a source to sinks until it is stopped or something cannot go on.

    `prepare` does what can be done without the database, in the claiming thread; it must not fail on account
    of what the entries say.
    """

    def __init__(
        self,
        source: Source,
        prepare: Callable[[Batch], Any],
        sinks: Sequence[Sink],
        *,
        size: BatchSize,
        backoff: Backoff,
        observer: Observer,
    ) -> None:
        self._source = source
        self._prepare = prepare
        self._sinks = sinks
        self._size = size
        self._backoff = backoff
        self._observer = observer
        self._prepared: queue.Queue[tuple[Batch, Any]] = queue.Queue(maxsize=1)
        self._stop = threading.Event()
        self._abandon = threading.Event()
        self._claimer_done = threading.Event()
        self._failure: BaseException | None = None
        self._heard: dict[str, float] = {}
        self._threads = [self._thread("claim", self._claim)]
        self._threads += [
            self._thread(f"write-{number}", self._write, sink) for number, sink in enumerate(sinks)
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Claim nothing more; what is claimed is still written. Returns at once."""
        self._stop.set()

    def join(self, seconds: float) -> bool:
        """Wait for the end after `stop`; what cannot be written in time stays claimed.

        Returns whether everything that was claimed has been written. Raises what made a thread give up.
        """
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        finished = not any(thread.is_alive() for thread in self._threads)
        self._abandon.set()
        if not finished:
            for sink in self._sinks:
                sink.interrupt()
            deadline = time.monotonic() + _LAST_WORDS_SECONDS
            for thread in self._threads:
                thread.join(max(0.0, deadline - time.monotonic()))
        if self._failure is not None:
            raise self._failure
        return finished and self._prepared.empty()

    @property
    def running(self) -> bool:
        """False once a thread has given up or everything has been asked to stop."""
        return not self._stop.is_set()

    @property
    def silence(self) -> float:
        """For how many seconds the quietest thread has not come back from what it called."""
        now = time.monotonic()
        return max((now - heard for heard in list(self._heard.values())), default=0.0)

    def _thread(self, name: str, *work: Any) -> threading.Thread:
        """A thread of the pipeline; one that cannot be ended in time does not keep the process alive."""
        return threading.Thread(target=self._guarded, args=work, name=name, daemon=True)

    def _guarded(self, work: Any, *arguments: Any) -> None:
        self._sign()
        try:
            work(*arguments)
        except BaseException as error:  # noqa: BLE001  a thread's failure is the pipeline's: raised by join
            self._failure = self._failure or error
            self._stop.set()
            self._abandon.set()
        finally:
            del self._heard[threading.current_thread().name]
            if work == self._claim:
                self._claimer_done.set()

    def _sign(self) -> None:
        """The sign of life of a thread: whatever it calls next comes back, or hangs."""
        self._heard[threading.current_thread().name] = time.monotonic()

    def _claim(self) -> None:
        attempt = 0
        while not self._stop.is_set():
            self._sign()
            try:
                batch = self._source.claim(self._size.limit)
            except UnavailableError as error:
                attempt += 1
                self._pause(error, attempt, self._stop)
                continue
            if attempt:
                self._observer.recovered(attempt)
                attempt = 0
            self._size.learn(len(batch.entries) if batch else 0)
            if batch:
                self._observer.claimed(batch)
                self._hand_over((batch, self._prepare(batch)))

    def _hand_over(self, item: tuple[Batch, Any]) -> None:
        while not self._abandon.is_set():
            self._sign()
            try:
                return self._prepared.put(item, timeout=_HANDOVER_SECONDS)
            except queue.Full:
                continue
        return None

    def _write(self, sink: Sink) -> None:
        try:
            self._write_all(sink)
        finally:
            sink.close()

    def _write_all(self, sink: Sink) -> None:
        while not self._abandon.is_set():
            self._sign()
            done = self._claimer_done.is_set()  # before looking: what it claimed last is in the queue by then
            try:
                batch, prepared = self._prepared.get(timeout=0 if done else _HANDOVER_SECONDS)
            except queue.Empty:
                if done:
                    return
                continue
            self._store(sink, batch, prepared)

    def _store(self, sink: Sink, batch: Batch, prepared: Any) -> None:
        """Write and acknowledge one batch, however long it takes."""
        outcome: Outcome | None = None
        attempt = 0
        while not self._abandon.is_set():
            self._sign()
            try:
                if outcome is None:
                    started = time.perf_counter()
                    outcome = sink.write(prepared)
                    self._observer.committed(batch, outcome, time.perf_counter() - started)
                self._source.acknowledge(batch)
            except UnavailableError as error:
                attempt += 1
                self._pause(error, attempt, self._abandon)
            else:
                if attempt:
                    self._observer.recovered(attempt)
                return

    def _pause(self, error: UnavailableError, attempt: int, until: threading.Event) -> None:
        delay = self._backoff.delay(attempt)
        self._observer.retrying(error, attempt, delay)
        until.wait(delay)
