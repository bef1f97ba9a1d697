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
from godot_analysis.normal_form.table import firsts, packed
from godot_analysis.reading.names import Speech

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from godot_analysis.normal_form.messages import Observations
    from godot_analysis.reading.names import About
    from godot_analysis.reconstruction.call import Calls
    from godot_analysis.reconstruction.exchange import Exchange, Exchanges
    from godot_analysis.reconstruction.losses import Holes

_OVERTAKING_US: Final = 50_000

SETTLED_US: Final = 1_000_000
"""What has not come so long after is not on its way any more."""


class Surroundings:
    """Answers about a log, each in constant or logarithmic time."""

    def __init__(self, calls: Calls, seen: Observations, holes: Holes) -> None:
        self.seen = seen
        self.holes = holes
        self._calls = calls
        self._told = calls.exchanges
        self._remarked = _remarked(seen)
        self._told_of: dict[int, About] = {}

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
        outer = self._views(self._calls.outer)
        return self.thorough | self._observers(outer[self._told.answer[outer] >= 0])

    @cached_property
    def hears_calls(self) -> set[str | None]:
        """Who logs the calls that it gets."""
        return self.thorough | self._observers(self._calling(self._calls.inner))

    @cached_property
    def tells_answers(self) -> set[tuple[str | None, str | None]]:
        """Who logs its answers to which method."""
        inner = self._views(self._calls.inner)
        inner = inner[self._told.answer[inner] >= 0]
        observer, method = self._told.words["observer"].take(inner), self._told.words["method"].take(inner)
        first = firsts(packed(observer.codes, method.codes))
        return set(zip(observer.take(first).texts(), method.take(first).texts(), strict=True))

    @cached_property
    def routers(self) -> set[str | None]:
        """Who makes calls."""
        return self._observers(self._calling(self._calls.outer))

    def _views(self, side: NDArray[np.int64]) -> NDArray[np.int64]:
        """The views of one side that there are."""
        return side[self._calls.whole & (side >= 0)]

    def _calling(self, side: NDArray[np.int64]) -> NDArray[np.int64]:
        """Views that name `tools/call`."""
        views, method = self._views(side), self._told.words["method"]
        calling: NDArray[np.int64] = views[method.codes[views] == method.number(CALL)]
        return calling

    def _observers(self, views: NDArray[np.int64]) -> set[str | None]:
        return {self._told.names[code] for code in pd.unique(self._told.codes("observer")[views])}

    @cached_property
    def one_at_a_time(self) -> set[str | None]:
        """Who asks one thing at a time, and is not known to log everything."""
        outer = self._views(self._calls.outer)
        return self._observers(outer[_one_at_a_time(outer, self._told)]) - self.thorough

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

    def are_remarked_on(self, views: NDArray[np.int64]) -> NDArray[np.bool_]:
        """For each exchange whether the same component logged a warning or an error in the same trace."""
        width = np.int64(len(self.seen.trace.words) + 1)  # of 64 bits, as the products are
        rows = self._remarked
        about = self.seen.component.codes[rows] * width + self.seen.trace.codes[rows]
        own = self._told.codes("observer")[views] * width + self._told.codes("trace")[views]
        return np.isin(own, about)

    @cached_property
    def _remarks(self) -> dict[tuple[str | None, str | None], list[int]]:
        remarks: dict[tuple[str | None, str | None], list[int]] = defaultdict(list)
        for row in self._remarked.tolist():
            remarks[self.seen.components[row], self.seen.traces[row]].append(row)
        return remarks

    def remarks_on(self, view: Exchange) -> list[int]:
        """Rows of warnings and errors of the same component in its trace, from the question to the answer.

        What names another tool or another server speaks of another request: a trace may hold many of them.
        """
        if view.trace is None:
            return []
        rows = self._remarks.get((view.observer, view.trace), [])
        since, times = view.start - SETTLED_US, self.seen.times
        # Whom it asks it may name; by whom it was asked, it need not.
        asked = view.peer if view.asking else None
        return [
            row
            for row in rows
            if (time := times[row] or 0) >= since
            and (view.end is None or time < view.end)
            and self._about(row).is_of(view.tool, asked)
        ]

    def _about(self, row: int) -> About:
        found = self._told_of.get(row)
        if found is None:
            found = self._told_of[row] = self._speech.about(self.seen.texts[row] or "", self.seen.data[row])
        return found

    @cached_property
    def _speech(self) -> Speech:
        return Speech(self._told.words["tool"].words, self._told.names)

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


def _one_at_a_time(outer: NDArray[np.int64], told: Exchanges) -> NDArray[np.bool_]:
    """Views of callers that never had two questions open at once, as far as their ends are known."""
    in_time = outer[np.argsort(told.start[outer], kind="stable")]
    observer = told.codes("observer")
    own = in_time[np.argsort(observer[in_time], kind="stable")]
    begins = np.flatnonzero(np.diff(observer[own], prepend=-1) != 0)
    overlapping = []
    for caller in np.split(own, begins[1:]):
        open_until = np.maximum.accumulate(np.maximum(told.end[caller], 0))
        if (told.start[caller][1:] + _OVERTAKING_US < open_until[:-1]).any():
            overlapping.append(observer[caller[0]])
    return ~np.isin(observer[outer], overlapping)


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


def _remarked(seen: Observations) -> NDArray[np.int64]:
    """Rows of warnings and errors that are no messages and stand in a trace."""
    remarked = seen.logs["level"].isin(["ERROR", "WARN"]).to_numpy() & (seen.trace.codes >= 0)
    remarked[seen.sightings.row] = False
    return np.flatnonzero(remarked)


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
