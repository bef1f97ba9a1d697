"""Where the secrets of addresses stand in a text: `scheme://user:password@host`, `https://token@host`."""

import re
from collections.abc import Iterator
from typing import Final

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,31})$")
_END: Final = re.compile(r"[\s\"'<>`]")
_PORT: Final = re.compile(r"[0-9]{1,5}(?=[/?#),;\]}.\\]|$)")
_WEB: Final = frozenset(("http", "https", "ws", "wss", "git+https", "git+http"))
_TOKEN_WITH_DIGIT: Final = 8
_TOKEN: Final = 20
_USER: Final = re.compile(r"[^/?#:@]*")


def secrets(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and rule of each, from left to right."""
    at = text.find("://")
    while at >= 0:
        start = at + 3
        following = text.find("://", start)
        bound = len(text) if following < 0 else following
        blank = _END.search(text, start, bound)
        end = blank.start() if blank else bound
        found = _secret(text, at, start, end)
        if found is not None:
            yield found
        at = following


def _secret(text: str, at: int, start: int, end: int) -> tuple[int, int, str] | None:
    user = _USER.match(text, start, end)
    after = user.end() if user else start
    mark = text[after : after + 1] if after < end else ""
    if mark == ":":
        if _PORT.match(text, after + 1, end):
            return None
        last = _last_at(text, after + 1, end)
        return None if last <= after + 1 else (after + 1, last, "password in a URL")
    if mark != "@":
        return None
    scheme = _SCHEME.search(text, max(0, at - 32), at)
    token = text[start:after]
    random = len(token) >= _TOKEN_WITH_DIGIT and any(one in "0123456789" for one in token)
    if scheme is None or scheme[1].lower() not in _WEB or "%40" in token:
        return None
    return (start, after, "token in a URL") if random or len(token) >= _TOKEN else None


def _last_at(text: str, start: int, end: int) -> int:
    """The @ before the host: the last one, unless that is in the parameters."""
    query = text.find("?", start, end)
    if query >= 0:
        found = text.rfind("@", start, query)
        if found >= 0:
            return found
    return text.rfind("@", start, end)
