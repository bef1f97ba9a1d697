"""The core, with a source and sinks in memory: nothing is lost, nothing is acknowledged before it is written."""

from __future__ import annotations

import threading
import time
from collections import deque

import pytest

from godot_daemon.backoff import Backoff
from godot_daemon.batching import Batch, BatchSize, Outcome, Pipeline
from godot_daemon.errors import SetupError, UnavailableError
from godot_daemon.record import Origin


class MemorySource:
    def __init__(self, entries):
        self.waiting = deque(entries)
        self.held: dict[str, list[bytes]] = {}
        self.limits: list[int] = []
        self.outages = 0
        self.ack_outages = 0
        self.lock = threading.Lock()
        self.base = 0

    def claim(self, limit):
        self.limits.append(limit)
        if self.outages:
            self.outages -= 1
            raise UnavailableError("the source is away")
        with self.lock:
            taken = [self.waiting.popleft() for _ in range(min(limit, len(self.waiting)))]
            if not taken:
                time.sleep(0.001)
                return None
            batch = Batch(f"{self.base}-0", Origin("e", self.base, 0), taken)
            self.base += len(taken)
            self.held[batch.name] = taken
            return batch

    def acknowledge(self, batch):
        if self.ack_outages:
            self.ack_outages -= 1
            raise UnavailableError("the source is away")
        with self.lock:
            self.held.pop(batch.name, None)


class MemorySink:
    def __init__(self, outages=0, fatal=False):
        self.table: list[bytes] = []
        self.outages = outages
        self.fatal = fatal
        self.closed = self.interrupted = False
        self.gate = threading.Event()
        self.gate.set()

    def write(self, prepared):
        self.gate.wait(60)
        if self.interrupted or self.outages:
            self.outages = max(0, self.outages - 1)
            raise UnavailableError("the sink is away")
        if self.fatal:
            raise SetupError("no such table")
        new = [entry for entry in prepared.entries if entry not in set(self.table)]
        self.table += new
        return Outcome(len(new), len(prepared.entries) - len(new))

    def interrupt(self):
        self.interrupted = True
        self.gate.set()

    def close(self):
        self.closed = True


class Log:
    def __init__(self):
        self.events: list[tuple] = []

    def claimed(self, batch):
        self.events.append(("claimed", len(batch.entries)))

    def committed(self, batch, outcome, seconds):
        self.events.append(("committed", outcome.received))

    def retrying(self, error, attempt, delay):
        self.events.append(("retrying", str(error), attempt))

    def recovered(self, attempts):
        self.events.append(("recovered", attempts))


def run(source, *sinks, smallest=10, largest=80):
    log = Log()
    pipeline = Pipeline(
        source,
        lambda batch: batch,
        sinks,
        size=BatchSize(smallest, largest),
        backoff=Backoff(first=0.001, cap=0.005),
        observer=log,
    )
    pipeline.start()
    return pipeline, log


def entries(count):
    return [b"%d" % number for number in range(count)]


@pytest.mark.parametrize("writers", [1, 3])
def test_everything_is_written_once_and_acknowledged(eventually, writers):
    source, sinks = MemorySource(entries(1000)), [MemorySink() for _ in range(writers)]
    pipeline, _ = run(source, *sinks)
    eventually(lambda: not source.waiting and not source.held)
    pipeline.stop()
    assert pipeline.join(60)
    assert sorted(entry for sink in sinks for entry in sink.table) == sorted(entries(1000))


def test_one_writer_keeps_the_order(eventually):
    source, sink = MemorySource(entries(500)), MemorySink()
    pipeline, _ = run(source, sink)
    eventually(lambda: len(sink.table) == 500)
    pipeline.stop()
    assert pipeline.join(60)
    assert sink.table == entries(500)


def test_batches_grow_with_the_backlog_and_shrink_without(eventually):
    source, sink = MemorySource(entries(500)), MemorySink()
    pipeline, _ = run(source, sink)
    eventually(lambda: len(sink.table) == 500)
    assert source.limits[:4] == [10, 20, 40, 80]
    eventually(lambda: source.limits[-1] == 10)
    pipeline.stop()
    assert pipeline.join(60)


def test_outages_of_either_side_are_survived_and_told(eventually):
    source, sink = MemorySource(entries(100)), MemorySink(outages=5)
    source.outages, source.ack_outages = 3, 2
    pipeline, log = run(source, sink)
    eventually(lambda: len(sink.table) == 100 and not source.held)
    pipeline.stop()
    assert pipeline.join(60)
    assert ("recovered", 3) in log.events
    assert ("retrying", "the sink is away", 5) in log.events
    assert sum(event[1] for event in log.events if event[0] == "committed") == 100


def test_an_outage_claims_no_more_than_the_sinks_can_hold(eventually):
    source, sink = MemorySource(entries(10_000)), MemorySink(outages=10**9)
    pipeline, log = run(source, sink)
    eventually(lambda: ("retrying", "the sink is away", 20) in log.events)
    assert len(source.held) <= 3  # being written, waiting, just prepared
    pipeline.stop()
    assert not pipeline.join(0.1)
    assert len(source.held) + len(source.waiting) > 0
    assert sum(map(len, source.held.values())) + len(source.waiting) == 10_000


def test_stopping_finishes_what_is_claimed(eventually):
    source, sink = MemorySource(entries(10_000)), MemorySink()
    pipeline, _ = run(source, sink)
    eventually(lambda: sink.table)
    pipeline.stop()
    assert pipeline.join(60)
    assert (sink.closed, sink.interrupted) == (True, False)
    assert not source.held
    assert len(sink.table) + len(source.waiting) == 10_000


def test_a_writer_that_hangs_is_interrupted_at_the_deadline(eventually):
    source, sink = MemorySource(entries(10)), MemorySink()
    sink.gate.clear()
    pipeline, _ = run(source, sink)
    eventually(lambda: source.held)
    started = time.monotonic()
    pipeline.stop()
    assert not pipeline.join(0.2)
    assert time.monotonic() - started < 30
    assert source.held


def test_what_cannot_be_repaired_stops_the_pipeline(eventually):
    source = MemorySource(entries(100))
    pipeline, _ = run(source, MemorySink(fatal=True), MemorySink(fatal=True))
    eventually(lambda: not pipeline.running)
    with pytest.raises(SetupError, match="no such table"):
        pipeline.join(60)
    assert source.held


def test_backoff_grows_to_its_cap_and_never_hits_zero():
    backoff = Backoff(first=0.1, cap=2.0)
    for attempt in range(1, 200):
        full = min(2.0, 0.1 * 2.0 ** min(attempt - 1, 60))
        assert full / 2 <= backoff.delay(attempt) <= full
