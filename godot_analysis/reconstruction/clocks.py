"""How far the components' clocks are apart, estimated from what cannot be: an arrival before its sending.

For a call that both ends saw, the callee's clock is ahead by at most (arrival - sending) and at least
(answer - its arrival). The tightest bounds of all calls leave an interval: its middle is the estimate, half
its width the error. Bounds that contradict each other, because entries were stamped late, widen the error
instead.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from godot_analysis.normal_form.table import firsts, packed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from godot_analysis.normal_form.messages import Observations
    from godot_analysis.reconstruction.call import Calls


@dataclass(frozen=True, slots=True)
class Clock:
    """One component's clock against the reference of its group."""

    component: str
    reference: str
    offset: float  # microseconds that the component's clock is ahead
    error: float
    pairs: int


def estimate(calls: Calls, seen: Observations) -> list[Clock]:
    """One clock for each component that is connected to others by calls which both ends saw."""
    bounds = _bounds(calls, seen)
    links: dict[str, dict[str, tuple[float, float, int]]] = defaultdict(dict)
    calls_of: Counter[str] = Counter()
    for (caller, callee), (lows, highs) in bounds.items():
        offset, error = _interval(lows, highs)
        calls_of[caller] += len(lows)
        links[caller][callee] = (offset, error, len(lows))
        links[callee].setdefault(caller, (-offset, error, len(lows)))
    return _against_references(links, calls_of)


def _bounds(
    calls: Calls, seen: Observations
) -> dict[tuple[str, str], tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """For each caller and callee, how far the callee's clock is ahead at least and at most, call by call."""
    told = calls.exchanges
    both = calls.whole & (calls.outer >= 0) & (calls.inner >= 0)
    outer, inner = calls.outer[both], calls.inner[both]
    places = np.stack([told.request[outer], told.request[inner], told.answer[inner], told.answer[outer]])
    logged = (places >= 0).all(axis=0)
    rows = seen.sightings.row[places[:, logged]]
    timed = seen.timed[rows].all(axis=0)
    asked, arrived, answered, came = seen.moments[rows[:, timed]]
    observer = told.codes("observer")
    ends = observer[outer[logged][timed]], observer[inner[logged][timed]]
    pair = packed(*ends)
    found = {}
    # In the order in which they first talked.
    for first in firsts(pair).tolist():
        own = pair == pair[first]
        names = told.names[ends[0][first]], told.names[ends[1][first]]
        found[names] = ((answered - came)[own], (arrived - asked)[own])
    return found


def _interval(lows: NDArray[np.int64], highs: NDArray[np.int64]) -> tuple[float, float]:
    low, high = int(lows.max()), int(highs.min())
    if low <= high:
        return (low + high) / 2, (high - low) / 2
    middle = float(np.median((lows + highs) / 2))
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
