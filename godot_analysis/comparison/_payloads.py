"""Differences between two payloads, without what differs in every run: ids, times, trace context, cursors."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

from godot_analysis.comparison._json import canonical
from godot_analysis.schema.pointers import join

__all__ = ["Change", "payload_changes", "steady"]

_MOST: Final = 10
_DEEPEST: Final = 50
_PASSING_KEYS: Final = re.compile(
    r"_meta|traceparent|tracestate|baggage|progressToken|cursor|nextCursor"
    r"|(?:.*_)?(?:at|time|timestamp|date|ts|duration|elapsed|ms|seconds|uptime|pid|port)"
    r"|.*(?:At|Time|Timestamp|Date|Duration|Ms|Seconds)"
)
_PASSING_TEXT: Final = re.compile(
    r"(?P<id>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|\b[0-9a-fA-F]{16,}\b)"
    r"|(?P<time>\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)"
    r"|(?P<port>(?<=[\w\]]):\d{2,5}\b)"
    r"|(?P<took>\b\d+(?:\.\d+)?\s?(?:ms|µs|s)\b)"
)
_EPOCH: Final = range(10**9, 10**17)  # seconds to microseconds since 1970, for this century and more


class Change(NamedTuple):
    """One place where two payloads differ; `shape` when a member is gone or has become another type."""

    path: str
    left: Any
    right: Any
    shape: bool


def steady(text: str) -> str:
    """The text with what differs in every run replaced by what it is.

    >>> steady("document 0192f0c1-2d3e-7a4b-8c5d-6e7f80912a3b stored at 2026-01-02T03:04:05Z in 12.5 ms")
    'document <id> stored at <time> in <took>'
    """
    return _PASSING_TEXT.sub(lambda match: f"<{match.lastgroup}>", text)


def payload_changes(left: Any, right: Any, path: str = "") -> list[Change]:
    """The places where two payloads differ, at most ten of them."""
    if canonical(left) == canonical(right):
        return []
    found: list[Change] = []
    todo: list[tuple[str, Any, Any, int]] = [(path, left, right, 0)]
    while todo and len(found) < _MOST:
        here, one, two, depth = todo.pop()
        one, two = _read(one), _read(two)
        if isinstance(one, dict) and isinstance(two, dict) and depth < _DEEPEST:
            todo += reversed(_members(here, one, two, depth, found))
        elif isinstance(one, list) and isinstance(two, list) and depth < _DEEPEST:
            if len(one) != len(two):
                found.append(Change(here, f"{len(one)} elements", f"{len(two)} elements", shape=False))
            todo += [
                (join(here, number), *both, depth + 1)
                for number, both in reversed(list(enumerate(zip(one, two, strict=False))))
            ]
        elif _plain(one) != _plain(two):
            found.append(Change(here, one, two, _kind(one) != _kind(two)))
    return found[:_MOST]


def _members(
    path: str, left: dict[str, Any], right: dict[str, Any], depth: int, found: list[Change]
) -> list[tuple[str, Any, Any, int]]:
    inside = []
    for key in [*left, *(key for key in right if key not in left)]:
        if _PASSING_KEYS.fullmatch(str(key)):
            continue
        here = join(path, str(key))
        if key not in right:
            found.append(Change(here, left[key], None, shape=True))
        elif key not in left:
            found.append(Change(here, None, right[key], shape=False))
        else:
            inside.append((here, left[key], right[key], depth + 1))
    return inside


def _read(value: Any) -> Any:
    """Text that holds JSON, as results of tools do, is compared as what it holds."""
    # Escaped surrogates may make text that cannot be written anywhere: it stays as it is.
    if isinstance(value, str) and value[:1] in {"{", "["} and "\\ud" not in value.lower():
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return steady(value)
    if isinstance(value, int) and not isinstance(value, bool) and value in _EPOCH:
        return "<time>"
    return canonical(value)


def _kind(value: Any) -> type:
    return float if isinstance(value, int) and not isinstance(value, bool) else type(value)
