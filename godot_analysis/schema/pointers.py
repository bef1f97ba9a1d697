"""JSON pointers (RFC 6901): made step by step, and followed through a document."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["MISSING", "follow", "join"]

MISSING: Final = object()
"""What `follow` returns where a pointer leads nowhere; None may be what it leads to."""

_LONGEST_INDEX: Final = 10


def join(path: str, *parts: str | int) -> str:
    """A path one or more steps longer, escaped as in a JSON pointer.

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


def follow(pointer: str, document: Any) -> Any:
    """What a pointer leads to in a document, else `MISSING`; the empty pointer leads to all of it.

    >>> follow("/$defs/a~1b/1", {"$defs": {"a/b": ["first", "second"]}})
    'second'
    """
    found = document
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and key in found:
            found = found[key]
        elif (
            isinstance(found, list)
            and key.isdecimal()
            and len(key) < _LONGEST_INDEX
            and int(key) < len(found)
        ):
            found = found[int(key)]
        else:
            return MISSING
    return found
