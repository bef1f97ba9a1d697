"""The bounded queue between the log calls and the sender; what it cannot hold is counted as lost."""

from collections import deque
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from threading import RLock
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from godot_loglib.record import Entry, Source

_OVERHEAD: Final = 256  # bytes of an entry beside its message and data
NEVER: Final = 1 << 62
_FROZEN_AFTER: Final = 0.2  # seconds after which the holder of a lock that is held for microseconds is gone


@dataclass(slots=True)
class Loss:
    """How many records of one component were lost for one reason, and between which times (ns since 1970)."""

    component: str
    reason: str
    count: int
    first: int
    last: int


class Losses:
    """Counts what was lost until the loss records about it can be sent.

    Parameters
    ----------
    lock
        The buffer's, which is held already when the buffer overflows.
    """

    __slots__ = ("_counted", "_latest", "lock")

    def __init__(self, lock: AbstractContextManager[object]) -> None:
        self.lock = lock
        self._counted: dict[tuple[str, str], Loss] = {}
        self._latest: Loss | None = None

    def add(self, component: str, reason: str, at: int) -> None:
        """Count one record that was logged at this time."""
        self.merge(Loss(component, reason, 1, at, at))

    def merge(self, loss: Loss) -> None:
        """Count what has been counted elsewhere, or was taken and could not be told."""
        with self.lock:
            known = self._counted.setdefault((loss.component, loss.reason), loss)
            if known is not loss:
                known.count += loss.count
                known.first = min(known.first, loss.first)
                known.last = max(known.last, loss.last)
            self._latest = known

    def add_next(self, component: str, reason: str, at: int) -> None:
        """Count one that is later than the one before; quick, because the caller holds the lock."""
        loss = self._latest
        if loss is not None and loss.component == component and loss.reason == reason:
            loss.count += 1
            loss.last = at
        else:
            self.add(component, reason, at)

    def take(self) -> list[Loss]:
        """Everything counted since the last call."""
        with self.lock:
            taken, self._counted = list(self._counted.values()), {}
            self._latest = None
        return taken

    def __bool__(self) -> bool:
        return bool(self._counted)


class _Impatient:
    """The lock of a process that ends.

    The interpreter freezes the daemon threads when it goes down, also one that holds the lock; a finaliser
    that logs after that would wait for ever. Here it waits once, and then goes on without.
    """

    def __init__(self, lock: AbstractContextManager[object]) -> None:
        self._lock: Any = lock
        self._abandoned = False

    def __enter__(self) -> None:
        if not self._abandoned and not self._lock.acquire(timeout=_FROZEN_AFTER):
            self._abandoned = True

    def __exit__(self, *_: object) -> None:
        with suppress(RuntimeError):  # not ours
            self._lock.release()


class Hands(Protocol):
    """Who takes records out, until somebody else does."""

    taken: list["Entry"]
    disowned: bool


class Buffer:
    """First in, first out; bounded by count and bytes; the oldest go first.

    The lock is held for memory operations only, and it is reentrant: a signal handler or a finaliser that
    logs may interrupt a log call of the same thread.
    """

    __slots__ = (
        "_bytes",
        "_entries",
        "_last_put",
        "_lock",
        "_max",
        "_max_bytes",
        "_seq",
        "losses",
        "rouse",
        "wake_at",
    )

    def __init__(self, max_count: int, max_bytes: int) -> None:
        self._max = max_count
        self._max_bytes = max_bytes
        self.rouse: Callable[[], None] = _nobody  # called when a record brings the length to `wake_at`
        self.reset()

    def reset(self) -> None:
        """Forget everything: the state of a process that has just been forked."""
        self._lock: AbstractContextManager[object] = RLock()
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._seq = 0
        self._last_put = 0
        self.losses = Losses(self._lock)
        self.wake_at = 1

    def put(  # noqa: PLR0917  keywords cost 0.1 µs
        self, at: int, level: int, source: "Source", message: str | None, frozen: bytes | None, trace: object
    ) -> None:
        """Append a record; it gets its `seq` here, so that whatever happens to it later leaves a gap."""
        size = _OVERHEAD
        if message is not None:
            size += len(message)
        if frozen is not None:
            size += len(frozen)
        entries = self._entries
        with self._lock:
            self._seq = self._last_put = seq = self._seq + 1
            entries.append((seq, at, level, source, message, frozen, trace, size))
            self._bytes += size
            if self._bytes > self._max_bytes or len(entries) > self._max:
                self._trim()
        if len(entries) >= self.wake_at:
            self.rouse()

    def finish(self) -> None:
        """The process ends: from now on nobody waits long for the lock."""
        if not isinstance(self._lock, _Impatient):
            self._lock = self.losses.lock = _Impatient(self._lock)

    def _trim(self) -> None:
        entries = self._entries
        while True:
            if len(entries) > self._max:
                reason = "buffer_full"
            elif self._bytes > self._max_bytes:
                reason = "buffer_bytes" if len(entries) > 1 else "too_large"
            else:
                return
            oldest = entries.popleft()
            self._bytes -= oldest[7]
            self.losses.add_next(oldest[3].component, reason, oldest[1])

    def take(self, max_count: int, max_bytes: int, hands: "Hands | None" = None) -> list["Entry"]:
        """Remove the oldest records: at most so many, and so many bytes unless the first alone has more.

        With `hands` they are in its `taken` from the instant at which they are no longer in here.
        """
        entries = self._entries
        taken: list[Entry] = [] if hands is None else hands.taken
        size = 0
        with self._lock:
            if hands is not None and hands.disowned:
                return taken
            while entries and len(taken) < max_count and (size == 0 or size + entries[0][7] <= max_bytes):
                entry = entries[0]
                taken.append(entry)
                entries.popleft()
                size += entry[7]
            self._bytes -= size
        return taken

    def copy(self, taken: list["Entry"]) -> list["Entry"]:
        """A copy of a list that `take` may be filling just now."""
        with self._lock:
            return list(taken)

    def next_seq(self) -> int:
        """A number for a record that does not come through `put`."""
        with self._lock:
            self._seq += 1
            return self._seq

    @property
    def last_put(self) -> int:
        """The number of the record that was put in last."""
        return self._last_put

    def __len__(self) -> int:
        return len(self._entries)


def _nobody() -> None:
    """Nobody waits for records yet."""
