"""The lists of tools that clients hold: what is declared in them, and what was said against them."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from godot_analysis.schema.lint import lint_frame as lint

if TYPE_CHECKING:
    from godot_analysis.diagnosis.facts._lists import Listing
    from godot_analysis.diagnosis.facts._signals import Signals
    from godot_analysis.diagnosis.facts.tools import Tools
    from godot_analysis.diagnosis.facts.topology import Topology

__all__ = ["Declared", "Held", "ListComplaint", "most_tools", "says", "speaks_of_tools"]

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
_BAD_STATUS: Final = 400


class Held(NamedTuple):
    """A list of tools as a client holds it: whose it is, and what is wrong with it, by class."""

    listing: Listing
    problems: dict[str, list[tuple[str, str, bool]]]  # class → tool, message, whether a host refuses it
    names: frozenset[str]


class ListComplaint(NamedTuple):
    """An error that may be about a list of tools."""

    time: Any
    component: str
    text: str
    record: str


class Declared:
    """What is known of the lists that clients hold, and of what was said against them."""

    def __init__(self, events: Signals, topology: Topology, tools: Tools) -> None:
        self._events, self._topology, self._tools = events, topology, tools
        self._held: dict[str | None, list[Held]] = {}
        self._problems: dict[tuple[str, tuple[str, ...]], dict[str, list[tuple[str, str, bool]]]] = {}

    def held(self, relay: str | None = None) -> list[Held]:
        """The last list of each server that a host or client holds, or `relay`, with what is wrong with it."""
        if relay not in self._held:
            self._held[relay] = [
                Held(item, _problems(item, server), item.names or frozenset())
                for server, item in self._last_lists(relay).items()
            ]
        return self._held[relay]

    def _last_lists(self, relay: str | None) -> dict[str, Listing]:
        last: dict[str, Listing] = {}
        relays = self._topology.roles.relays - self._topology.roles.hosts
        listings = self._tools.listings
        served = {listing.server for listing in listings if listing.server in relays and listing.tools}
        for listing in listings:
            mine = listing.caller == relay if relay else not (served and listing.caller in relays)
            if listing.tools and mine:
                before = last.get(listing.server)
                if listing.cursor is not None and before is not None:  # the next page of the same list
                    listing = replace(listing, tools=(*(before.tools or ()), *listing.tools))  # noqa: PLW2901
                last[listing.server] = listing
        return last

    @cached_property
    def complaints(self) -> list[ListComplaint]:
        """The errors that were logged, other than those of calls, and the HTTP requests that were refused."""
        said = [
            ListComplaint(item.time, item.component, item.said, item.record)
            for item in self._events.complaints
            if not (item.method or "").startswith("tools/call")
        ]
        said += [
            ListComplaint(item.time, item.component, item.body, item.record)
            for item in self._events.exchanges
            if item.status >= _BAD_STATUS
        ]
        return said

    def complaints_of(self, code: str) -> list[ListComplaint]:
        """The errors that speak of this class of fault in a list."""
        return [complaint for complaint in self.complaints if says(code, complaint.text)]

    def dangles(self, tool: str, listing: Listing) -> bool:
        """Whether a list refers to a definition for this tool that it does not hold."""
        key = listing.server, listing.records
        if key not in self._problems:
            self._problems[key] = _problems(listing, listing.server)
        return any(
            name == tool and "not defined" in text for name, text, _ in self._problems[key].get("F02", ())
        )


def _problems(listing: Listing, server: str) -> dict[str, list[tuple[str, str, bool]]]:
    rows = lint(list(listing.tools or ()), "all", server=server)
    found: dict[str, list[tuple[str, str, bool]]] = {}
    for row in rows[rows["tool"].notna()].to_dict("records"):
        refused = row["severity"] == "error" or row["rule"] == "name-begins-with-underscore"
        found.setdefault(str(row["catalogue"]), []).append((row["tool"], row["message"], refused))
    return found


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
