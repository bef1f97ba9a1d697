"""The slow path of decoding: repair and mark what can be stored, give a reason for what cannot.

The rules and their marks are those of clients/wire/README.md.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from decimal import Decimal
from typing import Any, Final

from godot_daemon.record import (
    BIGINT_MAX,
    COMPONENT_MAX,
    DEPTH_MAX,
    EPOCH,
    LATEST_US,
    MESSAGE_MAX_BYTES,
    RECORD_MAX_BYTES,
    DeadRecord,
    Origin,
    Record,
    derived_id,
    parse_uuid,
)

_LEVELS: Final = {level: level for level in ("TRACE", "DEBUG", "INFO", "WARN", "ERROR")} | {
    "WARNING": "WARN",
    "CRITICAL": "ERROR",
    "FATAL": "ERROR",
    "NOTICE": "INFO",
}
_KNOWN: Final = frozenset(
    ("id", "trace_id", "component", "level", "message", "data", "event_created_at", "instance", "seq")
)
_MARK_MAX: Final = 200
_HEAD_CHARACTERS: Final = 4096
_MILLISECONDS_FROM: Final = 10**11

_BYTE_ORDER_MARK: Final = "\ufeff"
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")
# The end of a text is optional, or a text that never ends would be scanned again from each quote inside it.
_TOKENS: Final = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\Z)|[\[{]|[\]}]', re.DOTALL)
_TEXTS_AND_BLANKS: Final = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\Z)|[ \t\r\n]++', re.DOTALL)


class _Number(str):
    """A number as it was written: PostgreSQL's numeric keeps every digit of it."""

    __slots__ = ()


