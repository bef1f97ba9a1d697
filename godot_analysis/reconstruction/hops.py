"""Hops: each message that travelled, with the sightings of both its ends, in causal order."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from godot_analysis.normal_form.jsonrpc import params_of
from godot_analysis.normal_form.sightings import NOTIFICATION, SENT, Sighting
from godot_analysis.reconstruction.joining import Call, join
from godot_analysis.reconstruction.order import causal_order
from godot_analysis.reconstruction.pairing import Exchange

if TYPE_CHECKING:
    from collections.abc import Iterable

    from godot_analysis.normal_form.messages import Observations
    from godot_analysis.reconstruction.clocks import Clock


@dataclass(slots=True, eq=False)
class Hop:
    """One message, as its sender and its receiver saw it (positions of sightings)."""

    sent: int | None
    received: int | None
    sender: str | None
    receiver: str | None
    method: str | None
    tool: str | None
    rpc_id: str | None
    joined_by: str = ""
    inferred: set[str] = field(default_factory=set)
    call: int | None = None

    def main(self, seen: Observations) -> Sighting:
        """The sighting that says most; the sender's of two equals."""
        sightings = [seen.sightings[place] for place in (self.sent, self.received) if place is not None]
        return max(sightings, key=lambda sighting: (sighting.weight, sighting.payload is not None))

    def fact(self, seen: Observations, name: str) -> Any:
        """A fact of either sighting."""
        for place in (self.sent, self.received):
            if place is not None and (value := getattr(seen.sightings[place], name)) is not None:
                return value
        return None

    def trace(self, seen: Observations) -> str | None:
        """The trace id of either sighting."""
        for place in (self.sent, self.received):
            if place is not None and (trace := seen.traces[seen.sightings[place].row]) is not None:
                return trace
        return None


@dataclass(slots=True)
class _Line:
    """The hops of one call by position: its questions, attempt by attempt, and its last answer."""

    all: list[int] = field(default_factory=list)
    questions: list[int] = field(default_factory=list)
    answer: int | None = None


def build_hops(
    calls: list[Call], strays: list[Call], seen: Observations, clocks: list[Clock]
) -> tuple[list[Hop], list[Call]]:
    """Return all hops in causal order, and the calls in the order of their first hop."""
    hops: list[Hop] = []
    effects: list[list[int]] = []  # for each hop the hops that it caused
    lines = {id(call): _lay_out(call, hops, effects) for call in calls}
    for call in calls:
        above = lines.get(id(call.parent))
        if above is None:
            continue
        line = lines[id(call)]
        if above.questions:
            effects[above.questions[-1]].append(line.all[0])
        if above.answer is not None:
            effects[line.all[-1]].append(above.answer)
    for stray in strays:
        hops.append(_stray(stray, seen))
        effects.append([])
    order = causal_order(_times(hops, seen, clocks), effects)
    return _numbered(calls, hops, order, lines)


def _lay_out(call: Call, hops: list[Hop], effects: list[list[int]]) -> _Line:
    """Append the hops of a call, each the cause of the next."""
    line = _Line()
    for one in (*call.earlier, call):
        line.answer = None
        for hop, is_question in ((_question(one, call), True), (_answer(one, call), False)):
            if hop is None:
                continue
            number = len(hops)
            if line.all:
                effects[line.all[-1]].append(number)
            hops.append(hop)
            effects.append([])
            line.all.append(number)
            if is_question:
                line.questions.append(number)
            else:
                line.answer = number
    return line


def _numbered(
    calls: list[Call], hops: list[Hop], order: list[int], lines: dict[int, _Line]
) -> tuple[list[Hop], list[Call]]:
    place = [0] * len(hops)
    for number, hop in enumerate(order):
        place[hop] = number
    ordered = _in_order(calls, {id(call): place[lines[id(call)].all[0]] for call in calls})
    for number, call in enumerate(ordered):
        line = lines[id(call)]
        call.request_hop = place[line.questions[-1]] if line.questions else None
        call.response_hop = None if line.answer is None else place[line.answer]
        for hop in line.all:
            hops[hop].call = number
    return [hops[hop] for hop in order], ordered


def _in_order(calls: list[Call], first: dict[int, int]) -> list[Call]:
    """Calls by their first hop; a cause, of which perhaps only the answer was seen, before its effects."""
    depth: dict[int, int] = {}
    for call in calls:
        above, levels = call.parent, 0
        while above is not None:
            first[id(above)] = min(first[id(above)], first[id(call)])
            above, levels = above.parent, levels + 1
        depth[id(call)] = levels
    return sorted(calls, key=lambda call: (first[id(call)], depth[id(call)]))


def _question(one: Call, call: Call) -> Hop | None:
    sent = None if one.outer is None else one.outer.request
    received = None if one.inner is None else one.inner.request
    if sent is None and received is None:
        return None
    return Hop(
        sent,
        received,
        call.caller,
        call.callee,
        one.known("method"),
        one.known("tool"),
        one.view.rpc_id,
        one.joined_by,
        set(call.inferred),
    )


def _answer(one: Call, call: Call) -> Hop | None:
    sent = None if one.inner is None else one.inner.answer
    received = None if one.outer is None else one.outer.answer
    if sent is None and received is None:
        return None
    turned = {"sender": "receiver", "receiver": "sender"}
    return Hop(
        sent,
        received,
        call.callee,
        call.caller,
        one.known("method"),
        one.known("tool"),
        one.view.rpc_id,
        one.joined_by,
        {turned.get(name, name) for name in call.inferred},
    )


def join_strays(singles: Iterable[int], seen: Observations) -> list[Call]:
    """Notifications, stray answers and what is no message at all: joined like questions without answers."""
    exchanges = []
    for place in singles:
        sighting = seen.sightings[place]
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
    return join(exchanges)


def _stray(stray: Call, seen: Observations) -> Hop:
    sent = None if stray.outer is None else stray.outer.request
    received = None if stray.inner is None else stray.inner.request
    method = next(seen.sightings[place].method for place in (sent, received) if place is not None)
    return Hop(
        sent,
        received,
        stray.caller,
        stray.callee,
        method,
        stray.known("tool"),
        stray.view.rpc_id,
        stray.joined_by,
        set(stray.inferred),
    )


def _times(hops: list[Hop], seen: Observations, clocks: list[Clock]) -> list[int]:
    """When each message travelled, on the reference clock of its group."""
    offsets: dict[str | None, float] = defaultdict(float)
    offsets.update({clock.component: clock.offset for clock in clocks if abs(clock.offset) > clock.error})
    out = []
    for hop in hops:
        moments = []
        for place in (hop.sent, hop.received):
            if place is not None:
                row = seen.sightings[place].row
                moments.append((seen.times[row] or 0) - int(offsets[seen.components[row]]))
        out.append(min(moments))
    return out
