"""One order for everything: by cause first, then by time; an answer is never before its question.

Times alone cannot order: clocks differ, and entries overtake each other on their way to the store. A record
can be late but never early, so a cause is at the latest when its effect is: times of causes are pulled
forward to those of their effects, and what is then equal stays in causal order.

The plain case is a call that caused at most one other: its hops are one line, in and out again. Calls with
more effects are trees, walked by hand.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from godot_analysis.normal_form.table import taken

if TYPE_CHECKING:
    from numpy.typing import NDArray


def causal_order(
    times: NDArray[np.int64],
    call: NDArray[np.int64],
    is_answer: NDArray[np.bool_],
    parent: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Sort messages so that each comes before its effects, and otherwise by time.

    Parameters
    ----------
    times
        When each message travelled.
    call
        The call that it belongs to, -1 for none. The messages of one call stand together, each the cause of
        the next.
    is_answer
        Whether it is an answer; otherwise it is a question.
    parent
        For each call the one that caused it, -1 for none.

    Returns
    -------
    array of int
        The numbers of the messages in order.

    Examples
    --------
    >>> none = np.array([-1])
    >>> asked_and_answered, alone = [0, 0], [-1]
    >>> causal_order(  # the question 0 was logged after its answer 1
    ...     np.array([30, 20, 10]), np.array(asked_and_answered + alone), np.array([False, True, False]), none
    ... ).tolist()
    [2, 0, 1]
    """
    root, rank, at = _lines(times, call, is_answer, parent)
    return np.lexsort((rank, root, at))


def _lines(
    times: NDArray[np.int64],
    call: NDArray[np.int64],
    is_answer: NDArray[np.bool_],
    parent: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """For each message the first of its line, its place in it, and its time, not after its effects'."""
    number = np.arange(len(times))
    calls = len(parent)
    top, depth = _tops(parent)
    count = np.bincount(call + 1, minlength=calls + 1)[1:]
    questions = np.bincount(call[~is_answer] + 1, minlength=calls + 1)[1:]
    children = np.bincount(parent + 1, minlength=calls + 1)[1:]
    # A line: at most one effect, one attempt, its question seen, and the answer that ends what it caused.
    bent = (children > 1) | (count - questions > 1) | (questions > 1)
    bent |= (questions == 0) & ((children > 0) | (parent >= 0))
    bent |= (count == questions) & (children > 0) & (parent >= 0)
    tree = np.zeros(calls + 1, dtype=bool)
    tree[top[bent]] = True
    by_hand = np.append(tree[top], False)[call]
    # Down through the questions, up again through the answers.
    deepest = int(depth.max(initial=0)) + 1
    level = np.append(depth, 0)[call]
    rank = np.where(is_answer, 2 * deepest - level, level)
    begins = np.full(calls + 1, len(times))
    np.minimum.at(begins, call, number)
    root = np.where(call < 0, number, begins[np.append(top, calls)[call]])
    at = times.copy()
    if by_hand.any():
        effects = _effects(np.flatnonzero(by_hand), call, is_answer, parent)
        _walk(effects, root, rank, at)
    line = np.flatnonzero(~by_hand)
    line = line[np.lexsort((rank[line], root[line]))]
    at[line] = _suffix_least(at[line], root[line])
    return root, rank, at


def _tops(parent: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each call the first cause of all, and how far down it is."""
    top, depth = np.arange(len(parent)), np.zeros(len(parent), dtype=np.int64)
    above = parent.copy()
    while (deeper := above >= 0).any():
        top = np.where(deeper, above, top)
        depth += deeper
        above = taken(parent, above)
    return top, depth


def _suffix_least(values: NDArray[np.int64], group: NDArray[np.int64]) -> NDArray[np.int64]:
    """The least of each value and those after it in its group; the members of a group stand together."""
    if not len(values):
        return values
    known, ranks = np.unique(values, return_inverse=True)
    part = np.cumsum(np.diff(group, prepend=group[0]) != 0)
    # Later groups count as larger, so that the least of one never comes from the next.
    least = np.minimum.accumulate((ranks + part * len(known))[::-1])[::-1] - part * len(known)
    least_of_all: NDArray[np.int64] = known[least]
    return least_of_all


def _effects(
    hops: NDArray[np.int64], call: NDArray[np.int64], is_answer: NDArray[np.bool_], parent: NDArray[np.int64]
) -> dict[int, list[int]]:
    """For each of these messages those that it caused."""
    lines: dict[int, list[int]] = {}
    for hop in hops.tolist():
        lines.setdefault(int(call[hop]), []).append(hop)
    effects: dict[int, list[int]] = {hop: [] for hop in hops.tolist()}
    for line in lines.values():
        for cause, effect in pairwise(line):
            effects[cause].append(effect)
    for number, line in lines.items():
        above = lines.get(int(parent[number]))
        if above is None:
            continue
        asked = [hop for hop in above if not is_answer[hop]]
        if asked:
            effects[asked[-1]].append(line[0])
        if is_answer[above[-1]]:
            effects[line[-1]].append(above[-1])
    return effects


def _walk(
    effects: dict[int, list[int]],
    root: NDArray[np.int64],
    rank: NDArray[np.int64],
    at: NDArray[np.int64],
) -> None:
    """Set what is known of the messages of whole trees."""
    caused = {effect for later in effects.values() for effect in later}
    for first in effects:
        if first in caused:
            continue
        line = _depth_first(first, effects)
        for place, hop in enumerate(line):
            root[hop], rank[hop] = first, place
        for hop in reversed(line):
            for effect in effects[hop]:
                at[hop] = min(at[hop], at[effect])


def _depth_first(root: int, effects: dict[int, list[int]]) -> list[int]:
    """Topological line of everything under a root: causes before effects, each event once."""
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
