"""The documented frames of messages, hops and calls, made of what the reconstruction found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from godot_analysis.columns import CALLS, HOPS
from godot_analysis.normal_form.messages import as_frame, ends_of
from godot_analysis.normal_form.table import Words, build, objects, taken
from godot_analysis.reconstruction.joining import known

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from godot_analysis.normal_form.messages import Observations
    from godot_analysis.reconstruction.endings import Ending, Endings
    from godot_analysis.reconstruction.hops import Hops
    from godot_analysis.reconstruction.joining import Call

_ROWS_OF_WHOLE = 4  # question and answer, as both ends logged them


def message_frame(hops: Hops, seen: Observations) -> pd.DataFrame:
    """All messages; ends that only the reconstruction knows are filled in and marked as inferred."""
    inferred = seen.sightings.words["inferred"]
    ends = {}
    for name, own, names in zip(("sender", "receiver"), ends_of(seen), hops.ends(), strict=True):
        told = Words.of(names)
        found = np.full(len(seen.sightings), -1)
        for places in (hops.sent, hops.received):
            found[places[places >= 0]] = told.codes[places >= 0]
        both = Words.joined([own, told._replace(codes=found)])
        mine, better = np.split(both.codes, 2)
        changed = (better >= 0) & (better != mine)
        ends[name] = Words(np.where(changed, better, mine), both.words)
        if changed.any():
            marked = [f"{word},{name}".lstrip(",") for word in inferred.words]
            inferred = Words(
                inferred.codes + np.where(changed, len(inferred.words), 0), [*inferred.words, *marked]
            )
    return as_frame(seen, **ends, inferred=inferred)


def hop_frame(hops: Hops, seen: Observations) -> pd.DataFrame:
    """One row for each message that travelled."""
    shown = seen.sightings
    sent, received = hops.sent, hops.received
    main = _main(hops, seen)
    either = (sent, received)
    rows = [taken(shown.row, places) for places in either]
    both = (sent >= 0) & (received >= 0)
    told_method = Words.of(hops.known("method"))
    logged_method = _first_known(shown.words["method"], (np.where(sent >= 0, sent, received),))
    method = Words.joined([told_method, logged_method])
    of_calls, of_strays = np.split(method.codes, 2)
    told_id = Words.joined([shown.words["rpc_id"].take(main), Words.of(_view_ids(hops))])
    own_id, view_id = np.split(told_id.codes, 2)
    senders, receivers = hops.ends()
    joined = np.where(both, Words.of([one.joined_by for one in hops.attempts]).codes[hops.attempt], -1)
    reasons = Words.of([one.joined_by for one in hops.attempts]).words
    logs = seen.logs
    return build(
        {
            "hop": np.arange(len(sent)),
            "kind": shown.words["kind"].take(main),
            "method": Words(np.where(hops.call < 0, of_strays, of_calls), method.words),
            "tool": Words.of(hops.known("tool")),
            "rpc_id": Words(np.where(own_id >= 0, own_id, view_id), told_id.words),
            "sender": Words.of(senders),
            "receiver": Words.of(receivers),
            "transport": _first_known(shown.words["transport"], either),
            "session": _first_known(shown.words["session"], either),
            "trace_id": _first_known(seen.of_rows(seen.trace), either),
            "sent_at": logs["event_created_at"].array.take(rows[0], allow_fill=True),
            "received_at": logs["event_created_at"].array.take(rows[1], allow_fill=True),
            "sent_record": logs["id"].array.take(rows[0], allow_fill=True),
            "received_record": logs["id"].array.take(rows[1], allow_fill=True),
            "seen": Words(np.where(both, 0, np.where(sent >= 0, 1, 2)), ["both", "sender", "receiver"]),
            "call": pd.arrays.IntegerArray(hops.call, hops.call < 0),
            "payload": shown.objects["payload"][main],
            "error_code": shown.objects["error_code"][main],
            "error_text": shown.objects["error_text"][main],
            "joined_by": Words(np.where(joined < 0, len(reasons), joined), [*reasons, ""]),
            "inferred": _marked(hops, shown.words["inferred"].take(main)),
        },
        HOPS,
    )


def call_frame(calls: list[Call], endings: Endings, seen: Observations) -> pd.DataFrame:
    """One row for each request and its end."""
    ends = [endings.of(call) for call in calls]
    number = {id(call): index for index, call in enumerate(calls)}
    starts = [_started(call) for call in calls]
    own_ids = [call.view.rpc_id for call in calls]
    over = [end.status != "pending" for end in ends]
    return build(
        {
            "call": np.arange(len(calls)),
            "parent": [None if call.parent is None else number.get(id(call.parent)) for call in calls],
            "caller": Words.of([call.caller for call in calls]),
            "callee": Words.of([call.callee for call in calls]),
            "method": Words.of(known(calls, "method")),
            "tool": Words.of(known(calls, "tool")),
            "rpc_id": Words.of(
                [
                    call.known("rpc_id") if own is None else own
                    for own, call in zip(own_ids, calls, strict=True)
                ]
            ),
            "session": Words.of(known(calls, "session")),
            "trace_id": Words.of(known(calls, "trace")),
            "arguments": known(calls, "arguments"),
            "started_at": starts,
            "ended_at": [end.at if done else None for end, done in zip(ends, over, strict=True)],
            "duration_ms": [
                _duration(call, end, start) if done else None
                for call, end, start, done in zip(calls, ends, starts, over, strict=True)
            ],
            "status": [end.status for end in ends],
            "lost_at": [end.lost_at if end.status == "lost" else None for end in ends],
            "attempts": np.array([1 + len(call.earlier) for call in calls], dtype=np.int64),
            "request_hop": [call.request_hop for call in calls],
            "response_hop": [call.response_hop for call in calls],
            "result": [end.result for end in ends],
            "error_code": [end.error_code for end in ends],
            "error_text": [end.error_text for end in ends],
            "evidence": _evidence(calls, ends, seen),
            "note": Words.of([_note(call, end) for call, end in zip(calls, ends, strict=True)]),
        },
        CALLS,
    )


def _main(hops: Hops, seen: Observations) -> NDArray[np.int64]:
    """The sighting that says most of each hop; the sender's of two equals."""
    shown = seen.sightings
    whole = np.fromiter(
        (payload is not None for payload in shown.objects["payload"]), dtype=bool, count=len(shown)
    )
    says = shown.weight.astype(np.int64) * 2 + whole
    better = taken(says, hops.received) > taken(says, hops.sent)
    return np.where(better, hops.received, hops.sent)


