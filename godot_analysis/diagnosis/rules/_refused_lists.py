"""Lists of tools that a provider or a host refused, or hid in part, for what is declared in them."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from godot_analysis.diagnosis.matches import Clue, Match
from godot_analysis.diagnosis.wording import count
from godot_analysis.schema.lint import lint_frame as lint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godot_analysis.diagnosis.facts import Facts, Listing, Refused

__all__ = [
    "complaints",
    "complaints_of",
    "dangles",
    "find",
    "held_lists",
    "most_tools",
    "says",
    "speaks_of_tools",
]

# What providers and hosts say, by class. Each demands words about a tool's declaration, so that an error on
# the arguments of a call is not taken for one.
_SAID: Final = {
    "F01": r"input_?schema.{0,60}(?:does not support|must not have|top[ -]level|\.type\b)"
    r"|(?:one|any|all)of.{0,60}(?:top[ -]level|root)|schema must (?:be|have) .{0,30}object",
    "F02": r"(?:resolve|unresolv\w*|resolvable|dangling|unknown).{0,30}(?:reference|\$ref|#/)"
    r"|pointertonowhere|\$defs",
    "F03": r"array.{0,30}(?:missing|must have|without|requires?).{0,20}items"
    r"|\bitems\b.{0,20}missing|missing.{0,20}\bitems\b",
    "F04": r"object schema missing properties|schema.{0,40}(?:missing|without|requires?).{0,20}\bproperties\b"
    r"|\bproperties: should be non-empty"
    r"|additionalproperties.{0,40}(?:invalid|not supported|must be|required to be)",
    "F05": r"(?:unsupported|unknown|unrecogni[sz]ed|not supported).{0,40}"
    r"(?:keyword|dialect|draft|\$schema|patternproperties|propertynames|format)"
    r"|no schema with key or ref|strict mode: unknown|must match json schema draft"
    r"|unknown name\W+[\w$]+\W+at\W+[\w.\[\]]*parameters"
    r"|schema for function.{0,160}is not permitted",
    "F06": r"string_above_max_length|tools?[\[.].{0,40}name.{0,60}(?:too long|at most|maximum length|longer)"
    r"|tools?[\[.].{0,40}name.{0,60}length less than"
    r"|tool.{0,10}name.{0,60}(?:too long|at most \d+|maximum length|exceeds|longer than)",
    "F07": r"tools?[\[.].{0,40}name.{0,100}pattern"
    r"|(?:invalid|illegal|bad) (?:tool|function) name"
    r"|(?:tool|function)[ .]name.{0,60}(?:pattern|invalid|illegal|must match|must start|characters)",
}
# What they say of too many tools, each with the limit.
_TOO_MANY: Final = re.compile(
    r"(?:cannot|can't|can ?not|may not) have more than (\d+) (?:tools|functions)"
    r"|\btools? limit\b.{0,120}\bfirst (\d+)"
    r"|\btools\b.{0,10}array too long.{0,40}maximum length (\d+)"
    r"|\btools\b.{0,40}at most (\d+) items"
    r"|at most (\d+) (?:tools|functions?\b)"
    r"|max(?:imum)? (?:number|count) of (?:tools|function)[^.\d]{0,40}(\d+)"
    r"|(?:tools|functions|function declarations)\b[^.]{0,30}exceed\w*[^.\d]{0,40}(\d+)"
    r"|exceed\w*[^.\d]{0,30}(?:limit|maximum) of (\d+) (?:tools|functions)"
    r"|too many (?:tools|functions|function declarations)\b.{0,40}(?:max|limit|at most|allowed)\D{0,15}(\d+)",
    re.IGNORECASE | re.DOTALL,
)
_NAMED: Final = re.compile(r"(?:function|tool)\W{1,3}['\"`]([\w.\-/]+)['\"`]", re.IGNORECASE)
# Where in the list a provider says the tool is: Gemini wraps all of them into the first of its own.
_PLACES: Final = (
    re.compile(r"function_?declarations[.\[](\d+)", re.IGNORECASE),
    re.compile(r"\btools[.\[](\d+)"),
)
_BAD_STATUS: Final = 400
_TAKEN: Final = frozenset({"type", "properties", "required", "items", "description", "enum"})
"""Keywords that every host takes: where a complaint has these words it names no culprit."""
_KEYWORD: Final = re.compile(r"(?:\bkeywords?:? |['\"`])['\"`]?(\$?\w+)", re.IGNORECASE)
_NAMES_WITHIN: Final = frozenset({"properties", "patternProperties", "$defs", "definitions"})


class _Held(NamedTuple):
    """A list of tools as a client holds it: whose it is, and what is wrong with it, by class."""

    listing: Listing
    problems: dict[str, list[tuple[str, str, bool]]]  # class → tool, message, whether a host refuses it
    names: frozenset[str]


class _Complaint(NamedTuple):
    time: Any
    component: str
    text: str
    record: str


def find(facts: Facts, code: str, *, silently: bool = True) -> Iterator[Match]:
    """Where a provider or host complained of this class, or hid a tool that breaks one of its rules."""
    held = held_lists(facts)
    told = False
    for complaint in complaints_of(facts, code):
        by_relay = complaint.component in facts.roles.relays - facts.roles.hosts
        lists = held_lists(facts, complaint.component) if by_relay else held
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


def _hidden(item: _Held, bad: list[str], code: str, facts: Facts) -> Iterator[Match]:
    """A tool that breaks a rule and was refused or not offered, or took its whole server with it."""
    mine = [
        refusal
        for refusal in facts.refused_by_host
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
    item: _Held,
    tool: str | None,
    fault: str | None,
    clues: list[Clue],
    facts: Facts,
    *,
    refusal: Refused | None = None,
    warning: bool = False,
) -> Match:
    server = item.listing.server
    if server in facts.roles.relays and tool is not None:
        server = facts.owners.of(tool) or server
    others = len(item.names) - 1
    hit = refusal is not None and refusal.tool != tool
    wider = f" Here {tool} took {count(others, 'other tool')} of {server} with it." if hit else ""
    calls = frozenset[int]() if refusal is None else refusal.calls
    words = {"wider": wider, "problem": ""}
    if fault is not None:
        words["problem"] = f" ({fault.removeprefix(f'{tool}: ')})"
        said = f"the list of {item.listing.server} says so: {fault}"
        clues = [*clues, Clue(said, 0.6, item.listing.records)]
    return Match(server, server, tuple(clues), tool, calls, words, "warning" if warning else None)


def _unlisted(complaint: _Complaint, facts: Facts) -> Match:
    """A refusal of a tool where the log shows no list that it could be in."""
    named = _NAMED.search(complaint.text)
    tool = named.group(1) if named else None
    server = facts.owners.of(tool) if tool else None
    words = {
        "tool": tool or "one of the tools",
        "component": server or "some server",
        "wider": "",
        "problem": "",
    }
    clue = Clue(f"{complaint.component} logged: “{complaint.text[:160]}”", 0.7, (complaint.record,))
    return Match(server, server, (clue,), tool, words=words)


def _fault(item: _Held, tool: str | None, code: str, said: str = "") -> str | None:
    """What is wrong with a tool: the keyword that the complaint names, or what its list shows."""
    if code == "F05":
        schemas = [held.get("inputSchema") for held in item.listing.tools or () if held.get("name") == tool]
        used = {*_keywords(schemas)} - _TAKEN
        # A keyword may be a common word (`default`): surest is what stands after "keyword", or in quotes.
        told = [found.group(1) for found in _KEYWORD.finditer(said)]
        named = next((word for word in [*told, *re.findall(r"\$?\w+", said)] if word in used), None)
        if named is not None:
            return f"{tool}: the host refuses the keyword {named}"
    return next((message for name, message, _ in item.problems.get(code, ()) if name == tool), None)


def _keywords(node: Any) -> Iterator[str]:
    """The keywords of a schema, not the names of its properties."""
    if isinstance(node, dict):
        yield from node
        for key, held in node.items():
            named = key in _NAMES_WITHIN and isinstance(held, dict)
            yield from _keywords(list(held.values()) if named else held)
    elif isinstance(node, list):
        for held in node:
            yield from _keywords(held)


def _guilty(complaint: _Complaint, held: list[_Held], code: str) -> tuple[_Held, str | None] | None:
    """The list, and the tool in it, that a complaint is about: named, numbered, or breaking the rule."""
    before = [item for item in held if item.listing.time <= complaint.time]
    named = [
        (item, name)
        for item in before
        for name in sorted(item.names, key=len, reverse=True)
        if re.search(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9_-])", complaint.text)
    ]
    rows = [(item, *row) for item in before for row in item.problems.get(code, ())]
    bad = [(item, tool) for item, tool, _, _ in sorted(rows, key=lambda row: not row[3])]
    if named:
        return next((one for one in named if one in bad), named[0])
    found = (pattern.search(complaint.text) for pattern in _PLACES)
    if (place := next(filter(None, found), None)) is not None:
        shown = [(item, str(tool.get("name"))) for item in before for tool in item.listing.tools or ()]
        number = int(place.group(1))
        # A host may put its own tools first: a number that hits a sound tool proves less than a broken one.
        if number < len(shown) and (not bad or shown[number] in bad):
            return shown[number]
    if bad:
        return bad[0]
    return (before[0], None) if len(before) == 1 else None


def held_lists(facts: Facts, relay: str | None = None) -> list[_Held]:
    """The last list of each server that a host or client holds, or `relay`, with what is wrong with it."""
    if (known := facts.memo.get(f"held lists of {relay}")) is not None:
        return list(known)
    last: dict[str, Listing] = {}
    relays = facts.roles.relays - facts.roles.hosts
    served = {listing.server for listing in facts.listings if listing.server in relays and listing.tools}
    for listing in facts.listings:
        mine = listing.caller == relay if relay else not (served and listing.caller in relays)
        if listing.tools and mine:
            before = last.get(listing.server)
            if listing.cursor is not None and before is not None:  # the next page of the same list
                listing = replace(listing, tools=(*(before.tools or ()), *listing.tools))  # noqa: PLW2901
            last[listing.server] = listing
    found = [_Held(item, _problems(item, server), item.names or frozenset()) for server, item in last.items()]
    facts.memo[f"held lists of {relay}"] = found
    return found


def _problems(listing: Listing, server: str) -> dict[str, list[tuple[str, str, bool]]]:
    rows = lint(list(listing.tools or ()), "all", server=server)
    found: dict[str, list[tuple[str, str, bool]]] = {}
    for row in rows[rows["tool"].notna()].to_dict("records"):
        refused = row["severity"] == "error" or row["rule"] == "name-begins-with-underscore"
        found.setdefault(str(row["catalogue"]), []).append((row["tool"], row["message"], refused))
    return found


def complaints_of(facts: Facts, code: str) -> list[_Complaint]:
    """The errors that speak of this class of fault in a list."""
    return [complaint for complaint in complaints(facts) if says(code, complaint.text)]


@lru_cache(maxsize=1 << 12)
def says(code: str, text: str) -> bool:
    """Whether a text speaks of this class of fault in the declaration of a tool."""
    return re.search(_SAID[code], text, re.IGNORECASE | re.DOTALL) is not None


def speaks_of_tools(text: str) -> bool:
    """Whether a text speaks of any fault in the declaration of a tool, or of too many of them."""
    return any(says(code, text) for code in _SAID) or most_tools(text) is not None


def most_tools(text: str) -> int | None:
    """The limit on the number of tools that a text says was exceeded.

    >>> most_tools("Cannot have more than 128 tools per request."), most_tools("128 tools loaded")
    (128, None)
    """
    found = _TOO_MANY.search(text)
    return None if found is None else int(next(filter(None, found.groups())))


def complaints(facts: Facts) -> list[_Complaint]:
    """The errors that were logged, other than those of calls, and the HTTP requests that were refused."""
    if (known := facts.memo.get("list complaints")) is not None:
        return list(known)
    said = [
        _Complaint(item.time, item.component, item.said, item.record)
        for item in facts.signals.complaints
        if not (item.method or "").startswith("tools/call")
    ]
    said += [
        _Complaint(item.time, item.component, item.body, item.record)
        for item in facts.signals.exchanges
        if item.status >= _BAD_STATUS
    ]
    facts.memo["list complaints"] = said
    return said


def _called(tool: str, facts: Facts) -> bool:
    return bool(facts.operations.answered.where("tool", tool))


def _offered(item: _Held, facts: Facts) -> frozenset[str] | None:
    """Which tools of the list were offered to the model after it came; None when the log does not tell."""
    offers = [
        offer
        for offer in facts.signals.offers
        if offer.time >= item.listing.time and (offer.names is not None or offer.count == 0)
    ]
    if not offers:
        return None
    names = offers[-1].names or frozenset()
    return frozenset(
        name for name in item.names if any(told == name or told.endswith(f"__{name}") for told in names)
    )


def dangles(tool: str, listing: Listing, facts: Facts) -> bool:
    key = f"problems of {listing.server} {listing.records}"
    if key not in facts.memo:
        facts.memo[key] = _problems(listing, listing.server)
    return any(name == tool and "not defined" in text for name, text, _ in facts.memo[key].get("F02", ()))
