"""A message of JSON-RPC that a line of text quotes, and what the words before it say of its way."""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import Any, Final, NamedTuple

from godot_analysis.reading.printed import printed_message
from godot_analysis.reading.remarks import RECEIVED, SENT
from godot_analysis.reading.told import server_at_head

__all__ = ["Quoted", "quoted_message"]

_MOST: Final = 400  # characters before a message that are read
_TRIES: Final = 3  # braces that may begin the message
_START: Final = re.compile(r"\[?\{\s{0,20}\"")
_PEER: Final = re.compile(
    r"\b(?P<way>from|to|for|by) (?:the )?(?:mcp )?(?:(?:client|server) )?"
    r"""["'`]?(?!(?:the|mcp|client|server)\b)(?P<peer>[A-Za-z_@][\w.@/-]{0,63})["'`]?\W{0,4}$""",
    re.IGNORECASE,
)
_END: Final = re.compile(r"\b(?P<way>from|to) (?:the )?(?P<end>client|server)\b[^\n]{0,40}$", re.IGNORECASE)
_OUT: Final = frozenset({"to", "for"})


class Quoted(NamedTuple):
    """A quoted message (or batch), the words before it, its direction and the other end as they say it."""

    message: Any
    before: str
    direction: str | None
    peer: str | None


def quoted_message(text: str, server: str | None = None) -> Quoted | None:
    """The message that a line quotes; None where it quotes none.

    `server` is the server that the record names beside its text, if it names one.

    >>> quoted_message('[docs] Message from client: {"jsonrpc": "2.0", "method": "ping", "id": 1}')[2:]
    ('sent', 'docs')
    >>> quoted_message('Message from docs: {"jsonrpc": "2.0", "result": {}, "id": 1}')[1:]
    ('Message from docs: ', 'received', 'docs')
    """
    printed = printed_message(text)
    if printed is not None:
        message, start = printed
        before = text[:start].rpartition(" ")[0]
        return Quoted(message, before, *_way(before, server))
    if "jsonrpc" not in text:
        return None
    for found in islice(_START.finditer(text[:_MOST]), _TRIES):
        try:
            message, _ = json.JSONDecoder().raw_decode(text, found.start())
        except (ValueError, RecursionError):
            continue
        members = message if isinstance(message, list) else [message]
        if members and all(isinstance(item, dict) and "jsonrpc" in item for item in members):
            before = text[: found.start()]
            return Quoted(message, before, *_way(before, server))
    return None


def _way(before: str, server: str | None) -> tuple[str | None, str | None]:
    """The direction of a message and its other end, as the words before it say; None for what they do not."""
    head, rest = server_at_head(before)
    server = server or head
    found = _PEER.search(rest)
    if found is not None:
        return SENT if found["way"].lower() in _OUT else RECEIVED, found["peer"]
    found = _END.search(rest)
    if found is None:
        return None, server
    out = found["way"].lower() in _OUT
    if server is not None:
        # A line about one of the servers of a host: what comes from the client goes to that server.
        out = out is (found["end"].lower() == "server")
    return SENT if out else RECEIVED, server
