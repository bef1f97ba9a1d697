"""Rules about the schemas and names of listed tools: a fault only where somebody refused a tool for it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from godot_analysis.diagnosis.facts.blame import at_fault
from godot_analysis.diagnosis.facts.declared import says
from godot_analysis.diagnosis.matches import Clue, Match
from godot_analysis.diagnosis.rules._refused_lists import find
from godot_analysis.diagnosis.rules._registry import rule
from godot_analysis.schema import Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godot_analysis.diagnosis.facts import Facts
    from godot_analysis.diagnosis.findings import Severity


for _code in ("F01", "F03", "F04", "F05", "F06", "F07"):
    # Only some classes are worth a look where nobody complains: a list may break the others and work.
    rule(_code)(partial(find, code=_code, silently=_code in {"F01", "F06", "F07"}))


@rule("F02")
def definitions_stripped(facts: Facts) -> Iterator[Match]:
    for item in facts.declared.held():
        listing = item.listing
        for tool, message, _ in item.problems.get("F02", ()):
            if "not defined" not in message:
                continue
            owner = facts.tools.owners.of(tool) if listing.server in facts.topology.roles.relays else None
            source = [
                one
                for one in facts.tools.lists_of(owner or "")
                if tool in (one.names or ()) and one is not listing
            ]
            whole = bool(source) and not facts.declared.dangles(tool, source[-1])
            said = facts.declared.complaints_of("F02")
            failed = facts.operations.roots.failed.where("tool", tool)
            worded = [call for call in failed if says("F02", call.reading.kinds)]
            clues = [Clue(f"the list of {listing.server}: {message}", 0.5, listing.records)]
            if whole:
                clues.append(Clue(f"{owner} had listed {tool} with the definition", 0.6, source[-1].records))
            clues += [Clue(f"an error names it: “{one.text[:160]}”", 0.6, (one.record,)) for one in said[:1]]
            clues += [
                Clue(f"a call failed: “{one.error_text[:160]}”", 0.4, one.rows)
                for one in (worded or failed)[:1]
            ]
            harmless = not (said or worded or (failed and whole))
            cause = listing.server if whole or owner is None else owner
            words = {
                "definition": message.split(": ")[-1].split(" is ")[0],
                "origin": f" {owner} sent it whole." if whole else "",
            }
            numbers = facts.operations.families(worded or (failed if whole else ()))
            severity: Severity | None = "info" if harmless else None
            yield Match(owner or listing.server, cause, clues, tool, numbers, words, severity, "stripped")
    yield from _another_schema(facts)


def _another_schema(facts: Facts) -> Iterator[Match]:
    """Calls that fit the schema of a relay's list, and not the one that its backend had listed."""
    for backend, calls in facts.operations.by_backend.items():
        for call in calls.erred:
            top, relay = facts.operations.operation_of(call), call.caller
            near = call.parent == top.number and top.tool == call.tool
            if not near or relay is None or top.arguments != call.arguments:
                continue
            own, shown = facts.tools.input_schema(call), facts.tools.input_schema(call, relay)
            wrong = Check(own)(call.arguments or {}) if own and shown and at_fault(call) == "caller" else None
            if wrong is None or Check(shown)(call.arguments or {}) is not None:
                continue
            clues = (
                Clue(f"the call is as {relay} lists {call.tool}, but for {backend} {wrong}", 0.8, top.rows),
                Clue(f"{backend} refused it: “{call.error_text[:160]}”", 0.4, call.rows),
            )
            yield Match(backend, relay, clues, call.tool, top.family, {"wrong": wrong}, variant="another")
