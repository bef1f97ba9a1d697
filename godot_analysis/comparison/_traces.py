"""Differences between two traces: their steps aligned, and what each pair did differently."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from godot_analysis.comparison._alignment import align
from godot_analysis.comparison._difference import difference
from godot_analysis.comparison._handshakes import handshake_differences
from godot_analysis.comparison._json import canonical
from godot_analysis.comparison._judgement import COMPATIBLE, Verdict
from godot_analysis.comparison._payloads import payload_changes, steady
from godot_analysis.comparison._tools import tool_differences
from godot_analysis.comparison._tracks import Step, keys_of, renamed_components, track

if TYPE_CHECKING:
    from collections.abc import Iterable

    from godot_analysis.comparison._difference import Difference
    from godot_analysis.comparison._tracks import Link
    from godot_analysis.reconstruction.flow import Flow
    from godot_analysis.schema.walk import Budget

__all__ = ["trace_differences"]

_SLOWER_MS: Final = 100.0
_SLOWER_TIMES: Final = 2.0
_MOST_NAMED: Final = 5
_WELL: Final = "answered"
_PENDING: Final = "pending"
_SOFT: Final = Verdict(COMPATIBLE, "caller")
_GOING_DOWN: Final = frozenset({"argument"})  # told where it began: at the first of the steps that pass it on
_COMING_UP: Final = frozenset({"result", "result shape", "outcome", "better outcome", "error"})  # at the last


@dataclass(eq=False)
class _Pair:
    """A step in both traces, and the pair that it is part of."""

    left: Step
    right: Step
    parent: _Pair | None


def trace_differences(left: Flow, right: Flow, budget: Budget) -> list[Difference]:
    """Every difference between two traces, in the order of the left one.

    Steps are the same when the same component asks the same one for the same; below a pair, what it caused is
    aligned in turn. A step whose cause is in both traces and that did not follow is a divergence; one whose
    cause is missing too is only its consequence and not told again.
    """
    names = renamed_components(left, right)
    found = _Found()
    for new, old in names.items():
        found.add(
            -1.0, difference(f"components/{old}", "component renamed", old, new, f"{old} is called {new}")
        )
    mine, theirs = track(left), track(right, names)
    pairs, gone, new_steps = _align(mine, theirs, found)
    clock = _Clock([(pair.right.position, pair.left.position) for pair in pairs])
    links = [{step.link for step in _all(steps)} for steps in (mine, theirs)]
    for position, item in _absent(gone, links[1], "left"):
        found.add(position, item)
    for position, item in _absent(new_steps, links[0], "right"):
        found.add(clock(position), item)
    for pair, items in _once(pairs, {pair: list(_changes(pair, budget)) for pair in pairs}):
        for item in items:
            found.add(float(pair.left.position), _placed(item, pair))
    return found.in_order()


def _align(mine: list[Step], theirs: list[Step], found: _Found) -> tuple[list[_Pair], list[Step], list[Step]]:
    """Pairs all the way down, and the topmost steps without a partner."""
    pairs: list[_Pair] = []
    gone: list[Step] = []
    new: list[Step] = []
    todo: list[tuple[list[Step], list[Step], _Pair | None]] = [(mine, theirs, None)]
    while todo:
        left, right, parent = todo.pop()
        aligned = align([keys_of(step) for step in left], [keys_of(step) for step in right])
        for one, two in aligned.pairs:
            pair = _Pair(left[one], right[two], parent)
            pairs.append(pair)
            todo.append((pair.left.children, pair.right.children, pair))
        gone += [left[position] for position in aligned.left_only]
        new += [right[position] for position in aligned.right_only]
        if aligned.moved:
            moved = [left[position] for position in sorted(aligned.moved)]
            labels = [step.label for step in moved[:_MOST_NAMED]]
            told = f"{len(moved)} of {len(left)} in another order, such as {labels[0]}"
            found.add(float(moved[0].position), difference(moved[0].path, "moved", labels, None, told))
    return pairs, gone, new


class _Found:
    """The differences so far, each with its position in the left trace."""

    def __init__(self) -> None:
        self._found: list[tuple[float, int, Difference]] = []

    def add(self, position: float, item: Difference) -> None:
        self._found.append((position, len(self._found), item))

    def in_order(self) -> list[Difference]:
        """The differences by their position."""
        return [item for _, _, item in sorted(self._found, key=lambda entry: entry[:2])]


class _Clock:
    """Where a position of the right trace is in the left one: just behind the last pair before it."""

    def __init__(self, pairs: list[tuple[int, int]]) -> None:
        self._pairs = sorted(pairs)
        self._rights = [right for right, _ in self._pairs]

    def __call__(self, position: float) -> float:
        before = bisect_right(self._rights, position)
        return self._pairs[before - 1][1] + 0.5 if before else -0.5


def _absent(steps: list[Step], others: set[Link], where: str) -> Iterable[tuple[float, Difference]]:
    """The steps of one trace only; those on a connection that the other trace does not have are one."""
    # Notifications have no cause in the flow; where a missing step opened the connection, they follow it.
    caused = {step.link for top in steps for step in _all(top.children)} - others
    links: dict[Link, list[Step]] = {}
    for step in steps:
        if step.is_operation or step.link in others:
            yield float(step.position), _missing(step, where, step.size - 1)
        else:
            links.setdefault(step.link, []).append(step)
    for link, found in links.items():
        if link in caused and all(step.kind == "notification" for step in found):
            continue
        first = min(found, key=lambda step: step.position)
        yield float(first.position), _missing(first, where, sum(step.size for step in found) - 1)


def _missing(step: Step, where: str, more: int) -> Difference:
    kind = "other input" if step.is_operation else "missing message" if where == "left" else "extra message"
    told = f"{step.label} is on the {where} only"
    if more:
        told += f", with {more} more {'message' if more == 1 else 'messages'} that followed"
    left, right = (step.label, None) if where == "left" else (None, step.label)
    return difference(step.path, kind, left, right, told, tool=step.tool, evidence=step.evidence)


def _placed(item: Difference, pair: _Pair) -> Difference:
    evidence = dict.fromkeys((*pair.left.evidence, *pair.right.evidence))
    path = f"{pair.left.path}/{item.path}"
    return replace(item, path=path, tool=item.tool or pair.left.tool, evidence=tuple(evidence))


def _once(
    pairs: list[_Pair], changes: dict[_Pair, list[Difference]]
) -> Iterable[tuple[_Pair, list[Difference]]]:
    """Leave out what a step only passes on: arguments on their way down, results on their way up."""
    said = {pair: {_essence(item) for item in items} for pair, items in changes.items()}
    below: dict[_Pair, set[tuple[Any, ...]]] = {}
    for pair in pairs:
        if pair.parent is not None:
            below.setdefault(pair.parent, set()).update(said[pair])
    for pair, items in changes.items():
        above = said[pair.parent] if pair.parent is not None else set()
        under = below.get(pair, set())
        yield (
            pair,
            [
                item
                for item in items
                if not (item.kind in _GOING_DOWN and _essence(item) in above)
                and not (item.kind in _COMING_UP and _essence(item) in under)
            ],
        )


def _essence(item: Difference) -> tuple[Any, ...]:
    return item.path, item.kind, canonical(item.left), canonical(item.right)


def _changes(pair: _Pair, budget: Budget) -> Iterable[Difference]:
    """Everything that one step did differently in the other trace."""
    left, right = pair.left, pair.right
    same_input = True
    for change in payload_changes(left.params, right.params, "params"):
        same_input = False
        told = f"{left.label}: {change.path} {_differs(change.left, change.right)}"
        yield difference(change.path, "argument", change.left, change.right, told)
    yield from _outcome(left, right)
    if left.status == right.status == _WELL and left.result is not None and right.result is not None:
        yield from _results(left, right, budget, same_input=same_input)
    if left.attempts != right.attempts:
        told = f"{left.label}: sent {left.attempts} times on the left, {right.attempts} times on the right"
        kind = "extra message" if right.attempts > left.attempts else "better outcome"
        yield difference("attempts", kind, left.attempts, right.attempts, told)
    yield from _latency(left, right)


def _results(left: Step, right: Step, budget: Budget, *, same_input: bool) -> Iterable[Difference]:
    if left.method == "tools/list" and _is_list(left.result) and _is_list(right.result):
        tools = left.result["tools"], right.result["tools"]
        yield from tool_differences(*tools, path="result/tools", budget=budget)
        return
    if left.method in {"initialize", "server/discover"}:
        yield from handshake_differences(left.result, right.result, path="result")
        return
    for change in payload_changes(left.result, right.result, "result"):
        told = f"{left.label}: {change.path} {_differs(change.left, change.right)}"
        kind = "result shape" if change.shape else "result"
        judged = None if same_input else _SOFT  # another question may have another answer
        yield difference(change.path, kind, change.left, change.right, told, judged=judged)


def _outcome(left: Step, right: Step) -> Iterable[Difference]:
    answered, other = (left, right) if left.status == _WELL else (right, left)
    if answered.status == _WELL and not answered.shown and other.status == _PENDING:
        told = (
            f"{left.label}: no answer was logged, and only one of the traces goes on as if there had been one"
        )
        yield difference("status", "not logged", left.status, right.status, told)
    elif left.status != right.status:
        kind = "better outcome" if right.status == _WELL else "outcome" if left.status == _WELL else "error"
        told = f"{left.label} is {left.status} on the left, {right.status} on the right"
        text = left.error_text if right.status == _WELL else right.error_text
        yield difference(
            "status", kind, left.status, right.status, told + (f": {text}" if isinstance(text, str) else "")
        )
    elif _error(left) != _error(right):
        told = f"{left.label}: another error: {left.error_text} on the left, {right.error_text} on the right"
        yield difference("error", "error", left.error_text, right.error_text, told)


def _error(step: Step) -> tuple[int | None, str]:
    return step.error_code, steady(step.error_text) if isinstance(step.error_text, str) else ""


def _latency(left: Step, right: Step) -> Iterable[Difference]:
    """A step that took much longer, unless those below it explain at least half of it."""
    if left.duration is None or right.duration is None:
        return
    longer = right.duration - left.duration
    low, high = sorted((left.duration, right.duration))
    if abs(longer) < _SLOWER_MS or high < _SLOWER_TIMES * low:
        return
    below = sum(step.duration or 0.0 for step in right.children) - sum(
        step.duration or 0.0 for step in left.children
    )
    if abs(below) * 2 >= abs(longer) and (below > 0) == (longer > 0):
        return
    kind = "slower" if longer > 0 else "faster"
    told = f"{left.label} took {left.duration:,.0f} ms on the left, {right.duration:,.0f} ms on the right"
    yield difference("duration_ms", kind, round(left.duration, 3), round(right.duration, 3), told)


def _is_list(result: Any) -> bool:
    return isinstance(result, dict) and isinstance(result.get("tools"), list)


def _differs(left: Any, right: Any) -> str:
    if left is None:
        return "is on the right only"
    return "is on the left only" if right is None else "differs"


def _all(steps: list[Step]) -> Iterable[Step]:
    todo = list(steps)
    while todo:
        step = todo.pop()
        yield step
        todo += step.children
