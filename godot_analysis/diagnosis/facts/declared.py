"""The lists of tools that clients hold: what is declared in them, and what was said against them."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from godot_analysis.schema.lint import lint_frame as lint

if TYPE_CHECKING:
    from collections.abc import Collection

    from godot_analysis.diagnosis.facts._lists import Listing
    from godot_analysis.diagnosis.facts.incidents import Incidents
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


class Held(NamedTuple):
    """A list of tools as a client holds it: whose it is, and what is wrong with it, by class."""

    listing: Listing
    problems: dict[str, list[tuple[str, str, bool]]]  # class → tool, message, whether a host refuses it
    names: frozenset[str]


class Declared:
    """What is known of the lists that clients hold, and of what was said against them."""

    def __init__(self, events: Events, topology: Topology, incidents: Incidents, tools: Tools) -> None:
        self._events, self._topology, self._incidents, self._tools = events, topology, incidents, tools
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
        """The errors that speak of this class of fault in a list."""
        return [complaint for complaint in self.complaints if says(code, complaint.kinds)]

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


def says(code: str, kinds: Collection[str]) -> bool:
    """Whether a text of these kinds tells of this class of fault in the declaration of a tool."""
    return not _KINDS[code].isdisjoint(kinds)


def speaks_of_tools(kinds: Collection[str]) -> bool:
    """Whether a text of these kinds tells of any fault in the declaration of a tool, or of too many."""
    return "limit.tools" in kinds or any(says(code, kinds) for code in _KINDS)
