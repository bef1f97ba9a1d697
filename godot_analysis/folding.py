"""One message, one sighting: what an observer logs twice about one message is folded into the best record of it.

A backend logs `MCP request received` {method, id} and beside it `Tool call started` {tool_name}; a router logs a
message record and prose about it. The heaviest record stands, the lighter ones lend it what it lacks (the tool, the
arguments, the error), and are kept as evidence. Which record belongs to which message is decided by trace id, id,
method, tool and nearness in time, never by position: entries travel alone and overtake each other.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from godot_analysis.sightings import ANSWERS, ERROR, RESPONSE, Sighting, Weight

if TYPE_CHECKING:
    from collections.abc import Iterable

WINDOW_US: Final = 2_000_000
"""Records about one message are logged within this time of each other, unless a trace id ties them."""

_NEIGHBOURS: Final = 12
_WRONG_SIDE: Final = 4  # a remark before its request, or after its answer, is less likely by this factor

_Key = tuple[str | None, str, bool]


class _Anchors:
    """The records of one observer, direction and role that others may fold into, in order of time."""

    def __init__(self) -> None:
        self.places: list[int] = []  # positions in the list of sightings
        self.times: list[int] = []
        self.wordings: dict[int, set[str]] = defaultdict(set)  # place → kinds of text folded into it already


def fold(
    sightings: list[Sighting],
    components: list[str | None],
    times: list[int | None],
    traces: list[str | None],
    words: list[str | None],
) -> tuple[list[Sighting], dict[int, list[int]]]:
    """Return the sightings that stand, in their order, and for each (by position) the rows that were folded in."""
    if all(seen.weight == Weight.PAYLOAD for seen in sightings):
        return sightings, {}
    standing = list(sightings)
    gone: set[int] = set()
    absorbed: dict[int, list[int]] = defaultdict(list)
    anchors: dict[_Key, _Anchors] = defaultdict(_Anchors)
    for weight in sorted({seen.weight for seen in sightings}, reverse=True):
        added: list[tuple[_Key, int]] = []
        for place, seen in enumerate(standing):
            if seen.weight != weight or not _foldable(seen):
                continue
            key = (components[seen.row], seen.direction, seen.kind in ANSWERS)
            wording = _wording(words[seen.row] or "")
            own = anchors[key]
            best = _nearest(own, standing, place, wording, times, traces)
            if best is None:
                if weight == Weight.DETAIL:
                    _insert(own, place, times[seen.row] or 0, wording)
                else:
                    added.append((key, place))
                continue
            own.wordings[best].add(wording)
            absorbed[best].append(seen.row)
            standing[best] = _lend(standing[best], seen)
            gone.add(place)
        for key, place in added:
            row = standing[place].row
            _insert(anchors[key], place, times[row] or 0, _wording(words[row] or ""))
    kept = [place for place in range(len(standing)) if place not in gone]
    number = {place: new for new, place in enumerate(kept)}
    return [standing[place] for place in kept], {number[place]: rows for place, rows in absorbed.items()}


def _foldable(seen: Sighting) -> bool:
    return seen.kind != "invalid"


def _wording(text: str) -> str:
    """The fixed part of a text: two records of one wording are about two messages."""
    return text.split(":", 1)[0]


def _insert(own: _Anchors, place: int, time: int, wording: str) -> None:
    at = len(own.times) if not own.times or own.times[-1] <= time else bisect_left(own.times, time)
    own.times.insert(at, time)
    own.places.insert(at, place)
    own.wordings[place].add(wording)


def _nearest(
    own: _Anchors,
    standing: list[Sighting],
    place: int,
    wording: str,
    times: list[int | None],
    traces: list[str | None],
) -> int | None:
    """The most likely record of the same message: of the same trace if there is one, else nearest in time."""
    seen = standing[place]
    now, trace = times[seen.row] or 0, traces[seen.row]
    at = bisect_left(own.times, now)
    best: int | None = None
    lowest = (2, 0)
    for index in _around(at, len(own.places)):
        other = own.places[index]
        if wording in own.wordings[other] or not _may_be_one(seen, standing[other]):
            continue
        gap = now - own.times[index]
        tied = trace is not None and trace == traces[standing[other].row]
        if not tied and abs(gap) > WINDOW_US:
            continue
        late = gap < 0 if seen.kind not in ANSWERS else gap > 0
        cost = (0 if tied else 1, abs(gap) * (_WRONG_SIDE if late else 1))
        if cost < lowest:
            best, lowest = other, cost
    return best


def _around(at: int, length: int) -> Iterable[int]:
    return range(max(0, at - _NEIGHBOURS), min(length, at + _NEIGHBOURS))


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
    changes: dict[str, object] = {}
    if heavy.tool is None and light.tool is not None:
        changes["tool"] = light.tool
    if heavy.method is None and light.method is not None:
        changes["method"] = light.method
    if heavy.rpc_id is None and light.rpc_id is not None:
        changes["rpc_id"] = light.rpc_id
    if heavy.payload is None and light.payload is not None:
        changes["payload"] = light.payload
    if heavy.weight < Weight.PAYLOAD and light.kind == ERROR and heavy.kind == RESPONSE:
        changes["kind"] = ERROR
    if (
        heavy.error_text is None
        and light.error_text is not None
        and "error" in (heavy.kind, changes.get("kind"))
    ):
        changes["error_text"] = light.error_text
    if not changes:
        return heavy
    marks = [
        mark for mark in (heavy.inferred, *(name for name in changes if name not in heavy.inferred)) if mark
    ]
    return heavy._replace(**changes, inferred=",".join(marks))  # type: ignore[arg-type]
