"""Both ends of one exchange put together: the caller's view and the callee's view become one call.

The surest facts first: a trace id and an id in common, then a session and an id, then the content (tool and
arguments), at last method, order and time. Each step is one pass over what is left, by a key of facts that
both ends know, so the whole is linear. Two views are never joined when something that both say differs.

In each pass the plain case is decided for all at once, in columns: as many callers' views of a key as
callees', which agree one by one in order of time. What is left of a key is aligned by hand.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from godot_analysis.normal_form.table import packed
from godot_analysis.reconstruction.views import Views

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from godot_analysis.normal_form.messages import Observations
    from godot_analysis.reconstruction.exchange import Exchange

_JITTER_US: Final = 1_000_000  # entries of the original clients reach the store this late at worst
_NEAR_US: Final = 5_000_000  # among several of one content, further apart is another call
_FAR_US: Final = 60_000_000  # and so it is for a single one
_NEIGHBOURS: Final = 8
_STEADY: Final = 3  # so many pairs at one distance are a clock offset, not a coincidence


class Call(msgspec.Struct, eq=False):
    """One request and its answer, seen by one end or by both."""

    outer: Exchange | None  # as the caller saw it
    inner: Exchange | None  # as the callee saw it
    joined_by: str = ""
    earlier: tuple[Call, ...] = ()  # other attempts of the same operation
    caller: str | None = None
    callee: str | None = None
    parent: Call | None = None
    notes: tuple[str, ...] = ()
    inferred: frozenset[str] = frozenset()
    request_hop: int | None = None
    response_hop: int | None = None

    @property
    def views(self) -> tuple[Exchange, ...]:
        """The caller's view, then the callee's."""
        if self.outer is None:
            return () if self.inner is None else (self.inner,)
        return (self.outer,) if self.inner is None else (self.outer, self.inner)

    @property
    def view(self) -> Exchange:
        """The caller's view if there is one, else the callee's."""
        return self.outer or self.inner  # type: ignore[return-value]

    def method_is(self, method: str) -> bool:
        """Whether either view names this method."""
        outer, inner = self.outer, self.inner
        return (outer is not None and outer.method == method) or (
            inner is not None and inner.method == method
        )

    def known(self, name: str) -> Any:
        """A fact of either view."""
        found = None if self.outer is None else getattr(self.outer, name)
        return getattr(self.inner, name) if found is None and self.inner is not None else found


def known(calls: Iterable[Call], name: str) -> list[Any]:
    """A fact of each call: as the caller's view knows it, else the callee's."""
    calls = list(calls)
    mine = map(attrgetter(name), [call.outer or call.inner for call in calls])
    return [call.known(name) if value is None else value for value, call in zip(mine, calls, strict=True)]


def addressed(seen: Observations) -> set[tuple[str, str | None]]:
    """Who calls whom by which name, anywhere in the log."""
    observers, peers = seen.of_rows(seen.component), seen.sightings.words["peer"]
    _, first = np.unique(packed(observers.codes, peers.codes), return_index=True)
    names = observers.take(first).texts()
    return {(name or "", peer) for name, peer in zip(names, peers.take(first).objects(), strict=True)}


def join(exchanges: list[Exchange], named: set[tuple[str, str | None]]) -> list[Call]:
    """Return one call for each exchange, or for each two views of one, in order of time.

    `named` is what `addressed` finds.
    """
    if not exchanges:
        return []
    views = Views(exchanges, named)
    twins = _Joiner(views).join()
    outers, inners = np.flatnonzero(views.asking), np.flatnonzero(~views.asking & (twins < 0))
    outer = np.concatenate([outers, np.full(len(inners), -1)])
    inner = np.concatenate([twins[outers], inners])
    in_time = np.argsort(np.concatenate([views.starts[outers], views.starts[inners]]), kind="stable")
    joined = _joined_by(views, twins)
    calls = []
    for mine, theirs in zip(outer[in_time].tolist(), inner[in_time].tolist(), strict=True):
        caller = None if mine < 0 else exchanges[mine]
        callee = None if theirs < 0 else exchanges[theirs]
        if caller is None:
            calls.append(Call(None, callee, caller=callee.peer, callee=callee.observer))  # type: ignore[union-attr]
        elif callee is None:
            calls.append(Call(caller, None, caller=caller.observer, callee=caller.peer))
        else:
            calls.append(Call(caller, callee, joined[mine], caller=caller.observer, callee=callee.observer))
    return calls


def _joined_by(views: Views, twins: NDArray[np.int64]) -> dict[int, str]:
    """What made two views one, the surest reason that holds; by the caller's view."""
    outer = np.flatnonzero(views.asking & (twins >= 0))
    inner = twins[outer]
    trace, ids = views.codes["trace"], views.codes["rpc_id"]
    named = packed(views.codes["observer"], views.codes["peer"], ids)
    _, which, uses = np.unique(named[views.asking], return_inverse=True, return_counts=True)
    unique = np.zeros(len(twins), dtype=bool)
    unique[views.asking] = uses[which] == 1
    by_trace = (trace[outer] >= 0) & (trace[outer] == trace[inner])
    by_id = (ids[outer] >= 0) & unique[outer] & (ids[inner] >= 0)
    content = views.arguments
    return {
        mine: "trace"
        if traced
        else "id"
        if known
        else "content"
        if content[mine] is not None and content[mine] == content[theirs]
        else "method"
        for mine, theirs, traced, known in zip(
            outer.tolist(), inner.tolist(), by_trace.tolist(), by_id.tolist(), strict=True
        )
    }


