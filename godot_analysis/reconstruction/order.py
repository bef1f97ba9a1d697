"""One order for everything: by cause first, then by time; an answer is never before its question.

Times alone cannot order: clocks differ, and entries overtake each other on their way to the store. A record
can be late but never early, so a cause is at the latest when its effect is: times of causes are pulled
forward to those of their effects, and what is then equal stays in causal order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def causal_order(times: Sequence[int], effects: Sequence[Sequence[int]]) -> list[int]:
    """Sort events so that each comes before its effects, and otherwise by time.

    Parameters
    ----------
    times
        The time of each event.
    effects
        For each event the numbers of the events it caused; a forest of chains, without circles.

    Returns
    -------
    list of int
        The numbers of the events in order.

    Examples
    --------
    >>> causal_order([30, 20, 10], [[1], [], []])  # the question 0 was logged after its answer 1
    [2, 0, 1]
    """
    caused = [False] * len(times)
    for later in effects:
        for effect in later:
            caused[effect] = True
    at = list(times)
    rank = [0] * len(times)
    number = 0
    for root, is_effect in enumerate(caused):
        if is_effect:
            continue
        line = _depth_first(root, effects)
        for event in line:
            rank[event] = number
            number += 1
        for event in reversed(line):
            for effect in effects[event]:
                at[event] = min(at[event], at[effect])
    return sorted(range(len(times)), key=lambda event: (at[event], rank[event]))


def _depth_first(root: int, effects: Sequence[Sequence[int]]) -> list[int]:
    """Topological line of everything under a root: causes before effects, each event once."""
    if not effects[root]:
        return [root]
    line: list[int] = []
    done: set[int] = set()
    stack: list[tuple[int, bool]] = [(root, False)]
    while stack:
        event, left = stack.pop()
        if left:
            line.append(event)
            continue
        if event in done:
            continue
        done.add(event)
        stack.append((event, True))
        stack.extend((effect, False) for effect in effects[event])
    line.reverse()
    return line
