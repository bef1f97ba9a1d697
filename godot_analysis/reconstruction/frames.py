"""The documented frames of messages, hops and calls, made of what the reconstruction found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from godot_analysis.columns import CALLS, HOPS
from godot_analysis.normal_form.messages import as_frame, ends_of
from godot_analysis.normal_form.sightings import Weight
from godot_analysis.normal_form.table import Words, build, objects, taken
from godot_analysis.reconstruction.call import REASONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from godot_analysis.normal_form.messages import Observations
    from godot_analysis.reconstruction.call import Calls
    from godot_analysis.reconstruction.endings import Endings, Ends
    from godot_analysis.reconstruction.hops import Hops, Order


def message_frame(hops: Hops, seen: Observations) -> pd.DataFrame:
    """All messages; ends that only the reconstruction knows are filled in and marked as inferred."""
    inferred = seen.sightings.words["inferred"]
    ends = {}
    for name, own, known in zip(
        ("sender", "receiver"), ends_of(seen), (hops.sender, hops.receiver), strict=True
    ):
        found = np.full_like(own.codes, -1)
        for places in (hops.sent, hops.received):
            found[places[places >= 0]] = known[places >= 0]
        changed = (found >= 0) & (found != own.codes)
        ends[name] = own._replace(codes=np.where(changed, found, own.codes))
        inferred = _marked(inferred, changed, name)
    return as_frame(seen, **ends, inferred=inferred)


def hop_frame(hops: Hops, order: Order, calls: Calls, seen: Observations) -> pd.DataFrame:
    """One row for each message that travelled."""
    shown, told = seen.sightings, calls.exchanges
    sent, received = either = (hops.sent, hops.received)
    both = (sent >= 0) & (received >= 0)
    main = _main(hops, seen)
    rows = [taken(shown.row, places) for places in either]
    number = np.full(len(calls) + 1, -1)
    number[order.calls] = np.arange(len(order.calls))
    call = number[hops.call]
    # What belongs to no call has the method that was logged.
    logged = shown.words["method"].take(np.where(sent >= 0, sent, received))
    own_id = shown.words["rpc_id"].take(main)
    inferred = shown.words["inferred"].take(main)
    for name, ends in (("receiver", hops.receiver_inferred), ("sender", hops.sender_inferred)):
        inferred = _marked(inferred, ends, name)
    traced = taken(seen.trace.codes, rows[0]) >= 0
    names, times, ids = told.names, seen.logs["event_created_at"].array, seen.logs["id"].array
    return build(
        {
            "hop": np.arange(len(sent)),
            "kind": shown.words["kind"].take(main),
            "method": Words(np.where(call < 0, logged.codes, hops.method), logged.words),
            "tool": Words(hops.tool, told.words["tool"].words),
            "rpc_id": Words(np.where(own_id.codes >= 0, own_id.codes, hops.rpc_id), own_id.words),
            "sender": Words(hops.sender, names),
            "receiver": Words(hops.receiver, names),
            "transport": _first_known(shown.words["transport"], either),
            "session": _first_known(shown.words["session"], either),
            "trace_id": seen.logs["trace_id"].array.take(np.where(traced, *rows), allow_fill=True),
            "sent_at": times.take(rows[0], allow_fill=True),
            "received_at": times.take(rows[1], allow_fill=True),
            "sent_record": ids.take(rows[0], allow_fill=True),
            "received_record": ids.take(rows[1], allow_fill=True),
            "seen": Words(np.where(both, 0, np.where(sent >= 0, 1, 2)), ["both", "sender", "receiver"]),
            "call": pd.arrays.IntegerArray(call, call < 0),
            "payload": shown.payload[main],
            "error_code": shown.words["error_code"].take(main),
            "error_text": shown.words["error_text"].take(main),
            "joined_by": Words(np.where(both, hops.joined_by, 0), list(REASONS)),
            "inferred": inferred,
        },
        HOPS,
    )


def call_frame(calls: Calls, order: Order, endings: Endings, seen: Observations) -> pd.DataFrame:
    """One row for each request and its end."""
    numbers = order.calls
    ends = endings.of_calls(numbers)
    facts = {
        name: calls.known(name).take(numbers) for name in ("method", "tool", "rpc_id", "session", "trace")
    }
    started, begun = _starts(calls)
    ended = np.where(ends.status != "pending", ends.at, -1)
    # An end read on another clock may seem to be before the start.
    lasted = np.where(ended < 0, np.nan, np.maximum(0, ended - begun[numbers]) / 1000)
    number = np.full(len(calls) + 1, -1)
    number[numbers] = np.arange(len(numbers))
    return build(
        {
            "call": np.arange(len(numbers)),
            "parent": _numbers(number[calls.parent[numbers]]),
            "caller": Words(calls.caller[numbers], calls.names),
            "callee": Words(calls.callee[numbers], calls.names),
            "method": facts["method"],
            "tool": facts["tool"],
            "rpc_id": facts["rpc_id"],
            "session": facts["session"],
            "trace_id": facts["trace"],
            "arguments": _arguments(calls)[numbers],
            "started_at": started[numbers].astype("datetime64[us]"),
            "ended_at": np.where(ended < 0, np.datetime64("NaT"), ended.astype("datetime64[us]")),
            "duration_ms": lasted,
            "status": Words.of(ends.status),
            "lost_at": Words.of(ends.lost_at),
            "attempts": calls.attempts()[numbers],
            "request_hop": _numbers(order.request_hop[numbers]),
            "response_hop": _numbers(order.response_hop[numbers]),
            "result": ends.result,
            "error_code": Words.of(ends.error_code),
            "error_text": Words.of(ends.error_text),
            "evidence": _evidence(calls, numbers, ends, seen),
            "note": Words.of(_notes(calls, numbers, ends)),
        },
        CALLS,
    )


def _numbers(column: NDArray[np.int64]) -> pd.arrays.IntegerArray:
    return pd.arrays.IntegerArray(column, column < 0)


def _main(hops: Hops, seen: Observations) -> NDArray[np.int64]:
    """The sighting that says most of each hop; the sender's of two equals."""
    shown = seen.sightings
    says = shown.weight * 2
    light = np.flatnonzero(shown.weight < Weight.PAYLOAD)
    says[light] += pd.notna(shown.payload[light])
    better = taken(says, hops.received) > taken(says, hops.sent)
    return np.where(better, hops.received, hops.sent)


