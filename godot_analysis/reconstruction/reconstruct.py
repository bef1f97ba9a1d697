"""From log rows to a Flow: the steps of the reconstruction, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from godot_analysis.collection import collection_paused
from godot_analysis.columns import CALLS, CLOCKS, HOPS, LOSSES
from godot_analysis.loading.frames import frame, integers, require, transposed
from godot_analysis.normal_form.messages import Observations, as_frame, observe
from godot_analysis.reconstruction.clocks import estimate
from godot_analysis.reconstruction.endings import Ending, Endings
from godot_analysis.reconstruction.flow import Flow
from godot_analysis.reconstruction.hops import Hop, build_hops, join_strays
from godot_analysis.reconstruction.joining import Call, join
from godot_analysis.reconstruction.losses import Holes, Loss, find_losses
from godot_analysis.reconstruction.nesting import nest
from godot_analysis.reconstruction.pairing import pair

if TYPE_CHECKING:
    import pandas as pd

    from godot_analysis.reconstruction.clocks import Clock


_VERSION: Final = 14  # where a UUID tells its version
_DERIVED: Final = "8"  # made from the record itself, which brought none


def reconstruct(logs: pd.DataFrame) -> Flow:
    """Rebuild who sent what to whom, and how every request ended.

    Both sightings of one message become one hop, requests find their responses, and each call the call that
    caused it. Where no trace id crosses a process, views are joined by tool, arguments, method, order and
    time, and `joined_by` and `note` say so. It works without a root, with silent components, and with one
    end only.

    Parameters
    ----------
    logs : DataFrame
        A log frame as `load_trace` and `load_logs` return it.

    Returns
    -------
    Flow
        `.messages`, `.hops`, `.calls`, `.losses` and `.clocks` are DataFrames.

    Raises
    ------
    BadFrame
        When `logs` is no log frame.

    Examples
    --------
    >>> import godot_analysis as ga
    >>> from godot_analysis.loading.tables import log_table
    >>> flow = ga.reconstruct(log_table('''
    ...     0.0  relay sends gates  ? 3 tools/call open {"path": "/tmp"}
    ...     0.2  relay gets  gates  ! 3 -32602 no such path
    ... '''))
    >>> flow.calls[["caller", "callee", "tool", "status", "error_text"]].iloc[0].tolist()
    ['relay', 'gates', 'open', 'error', 'no such path']
    """
    require(logs)
    with collection_paused():
        return _rebuilt(_once(logs))


def as_flow(logs: pd.DataFrame | Flow) -> Flow:
    """A flow as it is, a log frame rebuilt; anything else is a `BadFrame`."""
    return logs if isinstance(logs, Flow) else reconstruct(logs)


def _rebuilt(logs: pd.DataFrame) -> Flow:
    seen = observe(logs)
    pairing = pair(seen)
    strays = join_strays(pairing.singles, seen)
    calls = nest(join(pairing.exchanges), strays, seen)
    losses = find_losses(seen, integers(logs["seq"]), calls, partial=bool(logs.attrs.get("partial")))
    clocks = estimate(calls, seen)
    endings = Endings(calls, seen, Holes(losses))
    hops, numbered = build_hops(calls, strays, seen, clocks)
    return Flow(
        logs=logs,
        messages=_named(as_frame(seen, logs), hops),
        hops=_hop_frame(hops, seen),
        calls=_call_frame(numbered, endings, seen),
        losses=_loss_frame(losses),
        clocks=_clock_frame(clocks),
    )


def _once(logs: pd.DataFrame) -> pd.DataFrame:
    """The log without records delivered twice: of one id, or alike to the microsecond without an own id."""
    again = logs["id"].duplicated()
    close = logs["event_created_at"].duplicated(keep=False) & ~again
    if close.any():
        columns = ("id", "event_created_at", "component", "trace_id", "instance", "message", "data")
        told_of = (logs.loc[close, name].astype(object) for name in columns)
        rows = zip(logs.index[close], *told_of, strict=True)
        met: set[tuple[str, ...]] = set()
        for index, own, *told in rows:
            alike = tuple(map(repr, told))
            if own[_VERSION : _VERSION + 1] == _DERIVED and alike in met:
                again[index] = True
            met.add(alike)
    return logs.loc[~again].reset_index(drop=True) if again.any() else logs


def _hop_frame(hops: list[Hop], seen: Observations) -> pd.DataFrame:
    rows = []
    for number, hop in enumerate(hops):
        main = hop.main(seen)
        sent = None if hop.sent is None else seen.sightings[hop.sent].row
        received = None if hop.received is None else seen.sightings[hop.received].row
        marks = dict.fromkeys(mark for mark in (*main.inferred.split(","), *hop.inferred) if mark)
        rows.append(
            (
                number,
                main.kind,
                hop.method,
                hop.tool,
                main.rpc_id if main.rpc_id is not None else hop.rpc_id,
                hop.sender,
                hop.receiver,
                hop.fact(seen, "transport"),
                hop.fact(seen, "session"),
                hop.trace(seen),
                None if sent is None else seen.times[sent],
                None if received is None else seen.times[received],
                None if sent is None else seen.ids[sent],
                None if received is None else seen.ids[received],
                "both"
                if sent is not None and received is not None
                else "sender"
                if sent is not None
                else "receiver",
                hop.call,
                main.payload,
                main.error_code,
                main.error_text,
                hop.joined_by if sent is not None and received is not None else "",
                ",".join(marks),
            )
        )
    return frame(transposed(rows, list(HOPS)), HOPS)


def _call_frame(calls: list[Call], endings: Endings, seen: Observations) -> pd.DataFrame:
    number = {id(call): index for index, call in enumerate(calls)}
    rows = [_call_row(call, endings.of(call), number, seen) for call in calls]
    return frame(transposed(rows, list(CALLS)), CALLS)


def _call_row(call: Call, end: Ending, number: dict[int, int], seen: Observations) -> tuple[Any, ...]:
    started = min(view.start for one in (call, *call.earlier) for view in one.views)
    view = call.view
    # An end read on another clock may seem to be before the start.
    duration = None if end.at is None else max(0, end.at - _start_on_same_clock(call, started)) / 1000
    notes = [*call.notes, *end.notes]
    if call.joined_by in {"content", "method"}:
        notes.insert(0, f"both ends joined by {call.joined_by}, no id in common")
    if call.earlier:
        notes.insert(0, f"{len(call.earlier) + 1} attempts of one operation")
    return (
        number[id(call)],
        None if call.parent is None else number.get(id(call.parent)),
        call.caller,
        call.callee,
        call.known("method"),
        call.known("tool"),
        view.rpc_id if view.rpc_id is not None else call.known("rpc_id"),
        call.known("session"),
        call.known("trace"),
        call.known("arguments"),
        started,
        None if end.status == "pending" else end.at,
        None if end.status == "pending" else duration,
        end.status,
        end.lost_at if end.status == "lost" else None,
        1 + len(call.earlier),
        call.request_hop,
        call.response_hop,
        end.result,
        end.error_code,
        end.error_text,
        _evidence(call, end, seen),
        "; ".join(dict.fromkeys(notes)),
    )


def _start_on_same_clock(call: Call, started: int) -> int:
    return call.outer.start if call.outer is not None and not call.earlier else started


def _evidence(call: Call, end: Ending, seen: Observations) -> list[str]:
    """Ids of the rows that show the call and its end, in the order of the log."""
    rows = set(end.rows)
    for one in (call, *call.earlier):
        for view in one.views:
            for place in (view.request, view.answer, view.cancel):
                if place is not None:
                    rows.add(seen.sightings[place].row)
                    rows.update(seen.folded.get(place, ()))
    return [found for row in sorted(rows) if (found := seen.ids[row]) is not None]


def _named(messages: pd.DataFrame, hops: list[Hop]) -> pd.DataFrame:
    """Fill in the ends that only the reconstruction knows, marked as inferred."""
    names: dict[str, dict[int, str]] = {"sender": {}, "receiver": {}}
    for hop in hops:
        for place in (hop.sent, hop.received):
            if place is not None:
                if hop.sender is not None:
                    names["sender"][place] = hop.sender
                if hop.receiver is not None:
                    names["receiver"][place] = hop.receiver
    inferred = messages["inferred"].tolist()
    for column, found in names.items():
        values = messages[column].tolist()
        for place, name in found.items():
            if values[place] != name:
                values[place] = name
                inferred[place] = f"{inferred[place]},{column}".lstrip(",")
        messages[column] = frame({column: values}, {column: "str"})[column]
    messages["inferred"] = frame({"inferred": inferred}, {"inferred": "str"})["inferred"]
    return messages


def _loss_frame(losses: list[Loss]) -> pd.DataFrame:
    rows = [
        (
            loss.component,
            loss.instance,
            loss.start,
            loss.end,
            loss.count,
            loss.reason,
            loss.source,
            loss.evidence,
        )
        for loss in losses
    ]
    return frame(transposed(rows, list(LOSSES)), LOSSES)


def _clock_frame(clocks: list[Clock]) -> pd.DataFrame:
    rows = [(clock.component, clock.reference, clock.offset, clock.error, clock.pairs) for clock in clocks]
    return frame(transposed(rows, list(CLOCKS)), CLOCKS)
