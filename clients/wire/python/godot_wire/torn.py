"""Lines that a full disk has torn: the next record was glued to what was written of the one before."""

import json
import re
from typing import Final

# How a record of ours begins, or one that somebody else wrote.
_START: Final = re.compile(
    r'\{[ \t]{0,8}"'
    r'(?:id|trace_id|component|level|message|event_created_at|created_at|instance|seq)"[ \t]{0,8}:'
)
_STARTS_MAX: Final = 10_000
_decode: Final = json.JSONDecoder().raw_decode


def untorn(line: bytes) -> list[bytes]:
    """The records that stand in a line that is no JSON, and what was torn off between them, in their order.

    A line in which no whole record is found comes back alone.

    >>> untorn(b'{"component":"gates","mess{"component":"gates","message":"up"}')
    [b'{"component":"gates","mess', b'{"component":"gates","message":"up"}']
    """
    text = line.decode("utf-8", "surrogateescape")
    pieces: list[str] = []
    done = 0
    for count, start in enumerate(_START.finditer(text)):
        at = start.start()
        if count >= _STARTS_MAX:
            break
        if at < done:
            continue
        end = _end(text, at)
        if end is None:
            continue
        pieces += [text[done:at], text[at:end]]
        done = end
    if not pieces:
        return [line]
    pieces.append(text[done:])
    return [piece.strip().encode("utf-8", "surrogateescape") for piece in pieces if piece.strip()]


def _end(text: str, at: int) -> int | None:
    """Where the record that begins here ends; None if it is torn, or only a part of another one."""
    try:
        value, end = _decode(text, at)
    except (ValueError, RecursionError):
        return None
    whole = isinstance(value, dict) and isinstance(value.get("component"), str)
    return end if whole and text[end : end + 16].strip()[:1] in {"", "{"} else None
