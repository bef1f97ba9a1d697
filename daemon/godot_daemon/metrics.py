"""What the daemon counts, and the state of the queue at each scrape, in Prometheus' format."""

from __future__ import annotations

import importlib.metadata
import time
from typing import TYPE_CHECKING, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from godot_daemon.errors import GodotError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client.metrics_core import Metric

    from godot_daemon.batching import Outcome
    from godot_daemon.redis_queue import Backlog

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_LAG_SECONDS: Final = (*_SECONDS[2:], 60, 300, 900, 3600)
_ROWS: Final = (1, 5, 10, 50, 100, 250, 500, 1000, 2000, 4000, 8000)

_DEAD_REASONS: Final = ("not JSON", "not an object", "no component")
_STATE_CLASSES: Final = ("08", "40", "53", "57")
"""Labels that exist from the start, so that an alarm sees their first increase; others come as needed."""

_DROP_REASONS: Final = ("queue_full",)
_OTHER_REASONS: Final = "other"
"""Anybody may write reasons into Redis; each would become a time series."""


class Metrics:
    """The figures of one daemon process, in a registry of their own."""

    def __init__(self, backlog: Callable[[], Backlog]) -> None:
        # A second series beside each counter, which in this format is only noise.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = registry = CollectorRegistry()
        self._stored = Counter("godot_records_stored", "Records stored in logs.", registry=registry)
        self._duplicates = Counter(
            "godot_records_duplicate", "Records that were there already.", registry=registry
        )
        self._dead = Counter(
            "godot_dead_letters", "Records that became dead letters.", ["reason"], registry=registry
        )
        self._claimed = Counter("godot_records_claimed", "Records taken from the queue.", registry=registry)
        self._adopted = Counter(
            "godot_claims_adopted", "Claims taken over from dead workers.", registry=registry
        )
        self._rows = Histogram(
            "godot_batch_rows", "Records per committed batch.", buckets=_ROWS, registry=registry
        )
        self._duration = Histogram(
            "godot_batch_duration_seconds",
            "How long the attempt took that committed a batch.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._calls = Histogram(
            "godot_database_call_duration_seconds",
            "One attempt to write a batch, whether it worked or not.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._errors = Counter(
            "godot_database_errors",
            "Failed attempts to write a batch, by SQLSTATE class.",
            ["sqlstate_class"],
            registry=registry,
        )
        self._retries = Counter("godot_retries", "Times that something was tried again.", registry=registry)
        self._lag = Histogram(
            "godot_ingest_lag_seconds",
            "From the event of a batch's oldest record, by its component's clock, to COMMIT.",
            buckets=_LAG_SECONDS,
            registry=registry,
        )
        self._last_success = Gauge(
            "godot_last_success_timestamp_seconds", "When a batch was last committed.", registry=registry
        )
        self._misplaced = Gauge(
            "godot_default_partition_records",
            "Rows in the default partition: above zero somebody's clock is wrong, or partitions are missing.",
            registry=registry,
        )
        self._limit = Gauge(
            "godot_queue_limit_records",
            "Records the queue may hold (GODOT_QUEUE_MAX of this daemon; those who push enforce their own).",
            registry=registry,
        )
        Info("godot_build", "Version of the daemon.", registry=registry).info(
            {"version": importlib.metadata.version("godot-logging")}
        )
        for reason in _DEAD_REASONS:
            self._dead.labels(reason)
        for state in _STATE_CLASSES:
            self._errors.labels(state)
        registry.register(_QueueCollector(backlog))
        ProcessCollector(registry=registry)

    def limited(self, records: int) -> None:
        """Take note of how many records the queue may hold."""
        self._limit.set(records)

    def claimed(self, records: int) -> None:
        """Count records taken from the queue."""
        self._claimed.inc(records)

    def adopted(self) -> None:
        """Count a claim taken over."""
        self._adopted.inc()

    def committed(self, outcome: Outcome, seconds: float) -> None:
        """Count a committed batch."""
        now = time.time()
        self._stored.inc(outcome.stored)
        self._duplicates.inc(outcome.duplicate)
        for reason, count in outcome.dead.items():
            self._dead.labels(reason).inc(count)
        self._rows.observe(outcome.received)
        self._duration.observe(seconds)
        if outcome.oldest_us is not None:
            self._lag.observe(max(0.0, now - outcome.oldest_us / 1e6))
        self._last_success.set(now)

    def database_call(self, seconds: float, state_class: str | None) -> None:
        """Count one attempt to write."""
        self._calls.observe(seconds)
        if state_class is not None:
            self._errors.labels(state_class).inc()

    def retrying(self) -> None:
        """Count a repetition."""
        self._retries.inc()

    def misplaced(self, rows: int) -> None:
        """Take note of how many rows the default partition holds."""
        self._misplaced.set(rows)

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)


class _QueueCollector(Collector):
    """Asks the queue at each scrape: its figures belong to all daemons together."""

    def __init__(self, backlog: Callable[[], Backlog]) -> None:
        self._backlog = backlog

    def collect(self) -> Iterator[Metric]:
        try:
            backlog = self._backlog()
        except GodotError:
            yield GaugeMetricFamily("godot_queue_up", "Whether Redis answers.", value=0)
            return
        yield GaugeMetricFamily("godot_queue_up", "Whether Redis answers.", value=1)
        yield GaugeMetricFamily("godot_queue_records", "Records waiting in the queue.", value=backlog.waiting)
        yield GaugeMetricFamily(
            "godot_inflight_records", "Records claimed and not yet committed.", value=backlog.in_flight
        )
        yield GaugeMetricFamily("godot_workers", "Daemons with a heartbeat.", value=len(backlog.workers))
        dropped = CounterMetricFamily(
            "godot_records_dropped", "Records dropped before a daemon saw them.", labels=["reason"]
        )
        counts = dict.fromkeys((*_DROP_REASONS, _OTHER_REASONS), 0)
        for reason, count in backlog.dropped.items():
            counts[reason if reason in _DROP_REASONS else _OTHER_REASONS] += count
        for reason, count in counts.items():
            dropped.add_metric([reason], count)
        yield dropped

    def describe(self) -> Iterator[Metric]:
        """Nothing in advance: registering must not wait for Redis."""
        return iter(())
