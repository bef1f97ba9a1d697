"""Hops: each message that travelled, with the sightings of both its ends, in causal order.

A call has a line of hops: for each attempt its question and its answer, each the cause of the next. What a
call caused lies between its last question and its answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from godot_analysis.normal_form.table import taken
from godot_analysis.reconstruction.order import causal_order

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from godot_analysis.normal_form.messages import Observations
    from godot_analysis.normal_form.table import Numbers
    from godot_analysis.reconstruction.call import Calls
    from godot_analysis.reconstruction.clocks import Clock


class Hops(NamedTuple):
    """Hops as columns; numbers of words and of names as the calls have them, -1 for none."""

    sent: NDArray[np.int64]  # the sender's sighting
    received: NDArray[np.int64]  # the receiver's
    call: NDArray[np.int64]  # -1 for what belongs to none
    is_answer: NDArray[np.bool_]
    is_last: NDArray[np.bool_]  # of the last attempt, or of the only one
    sender: Numbers
    receiver: Numbers
    sender_inferred: NDArray[np.bool_]
    receiver_inferred: NDArray[np.bool_]
    joined_by: NDArray[np.int64]
    method: Numbers
    tool: Numbers
    rpc_id: Numbers

    def take(self, places: NDArray[np.int64]) -> Hops:
        """The hops at these places."""
        return Hops._make(column[places] for column in self)


class Order(NamedTuple):
    """The calls in the order of their first hop, and for every call its last question and its answer."""

    calls: NDArray[np.int64]
    request_hop: NDArray[np.int64]
    response_hop: NDArray[np.int64]


def build_hops(calls: Calls, strays: Calls, seen: Observations, clocks: list[Clock]) -> tuple[Hops, Order]:
    """Return all hops in causal order, which tell their calls by `Order`, and that order."""
    lone = np.arange(len(strays))
    parts = (
        _hops(calls, *_attempts(calls)),
        _hops(strays, lone, lone)._replace(call=np.full(2 * len(lone), -1)),
    )
    hops = Hops._make(np.concatenate(columns) for columns in zip(*parts, strict=True))
    hops = hops.take(np.flatnonzero((hops.sent >= 0) | (hops.received >= 0)))
    parent = np.where((calls.parent >= 0) & taken(calls.whole, calls.parent, missing=False), calls.parent, -1)
    order = causal_order(_times(hops, seen, clocks), hops.call, hops.is_answer, parent)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return hops.take(order), _numbered(calls, hops, place, parent)


def _attempts(calls: Calls) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each attempt of each call, in order, and the call."""
    numbers, count = np.flatnonzero(calls.whole), calls.attempts()
    whole = np.repeat(numbers, count[numbers])
    attempts = whole.copy()
    for number, earlier in calls.earlier.items():
        if calls.whole[number]:
            first = np.searchsorted(whole, number)
            attempts[first : first + len(earlier)] = earlier
    return attempts, whole


def _hops(of: Calls, attempts: NDArray[np.int64], whole: NDArray[np.int64]) -> Hops:
    """Question and answer of each attempt; the ends are those of the whole call."""
    told, outer, inner = of.exchanges, of.outer[attempts], of.inner[attempts]

    def in_turn(question: NDArray[Any], answer: NDArray[Any]) -> NDArray[Any]:
        return np.stack([question, answer], axis=1).reshape(-1)

    facts = {name: np.repeat(of.known(name).codes[attempts], 2) for name in ("method", "tool", "rpc_id")}
    # Each way: what the caller sends first, the callee sends then.
    caller, callee = of.caller[whole], of.callee[whole]
    caller_inferred, callee_inferred = of.caller_inferred[whole], of.callee_inferred[whole]
    return Hops(
        sent=in_turn(taken(told.request, outer), taken(told.answer, inner)),
        received=in_turn(taken(told.request, inner), taken(told.answer, outer)),
        call=np.repeat(whole, 2),
        is_answer=np.tile([False, True], len(attempts)),
        is_last=np.repeat(attempts == whole, 2),
        sender=in_turn(caller, callee),
        receiver=in_turn(callee, caller),
        sender_inferred=in_turn(caller_inferred, callee_inferred),
        receiver_inferred=in_turn(callee_inferred, caller_inferred),
        joined_by=np.repeat(of.joined_by[attempts], 2),
        **facts,
    )


def _numbered(calls: Calls, hops: Hops, place: NDArray[np.int64], parents: NDArray[np.int64]) -> Order:
    """The order of the calls by their hops, which will be at these places."""
    of, at = hops.call, np.arange(len(hops.call))
    first = np.full(len(calls) + 1, len(of))
    question, answer = np.full(len(calls) + 1, -1), np.full(len(calls) + 1, -1)
    np.minimum.at(first, of, at)
    # The last one of each call counts: that of its last attempt.
    question[of[~hops.is_answer]] = place[~hops.is_answer]
    final = hops.is_answer & hops.is_last
    answer[of[final]] = place[final]
    begins = np.append(place, len(place))[first[:-1]]  # an attempt of another call has none
    depth = np.zeros(len(calls), dtype=np.int64)
    above = parents.copy()
    # A cause, of which perhaps only the answer was seen, comes before its effects.
    while (deeper := above >= 0).any():
        np.minimum.at(begins, above[deeper], begins[deeper])
        depth += deeper
        above = taken(parents, above)
    ordered = np.lexsort((depth, begins))
    return Order(ordered[calls.whole[ordered]], question[:-1], answer[:-1])


def _times(hops: Hops, seen: Observations, clocks: list[Clock]) -> NDArray[np.int64]:
    """When each message travelled, on the reference clock of its group."""
    offsets = {clock.component: int(clock.offset) for clock in clocks if abs(clock.offset) > clock.error}
    ahead = np.array([*(offsets.get(name, 0) for name in seen.component.words), 0], dtype=np.int64)
    moments = seen.of_rows(seen.moments) - ahead[seen.of_rows(seen.component).codes]
    never = np.iinfo(np.int64).max
    times: NDArray[np.int64] = np.minimum(
        taken(moments, hops.sent, never), taken(moments, hops.received, never)
    )
    return times
