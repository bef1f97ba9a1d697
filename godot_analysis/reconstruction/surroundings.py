"""What the log tells around its messages: who logs what, until when, and what was remarked."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from godot_analysis.normal_form.conventions import verbatim
from godot_analysis.normal_form.sightings import CALL, RECEIVED, REQUEST

if TYPE_CHECKING:
    from collections.abc import Iterable

    from godot_analysis.normal_form.messages import Observations
    from godot_analysis.reconstruction.exchange import Exchange
    from godot_analysis.reconstruction.joining import Call
    from godot_analysis.reconstruction.losses import Holes

_OVERTAKING_US: Final = 50_000

SETTLED_US: Final = 1_000_000
"""What has not come so long after is not on its way any more."""


class Surroundings:
    """Answers about a log, each in constant or logarithmic time."""

    def __init__(self, calls: list[Call], seen: Observations, holes: Holes) -> None:
        self.seen = seen
        self.holes = holes
        self._calls = calls
        self._remarks = _remarks(seen)

    @cached_property
    def last_of(self) -> dict[str | None, int]:
        """When each component logged last."""
        return _last_times(self.seen)

    @cached_property
    def last(self) -> int:
        """When the log ends."""
        return max(self.last_of.values(), default=0)

    @cached_property
    def thorough(self) -> set[str | None]:
        """Who records messages verbatim records all of them; of the others counts what they recorded once."""
        shown = self.seen.sightings
        own = self.seen.of_rows(self.seen.component).codes[shown.are("convention", verbatim.NAME)]
        return {self.seen.component.words[code] if code >= 0 else None for code in np.unique(own)}

    @cached_property
    def hears_answers(self) -> set[str | None]:
        """Who logs the answers that it gets."""
        outers = (call.outer for call in self._calls)
        return self.thorough | {one.observer for one in outers if one is not None and one.answer is not None}

    @cached_property
    def hears_calls(self) -> set[str | None]:
        """Who logs the calls that it gets."""
        inners = (call.inner for call in self._calls)
        return self.thorough | {one.observer for one in inners if one is not None and one.method == CALL}

    @cached_property
    def tells_answers(self) -> set[tuple[str, str | None]]:
        """Who logs its answers to which method."""
        inners = (call.inner for call in self._calls)
        return {(one.observer, one.method) for one in inners if one is not None and one.answer is not None}

    @cached_property
    def routers(self) -> set[str]:
        """Who makes calls."""
        outers = (call.outer for call in self._calls)
        return {one.observer for one in outers if one is not None and one.method == CALL}

    @cached_property
    def one_at_a_time(self) -> set[str | None]:
        """Who asks one thing at a time, and is not known to log everything."""
        return _one_at_a_time(self._calls) - self.thorough

    @cached_property
    def _asked(self) -> dict[str | None, list[int]]:
        return _requests_of(self.seen)

    @cached_property
    def _arrivals_and_connects(self) -> tuple[dict[Any, list[tuple[int, str]]], dict[str | None, list[int]]]:
        return _arrivals(self.seen)

    @property
    def _arrivals(self) -> dict[Any, list[tuple[int, str]]]:
        return self._arrivals_and_connects[0]

    @property
    def _connects(self) -> dict[str | None, list[int]]:
        return self._arrivals_and_connects[1]

    def is_remarked_on(self, view: Exchange) -> bool:
        """Whether the same component logged a warning or an error in the same trace."""
        return (view.observer, view.trace) in self._remarks

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
    asked = np.flatnonzero(seen.sightings.are("kind", REQUEST))
    rows = seen.sightings.row[asked]
    times: dict[str | None, list[int]] = defaultdict(list)
    for component, time in zip(seen.component.take(rows).texts(), seen.moments[rows].tolist(), strict=True):
        times[component].append(time)
    return times


def _last_times(seen: Observations) -> dict[str | None, int]:
    codes = seen.component.codes
    return {
        seen.component.words[code] if code >= 0 else None: int(seen.moments[own].max())
        for code in pd.unique(codes[seen.timed])
        if (own := seen.timed & (codes == code)).any()
    }


def _remarks(seen: Observations) -> dict[tuple[str | None, str | None], list[int]]:
    """Warnings and errors that are no messages, by component and trace."""
    remarks: dict[tuple[str | None, str | None], list[int]] = defaultdict(list)
    remarked = seen.logs["level"].isin(["ERROR", "WARN"]).to_numpy() & (seen.trace.codes >= 0)
    remarked[seen.sightings.row] = False
    for row in np.flatnonzero(remarked).tolist():
        remarks[seen.components[row], seen.traces[row]].append(row)
    return remarks


def _arrivals(
    seen: Observations,
) -> tuple[dict[Any, list[tuple[int, str]]], dict[str | None, list[int]]]:
    """Requests received by component and connection (...: all); connections by component (None: all)."""
    arrivals: dict[Any, list[tuple[int, str]]] = defaultdict(list)
    connects: dict[str | None, list[int]] = defaultdict(list)
    shown = seen.sightings
    places = np.flatnonzero(shown.are("kind", REQUEST) & shown.are("direction", RECEIVED))
    rows = shown.row[places]
    columns = (
        seen.component.take(rows).texts(),
        shown.words["session"].take(places).texts(),
        shown.words["method"].take(places).texts(),
        seen.moments[rows].tolist(),
    )
    for component, session, method, time in zip(*columns, strict=True):
        arrival = (time, method or "")
        arrivals[component, ...].append(arrival)
        arrivals[component, session].append(arrival)
        if method == "initialize":
            connects[component].append(time)
            connects[None].append(time)
    return arrivals, connects
