"""Tells the incarnations of a relay apart: a burst of fresh handshakes at its backends is a start."""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from godot_analysis.diagnosis.facts._lists import Arrival

__all__ = ["Incarnation", "incarnations"]

# A relay connects to all its backends at once; the real ones took 30 ms. A backend that is slow to accept
# may delay the rest, but a pause longer than this between two handshakes is two occasions.
_BURST: Final = pd.Timedelta(seconds=10)


@dataclass
class Incarnation:
    """One incarnation of the relay, from one start to the next; `reached` are the backends it connected to.

    `begin` is None for what came before the first start in the log.
    """

    begin: pd.Timestamp | None
    end: pd.Timestamp | None = None
    reached: dict[str, list[Arrival]] = field(default_factory=dict)
    burst: frozenset[str] = frozenset()
    burst_end: pd.Timestamp | None = None

    @property
    def records(self) -> tuple[str, ...]:
        """The log rows that show the handshakes at the start."""
        return tuple(record for name in sorted(self.burst) for record in self.reached[name][0].records[:1])

    def holds(self, time: pd.Timestamp) -> bool:
        """Whether `time` lies in this incarnation."""
        return (self.begin is None or time >= self.begin) and (self.end is None or time < self.end)


def incarnations(
    arrivals: Sequence[Arrival], explained: Iterable[Arrival], starts: Iterable[pd.Timestamp]
) -> list[Incarnation]:
    """Split the handshakes at backends into the incarnations of the relay.

    Parameters
    ----------
    arrivals : sequence of Arrival
        The relay's handshakes at its backends, in order of time.
    explained : iterable of Arrival
        Those that a lost connection or a management call explains: no sign of a start.
    starts : iterable of Timestamp
        Starts of the relay that it or its client logged.
    """
    known = {id(arrival) for arrival in explained}
    sudden = [arrival for arrival in arrivals if id(arrival) not in known]
    everyone = {arrival.backend for arrival in arrivals}
    begins = sorted({*starts, *_burst_begins(sudden, everyone)})
    merged: list[pd.Timestamp] = []
    for begin in begins:
        # The client's handshake with the relay and the relay's with its backends are one start.
        if not merged or begin - merged[-1] > _BURST or _restarted_between(sudden, merged[-1], begin):
            merged.append(begin)
    found = [Incarnation(begin, end) for begin, end in zip(merged, (*merged[1:], None), strict=False)]
    if not found or any(arrival.time < merged[0] for arrival in arrivals):
        found.insert(0, Incarnation(None, merged[0] if merged else None))
    for incarnation in found:
        _fill(incarnation, _between(arrivals, incarnation.begin, incarnation.end), known)
    return found


def _burst_begins(sudden: list[Arrival], everyone: set[str]) -> list[pd.Timestamp]:
    bursts: list[list[Arrival]] = []
    for arrival in sudden:
        if not bursts or arrival.time - bursts[-1][-1].time > _BURST:
            bursts.append([arrival])
        elif all(other.backend != arrival.backend for other in bursts[-1]):
            bursts[-1].append(arrival)
        else:
            bursts.append(_split(bursts[-1], arrival))
    # One backend alone that shakes hands again was restarted itself, unless it is the only one there is.
    enough = 1 if len(everyone) == 1 else 2
    met: set[str] = set()
    begins = []
    for burst in bursts:
        names = {arrival.backend for arrival in burst}
        # Who only shakes hands with more of them has not been started anew.
        if not met or (len(burst) >= enough and names & met):
            begins.append(burst[0].time)
        met |= names
    return begins


def _split(burst: list[Arrival], again: Arrival) -> list[Arrival]:
    """A backend that shakes hands again ends its burst, where the longest pause since its last hand lies."""
    last = next(index for index, arrival in enumerate(burst) if arrival.backend == again.backend)
    after = [*burst[last:], again]
    pauses = [late.time - early.time for early, late in itertools.pairwise(after)]
    cut = last + 1 + pauses.index(max(pauses))
    rest = [*burst[cut:], again]
    del burst[cut:]
    return rest


def _restarted_between(sudden: list[Arrival], early: pd.Timestamp, late: pd.Timestamp) -> bool:
    before = {arrival.backend for arrival in _between(sudden, early, late)}
    last = bisect_right(sudden, late + _BURST, key=_time)
    after = {arrival.backend for arrival in sudden[bisect_left(sudden, late, key=_time) : last]}
    return len(before & after) >= min(2, len(before | after))  # one alone was restarted itself


def _between(
    arrivals: Sequence[Arrival], begin: pd.Timestamp | None, end: pd.Timestamp | None
) -> Sequence[Arrival]:
    """Those from `begin` up to, not with, `end`; None leaves an end open."""
    first = 0 if begin is None else bisect_left(arrivals, begin, key=_time)
    last = len(arrivals) if end is None else bisect_left(arrivals, end, key=_time)
    return arrivals[first:last]


def _time(arrival: Arrival) -> pd.Timestamp:
    return arrival.time


def _fill(incarnation: Incarnation, inside: Sequence[Arrival], explained: set[int]) -> None:
    for arrival in inside:
        incarnation.reached.setdefault(arrival.backend, []).append(arrival)
    together: list[Arrival] = []
    for arrival in inside:
        if id(arrival) not in explained and (not together or arrival.time - together[-1].time <= _BURST):
            together.append(arrival)
    incarnation.burst = frozenset(arrival.backend for arrival in together)
    incarnation.burst_end = together[-1].time if together else incarnation.begin
