"""One message, one sighting: what an observer says twice about one message becomes one.

A backend logs `MCP request received` {method, id} and beside it `Tool call started` {tool_name}; a router
logs a message record and prose about it. The heaviest record stands, the lighter ones lend it what it lacks
(the tool, the arguments, the error) and are kept as evidence. Which record belongs to which message is
decided by trace id, id, method, tool and nearness in time, never by position: entries travel alone and
overtake each other.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from godot_analysis.normal_form.sightings import ANSWERS, ERROR, INVALID, RESPONSE, Sighting, Weight

if TYPE_CHECKING:
    from collections.abc import Sequence

_WINDOW_US: Final = 2_000_000
"""Records about one message are logged within this time of each other, unless a trace id ties them."""

_NEIGHBOURS: Final = 12
_CLOSE_US: Final = 50_000  # records about one message are mostly this near
_FAR_US: Final = 2**62
_WRONG_SIDE: Final = 4  # a remark before its request, or after its answer, is less likely by this factor


class Folder:
    """Folds the sightings of one log, given the columns of its rows."""

    def __init__(
        self,
        components: Sequence[str | None],
        times: Sequence[int | None],
        traces: Sequence[str | None],
        texts: Sequence[str | None],
    ) -> None:
        self._components = components
        self._times = times
        self._traces = traces
        self._texts = texts

    def fold(self, sightings: list[Sighting]) -> tuple[list[tuple[int, Sighting]], dict[int, list[int]]]:
        """Return the sightings that stand with their positions, and by position the rows folded into them."""
        standing: list[Sighting | None] = list(sightings)
        absorbed: dict[int, list[int]] = defaultdict(list)
        anchors: dict[tuple[str | None, str, bool], _Anchors] = defaultdict(_Anchors)
        for weight in sorted({seen.weight for seen in sightings}, reverse=True):
            fresh: list[tuple[_Anchors, int, Sighting]] = []
            light = [p for p, seen in enumerate(sightings) if seen.weight == weight and seen.kind != INVALID]
            # Those that are close first: one whose own message is not in the log must not take another's.
            for reach in (_CLOSE_US, _FAR_US):
                apart = []
                for place in light:
                    seen = sightings[place]
                    own = anchors[self._components[seen.row], seen.direction, seen.kind in ANSWERS]
                    best = self._nearest(own, standing, seen, reach)
                    if best is not None and (heavy := standing[best]) is not None:
                        own.wordings[best].add(self._wording(seen))
                        absorbed[best].append(seen.row)
                        standing[best] = _lend(heavy, seen)
                        standing[place] = None
                    elif reach == _CLOSE_US:
                        apart.append(place)
                    elif weight == Weight.DETAIL:
                        own.add(place, self._times[seen.row] or 0, self._wording(seen))
                    else:
                        # Two records of one weight are two messages: they join the anchors afterwards.
                        fresh.append((own, place, seen))
                light = apart
            for own, place, seen in fresh:
                own.add(place, self._times[seen.row] or 0, self._wording(seen))
        return [(place, seen) for place, seen in enumerate(standing) if seen is not None], absorbed

    def _nearest(
        self, own: _Anchors, standing: list[Sighting | None], seen: Sighting, reach: int
    ) -> int | None:
        """The most likely record of the same message: of the same trace if there is one, else by time."""
        now, trace, wording = self._times[seen.row] or 0, self._traces[seen.row], self._wording(seen)
        at = bisect_left(own.times, now)
        best: int | None = None
        lowest = (2, 0)
        for index in range(max(0, at - _NEIGHBOURS), min(len(own.places), at + _NEIGHBOURS)):
            place = own.places[index]
            other = standing[place]
            if other is None or wording in own.wordings[place] or not _may_be_one(seen, other):
                continue
            gap = now - own.times[index]
            tied = trace is not None and trace == self._traces[other.row]
            if not tied and abs(gap) > _WINDOW_US:
                continue
            late = gap > 0 if seen.kind in ANSWERS else gap < 0
            cost = (0 if tied else 1, abs(gap) * (_WRONG_SIDE if late else 1))
            if cost < lowest and cost[1] <= reach:
                best, lowest = place, cost
        return best

    def _wording(self, seen: Sighting) -> str:
        """The fixed part of a text: two records of one wording are about two messages."""
        return (self._texts[seen.row] or "").split(":", 1)[0]


class _Anchors:
    """The records of one observer, direction and role that others may fold into, in order of time."""

    def __init__(self) -> None:
        self.places: list[int] = []  # positions in the list of sightings
        self.times: list[int] = []
        self.wordings: dict[int, set[str]] = defaultdict(set)  # place → wordings that speak of it already

    def add(self, place: int, time: int, wording: str) -> None:
        at = len(self.times) if not self.times or self.times[-1] <= time else bisect_left(self.times, time)
        self.times.insert(at, time)
        self.places.insert(at, place)
        self.wordings[place].add(wording)


def _may_be_one(light: Sighting, heavy: Sighting) -> bool:
    """Whether nothing that both say contradicts."""
    return (
        _agree(light.method, heavy.method)
        and _agree(light.tool, heavy.tool)
        and _agree(light.rpc_id, heavy.rpc_id)
        and _agree(light.peer, heavy.peer)
        and (light.weight == Weight.DETAIL or _agree(light.session, heavy.session))
    )


def _agree(a: str | None, b: str | None) -> bool:
    return a is None or b is None or a == b


def _lend(heavy: Sighting, light: Sighting) -> Sighting:
    """Fill in what the heavier record lacks, and mark it as inferred."""
    changes: dict[str, object] = {
        name: getattr(light, name)
        for name in ("tool", "method", "rpc_id", "payload")
        if getattr(heavy, name) is None and getattr(light, name) is not None
    }
    kind = heavy.kind
    if heavy.weight < Weight.PAYLOAD and light.kind == ERROR and heavy.kind == RESPONSE:
        kind = changes["kind"] = ERROR
    if kind == ERROR and heavy.error_text is None and light.error_text is not None:
        changes["error_text"] = light.error_text
    if not changes:
        return heavy
    marks = [*filter(None, heavy.inferred.split(",")), *changes]
    return heavy._replace(**changes, inferred=",".join(dict.fromkeys(marks)))  # type: ignore[arg-type]
