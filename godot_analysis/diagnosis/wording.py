"""Small words that all rules share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["count", "listed"]


def count(number: int, noun: str) -> str:
    """A number with its noun.

    >>> count(1, "call"), count(1200, "call")
    ('1 call', '1,200 calls')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(names: Iterable[str], most: int = 3) -> str:
    """Names as a person lists them.

    >>> listed(["dewey"]), listed(["dewey", "fiedler"]), listed("abcde", 3)
    ('dewey', 'dewey and fiedler', 'a, b, c and 2 more')
    """
    items = list(names)
    if len(items) > most:
        return f"{', '.join(items[:most])} and {len(items) - most} more"
    return " and ".join(filter(None, [", ".join(items[:-1]), items[-1] if items else ""]))
