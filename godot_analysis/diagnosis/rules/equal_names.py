"""The rule about tools of one name on several servers, of which only one can be called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from godot_analysis.diagnosis.matches import Clue, Match, logged
from godot_analysis.diagnosis.rules._registry import rule
from godot_analysis.diagnosis.wording import count, listed
from godot_analysis.reading.classify import classify, ordinary
from godot_analysis.reading.errors import makes_names_unique, names_exception
from godot_analysis.reading.names import mentions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godot_analysis.diagnosis.facts import Facts, Listing, Remark


@rule("F16")
def same_name(facts: Facts) -> Iterator[Match]:
    owners: dict[str, dict[str, Listing]] = {}
    for item in facts.tools.listings:
        if item.server not in facts.topology.roles.relays or item.server in facts.topology.roles.hosts:
            for name in item.names or ():
                owners.setdefault(name, {})[item.server] = item
    for tool, lists in sorted(owners.items()):
        callers = {item.caller for item in lists.values()}
        if len(lists) < 2 or len(callers) != 1:  # noqa: PLR2004 - two make a collision
            continue
        holder = callers.pop() or facts.topology.relay
        calls = facts.operations.calls.where("tool", tool).where("callee", *lists)
        reached = {callee for (callee,) in calls.counts("callee")}
        if len(reached) > 1:
            continue
        said = [
            one for one in facts.log.remarks_on(tool) if one.component == holder and mentions(one.text, tool)
        ]
        told = [
            one
            for one in said
            if classify(one.text).tells("name.collision") and not makes_names_unique(one.text)
        ]
        if not reached:
            yield from _given_up(tool, lists, holder, told, facts)
            continue
        [winner] = reached
        switched = any(
            ordinary(one.text).tells("instance.switched") and mentions(one.text, str(winner)) for one in said
        )
        if switched or not (told or _under_one_name(tool, holder, facts)):
            continue  # one server may take the place of the other on purpose
        made = "keeps one" if told else "handed on one name"
        rows = tuple(row for item in lists.values() for row in item.records)
        clues = [
            Clue(f"{listed(sorted(lists))} list {tool}, and {holder} {made}", 0.6, rows),
            Clue(f"{count(len(calls), 'call')} of it reached {winner} alone", 0.3, calls[0].rows),
            *(logged(one, 0.4) for one in told[:1]),
        ]
        words = {
            "servers": listed(sorted(lists)),
            "holder": holder,
            "so": "only one of them is ever reached",
            "end": f"has one name for both, and every call went to {winner}",
        }
        other = min(set(lists) - {winner})
        if told and len(calls.erred) == len(calls):
            clues.append(Clue(f"{winner} answered none of them well", 0.4, calls[-1].rows))
            numbers = facts.operations.families(calls)
            yield Match(other, holder, clues, tool, numbers, words, "error")
        else:
            yield Match(other, holder, clues, tool, words=words)


def _given_up(
    tool: str, lists: dict[str, Listing], holder: str, told: list[Remark], facts: Facts
) -> Iterator[Match]:
    """That the holder would not work with two tools of one name, and called nobody any more."""
    raised = [one for one in told if names_exception(one.text)]
    if raised and not facts.operations.calls.where("caller", holder).after(raised[0].time):
        rows = tuple(row for item in lists.values() for row in item.records)
        clues = (
            Clue(f"{listed(sorted(lists))} list {tool}", 0.5, rows),
            logged(raised[0], 0.5),
            Clue(f"{holder} made no call after that", 0.2),
        )
        words = {
            "servers": listed(sorted(lists)),
            "holder": holder,
            "so": "none of them can be called",
            "end": "does not go on with two tools of one name",
        }
        yield Match(min(lists), holder, clues, tool, words=words, severity="error")


def _under_one_name(tool: str, holder: str, facts: Facts) -> bool:
    """Whether the holder handed tools of this name on as one, or as two that nobody can tell apart."""
    offers = [
        offer
        for offer in facts.events.of("tools offered")
        if offer.component == holder and offer.names is not None
    ]
    if offers:
        return sum(name == tool or name.endswith(f"__{tool}") for name in offers[-1].names or ()) == 1
    return tool in facts.tools.held(holder, facts.log.end)
