"""What the log tells around its messages: who logs what, until when, and what was remarked."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from godot_analysis.normal_form.conventions import verbatim
from godot_analysis.normal_form.sightings import CALL, RECEIVED, REQUEST

if TYPE_CHECKING:
    from collections.abc import Iterable

    from godot_analysis.normal_form.messages import Observations
    from godot_analysis.reconstruction.joining import Call
    from godot_analysis.reconstruction.losses import Holes
    from godot_analysis.reconstruction.pairing import Exchange

_OVERTAKING_US: Final = 50_000

SETTLED_US: Final = 1_000_000
"""What has not come so long after is not on its way any more."""


class Surroundings:
    """Answers about a log, each in constant or logarithmic time."""

    def __init__(self, calls: Iterable[Call], seen: Observations, holes: Holes) -> None:
        self.seen = seen
        self.holes = holes
        self.last_of = _last_times(seen)
        self.last = max(self.last_of.values(), default=0)
        # Who records messages verbatim records all of them; of the others counts what they
        # have recorded once.
        thorough = {
            seen.components[sighting.row]
            for sighting in seen.sightings
            if sighting.convention == verbatim.NAME
        }
        self.hears_answers: set[str | None] = set(thorough)
        self.hears_calls: set[str | None] = set(thorough)
        self.tells_answers: set[tuple[str, str | None]] = set()
        self.routers: set[str] = set()
        for call in calls:
            outer, inner = call.outer, call.inner
            if outer is not None and outer.answer is not None:
                self.hears_answers.add(outer.observer)
            if outer is not None and outer.method == CALL:
                self.routers.add(outer.observer)
            if inner is not None and inner.method == CALL:
                self.hears_calls.add(inner.observer)
            if inner is not None and inner.answer is not None:
                self.tells_answers.add((inner.observer, inner.method))
        self.one_at_a_time = _one_at_a_time(calls) - thorough
        self._remarks = _remarks(seen)
        self._asked = _requests_of(seen)
        self._arrivals, self._connects = _arrivals(seen)

    def remarks_on(self, view: Exchange) -> list[int]:
        """Rows of warnings and errors of the same component in the same trace, from the question on."""
        if view.trace is None:
            return []
        rows = self._remarks.get((view.observer, view.trace), [])
        return [row for row in rows if (self.seen.times[row] or 0) >= view.start - SETTLED_US]

    def words(self, row: int) -> str:
        """What a row says went wrong."""
        text = self.seen.texts[row] or ""
        data = self.seen.data[row]
        error = data.get("error") if isinstance(data, dict) else None
        return f"{text}: {error}" if isinstance(error, str) and error not in text else text

    def moved_on(self, caller: str, after: int) -> bool:
        """Whether a caller that asks one thing at a time took up another, on the same connections."""
        if caller not in self.one_at_a_time:
            return False
        own = self._asked.get(caller, [])
        at = bisect_right(own, after)
        if at == len(own):
            return False
        connects = self._connects.get(None, [])
        began = bisect_right(connects, after)
        return began == len(connects) or connects[began] > own[at]

    def next_request(self, view: Exchange) -> str | None:
        """The method of the next request on the same connection of the callee."""
        own = self._arrivals.get((view.observer, view.session), [])
        at = bisect_right(own, (view.start, view.method or "~"))
        return own[at][1] if at < len(own) else None

    def took_another(self, view: Exchange) -> int | None:
        """When the callee received its next request, on whichever connection."""
        own = self._arrivals.get((view.observer, ...), [])
        at = bisect_right(own, (view.start, "~~"))
        return own[at][0] if at < len(own) else None

    def reconnected(self, view: Exchange) -> int | None:
        """When the callee was connected anew after it received this, where connections have no names."""
        if view.session is not None:
            return None
        connects = self._connects.get(view.observer, [])
        at = bisect_right(connects, view.start)
        return connects[at] if at < len(connects) else None

    def hole(self, component: str | None, start: int, end: int) -> bool:
        """Whether records of the component are known to be missing in this span of time."""
        return bool(self.holes) and self.holes.covers(component, start, end)


def _one_at_a_time(calls: Iterable[Call]) -> set[str | None]:
    """Callers that never had two questions open at once, as far as their ends are known."""
    overlapping: set[str] = set()
    ends: dict[str, int] = {}
    for outer in sorted(
        (call.outer for call in calls if call.outer is not None), key=lambda view: view.start
    ):
        if outer.start + _OVERTAKING_US < ends.get(outer.observer, 0):
            overlapping.add(outer.observer)
        ends[outer.observer] = max(ends.get(outer.observer, 0), outer.end or 0)
    return {caller for caller in ends if caller not in overlapping}


def _requests_of(seen: Observations) -> dict[str | None, list[int]]:
    """When each component had to do with a request, sent or received."""
    times: dict[str | None, list[int]] = defaultdict(list)
    for sighting in seen.sightings:
        if sighting.kind == REQUEST:
            times[seen.components[sighting.row]].append(seen.times[sighting.row] or 0)
    return times


def _last_times(seen: Observations) -> dict[str | None, int]:
    last: dict[str | None, int] = {}
    for component, time in zip(seen.components, seen.times, strict=True):
        if time is not None and time > last.get(component, -1):
            last[component] = time
    return last


def _remarks(seen: Observations) -> dict[tuple[str | None, str], list[int]]:
    """Warnings and errors that are no messages, by component and trace."""
    remarks: dict[tuple[str | None, str], list[int]] = defaultdict(list)
    used: set[int] | None = None
    for row, level in enumerate(seen.levels):
        if level not in {"ERROR", "WARN"} or (trace := seen.traces[row]) is None:
            continue
        if used is None:
            used = {sighting.row for sighting in seen.sightings}
        if row not in used:
            remarks[seen.components[row], trace].append(row)
    return remarks


def _arrivals(
    seen: Observations,
) -> tuple[dict[Any, list[tuple[int, str]]], dict[str | None, list[int]]]:
    """Requests received by component and connection (...: all); connections by component (None: all)."""
    arrivals: dict[Any, list[tuple[int, str]]] = defaultdict(list)
    connects: dict[str | None, list[int]] = defaultdict(list)
    for sighting in seen.sightings:
        if sighting.kind == REQUEST and sighting.direction == RECEIVED:
            component = seen.components[sighting.row]
            arrival = (seen.times[sighting.row] or 0, sighting.method or "")
            arrivals[component, ...].append(arrival)
            arrivals[component, sighting.session].append(arrival)
            if sighting.method == "initialize":
                connects[component].append(arrival[0])
                connects[None].append(arrival[0])
    return arrivals, connects
