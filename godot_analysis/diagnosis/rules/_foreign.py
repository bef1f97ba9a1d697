"""Signs that a server does not understand the protocol: its answers to the first messages, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from godot_analysis.diagnosis.matches import Clue
from godot_analysis.reading.classify import classify

if TYPE_CHECKING:
    from godot_analysis.diagnosis.facts import Facts, Incarnation, Missing
    from godot_analysis.reading.events import Event

__all__ = ["NOT_UNDERSTOOD", "all_unknown", "mute_visits", "not_understood"]

NOT_UNDERSTOOD: Final = ("method.unknown", "tool.unknown", "message.malformed")
"""The kinds of answers of who does not know what it was asked."""

_AROUND: Final = pd.Timedelta(seconds=2)
_SETUP: Final = ("initialize", "tools/list", "server/discover")


def not_understood(backend: str, lacks: list[Missing], facts: Facts) -> list[Event]:
    """Errors of the backend about the handshake, or about whatever it got while the relay connected."""
    return [
        item
        for item in facts.incidents.complaints
        if item.component == backend
        and item.tells(*NOT_UNDERSTOOD)
        and (
            item.method in _SETUP
            or any(name in item.text for name in _SETUP)
            or any(_while_connecting(item.time, lack.incarnation) for lack in lacks)
        )
    ]


def mute_visits(backend: str, lacks: list[Missing], facts: Facts) -> list[Clue]:
    """Connections made to the backend when the relay connected, on which no request was ever understood."""
    visits = [
        item
        for item in facts.events.of("connection")
        if item.component == backend and any(_while_connecting(item.time, lack.incarnation) for lack in lacks)
    ]
    text = "a connection to it was opened, but no MCP request was ever understood on it"
    return [Clue(text, 0.5, tuple(item.record for item in visits[:3]))] if visits else []


def _while_connecting(time: pd.Timestamp, incarnation: Incarnation) -> bool:
    if incarnation.begin is None or incarnation.burst_end is None:
        return False
    return bool(incarnation.begin - _AROUND <= time <= incarnation.burst_end + _AROUND)


def all_unknown(backend: str, facts: Facts) -> bool:
    """Whether the backend answered all it was asked with an error, its handshake apart."""
    lists = facts.tools.lists_of(backend)
    bad = lists and all(listing.failed and classify(listing.text).tells(*NOT_UNDERSTOOD) for listing in lists)
    return bool(bad) and not facts.operations.sent_to_backend(backend).served
