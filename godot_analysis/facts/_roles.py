"""Who plays which part, inferred from what they do: relays route, backends answer, clients only ask."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from godot_analysis.facts._calls import Arrival, Call
    from godot_analysis.facts._scan import Signals

__all__ = ["Roles", "roles"]


@dataclass(frozen=True)
class Roles:
    """The parts that components play; `relay` is the busiest of `relays`, None when none is known."""

    relay: str | None
    relays: frozenset[str]
    backends: frozenset[str]
    clients: frozenset[str]


def roles(signals: Signals, calls: Iterable[Call], arrivals: Iterable[Arrival]) -> Roles:
    """Infer the roles from routes, refusals, calls passed on, and handshakes."""
    routing: Counter[str] = Counter(route.component for route in signals.routes)
    routing.update(
        refusal.component for refusal in signals.refusals if refusal.table is not None and not refusal.prefix
    )
    callers: dict[str, set[str]] = {}
    callees: set[str] = set()
    for call in calls:
        if call.callee:
            callees.add(call.callee)
        if call.caller and call.callee:
            callers.setdefault(call.caller, set()).add(call.callee)
        # Passing the same tool on is routing; calling another tool for it is a backend at work.
        routing.update(
            [call.callee] if call.callee and any(leg.tool == call.tool for leg in call.legs) else []
        )
    arrivals = list(arrivals)
    for arrival in arrivals:
        if arrival.caller:
            callers.setdefault(arrival.caller, set()).add(arrival.backend)
    servers = {arrival.backend for arrival in arrivals}
    for caller, called in callers.items():
        if len(called - {caller}) > 1 and caller in callees | servers:
            routing[caller] += 1
    if not routing:
        # Nobody routes in this log: whoever shook hands with most servers is the relay, logged or not.
        hands = {caller: len(called) for caller, called in callers.items() if len(called) > 1}
        routing.update(hands)
    # A backend that calls another one is no relay: it never passes on what it was asked.
    passing = {name for name, count in routing.items() if count > 0}
    relays = frozenset(passing)
    backends = {route.backend for route in signals.routes} | {trouble.backend for trouble in signals.troubles}
    backends |= {count.component for count in signals.tool_counts} | servers | callees
    clients = {caller for caller in callers if caller not in callees | servers | relays}
    return Roles(
        relay=routing.most_common(1)[0][0] if routing else None,
        relays=relays,
        backends=frozenset(backends - relays - clients),
        clients=frozenset(clients),
    )
