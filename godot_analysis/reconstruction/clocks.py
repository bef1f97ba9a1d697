"""How far the components' clocks are apart, estimated from what cannot be: an arrival before its sending.

For a call that both ends saw, the callee's clock is ahead by at most (arrival - sending) and at least
(answer - its arrival). The tightest bounds of all calls leave an interval: its middle is the estimate, half
its width the error. Bounds that contradict each other, because entries were stamped late, widen the error
instead.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from godot_analysis.normal_form.messages import Observations
    from godot_analysis.reconstruction.joining import Call


@dataclass(frozen=True, slots=True)
class Clock:
    """One component's clock against the reference of its group."""

    component: str
    reference: str
    offset: float  # microseconds that the component's clock is ahead
    error: float
    pairs: int


def estimate(calls: list[Call], seen: Observations) -> list[Clock]:
    """One clock for each component that is connected to others by calls which both ends saw."""
    bounds: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for call in calls:
        outer, inner = call.outer, call.inner
        if outer is None or inner is None:
            continue
        asked, arrived = _moment(outer.request, seen), _moment(inner.request, seen)
        answered, came = _moment(inner.answer, seen), _moment(outer.answer, seen)
        if asked is None or arrived is None or answered is None or came is None:
            continue
        bounds[outer.observer, inner.observer].append((answered - came, arrived - asked))
    links: dict[str, dict[str, tuple[float, float, int]]] = defaultdict(dict)
    calls_of: Counter[str] = Counter()
    for (caller, callee), pairs in bounds.items():
        offset, error = _interval(pairs)
        calls_of[caller] += len(pairs)
        links[caller][callee] = (offset, error, len(pairs))
        links[callee].setdefault(caller, (-offset, error, len(pairs)))
    return _against_references(links, calls_of)


def _moment(place: int | None, seen: Observations) -> int | None:
    return None if place is None else seen.times[seen.sightings[place].row]


def _interval(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    low, high = max(low for low, _ in pairs), min(high for _, high in pairs)
    if low <= high:
        return (low + high) / 2, (high - low) / 2
    middle = median((low + high) / 2 for low, high in pairs)
    return middle, max(abs(low - middle), abs(high - middle))


def _against_references(
    links: dict[str, dict[str, tuple[float, float, int]]], calls_of: Counter[str]
) -> list[Clock]:
    """Follow the links from the component with most pairs, group by group; of two equals from the caller."""
    weight = {name: sum(pairs for _, _, pairs in ends.values()) for name, ends in links.items()}
    clocks: dict[str, Clock] = {}
    for reference in sorted(links, key=lambda name: (-weight[name], -calls_of[name], name)):
        if reference in clocks:
            continue
        clocks[reference] = Clock(reference, reference, 0.0, 0.0, weight[reference])
        waiting = deque([reference])
        while waiting:
            near = waiting.popleft()
            for far, (offset, error, pairs) in sorted(links[near].items()):
                if far not in clocks:
                    known = clocks[near]
                    clocks[far] = Clock(far, reference, known.offset + offset, known.error + error, pairs)
                    waiting.append(far)
    return list(clocks.values())