def repair(raw: bytes, origin: Origin, index: int) -> Record | DeadRecord:
    """One entry of a batch, repaired and marked, or dead with the reason."""
    marks = _Marks()
    try:
        found = _parse(raw, marks)
    except (ValueError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        return DeadRecord(origin.derived_id(index, raw), raw, "not JSON", why[:_MARK_MAX])
    if not isinstance(found, dict):
        return DeadRecord(origin.derived_id(index, raw), raw, "not an object", _dump(found)[:_MARK_MAX])

    own_id = _uuid("id", found.get("id"), marks)
    trace_id = _uuid("trace_id", found.get("trace_id"), marks)
    component = found.get("component")
    if not isinstance(component, str) or isinstance(component, _Number) or not component:
        return DeadRecord(
            # A record that has an id comes again from a replay, at another position in the queue.
            derived_id(b"dead|" + raw) if own_id else origin.derived_id(index, raw),
            raw,
            "no component",
            f"component is {_dump(component)}"[:_MARK_MAX],
            trace_id=trace_id,
            instance=_instance(found.get("instance"), marks),
            seq=_seq(found.get("seq"), marks),
        )
    if len(component) > COMPONENT_MAX:
        marks.add("component: longer than 64 characters", component)
    level = _level(found.get("level"), marks)
    message = _message(found.get("message"), marks)
    marks.found_in_data()

    # The marks of what follows data stand after those of data, but data has to carry them all.
    later = _Marks()
    event_created_at, claim_timed = _time(found, origin, later)
    instance = _instance(found.get("instance"), later)
    seq = _seq(found.get("seq"), later)
    return Record(
        own_id or origin.derived_id(index, raw),
        trace_id,
        component[:COMPONENT_MAX],
        level,
        message,
        _data(found, len(message), marks, later),
        event_created_at,
        instance,
        seq,
        claim_timed,
    )


def fields(raw: bytes) -> dict[str, Any] | None:
    """The keys of an entry as the daemon reads them; None when it is no object."""
    try:
        found = _parse(raw, _Marks())
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


class _Marks:
    """The list of what was repaired in one record."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.nul = self.surrogate = self.not_finite = self.too_deep = False

    def add(self, what: str, *original: object) -> None:
        line = f"{what}: {_dump(original[0])}" if original else what
        self.lines.append(line if len(line) <= _MARK_MAX else line[: _MARK_MAX - 1] + "…")

    def found_in_text(self) -> None:
        if self.nul:
            self.add("text: U+0000 replaced by U+FFFD")
        if self.surrogate:
            self.add("text: lone surrogate replaced by U+FFFD")

    def found_in_data(self) -> None:
        if self.not_finite:
            self.add("data: NaN or Infinity became text")
        if self.too_deep:
            self.add(f"data: nested deeper than {DEPTH_MAX} levels")


def _parse(raw: bytes, marks: _Marks) -> Any:
    """The JSON value with every text storable; ValueError or RecursionError when it is none."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode(errors="replace")
        marks.add("text: invalid UTF-8 replaced by U+FFFD")
    if text.startswith(_BYTE_ORDER_MARK):
        text = text.lstrip(_BYTE_ORDER_MARK)
        marks.add("text: byte order mark removed")
    if text.count("{") + text.count("[") > DEPTH_MAX:
        text = _flatten(text, marks)

    def constant(name: str) -> str:
        marks.not_finite = True
        return name

    value = json.loads(text, parse_int=_Number, parse_float=_Number, parse_constant=constant)
    value = _storable(value, marks)
    marks.found_in_text()
    return value


def _flatten(text: str, marks: _Marks) -> str:
    """The JSON text in which whatever begins below level 200 of `data` is a text."""
    pieces: list[str] = []
    depth = done = start = 0
    for token in _TOKENS.finditer(text):
        if token[0] in "[{":
            depth += 1
            if depth == DEPTH_MAX + 2:  # the record itself is level 0, and this begins one below 200
                start = token.start()
        elif token[0] in "]}":
            depth -= 1
            if depth == DEPTH_MAX + 1:
                pieces += text[done:start], _encode(_compact(text[start : token.end()]))
                done = token.end()
                marks.too_deep = True
    return "".join((*pieces, text[done:]))


def _compact(text: str) -> str:
    """A JSON text of any depth without blanks and escapes of characters that need none."""

    def shorten(match: re.Match[str]) -> str:
        token = match[0]
        if token[0] != '"':
            return ""
        return _encode(_UNSTORABLE.sub("\ufffd", json.loads(token))) if "\\" in token else token

    return _TEXTS_AND_BLANKS.sub(shorten, text)


def _storable(value: Any, marks: _Marks) -> Any:
    """The same value without U+0000 and lone surrogates."""
    if isinstance(value, _Number):
        return value
    if isinstance(value, str):
        return _storable_text(value, marks)
    if isinstance(value, dict):
        return {_storable_text(key, marks): _storable(item, marks) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item, marks) for item in value]
    return value


def _storable_text(text: str, marks: _Marks) -> str:
    if not _UNSTORABLE.search(text):
        return text
    marks.nul |= "\x00" in text
    marks.surrogate |= _UNSTORABLE.search(text.replace("\x00", "")) is not None
    return _UNSTORABLE.sub("\ufffd", text)


