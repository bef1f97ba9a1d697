"""Backends whose tools the relay lacks: who is missing, since when, and what the log tells about each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pandas as pd

from godot_analysis.diagnosis.facts._names import count_families, family, nearest, normalised
from godot_analysis.diagnosis.matches import calls_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from godot_analysis.diagnosis.facts import Arrival, Call, Facts, Incarnation, Listing, Management, Refused
    from godot_analysis.reading.events import Event

_ATTEMPTS: Final = pd.Timedelta(seconds=10)
_SEVERAL: Final = 2

__all__ = ["Missing", "find_missing", "lacking_calls", "misnamed"]


@dataclass
class Missing:
    """A backend that the relay had no tools of, in one incarnation of the relay."""

    backend: str
    incarnation: Incarnation
    refusals: list[Refused] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    visitors: list[Arrival] = field(default_factory=list)
    listings: list[Listing] = field(default_factory=list)
    commands: list[Management] = field(default_factory=list)
    troubles: list[Event] = field(default_factory=list)
    late_starts: list[Event] = field(default_factory=list)
    served_before: Sequence[Call] = field(default_factory=list)
    arrived_before: list[Arrival] = field(default_factory=list)
    commands_before: list[Management] = field(default_factory=list)

    @property
    def first(self) -> pd.Timestamp | None:
        """When the lack was first felt; None when nobody asked for a tool."""
        return min((refusal.time for refusal in self.refusals), default=None)

    @property
    def tools(self) -> list[str]:
        """The refused tools, each once."""
        return list(dict.fromkeys(refusal.tool for refusal in self.refusals))

    @property
    def tool(self) -> str | None:
        """The refused tool, if it is only one."""
        return self.tools[0] if len(self.tools) == 1 else None

    @property
    def calls(self) -> frozenset[int]:
        """The calls that failed for it."""
        return calls_of(self.refusals)

    @property
    def rows(self) -> tuple[str, ...]:
        """The rows of the refusals."""
        return tuple(dict.fromkeys(row for refusal in self.refusals for row in refusal.records))

    @property
    def reached(self) -> list[Arrival]:
        """The relay's own handshakes before the lack was felt."""
        return [arrival for arrival in self.arrivals if self.first is None or arrival.time <= self.first]

    @property
    def removed(self) -> Management | None:
        """The command that took the backend away on purpose, if no later one brought it back."""
        last = [item for item in self.commands if item.verb != "inspect"][-1:]
        return last[0] if last and last[0].verb == "remove" else None


def find_missing(facts: Facts) -> list[Missing]:
    """Every backend that the relay lacks, the refused ones first, then those conspicuous by silence."""
    found: dict[tuple[str, int], Missing] = {}
    for refusal in facts.tools.refused:
        if refusal.own or facts.tools.works_otherwise(refusal):
            continue
        backend = _backend_lacking(refusal, facts)
        if backend is not None:
            incarnation = facts.sessions.incarnation_at(refusal.time)
            found.setdefault((backend, id(incarnation)), Missing(backend, incarnation)).refusals.append(
                refusal
            )
    last = facts.sessions.incarnations[-1]
    for backend in _silent(facts, last):
        found.setdefault((backend, id(last)), Missing(backend, last))
    for item in found.values():
        _describe(item, facts)
    return list(found.values())


def lacking_calls(facts: Facts, backend: str | None) -> frozenset[int]:
    """The calls that failed because the relay had no tools of a backend, or nobody else can own theirs."""
    mine = [item.calls for item in facts.lacks_of(backend)]
    mine += [
        item.calls
        for item in misnamed(facts)
        if backend in facts.tools.servers_with_unknown_tools and facts.tools.owner_of(item) == backend
    ]
    return frozenset[int]().union(*mine)


def misnamed(facts: Facts) -> Iterator[Refused]:
    """Refusals of a tool whose backend was there: only the name was wrong."""
    lacking = {id(refusal) for item in facts.missing for refusal in item.refusals}
    return (refusal for refusal in facts.tools.refused if id(refusal) not in lacking)


def _backend_lacking(refusal: Refused, facts: Facts) -> str | None:
    """The backend whose absence explains the refusal; None when its backend was there."""
    tool, table = refusal.tool, refusal.table
    if refusal.by not in facts.topology.roles.relays:
        # A client may offer less than it was given; what the relay knows decides.
        table = facts.tools.table_at(refusal.time) or table
    name = family(tool)
    owner = facts.tools.owner_of(refusal)
    if owner is not None and (held := facts.tools.held(owner, refusal.time)) and tool not in held:
        return None  # its backend has listed others, and not this one
    if owner is not None and _taken_away(owner, refusal, facts):
        return owner
    if table is None:
        return _lacking_unseen(refusal, owner or name, facts)
    if _has_family(tool, table, facts):
        return None
    if owner is not None:
        return owner
    return None if nearest(tool, table) is not None else _component(name, facts, refusal)


