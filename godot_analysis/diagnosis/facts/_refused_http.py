"""Requests of HTTP that were refused for the session that they name, or for their credentials."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from godot_analysis.diagnosis.facts import HttpExchange

__all__ = ["refused_credentials", "refused_sessions"]

_STALE: Final = frozenset({400, 401, 404})
_UNAUTHORIZED: Final = 401
_CHALLENGE: Final = "www-authenticate"
_OF_TOKENS: Final = re.compile(rf"token|\bbearer\b|{_CHALLENGE}", re.IGNORECASE)
_UNKNOWN_SESSION: Final = re.compile(
    r"(?:unknown|invalid|expired|no(?: such| valid)?) session|session[^.]{0,40}(?:not found|unknown|expired)",
    re.IGNORECASE,
)


def refused_sessions(items: list[HttpExchange]) -> list[HttpExchange]:
    """Those that a server may have refused because it does not know their session.

    Some say so with 401. A server that speaks of tokens anywhere means its 401 as HTTP does.
    """
    stale = _STALE - {item.status for item in items if refused_credentials(item)}
    return [
        item
        for item in items
        if (item.status in stale or _UNKNOWN_SESSION.search(item.body)) and item.verb in {"POST", "GET", None}
    ]


def refused_credentials(item: HttpExchange) -> bool:
    """Whether a 401 speaks of a token, and not of a session."""
    told = _CHALLENGE in item.headers or _OF_TOKENS.search(item.body)
    return item.status == _UNAUTHORIZED and bool(told) and "session" not in item.body.lower()
