"""Which server a record is about, where its data does not say so: as its words or other records name it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from godot_analysis.reading import fields
from godot_analysis.reading._telling import BAD
from godot_analysis.reading.names import mentions, server_in
from godot_analysis.reading.told import is_about_mcp, server_at_head

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["known_server", "named_servers"]

_HEAD: Final = 200  # in which a line says whom it is about
_FEW: Final = 64  # of more names no line is searched for each
_NO_SERVER: Final = re.compile(
    r"(?:error|exception|warning|failure|fault|panic)s?$|\."
    r"|^(?:info|debug|note|failed|mcp|tools?|server|client|host|https?|std(?:err|out)|initialize|message|api|cause|reason)$",
    re.IGNORECASE,
)
_OF_A_CHILD: Final = re.compile(r"(?:stderr|stdout|spawn\w{0,3}|exit(?:ed)?|child|process)\b", re.IGNORECASE)
"""What a host writes of the process of a server."""


def named_servers(logs: pd.DataFrame) -> frozenset[str]:
    """The servers that any record names so: in its data, its words, or at the head of a line about MCP."""
    found: set[str] = set()
    for message, data in zip(logs["message"].tolist(), logs["data"].tolist(), strict=True):
        if isinstance(data, dict):
            if "mcp" in data:
                continue
            if (named := fields.text_of(fields.in_snake_case(data), fields.SERVER)) is not None:
                found.add(named)
        if isinstance(message, str) and (named := _server_named_in(message[:_HEAD])) is not None:
            found.add(named)
    return frozenset(found)


@lru_cache(maxsize=1 << 12)
def _server_named_in(text: str) -> str | None:
    if "erver" in text and (named := server_in(text)) is not None:
        return named
    head, rest = server_at_head(text)
    if head is None or _NO_SERVER.search(head):
        return None  # a kind of error may stand there, or a logger
    return head if is_about_mcp(rest) or _OF_A_CHILD.match(rest) else None


def known_server(text: str, level: str, known: frozenset[str], servers: frozenset[str]) -> str | None:
    """The one server that a warning or an error is about: at its head, or mentioned, of those named so."""
    if level not in BAD:
        return None
    head = server_at_head(text)[0]
    if head in known or head in servers:
        return head
    if not 0 < len(known) <= _FEW:
        return None
    named = [name for name in known if mentions(text[:_HEAD], name)]
    return named[0] if len(named) == 1 else None
