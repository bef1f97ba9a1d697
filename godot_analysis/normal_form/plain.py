"""Message records as most are, read quickly; what is not of this shape is left to be read with care.

The shape is a valid JSON-RPC message in a message record, each part of the type that the standard gives it.
What many messages have in common is a key, and what a key means is found out once.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np

from godot_analysis.loading.json_array import decoded
from godot_analysis.normal_form.conventions import verbatim
from godot_analysis.normal_form.jsonrpc import META_VERSION, STATELESS, answered_era, era_of, id_text
from godot_analysis.normal_form.sightings import (
    CALL,
    ERROR,
    NOTIFICATION,
    RECEIVED,
    REQUEST,
    RESPONSE,
    SENT,
    Weight,
)
from godot_analysis.normal_form.table import Sightings, Words, objects

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from numpy.typing import NDArray

    from godot_analysis.loading.json_array import JsonArray

_NOTIFICATIONS: Final = "notifications/"
_BLOCK: Final = 1024  # rows whose messages stay in the processor's cache while they are read
_NO_PARAMS: Final[dict[str, Any]] = {}
_where = itemgetter("direction", "peer", "transport", "session")
_TELLS_ERA: Final = frozenset(("protocolVersion", "resultType", "supportedVersions"))


class _Line(NamedTuple):
    """What many messages say alike: all but their ids, what they carry and where they were seen."""

    kind: str
    method: str | None = None
    tool: str | None = None
    era: str | None = None
    error_code: int | None = None
    error_text: str | None = None


class _Place(NamedTuple):
    """Where messages of one connection were seen."""

    direction: str
    peer: str | None
    transport: str | None
    session: str | None


class _Numbers(dict[Any, int]):
    """A number for what each key means, -1 for a key that is out of shape."""

    def __init__(self, meaning: Callable[..., Any]) -> None:
        super().__init__()
        self.meanings: list[Any] = []
        self._meaning = meaning

    def __missing__(self, key: tuple[Hashable, ...]) -> int:
        meant = self._meaning(*key)
        if meant is not None:
            self.meanings.append(meant)
        number = self[key] = -1 if meant is None else len(self.meanings) - 1
        return number


class _Seen(msgspec.Struct, frozen=True, gc=False):
    """The text of a message record as far as it is read; the message itself is left for later."""

    payload: msgspec.Raw = msgspec.Raw(b"null")
    direction: Any = None
    peer: Any = None
    transport: Any = None
    session: Any = None


class _Record(msgspec.Struct, frozen=True, gc=False):
    mcp: _Seen = _Seen()
    lost: Any = msgspec.UNSET


_NO_RECORD: Final = _Record()
_record = msgspec.json.Decoder(_Record).decode
_records = msgspec.json.Decoder(list[_Record | None]).decode


class _Columns:
    """What is read, an entry for each message."""

    def __init__(self, rows: int) -> None:
        numbers, values = np.dtype(np.int32), np.dtype(object)
        self.count = 0
        self.row = np.empty(rows, dtype=np.int64)
        self.place, self.line = (np.empty(rows, dtype=numbers) for _ in range(2))
        self.id, self.payload, self.content = (np.empty(rows, dtype=values) for _ in range(3))

    def add(self, rows: NDArray[np.int64], *told: NDArray[Any]) -> None:
        """Some more messages, as arrays in the order of the columns."""
        start, self.count = self.count, self.count + len(rows)
        self.row[start : self.count] = rows
        columns = (self.place, self.line, self.id, self.payload, self.content)
        for column, values in zip(columns, told, strict=True):
            column[start : self.count] = values


def read_plain(rows: NDArray[np.int64], data: JsonArray) -> tuple[Sightings, list[int]]:
    """Return the messages of all plain message records, and the rows that are to be read with care.

    `data` are the values of these rows, in their order. Where they are texts, only the messages are decoded,
    and one that both ends logged alike only once.
    """
    read = _Columns(len(rows))
    lines, places = _Numbers(_line), _Numbers(_place)
    others = [np.empty(0, dtype=np.int64)]
    for start in range(0, len(rows), _BLOCK):
        part, block = rows[start : start + _BLOCK], data[start : start + _BLOCK]
        texts = block.texts()
        if texts is None:
            place, payloads = _from_values(block.tolist(), places)
            line, *told = _read(payloads, lines)
        else:
            place, which, payloads = _from_texts(texts, places)
            line, *told = (column[which] for column in _read(payloads, lines))
        plain = (place >= 0) & (line >= 0)
        if plain.all():
            read.add(part, place, line, *told)
        else:
            others.append(part[~plain])
            read.add(part[plain], *(column[plain] for column in (place, line, *told)))
    return _table(read, lines.meanings, places.meanings), np.concatenate(others).tolist()


def _from_values(data: list[Any], places: _Numbers) -> tuple[NDArray[np.int32], list[Any]]:
    """Where each message was seen, -1 for what is no plain message record, and the messages."""
    seen_at: list[int] = []
    payloads: list[Any] = []
    add_place, add_payload = seen_at.append, payloads.append
    for whole in data:
        place, payload = -1, None
        try:
            seen = whole["mcp"]
            payload = seen["payload"]
            try:
                place = places[_where(seen)]
            except KeyError:
                place = places[
                    seen["direction"], seen.get("peer"), seen.get("transport"), seen.get("session")
                ]
            if "lost" in whole:
                place = -1
        except (KeyError, TypeError, AttributeError):
            place = -1  # a part is missing, is no object, or is one where a word should be
        add_place(place)
        add_payload(payload)
    return _numbers(seen_at), payloads


def _from_texts(texts: list[str], places: _Numbers) -> tuple[NDArray[np.int32], NDArray[np.int32], list[Any]]:
    """Where each message was seen, as above; which of the messages it is, and all different messages."""
    seen_at: list[int] = []
    which: list[int] = []
    known: dict[bytes, int] = {}
    before, number = b"", -1
    add_place, add_which = seen_at.append, which.append
    for record in _as_records(texts):
        seen = record.mcp
        try:
            place = places[seen.direction, seen.peer, seen.transport, seen.session]
        except TypeError:
            place = -1  # an object where a word should be
        add_place(place if record.lost is msgspec.UNSET else -1)
        message = bytes(seen.payload)
        if message != before:  # mostly its two ends log it one after the other
            before, number = message, known.setdefault(message, len(known))
        add_which(number)
    return _numbers(seen_at), _numbers(which), list(map(decoded, known))


def _as_records(texts: list[str]) -> list[_Record]:
    """The message records of a block, read in one go where nothing in it has another shape."""
    try:
        # No string holds a line's end: what is half a text cannot go on in the next.
        records = _records("[" + ",\n".join(texts) + "]")
    except msgspec.DecodeError:
        records = []
    return (
        [record or _NO_RECORD for record in records]
        if len(records) == len(texts)
        else list(map(_as_record, texts))
    )


def _as_record(text: str) -> _Record:
    try:
        return _record(text)
    except msgspec.ValidationError:
        return _NO_RECORD


def _numbers(values: list[int]) -> NDArray[np.int32]:
    return np.fromiter(values, dtype=np.int32, count=len(values))


def _read(payloads: list[Any], lines: _Numbers) -> tuple[NDArray[Any], ...]:
    """Line, id, payload and content of each message; the line is -1 for one that is out of shape."""
    found: list[int] = []
    ids: list[Any] = []
    contents: list[Any] = []
    # Every message passes here, so this is written for speed: to ask for a key before it is looked up takes
    # half as long as `get`, and each part is read while it is at hand.
    add_line, add_id, add_content = found.append, ids.append, contents.append
    for payload in payloads:
        rpc_id = id_type = content = None
        try:
            if "id" in payload:
                rpc_id = payload["id"]
                id_type = type(rpc_id)
            if "method" in payload:
                method = payload["method"]
                params = payload["params"] if "params" in payload else _NO_PARAMS  # noqa: SIM401
                tool = params["name"] if method == CALL and "name" in params else None
                stateless = "_meta" in params and _is_stateless(params["_meta"])
                if "arguments" in params and type(params["arguments"]) is dict:
                    content = params["arguments"]
                line = lines[payload["jsonrpc"], id_type, REQUEST, method, tool, stateless, type(params)]
            elif "error" in payload:
                line = lines[payload["jsonrpc"], id_type, ERROR, *_failure(payload)]
            else:
                content, era = payload["result"], None
                if type(content) is dict:
                    era = None if _TELLS_ERA.isdisjoint(content) else answered_era(content)
                    content = None if "isError" in content and content["isError"] is True else content
                line = lines[payload["jsonrpc"], id_type, RESPONSE, era]
            if type(payload) is not dict:
                line = -1
        except (KeyError, TypeError, AttributeError):
            line = -1
        add_line(line)
        add_id(rpc_id)
        add_content(content)
    return _numbers(found), objects(ids), objects(payloads), objects(contents)


def _failure(payload: dict[str, Any]) -> tuple[Any, ...]:
    """What decides about the `_Line` of an error."""
    code, text = payload["error"]["code"], payload["error"]["message"]
    return code, type(code), text, "result" in payload


def _line(version: Any, id_type: type | None, kind: str, *told: Any) -> _Line | None:
    """What a key means; None when not all its parts fit together."""
    if version != "2.0" or id_type not in (int, str, None):
        return None
    if kind == REQUEST:
        return _question(id_type, *told)
    if id_type is None:
        return None
    if kind == RESPONSE:
        return _Line(RESPONSE, era=told[0])
    code, code_type, text, has_result = told
    if code_type is not int or type(text) is not str or has_result:
        return None
    return _Line(ERROR, error_code=code, error_text=text)


def _is_stateless(meta: Any) -> bool:
    return type(meta) is dict and META_VERSION in meta


def _question(
    id_type: type | None, method: Any, tool: Any, stateless: bool, params_type: type
) -> _Line | None:
    if (
        params_type is not dict
        or type(method) is not str
        or (method.startswith(_NOTIFICATIONS) is not (id_type is None))
    ):
        return None
    era = era_of(method, {"_meta": {META_VERSION: STATELESS}} if stateless else _NO_PARAMS)
    if id_type is None:
        return _Line(NOTIFICATION, method, era=era)
    return _Line(REQUEST, method, tool if type(tool) is str else None, era)


def _place(direction: Any, peer: Any, transport: Any, session: Any) -> _Place | None:
    if direction not in (SENT, RECEIVED):
        return None
    if any(word is not None and type(word) is not str for word in (peer, transport, session)):
        return None
    return _Place(direction, peer or None, transport, session)


def _table(read: _Columns, lines: list[_Line], places: list[_Place]) -> Sightings:
    count = slice(read.count)
    words = {
        name: Words.of([getattr(line, name) for line in lines]).take(read.line[count])
        for name in _Line._fields
    }
    words |= {
        name: Words.of([getattr(place, name) for place in places]).take(read.place[count])
        for name in _Place._fields
    }
    ids = Words.of(read.id[count])
    words["rpc_id"] = Words(ids.codes, [id_text(value) or "" for value in ids.words])
    always = np.zeros(read.count, dtype=np.int32)
    words["convention"] = Words(always, [verbatim.NAME])
    words["inferred"] = words["validity"] = Words(always, [""])
    weight = np.full(read.count, Weight.PAYLOAD, dtype=np.int8)
    return Sightings(read.row[count], weight, words, read.payload[count], read.content[count])
