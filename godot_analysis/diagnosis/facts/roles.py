"""Who plays which part, inferred from what they do: relays route, backends answer, clients only ask."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from godot_analysis.diagnosis.facts._lists import Arrival
    from godot_analysis.diagnosis.facts.calls import Calls
    from godot_analysis.reading.events import Events

__all__ = ["Roles", "roles"]


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


def roles(events: Events, calls: Calls, arrivals: Iterable[Arrival]) -> Roles:
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