def _taken_away(backend: str, refusal: Refused, facts: Facts) -> bool:
    """Whether the last command before a refusal removed its backend, whatever older lists say."""
    incarnation = facts.sessions.incarnation_at(refusal.time)
    orders = [
        item
        for item in facts.topology.commands
        if item.name == backend
        and item.verb != "inspect"
        and item.time <= refusal.time
        and incarnation.holds(item.time)
    ]
    return bool(orders) and orders[-1].verb == "remove"


def _has_family(tool: str, table: frozenset[str], facts: Facts) -> bool:
    """Whether the relay knew tools of the same backend at that moment: then only the name is wrong."""
    name, owner = family(tool), facts.tools.owners.of(tool)
    families = {found.lower() for known in table if (found := family(known)) is not None}
    families |= {
        found for item in facts.topology.commands if (found := family(item.call.tool or "")) is not None
    }
    kin = owner is not None and bool(facts.tools.owners.tools_of(owner) & table)
    spelt = any(normalised(known) == normalised(tool) for known in table)
    return spelt or kin or (name is not None and name.lower() in families)


def _lacking_unseen(refusal: Refused, guess: str | None, facts: Facts) -> str | None:
    """The same without a table: missing is what the relay neither reached nor used in this incarnation."""
    backend = guess if guess in facts.topology.backends else _component(guess, facts, refusal)
    if backend is None:
        return None
    if refusal.by in facts.topology.roles.relays and refusal.tool in facts.tools.held(backend, refusal.time):
        return backend  # it was listed, and is not known all the same
    incarnation = facts.sessions.incarnation_at(refusal.time)
    there = any(
        arrival.time <= refusal.time
        for arrival in _own(incarnation.reached.get(backend, ()), incarnation, facts)
    )
    return None if there or facts.sessions.served_in(backend, incarnation) else backend


def _component(name: str | None, facts: Facts, refusal: Refused) -> str | None:
    """The component behind a family: of the same name, the only idle one, or one named like the family."""
    known = set(facts.topology.components) | facts.topology.backends
    known -= facts.topology.roles.relays | facts.topology.roles.clients
    if name is not None:
        for spelled in sorted(known):
            if spelled.lower() == name.lower():
                return spelled
        alike = [spelled for spelled in known if name.lower() in spelled.lower().replace("_", "-").split("-")]
        if len(alike) == 1:
            return alike[0]
    # Where nothing ties a component to the tool, a visit by somebody proves nothing: it must say it serves.
    serving = {start.component for start in facts.events.of("start")}
    serving -= {visit.component for visit in facts.events.of("connection")}
    incarnation = facts.sessions.incarnation_at(refusal.time)
    listed_ones = {found.lower() for tool in refusal.table or () if (found := family(tool)) is not None}
    idle = [
        spelled
        for spelled in known & serving
        if spelled not in incarnation.reached
        and spelled.lower() not in listed_ones
        and not facts.tools.owners.tools_of(spelled)
        and not facts.sessions.served_in(spelled, incarnation)
    ]
    if len(idle) == 1 and incarnation.burst:
        return idle[0]
    return name if _named_after_servers(facts, refusal) else None


def _named_after_servers(facts: Facts, refusal: Refused) -> bool:
    """Whether tools are named after their servers here, so that a family tells of one that nobody names."""
    asked = facts.tools.refused_families
    families = count_families(refusal.table or ())
    servers = {
        name.lower()
        for name in set(facts.topology.components) | facts.topology.backends | set(facts.topology.expected)
    }
    greets_itself = (
        refusal.by in facts.topology.roles.relays & facts.topology.roles.hosts
    )  # then it knows who its servers are
    several = asked[(family(refusal.tool) or "").lower()] >= _SEVERAL
    return (
        (several and not greets_itself)
        or any(name in servers or number >= _SEVERAL for name, number in families.items())
        or any(
            server.lower() in count_families(facts.tools.owners.tools_of(server))
            for server in facts.topology.backends
        )
    )