def _first_known(column: Words, either: tuple[NDArray[np.int64], ...]) -> Words:
    """A fact of either sighting."""
    codes = column.take(either[0]).codes
    for places in either[1:]:
        codes = np.where(codes < 0, taken(column.codes, places), codes)
    return Words(codes, column.words)


def _marked(inferred: Words, also: NDArray[np.bool_], name: str) -> Words:
    """What was inferred, where `also` says so the column of this name too."""
    if not also.any():
        return inferred
    marked = [word if name in word.split(",") else f"{word},{name}".lstrip(",") for word in inferred.words]
    both = Words.joined([inferred, Words(inferred.codes, marked)])
    own, other = np.split(both.codes, 2)
    return Words(np.where(also, other, own), both.words)


def _starts(calls: Calls) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """When each call began by any clock, and by the clock that its duration is measured with."""
    never = np.iinfo(np.int64).max
    ends = (taken(calls.exchanges.start, of, never) for of in (calls.outer, calls.inner))
    started = np.minimum(*ends)
    begun = np.where(calls.outer >= 0, calls.starts(), started)
    for number, earlier in calls.earlier.items():
        begun[number] = started[number] = started[[number, *earlier]].min()
    return started, begun


def _arguments(calls: Calls) -> NDArray[Any]:
    held = calls.exchanges.arguments
    found: NDArray[Any] = taken(held, calls.outer, None)
    unknown = np.flatnonzero(pd.isna(found))
    found[unknown] = taken(held, calls.inner[unknown], None)
    return found


def _notes(calls: Calls, numbers: NDArray[np.int64], ends: Ends) -> list[str]:
    """How each end was decided, where it was not simply read."""
    guessed = np.isin(calls.joined_by, [REASONS.index("content"), REASONS.index("method")])
    told = guessed.copy()
    told[[*calls.earlier, *calls.notes]] = True
    told = told[numbers]
    told[list(ends.notes)] = True
    out = [""] * len(numbers)
    for place in np.flatnonzero(told).tolist():
        number = int(numbers[place])
        notes = [*calls.notes.get(number, ()), *ends.notes.get(place, ())]
        if guessed[number]:
            notes.insert(0, f"both ends joined by {REASONS[calls.joined_by[number]]}, no id in common")
        if number in calls.earlier:
            notes.insert(0, f"{len(calls.earlier[number]) + 1} attempts of one operation")
        out[place] = "; ".join(dict.fromkeys(notes))
    return out


def _evidence(calls: Calls, numbers: NDArray[np.int64], ends: Ends, seen: Observations) -> NDArray[Any]:
    """Ids of the rows that show each call and its end, in the order of the log."""
    ids, row = objects([*seen.ids, None]), seen.sightings.row
    told, outer, inner = calls.exchanges, calls.outer[numbers], calls.inner[numbers]
    views = (outer, inner)
    places = np.stack([taken(side, view) for side in (told.request, told.answer) for view in views], axis=1)
    # Question and answer as both ends logged them, and nothing else.
    whole = (places >= 0).all(axis=1) & ~np.isin(places, list(seen.folded)).any(axis=1)
    for view in views:
        whole &= taken(told.cancel, view) < 0
    whole &= ~np.isin(numbers, list(calls.earlier))
    whole[list(ends.rows)] = False
    rows = np.sort(row[places[whole]], axis=1)
    # A row that shows two messages is named once, and one without an id not at all.
    nameless = seen.logs["id"].isna().to_numpy()
    plain = (np.diff(rows, axis=1) > 0).all(axis=1) & ~nameless[rows].any(axis=1)
    whole[whole] = plain
    out = np.empty(len(numbers), dtype=object)
    out[whole] = objects(ids[rows[plain]].tolist())
    for place in np.flatnonzero(~whole).tolist():
        shows = sorted(_rows_of(int(numbers[place]), calls, seen) | set(ends.rows.get(place, ())))
        out[place] = [one for one in ids[shows].tolist() if one is not None]
    return out


def _rows_of(number: int, calls: Calls, seen: Observations) -> set[int]:
    """The rows that show a call and all its attempts."""
    told, row = calls.exchanges, seen.sightings.row
    rows: set[int] = set()
    for one in (number, *calls.earlier.get(number, ())):
        for view in (calls.outer[one], calls.inner[one]):
            for place in (told.request[view], told.answer[view], told.cancel[view]) if view >= 0 else ():
                if place >= 0:
                    rows.add(int(row[place]))
                    rows.update(seen.folded.get(int(place), ()))
    return rows
