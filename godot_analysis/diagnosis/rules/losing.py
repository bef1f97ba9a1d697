"""The rule about messages that got lost on their way, as the records of both ends prove."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from godot_analysis.diagnosis.matches import Clue, Match
from godot_analysis.diagnosis.rules._registry import rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godot_analysis.diagnosis.facts import Call, Facts

_WHERE: Final = {
    "sender": "got lost inside {callee}, before it was sent",
    "wire": "got lost on the wire between {caller} and {callee}",
    "receiver": "got lost inside {caller}, after it had arrived",
}
"""Of an answer; a request travels the other way."""


@rule("R22")
def lost_on_the_way(facts: Facts) -> Iterator[Match]:
    for call in facts.operations.calls.leaves.ended("lost"):
        if call.lost_at not in _WHERE or not call.callee or not call.caller:
            continue
        operation = facts.operations.operation_of(call)
        if facts.operations.end_unlogged(call) or not operation.family.isdisjoint(facts.crashed):
            continue
        told = facts.incidents.given_up.keys() | facts.incidents.ended_by_http.keys()
        if facts.incidents.losses_under(operation) or not operation.family.isdisjoint(told):
            continue  # a connection was lost, somebody gave up, or HTTP tells of its end: that says more
        request = not call.received
        what = "the request" if request else "its answer"
        place = _place(call, request=request)
        clues = (
            Clue(call.note or f"{what} of {call.tool} {place}", 0.6, call.rows),
            Clue(f"{call.callee if request else call.caller} logs every message, and not this one", 0.4),
        )
        words = {"what": what, "place": place, "caller": call.caller}
        cause = {"sender": call.caller, "receiver": call.callee}.get(call.lost_at) if request else {
            "sender": call.callee, "receiver": call.caller,
        }.get(call.lost_at)  # fmt: skip
        yield Match(call.callee, cause, clues, call.tool, operation.family, words)


def _place(call: Call, *, request: bool) -> str:
    ends = {"caller": call.caller, "callee": call.callee}
    if request:
        ends = {"caller": call.callee, "callee": call.caller}
    return _WHERE[call.lost_at or "wire"].format(**ends)
