"""Both ends of one exchange put together: the caller's view and the callee's view become one call.

The surest facts first: a trace id and an id in common, then a session and an id, then the content (tool and
arguments), at last method, order and time. Each step is one pass over what is left, by a key of facts that
both ends know, so the whole is linear. Two views are never joined when something that both say differs.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from godot_analysis.pairing import Exchange

_JITTER_US: Final = 1_000_000  # entries of the original clients reach the store this late at worst
_FAR_US: Final = 60_000_000  # without a trace or a session, further apart is another call
_NEIGHBOURS: Final = 8
_STEADY: Final = 3  # so many pairs at one distance are a clock offset, not a coincidence


@dataclass(slots=True, eq=False)
class Call:
    """One request and its answer, seen by one end or by both."""

    outer: Exchange | None  # as the caller saw it
    inner: Exchange | None  # as the callee saw it
    joined_by: str = ""
    earlier: list[Call] = field(default_factory=list)  # other attempts of the same operation
    caller: str | None = None
    callee: str | None = None
    parent: Call | None = None
    notes: list[str] = field(default_factory=list)
    inferred: set[str] = field(default_factory=set)
    request_hop: int | None = None
    response_hop: int | None = None

    @property
    def views(self) -> Iterable[Exchange]:
        """The caller's view, then the callee's."""
        if self.outer is not None:
            yield self.outer
        if self.inner is not None:
            yield self.inner

    @property
    def view(self) -> Exchange:
        """The caller's view if there is one, else the callee's."""
        return self.outer or self.inner  # type: ignore[return-value]

    def method_is(self, method: str) -> bool:
        """Whether either view names this method."""
        return any(view.method == method for view in self.views)

    def known(self, name: str) -> Any:
        """A fact of either view."""
        for view in self.views:
            value = getattr(view, name)
            if value is not None:
                return value
        return None


def join(exchanges: list[Exchange]) -> list[Call]:
    """Return one call for each exchange, or for each two views of one."""
    observers = {exchange.observer for exchange in exchanges}
    outers = [exchange for exchange in exchanges if exchange.asking]
    inners = [exchange for exchange in exchanges if not exchange.asking]
    joined: dict[int, Exchange] = {}  # id of the outer → its inner
    taken: set[int] = set()
    if outers and inners:
        contents = _Contents()
        offsets: dict[tuple[str, str], float] = {}
        for surely, key in _steps(contents):
            _pass(outers, inners, observers, joined, taken, key, surely=surely, offsets=offsets)
            outers_left = [outer for outer in outers if id(outer) not in joined]
            inners_left = [inner for inner in inners if id(inner) not in taken]
            if surely:
                offsets = _offsets(outers, joined)
            if not outers_left or not inners_left:
                break
    reused = Counter((outer.observer, outer.peer, outer.rpc_id) for outer in outers)
    calls = [_call(outer, joined.get(id(outer)), reused) for outer in outers]
    calls += [
        Call(None, inner, callee=inner.observer, caller=inner.peer)
        for inner in inners
        if id(inner) not in taken
    ]
    calls.sort(key=lambda call: call.view.start)
    return calls


def _call(
    outer: Exchange, inner: Exchange | None, reused: Counter[tuple[str, str | None, str | None]]
) -> Call:
    call = Call(outer, inner, caller=outer.observer, callee=outer.peer)
    if inner is None:
        return call
    call.callee = inner.observer
    if outer.trace is not None and outer.trace == inner.trace:
        call.joined_by = "trace"
    elif outer.rpc_id is not None and reused[outer.observer, outer.peer, outer.rpc_id] == 1 and inner.rpc_id:
        call.joined_by = "id"
    elif outer.arguments is not None and outer.arguments == inner.arguments:
        call.joined_by = "content"
    else:
        call.joined_by = "method"
    return call


class _Contents:
    """Tool and arguments as text, made once for each exchange."""

    def __init__(self) -> None:
        self.made: dict[int, str | None] = {}

    def of(self, exchange: Exchange) -> str | None:
        key = id(exchange)
        if key not in self.made:
            arguments = exchange.arguments
            self.made[key] = (
                None
                if arguments is None
                else json.dumps(arguments, sort_keys=True, ensure_ascii=False, default=str)
            )
        return self.made[key]


def _steps(contents: _Contents) -> Iterable[tuple[bool, Callable[[Exchange], tuple[Any, ...]]]]:
    """The keys to join by, the surest first. A key with a missing part joins nothing."""
    yield True, lambda x: (x.trace, x.rpc_id, x.method)
    yield True, lambda x: (x.trace, x.method, x.tool)
    yield True, lambda x: (x.session, x.rpc_id, x.method)
    yield False, lambda x: (x.method, x.tool, x.rpc_id, contents.of(x))
    yield False, lambda x: (x.method, x.tool, contents.of(x))
    yield False, lambda x: (x.method, x.tool, x.rpc_id)
    yield False, lambda x: (x.method, x.rpc_id)
    yield False, lambda x: (x.method, x.tool)
    yield False, lambda x: (x.method,)


def _pass(
    outers: list[Exchange],
    inners: list[Exchange],
    observers: set[str],
    joined: dict[int, Exchange],
    taken: set[int],
    key: Callable[[Exchange], tuple[Any, ...]],
    *,
    surely: bool,
    offsets: dict[tuple[str, str], float],
) -> None:
    asked: dict[tuple[Any, ...], list[Exchange]] = defaultdict(list)
    served: dict[tuple[Any, ...], list[Exchange]] = defaultdict(list)
    for outer in outers:
        if id(outer) not in joined and None not in (facts := key(outer)):
            # A peer that logs under another name is looked for everywhere.
            asked[outer.peer if outer.peer in observers else None, *facts].append(outer)
    for inner in inners:
        if id(inner) not in taken and None not in (facts := key(inner)):
            served[inner.observer, *facts].append(inner)
            served[None, *facts].append(inner)
    for facts, left in asked.items():
        right = [inner for inner in served.get(facts, ()) if id(inner) not in taken]
        if not right:
            continue
        for outer, inner in _aligned(left, right, surely=surely, offsets=offsets):
            joined[id(outer)] = inner
            taken.add(id(inner))


def _aligned(
    left: list[Exchange], right: list[Exchange], *, surely: bool, offsets: dict[tuple[str, str], float]
) -> list[tuple[Exchange, Exchange]]:
    """Pairs of two lists in order of time: one to one where they fit, otherwise by nearness."""
    if len(left) == len(right):
        pairs = list(zip(left, right, strict=True))
        if all(_agree(outer, inner) for outer, inner in pairs) and (
            surely or _steady(pairs) or all(_near(o, i, offsets, _FAR_US) for o, i in pairs)
        ):
            return pairs
    return _nearest(left, right, offsets, _FAR_US if surely else _JITTER_US * 5)


def _nearest(
    left: list[Exchange], right: list[Exchange], offsets: dict[tuple[str, str], float], reach: int
) -> list[tuple[Exchange, Exchange]]:
    starts = [outer.start for outer in left]
    used: set[int] = set()
    pairs = []
    for inner in right:
        best, least = None, (float(reach), float(reach))
        at = bisect_left(starts, inner.start)
        for index in range(max(0, at - _NEIGHBOURS), min(len(left), at + _NEIGHBOURS)):
            outer = left[index]
            if index in used or not _agree(outer, inner):
                continue
            distance = _distance(outer, inner, offsets)
            if distance < least:
                best, least = index, distance
        if best is not None:
            used.add(best)
            pairs.append((left[best], inner))
    return pairs


def _distance(outer: Exchange, inner: Exchange, offsets: dict[tuple[str, str], float]) -> tuple[float, float]:
    """How far the arrival lies outside of the caller's view (0 inside), then how far from its start."""
    arrival = inner.start - offsets.get((outer.observer, inner.observer), 0.0)
    outside = max(outer.start - arrival, 0.0 if outer.end is None else arrival - outer.end, 0.0)
    return outside, abs(arrival - outer.start)


