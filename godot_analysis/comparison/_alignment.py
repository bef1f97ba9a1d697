"""Which element of one sequence is which of another: the equal first, then the alike, in O(n log n)."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

__all__ = ["Alignment", "align"]


class Alignment(NamedTuple):
    """Pairs of positions in order of the left, positions without a partner, lefts of pairs that moved."""

    pairs: list[tuple[int, int]]
    left_only: list[int]
    right_only: list[int]
    moved: frozenset[int]


def align(left: Sequence[Sequence[Hashable]], right: Sequence[Sequence[Hashable]]) -> Alignment:
    """Pair two sequences by keys, each element's given from the strictest to the loosest.

    Of several elements with the same key, the first belongs to the first, the second to the second. What
    stays in order is a longest increasing run of the pairs (Hunt and Szymanski 1977); the rest has moved.
    Unlike an edit script, this finds what concurrent senders merely reordered, and no input makes it slow.

    >>> align([("a",), ("b",), ("c",)], [("c",), ("a",)])
    Alignment(pairs=[(0, 1), (2, 0)], left_only=[1], right_only=[], moved=frozenset({0}))
    """
    depth = max((len(keys) for keys in (*left, *right)), default=0)
    rest_left, rest_right = list(range(len(left))), list(range(len(right)))
    pairs: list[tuple[int, int]] = []
    for level in range(depth):
        waiting: dict[Hashable, list[int]] = {}
        for position in reversed(rest_right):
            waiting.setdefault(right[position][level], []).append(position)
        unpaired = []
        for position in rest_left:
            candidates = waiting.get(left[position][level])
            if candidates:
                pairs.append((position, candidates.pop()))
            else:
                unpaired.append(position)
        rest_left = unpaired
        rest_right = sorted(position for found in waiting.values() for position in found)
    pairs.sort()
    return Alignment(pairs, rest_left, rest_right, _moved(pairs))


def _moved(pairs: list[tuple[int, int]]) -> frozenset[int]:
    """The lefts of the pairs outside a longest increasing run of rights."""
    tails: list[int] = []  # smallest right that ends a run of each length
    ends: list[int] = []  # and the index of its pair
    before: list[int | None] = []
    for index, (_, position) in enumerate(pairs):
        length = bisect_left(tails, position)
        before.append(ends[length - 1] if length else None)
        if length == len(tails):
            tails.append(position)
            ends.append(index)
        else:
            tails[length], ends[length] = position, index
    kept: set[int] = set()
    step = ends[-1] if ends else None
    while step is not None:
        kept.add(step)
        step = before[step]
    return frozenset(left for index, (left, _) in enumerate(pairs) if index not in kept)
