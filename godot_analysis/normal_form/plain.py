"""Message records as most are, read many at a time; what is not of this shape is left to be read with care.

The shape is a valid JSON-RPC message in a message record, each part of the type that the standard gives it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from godot_analysis.normal_form.conventions import verbatim
from godot_analysis.normal_form.jsonrpc import answered_era, era_of, id_text
from godot_analysis.normal_form.sightings import (
    CALL,
    ERROR,
    NOTIFICATION,
    REQUEST,
    RESPONSE,
    Weight,
)
from godot_analysis.normal_form.table import Sightings, Words, objects

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_CHUNK: Final = 2048  # rows whose payloads stay in the processor's cache while they are read
_NOTIFICATIONS: Final = "notifications/"
_NO_PARAMS: Final[dict[str, Any]] = {}


class _Error(msgspec.Struct, gc=False):
    code: int
    message: str


class _Message(msgspec.Struct, gc=False):
    jsonrpc: Literal["2.0"]
    id: int | str | UnsetType = UNSET
    method: str | UnsetType = UNSET
    params: Any = UNSET
    result: Any = UNSET
    error: _Error | UnsetType = UNSET


class _Seen(msgspec.Struct, gc=False):
    direction: Literal["sent", "received"]
    payload: _Message
    peer: str | None = None
    transport: str | None = None
    session: str | None = None


class _Record(msgspec.Struct, gc=False):
    mcp: _Seen | UnsetType = UNSET
    lost: Any = UNSET


class _Line(NamedTuple):
    """What one message says, but for where it was seen."""

    kind: str
    rpc_id: int | str | None
    method: str | None = None
    tool: str | None = None
    era: str | None = None
    error_code: int | None = None
    error_text: str | None = None


def read_plain(rows: Sequence[int], data: Sequence[Any]) -> tuple[Sightings, list[int]]:
    """Return the messages of all plain message records, and the rows that are to be read with care."""
    numbers: list[int] = []
    lines: list[_Line] = []
    places: list[tuple[str, str | None, str | None, str | None]] = []
    payloads: list[Any] = []
    others: list[int] = []
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        held = [data[row] for row in chunk]
        for row, whole, record in zip(chunk, held, _shaped(held), strict=True):
            seen = UNSET if record is None or record.lost is not UNSET else record.mcp
            line = None if seen is UNSET else _line(seen.payload)
            if line is None or seen is UNSET:
                others.append(row)
                continue
            numbers.append(row)
            lines.append(line)
            places.append((seen.direction, seen.peer or None, seen.transport, seen.session))
            payloads.append(whole["mcp"]["payload"])
    return _table(numbers, lines, places, payloads), others


def _shaped(held: list[Any]) -> Iterable[_Record | None]:
    """The records of this shape, None for others: all at once, or one by one where some are not."""
    try:
        return msgspec.convert(held, list[_Record | None])
    except msgspec.ValidationError:
        return [_shaped_one(whole) for whole in held]


def _shaped_one(whole: Any) -> _Record | None:
    if type(whole) is not dict or "mcp" not in whole:
        return None
    try:
        return msgspec.convert(whole, _Record)
    except msgspec.ValidationError:
        return None


def _line(message: _Message) -> _Line | None:
    """Read one message; None when not all its parts fit together."""
    rpc_id, method = message.id, message.method
    if method is not UNSET:
        params = message.params
        if params is UNSET:
            params = _NO_PARAMS
        if type(params) is not dict or (method.startswith(_NOTIFICATIONS) is not (rpc_id is UNSET)):
            return None
        if rpc_id is UNSET:
            return _Line(NOTIFICATION, None, method, None, era_of(method, params))
        tool = params.get("name") if method == CALL else None
        return _Line(REQUEST, rpc_id, method, tool if isinstance(tool, str) else None, era_of(method, params))
    if rpc_id is UNSET or (message.error is UNSET) is (message.result is UNSET):
        return None
    if message.error is not UNSET:
        return _Line(ERROR, rpc_id, error_code=message.error.code, error_text=message.error.message)
    return _Line(RESPONSE, rpc_id, era=answered_era(message.result))


def _table(
    numbers: list[int],
    lines: list[_Line],
    places: list[tuple[str, str | None, str | None, str | None]],
    payloads: list[Any],
) -> Sightings:
    columns: dict[str, Sequence[Any]] = (
        dict(zip(_Line._fields, zip(*lines, strict=True), strict=True))
        if lines
        else dict.fromkeys(_Line._fields, ())
    )
    always = np.zeros(len(numbers), dtype=np.int64)
    words = {name: Words.of(columns[name]) for name in ("kind", "method", "tool", "era")}
    ids = Words.of(columns["rpc_id"])
    words["rpc_id"] = Words(ids.codes, [id_text(value) or "" for value in ids.words])
    # Few different connections, so they are numbered whole and taken apart afterwards.
    connections = Words.of(places)
    for number, name in enumerate(("direction", "peer", "transport", "session")):
        column = Words.of([connection[number] for connection in connections.words])
        words[name] = column.take(connections.codes)
    words["convention"] = Words(always, [verbatim.NAME])
    words["inferred"] = words["validity"] = Words(always, [""])
    return Sightings(
        np.array(numbers, dtype=np.int64),
        np.full(len(numbers), Weight.PAYLOAD, dtype=np.int8),
        words,
        {
            "payload": objects(payloads),
            "error_code": objects(columns["error_code"]),
            "error_text": objects(columns["error_text"]),
        },
    )
