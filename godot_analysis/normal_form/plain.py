"""Message records as most are, read many at a time; what is not of this shape is left to be read with care.

The shape is a valid JSON-RPC message in a message record, each part of the type that the standard gives it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

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

# A `_Line` and a `_Place` while they are read: a plain tuple is made much faster.
_Said: TypeAlias = "tuple[str, str | None, str | None, str | None, int | None, str | None]"
_Where: TypeAlias = "tuple[str, str | None, str | None, str | None]"


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
    """What many messages say alike: all but their ids, what they carry and where they were seen."""

    kind: str
    method: str | None
    tool: str | None
    era: str | None
    error_code: int | None
    error_text: str | None


class _Place(NamedTuple):
    """Where messages of one connection were seen."""

    direction: str
    peer: str | None
    transport: str | None
    session: str | None


class _Read(NamedTuple):
    """What was read, an entry for each message; the few different lines and places are numbered whole."""

    rows: list[int]
    lines: list[int]
    places: list[int]
    ids: list[int | str | None]
    payloads: list[Any]


def read_plain(rows: Sequence[int], data: Sequence[Any]) -> tuple[Sightings, list[int]]:
    """Return the messages of all plain message records, and the rows that are to be read with care."""
    read = _Read([], [], [], [], [])
    lines: dict[_Said, int] = {}
    places: dict[_Where, int] = {}
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
            place = (seen.direction, seen.peer or None, seen.transport, seen.session)
            rpc_id = seen.payload.id
            read.rows.append(row)
            read.lines.append(lines.setdefault(line, len(lines)))
            read.places.append(places.setdefault(place, len(places)))
            read.ids.append(None if rpc_id is UNSET else rpc_id)
            read.payloads.append(whole["mcp"]["payload"])
    return _table(read, [_Line(*line) for line in lines], [_Place(*place) for place in places]), others


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


def _line(message: _Message) -> _Said | None:
    """What a `_Line` holds, of one message; None when not all its parts fit together."""
    rpc_id, method, error = message.id, message.method, message.error
    if method is not UNSET:
        params = message.params
        if params is UNSET:
            params = _NO_PARAMS
        if type(params) is not dict or (method.startswith(_NOTIFICATIONS) is not (rpc_id is UNSET)):
            return None
        if rpc_id is UNSET:
            return NOTIFICATION, method, None, era_of(method, params), None, None
        tool = params.get("name") if method == CALL else None
        return REQUEST, method, tool if isinstance(tool, str) else None, era_of(method, params), None, None
    if rpc_id is UNSET or (error is UNSET) is (message.result is UNSET):
        return None
    if error is not UNSET:
        return ERROR, None, None, None, error.code, error.message
    return RESPONSE, None, None, answered_era(message.result), None, None


def _table(read: _Read, lines: list[_Line], places: list[_Place]) -> Sightings:
    always = np.zeros(len(read.rows), dtype=np.int64)
    of_line, of_place = np.array(read.lines, dtype=np.int64), np.array(read.places, dtype=np.int64)
    words = {
        name: Words.of([getattr(line, name) for line in lines]).take(of_line)
        for name in ("kind", "method", "tool", "era")
    }
    words |= {
        name: Words.of([getattr(place, name) for place in places]).take(of_place) for name in _Place._fields
    }
    ids = Words.of(read.ids)
    words["rpc_id"] = Words(ids.codes, [id_text(value) or "" for value in ids.words])
    words["convention"] = Words(always, [verbatim.NAME])
    words["inferred"] = words["validity"] = Words(always, [""])
    return Sightings(
        np.array(read.rows, dtype=np.int64),
        np.full(len(read.rows), Weight.PAYLOAD, dtype=np.int8),
        words,
        {
            "payload": objects(read.payloads),
            "error_code": objects([line.error_code for line in lines])[of_line],
            "error_text": objects([line.error_text for line in lines])[of_line],
        },
    )
