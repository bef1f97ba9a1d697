"""Spans of sequence numbers against plain sets."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from godot_daemon.spans import WORD, of_words, outside, runs, size

NUMBERS = st.sets(st.integers(0, 300))


def numbers_of(spans) -> set[int]:
    return {number for first, last in spans for number in range(first, last + 1)}


def words_of(numbers) -> list[tuple[int, int]]:
    """As the database gives them: signed numbers of 64 bits."""
    words: dict[int, int] = {}
    for number in numbers:
        words[number // WORD] = words.get(number // WORD, 0) | 1 << number % WORD
    return [
        (word, bits - (1 << WORD) if bits >> (WORD - 1) else bits) for word, bits in sorted(words.items())
    ]


@given(NUMBERS)
def test_runs_and_words_are_the_numbers(numbers):
    spans = list(runs(sorted(numbers)))
    assert numbers_of(spans) == numbers_of(of_words(words_of(numbers))) == numbers
    assert size(spans) == len(numbers)
    assert all(before[1] + 1 < after[0] for before, after in pairwise(spans))


@given(NUMBERS, NUMBERS, NUMBERS)
def test_outside_is_the_difference(numbers, one, other):
    gaps = list(runs(sorted(numbers)))
    left = list(outside(outside(gaps, of_words(words_of(one))), runs(sorted(other))))
    assert numbers_of(left) == numbers - one - other
    assert left == sorted(left)


def test_full_words_and_huge_numbers():
    assert list(of_words([(0, -1), (1, -1)])) == [(0, 63), (64, 127)]
    last = 2**63 - 1
    assert list(outside([(1, last)], of_words([(last // WORD, -(2**63))]))) == [(1, last - 1)]
