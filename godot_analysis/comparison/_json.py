"""JSON values as they are compared: by exact text, and as a bounded sample to show."""

from __future__ import annotations

import json
from typing import Any, Final

__all__ = ["canonical", "sample"]

_MOST_SHOWN: Final = 2_000
_encode: Final = json.JSONEncoder(sort_keys=True, ensure_ascii=False, default=repr).encode


def canonical(value: Any) -> str:
    """One text for equal JSON values, whatever the order of their keys; `1`, `1.0` and `true` stay different.

    >>> canonical({"b": 1, "a": True}) == canonical({"a": True, "b": 1}), canonical(1) == canonical(True)
    (True, False)
    """
    try:
        return _encode(value)
    except (TypeError, ValueError, RecursionError):  # keys that do not sort, cycles, nesting past the stack
        return f"<{type(value).__name__} {id(value):x}>"


def sample(value: Any) -> Any:
    """The value itself, or the beginning of its text where it is too long to show."""
    text = canonical(value)
    if len(text) <= _MOST_SHOWN:
        return value
    return f"{text[:_MOST_SHOWN]}… ({len(text):,} characters)"
