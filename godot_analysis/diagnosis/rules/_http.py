"""Requests of HTTP that failed: by server, who made them, and which calls failed with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from godot_analysis.diagnosis.facts.absences import lacking_calls
from godot_analysis.diagnosis.facts.connecting import connected_later
from godot_analysis.diagnosis.facts.declared import speaks_of_tools

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godot_analysis.diagnosis.facts import Call, Facts
    from godot_analysis.reading.events import Event

__all__ = ["CLOSE", "LOOKED_AT", "client_of", "failed_exchanges", "failed_since", "open_calls"]
__all__ += ["refused_credentials", "refused_sessions", "unserved"]

CLOSE: Final = pd.Timedelta(seconds=5)
"""Within which a request of HTTP and what it carries are logged."""

LOOKED_AT: Final = 10
"""How many of a kind are looked at."""

_STALE: Final = frozenset({400, 401, 404})
_UNAUTHORIZED: Final = 401
_CHALLENGE: Final = "www-authenticate"
_TOKENS: Final = ("token", "bearer", _CHALLENGE)
_UNKNOWN_ADDRESS: Final = "a server that the log does not name"


def client_of(server: str, item: Event, facts: Facts) -> str:
    """Who made a request of HTTP that perhaps only its server logged."""
    if item.component != server:
        return item.component
    asked = facts.operations.setups.where("callee", server).by_time()
    return next((call.caller for call in asked[:LOOKED_AT] if call.caller), facts.topology.client)


def failed_since(first: Event, server: str, facts: Facts) -> list[Call]:
    """The calls to a server that failed when a request of HTTP did, or later."""
    return [
        call
        for call in facts.operations.roots.failed.since(first.time - CLOSE)
        if server in {call.callee, facts.operations.backend_of(call.last)}
    ]


def failed_exchanges(facts: Facts) -> Iterator[tuple[str | None, list[Event]]]:
    """The failed requests by server, without those in which a model's provider refused a list of tools."""
    for server, items in facts.incidents.failed_exchanges.items():
        if own := [item for item in items if not speaks_of_tools(item.kinds)]:
            yield server, own


def unserved(facts: Facts) -> Iterator[tuple[str, list[Event]]]:
    """Failed requests by server, of those servers that never answered their client."""
    answered = facts.operations.requests.answered
    for server, items in failed_exchanges(facts):
        theirs = ("caller", items[0].component) if server is None else ("callee", server)
        if server is not None and connected_later(items[-1].component, server, items[-1].time, facts):
            continue
        bridge = items[-1].component
        works = facts.operations.requests.ended("answered").where("callee", bridge).after(items[-1].time)
        if server not in facts.topology.participants and bridge != server and works:
            continue  # what it asked for came by another way
        reached = answered.where(*theirs)
        if not reached.served:
            yield server or _UNKNOWN_ADDRESS, items


def open_calls(server: str, first: Event, facts: Facts) -> frozenset[int]:
    """The calls that a server which refuses all requests leaves without a result."""
    hit = [call for call in facts.operations.roots.failed.since(first.time - CLOSE) if call.callee == server]
    return frozenset[int]().union(lacking_calls(facts, server), *(call.family for call in hit))


def refused_sessions(items: list[Event]) -> list[Event]:
    """Those that a server may have refused because it does not know their session.

    Some say so with 401. A server that speaks of tokens anywhere means its 401 as HTTP does.
    """
    stale = _STALE - {item.status for item in items if refused_credentials(item)}
    return [
        item
        for item in items
        if (item.status in stale or item.tells("session.unknown")) and item.verb in {"POST", "GET", None}
    ]


def refused_credentials(item: Event) -> bool:
    """Whether a 401 speaks of a token, and not of a session."""
    text = item.text.lower()
    about = _CHALLENGE in item.headers or any(word in text for word in _TOKENS)
    return item.status == _UNAUTHORIZED and about and "session" not in text
