"""Requests of HTTP that were refused for the session that they name, or for their credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from godot_analysis.reading.events import Event

__all__ = ["refused_credentials", "refused_sessions"]

_STALE: Final = frozenset({400, 401, 404})
_UNAUTHORIZED: Final = 401
_CHALLENGE: Final = "www-authenticate"
_TOKENS: Final = ("token", "bearer", _CHALLENGE)


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