def _first_known(column: Words, either: tuple[NDArray[np.int64], ...]) -> Words:
    """A fact of either sighting."""
    codes = column.take(either[0]).codes
    for places in either[1:]:
        codes = np.where(codes < 0, taken(column.codes, places), codes)
    return Words(codes, column.words)


def _view_ids(hops: Hops) -> list[str | None]:
    ids = [one.view.rpc_id for one in hops.attempts]
    return [ids[of] for of in hops.attempt.tolist()]


def _marked(hops: Hops, inferred: Words) -> Words:
    """What was inferred of the message, then what was inferred of its ends."""
    marks = hops.marks()
    if not marks:
        return inferred
    told = inferred.objects()
    for hop, ends in marks.items():
        told[hop] = ",".join(dict.fromkeys(mark for mark in (*told[hop].split(","), *ends) if mark))
    return Words.of(told.tolist())


def _started(call: Call) -> int:
    outer, inner = call.outer, call.inner
    if call.earlier:
        return min(view.start for one in (call, *call.earlier) for view in one.views)
    if outer is None or inner is None:
        return call.view.start
    return min(outer.start, inner.start)


def _duration(call: Call, end: Ending, started: int) -> float | None:
    if end.at is None:
        return None
    same_clock = call.outer.start if call.outer is not None and not call.earlier else started
    # An end read on another clock may seem to be before the start.
    return max(0, end.at - same_clock) / 1000


def _note(call: Call, end: Ending) -> str:
    by_content = call.joined_by in {"content", "method"}
    if not (by_content or call.earlier or call.notes or end.notes):
        return ""
    notes = [*call.notes, *end.notes]
    if by_content:
        notes.insert(0, f"both ends joined by {call.joined_by}, no id in common")
    if call.earlier:
        notes.insert(0, f"{len(call.earlier) + 1} attempts of one operation")
    return "; ".join(dict.fromkeys(notes))


def _evidence(calls: list[Call], ends: list[Ending], seen: Observations) -> NDArray[Any]:
    """Ids of the rows that show each call and its end, in the order of the log."""
    ids = objects([*seen.ids, None])
    out = np.empty(len(calls), dtype=object)
    whole = [] if seen.folded else [at for at, call in enumerate(calls) if _is_whole(call, ends[at])]
    rows = _rows_of_whole([calls[at] for at in whole], seen)
    # A row that shows two messages is named once, and one without an id not at all.
    plain = (np.diff(rows, axis=1) > 0).all(axis=1) & ~pd.isna(ids[rows]).any(axis=1)
    for at, found in zip(
        np.array(whole, dtype=np.int64)[plain].tolist(), ids[rows[plain]].tolist(), strict=True
    ):
        out[at] = found
    row = seen.sightings.row.tolist()
    for at in np.flatnonzero(pd.isna(out)).tolist():
        found = (ids[one] for one in sorted(_rows_of(calls[at], ends[at], row, seen)))
        out[at] = [one for one in found if one is not None]
    return out


def _is_whole(call: Call, end: Ending) -> bool:
    """Whether a call is shown by question and answer as both ends logged them, and by nothing else."""
    outer, inner = call.outer, call.inner
    return not (
        outer is None
        or inner is None
        or outer.request is None
        or outer.answer is None
        or inner.request is None
        or inner.answer is None
        or outer.cancel is not None
        or inner.cancel is not None
        or call.earlier
        or end.rows
    )


def _rows_of_whole(calls: list[Call], seen: Observations) -> NDArray[np.int64]:
    """The rows of question and answer of each of these calls, as both ends logged them, in order."""
    views = [view for call in calls for view in call.views]
    places = np.array([(view.request, view.answer) for view in views], dtype=np.int64)
    rows: NDArray[np.int64] = np.sort(seen.sightings.row[places].reshape(-1, _ROWS_OF_WHOLE), axis=1)
    return rows


def _rows_of(call: Call, end: Ending, row: list[int], seen: Observations) -> set[int]:
    """The rows that show any call, all its attempts, and its end."""
    rows = set(end.rows)
    for one in (call, *call.earlier):
        for view in one.views:
            for place in (view.request, view.answer, view.cancel):
                if place is not None:
                    rows.add(row[place])
                    rows.update(seen.folded.get(place, ()))
    return rows
