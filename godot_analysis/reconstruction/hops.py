"""Hops: each message that travelled, with the sightings of both its ends, in causal order.

A call has a line of hops: for each attempt its question and its answer, each the cause of the next. What a
call caused lies between its last question and its answer.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from godot_analysis.normal_form.jsonrpc import params_of
from godot_analysis.normal_form.sightings import NOTIFICATION, SENT
from godot_analysis.normal_form.table import taken
from godot_analysis.reconstruction.exchange import Exchange
from godot_analysis.reconstruction.joining import Call, join, known
from godot_analysis.reconstruction.order import causal_order

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from godot_analysis.normal_form.messages import Observations
    from godot_analysis.reconstruction.clocks import Clock

_TURNED = {"sender": "receiver", "receiver": "sender"}


class Hops(NamedTuple):
    """All hops as columns: places of sightings (-1: not seen), and of what they are part."""

    sent: NDArray[np.int64]
    received: NDArray[np.int64]
    attempt: NDArray[np.int64]  # number in `attempts`
    is_answer: NDArray[np.bool_]
    call: NDArray[np.int64]  # number of the call, -1 for what belongs to none
    attempts: list[Call]  # each attempt of each call, then the strays
    whole: list[Call]  # the call that each attempt is of, which knows the ends' names

    def ends(self) -> tuple[list[str | None], list[str | None]]:
        """Senders and receivers."""
        callers = [call.caller for call in self.whole]
        callees = [call.callee for call in self.whole]
        ends = list(zip(self.attempt.tolist(), self.is_answer.tolist(), strict=True))
        return (
            [callees[of] if back else callers[of] for of, back in ends],
            [callers[of] if back else callees[of] for of, back in ends],
        )

    def marks(self) -> dict[int, list[str]]:
        """What was inferred of the ends, by hop."""
        inferred = {number: call.inferred for number, call in enumerate(self.whole) if call.inferred}
        if not inferred:
            return {}
        return {
            hop: sorted(_TURNED[mark] if self.is_answer[hop] else mark for mark in inferred[of])
            for hop, of in enumerate(self.attempt.tolist())
            if of in inferred
        }

    def known(self, name: str) -> list[Any]:
        """A fact of the exchanges behind each hop."""
        facts = known(self.attempts, name)
        return [facts[of] for of in self.attempt.tolist()]


def build_hops(
    calls: list[Call], strays: list[Call], seen: Observations, clocks: list[Clock]
) -> tuple[Hops, list[Call]]:
    """Return all hops in causal order, and the calls in the order of their first hop."""
    attempts, of_call = _attempts(calls)
    count = len(attempts)
    attempts += strays
    sent, received = _places(attempts)
    hops = Hops(
        sent,
        received,
        np.repeat(np.arange(len(attempts)), 2),
        np.tile([False, True], len(attempts)),
        np.repeat(np.append(of_call, np.full(len(strays), -1)), 2),
        attempts,
        [*(calls[call] for call in of_call[:count].tolist()), *strays],
    )
    there = (sent >= 0) | (received >= 0)
    hops = hops._replace(**{name: getattr(hops, name)[there] for name in hops._fields[:5]})
    order = causal_order(_times(hops, seen, clocks), hops.call, hops.is_answer, _parents(calls))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    ordered = _numbered(calls, hops, place)
    number = np.full(len(calls) + 1, -1)
    number[ordered] = np.arange(len(ordered))
    hops = hops._replace(**{name: getattr(hops, name)[order] for name in hops._fields[:5]})
    return hops._replace(call=number[hops.call]), [calls[call] for call in ordered.tolist()]


def _attempts(calls: list[Call]) -> tuple[list[Call], NDArray[np.int64]]:
    """Each attempt of each call in order, and the number of its call."""
    if not any(call.earlier for call in calls):
        return list(calls), np.arange(len(calls))
    attempts = list(chain.from_iterable((*call.earlier, call) for call in calls))
    return attempts, np.repeat(np.arange(len(calls)), [len(call.earlier) + 1 for call in calls])


def _places(attempts: list[Call]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where question and answer of each attempt were seen, by their sender and by their receiver."""

    def places(views: Iterable[Exchange | None], name: str) -> NDArray[np.int64]:
        seen = [None if view is None else getattr(view, name) for view in views]
        return np.array([-1 if place is None else place for place in seen], dtype=np.int64)

    outers, inners = [one.outer for one in attempts], [one.inner for one in attempts]
    sent = np.stack([places(outers, "request"), places(inners, "answer")], axis=1)
    received = np.stack([places(inners, "request"), places(outers, "answer")], axis=1)
    return sent.reshape(-1), received.reshape(-1)


def _parents(calls: list[Call]) -> NDArray[np.int64]:
    """For each call the number of the call that caused it, -1 for none."""
    number = {id(call): place for place, call in enumerate(calls)}
    return np.array(
        [-1 if call.parent is None else number.get(id(call.parent), -1) for call in calls], dtype=np.int64
    )


def _numbered(calls: list[Call], hops: Hops, place: NDArray[np.int64]) -> NDArray[np.int64]:
    """Tell the calls their hops; return the calls in the order of their first hop."""
    of, at = hops.call, np.arange(len(hops.call))
    first = np.full(len(calls) + 1, len(of))
    question, answer = np.full(len(calls) + 1, -1), np.full(len(calls) + 1, -1)
    np.minimum.at(first, of, at)
    # The last one of each call counts: that of its last attempt.
    question[of[~hops.is_answer]] = place[~hops.is_answer]
    last = [call is whole for call, whole in zip(hops.attempts, hops.whole, strict=True)]
    final = hops.is_answer & np.array(last, dtype=bool)[hops.attempt]
    answer[of[final]] = place[final]
    for call, asked, answered in zip(calls, question[:-1].tolist(), answer[:-1].tolist(), strict=True):
        call.request_hop = None if asked < 0 else asked
        call.response_hop = None if answered < 0 else answered
    begins = np.append(place, 0)[first[:-1]]
    depth = np.zeros(len(calls), dtype=np.int64)
    parents = _parents(calls)
    above = parents.copy()
    # A cause, of which perhaps only the answer was seen, comes before its effects.
    while (deeper := above >= 0).any():
        np.minimum.at(begins, above[deeper], begins[deeper])
        depth += deeper
        above = taken(parents, above)
    return np.lexsort((depth, begins))


def join_strays(singles: list[int], seen: Observations, addressed: set[tuple[str, str | None]]) -> list[Call]:
    """Notifications, stray answers and what is no message at all: joined like questions without answers."""
    if not singles:
        return []
    exchanges = []
    for place, sighting in zip(singles, seen.sightings.at(np.array(singles)), strict=True):
        row = sighting.row
        content = params_of(sighting.payload) if sighting.kind == NOTIFICATION else {"": sighting.payload}
        exchanges.append(
            Exchange(
                seen.components[row] or "",
                sighting.direction == SENT,
                place,
                None,
                sighting.peer,
                sighting.session,
                sighting.method if sighting.kind == NOTIFICATION else f"{sighting.kind}:{sighting.method}",
                sighting.tool,
                sighting.rpc_id,
                seen.traces[row],
                seen.times[row] or 0,
                arguments=content if sighting.payload is not None else None,
            )
        )
    return join(exchanges, addressed)


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
