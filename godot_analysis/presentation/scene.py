"""What a picture of a flow needs, as two flat tables: its messages, and what was said beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from godot_analysis.reconstruction.flow import Flow

__all__ = ["UNKNOWN", "interleave", "lanes_of", "messages_of", "notes_of"]

UNKNOWN: Final = "(unknown)"
"""The name of a sender or receiver that no log tells."""

_UNFINISHED: Final = ("pending", "lost", "timed_out", "cancelled")
_FAILED: Final = ("error", "tool_error")
_NOTED: Final = ("WARN", "ERROR")

_Column: TypeAlias = "NDArray[Any]"


def messages_of(flow: Flow) -> pd.DataFrame:
    """One row per hop, in causal order, with the end of its call: cheap for a million hops.

    Columns: hop, kind, sender, receiver, method, tool, rpc_id, time, seen, call, answers (hop of the request,
    or -1), status (on the message that shows how its call ended, else empty), duration_ms, lost_at,
    error_code, error_text, payload, problem. Text columns have no missing values.
    """
    hops = flow.hops.reset_index(drop=True)
    calls = _CallOfHop(flow.calls, hops["call"])
    number = hops["hop"].to_numpy()
    request, response = calls.numbers("request_hop"), calls.numbers("response_hop")
    answered = number == response
    shows_end = answered | ((response < 0) & (number == request))
    kind = _texts(hops["kind"], "invalid")
    status = np.where(shows_end, calls.texts("status"), "")
    return pd.DataFrame(
        {
            "hop": number,
            "kind": kind,
            "sender": _texts(hops["sender"], UNKNOWN),
            "receiver": _texts(hops["receiver"], UNKNOWN),
            "method": _texts(hops["method"]),
            "tool": _texts(hops["tool"]),
            "rpc_id": _texts(hops["rpc_id"]),
            "time": hops["sent_at"].fillna(hops["received_at"]),
            "seen": _texts(hops["seen"], "both"),
            "call": hops["call"].astype("Int64").fillna(-1).astype("int64"),
            "answers": np.where(answered, request, -1),
            "status": status,
            "duration_ms": np.where(answered, calls.floats("duration_ms"), np.nan),
            "lost_at": np.where(status == "lost", calls.texts("lost_at"), ""),
            "error_code": hops["error_code"].astype("Int64"),
            "error_text": _texts(hops["error_text"]),
            "payload": hops["payload"],
            "problem": np.isin(kind, ("error", "invalid")) | np.isin(status, (*_UNFINISHED, *_FAILED)),
        }
    )


def notes_of(flow: Flow) -> pd.DataFrame:
    """What was said beside the messages: warnings and errors that are no message, and known losses of log.

    Columns: kind (note | loss), component, time, level, text, record, problem; ordered by time.
    """
    shown = pd.concat([flow.hops["sent_record"], flow.hops["received_record"]])
    said = flow.logs[flow.logs["level"].isin(_NOTED) & ~flow.logs["id"].isin(shown)]
    losses = flow.losses
    lost_text = [_loss_text(count, why) for count, why in zip(losses["count"], losses["reason"], strict=True)]
    lost_record = [str(ids[0]) if isinstance(ids, list) and ids else "" for ids in losses["evidence"]]
    notes = pd.DataFrame(
        {
            "kind": ["note"] * len(said) + ["loss"] * len(losses),
            "component": np.concatenate(
                [_texts(said["component"], UNKNOWN), _texts(losses["component"], UNKNOWN)]
            ),
            "time": pd.DatetimeIndex([*said["event_created_at"], *losses["from"]], tz="UTC").as_unit("us"),
            "level": np.concatenate([_texts(said["level"]), np.full(len(losses), "", dtype=object)]),
            "text": [*said["message"], *lost_text],
            "record": [*said["id"], *lost_record],
            "problem": [*(said["level"] == "ERROR"), *([True] * len(losses))],
        }
    )
    return notes.sort_values("time", kind="stable", ignore_index=True)


def interleave(messages: pd.DataFrame, notes: pd.DataFrame) -> NDArray[np.int64]:
    """The order in which to show both: messages are numbered from 0, notes go on from there.

    Messages keep their causal order. A note stands where its time belongs, but never before a message that
    its component had seen by then nor after one that it had not, judged by that component's own clock.
    """
    position = np.zeros(len(notes), dtype="int64")
    times = _microseconds(messages["time"])
    for component, group in notes.groupby("component", sort=False):
        own = np.flatnonzero((messages["sender"] == component) | (messages["receiver"] == component))
        moments = _microseconds(group["time"])
        seen = _count_until(times[own], moments)
        earliest = np.concatenate([[0], own + 1])[seen]
        latest = np.concatenate([own, [len(messages)]])[seen]
        position[group.index] = np.clip(_count_until(times, moments), earliest, latest)
    before = np.concatenate([np.arange(len(messages)), position])
    is_message = np.concatenate([np.ones(len(messages)), np.zeros(len(notes))])
    return np.lexsort((is_message, before)).astype("int64")


def lanes_of(flow: Flow, messages: pd.DataFrame) -> tuple[str, ...]:
    """Components in causal order of appearance, then those that logged but took no part: silence is evidence.

    The unknown stands outside: first when it asks, for then it is the client that logs nothing; else last.
    """
    ends = messages[["sender", "receiver"]].to_numpy(dtype=object).ravel()
    others = [_texts(frame["component"], UNKNOWN) for frame in (flow.logs, flow.losses)]
    names = dict.fromkeys([*pd.unique(ends), *pd.unique(np.concatenate(others))])
    if UNKNOWN not in names:
        return tuple(names)
    del names[UNKNOWN]
    asks = ((messages["sender"] == UNKNOWN) & (messages["kind"] == "request")).any()
    return (UNKNOWN, *names) if asks else (*names, UNKNOWN)


class _CallOfHop:
    """Looks up columns of the call that each hop belongs to."""

    def __init__(self, calls: pd.DataFrame, call_of_hop: pd.Series) -> None:
        self._calls = calls
        wanted = call_of_hop.astype("Int64").fillna(-1).astype("int64")
        self._at = pd.Index(calls["call"]).get_indexer(pd.Index(wanted))

    def numbers(self, column: str) -> _Column:
        values = self._calls[column].astype("Int64").fillna(-1).to_numpy(dtype="int64")
        return self._take(values, -1)

    def floats(self, column: str) -> _Column:
        return self._take(self._calls[column].to_numpy(dtype="float64"), np.nan)

    def texts(self, column: str) -> _Column:
        return self._take(_texts(self._calls[column]), "")

    def _take(self, values: _Column, missing: object) -> _Column:
        # A hop without a call is at -1, the last: missing.
        padded: _Column = np.concatenate([values, np.array([missing], dtype=values.dtype)])
        taken: _Column = padded[self._at]
        return taken


def _texts(column: pd.Series, missing: str = "") -> _Column:
    return column.astype("object").where(column.notna(), missing).to_numpy(dtype=object)


def _microseconds(times: pd.Series) -> NDArray[np.int64]:
    """Microseconds since 1970; a missing time is before all others."""
    return times.to_numpy(dtype="datetime64[us]").view("int64")


def _count_until(times: NDArray[np.int64], moments: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many of `times`, in causal order, are over at each of `moments`."""
    # Causal order and a clock may disagree by a little: the running maximum makes it searchable.
    return np.searchsorted(np.maximum.accumulate(times), moments, side="right")


def _loss_text(count: Any, reason: Any) -> str:
    number = "some" if pd.isna(count) else f"{count:,}"
    why = "" if pd.isna(reason) else f" ({reason})"
    return f"{number} {'record' if number == '1' else 'records'} missing from the log{why}"
