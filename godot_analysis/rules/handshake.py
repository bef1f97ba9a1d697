"""Rules about the first messages on a connection: whether the other end speaks MCP at all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from godot_analysis.rules._missing import missing
from godot_analysis.rules._rule import Clue, Match, rule
from godot_analysis.rules._words import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godot_analysis.facts import Facts

__all__: list[str] = []

_SETUP: Final = ("initialize", "tools/list", "server/discover")
_UNKNOWN_METHOD: Final = re.compile(
    r"unknown (?:\w+ )?(?:method|message|action|type|tool|command)|method not found|no such method"
    r"|unsupported method"
    r"|not (?:a )?(?:known|supported|implemented)|invalid (?:message|request|json-rpc)",
    re.IGNORECASE,
)


@rule(
    "B05",
    layer="handshake",
    severity="error",
    title="{component} does not speak MCP",
    summary="{relay} reached {component}, but {component} does not understand {methods}.",
    explanation="There is a server, and the connection works, yet the layer that answers `initialize` and "
    "`tools/list` "
    "is missing or is not the one that listens there.",
    fix="Give {component} an MCP layer (initialize, tools/list, tools/call as JSON-RPC 2.0), or point "
    "{relay} to the "
    "port where it has one.",
    supersedes=("R03", "R13", "R02", "B29", "B13", "R08", "R09"),
    references=("BUG #5", "BUG #7"),
)
def no_mcp_layer(facts: Facts) -> Iterator[Match]:
    for backend in sorted(facts.backends | set(facts.components) - facts.roles.relays):
        if backend in facts.roles.relays | facts.roles.clients:
            continue
        lacks = [item for item in missing(facts) if item.backend == backend]
        hands = [arrival for arrival in facts.arrivals if arrival.backend == backend]
        lists = [listing for listing in facts.listings if listing.server == backend]
        if any(not arrival.failed for arrival in hands) and not _all_unknown(backend, facts):
            continue
        clues: list[Clue] = []
        methods: list[str] = []
        bad_hands = [arrival for arrival in hands if arrival.failed]
        if bad_hands:
            methods.append("initialize")
            text = f"it answered initialize with “{bad_hands[0].text or 'an error'}”"
            clues.append(Clue(text, 0.7, bad_hands[0].records))
        complaints = [
            c
            for c in facts.signals.complaints
            if c.component == backend
            and (c.method in _SETUP or _names_setup(c.text))
            and _UNKNOWN_METHOD.search(c.text)
        ]
        if complaints:
            methods += [name for name in _SETUP if any(name in (c.method or "") + c.text for c in complaints)]
            clues.append(
                Clue(f"it logged “{complaints[0].text[:120]}”", 0.6, tuple(c.record for c in complaints))
            )
        bad_lists = [listing for listing in lists if listing.failed and _UNKNOWN_METHOD.search(listing.text)]
        if bad_lists:
            methods.append("tools/list")
            clues.append(
                Clue(f"it answered tools/list with “{bad_lists[0].text}”", 0.5, bad_lists[0].records)
            )
        opened = [c for c in facts.signals.connections if c.component == backend]
        if lacks and opened and not hands and not clues:
            # It counts its visitors, yet not one of them got as far as a request.
            methods.append("initialize")
            clues.append(
                Clue(
                    "a connection to it was opened, but no MCP request was ever understood on it",
                    0.5,
                    tuple(c.record for c in opened[:3]),
                )
            )
        if not clues:
            continue
        clues += [
            Clue(f"{listed(item.tools) or 'its tools'} are unknown to {facts.relay}", 0.4, item.rows)
            for item in lacks
        ]
        numbers = frozenset[int]().union(*(item.calls for item in lacks))
        words = {"methods": listed(dict.fromkeys(methods))}
        yield Match(backend, backend, tuple(clues), lacks[0].tool if lacks else None, numbers, words)


@rule(
    "F18",
    layer="handshake",
    severity="error",
    title="{client} speaks the newer protocol to {component}, and does not fall back",
    summary="{component} answered server/discover with an error, and no initialize followed.",
    explanation="A server of the older era knows only `initialize`; a client of the newer era has to fall "
    "back to it "
    "on any error, which did not happen here.",
    fix="Make the client send `initialize` when `server/discover` fails, or update {component}.",
    supersedes=("B05", "B13", "R13"),
    references=("F18", "modelcontextprotocol/rust-sdk#1040"),
)
def no_fallback(facts: Facts) -> Iterator[Match]:
    for call in facts.handshakes:
        if (
            call.method != "server/discover"
            or call.status not in {"error", "lost", "timed_out"}
            or not call.callee
        ):
            continue
        later = [
            other
            for other in facts.handshakes
            if other.method == "initialize" and other.callee == call.callee and other.started >= call.started
        ]
        used = any(
            c.callee == call.callee and c.status == "answered" and c.started > call.started
            for c in facts.calls
        )
        if not later and not used:
            clues = (
                Clue(f"server/discover was answered with “{call.error_text or call.status}”", 0.6, call.rows),
                Clue("no initialize followed on any connection to it", 0.5),
            )
            yield Match(
                call.callee, call.caller or facts.client, clues, words={"client": call.caller or "the client"}
            )


@rule(
    "F17",
    layer="handshake",
    severity="error",
    title="{component} and its client do not agree on a protocol version",
    summary="{component} rejected the protocol version it was offered: “{error}”",
    explanation="The server knows other versions than the one asked for, and answered with an error "
    "instead of naming one.",
    fix="Make {component} answer with a version it supports, or let the client offer an older one.",
    supersedes=("B05", "B13", "R13"),
    references=("F17", "xpzouying/xiaohongshu-mcp#697"),
)
def version_rejected(facts: Facts) -> Iterator[Match]:
    for arrival in facts.arrivals:
        if arrival.failed and re.search(
            r"protocol ?version|unsupported version", arrival.text, re.IGNORECASE
        ):
            clue = Clue(f"initialize was answered with “{arrival.text}”", 0.85, arrival.records)
            yield Match(arrival.backend, arrival.backend, (clue,), words={"error": arrival.text})


def _names_setup(text: str) -> bool:
    return any(name in text for name in _SETUP)


def _all_unknown(backend: str, facts: Facts) -> bool:
    """Whether the backend answered all it was asked with an error, its handshake apart."""
    lists = [listing for listing in facts.listings if listing.server == backend]
    calls = [call for call in facts.by_backend.get(backend, ()) if call.answered]
    bad = lists and all(listing.failed and _UNKNOWN_METHOD.search(listing.text) for listing in lists)
    return bool(bad) and all(call.status == "error" for call in calls)