def _silent(facts: Facts, incarnation: Incarnation) -> Iterator[str]:
    """Backends that the relay should have connected to and that show no sign of it, while others do."""
    if not incarnation.burst and all(trouble.link != "refused" for trouble in facts.incidents.troubles):
        return
    connected = {item.component for item in facts.events.of("connection") if incarnation.holds(item.time)}
    # Whom the relay routes calls to it has listed the tools of.
    routes = [route for route in facts.events.of("route") if incarnation.holds(route.time)]
    connected |= {route.server for route in routes if route.server}
    for backend in sorted(_belonging(facts, incarnation)):
        there = _own(incarnation.reached.get(backend, ()), incarnation, facts)
        if not facts.topology.roles.relays:  # then whoever greets it is one of its clients
            there = facts.sessions.arrivals_at(backend)
        if not there and backend not in connected and not facts.sessions.served_in(backend, incarnation):
            removed = [
                m
                for m in facts.topology.commands
                if m.name == backend and m.verb != "inspect" and incarnation.holds(m.time)
            ]
            if not (removed and removed[-1].verb == "remove"):
                yield backend


def _belonging(facts: Facts, incarnation: Incarnation) -> set[str]:
    """Backends that the log, or its reader, says the relay is to serve."""
    earlier = [other for other in facts.sessions.incarnations if other is not incarnation]
    found = set(facts.topology.expected)
    found |= {name for other in earlier for name in other.reached}
    found |= {
        item.name for item in facts.topology.commands if item.name and item.verb in {"add", "reconnect"}
    }
    found |= {
        trouble.server
        for trouble in facts.incidents.troubles
        if trouble.server and trouble.link == "refused" and _of_life(trouble.time, incarnation)
    }
    found |= {route.server for route in facts.events.of("route") if route.server}
    found |= {
        call.callee
        for call in facts.sessions.unanswered_handshakes
        if call.callee and incarnation.holds(call.started)
    }
    # A component that announces itself as a server wants to be connected to.
    listeners = {start.component for start in facts.events.of("start") if start.serves}
    found |= {name for name in listeners if name in facts.topology.roles.backends or incarnation.burst}
    gone = {
        item.name for item in facts.topology.commands if item.verb == "remove" and not _returned(item, facts)
    }
    return (
        found - facts.topology.roles.relays - facts.topology.roles.clients - (gone - facts.topology.expected)
    )


def _returned(removal: Management, facts: Facts) -> bool:
    later = [
        item for item in facts.topology.commands if item.name == removal.name and item.time > removal.time
    ]
    return any(item.verb in {"add", "reconnect"} for item in later)


def _describe(item: Missing, facts: Facts) -> None:
    incarnation, backend = item.incarnation, item.backend
    here = incarnation.reached.get(backend, [])
    item.arrivals = _own(here, incarnation, facts)
    mine = set(map(id, item.arrivals))
    item.visitors = [arrival for arrival in here if id(arrival) not in mine]
    own = {record for arrival in item.arrivals for record in arrival.records}
    item.listings = [
        listing
        for listing in facts.tools.listings
        if listing.server == backend and incarnation.holds(listing.time) and (own or not item.visitors)
    ]
    named = [command for command in facts.topology.commands if command.name == backend]
    item.commands = [command for command in named if incarnation.holds(command.time)]
    item.troubles = [
        t for t in facts.incidents.troubles if t.server == backend and _of_life(t.time, incarnation)
    ]
    if incarnation.burst_end is not None:
        item.late_starts = [
            start
            for start in facts.events.of("start")
            if start.component == backend
            and incarnation.holds(start.time)
            and start.time > incarnation.burst_end
        ]
    if incarnation.begin is not None:
        item.served_before = facts.operations.sent_to_backend(backend).answered.before(incarnation.begin)
        item.arrived_before = [
            arrival
            for arrival in facts.sessions.relay_arrivals
            if arrival.backend == backend and arrival.time < incarnation.begin
        ]
        item.commands_before = [command for command in named if command.time < incarnation.begin]


def _of_life(time: pd.Timestamp, incarnation: Incarnation) -> bool:
    """Whether an attempt to connect is of this incarnation: the first may fail before others succeed."""
    return incarnation.holds(time) or (
        incarnation.begin is not None and incarnation.begin - _ATTEMPTS <= time < incarnation.begin
    )


def _own(arrivals: Iterable[Arrival], incarnation: Incarnation, facts: Facts) -> list[Arrival]:
    """The relay's own handshakes: it connects at its start, on command, and after a loss."""
    return [
        arrival
        for arrival in arrivals
        if (
            incarnation.burst_end is None
            or (arrival.time <= incarnation.burst_end and arrival.backend in incarnation.burst)
        )
        or facts.sessions.why_reconnected(arrival)
    ]
