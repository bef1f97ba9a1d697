"""What is left: failed calls that no other rule accounts for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from godot_analysis.diagnosis.facts import answers_no, error_words, may_pass, says_nothing
from godot_analysis.diagnosis.matches import Clue, Match, logged
from godot_analysis.diagnosis.rules._registry import rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godot_analysis.diagnosis.facts import Call, Facts
    from godot_analysis.diagnosis.findings import Severity


@rule("R12")
def failed_somehow(facts: Facts) -> Iterator[Match]:
    for call in facts.operations.roots.ended("error", "tool_error", "lost"):
        if answers_no(call) or (call.status == "error" and call.reading.kind == "session.unknown"):
            continue
        missed = next(
            (facts.incidents.given_up[leg] for leg in call.family if leg in facts.incidents.given_up), None
        )
        if (
            call.status == "lost"
            and missed is None
            and (facts.operations.overtaken(call) or facts.operations.end_unlogged(call))
        ):
            continue  # only its end is missing from the log
        if not call.family.isdisjoint(facts.incidents.ended_by_http):
            continue  # HTTP tells of its end
        where = facts.operations.backend_of(call.last) or call.callee or facts.topology.relay
        # An error that no backend sent was made by the relay.
        own = call.status == "error" and call.last is not call and not call.last.answered
        error = f": “{error_words(call)}”" if call.error_text else ""
        clues = [Clue(call.note or f"its end is {call.status}", 0.4, call.rows)]
        if missed is not None:
            clues.append(logged(missed, 0.5))
            error = error or f": {missed.component} logged “{missed.text[:200]}”"
        words = {"status": call.status.replace("_", " "), "error": error}
        cause = (call.callee if own else None) or where
        severity: Severity | None = "info" if _mended(call, facts) else None
        yield Match(where, cause, clues, call.tool, call.family, words, severity)


def _mended(call: Call, facts: Facts) -> bool:
    """Whether its caller, by what it was told, came to a result in the end."""
    if says_nothing(call):
        return False
    return facts.operations.put_right(call) or (may_pass(call) and facts.operations.succeeded_later(call))
