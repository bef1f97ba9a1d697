"""The normal form: one row per observed JSON-RPC message, whichever way it was logged."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from godot_analysis.collection import collection_paused
from godot_analysis.columns import MESSAGES
from godot_analysis.loading.frames import frame, micros, require, texts, transposed
from godot_analysis.normal_form import conventions
from godot_analysis.normal_form.folding import Folder
from godot_analysis.normal_form.official import validated
from godot_analysis.normal_form.sightings import ANSWERS, RECEIVED, SENT, Row, Sighting, Weight

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Observations:
    """The log as plain columns, and the messages that it shows, in order of time."""

    ids: list[str | None]
    times: list[int | None]  # microseconds since 1970
    traces: list[str | None]
    components: list[str | None]
    instances: list[str | None]
    levels: list[str | None]
    texts: list[str | None]
    data: list[Any]
    sightings: list[Sighting]
    folded: dict[int, list[int]] = field(default_factory=dict)  # sighting → rows that say the same


def messages(logs: pd.DataFrame) -> pd.DataFrame:
    """One row per observed JSON-RPC message, ordered by the observer's time.

    Parameters
    ----------
    logs : DataFrame
        A log frame as `load_trace` and `load_logs` return it.

    Returns
    -------
    DataFrame
        The columns of `godot_analysis.columns.MESSAGES`. The members of a batch are rows of their own. Text
        that is no JSON-RPC is a row of kind `invalid`. What was not logged but follows from what was, is
        named in `inferred`. Two records of one observer about one message are one row. `validity` holds what
        a message has against JSON-RPC, or against the official schema of the protocol version that its
        connection negotiated; the messages of `reconstruct` are judged by JSON-RPC alone, which is quicker.

    Raises
    ------
    BadFrame
        When `logs` is no log frame.

    Examples
    --------
    >>> import godot_analysis as ga
    >>> question = {"jsonrpc": "2.0", "id": 3, "method": "tools/list"}
    >>> record = {"direction": "sent", "peer": "gates", "payload": question}
    >>> logs = ga.from_records([{"component": "relay", "level": "TRACE", "data": {"mcp": record}}])
    >>> ga.messages(logs)[["sender", "receiver", "kind", "method", "rpc_id"]].iloc[0].tolist()
    ['relay', 'gates', 'request', 'tools/list', '3']
    """
    with collection_paused():
        return validated(as_frame(observe(logs), logs))


def observe(logs: pd.DataFrame) -> Observations:
    """Read every log row by the conventions; fold what one observer says twice about one message."""
    require(logs)
    components = texts(logs["component"])
    times = micros(logs["event_created_at"])
    traces = texts(logs["trace_id"])
    levels = texts(logs["level"])
    words = texts(logs["message"])
    data = logs["data"].tolist()
    sightings = _read(components, levels, words, data)
    sightings.sort(key=lambda seen: (times[seen.row] or 0, seen.row))
    sightings, folded = Folder(components, times, traces, words).fold(sightings)
    sightings = _without_reports(sightings, components)
    return Observations(
        ids=texts(logs["id"]),
        times=times,
        traces=traces,
        components=components,
        instances=texts(logs["instance"]),
        levels=levels,
        texts=words,
        data=data,
        sightings=_with_eras(sightings, components),
        folded=folded,
    )


def as_frame(seen: Observations, logs: pd.DataFrame) -> pd.DataFrame:
    """The sightings as the documented frame."""
    columns = transposed(seen.sightings, Sighting._fields)
    rows = columns.pop("row")
    observers = [seen.components[row] for row in rows]
    sent = [direction == SENT for direction in columns["direction"]]
    peers = columns["peer"]
    columns.pop("weight")
    return frame(
        {
            **columns,
            "record": [seen.ids[row] for row in rows],
            "time": [seen.times[row] for row in rows],
            "trace_id": [seen.traces[row] for row in rows],
            "observer": observers,
            "instance": [seen.instances[row] for row in rows],
            "seq": logs["seq"].take(list(rows)).tolist() if len(rows) else (),
            "sender": [o if s else p for o, p, s in zip(observers, peers, sent, strict=True)],
            "receiver": [p if s else o for o, p, s in zip(observers, peers, sent, strict=True)],
        },
        MESSAGES,
    )


def _read(
    components: list[str | None], levels: list[str | None], words: list[str | None], data: list[Any]
) -> list[Sighting]:
    found: list[Sighting] = []
    read = conventions.read
    nothing: dict[str, Any] = {}
    for number, (component, level, text, held) in enumerate(
        zip(components, levels, words, data, strict=True)
    ):
        found += read(
            Row(number, component or "", level, text or "", held if type(held) is dict else nothing)
        )
    return found


def _without_reports(sightings: list[Sighting], components: list[str | None]) -> list[Sighting]:
    """Leave out what a pure requester says about failures: it reports an answer, or refused by itself."""
    serving = {
        components[seen.row] for seen in sightings if seen.direction == RECEIVED and seen.kind not in ANSWERS
    }
    asking = {
        components[seen.row] for seen in sightings if seen.direction == SENT and seen.kind not in ANSWERS
    }
    reporting = asking - serving
    return [
        seen
        for seen in sightings
        if not (
            seen.weight == Weight.DETAIL
            and seen.direction == SENT
            and seen.kind in ANSWERS
            and components[seen.row] in reporting
        )
    ]


def _with_eras(sightings: list[Sighting], components: list[str | None]) -> list[Sighting]:
    """Spread the era that one message of a connection names over all of them."""
    eras: dict[tuple[str | None, str | None, str | None], str] = {}
    for seen in sightings:
        if seen.era is not None:
            eras.setdefault((components[seen.row], seen.peer, seen.session), seen.era)
    if not eras:
        return sightings
    known = eras.get
    return [
        seen
        if seen.era is not None or (era := known((components[seen.row], seen.peer, seen.session))) is None
        else seen._replace(era=era)
        for seen in sightings
    ]
