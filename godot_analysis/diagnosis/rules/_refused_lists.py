"""Lists of tools that a provider or a host refused, or hid in part, for what is declared in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from godot_analysis.diagnosis.matches import Clue, Match, logged
from godot_analysis.diagnosis.wording import count
from godot_analysis.reading.errors import keyword_in, named_tool, place_in_list
from godot_analysis.reading.names import mentions
from godot_analysis.schema import subschemas

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godot_analysis.diagnosis.facts import Facts, Held, Refused
    from godot_analysis.reading.events import Event

__all__ = ["find"]

_TAKEN: Final = frozenset({"type", "properties", "required", "items", "description", "enum"})
"""Keywords that every host takes: where a complaint has these words it names no culprit."""


def find(facts: Facts, code: str, *, silently: bool = True) -> Iterator[Match]:
    """Where a provider or host complained of this class, or hid a tool that breaks one of its rules."""
    held = facts.declared.held()
    told = False
    for complaint in facts.declared.complaints_of(code):
        by_relay = complaint.component in facts.topology.roles.relays - facts.topology.roles.hosts
        lists = facts.declared.held(complaint.component) if by_relay else held
        found = _guilty(complaint, lists, code)
        if found is None:
            if not lists:
                yield _unlisted(complaint, facts)
            continue
        told = True
        item, tool = found
        clues = [Clue(f"somebody refused the list: “{complaint.text[:160]}”", 0.8, (complaint.record,))]
        fault = _fault(item, tool, code, complaint.text)
        yield _match(item, tool, fault, clues, facts)
    if not silently or told:
        return
    for item in held:
        # A tool that was called was not refused.
        bad = [(tool, message) for tool, message, refused in item.problems.get(code, ()) if refused]
        if not bad or _called(bad[0][0], facts):
            continue
        yield from _hidden(item, [tool for tool, _ in bad], code, facts)


def _hidden(item: Held, bad: list[str], code: str, facts: Facts) -> Iterator[Match]:
    """A tool that breaks a rule and was refused or not offered, or took its whole server with it."""
    mine = [
        refusal
        for refusal in facts.tools.refused_by_host
        if refusal.tool in item.names
        and refusal.time >= item.listing.time
        and refusal.server in {None, item.listing.server}
    ]
    offered = _offered(item, facts)
    whole = offered is not None and not offered
    for refusal in mine:
        if refusal.tool in bad or whole:
            tool = refusal.tool if refusal.tool in bad else bad[0]
            clue = Clue(f"{refusal.by} refused {refusal.tool}, which is in its list", 0.6, refusal.records)
            yield _match(item, tool, _fault(item, tool, code), [clue], facts, refusal=refusal)
            return
    if offered is not None and not mine and (whole or not set(bad) & offered):
        clue = Clue(f"{bad[0]} is in the list and was not offered to the model", 0.5)
        yield _match(item, bad[0], _fault(item, bad[0], code), [clue], facts, warning=True)


def _match(
    item: Held,
    tool: str | None,
    fault: str | None,
    clues: list[Clue],
    facts: Facts,
    *,
    refusal: Refused | None = None,
    warning: bool = False,
) -> Match:
    server = item.listing.server
    if server in facts.topology.roles.relays:
        server = facts.tools.owners.of(tool or "") or server
    others = len(item.names) - 1
    hit = refusal is not None and refusal.tool != tool
    wider = f" Here {tool} took {count(others, 'other tool')} of {server} with it." if hit else ""
    calls = frozenset[int]() if refusal is None else refusal.calls
    words = {"wider": wider, "problem": ""}
    if fault is not None:
        words["problem"] = f" ({fault.removeprefix(f'{tool}: ')})"
        said = f"the list of {item.listing.server} says so: {fault}"
        clues = [*clues, Clue(said, 0.6, item.listing.records)]
    return Match(server, server, clues, tool, calls, words, "warning" if warning else None)


def _unlisted(complaint: Event, facts: Facts) -> Match:
    """A refusal of a tool where the log shows no list that it could be in."""
    tool = named_tool(complaint.text)
    server = facts.tools.owners.of(tool) if tool else None
    words = {
        "tool": tool or "one of the tools",
        "component": server or "some server",
        "wider": "",
        "problem": "",
    }
    clue = logged(complaint, 0.7)
    return Match(server, server, (clue,), tool, words=words)


def _fault(item: Held, tool: str | None, code: str, said: str = "") -> str | None:
    """What is wrong with a tool: the keyword that the complaint names, or what its list shows."""
    if code == "F05":
        schemas = [held.get("inputSchema") for held in item.listing.tools or () if held.get("name") == tool]
        used = {key for schema in schemas for _, part in subschemas(schema) for key in part} - _TAKEN
        named = keyword_in(said, used)
        if named is not None:
            return f"{tool}: the host refuses the keyword {named}"
    return next((message for name, message, _ in item.problems.get(code, ()) if name == tool), None)


def _guilty(complaint: Event, held: list[Held], code: str) -> tuple[Held, str | None] | None:
    """The list, and the tool in it, that a complaint is about: named, numbered, or breaking the rule."""
    before = [item for item in held if item.listing.time <= complaint.time]
    named = [
        (item, name)
        for item in before
        for name in sorted(item.names, key=len, reverse=True)
        if mentions(complaint.text, name)
    ]
    rows = [(item, *row) for item in before for row in item.problems.get(code, ())]
    bad = [(item, tool) for item, tool, _, _ in sorted(rows, key=lambda row: not row[3])]
    if named:
        return next((one for one in named if one in bad), named[0])
    if (number := place_in_list(complaint.text)) is not None:
        shown = [(item, str(tool.get("name"))) for item in before for tool in item.listing.tools or ()]
        # A host may put its own tools first: a number that hits a sound tool proves less than a broken one.
        if number < len(shown) and (not bad or shown[number] in bad):
            return shown[number]
    if bad:
        return bad[0]
    return (before[0], None) if len(before) == 1 else None


def _called(tool: str, facts: Facts) -> bool:
    return bool(facts.operations.roots.answered.where("tool", tool))


def _offered(item: Held, facts: Facts) -> frozenset[str] | None:
    """Which tools of the list were offered to the model after it came; None when the log does not tell."""
    offers = [
        offer
        for offer in facts.events.of("tools offered")
        if offer.time >= item.listing.time and (offer.names is not None or offer.count == 0)
    ]
    if not offers:
        return None
    names = offers[-1].names or frozenset()
    return frozenset(
        name for name in item.names if any(told == name or told.endswith(f"__{name}") for told in names)
    )
