"""The lists of tools that clients hold: what is declared in them, and what was said against them."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from godot_analysis.reading.names import mentions
from godot_analysis.schema.lint import lint_frame as lint

if TYPE_CHECKING:
    from collections.abc import Collection

    from godot_analysis.diagnosis.facts._lists import Listing
    from godot_analysis.diagnosis.facts.incidents import Incidents
    from godot_analysis.diagnosis.facts.operations import Operations
    from godot_analysis.diagnosis.facts.tools import Tools
    from godot_analysis.diagnosis.facts.topology import Topology
    from godot_analysis.reading.events import Event, Events

__all__ = ["Declared", "Held", "says", "speaks_of_tools"]

_KINDS: Final = {
    "F01": frozenset({"schema.root"}),
    "F02": frozenset({"schema.reference"}),
    "F03": frozenset({"schema.items"}),
    "F04": frozenset({"schema.properties"}),
    "F05": frozenset({"schema.keyword"}),
    "F06": frozenset({"name.length"}),
    "F07": frozenset({"name.pattern", "schema.property_name"}),
}
"""What providers and hosts say against a list, by class."""
_BAD_STATUS: Final = 400
_REFUSED: Final = re.compile(r"\b400\b")
"""What model providers answer to a list of tools that they do not take."""
_VAGUE: Final = frozenset({"arguments.invalid", "dependency.failed", "nothing"})


class Held(NamedTuple):
    """A list of tools as a client holds it: whose it is, and what is wrong with it, by class."""

    listing: Listing
    problems: dict[str, list[tuple[str, str, bool]]]  # class → tool, message, whether a host refuses it
    names: frozenset[str]


class Declared:
    """What is known of the lists that clients hold, and of what was said against them."""

    def __init__(
        self, events: Events, topology: Topology, operations: Operations, incidents: Incidents, tools: Tools
    ) -> None:
        self._events, self._topology, self._operations = events, topology, operations
        self._incidents, self._tools = incidents, tools
        self._held: dict[str | None, list[Held]] = {}
        self._problems: dict[tuple[str, tuple[str, ...]], dict[str, list[tuple[str, str, bool]]]] = {}

    def held(self, relay: str | None = None) -> list[Held]:
        """The last list of each server that a host, a client or `relay` holds, with what is wrong with it."""
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
    def complaints(self) -> list[Event]:
        """The errors that were logged, other than those of calls, and the HTTP requests that were refused."""
        said = [
            replace(item, text=item.said)
            for item in self._incidents.complaints
            if not (item.method or "").startswith("tools/call")
        ]
        said += [
            replace(item, level="ERROR") for item in self._events.of("http") if item.status >= _BAD_STATUS
        ]
        return said

    def complaints_of(self, code: str) -> list[Event]:
        """The errors that speak of this class of fault in a list, in words or by the tool that they name."""
        return [
            complaint
            for complaint in self.complaints
            if says(code, complaint.kinds) or self._meant.get(complaint.record) == code
        ]

    @cached_property
    def _meant(self) -> dict[str, str]:
        """What was refused in words that nobody understood: what is odd with the tool that they name.

        A tool that was called was not refused, but where the status is the one of model providers.
        """
        found: dict[str, str] = {}
        for complaint in self.complaints:
            if not _VAGUE.issuperset(complaint.kinds):
                continue
            for item in self.held():
                named = [name for name in item.names if mentions(complaint.said, name)]
                if not named or complaint.component == item.listing.server:
                    continue
                tool = max(named, key=len)
                if _REFUSED.search(complaint.said) or not self._operations.calls.where("tool", tool):
                    code = _likely(tool, item)
                    found |= {complaint.record: code} if code else {}
        return found

    def dangles(self, tool: str, listing: Listing) -> bool:
        """Whether a list refers to a definition for this tool that it does not hold."""
        key = listing.server, listing.records
        if key not in self._problems:
            self._problems[key] = _problems(listing, listing.server)
        return any(
            name == tool and "not defined" in text for name, text, _ in self._problems[key].get("F02", ())
        )


def _likely(tool: str, item: Held) -> str | None:
    """The one class of fault that the declaration of a tool has: of several, the one that hosts refuse."""
    odd = {
        code: any(refused for name, _, refused in rows if name == tool)
        for code, rows in item.problems.items()
        if code in _KINDS and any(name == tool for name, _, _ in rows)
    }
    refused = [code for code, is_refused in odd.items() if is_refused] or list(odd)
    return refused[0] if len(refused) == 1 else None


def _problems(listing: Listing, server: str) -> dict[str, list[tuple[str, str, bool]]]:
    rows = lint(list(listing.tools or ()), "all", server=server)
    found: dict[str, list[tuple[str, str, bool]]] = {}
    for row in rows[rows["tool"].notna()].to_dict("records"):
        refused = row["severity"] == "error" or row["rule"] == "name-begins-with-underscore"
        found.setdefault(str(row["catalogue"]), []).append((row["tool"], row["message"], refused))
    return found


def says(code: str, kinds: Collection[str]) -> bool:
    """Whether a text of these kinds tells of this class of fault in the declaration of a tool."""
    return not _KINDS[code].isdisjoint(kinds)


def speaks_of_tools(kinds: Collection[str]) -> bool:
    """Whether a text of these kinds tells of any fault in the declaration of a tool, or of too many."""
    return "limit.tools" in kinds or any(says(code, kinds) for code in _KINDS)