def _encode(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _dump(value: Any) -> str:
    """Compact JSON text with numbers as they were written."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, str):
        return _encode(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_encode(key)}:{_dump(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_dump, value)) + "]"
    return json.dumps(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not isinstance(value, _Number)


def _uuid(name: str, value: Any, marks: _Marks) -> bytes | None:
    if value is None:
        return None
    parsed = parse_uuid(value) if _is_text(value) else None
    if parsed is None:
        marks.add(f"{name}: not a UUID", value)
    return parsed


def _level(value: Any, marks: _Marks) -> str:
    if value is None:
        marks.add("level: missing")
        return "INFO"
    level = _LEVELS.get(value.upper()) if _is_text(value) else None
    if level is None:
        marks.add("level: unknown", value)
        return "INFO"
    return level


def _message(value: Any, marks: _Marks) -> str:
    if value is None:
        marks.add("message: missing")
        return ""
    if not _is_text(value):
        marks.add("message: not text")
        value = _dump(value)
    encoded = value.encode()
    if len(encoded) > MESSAGE_MAX_BYTES:
        marks.add(f"message: cut from {len(encoded)} bytes")
        return str(encoded[:MESSAGE_MAX_BYTES].decode(errors="ignore"))
    return str(value)


def _time(fields: dict[str, Any], origin: Origin, marks: _Marks) -> tuple[int, bool]:
    """Microseconds since 1970, and whether they are only those of the claim."""
    value = fields.get("event_created_at")
    if value is None:
        value = fields.get("created_at")
    if value is None:
        marks.add("event_created_at: missing")
        return origin.claimed_us, True
    try:
        microseconds, mark = _epoch_number(value) if isinstance(value, _Number) else _moment(value)
    except (TypeError, ValueError):
        marks.add("event_created_at: not a time", value)
        return origin.claimed_us, True
    if not 0 <= microseconds < LATEST_US:
        marks.add("event_created_at: out of range", value)
        return origin.claimed_us, True
    if mark:
        marks.add(f"event_created_at: {mark}", value)
    return microseconds, False


def _moment(text: str) -> tuple[int, str]:
    moment = dt.datetime.fromisoformat(text)
    mark = "" if moment.tzinfo else "no zone, taken as UTC"
    since = (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)) - EPOCH
    return since // dt.timedelta(microseconds=1), mark


def _epoch_number(text: str) -> tuple[int, str]:
    try:
        number = Decimal(text)
    except ArithmeticError:
        return -1, ""
    if not 0 <= number < LATEST_US:  # before int(), which would write out 1e999999999
        return -1, ""
    return int(number * (1_000 if number >= _MILLISECONDS_FROM else 1_000_000)), "epoch number"


def _instance(value: Any, marks: _Marks) -> str | None:
    if value is None or _is_text(value):
        return value  # type: ignore[no-any-return]
    marks.add("instance: not text")
    return _dump(value)


def _seq(value: Any, marks: _Marks) -> int | None:
    if value is None:
        return None
    if isinstance(value, _Number) and _INTEGER.fullmatch(value) and 0 <= int(value) <= BIGINT_MAX:
        return int(value)
    marks.add("seq: not a count", value)
    return None


def _with_extra(earlier: Any, extra: dict[str, Any], marks: _Marks) -> dict[str, Any]:
    """The unknown keys, together with those that an earlier delivery has put there."""
    if earlier is None:
        return extra
    if isinstance(earlier, dict) and not earlier.keys() & extra.keys():
        return {**earlier, **extra}
    marks.add("data: _extra was taken")
    return {"data._extra": earlier, **extra}


def _data(fields: dict[str, Any], message_size: int, marks: _Marks, later: _Marks) -> bytes | None:
    """The JSON text of `data`, with what there was beside it and with the marks."""
    data = fields.get("data")
    if data is not None and not isinstance(data, dict):
        data = {"value": data}
    extra = {key: value for key, value in fields.items() if key not in _KNOWN}
    if fields.get("event_created_at") is None:
        extra.pop("created_at", None)
    if extra:
        data = data or {}
        data["_extra"] = _with_extra(data.get("_extra"), extra, marks)
    if data is None and not marks.lines and not later.lines:
        return None
    encoded = _dump(data or {}).encode()
    if message_size + len(encoded) > RECORD_MAX_BYTES:
        marks.add(f"data: too large: {len(encoded)} bytes")
        head = encoded[: 4 * _HEAD_CHARACTERS].decode(errors="ignore")[:_HEAD_CHARACTERS]
        data = {"_truncated": {"bytes": _Number(len(encoded)), "head": head}}
    elif not marks.lines and not later.lines:
        return encoded
    data = data or {}
    earlier = data.get("_repaired", [])
    data["_repaired"] = [*(earlier if isinstance(earlier, list) else [earlier]), *marks.lines, *later.lines]
    return _dump(data).encode()
