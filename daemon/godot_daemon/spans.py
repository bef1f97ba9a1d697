"""Sets of sequence numbers as sorted, separate spans: few of them, however many records a process sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Span = tuple[int, int]
"""Numbers from … to, both included."""

WORD: Final = 64
"""Numbers are asked of the database as bitmaps of so many: exact, and a word for 64 rows."""

_FULL: Final = (1 << WORD) - 1


def runs(numbers: Iterable[int]) -> Iterator[Span]:
    """The spans of sorted numbers; one may come several times.

    >>> list(runs([1, 2, 2, 3, 7]))
    [(1, 3), (7, 7)]
    """
    span: Span | None = None
    for number in numbers:
        if span is not None and number <= span[1] + 1:
            span = (span[0], number)
        else:
            if span is not None:
                yield span
            span = (number, number)
    if span is not None:
        yield span


def of_words(words: Iterable[tuple[int, int]]) -> Iterator[Span]:
    """The spans of bitmaps, sorted by the number of their word; neighbours may touch.

    >>> list(of_words([(0, 0b1110), (1, 0b1)]))
    [(1, 3), (64, 64)]
    """
    for word, signed in words:
        start, bits = word * WORD, signed & _FULL
        if bits == _FULL:
            yield start, start + WORD - 1
        else:
            yield from runs(start + bit for bit in range(WORD) if bits >> bit & 1)


def outside(gaps: Iterable[Span], spans: Iterable[Span]) -> Iterator[Span]:
    """The parts of sorted gaps that lie in none of some sorted spans.

    >>> list(outside([(1, 10)], [(2, 3), (10, 12)]))
    [(1, 1), (4, 9)]
    """
    rest = iter(spans)
    span = next(rest, None)
    for first, last in gaps:
        start = first
        while span is not None and span[0] <= last:
            if span[0] > start:
                yield start, span[0] - 1
            start = max(start, span[1] + 1)
            if span[1] > last:
                break
            span = next(rest, None)
        if start <= last:
            yield start, last


def size(spans: Iterable[Span]) -> int:
    """How many numbers there are.

    >>> size([(1, 3), (7, 7)])
    4
    """
    return sum(last - first + 1 for first, last in spans)
