"""Who caused what: repeats of one operation, and the call behind each call.

A router makes a call because it received one. Inside one process the trace id ties the two; where it does
not, the call behind is the one that was open at that moment, best of the same tool.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from godot_analysis.normal_form.jsonrpc import STATELESS, params_of
from godot_analysis.normal_form.sightings import CALL
from godot_analysis.reconstruction.ends import name_ends

if TYPE_CHECKING:
    from godot_analysis.normal_form.messages import Observations
    from godot_analysis.reconstruction.exchange import Exchange
    from godot_analysis.reconstruction.joining import Call

_JITTER_US: Final = 1_000_000
_OVERTAKING_US: Final = 50_000  # a repeat lies inside of its call, but for entries that overtake each other
_UNENDED_US: Final = 2_000_000  # a call whose end is not logged is taken to have had effects for so long
_LOOK_BACK: Final = 32
_CONTINUING: Final = ("requestState", "inputResponses", "inputResponse")  # a retry of the stateless era


def nest(calls: list[Call], strays: list[Call], seen: Observations) -> list[Call]:
    """Name the ends, merge repeats into one call, and set each call's parent. Returns the calls that remain.

    `strays` are messages that belong to no call, in the shape of one; they only get their ends named.
    """
    name_ends(calls, strays, seen)
    calls = _merge_repeats(_merge_doubles(calls), seen)
    _find_parents(calls)
    return _merge_resent(calls)


def _merge_doubles(calls: list[Call]) -> list[Call]:
    """A callee that was reached twice within one call: it was repeated on a new connection."""
    if all(call.outer is not None or call.caller is not None for call in calls):
        return calls
    running: dict[tuple[str | None, str | None], list[Call]] = defaultdict(list)
    out = []
    for call in calls:
        if call.outer is not None:
            running[call.callee, call.known("tool")].append(call)
            out.append(call)
            continue
        around = _around_one(running, call)
        if around is None:
            out.append(call)
            continue
        around.earlier = (*around.earlier, call)
        call.caller = around.caller
        if call.view.end is not None and around.inner is not None and around.inner.end is None:
            around.inner, call.inner = call.inner, around.inner
    return out


def _around_one(running: dict[tuple[str | None, str | None], list[Call]], call: Call) -> Call | None:
    inner = call.inner
    if inner is None or not call.method_is(CALL) or inner.tool is None or call.caller is not None:
        return None
    for around in islice(reversed(running.get((inner.observer, inner.tool), [])), _LOOK_BACK):
        outer = around.outer
        if outer is None or around.inner is None or outer.start > inner.start:
            continue
        if outer.end is not None and inner.start > outer.end + _OVERTAKING_US:
            continue
        same = outer.arguments is None or inner.arguments is None or outer.arguments == inner.arguments
        apart = inner.session is None or inner.session != around.inner.session
        if same and apart:
            return around
    return None


def _merge_repeats(calls: list[Call], seen: Observations) -> list[Call]:
    """The stateless era asks again under a new id with what was missing: one operation."""
    if not seen.sightings.are("era", STATELESS).any():
        return calls
    open_ones: dict[tuple[Any, ...], Call] = {}
    gone: set[int] = set()
    for call in calls:
        key = (call.caller, call.callee, call.known("method"), call.known("tool"))
        params = _params(call, seen)
        before = open_ones.get(key)
        if before is not None and any(name in params for name in _CONTINUING) and _wants_more(before, seen):
            call.earlier = (*before.earlier, before)
            before.earlier = ()
            gone.add(id(before))
        open_ones[key] = call
    return [call for call in calls if id(call) not in gone]


def _params(call: Call, seen: Observations) -> dict[str, Any]:
    for view in call.views:
        if view.request is not None and (params := params_of(seen.payload(view.request))):
            return params
    return {}


def _wants_more(call: Call, seen: Observations) -> bool:
    for view in call.views:
        if view.answer is not None:
            payload = seen.payload(view.answer)
            result = payload.get("result") if isinstance(payload, dict) else None
            if isinstance(result, dict):
                return result.get("resultType", "complete") != "complete" or "inputRequests" in result
    return False


def _find_parents(calls: list[Call]) -> None:
    served: dict[Any, list[Call]] = defaultdict(list)
    senders = {call.outer.observer for call in calls if call.outer is not None}
    for call in calls:
        if call.inner is not None:
            served[call.inner.observer].append(call)
            if call.inner.trace is not None:
                served[call.inner.observer, call.inner.trace].append(call)
    for own in served.values():
        if len(own) > 1:
            own.sort(key=_arrival)
    starts = _Starts(served)
    for call in calls:
        outer = call.outer
        if outer is None:
            continue
        tied = (outer.observer, outer.trace)
        if outer.trace is not None and tied in served:
            call.parent = _tied_behind(call, outer, served[tied], starts, tied)
        elif call.method_is(CALL) and outer.observer in served:
            call.parent = _behind(call, outer, served[outer.observer], starts[outer.observer], tied=False)
    _find_silent_routers(calls)
    _find_silent_callers(calls, senders)
    _cut_circles(calls)


def _cut_circles(calls: list[Call]) -> None:
    """Nothing causes itself: where guesses lead in a circle, the first call of it has no cause."""
    place = {id(call): number for number, call in enumerate(calls)}
    done: set[int] = set()
    for call in calls:
        # Every circle leads at least once to what began later.
        if call.parent is None or place[id(call.parent)] < place[id(call)]:
            continue
        path: dict[int, Call] = {}
        one: Call | None = call
        while one is not None and id(one) not in done and id(one) not in path:
            path[id(one)] = one
            one = one.parent
        if one is not None and id(one) in path:
            members = list(path.values())
            circle = members[members.index(one) :]
            min(circle, key=lambda member: member.view.start).parent = None
        done.update(path)


class _Starts(dict[Any, list[int]]):
    """When the calls of each group arrived, found out for the groups that somebody asks about."""

    def __init__(self, groups: dict[Any, list[Call]]) -> None:
        super().__init__()
        self._groups = groups

    def __missing__(self, key: Any) -> list[int]:
        found = self[key] = [_arrival(call) for call in self._groups[key]]
        return found


def _arrival(call: Call) -> int:
    return call.inner.start if call.inner is not None else call.view.start


def _tied_behind(call: Call, outer: Exchange, own: list[Call], starts: _Starts, tied: Any) -> Call | None:
    """The call behind among those of one trace; mostly there is but one."""
    if len(own) > 1:
        return _behind(call, outer, own, starts[tied])
    return own[0] if own[0] is not call else None


def _behind(
    call: Call, outer: Exchange, own: list[Call], starts: list[int], *, tied: bool = True
) -> Call | None:
    """The received call that made its receiver send this one."""
    at = bisect_right(starts, outer.start)
    before = reversed(own[max(0, at - _LOOK_BACK) : at])
    shortly_after = (
        late for late in own[at : at + _LOOK_BACK] if tied and _arrival(late) - outer.start <= _JITTER_US
    )
    best: Call | None = None
    for candidate in (*before, *shortly_after):
        inner = candidate.inner
        if inner is None or candidate is call or not candidate.method_is(outer.method or ""):
            continue
        if inner.end is not None and inner.end + (_JITTER_US if tied else 0) < outer.start:
            continue
        if inner.tool == outer.tool:
            return candidate
        if inner.end is not None or inner.trace is None or outer.trace in (inner.trace, None):
            # Of another trace, and perhaps over: then it is not the cause.
            best = best or candidate
    return best


def _find_silent_routers(calls: list[Call]) -> None:
    """A router that did not log a call: what was sent to it, and what came from it, are one operation."""
    if all(call.outer is not None for call in calls) or all(call.inner is not None for call in calls):
        return
    sent: dict[tuple[str | None, str | None], list[Call]] = defaultdict(list)
    for call in calls:
        if call.inner is None and call.method_is(CALL):
            sent[call.callee, call.known("tool")].append(call)
    passed_on: set[int] = set()
    for call in calls:
        inner = call.inner
        if call.outer is not None or inner is None or call.caller is None or not call.method_is(CALL):
            continue
        own = sent.get((call.caller, inner.tool), [])
        at = bisect_right(own, inner.start + _OVERTAKING_US, key=lambda one: one.view.start)
        near = [one for one in reversed(own[max(0, at - _LOOK_BACK) : at]) if id(one) not in passed_on]
        behind = next((one for one in near if _was_passed_on(one, inner)), None)
        if behind is not None:
            passed_on.add(id(behind))
            call.parent = behind
            call.notes = (*call.notes, f"{call.caller} did not log that it passed it on")


def _was_passed_on(call: Call, inner: Exchange) -> bool:
    outer = call.outer
    if outer is None or outer.observer == inner.observer:
        return False
    if outer.arguments is not None and inner.arguments is not None and outer.arguments != inner.arguments:
        return False
    if outer.trace is not None and outer.trace == inner.trace:
        return True
    return outer.end is None or inner.start <= outer.end + _OVERTAKING_US


def _find_silent_callers(calls: list[Call], senders: set[str]) -> None:
    """A call from nobody known, while another component was at work on one: its doing.

    Either that component logs no sending at all, or it passed on its call of the same tool, and only the
    records of that are missing.
    """
    if all(call.outer is not None or call.caller is not None for call in calls):
        return
    passed_on = {id(call.parent) for call in calls if call.parent is not None}
    at_work = sorted(
        (
            call
            for call in calls
            if call.inner is not None
            and call.method_is(CALL)
            and (call.inner.observer not in senders or id(call) not in passed_on)
        ),
        key=_arrival,
    )
    starts = [_arrival(call) for call in at_work]
    for call in calls:
        inner = call.inner
        if call.outer is not None or inner is None or call.caller is not None or not call.method_is(CALL):
            continue
        at = bisect_right(starts, inner.start + _OVERTAKING_US)
        behind = next(
            (
                one
                for one in reversed(at_work[max(0, at - _LOOK_BACK) : at])
                if _may_cause(one, inner, senders) and not _descends(one, call)
            ),
            None,
        )
        if behind is not None and behind.inner is not None:
            at_work_on = behind.inner
            call.parent, call.caller = behind, at_work_on.observer
            call.inferred |= {"sender"}
            about = at_work_on.tool or "a call"
            told = f"its caller is not logged; {at_work_on.observer} was at work on {about} then"
            call.notes = (*call.notes, told)


def _may_cause(behind: Call, inner: Exchange, senders: set[str]) -> bool:
    other = behind.inner
    if other is None or inner.observer in (other.observer, behind.caller):
        return False
    if other.observer in senders and other.tool != inner.tool:
        return False
    if other.tool != inner.tool and other.start > inner.start:
        return False
    return (other.end if other.end is not None else other.start + _UNENDED_US) >= inner.start


def _descends(call: Call, cause: Call) -> bool:
    """Whether a call is already known to be an effect of another one."""
    above = call.parent
    for _ in range(_LOOK_BACK):
        if above is None:
            return False
        if above is cause:
            return True
        above = above.parent
    return False


def _merge_resent(calls: list[Call]) -> list[Call]:
    """What a router sends again for one call of its caller, as the first try came to nothing, is one call."""
    last: dict[tuple[Any, ...], Call] = {}
    gone: set[int] = set()
    for call in calls:
        if call.parent is None or call.outer is None or not call.method_is(CALL):
            continue
        key = (id(call.parent), call.callee, call.outer.tool)
        before = last.get(key)
        last[key] = call
        if (
            before is None
            or before.outer is None
            or before.outer.answer is not None
            or before.outer.cancel is not None
        ):
            continue
        if before.outer.arguments == call.outer.arguments:
            call.earlier = (*before.earlier, before)
            before.earlier = ()
            gone.add(id(before))
    return [call for call in calls if id(call) not in gone] if gone else calls
