"""Who caused what: repeats of one operation, and the call behind each call.

A router makes a call because it received one. Inside one process the trace id ties the two; where it does
not, the call behind is the one that was open at that moment, best of the same tool.

The plain case, one received call of the same trace, is decided for all at once; the rest one by one, and only
among those that come into question.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from godot_analysis.normal_form.jsonrpc import STATELESS, params_of
from godot_analysis.normal_form.sightings import CALL
from godot_analysis.normal_form.table import packed, taken
from godot_analysis.reconstruction.ends import name_ends

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from godot_analysis.normal_form.messages import Observations
    from godot_analysis.normal_form.table import Numbers
    from godot_analysis.reconstruction.call import Calls

_JITTER_US: Final = 1_000_000
_OVERTAKING_US: Final = 50_000  # a repeat lies inside of its call, but for entries that overtake each other
_SKEW_US: Final = 2_000_000
_UNENDED_US: Final = 2_000_000  # a call whose end is not logged is taken to have had effects for so long
_LOOK_BACK: Final = 32
_CONTINUING: Final = ("requestState", "inputResponses", "inputResponse")  # a retry of the stateless era


def nest(calls: Calls, strays: Calls, seen: Observations) -> None:
    """Name the ends, merge repeats into one call, and set each call's parent.

    `strays` are messages that belong to no call, in the shape of one; they only get their ends named.
    """
    name_ends(calls, strays, seen)
    _merge_doubles(calls)
    _merge_repeats(calls, seen)
    _find_parents(calls)
    _find_silent_routers(calls)
    _find_silent_callers(calls)
    _cut_circles(calls)
    _merge_resent(calls)


def _merge_doubles(calls: Calls) -> None:
    """A callee that was reached twice within one call: it was repeated on a new connection."""
    tool = calls.exchanges.codes("tool")
    again = (calls.outer < 0) & (calls.caller < 0) & calls.method_is(CALL) & (taken(tool, calls.inner) >= 0)
    if not again.any():
        return
    reached = packed(calls.callee, calls.known("tool").codes)
    around = (calls.outer >= 0) & (calls.inner >= 0) & np.isin(reached, reached[again])
    running: dict[int, list[int]] = defaultdict(list)
    for number in np.flatnonzero(around | again).tolist():
        own = running[reached[number]]
        if around[number]:
            own.append(number)
            continue
        first = next(
            (one for one in islice(reversed(own), _LOOK_BACK) if _is_repeat(calls, one, number)), None
        )
        if first is None:
            continue
        calls.earlier[first] = (*calls.earlier.get(first, ()), number)
        calls.whole[number] = False
        calls.caller[number] = calls.caller[first]
        end = calls.exchanges.end
        if end[calls.inner[number]] >= 0 and end[calls.inner[first]] < 0:
            calls.inner[first], calls.inner[number] = calls.inner[number], calls.inner[first]


def _is_repeat(calls: Calls, around: int, repeat: int) -> bool:
    """Whether what a callee received lies within a call of it, on another connection."""
    told = calls.exchanges.lists
    outer, first, inner = int(calls.outer[around]), int(calls.inner[around]), int(calls.inner[repeat])
    if told.start[outer] > told.start[inner]:
        return False
    if 0 <= told.end[outer] < told.start[inner] - _OVERTAKING_US:
        return False
    apart = told.session[inner] < 0 or told.session[inner] != told.session[first]
    return apart and _alike(told.arguments[outer], told.arguments[inner])


def _alike(mine: dict[str, Any] | None, theirs: dict[str, Any] | None) -> bool:
    """Whether two have the same arguments, as far as both are known."""
    return mine is None or theirs is None or mine == theirs


def _merge_repeats(calls: Calls, seen: Observations) -> None:
    """The stateless era asks again under a new id with what was missing: one operation."""
    if not seen.sightings.are("era", STATELESS).any():
        return
    key = packed(calls.caller, calls.callee, calls.known("method").codes, calls.known("tool").codes)
    for number, before in _after_another(np.flatnonzero(calls.whole), key):
        params = _params(calls, number, seen)
        if any(name in params for name in _CONTINUING) and _wants_more(calls, before, seen):
            calls.add_attempt(number, before)


def _after_another(numbers: NDArray[np.int64], key: NDArray[np.int64]) -> list[tuple[int, int]]:
    """These calls in order, each with the one before it of the same key; without the first of each key."""
    together = numbers[np.argsort(key[numbers], kind="stable")]
    later = np.flatnonzero(np.diff(key[together]) == 0) + 1
    later = later[np.argsort(together[later])]
    return list(zip(together[later].tolist(), together[later - 1].tolist(), strict=True))


def _views(calls: Calls, number: int) -> Iterable[int]:
    """The caller's view and the callee's, as far as there are both."""
    return (int(view[number]) for view in (calls.outer, calls.inner) if view[number] >= 0)


def _params(calls: Calls, number: int, seen: Observations) -> dict[str, Any]:
    for view in _views(calls, number):
        request = calls.exchanges.request[view]
        if request >= 0 and (params := params_of(seen.payload(request))):
            return params
    return {}


def _wants_more(calls: Calls, number: int, seen: Observations) -> bool:
    for view in _views(calls, number):
        answer = calls.exchanges.answer[view]
        payload = seen.payload(answer) if answer >= 0 else None
        result = payload.get("result") if isinstance(payload, dict) else None
        if isinstance(result, dict):
            return result.get("resultType", "complete") != "complete" or "inputRequests" in result
    return False


class _Served:
    """The calls that components received, by groups: `group` has a number for each exchange, -1 for none.

    Attributes
    ----------
    count : array of int
        How many there are of each group, and 0 as the last one, which -1 finds.
    first : array of int
        The place of the first one of each group, when all stand in order of group and arrival.
    only : array of int
        The call of each group that has but one.
    """

    def __init__(self, calls: Calls, numbers: NDArray[np.int64], group: Numbers) -> None:
        own = group[calls.inner[numbers]]
        self._calls = calls
        self._numbers, self._group = numbers[own >= 0], own[own >= 0]
        self.count = np.append(np.bincount(self._group, minlength=int(group.max(initial=-1)) + 1), 0)
        self.first = np.cumsum(self.count) - self.count
        self.only = np.full(len(self.count), -1)
        self.only[self._group] = self._numbers

    @cached_property
    def _lists(self) -> tuple[list[int], list[int], list[int], list[int]]:
        calls = self._calls
        arrival = calls.exchanges.start[calls.inner[self._numbers]]
        order = np.lexsort((arrival, self._group))
        return tuple(of.tolist() for of in (self._numbers[order], arrival[order], calls.outer, calls.inner))

    def behind(self, number: int, first: int, count: int, *, tied: bool) -> int:
        """The call that made its receiver send this one, -1 for none: of `count` from place `first` on."""
        told = self._calls.exchanges.lists
        numbers, arrivals, outers, inners = self._lists
        sent = outers[number]
        method, tool, trace, start = (of[sent] for of in (told.method, told.tool, told.trace, told.start))
        at = bisect_right(arrivals, start, first, first + count)
        near = numbers[max(first, at - _LOOK_BACK) : at][::-1]
        if tied:
            until = bisect_right(arrivals, start + _JITTER_US, at, first + count)
            near += numbers[at : min(until, at + _LOOK_BACK)]
        best = -1
        for candidate in near:
            inner, outer = inners[candidate], outers[candidate]
            if candidate == number or method < 0:
                continue
            if told.method[inner] != method and (outer < 0 or told.method[outer] != method):
                continue
            end = told.end[inner]
            if 0 <= end < start - (_JITTER_US if tied else 0):
                continue
            if told.tool[inner] == tool:
                return candidate
            if best < 0 and (end >= 0 or told.trace[inner] < 0 or trace in (told.trace[inner], -1)):
                # Of another trace, and perhaps over: then it is not the cause.
                best = candidate
        return best


def _find_parents(calls: Calls) -> None:
    """The received call that made its receiver send each call."""
    told = calls.exchanges
    observer, trace = told.codes("observer"), told.codes("trace")
    received = np.flatnonzero(calls.whole & (calls.inner >= 0))
    sent = np.flatnonzero(calls.whole & (calls.outer >= 0))
    outer = calls.outer[sent]
    both = np.where(trace < 0, -1, pd.factorize(packed(observer, trace))[0])
    of_trace = _Served(calls, received, both)
    asked_in, count = both[outer], of_trace.count[both[outer]]
    # Mostly there is but one of the trace.
    alone = np.flatnonzero(count == 1)
    behind = of_trace.only[asked_in[alone]]
    calls.parent[sent[alone]] = np.where(behind == sent[alone], -1, behind)
    for place in np.flatnonzero(count > 1).tolist():
        number, first = int(sent[place]), int(of_trace.first[asked_in[place]])
        calls.parent[number] = of_trace.behind(number, first, int(count[place]), tied=True)
    untied = sent[(count == 0) & calls.method_is(CALL)[sent]]
    if not len(untied):
        return
    of_all = _Served(calls, received, observer)
    asked_by = observer[calls.outer[untied]]
    many, first = of_all.count[asked_by], of_all.first[asked_by]
    for number, at, among in zip(untied.tolist(), first.tolist(), many.tolist(), strict=True):
        calls.parent[number] = of_all.behind(number, at, among, tied=False)


def _find_silent_routers(calls: Calls) -> None:
    """A router that logs one side at most: what was sent to it, and what came from it, are one operation."""
    told = calls.exchanges.lists
    tool = calls.exchanges.codes("tool")
    is_call = calls.whole & calls.method_is(CALL)
    unreceived = np.flatnonzero(is_call & (calls.inner < 0))
    routers = calls.callee[unreceived]
    logged = calls.outer >= 0
    unsent = np.flatnonzero(
        is_call & (calls.parent < 0) & (calls.caller >= 0) & (~logged | np.isin(calls.caller, routers))
    )
    if not len(unsent) or not len(unreceived):
        return
    sent: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number in unreceived.tolist():
        sent[int(calls.callee[number]), int(tool[calls.outer[number]])].append(number)
    passed_on: set[int] = set()
    for number in unsent.tolist():
        view = int(calls.outer[number] if logged[number] else calls.inner[number])
        own = sent.get((int(calls.caller[number]), told.tool[view]), [])
        at = bisect_right(
            own, told.start[view] + _OVERTAKING_US, key=lambda one: told.start[calls.outer[one]]
        )
        # Where clocks differ, it may seem to be passed on before it was sent.
        later = [
            one
            for one in own[at : at + _LOOK_BACK]
            if told.start[calls.outer[one]] <= told.start[view] + _SKEW_US
            or _same_trace(calls, int(calls.outer[one]), view)
        ]
        near = [one for one in (*own[max(0, at - _LOOK_BACK) : at][::-1], *later) if one not in passed_on]
        behind = next((one for one in near if _was_passed_on(calls, int(calls.outer[one]), view)), None)
        if behind is not None:
            passed_on.add(behind)
            calls.parent[number] = behind
            what = "got it" if logged[number] else "passed it on"
            calls.add_note(number, f"{calls.name(calls.caller[number])} did not log that it {what}")


def _same_trace(calls: Calls, outer: int, inner: int) -> bool:
    trace = calls.exchanges.lists.trace
    return bool(trace[outer] >= 0 and trace[outer] == trace[inner])


def _was_passed_on(calls: Calls, outer: int, inner: int) -> bool:
    told = calls.exchanges.lists
    if told.observer[outer] == told.observer[inner] or not _alike(
        told.arguments[outer], told.arguments[inner]
    ):
        return False
    if _same_trace(calls, outer, inner):
        return True
    return told.end[outer] < 0 or told.start[inner] <= told.end[outer] + _OVERTAKING_US


def _find_silent_callers(calls: Calls) -> None:
    """A call from nobody known, while another component was at work on one: its doing.

    Either that component logs no sending at all, or it passed on its call of the same tool, and only the
    records of that are missing.
    """
    is_call = calls.whole & calls.method_is(CALL)
    nameless = np.flatnonzero(is_call & (calls.outer < 0) & (calls.caller < 0))
    if not len(nameless):
        return
    told = calls.exchanges.lists
    observer = calls.exchanges.codes("observer")
    senders = pd.unique(observer[calls.outer[calls.whole & (calls.outer >= 0)]])
    causes = np.zeros(len(calls), dtype=bool)
    causes[calls.parent[calls.whole & (calls.parent >= 0)]] = True
    sends_nothing = (calls.inner >= 0) & ~np.isin(taken(observer, calls.inner), senders)
    idle = np.flatnonzero(is_call & (calls.inner >= 0) & (sends_nothing | ~causes))
    arrival = calls.exchanges.start[calls.inner[idle]]
    order = np.argsort(arrival, kind="stable")
    at_work, arrivals = idle[order].tolist(), arrival[order].tolist()
    known_senders = set(senders.tolist())
    for number in nameless.tolist():
        inner = int(calls.inner[number])
        at = bisect_right(arrivals, told.start[inner] + _OVERTAKING_US)
        near = reversed(at_work[max(0, at - _LOOK_BACK) : at])
        behind = next(
            (
                one
                for one in near
                if _may_cause(calls, one, inner, known_senders) and not _descends(calls, one, number)
            ),
            None,
        )
        if behind is None:
            continue
        other = calls.exchanges[int(calls.inner[behind])]
        calls.parent[number], calls.caller[number] = behind, told.observer[int(calls.inner[behind])]
        calls.caller_inferred[number] = True
        about = other.tool or "a call"
        calls.add_note(number, f"its caller is not logged; {other.observer} was at work on {about} then")


def _may_cause(calls: Calls, behind: int, inner: int, senders: set[int]) -> bool:
    told = calls.exchanges.lists
    other = int(calls.inner[behind])
    if told.observer[inner] in (told.observer[other], calls.caller[behind]):
        return False
    if told.tool[other] != told.tool[inner] and (
        told.observer[other] in senders or told.start[other] > told.start[inner]
    ):
        return False
    end = told.end[other] if told.end[other] >= 0 else told.start[other] + _UNENDED_US
    return end >= told.start[inner]


def _descends(calls: Calls, number: int, cause: int) -> bool:
    """Whether a call is already known to be an effect of another one."""
    above = calls.parent[number]
    for _ in range(_LOOK_BACK):
        if above < 0 or above == cause:
            break
        above = calls.parent[above]
    return bool(above == cause)


def _cut_circles(calls: Calls) -> None:
    """Nothing causes itself: where guesses lead in a circle, the first call of it has no cause."""
    starts = calls.starts()
    done: set[int] = set()
    # Every circle leads at least once to what began later.
    for number in np.flatnonzero(calls.whole & (calls.parent >= np.arange(len(calls)))).tolist():
        path: dict[int, None] = {}
        one = number
        while one >= 0 and one not in done and one not in path:
            path[one] = None
            one = int(calls.parent[one])
        if one in path:
            members = list(path)
            circle = members[members.index(one) :]
            calls.parent[min(circle, key=starts.__getitem__)] = -1
        done.update(path)


def _merge_resent(calls: Calls) -> None:
    """What a router sends again for one call of its caller, as the first try came to nothing, is one call."""
    told = calls.exchanges
    sent = np.flatnonzero(calls.whole & (calls.parent >= 0) & (calls.outer >= 0) & calls.method_is(CALL))
    key = packed(calls.parent, calls.callee, taken(told.codes("tool"), calls.outer))
    for number, before in _after_another(sent, key):
        outer, first = int(calls.outer[number]), int(calls.outer[before])
        unheard = told.answer[first] < 0 and told.cancel[first] < 0
        if unheard and told.arguments[first] == told.arguments[outer]:
            calls.add_attempt(number, before)
