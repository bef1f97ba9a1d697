"""Who takes part, and in which role: relays, backends, clients, hosts, and what was ordered of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal

from godot_analysis.diagnosis.facts._lists import arrivals_of
from godot_analysis.diagnosis.facts.call import HANDSHAKES, LIST, TOOL_CALL
from godot_analysis.reading.fields import NAMED
from godot_analysis.reading.names import is_address, parts_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from godot_analysis.diagnosis.facts._lists import Arrival
    from godot_analysis.diagnosis.facts.call import Call
    from godot_analysis.diagnosis.facts.calls import Calls, CallTable
    from godot_analysis.reading.events import Events
    from godot_analysis.reconstruction.flow import Flow

__all__ = ["Management", "Roles", "Topology"]

Verb = Literal["add", "remove", "reconnect", "inspect"]

_VERBS: Final[dict[Verb, frozenset[str]]] = {
    "reconnect": frozenset({"reconnect", "refresh", "reload", "restart", "retry"}),
    "add": frozenset({"add", "register", "attach", "enable", "connect", "mount", "create"}),
    "remove": frozenset(
        {"remove", "unregister", "detach", "disable", "disconnect", "drop", "delete", "unmount"}
    ),
    "inspect": frozenset({"list", "get", "show", "status"}),
}
_NOUNS: Final = frozenset({"server", "servers", "backend", "backends", "upstream", "upstreams", "status"})
_CLIENT: Final = "client"
_RELAY: Final = "relay"


@dataclass(frozen=True)
class Roles:
    """The parts that components play; `relay` is the busiest of `relays`, None when none is known.

    `hosts` show tools to a model. A host that greets its servers itself is the hub that `relay` names, too.
    """

    relay: str | None
    relays: frozenset[str]
    backends: frozenset[str]
    clients: frozenset[str]
    hosts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Management:
    """A call that asked the relay to change or show its connections."""

    time: pd.Timestamp
    relay: str | None
    verb: Verb
    name: str | None
    url: str | None
    call: Call


class Topology:
    """What is known of the components and their parts.

    `expected` are backends that the reader of the diagnosis named: their silence counts as evidence even if
    the log never mentions them.
    """

    def __init__(self, flow: Flow, events: Events, table: CallTable, expected: frozenset[str]) -> None:
        self._flow, self._table = flow, table
        self.expected = expected
        calls = table.all(TOOL_CALL)
        self._roots = calls.only(table.roots)
        self.roles = _roles(events, calls, arrivals_of(table.all(*HANDSHAKES)))
        self.commands = _management_of(self._roots, self.roles.relays)

    @cached_property
    def components(self) -> dict[str, tuple[pd.Timestamp, pd.Timestamp]]:
        """Each component that logged, with its first and last record."""
        times = self._flow.logs.groupby("component", observed=True)["event_created_at"].agg(["min", "max"])
        return {str(name): (first, last) for name, first, last in times.itertuples()}

    @cached_property
    def backends(self) -> frozenset[str]:
        """All backends that the log or the reader names."""
        named = {item.name for item in self.commands if item.name}
        return self.roles.backends | named | self.expected

    @cached_property
    def participants(self) -> frozenset[str]:
        """Who sent or got a request of any kind."""
        columns = (self._table.codes(column)[1] for column in ("caller", "callee"))
        return frozenset(name for names in columns for name in names)

    @property
    def unlogged_backends(self) -> frozenset[str]:
        """Backends that calls or commands name and that logged nothing themselves."""
        return self.backends - set(self.components)

    @cached_property
    def client(self) -> str:
        """The name of the first sender, or just `client`."""
        named = [caller for (caller,) in self._roots.counts("caller") if caller]
        first = next((name for name in named if name not in self.roles.relays), None)
        told = first or min(self.roles.clients or self.roles.hosts, default=None)
        return told or next(iter([*named, *self._asking]), _CLIENT)

    @cached_property
    def relay(self) -> str:
        """The relay's name; the client's where none stands between, and `relay` if the log names neither."""
        known = self.roles.clients or self._asking
        return self.roles.relay or (self.client if known else _RELAY)

    @cached_property
    def _asking(self) -> list[str]:
        """Who sent a request of any kind, and serves nobody."""
        others = self.roles.relays | self.roles.backends
        asking = (caller for (caller,) in self._table.all(TOOL_CALL, LIST, *HANDSHAKES).counts("caller"))
        return [caller for caller in asking if caller and caller not in others]


def _roles(events: Events, calls: Calls, arrivals: Iterable[Arrival]) -> Roles:
    """Infer the roles from routes, refusals, calls passed on, and handshakes."""
    met = calls.counts("caller", "callee")
    edges = Counter({(caller, callee): number for (caller, callee), number in met.items() if callee})
    hands = Counter((arrival.caller, arrival.backend) for arrival in arrivals)
    edges.update(hands)
    asked = {callee for _, callee in edges if callee}
    asking = {caller for caller, _ in edges if caller}
    routing = _routing(events, calls) or _in_between(edges, hands) or _busiest(hands)
    relays = frozenset(routing)
    clients = asking - asked - relays
    # Only a host knows what its model was offered, or refuses a tool without having been called.
    hosts = {refusal.component for refusal in events.of("refusal") if refusal.names is None or refusal.prefix}
    hosts |= {offer.component for offer in events.of("tools offered")}
    clients |= hosts - relays - asked
    backends = {route.server for route in events.of("route") if route.server} | {
        trouble.server for trouble in events.of("failure") if trouble.link and trouble.server
    }
    backends |= {count.component for count in events.of("tools counted")} | asked
    return Roles(
        relay=routing.most_common(1)[0][0] if routing else None,
        relays=relays,
        backends=frozenset(backends - relays - clients),
        clients=frozenset(clients),
        hosts=frozenset(hosts - asked),
    )


def _routing(events: Events, calls: Calls) -> Counter[str]:
    """Who is seen to route: chooses backends, refuses by a table, or passes the very same tool on.

    A backend that calls another tool of another backend for its own work is no relay.
    """
    found = Counter(route.component for route in events.of("route"))
    found.update(r.component for r in events.of("refusal") if r.names is not None and not r.prefix)
    passed = calls.only(calls.table.passing_on).counts("callee")
    found.update({callee: number for (callee,), number in passed.items() if callee})
    return found


def _in_between(
    edges: Counter[tuple[str | None, str]], hands: Counter[tuple[str | None, str]]
) -> Counter[str]:
    """Who is greeted by somebody outside and greets others itself, where no call shows the routing."""
    middle = {callee for _, callee in edges} & {caller for caller, _ in hands if caller}
    return Counter(
        {name: edges.total() for name in middle if any(b == name and a not in middle for a, b in edges)}
    )


def _busiest(hands: Counter[tuple[str | None, str]]) -> Counter[str]:
    """Whoever shook hands with more than one server, if nothing better is known."""
    servers: dict[str, set[str]] = {}
    for caller, server in hands:
        if caller:
            servers.setdefault(caller, set()).add(server)
    return Counter({caller: len(greeted) for caller, greeted in servers.items() if len(greeted) > 1})


def _management_of(operations: Calls, relays: Iterable[str]) -> list[Management]:
    """The operations that a relay answered by itself to add, remove, reconnect or show its backends."""
    table = operations.table
    at_relay = table.mask("callee", *relays, None)
    own = operations.only(at_relay & at_relay[table.lasts])
    verbs = {tool: verb for (tool,) in own.counts("tool") if tool and (verb := _verb(tool)) is not None}
    found = []
    for call in own.where("tool", *verbs):
        verb = verbs[call.tool or ""]
        arguments = call.arguments or {}
        name = next((arguments[key] for key in NAMED if isinstance(arguments.get(key), str)), None)
        url = next((v for v in arguments.values() if isinstance(v, str) and is_address(v)), None)
        if verb == "inspect" or name is not None:
            found.append(Management(call.started, call.last.callee, verb, name, url, call))
    return sorted(found, key=lambda item: item.time)


def _verb(tool: str) -> Verb | None:
    """What a tool of this name does to a connection; None when it has to do with something else."""
    words = set(parts_of(tool.lower()))
    if not words & _NOUNS:
        return None
    return next((verb for verb, spellings in _VERBS.items() if words & spellings), None)