def _near(outer: Exchange, inner: Exchange, offsets: dict[tuple[str, str], float], reach: int) -> bool:
    return _distance(outer, inner, offsets)[0] <= reach


def _steady(pairs: list[tuple[Exchange, Exchange]]) -> bool:
    """Whether all pairs are equally far apart, as they are when only the clocks differ."""
    if len(pairs) < _STEADY:
        return False
    gaps = [inner.start - outer.start for outer, inner in pairs]
    return max(gaps) - min(gaps) <= _JITTER_US


def _agree(outer: Exchange, inner: Exchange) -> bool:
    """Whether nothing that both ends say differs."""
    if outer.observer == inner.observer:
        return False
    if inner.peer is not None and inner.peer != outer.observer and inner.peer == outer.peer:
        return False
    return (
        _same(outer.rpc_id, inner.rpc_id)
        and _same(outer.tool, inner.tool)
        and _same(outer.method, inner.method)
        and _same(outer.arguments, inner.arguments)
    )


def _same(a: object, b: object) -> bool:
    return a is None or b is None or a == b


def _offsets(outers: list[Exchange], joined: dict[int, Exchange]) -> dict[tuple[str, str], float]:
    """How far a callee's clock seems to be ahead of a caller's, by what is surely joined."""
    gaps: dict[tuple[str, str], list[int]] = defaultdict(list)
    for outer in outers:
        inner = joined.get(id(outer))
        if inner is not None:
            gaps[outer.observer, inner.observer].append(inner.start - outer.start)
    return {pair: median(values) for pair, values in gaps.items()}
