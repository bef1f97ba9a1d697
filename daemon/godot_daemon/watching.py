"""Watches a pipeline: counts what happens, tells it to people, and knows what is wrong right now."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from godot_daemon.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from godot_daemon.batching import Batch, Outcome
    from godot_daemon.errors import UnavailableError
    from godot_daemon.metrics import Metrics
    from godot_daemon.narration import Narrator

_TELL_EVERY_SECONDS: Final = 1.0


class Watch:
    """The `Observer` of the service. Thread-safe.

    Batches that are committed within one second are told in one line.
    """

    def __init__(self, metrics: Metrics, narrator: Narrator, waiting: Callable[[], int]) -> None:
        self._metrics = metrics
        self._narrator = narrator
        self._waiting = waiting
        self._lock = threading.Lock()
        self._problems: dict[str, str] = {}
        self._untold: list[tuple[Outcome, float]] = []
        self._told_at = 0.0

    def claimed(self, batch: Batch) -> None:
        """See `Observer`."""
        self._metrics.claimed(len(batch.entries))
        if batch.adopted_from is not None:
            self._metrics.adopted()
            self._narrator.info(
                f"took over {counted(len(batch.entries), 'record')} that {batch.adopted_from} had claimed",
                records=len(batch.entries),
                owner=batch.adopted_from,
            )

    def committed(self, batch: Batch, outcome: Outcome, seconds: float) -> None:  # noqa: ARG002  the protocol's
        """See `Observer`."""
        self._metrics.committed(outcome, seconds)
        with self._lock:
            self._untold.append((outcome, seconds))
        if time.monotonic() - self._told_at >= _TELL_EVERY_SECONDS:
            self.tell()

    def retrying(self, error: UnavailableError, attempt: int, delay: float) -> None:
        """See `Observer`. The first time is told, then ever more rarely."""
        self._metrics.retrying()
        with self._lock:
            self._problems[threading.current_thread().name] = error.message
        if attempt & (attempt - 1) == 0:  # 1, 2, 4, 8 …
            self._narrator.warning(
                f"{error.message}; attempt {attempt + 1} in {delay:.1f} s",
                attempt=attempt,
                delay_s=round(delay, 3),
            )

    def recovered(self, attempts: int) -> None:
        """See `Observer`."""
        with self._lock:
            problem = self._problems.pop(threading.current_thread().name, "")
        self._narrator.info(f"back after {counted(attempts, 'attempt')}", attempts=attempts, was=problem)

    def problems(self) -> list[str]:
        """What is being retried right now."""
        with self._lock:
            return sorted(set(self._problems.values()))

    def tell(self) -> None:
        """Tell what has been committed since the last time, if anything."""
        with self._lock:
            untold, self._untold = self._untold, []
            self._told_at = time.monotonic()
        if not untold:
            return
        waiting = self._waiting()
        stored = sum(outcome.stored for outcome, _ in untold)
        duplicate = sum(outcome.duplicate for outcome, _ in untold)
        dead: Counter[str] = Counter()
        for outcome, _ in untold:
            dead.update(outcome.dead)
        milliseconds = 1000 * sum(seconds for _, seconds in untold) / len(untold)
        text = f"stored {counted(stored, 'record')} in "
        text += (
            f"{len(untold)} batches of {milliseconds:.0f} ms" if len(untold) > 1 else f"{milliseconds:.0f} ms"
        )
        text += f", {duplicate:,} duplicate" if duplicate else ""
        text += "".join(f", {count:,} dead ({reason})" for reason, count in dead.items())
        self._narrator.info(
            f"{text}, {waiting:,} waiting",
            stored=stored,
            duplicate=duplicate,
            dead=dict(dead),
            batches=len(untold),
            batch_ms=round(milliseconds, 1),
            waiting=waiting,
        )
