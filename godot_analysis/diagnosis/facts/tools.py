"""The catalogue of tools: what was listed to whom, what was offered, and what was refused."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from godot_analysis.diagnosis.facts._lists import Refused, listings_of
from godot_analysis.diagnosis.facts._names import Owners, count_families, family, split_front
from godot_analysis.diagnosis.facts.call import LIST
from godot_analysis.diagnosis.facts.timeline import Timeline, Timelines, grouped
from godot_analysis.diagnosis.matches import calls_of
from godot_analysis.schema import takes

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from godot_analysis.diagnosis.facts._lists import Arrival, Listing
    from godot_analysis.diagnosis.facts.call import Call
    from godot_analysis.diagnosis.facts.calls import Calls
    from godot_analysis.diagnosis.facts.operations import Operations
    from godot_analysis.diagnosis.facts.sessions import Sessions
    from godot_analysis.diagnosis.facts.topology import Topology
    from godot_analysis.reading.events import Event, Events
    from godot_analysis.reconstruction.flow import Flow

__all__ = ["Refused", "Tools"]

_VAGUE: Final = frozenset({"nothing", "arguments.invalid", "method.unknown", "upstream.unavailable"})
"""What an error may tell of that is of a tool nobody has."""
_NESTED: Final = frozenset({"object", "array"})
_OTHER_USES: Final = frozenset({"resources", "prompts", "completions", "tasks", "extensions", "experimental"})


class Tools:
    """What is known of the lists of tools."""

    def __init__(
        self, flow: Flow, events: Events, topology: Topology, operations: Operations, sessions: Sessions
    ) -> None:
        self._events = events
        self._topology, self._operations, self._sessions = topology, operations, sessions
        counts = [
            (item.time, item.component, item.count or 0, item.record) for item in events.of("tools counted")
        ]
        self.listings = listings_of(operations.table.all(LIST), flow, counts)
        self._given: dict[str, Timelines[str, Listing]] = {}
        self._described: dict[str, dict[str, list[tuple[pd.Timestamp, dict[str, Any]]]]] = {}

    @cached_property
    def owners(self) -> Owners:
        """Which backend runs which tool."""
        owners = Owners()
        routes = Counter((route.tool, route.server) for route in self._events.of("route"))
        for (routed, backend), number in routes.items():
            if routed and backend and backend not in self._topology.roles.relays:
                owners.learn(routed, backend, number)
        for (tool, callee), number in self._operations.calls.leaves.counts("tool", "callee").items():
            if tool and callee and callee not in self._topology.roles.relays:
                owners.learn(tool, callee, number)
        lists = Counter((listing.names, listing.server) for listing in self.listings if listing.names)
        for (names, server), number in lists.items():
            if server not in self._topology.roles.relays:
                for name in names or ():
                    owners.learn(name, server, number)
        return owners

    @cached_property
    def tables(self) -> list[tuple[pd.Timestamp, frozenset[str]]]:
        """What the relay knew, each time the log shows it: time and names."""
        found = [
            (refusal.time, refusal.names)
            for refusal in self._events.of("refusal")
            if refusal.names is not None and refusal.component in self._topology.roles.relays
        ]
        found += [
            (listing.time, self.held(listing.server, listing.time))
            for listing in self.listings
            if listing.server in self._topology.roles.relays and listing.names is not None
        ]
        return sorted(found, key=lambda item: item[0])

    def table_at(self, time: pd.Timestamp) -> frozenset[str] | None:
        """The relay's tool table at `time`, as it was last shown in the same incarnation of the relay."""
        last = self._tables.until(time)
        if last is None or not self._sessions.incarnation_at(time).holds(last[0]):
            return None
        return last[1]

    @cached_property
    def _tables(self) -> Timeline[tuple[pd.Timestamp, frozenset[str]]]:
        return Timeline(self.tables, itemgetter(0))

    def lists_of(self, server: str) -> list[Listing]:
        """What a server answered to `tools/list`, in order of time."""
        return self._lists.get(server, [])

    @cached_property
    def _lists(self) -> dict[str, list[Listing]]:
        return grouped((listing.server, listing) for listing in self.listings)

    @cached_property
    def refused(self) -> list[Refused]:
        """Every tool that was refused, by record or by answer, in order of time."""
        found = [self._refused_in(refusal) for refusal in self._events.of("refusal")]
        told = calls_of(found)
        codes, _ = self._operations.backend_codes
        unrouted = self._operations.roots.only(codes[self._operations.table.lasts] < 0)
        for call in unrouted.failed:
            if call.number not in told and self._refuses(call):
                table = self.table_at(call.started)
                by = call.last.callee or self._topology.relay
                found.append(Refused(call.started, by, call.tool or "", table, call.rows, call.family))
        found += self._refused_by_owner()
        return sorted(found, key=lambda item: item.time)

    @cached_property
    def refused_families(self) -> Counter[str]:
        """How many different tools of each family were refused."""
        return count_families({item.tool for item in self.refused})

    def _refuses(self, call: Call) -> bool:
        """Whether an error says that its tool is not known, or may say so of one that is not listed."""
        if not call.tool or not call.error_text:
            return False
        if call.tells("tool.unknown"):
            return True
        server = call.last.callee or ""
        known = self.held(server, call.started) if _VAGUE.issuperset(call.reading.kinds) else None
        return bool(known) and call.tool not in (known or ()) and not self.lists_of(server)[-1].next_cursor

    @cached_property
    def refused_by_host(self) -> list[Refused]:
        """The tools that a host refused by itself, before any call was made."""
        others = (self._topology.roles.relays | self._topology.roles.backends) - self._topology.roles.hosts
        return [item for item in self.refused if not item.own and item.by not in others]

    def _refused_by_owner(self) -> Iterator[Refused]:
        """Calls of a tool that their server has never listed, and says so, in whatever words."""
        own = ~self._operations.table.mask("callee", None, *self._topology.roles.relays)
        for call in self._operations.calls.leaves.only(own).failed:
            server, tool = call.callee or "", call.tool or ""
            known = self.held(server, call.started)
            if known and tool not in known and self._refuses(call):
                top = self._operations.operation_of(call)
                yield Refused(call.started, server, tool, known, top.rows, top.family, server, own=True)

    def missed(self, server: str) -> list[Refused]:
        """The tools that a host refused by itself, and that can only be those of one server."""
        return [item for item in self.refused_by_host if self.owner_of(item) == server]

    def works_otherwise(self, refusal: Refused) -> bool:
        """Whether calls of a tool that a host refused without its prefix went well before and after that."""
        own = refusal.server is None and refusal.by in self._topology.roles.hosts
        return own and self._operations.answered_around(refusal.by, refusal.tool, refusal.time)

    def held(self, server: str, time: pd.Timestamp, client: str | None = None) -> frozenset[str]:
        """The names of all pages of the last list that `server` gave before `time`.

        That of `client` is the last one that it got itself, if it is known to have got any.
        """
        rows = self._held.get((server, client)) or self._held.get((server, None)) or []
        at = bisect_right(rows, time, key=lambda row: row[0]) - 1
        return rows[at][1] if at >= 0 else frozenset()

    @cached_property
    def _held(self) -> dict[tuple[str, str | None], list[tuple[pd.Timestamp, frozenset[str]]]]:
        found: dict[tuple[str, str | None], list[tuple[pd.Timestamp, frozenset[str]]]] = {}
        for listing in self.listings:
            if listing.names is None:
                continue
            for client in {None, listing.caller}:
                rows = found.setdefault((listing.server, client), [])
                whole = listing.cursor is None or not rows
                rows.append((listing.time, listing.names if whole else rows[-1][1] | listing.names))
        return found

    def last_list(self, server: str, time: pd.Timestamp) -> Listing | None:
        """The last list with names that `server` gave until `time`."""
        return self._named_lists[server].until(time)

    @cached_property
    def _named_lists(self) -> Timelines[str, Listing]:
        return Timelines((item.server, item) for item in self.listings if item.names is not None)

    def relay_list(self, time: pd.Timestamp) -> Listing | None:
        """The last list with names that a relay gave until `time`."""
        return self._relay_lists.until(time)

    @cached_property
    def _relay_lists(self) -> Timeline[Listing]:
        relays = self._topology.roles.relays
        return Timeline(item for item in self.listings if item.server in relays and item.names is not None)

    def backend_list(self, tool: str, time: pd.Timestamp) -> Listing | None:
        """The last list of a backend until `time` that had a refused tool."""
        return self._lists_of_refused[tool].until(time)

    @cached_property
    def _lists_of_refused(self) -> Timelines[str, Listing]:
        refused = frozenset(item.tool for item in self.refused)
        lists = (item for item in self.listings if item.server not in self._topology.roles.relays)
        return Timelines((tool, item) for item in lists for tool in refused & (item.names or frozenset()))

    def given_to(self, client: str, time: pd.Timestamp) -> dict[str, Listing]:
        """The last lists that a client got until `time`, by server; those of the relay if it logs none."""
        if client not in self._given:
            relays = self._topology.roles.relays - self._topology.roles.hosts
            named = [item for item in self.listings if item.names is not None]
            own = [item for item in named if item.caller == client]
            lists = own or [item for item in named if item.server in relays]
            self._given[client] = Timelines((item.server, item) for item in lists)
        last = ((server, lists.until(time)) for server, lists in self._given[client].items())
        return {server: item for server, item in last if item is not None}

    def described(self, server: str, tool: str | None, time: pd.Timestamp) -> dict[str, Any] | None:
        """What the last list of `server` before `time` says of a tool; None when it is not in it."""
        rows = self.descriptions(server).get(tool or "", ())
        at = bisect_right(rows, time, key=lambda row: row[0]) - 1
        return rows[at][1] if at >= 0 else None

    def descriptions(self, server: str) -> dict[str, list[tuple[pd.Timestamp, dict[str, Any]]]]:
        """What the lists of `server` say of each tool, by name, each time they say something else."""
        if server not in self._described:
            found: dict[str, list[tuple[pd.Timestamp, dict[str, Any]]]] = {}
            for listing in self.lists_of(server):
                for told in listing.tools or ():
                    rows = found.setdefault(str(told.get("name")), [])
                    if not rows or rows[-1][1] != told:
                        rows.append((listing.time, told))
            self._described[server] = found
        return self._described[server]

    def input_schema(self, call: Call, server: str | None = None) -> dict[str, Any]:
        """What `server`, the one that was called unless told, last listed as the input schema of the tool."""
        server = server or call.callee
        rows = self.descriptions(server).get(call.tool or "", ()) if server else ()
        told = [tool for since, tool in rows if since <= call.started]
        schema = told[-1].get("inputSchema") if told else None
        return schema if isinstance(schema, dict) else {}

    def listed_properties(self, call: Call) -> frozenset[str]:
        """The arguments that the list of the server names for the tool."""
        found = self.input_schema(call).get("properties")
        return frozenset(found) if isinstance(found, dict) else frozenset()

    def parameters(self, call: Call) -> frozenset[str] | None:
        """All arguments that a call can have, as its server's list says; None when that is left open."""
        schema = self.input_schema(call)
        names = self.listed_properties(call)
        kinds = [takes(schema["properties"][name], schema) for name in names]
        flat = bool(kinds) and all(some and some.isdisjoint(_NESTED) for some in kinds)
        return names if flat else None

    def owner_of(self, refusal: Refused) -> str | None:
        """The backend of a refused tool, as its prefix, calls, lists, or the name of an added server tell."""
        added = self._commanded.get((family(refusal.tool) or "").lower())
        only = (
            next(iter(self.servers_with_unknown_tools)) if len(self.servers_with_unknown_tools) == 1 else None
        )
        called = next(self._called_like(refusal.tool), None)
        return refusal.server or self.owners.of(refusal.tool) or added or called or only

    @cached_property
    def _commanded(self) -> dict[str, str]:
        """The names of the backends that were managed, by their lower-case spelling, the first one first."""
        return {item.name.lower(): item.name for item in reversed(self._topology.commands) if item.name}

    def _called_like(self, tool: str) -> Iterator[str]:
        """Backends whose whole name begins the name of a tool."""
        plain = tool.lower().replace("-", "_")
        for name in sorted(
            (self._topology.backends | set(self._topology.components))
            - self._topology.roles.relays
            - self._topology.roles.clients
        ):
            if plain.startswith(name.lower().replace("-", "_") + "_"):
                yield name

    @cached_property
    def servers_with_unknown_tools(self) -> frozenset[str]:
        """Servers that may own what nobody lists: not all of their tools are known, though others' are."""
        told = {item.server for item in self.listings if item.names}
        pages = {item.cursor for item in self.listings}
        partly = {item.server for item in self.listings if item.next_cursor and item.next_cursor not in pages}
        servers = {callee for (callee,) in self._operations.setups.counts("callee")}
        servers |= {item.server for item in self._events.of("http")}
        if not told - self._topology.roles.relays:
            direct = (
                servers - self._topology.roles.clients - {None}
                if self._topology.roles.relay is None
                else set()
            )
            return frozenset(filter(None, direct)) if len(direct) == 1 else frozenset()
        unlisted = {
            server
            for server in filter(None, servers - told)
            if not any(_serves_else(one) for one in self._sessions.arrivals_at(server))
            and self._operations.well_answered(server) is None
        }
        return frozenset(unlisted | partly) - self._topology.roles.relays - self._topology.roles.clients

    def _refused_in(self, refusal: Event) -> Refused:
        tool, owner = self._without_prefix(refusal)
        calls = [call for call in self._of_refused.get(refusal.trace or "", ()) if call.tool == tool]
        if not calls and refusal.component in self._topology.roles.relays:
            failed = self._failed_here.get(tool)
            near = None if failed is None else failed.nearest(refusal.time)
            calls = [] if near is None else [near]
        table = refusal.names if refusal.names is not None else self._known_by(refusal)
        rows = (refusal.record, *(row for call in calls for row in call.rows if row != refusal.record))
        numbers = self._operations.families(calls)
        named = owner or refusal.prefix.removeprefix("mcp__").removesuffix("__") or None
        server = named if named in self._servers else None
        return Refused(
            refusal.time, refusal.component, tool, table, rows, numbers, server, remark=refusal.remark
        )

    @cached_property
    def _servers(self) -> frozenset[str | None]:
        """Whom a host's prefix may name: whoever takes part, and servers that are known by their troubles."""
        known = self._topology.backends | set(self._topology.components)
        known |= {failure.server for failure in self._events.of("failure") if failure.server}
        return frozenset(known - self._topology.roles.relays - self._topology.roles.clients)

    @cached_property
    def _failed_here(self) -> dict[str, Calls]:
        """The operations that failed before they went to any backend, by tool."""
        codes, _ = self._operations.backend_codes
        failed = self._operations.roots.failed.only(codes[self._operations.table.lasts] < 0)
        return failed.groups(*self._operations.table.codes("tool"))

    @cached_property
    def _of_refused(self) -> dict[str, list[Call]]:
        """The operations of those traces in which a tool was refused."""
        traces = {refusal.trace for refusal in self._events.of("refusal") if refusal.trace}
        return grouped((call.trace or "", call) for call in self._operations.roots.where("trace_id", *traces))

    def _without_prefix(self, refusal: Event) -> tuple[str, str | None]:
        """The refused tool as its server names it, and the server, if its host puts that in front."""
        tool = refusal.tool or ""
        if (
            refusal.prefix
            or tool in self._listed_names
            or refusal.component in self._topology.roles.relays - self._topology.roles.hosts
        ):
            return tool, None
        servers = {*self._topology.components, *self._topology.backends, *self._topology.roles.relays}
        return split_front(tool, servers, lambda server: self.held(server, refusal.time))

    @cached_property
    def _listed_names(self) -> frozenset[str]:
        return frozenset[str]().union(*(listing.names or () for listing in self.listings))

    def _known_by(self, refusal: Event) -> frozenset[str] | None:
        offer = self._offers[refusal.component].until(refusal.time)
        if offer is not None:
            tool, _ = self._without_prefix(refusal)
            prefix = refusal.prefix or (refusal.tool or "").removesuffix(tool)
            return frozenset(name.removeprefix(prefix) for name in offer.names or ())
        return self.table_at(refusal.time)

    @cached_property
    def _offers(self) -> Timelines[str, Event]:
        offers = self._events.of("tools offered")
        return Timelines((offer.component, offer) for offer in offers if offer.names is not None)


def _serves_else(arrival: Arrival) -> bool:
    """Whether a server declared that it is there for something else than tools."""
    return arrival.lacks_tools and not _OTHER_USES.isdisjoint(arrival.capabilities or ())
