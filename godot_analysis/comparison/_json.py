"""JSON values as they are compared: by exact text, by pointer, and as a bounded sample to show."""

from __future__ import annotations

import json
from typing import Any, Final

__all__ = ["Budget", "canonical", "join", "sample", "written"]

_MOST_SHOWN: Final = 2_000
_encode: Final = json.JSONEncoder(sort_keys=True, ensure_ascii=False, default=repr).encode


class Budget:
    """How much work is left; what exceeds it is said, never silently cut."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    @property
    def spent(self) -> bool:
        """Whether something had to be left out."""
        return self._left < 0

    def take(self) -> bool:
        """Use one step; False when there is none left."""
        self._left -= 1
        return self._left >= 0


def canonical(value: Any) -> str:
    """One text for equal JSON values, whatever the order of their keys; `1`, `1.0` and `true` stay different.

    >>> canonical({"b": 1, "a": True}) == canonical({"a": True, "b": 1}), canonical(1) == canonical(True)
    (True, False)
    """
    try:
        return _encode(value)
    except (TypeError, ValueError, RecursionError):  # keys that do not sort, cycles, nesting past the stack
        return f"<{type(value).__name__} {id(value):x}>"


def join(path: str, *parts: str | int) -> str:
    """A path one or more steps longer, escaped as in a JSON pointer (RFC 6901).

    >>> join("tools/open", "inputSchema", "a/b")
    'tools/open/inputSchema/a~1b'
    """
    steps = [path] if path else []
    for part in parts:
        step = str(part)
        if "~" in step or "/" in step:
            step = step.replace("~", "~0").replace("/", "~1")
        steps.append(step)
    return "/".join(steps)


def written(text: str) -> str:
    r"""The text as it can be written in UTF-8: lone surrogates, which JSON may hold, become their escapes.

    >>> written("a\ud800")
    'a\\ud800'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def sample(value: Any) -> Any:
    """The value itself, or the beginning of its text where it is too long to show."""
    text = canonical(value)
    if len(text) <= _MOST_SHOWN:
        return value
    return f"{text[:_MOST_SHOWN]}… ({len(text):,} characters)"
