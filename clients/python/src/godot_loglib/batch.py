"""What a thread has in its hands between the buffer and Redis, and how it is taken away from it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

from godot_loglib.buffer import Buffer, Loss
from godot_loglib.context import SILENT, TraceContext
from godot_loglib.record import Encoder, Entry

Unit: TypeAlias = Entry | Loss

_AT_ONCE: Final = 500
_AT_ONCE_BYTES: Final = 1024**2


class Batch:
    """Encoded once, so that a record keeps its id however often it is sent."""

    __slots__ = ("last", "lines", "units")

    def __init__(self, last: int) -> None:
        self.units: list[Unit] = []
        self.lines: list[bytes] = []
        self.last = last  # seq of the last entry taken

    def forget(self, count: int) -> None:
        """The first lines are where they should be."""
        del self.units[:count]
        del self.lines[:count]


class Run:
    """The life of one thread. Closing takes what it has away from a thread that is stuck.

    Attributes
    ----------
    taken
        Out of the buffer, and not yet in `in_hand`. The thread fills `in_hand` before it empties this.
    in_hand
        Encoded, and not yet anywhere else.
    disowned
        Another one has these records now: the thread is to drop them.
    """

    __slots__ = ("disowned", "in_hand", "taken", "thread", "wake")

    def __init__(self) -> None:
        # A lock as a signal: releasing it is atomic, so even a signal handler may do it at any instant.
        self.wake = threading.Lock()
        self.wake.acquire()
        self.thread: threading.Thread | None = None
        self.taken: list[Entry] = []
        self.in_hand: Batch | None = None
        self.disowned = False

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs."""
        return self.thread is not None and self.thread.is_alive()

    def fill(self, buffer: Buffer, encoder: Encoder, count: int, size: int) -> Batch | None:
        """Take and encode at most so much, and what has been lost; None if there is nothing."""
        entries = self.taken
        if not entries and count:
            buffer.take(count, size, self)
        losses = buffer.losses.take()
        if not entries and not losses:
            return None
        batch = Batch(entries[-1][0] if entries else 0)
        for loss in losses:
            batch.lines.append(encoder.loss(loss, buffer.next_seq()))
            batch.units.append(loss)
        with TraceContext(SILENT):
            for entry in entries:
                try:
                    batch.lines.append(encoder.entry(entry))
                    batch.units.append(entry)
                except Exception:  # noqa: BLE001  one record that cannot be written must not cost the others
                    buffer.losses.add(entry[3].component, "unserialisable", entry[1])
        self.in_hand, self.taken = batch, []
        return batch

    def disown(self, buffer: Buffer) -> "Run":
        """Take over what the thread has not delivered."""
        self.disowned = True
        heir = Run()
        # In this order: the thread fills `in_hand` before it empties `taken`.
        heir.taken = buffer.copy(self.taken)
        heir.in_hand = self.in_hand
        if heir.in_hand is not None:
            heir.taken = []
        return heir

    def empty(self, buffer: Buffer, goal: int) -> list[Unit]:
        """Everything up to that number, taken out of the hands and of the buffer."""
        units: list[Unit] = [*(self.in_hand.units if self.in_hand else ()), *self.taken]
        self.in_hand, self.taken = None, []
        while found := buffer.take(_AT_ONCE, _AT_ONCE_BYTES):
            units += found
            if found[-1][0] >= goal:
                break
        return units


class Writer:
    """Who writes to the fallback at the end of the process, when every thread may have to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = 0

    @contextmanager
    def alone(self, until: float) -> Iterator[bool]:
        """Keep the others from writing; False when one of them is stuck, or frozen, at it."""
        me = threading.get_ident()
        # Whoever writes may be this thread itself, through a finaliser that logs.
        alone = self._owner != me and self._lock.acquire(timeout=max(0.0, until - time.monotonic()))
        if alone:
            self._owner = me
        try:
            yield alone
        finally:
            if alone:
                self._owner = 0
                self._lock.release()
