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

    from godot_analysis.reconstruction.pairing import Exchange

    _Key = Callable[[Exchange], tuple[Any, ...]]

_JITTER_US: Final = 1_000_000  # entries of the original clients reach the store this late at worst
_NEAR_US: Final = 5_000_000  # among several of one content, further apart is another call
_FAR_US: Final = 60_000_000  # and so it is for a single one
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
    """Return one call for each exchange, or for each two views of one, in order of time."""
    outers = [exchange for exchange in exchanges if exchange.asking]
    inners = [exchange for exchange in exchanges if not exchange.asking]
    if outers and inners:
        _Joiner({exchange.observer for exchange in exchanges}).join(outers, inners)
    reused = Counter((outer.observer, outer.peer, outer.rpc_id) for outer in outers)
    calls = [_call(outer, outer.twin, reused) for outer in outers]
    calls += [
        Call(None, inner, callee=inner.observer, caller=inner.peer) for inner in inners if inner.twin is None
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


class _Joiner:
    """Finds for each caller's view the callee's, and sets both as twins."""

    def __init__(self, observers: set[str]) -> None:
        self._observers = observers
        self._offsets: dict[tuple[str, str], float] = {}
        self._contents: dict[int, str | None] = {}
        self._called: set[tuple[str, str | None]] = set()

    def join(self, outers: list[Exchange], inners: list[Exchange]) -> None:
        """Try one key after the other on what is left."""
        # The surest first. A key of which a part is missing joins nothing.
        sure: tuple[_Key, ...] = (
            lambda x: (x.trace, x.rpc_id, x.method),
            lambda x: (x.trace, x.method, x.tool),
            lambda x: (x.session, x.rpc_id, x.method),
        )
        likely: tuple[_Key, ...] = (
            lambda x: (x.method, x.tool, x.rpc_id, self._content(x)),
            lambda x: (x.method, x.tool, self._content(x)),
            lambda x: (x.method, x.tool, x.rpc_id),
            lambda x: (x.method, x.rpc_id),
            lambda x: (x.method, x.tool),
            lambda x: (x.method,),
        )
        everyone = outers
        self._called = {(outer.observer, outer.peer) for outer in outers}
        for key in (*sure, *likely):
            outers = [outer for outer in outers if outer.twin is None]
            inners = [inner for inner in inners if inner.twin is None]
            if not outers or not inners:
                return
            if key is likely[0]:
                self._offsets = _offsets(everyone)
            self._pass(outers, inners, key, surely=key in sure)

    def _pass(self, outers: list[Exchange], inners: list[Exchange], key: _Key, *, surely: bool) -> None:
        asked: dict[tuple[Any, ...], list[Exchange]] = defaultdict(list)
        served: dict[tuple[Any, ...], list[Exchange]] = defaultdict(list)
        for outer in outers:
            facts = key(outer)
            if None not in facts:
                # A peer that logs under another name is looked for everywhere.
                asked[outer.peer if outer.peer in self._observers else None, *facts].append(outer)
        anywhere = any(facts[0] is None for facts in asked)
        for inner in inners:
            facts = key(inner)
            if None not in facts:
                served[inner.observer, *facts].append(inner)
                if anywhere:
                    served[None, *facts].append(inner)
        for facts, left in asked.items():
            right = [inner for inner in served.get(facts, ()) if inner.twin is None]
            for outer, inner in self._aligned(left, right, surely=surely):
                outer.twin, inner.twin = inner, outer

    def _aligned(
        self, left: list[Exchange], right: list[Exchange], *, surely: bool
    ) -> Iterable[tuple[Exchange, Exchange]]:
        """Pairs of two lists in order of time: one to one where they fit, otherwise by nearness."""
        if len(left) == len(right):
            pairs = list(zip(left, right, strict=True))
            if all(self._agree(outer, inner) for outer, inner in pairs) and (
                surely or _steady(pairs) or all(self._distance(*pair)[0] <= _FAR_US for pair in pairs)
            ):
                return pairs
        return self._nearest(left, right, _FAR_US if surely else _NEAR_US) if right else ()

    def _nearest(
        self, left: list[Exchange], right: list[Exchange], reach: int
    ) -> Iterable[tuple[Exchange, Exchange]]:
        starts = [outer.start for outer in left]
        used: set[int] = set()
        for inner in right:
            best, least = None, (float(reach), 0.0)
            offset = self._offsets.get((left[0].observer, inner.observer), 0.0)
            at = bisect_left(starts, inner.start - offset)
            for index in range(max(0, at - _NEIGHBOURS), min(len(left), at + _NEIGHBOURS)):
                if index in used or not self._agree(left[index], inner):
                    continue
                distance = self._distance(left[index], inner)
                if distance < least:
                    best, least = index, distance
            if best is not None:
                used.add(best)
                yield left[best], inner

    def _distance(self, outer: Exchange, inner: Exchange) -> tuple[float, float]:
        """How far the arrival lies outside of the caller's view (0 inside), then how far from its start."""
        arrival = inner.start - self._offsets.get((outer.observer, inner.observer), 0.0)
        outside = max(outer.start - arrival, 0.0 if outer.end is None else arrival - outer.end, 0.0)
        return outside, abs(arrival - outer.start)

    def _agree(self, outer: Exchange, inner: Exchange) -> bool:
        """Whether nothing that both ends say differs."""
        if outer.observer == inner.observer:
            return False
        if inner.peer != outer.observer and inner.peer in self._observers:
            return False
        if outer.peer is not None and outer.peer == inner.peer:
            return False  # sent to a third one, and received from it
        if outer.peer not in {None, inner.observer} and (outer.observer, inner.observer) in self._called:
            return False  # whom it calls by its own name it does not call by another one
        return (
            _same(outer.rpc_id, inner.rpc_id)
            and _same(outer.tool, inner.tool)
            and _same(outer.method, inner.method)
            and _same(outer.arguments, inner.arguments)
        )

    def _content(self, exchange: Exchange) -> str | None:
        """The arguments as text, made once."""
        key = id(exchange)
        if key not in self._contents:
            arguments = exchange.arguments
            self._contents[key] = (
                None
                if arguments is None
                else json.dumps(arguments, sort_keys=True, ensure_ascii=False, default=str)
            )
        return self._contents[key]


def _steady(pairs: list[tuple[Exchange, Exchange]]) -> bool:
    """Whether all pairs are equally far apart, as they are when only the clocks differ."""
    if len(pairs) < _STEADY:
        return False
    gaps = [inner.start - outer.start for outer, inner in pairs]
    return max(gaps) - min(gaps) <= _JITTER_US


def _same(a: object, b: object) -> bool:
    return a is None or b is None or a == b


def _offsets(outers: list[Exchange]) -> dict[tuple[str, str], float]:
    """How far a callee's clock seems to be ahead of a caller's, by what is joined."""
    gaps: dict[tuple[str, str], list[int]] = defaultdict(list)
    for outer in outers:
        if outer.twin is not None:
            gaps[outer.observer, outer.twin.observer].append(outer.twin.start - outer.start)
    return {pair: median(values) for pair, values in gaps.items()}
