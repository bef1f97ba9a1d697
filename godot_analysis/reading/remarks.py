"""What people write around a message: words for its direction, its peer, its tool, and how a call went.

Components word the same fact differently, so facts are looked up in `data` first, under any of the usual
keys, and in the text only where the data is silent.
"""

from __future__ import annotations

import re
from typing import Any, Final

from godot_analysis.reading import fields

__all__ = [
    "Says",
    "arguments_of",
    "direction_in",
    "direction_of",
    "error_text_of",
    "id_of",
    "peer_of",
    "session_of",
    "tool_of",
]

SENT: Final = "sent"
RECEIVED: Final = "received"

_SENT = re.compile(
    r"→|->|=>|>>|\b(?:rpc|mcp|jsonrpc|json-rpc) out\b"
    r"|\b(?:sen[dt]\w*|forward\w*|dispatch\w*|emit\w*|writ\w+|repl(?:y|ied|ying)|return\w*)\b",
    re.IGNORECASE,
)
_RECEIVED = re.compile(
    r"←|<-|<=|<<|\b(?:rpc|mcp|jsonrpc|json-rpc) in\b"
    r"|\b(?:receiv\w*|recv\w*|incoming|got|inbound|arriv\w*|accept\w*)\b",
    re.IGNORECASE,
)
_WAYS: Final = {
    SENT: {"sent", "send", "out", "outgoing", "outbound", "egress", "tx", "write", "to", "->", "→", ">"},
    RECEIVED: {"received", "receive", "recv", "in", "incoming", "inbound", "ingress", "rx", "read", "from",
               "<-", "←", "<"},
}  # fmt: skip
_PEER_IN_TEXT = re.compile(
    r"\b(?:backend|server|peer|upstream|downstream|to|from)\s*[:=]?\s+['\"]?([A-Za-z][\w.-]{0,63})['\"]?\s*$",
    re.IGNORECASE,
)
_BACKEND_IN_TEXT = re.compile(
    r"\b(?:backend|server|peer)\s*:\s*['\"]?([A-Za-z][\w.-]{0,63})['\"]?\s*$", re.IGNORECASE
)
# What is said about a tool after its name is no name: `tool X: strict mode`.
_TOOL_IN_TEXT = re.compile(
    r"\btool\b[^:]*:\s*['\"]?([\w./-]{1,128})(?=['\"]?\s*(?:$|[\n,;:|()\[{]|-\s))", re.IGNORECASE
)


def direction_in(text: str) -> str | None:
    """Sent or received, whichever the text says first; None when it says neither."""
    sent, received = _SENT.search(text), _RECEIVED.search(text)
    if sent and received:
        return SENT if sent.start() < received.start() else RECEIVED
    if sent:
        return SENT
    return RECEIVED if received else None


def direction_of(word: str | None) -> str | None:
    """Sent or received, as one word beside a message says it; None when it says neither."""
    return next((way for way, words in _WAYS.items() if word and word.strip().lower() in words), None)


def peer_of(data: dict[str, Any], text: str) -> str | None:
    """The other end, from the data or from the end of the text (`… to backend: gates`)."""
    named = fields.text_of(data, fields.PEER)
    if named is not None and len(named) <= 64 and "://" not in named:  # noqa: PLR2004 - as long as a component
        return named
    found = _BACKEND_IN_TEXT.search(text) or _PEER_IN_TEXT.search(text)
    return found.group(1) if found else None


def tool_of(data: dict[str, Any], text: str) -> str | None:
    """The tool, from the data or from the text (`Tool call failed: gates_create_document`)."""
    named = fields.text_of(data, fields.TOOL)
    if named is not None:
        return named
    found = _TOOL_IN_TEXT.search(text)
    return found.group(1) if found else None


def arguments_of(data: dict[str, Any]) -> dict[str, Any] | None:
    """The arguments of a tool call; None when they were not logged."""
    return fields.dict_of(data, fields.ARGUMENTS)


def session_of(data: dict[str, Any]) -> str | None:
    """The connection, as far as the observer names it."""
    return fields.text_of(data, fields.SESSION)


def id_of(data: dict[str, Any]) -> int | str | None:
    """The id of the request that a record names; None when it names none."""
    for key in fields.REQUEST:
        value = data.get(key)
        if isinstance(value, (int, str)) and not isinstance(value, bool):
            return value
    return None


def error_text_of(data: dict[str, Any]) -> str | None:
    """What the data says went wrong, None where it says nothing."""
    return fields.error_of(data) or None


class Says:
    """How records word what becomes of a call; each is asked with a text."""

    handling: Final = re.compile(r"\b(?:handl\w*|processing|processed|processes)\b", re.IGNORECASE)
    received: Final = re.compile(r"\b(?:receiv\w*|recv\w*|incoming|got|inbound)\b", re.IGNORECASE)
    answered: Final = re.compile(
        r"\b(?:sent|complet\w*|answered|respond\w*|response|finish\w*|done|replied)\b", re.IGNORECASE
    )
    failed: Final = re.compile(
        r"\b(?:fail\w*|error|unknown|unsupported|unavailable|not found|no such"
        r"|reject\w*|refus\w*|exception)\b",
        re.IGNORECASE,
    )
    refused_by_client: Final = re.compile(r"\bno such tool available\b|\bunknown tool name\b", re.IGNORECASE)
    over: Final = re.compile(
        r"\b(?:complet\w*|finish\w*|done|succeed\w*|succeeded|returned)\b", re.IGNORECASE
    )
    begun: Final = re.compile(
        r"\b(?:receiv\w*|start\w*|handl\w*|execut\w*|invok\w*|incoming|begin\w*|running)\b", re.IGNORECASE
    )
    calling: Final = re.compile(r"\b(?:calling|invoking|requesting|sending)\b", re.IGNORECASE)
    called: Final = re.compile(r"\b(?:call|invok|exec|run|dispatch|request)(?:\w{0,7})\b", re.IGNORECASE)
    routed: Final = re.compile(r"\brout(?:e|ed|es|ing)\b|\bdispatch\w*\b|\bforward\w*\b", re.IGNORECASE)
    method: Final = re.compile(r"\b(initialize|ping|(?:notifications|tools|resources|prompts|server)/\w+)\b")