_SURE: Final = (
    # The surest first. A key of which a part is missing joins nothing.
    ("trace", "rpc_id", "method"),
    ("trace", "method", "tool"),
    ("session", "rpc_id", "method"),
)
_LIKELY: Final = (
    ("method", "tool", "rpc_id", "content"),
    ("method", "tool", "content"),
    ("method", "tool", "rpc_id"),
    ("method", "rpc_id"),
    ("method", "tool"),
    ("method",),
)


class _Joiner:
    """Finds for each caller's view the callee's."""

    def __init__(self, views: Views) -> None:
        self._views = views
        self._twins = np.full(len(views.exchanges), -1)
        self._offsets: dict[tuple[str, str], float] = {}
        self._observers = {exchange.observer for exchange in views.exchanges}

    def join(self) -> NDArray[np.int64]:
        """Try one key after the other on what is left; return the twin of each view, -1 for none."""
        views = self._views
        for key in (*_SURE, *_LIKELY):
            alone = self._twins < 0
            if not (alone & views.asking).any() or not (alone & ~views.asking).any():
                break
            if key is _LIKELY[0]:
                self._offsets = self._find_offsets()
                views.codes["content"] = views.content(np.flatnonzero(alone))
            self._pass([views.codes[name] for name in key], alone, surely=key in _SURE)
        return self._twins

    def _pass(self, key: list[NDArray[np.int64]], alone: NDArray[np.bool_], *, surely: bool) -> None:
        views = self._views
        for part in key:
            alone = alone & (part >= 0)
        facts = packed(*key)
        asking = views.asking
        named = np.where(asking, views.peer_logs, True)  # noqa: FBT003 - the value of the array
        to = np.where(asking, views.codes["peer"], views.codes["observer"])
        group = packed(to, facts)
        by_hand = self._align(
            np.flatnonzero(alone & asking & named), np.flatnonzero(alone & ~asking), group, surely=surely
        )
        for outers, inners in by_hand:
            self._set(self._aligned(outers, inners, surely=surely))
        # A peer that logs under another name is looked for everywhere, after those that are known.
        self._look_everywhere(
            np.flatnonzero(alone & asking & ~named), np.flatnonzero(alone & ~asking), facts, surely=surely
        )

    def _align(
        self,
        outers: NDArray[np.int64],
        inners: NDArray[np.int64],
        group: NDArray[np.int64],
        *,
        surely: bool,
    ) -> list[tuple[list[int], list[int]]]:
        """Join the groups that fit one to one; return the others that have two sides."""
        outers = outers[np.isin(group[outers], group[inners])]
        inners = inners[np.isin(group[inners], group[outers])]
        outers = outers[np.argsort(group[outers], kind="stable")]
        inners = inners[np.argsort(group[inners], kind="stable")]
        _, first, count = np.unique(group[outers], return_index=True, return_counts=True)
        _, first_inner, count_inner = np.unique(group[inners], return_index=True, return_counts=True)
        even = count == count_inner
        if not len(even):
            return []
        left, right = outers[np.repeat(even, count)], inners[np.repeat(even, count_inner)]
        fits = even.copy()
        if len(left):
            begins = np.cumsum(count[even]) - count[even]
            fits[even] = np.logical_and.reduceat(self._agree(left, right), begins)
            if not surely:
                fits[even] &= self._near(left, right, begins, count[even])
        mine, theirs = outers[np.repeat(fits, count)], inners[np.repeat(fits, count_inner)]
        self._twins[mine], self._twins[theirs] = theirs, mine
        # One to one that does not fit is none.
        return [
            (outers[a : a + n].tolist(), inners[b : b + m].tolist())
            for a, n, b, m, fit in zip(first, count, first_inner, count_inner, fits, strict=True)
            if not fit and (n, m) != (1, 1)
        ]

    def _look_everywhere(
        self,
        outers: NDArray[np.int64],
        inners: NDArray[np.int64],
        facts: NDArray[np.int64],
        *,
        surely: bool,
    ) -> None:
        served: dict[int, list[int]] = defaultdict(list)
        for inner in inners[np.isin(facts[inners], facts[outers])].tolist():
            served[facts[inner]].append(inner)
        asked: dict[int, list[int]] = defaultdict(list)
        for outer in outers.tolist():
            asked[facts[outer]].append(outer)
        for fact, left in asked.items():
            right = [inner for inner in served.get(fact, ()) if self._twins[inner] < 0]
            if right:
                self._set(self._aligned(left, right, surely=surely))

    def _set(self, pairs: Iterable[tuple[int, int]]) -> None:
        for outer, inner in list(pairs):
            self._twins[outer], self._twins[inner] = inner, outer

    def _agree(self, outer: NDArray[np.int64], inner: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether nothing that both ends say differs: pair by pair, the same as `_agrees`."""
        views, codes = self._views, self._views.codes
        observer, peer = codes["observer"], codes["peer"]
        fits = observer[outer] != observer[inner]
        fits &= (peer[inner] == observer[outer]) | ~views.peer_logs[inner]
        fits &= (peer[outer] < 0) | (peer[outer] != peer[inner])
        for name in ("rpc_id", "tool", "method"):
            mine, theirs = codes[name][outer], codes[name][inner]
            fits &= (mine < 0) | (theirs < 0) | (mine == theirs)
        pairs = zip(views.arguments[outer], views.arguments[inner], strict=True)
        fits &= np.fromiter((_same(a, b) for a, b in pairs), dtype=bool, count=len(outer))
        return fits  # type: ignore[no-any-return, unused-ignore]

    def _near(
        self,
        outer: NDArray[np.int64],
        inner: NDArray[np.int64],
        begins: NDArray[np.int64],
        count: NDArray[np.int64],
    ) -> NDArray[np.bool_]:
        """For each group whether all its pairs are near, or equally far as they are by different clocks."""
        views = self._views
        codes = views.codes["observer"]
        pair = packed(codes[outer], codes[inner])
        offset = np.zeros(len(outer))
        for one in np.unique(pair):
            own = pair == one
            at = int(np.argmax(own))
            names = views.names[codes[outer[at]]], views.names[codes[inner[at]]]
            offset[own] = self._offsets.get(names, 0.0)
        arrival, start, end = views.starts[inner] - offset, views.starts[outer], views.ends[outer]
        outside = np.maximum(start - arrival, np.where(end < 0, 0.0, arrival - end))
        near = np.logical_and.reduceat(outside <= _FAR_US, begins)
        gaps = views.starts[inner] - views.starts[outer]
        spread = np.maximum.reduceat(gaps, begins) - np.minimum.reduceat(gaps, begins)
        steady: NDArray[np.bool_] = near | ((count >= _STEADY) & (spread <= _JITTER_US))
        return steady

    # By hand

    def _aligned(self, left: list[int], right: list[int], *, surely: bool) -> Iterable[tuple[int, int]]:
        """Pairs of two lists in order of time: one to one where they fit, otherwise by nearness."""
        if len(left) == len(right):
            pairs = list(zip(left, right, strict=True))
            seen = [self._both(*pair) for pair in pairs]
            if all(self._agrees(*pair) for pair in seen) and (
                surely or _steady(seen) or all(self._distance(*pair)[0] <= _FAR_US for pair in seen)
            ):
                return pairs
        return self._nearest(left, right, _FAR_US if surely else _NEAR_US)

    def _both(self, outer: int, inner: int) -> tuple[Exchange, Exchange]:
        return self._views.exchanges[outer], self._views.exchanges[inner]

    def _nearest(self, left: Sequence[int], right: Sequence[int], reach: int) -> Iterable[tuple[int, int]]:
        exchanges = self._views.exchanges
        starts = [exchanges[outer].start for outer in left]
        used: set[int] = set()
        for place in right:
            inner = exchanges[place]
            best, least = None, (float(reach), 0.0)
            offset = self._offsets.get((exchanges[left[0]].observer, inner.observer), 0.0)
            at = bisect_left(starts, inner.start - offset)
            for index in range(max(0, at - _NEIGHBOURS), min(len(left), at + _NEIGHBOURS)):
                if index in used or not self._agrees(exchanges[left[index]], inner):
                    continue
                distance = self._distance(exchanges[left[index]], inner)
                if distance < least:
                    best, least = index, distance
            if best is not None:
                used.add(best)
                yield left[best], place

    def _distance(self, outer: Exchange, inner: Exchange) -> tuple[float, float]:
        """How far the arrival lies outside of the caller's view (0 inside), then how far from its start."""
        arrival = inner.start - self._offsets.get((outer.observer, inner.observer), 0.0)
        outside = max(outer.start - arrival, 0.0 if outer.end is None else arrival - outer.end, 0.0)
        return outside, abs(arrival - outer.start)

    def _agrees(self, outer: Exchange, inner: Exchange) -> bool:
        """Whether nothing that both ends say differs."""
        if outer.observer == inner.observer:
            return False
        if inner.peer != outer.observer and inner.peer in self._observers:
            return False
        if outer.peer is not None and outer.peer == inner.peer:
            return False  # sent to a third one, and received from it
        if outer.peer != inner.observer and self._views.calls_by_name(outer, inner):
            return False  # whom it calls by its own name it does not call by another one
        return (
            _same(outer.rpc_id, inner.rpc_id)
            and _same(outer.tool, inner.tool)
            and _same(outer.method, inner.method)
            and _same(outer.arguments, inner.arguments)
        )

    def _find_offsets(self) -> dict[tuple[str, str], float]:
        """How far a callee's clock seems to be ahead of a caller's, by what is joined."""
        views, twins = self._views, self._twins
        outer = np.flatnonzero(views.asking & (twins >= 0))
        observer, gaps = views.codes["observer"], views.starts[twins[outer]] - views.starts[outer]
        pair = packed(observer[outer], observer[twins[outer]])
        return {
            (
                views.names[observer[outer[first]]],
                views.names[observer[twins[outer[first]]]],
            ): float(np.median(gaps[pair == one]))
            for one, first in zip(*np.unique(pair, return_index=True), strict=True)
        }


def _steady(pairs: list[tuple[Exchange, Exchange]]) -> bool:
    """Whether all pairs are equally far apart, as they are when only the clocks differ."""
    if len(pairs) < _STEADY:
        return False
    gaps = [inner.start - outer.start for outer, inner in pairs]
    return max(gaps) - min(gaps) <= _JITTER_US


def _same(a: object, b: object) -> bool:
    return a is None or b is None or a == b
