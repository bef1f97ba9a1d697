"""Both ends of one exchange put together: the caller's view and the callee's view become one call.

The surest facts first: a trace id and an id in common, then a session and an id, then the content (tool and
arguments), at last method, order and time. Each step is one pass over what is left, by a key of facts that
both ends know, so the whole is linear. Two views are never joined when something that both say differs.

In each pass the plain case is decided for all at once, in columns: as many callers' views of a key as
callees', which agree one by one in order of time. What is left of a key is aligned by hand.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import defaultdict
from operator import eq
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from godot_analysis.normal_form.table import Words, firsts, packed
from godot_analysis.reconstruction.call import REASONS, Calls

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from godot_analysis.normal_form.messages import Observations
    from godot_analysis.normal_form.table import Numbers
    from godot_analysis.reconstruction.exchange import Exchanges

_JITTER_US: Final = 1_000_000  # entries of the original clients reach the store this late at worst
_NEAR_US: Final = 5_000_000  # among several of one content, further apart is another call
_FAR_US: Final = 60_000_000  # and so it is for a single one
_NEIGHBOURS: Final = 8
_STEADY: Final = 3  # so many pairs at one distance are a clock offset, not a coincidence


def addressed(seen: Observations) -> set[tuple[int, int]]:
    """Who calls whom by which name, anywhere in the log: numbers of `seen.names`."""
    own, peer = seen.names
    first = firsts(packed(own.codes, peer.codes))
    return set(zip(own.codes[first].tolist(), peer.codes[first].tolist(), strict=True))


def join(exchanges: Exchanges, named: set[tuple[int, int]]) -> Calls:
    """Return one call for each exchange, or for each two views of one, in order of time.

    `named` is what `addressed` finds.
    """
    twins = _Joiner(exchanges, named).join()
    outers, inners = np.flatnonzero(exchanges.asking), np.flatnonzero(~exchanges.asking & (twins < 0))
    in_time = np.argsort(np.concatenate([exchanges.start[outers], exchanges.start[inners]]), kind="stable")
    outer = np.concatenate([outers, np.full(len(inners), -1)])[in_time]
    inner = np.concatenate([twins[outers], inners])[in_time]
    return Calls(exchanges, outer, inner, _joined_by(exchanges, outer, inner))


def _joined_by(exchanges: Exchanges, outer: NDArray[np.int64], inner: NDArray[np.int64]) -> NDArray[np.int64]:
    """What made two views one, the surest reason that holds: of `REASONS`."""
    both = np.flatnonzero((outer >= 0) & (inner >= 0))
    mine, theirs = outer[both], inner[both]
    trace, ids = exchanges.codes("trace"), exchanges.codes("rpc_id")
    asking = np.flatnonzero(exchanges.asking)
    named = packed(exchanges.codes("observer")[asking], exchanges.codes("peer")[asking], ids[asking])
    unique = np.zeros(len(exchanges), dtype=bool)
    unique[asking[~pd.Series(named).duplicated(keep=False).to_numpy()]] = True
    by_trace = (trace[mine] >= 0) & (trace[mine] == trace[theirs])
    by_id = (ids[mine] >= 0) & unique[mine] & (ids[theirs] >= 0)
    reasons = np.where(by_trace, REASONS.index("trace"), REASONS.index("id"))
    for place in np.flatnonzero(~by_trace & ~by_id).tolist():
        content = exchanges.arguments[mine[place]]
        alike = content is not None and content == exchanges.arguments[theirs[place]]
        reasons[place] = REASONS.index("content" if alike else "method")
    found = np.zeros(len(outer), dtype=np.int64)
    found[both] = reasons
    return found


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

_INTRODUCING: Final = ("initialize", "server/discover", "tools/list")
_SAID_BY_BOTH: Final = ("transport", "rpc_id", "tool", "method")
"""What may not differ where both ends say it; of the transport, only while nothing surer joins them."""


class _Joiner:
    """Finds for each caller's view the callee's."""

    def __init__(self, exchanges: Exchanges, named: set[tuple[int, int]]) -> None:
        self._exchanges = exchanges
        self._named = named
        self._codes = {name: column.codes for name, column in exchanges.words.items()}
        self._codes["transport"] = exchanges.transport
        self._twins = np.full(len(exchanges), -1)
        self._offsets: dict[tuple[int, int], float] = {}
        self._others: set[tuple[int, int, int]] = set()
        """Callers, names by which they call, and components that do not bear these names."""
        observers = pd.unique(self._codes["observer"])
        self._observers = set(observers.tolist())
        logging = np.zeros(len(exchanges.names) + 1, dtype=bool)
        logging[observers] = True
        self._peer_logs = logging[self._codes["peer"]]
        """Whether the peer is known by a name under which somebody logs."""

    def join(self) -> NDArray[np.int64]:
        """Return the twin of each view, -1 for none."""
        self._try_keys()
        while others := self._taken_for_others():
            self._others |= others
            self._twins[:] = -1
            self._offsets = {}
            self._try_keys()
        self._part_strangers()
        return self._twins

    def _try_keys(self) -> None:
        """Try one key after the other on what is left."""
        asking = self._exchanges.asking
        for key in (*_SURE, *_LIKELY):
            alone = self._twins < 0
            if not (alone & asking).any() or not (alone & ~asking).any():
                break
            if key is _LIKELY[0]:
                self._offsets = self._find_offsets()
                self._codes["content"] = self._content(np.flatnonzero(alone))
            self._pass([self._codes[name] for name in key], alone, surely=key in _SURE)

    def _taken_for_others(self) -> set[tuple[int, int, int]]:
        """Who was joined with somebody whom it knows as another: it was told another name, or other tools."""
        told = self._exchanges.lists
        method, peer = self._exchanges.words["method"], self._codes["peer"]
        telling = np.isin(method.codes, [method.number(word) for word in _INTRODUCING])
        strange = (peer >= 0) & ~self._peer_logs
        outer = np.flatnonzero(self._exchanges.asking & strange & telling & (self._twins >= 0))
        alike: dict[tuple[int, int, int], bool] = {}
        for mine, theirs in zip(outer.tolist(), self._twins[outer].tolist(), strict=True):
            heard, said = self._exchanges.introduction(mine), self._exchanges.introduction(theirs)
            if heard is not None and said is not None:
                ends = (told.observer[mine], told.peer[mine], told.observer[theirs])
                alike[ends] = alike.get(ends, False) or heard == said
        return {ends for ends, same in alike.items() if not same}

    def _part_strangers(self) -> None:
        """Take apart ends that have a silent one between them, though names nobody logs under allow for it.

        Such a name is one component's. So it is none of these where it was joined with several, and where it
        asks more components, or is asked by more, than the other side has names for.
        """
        observer, peer, trace = (self._codes[name] for name in ("observer", "peer", "trace"))
        asking, strange = self._exchanges.asking, (peer >= 0) & ~self._peer_logs
        outer = np.flatnonzero(asking & strange & (self._twins >= 0))
        outer = outer[strange[self._twins[outer]]]
        inner = self._twins[outer]
        if not len(outer):
            return
        several = np.zeros(len(outer), dtype=bool)
        named = packed(observer, peer)
        for mine, theirs, side in ((outer, inner, asking), (inner, outer, ~asking)):
            others = pd.DataFrame({"name": named[mine], "met": observer[theirs]}).groupby("name")["met"]
            several |= others.transform("nunique").to_numpy() > 1
            known = pd.DataFrame({"by": observer, "name": peer})[side & strange].drop_duplicates()
            names_of_others = len(np.unique(named[~side & strange]))
            several |= known["name"].value_counts().reindex(peer[mine]).to_numpy() > names_of_others
        several &= (trace[outer] < 0) | (trace[outer] != trace[inner])
        self._twins[outer[several]] = self._twins[inner[several]] = -1

    def _content(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers for the arguments of these exchanges."""
        told = [
            None if held is None else json.dumps(held, sort_keys=True, ensure_ascii=False, default=str)
            for held in self._exchanges.arguments[places]
        ]
        out = np.full(len(self._exchanges), -1)
        out[places] = Words.of(told).codes
        return out

    def _pass(self, key: list[Numbers], alone: NDArray[np.bool_], *, surely: bool) -> None:
        for part in key:
            alone = alone & (part >= 0)
        facts = packed(*key)
        asking = self._exchanges.asking
        named = ~asking | self._peer_logs
        to = np.where(asking, self._codes["peer"], self._codes["observer"])
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
        number = pd.factorize(group[np.concatenate([outers, inners])])[0]
        of_outers, of_inners = np.split(number, [len(outers)])
        count, count_inner = (np.bincount(own, minlength=len(number)) for own in (of_outers, of_inners))
        sided = (count > 0) & (count_inner > 0)
        outers, inners = (
            side[there][np.argsort(own[there], kind="stable")]
            for side, own in ((outers, of_outers), (inners, of_inners))
            for there in (sided[own],)
        )
        count, count_inner = count[sided], count_inner[sided]
        first, first_inner = np.cumsum(count) - count, np.cumsum(count_inner) - count_inner
        even = count == count_inner
        left, right = outers[np.repeat(even, count)], inners[np.repeat(even, count_inner)]
        fits = even.copy()
        if len(left):
            begins = np.cumsum(count[even]) - count[even]
            fits[even] = np.logical_and.reduceat(self._agree(left, right, surely=surely), begins)
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

    def _agree(
        self, outer: NDArray[np.int64], inner: NDArray[np.int64], *, surely: bool
    ) -> NDArray[np.bool_]:
        """Whether nothing that both ends say differs: pair by pair, as `_agrees` for known names."""
        codes = self._codes
        observer, peer = codes["observer"], codes["peer"]
        fits = observer[outer] != observer[inner]
        fits &= (peer[inner] == observer[outer]) | ~self._peer_logs[inner]
        fits &= (peer[outer] < 0) | (peer[outer] != peer[inner])
        for name in _SAID_BY_BOTH[surely:]:
            mine, theirs = codes[name][outer], codes[name][inner]
            fits &= (mine < 0) | (theirs < 0) | (mine == theirs)
        arguments = self._exchanges.arguments
        mine, theirs = arguments[outer], arguments[inner]
        alike = np.fromiter(map(eq, mine.tolist(), theirs.tolist()), dtype=bool, count=len(mine))
        unlike = np.flatnonzero(~alike)
        alike[unlike] = pd.isna(mine[unlike]) | pd.isna(theirs[unlike])
        fits &= alike
        return fits  # type: ignore[no-any-return, unused-ignore]

    def _near(
        self,
        outer: NDArray[np.int64],
        inner: NDArray[np.int64],
        begins: NDArray[np.int64],
        count: NDArray[np.int64],
    ) -> NDArray[np.bool_]:
        """For each group whether all its pairs are near, or equally far as they are by different clocks."""
        observer, starts = self._codes["observer"], self._exchanges.start
        pair = packed(observer[outer], observer[inner])
        offset = np.zeros(len(outer))
        for one in np.unique(pair):
            own = pair == one
            at = int(np.argmax(own))
            offset[own] = self._offsets.get((int(observer[outer[at]]), int(observer[inner[at]])), 0.0)
        arrival, start, end = starts[inner] - offset, starts[outer], self._exchanges.end[outer]
        outside = np.maximum(start - arrival, np.where(end < 0, 0.0, arrival - end))
        near = np.logical_and.reduceat(outside <= _FAR_US, begins)
        gaps = starts[inner] - starts[outer]
        spread = np.maximum.reduceat(gaps, begins) - np.minimum.reduceat(gaps, begins)
        steady: NDArray[np.bool_] = near | ((count >= _STEADY) & (spread <= _JITTER_US))
        return steady

    # By hand

    def _aligned(self, left: list[int], right: list[int], *, surely: bool) -> Iterable[tuple[int, int]]:
        """Pairs of two lists in order of time: one to one where they fit, otherwise by nearness."""
        if len(left) == len(right):
            pairs = list(zip(left, right, strict=True))
            if all(self._agrees(*pair, surely=surely) for pair in pairs) and (
                surely or self._steady(pairs) or all(self._distance(*pair)[0] <= _FAR_US for pair in pairs)
            ):
                return pairs
        return self._nearest(left, right, surely=surely)

    def _nearest(
        self, left: Sequence[int], right: Sequence[int], *, surely: bool
    ) -> Iterable[tuple[int, int]]:
        reach = _FAR_US if surely else _NEAR_US
        told = self._exchanges.lists
        starts = [told.start[outer] for outer in left]
        used: set[int] = set()
        for inner in right:
            best, least = None, (float(reach), 0.0)
            offset = self._offsets.get((told.observer[left[0]], told.observer[inner]), 0.0)
            at = bisect_left(starts, told.start[inner] - offset)
            for index in range(max(0, at - _NEIGHBOURS), min(len(left), at + _NEIGHBOURS)):
                if index in used or not self._agrees(left[index], inner, surely=surely):
                    continue
                distance = self._distance(left[index], inner)
                if distance < least:
                    best, least = index, distance
            if best is not None:
                used.add(best)
                yield left[best], inner

    def _distance(self, outer: int, inner: int) -> tuple[float, float]:
        """How far the arrival lies outside of the caller's view (0 inside), then how far from its start."""
        told = self._exchanges.lists
        start, end = told.start[outer], told.end[outer]
        arrival = told.start[inner] - self._offsets.get((told.observer[outer], told.observer[inner]), 0.0)
        outside = max(start - arrival, 0.0 if end < 0 else arrival - end, 0.0)
        return outside, abs(arrival - start)

    def _agrees(self, outer: int, inner: int, *, surely: bool) -> bool:
        """Whether nothing that both ends say differs."""
        told = self._exchanges.lists
        observer, peer = told.observer, told.peer
        if observer[outer] == observer[inner] or (
            (observer[outer], peer[outer], observer[inner]) in self._others
        ):
            return False
        if peer[inner] != observer[outer] and peer[inner] in self._observers:
            return False
        if peer[outer] >= 0:
            if peer[outer] == peer[inner]:
                return False  # sent to a third one, and received from it
            if peer[outer] != observer[inner] and (observer[outer], observer[inner]) in self._named:
                return False  # whom it calls by its own name it does not call by another one
        for name in _SAID_BY_BOTH[surely:]:
            column = getattr(told, name)
            if column[outer] != column[inner] and column[outer] >= 0 and column[inner] >= 0:
                return False
        mine, theirs = told.arguments[outer], told.arguments[inner]
        return mine is None or theirs is None or mine == theirs

    def _steady(self, pairs: list[tuple[int, int]]) -> bool:
        """Whether all pairs are equally far apart, as they are when only the clocks differ."""
        if len(pairs) < _STEADY:
            return False
        starts = self._exchanges.lists.start
        gaps = [starts[inner] - starts[outer] for outer, inner in pairs]
        return max(gaps) - min(gaps) <= _JITTER_US

    def _find_offsets(self) -> dict[tuple[int, int], float]:
        """How far a callee's clock seems to be ahead of a caller's, by what is joined."""
        twins, starts, observer = self._twins, self._exchanges.start, self._codes["observer"]
        outer = np.flatnonzero(self._exchanges.asking & (twins >= 0))
        gaps, ends = starts[twins[outer]] - starts[outer], (observer[outer], observer[twins[outer]])
        pair = packed(*ends)
        return {
            (int(ends[0][first]), int(ends[1][first])): float(np.median(gaps[pair == one]))
            for one, first in zip(*np.unique(pair, return_index=True), strict=True)
        }
