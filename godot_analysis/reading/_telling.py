"""Whether a record tells anything besides the messages, and the words of it that are read."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from godot_analysis.reading import fields, http
from godot_analysis.reading.classify import Reading, bounded, classify, ordinary

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BAD", "may_end", "may_tell", "own_level", "reading_of", "said_of", "tells_end"]

BAD: Final = ("WARN", "ERROR")
"""The levels of what went wrong."""

_HEAD: Final = 200  # in which a line says its level
_NO_COMPLAINT: Final = re.compile(
    r"(?:^|[\s|\[(:-])(?:level=|\"level\": ?\")?(?:INFO|DEBUG|TRACE|VERBOSE)(?=[\s|\]):])"
    r"|\blevel=(?:info|debug|trace)\b"
)
_MAY_END: Final = re.compile(r"exit|terminat|died|dead|kill|crash|signal|stopp|panic", re.IGNORECASE)
_TELLING_KEYS: Final = frozenset(
    {
        *fields.SERVER,
        *fields.VISITOR,
        *fields.ADDRESS,
        *fields.EXIT,
        *fields.STATUS,
        "tool_count",
        "limit",
        "port",
    }
)


def own_level(text: str, level: str) -> str:
    """The level of a line that another program wrote, as it says itself: stderr is not all errors."""
    return "INFO" if level in BAD and _NO_COMPLAINT.search(text[:_HEAD]) else level


def may_tell(bad: bool, message: Any, data: Any) -> bool:
    """Whether a record is worth a closer look, by its level, its words and the keys of its data."""
    keys = tuple(data) if isinstance(data, dict) else ()
    return "mcp" not in keys and (bad or _telling(bounded(message or ""), keys))


@lru_cache(maxsize=1 << 12)  # a system has few ways to word its records
def _telling(message: str, keys: tuple[str, ...]) -> bool:
    """Whether a record that is no warning can be more than a line of chatter."""
    if not _TELLING_KEYS.isdisjoint(keys) or http.status_of(message, {}) is not None:
        return True
    told = ordinary(message)
    return (
        told.tells("tools.offered", "tools.registered", "server.connected", "connection.closed")
        or ("method" not in keys and told.tells("server.started"))
        or tells_end(message)
    )


def may_end(message: str) -> bool:
    """Whether words may tell that a process ended, if a code stands beside them."""
    return _MAY_END.search(message) is not None


def tells_end(message: str) -> bool:
    """Whether words of any level tell that a process ended."""
    return may_end(message) and classify(message).tells("process.exit", "process.crash")


def said_of(message: str, data: Mapping[str, Any]) -> str:
    """All that a record says, as far as it is read."""
    told = (value for value in data.values() if isinstance(value, (str, dict)))
    parts = (value if isinstance(value, str) else str(value) for value in told)
    return bounded(" ".join((message, *parts)))


def reading_of(level: str, message: str, said: str, data: Mapping[str, Any]) -> Reading:
    """The kinds of a record: of all that a warning or an error says, of the words of any other."""
    if level not in BAD:
        return ordinary(message)
    return classify(said, status=http.status_of(message, data))
