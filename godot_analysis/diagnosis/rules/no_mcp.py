"""The rule about who answers the first messages and does not understand them: there is no MCP in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from godot_analysis.diagnosis.facts.foreign import no_messages
from godot_analysis.diagnosis.matches import Clue, Match, calls_of
from godot_analysis.diagnosis.rules._registry import rule
from godot_analysis.diagnosis.wording import listed
from godot_analysis.reading.classify import classify

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godot_analysis.diagnosis.facts import Facts, Incarnation, Missing
    from godot_analysis.reading.events import Event

_NOT_UNDERSTOOD: Final = ("method.unknown", "tool.unknown", "message.malformed")
"""The kinds of answers of who does not know what it was asked."""

_AROUND: Final = pd.Timedelta(seconds=2)
_SETUP: Final = ("initialize", "tools/list", "server/discover")


@rule("B05")
def no_mcp_layer(facts: Facts) -> Iterator[Match]:
    for backend in sorted(
        (facts.topology.backends | set(facts.topology.components) | _greeted(facts))
        - facts.topology.roles.relays
        - facts.topology.roles.clients
    ):
        lacks = facts.lacks_of(backend)
        hands = [arrival for arrival in facts.sessions.arrivals if arrival.backend == backend]
        foreign = no_messages(backend, facts)
        # Of an answer that is no message nothing is left but that the request arrived.
        well = [hand for hand in hands if not hand.failed and (hand.result is not None or not foreign)]
        if well and not _all_unknown(backend, facts):
            continue
        refusals = [
            *(
                ("initialize", arrival.text, arrival.records)
                for arrival in hands
                if arrival.failed and (not arrival.text or classify(arrival.text).tells(*_NOT_UNDERSTOOD))
            ),
            *(
                ("tools/list", listing.text, listing.records)
                for listing in facts.tools.lists_of(backend)
                if listing.failed and classify(listing.text).tells(*_NOT_UNDERSTOOD)
            ),
            *(
                (item.method or "initialize", item.text, (item.record,))
                for item in _not_understood(backend, lacks, facts)
            ),
            *(("initialize", text, (record,)) for text, record in foreign),
        ]
        clues = [
            Clue(f"it answered {method} with “{text[:120] or 'an error'}”", 0.65, rows)
            for method, text, rows in refusals[:3]
        ]
        if not clues:
            continue
        clues += [
            Clue(f"{listed(item.tools) or 'its tools'} are unknown to {facts.topology.relay}", 0.4, item.rows)
            for item in lacks
        ]
        numbers = calls_of(lacks)
        words = {"methods": listed(dict.fromkeys(method for method, _, _ in refusals)) or "initialize"}
        yield Match(backend, backend, clues, lacks[0].tool if lacks else None, numbers, words)


def _not_understood(backend: str, lacks: list[Missing], facts: Facts) -> list[Event]:
    """Errors of the backend about the handshake, or about whatever it got while the relay connected."""
    return [
        item
        for item in facts.incidents.complaints
        if item.component == backend
        and item.tells(*_NOT_UNDERSTOOD)
        and (
            item.method in _SETUP
            or any(name in item.text for name in _SETUP)
            or any(_while_connecting(item.time, lack.incarnation) for lack in lacks)
        )
    ]


def _while_connecting(time: pd.Timestamp, incarnation: Incarnation) -> bool:
    if incarnation.begin is None or incarnation.burst_end is None:
        return False
    return bool(incarnation.begin - _AROUND <= time <= incarnation.burst_end + _AROUND)


def _all_unknown(backend: str, facts: Facts) -> bool:
    """Whether the backend answered all it was asked with an error, its handshake apart."""
    lists = facts.tools.lists_of(backend)
    if not lists or facts.operations.sent_to_backend(backend).served:
        return False
    return all(item.failed and classify(item.text).tells(*_NOT_UNDERSTOOD) for item in lists)


def _greeted(facts: Facts) -> set[str]:
    """The servers that somebody shook hands with, or tried to."""
    return {callee for (callee,) in facts.operations.handshakes.counts("callee") if callee}
