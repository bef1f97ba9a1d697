"""Numbers and what they count, for sentences that people read."""

from __future__ import annotations


def counted(number: int, noun: str, verb: str = "") -> str:
    """A number with its noun, and perhaps a verb, in singular or plural.

    >>> counted(1, "record", "is"), counted(1200, "record", "is"), counted(0, "call")
    ('1 record is', '1,200 records are', '0 calls')
    """
    one = number == 1
    words = [f"{number:,}", noun if one else f"{noun}s"]
    if verb:
        words.append(verb if one else _PLURALS[verb])
    return " ".join(words)


_PLURALS = {"is": "are", "waits": "wait", "lies": "lie"}
