"""What people write around a message: words and keys for directions, peers, tools, ids, and ends.

Components word the same fact differently, so facts are looked up in `data` first, under any of the usual
keys, and in the text only where the data is silent.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from godot_analysis.normal_form.jsonrpc import id_text
from godot_analysis.normal_form.sightings import RECEIVED, SENT

if TYPE_CHECKING:
    from collections.abc import Iterable

PEER_KEYS = (
    "peer",
    "backend",
    "server",
    "target",
    "upstream",
    "downstream",
    "destination",
    "remote",
    "to",
    "from",
)
SERVER_KEYS = (
    "backend",
    "backend_name",
    "server",
    "server_name",
    "mcp_server",
    "upstream",
    "target",
    "peer",
)
"""Under which a record names a server, and nobody else."""
TOOL_KEYS = ("tool_name", "toolName", "tool")
ARGUMENT_KEYS = ("arguments", "args", "tool_args", "input")
ID_KEYS = ("request_id", "requestId", "rpc_id", "jsonrpc_id", "id")
SESSION_KEYS = (
    "session",
    "session_id",
    "sessionId",
    "client_id",
    "clientId",
    "connection_id",
    "connection",
    "conn",
)
ERROR_KEYS = ("error", "error_message", "errorMessage", "exception", "reason", "err")

_SENT = re.compile(
    r"→|->|=>|\b(?:sen[dt]\w*|forward\w*|dispatch\w*|emit\w*|writ\w+|repl(?:y|ied|ying)|return\w*)\b",
    re.IGNORECASE,
)
_RECEIVED = re.compile(
    r"←|<-|<=|\b(?:receiv\w*|recv\w*|incoming|got|inbound|arriv\w*|accept\w*)\b", re.IGNORECASE
)
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


def text_of(data: dict[str, Any], keys: Iterable[str]) -> str | None:
    """The first non-empty string under one of the keys."""
    for key in keys:
        value = data.get(key)
        if isinstance(value, str) and value:
            return value
    return None


def peer_of(data: dict[str, Any], text: str) -> str | None:
    """The other end, from the data or from the end of the text (`… to backend: gates`)."""
    named = text_of(data, PEER_KEYS)
    if named is not None and len(named) <= 64 and "://" not in named:  # noqa: PLR2004 - as long as a component
        return named
    found = _BACKEND_IN_TEXT.search(text) or _PEER_IN_TEXT.search(text)
    return found.group(1) if found else None


def tool_of(data: dict[str, Any], text: str) -> str | None:
    """The tool, from the data or from the text (`Tool call failed: gates_create_document`)."""
    named = text_of(data, TOOL_KEYS)
    if named is not None:
        return named
    found = _TOOL_IN_TEXT.search(text)
    return found.group(1) if found else None


def arguments_of(data: dict[str, Any]) -> dict[str, Any] | None:
    """The arguments of a tool call; None when they were not logged."""
    for key in ARGUMENT_KEYS:
        value = data.get(key)
        if isinstance(value, dict):
            return value
    return None


def session_of(data: dict[str, Any]) -> str | None:
    """The connection, as far as the observer names it."""
    return text_of(data, SESSION_KEYS)


def id_of(data: dict[str, Any]) -> str | None:
    """JSON text of the request's id; None when there is none."""
    for key in ID_KEYS:
        value = data.get(key)
        if isinstance(value, (int, str)) and not isinstance(value, bool):
            return id_text(value)
    return None


def error_text_of(data: dict[str, Any]) -> str | None:
    """What the data says went wrong."""
    for key in ERROR_KEYS:
        value = data.get(key)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, dict) and isinstance(value.get("message"), str):
            return str(value["message"])
    return None
