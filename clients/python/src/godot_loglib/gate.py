"""What is logged: a component's own level, the one set centrally, X-Trace-Log, and sampling.

A call compares one number, `threshold`, and nothing else where that says no. All that needs a closer look
makes the number lower for a while: then the call comes here, to `admit`.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from math import inf
from typing import TYPE_CHECKING, Any, Final

from godot_loglib import context
from godot_loglib.announce import announce_once
from godot_loglib.context import Trace
from godot_loglib.freeze import freeze_plain
from godot_loglib.ids import canonical_trace_id
from godot_loglib.levels import INFO, NAMES, OFF, TRACE

if TYPE_CHECKING:
    from godot_loglib.buffer import Buffer
    from godot_loglib.record import Source

_ALL: Final = 0  # a threshold below every level
_KEPT_DIGITS: Final = slice(-14, -1)
_KEPT_RANGE: Final = 1 << 52
_AGAIN_SECONDS: Final = 3600


class Gate:
    """The level of one component, shared by its loggers that have the same own level.

    Attributes
    ----------
    threshold
        Calls below it are not looked at.
    careful
        Calls below it have to be admitted.
    level
        What is in force.
    users
        How many loggers have it; one that has been left by all of them announces nothing.
    """

    __slots__ = (
        "_announced_at",
        "_armed",
        "_buffer",
        "_central",
        "_enabled",
        "_expires_at",
        "_on_call",
        "_rejected_below",
        "_sample",
        "careful",
        "level",
        "own",
        "source",
        "threshold",
        "users",
    )

    def __init__(
        self,
        source: "Source",
        own: int,
        buffer: "Buffer",
        on_call: Callable[[], None],
        *,
        enabled: bool = True,
        sample: float = 1.0,
    ) -> None:
        self.source = source
        self.own = own
        self._buffer = buffer
        self._on_call = on_call
        self._enabled = enabled
        self._sample = sample
        self._rejected_below = int((1 - sample) * _KEPT_RANGE)
        self._central: int | None = None
        self._expires_at: str | None = None
        self._announced_at: float | None = None
        self._armed = True
        self.users = 0
        self.update()

    @property
    def seconds_left(self) -> float:
        """Until the level that is set centrally ends."""
        return inf if self._expires_at is None else _seconds_until(self._expires_at)

    def update(self) -> None:
        """Make the numbers agree with what is known."""
        if not self._enabled:
            self.level = self.own
            self.threshold = self.careful = OFF
            return
        level = self.level = self.own if self._central is None else self._central
        self.careful = TRACE + 1 if self._sample < 1 and level <= TRACE else level
        self.threshold = _ALL if self._armed or context.loud else level

    def arm(self) -> None:
        """Notice the next call, also one that the level filters out."""
        self._armed = True
        self.update()

    def set(self, level: int | None, expires_at: str | None, *, announce: bool = True) -> bool:
        """Take the level that is set centrally, or None; whether the change has been logged."""
        if (level, expires_at) == (self._central, self._expires_at):
            return False
        self._central, self._expires_at = level, expires_at
        self.update()
        if not self._enabled or not announce or not self.users:
            return False
        name = NAMES[self.level]
        if level is None:
            text = f"own level {name} again"
        else:
            text = f"level {name} set centrally" + (f" until {expires_at}" if expires_at else "")
        now = {"level": name, "own": NAMES[self.own], "expires_at": expires_at}
        self._announce(text, {"log_level": now})
        return True

    def admit(self, level: int, trace: Any) -> bool:
        """Whether to log a call below `careful`."""
        if not self._enabled:
            return False
        if self._armed:
            self._armed = False
            self.update()
            self._on_call()
        if isinstance(trace, Trace) and trace.log_all:
            return True
        if level < self.level:
            return False
        return level > TRACE or self._sample >= 1 or self._kept(trace)

    def _kept(self, trace: Any) -> bool:
        """Whether the trace is among those that sampling keeps; see clients/wire, "Sampling"."""
        digits = canonical_trace_id(str(trace)) if isinstance(trace, str) else None
        if digits is None:
            return True
        now = time.monotonic()
        if self._announced_at is None or now - self._announced_at > _AGAIN_SECONDS:
            self._announced_at = now
            share = f"{self._sample * 100:g} %"
            self._announce(
                f"TRACE sampling: {share} of traces are kept", {"trace_sample": {"rate": self._sample}}
            )
        return int(digits.replace("-", "")[_KEPT_DIGITS], 16) >= self._rejected_below

    def _announce(self, text: str, data: dict[str, Any]) -> None:
        self._buffer.put(time.time_ns(), INFO, self.source, text, freeze_plain(data), None)


class CentralLevels:
    """All gates of a pipeline, and what is set for their components in Redis."""

    def __init__(self) -> None:
        self._gates: dict[tuple[object, ...], Gate] = {}
        self._known: dict[str, tuple[int | None, str | None]] = {}

    def gate(self, key: tuple[object, ...], make: Callable[[], Gate]) -> Gate:
        """The gate for these settings."""
        found = self._gates.get(key)
        if found is None:
            found = make()
            found.set(*self._known.get(found.source.component, (None, None)), announce=False)
            found = self._gates.setdefault(key, found)
        found.users += 1
        return found

    def gates(self) -> list[Gate]:
        """All of them."""
        return list(self._gates.values())

    def components(self) -> list[str]:
        """Whose levels to ask for."""
        return list(dict.fromkeys(gate.source.component for gate in self.gates()))

    def take(self, components: Iterable[str], entries: Iterable[bytes | None]) -> None:
        """Put the entries of the hash into force."""
        found = {
            component: _parsed(component, entry)
            for component, entry in zip(components, entries, strict=False)
        }
        self._known.update(found)
        self._put_into_force(found)

    def _put_into_force(self, found: Mapping[str, tuple[int | None, str | None]]) -> None:
        told: set[str] = set()
        for gate in self.gates():
            name = gate.source.component
            if name in found and gate.set(*found[name], announce=name not in told):
                told.add(name)

    def arm(self) -> None:
        """Notice the next call of each component."""
        for gate in self.gates():
            gate.arm()

    def next_expiry(self) -> float:
        """In how many seconds the next level ends."""
        ends = [gate.seconds_left for gate in self.gates()]
        return max(0.0, min(ends, default=inf))

    def expire(self) -> None:
        """End what has reached its end, by this clock."""
        ended = {gate.source.component for gate in self.gates() if gate.seconds_left <= 0}
        self._known.update(dict.fromkeys(ended, (None, None)))
        self._put_into_force(dict.fromkeys(ended, (None, None)))


def _parsed(component: str, entry: bytes | None) -> tuple[int | None, str | None]:
    if entry is None:
        return None, None
    try:
        found = json.loads(entry)
        level = next(number for number, name in NAMES.items() if name == found["level"])
        expires_at = found.get("expires_at")
        if expires_at is not None and _seconds_until(expires_at) <= 0:
            return None, None
    except Exception:  # noqa: BLE001  anybody may write to the hash
        announce_once(f"the level that is set centrally for {component!r} cannot be used")
        return None, None
    return level, expires_at


def _seconds_until(moment: str) -> float:
    when = datetime.fromisoformat(moment)
    if when.tzinfo is None:
        raise ValueError("no zone")
    return when.timestamp() - time.time()
