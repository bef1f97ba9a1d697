"""Wire records as rows: the rules of `clients/wire`, for files and for records at hand.

The daemon applies the same rules to the queue; both are tested against the same golden records. What a rule
changes is marked in `data._repaired`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_LATEST_US: Final = (dt.datetime(2100, 1, 1, tzinfo=dt.UTC) - _EPOCH) // _MICROSECOND
_MILLISECONDS_FROM: Final = 100_000_000_000  # seconds since 1970 reach this in the year 5138
_COMPONENT_MAX: Final = 64
_DEPTH_MAX: Final = 200
_MARK_MAX: Final = 200
_MESSAGE_MAX: Final = 1 << 20
_RECORD_MAX: Final = 16 << 20
_HEAD: Final = 4096
_SEQ_MAX: Final = 2**63 - 1
_LEVELS: Final = {
    "TRACE": "TRACE",
    "DEBUG": "DEBUG",
    "INFO": "INFO",
    "NOTICE": "INFO",
    "WARN": "WARN",
    "WARNING": "WARN",
    "ERROR": "ERROR",
    "CRITICAL": "ERROR",
    "FATAL": "ERROR",
}
_KEYS: Final = frozenset(
    (
        "id",
        "trace_id",
        "component",
        "level",
        "message",
        "data",
        "event_created_at",
        "created_at",
        "instance",
        "seq",
    )
)
_UUID: Final = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_BYTE_ORDER_MARK: Final = "\ufeff"
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class UnusableRecordError(ValueError):
    """A record that cannot become a row; its text is the reason."""


class LogRow(NamedTuple):
    """One row of a log frame; times are microseconds since 1970, None when the record has no usable one."""

    id: str | None  # None: to be derived
    trace_id: str | None
    component: str
    level: str
    message: str
    data: dict[str, Any] | None
    event_created_at: int | None
    instance: str | None
    seq: int | None


def read_record(raw: bytes) -> LogRow:
    """Read one record as it was pushed.

    Raises
    ------
    UnusableRecordError
        With the reason: `not JSON`, `not an object`, or `no component`.

    Examples
    --------
    >>> read_record(b'{"component": "gates", "level": "warning", "message": "slow"}').level
    'WARN'
    """
    value, marks = _decoded(raw)
    if not isinstance(value, dict):
        raise UnusableRecordError("not an object")
    return row_of(value, marks, len(raw))


def row_of(record: dict[str, Any], marks: list[str] | None = None, size: int = 0) -> LogRow:
    """Make a row of a decoded record; `marks` tells what decoding repaired, `size` how long the text was."""
    texts, values = _split(marks or [])
    own: list[str] = []
    component = record.get("component")
    if not isinstance(component, str) or not component:
        raise UnusableRecordError("no component")
    record_id = _uuid(record.get("id"), "id", own)
    trace_id = _uuid(record.get("trace_id"), "trace_id", own)
    if len(component) > _COMPONENT_MAX:
        own.append(f"component: longer than 64 characters: {_json(component)}")
        component = component[:_COMPONENT_MAX]
    level = _level(record.get("level"), own)
    message = _message(record.get("message"), own)
    data = _data(record, size, values)
    late: list[str] = []
    created = _created(record, late)
    instance = record.get("instance")
    if instance is not None and not isinstance(instance, str):
        late.append("instance: not text")
        instance = _json(instance)
    seq = record.get("seq")
    if seq is not None and not (type(seq) is int and 0 <= seq <= _SEQ_MAX):
        late.append(f"seq: not a count: {_json(seq)}")
        seq = None
    found = [*texts, *own, *values, *late]
    return LogRow(
        record_id, trace_id, component, level, message, _marked(data, found), created, instance, seq
    )


def derived_ids(lines: Iterable[bytes]) -> list[str]:
    """Ids for the lines of a file: the same at every reading, different for equal lines.

    Parameters
    ----------
    lines : iterable of bytes
        All lines of the file in order; line ends do not count.

    Returns
    -------
    list of str
        A UUID of version 8 for each line, from the BLAKE2b of `file|n|line`, where `n` counts the identical
        lines before it.

    Examples
    --------
    >>> first, second = derived_ids([b"{}", b"{}"])
    >>> first != second, derived_ids([b"{}"]) == [first]
    (True, True)
    """
    before: Counter[bytes] = Counter()
    ids = []
    for line in lines:
        bare = line.rstrip(b"\r\n")
        digest = bytearray(hashlib.blake2b(b"file|%d|" % before[bare] + bare, digest_size=16).digest())
        before[bare] += 1
        digest[6] = digest[6] & 0x0F | 0x80
        digest[8] = digest[8] & 0x3F | 0x80
        ids.append(str(UUID(bytes=bytes(digest))))
    return ids


def instant(value: Any) -> int | None:
    """Microseconds since 1970 of a time as people write it; None when it is none."""
    marks: list[str] = []
    return _time(value, marks)


def _decoded(raw: bytes) -> tuple[Any, list[str]]:
    """The JSON value, and marks for what had to be repaired to get it."""
    if b"\\u0000" not in raw and raw.count(b"{") + raw.count(b"[") <= _DEPTH_MAX:
        try:
            return msgspec.json.decode(raw), []
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass  # the careful way below repairs it, or says what is wrong
    marks: list[str] = []
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode(errors="replace")
        marks.append("text: invalid UTF-8 replaced by U+FFFD")

    if text.startswith(_BYTE_ORDER_MARK):
        text = text.lstrip(_BYTE_ORDER_MARK)
        marks.append("text: byte order mark removed")

    def constant(name: str) -> str:
        marks.append("data: NaN or Infinity became text")
        return name

    try:
        value = json.loads(text, parse_constant=constant)
        if isinstance(value, dict):
            value = {
                _clean(key, marks, 0): _clean(held, marks, 0 if key != "data" else 1)
                for key, held in value.items()
            }
    except (ValueError, RecursionError):
        raise UnusableRecordError("not JSON") from None
    return value, list(dict.fromkeys(marks))


def _clean(value: Any, marks: list[str], depth: int) -> Any:
    """Replace what cannot be stored; `depth` counts levels of `data`, 0 elsewhere."""
    if isinstance(value, str):
        return _clean_text(value, marks)
    if not isinstance(value, (dict, list)):
        return value
    if depth > _DEPTH_MAX:
        marks.append("data: nested deeper than 200 levels")
        return _json(_clean(value, marks, 0))
    below = depth + 1 if depth else 0
    if isinstance(value, list):
        return [_clean(item, marks, below) for item in value]
    return {_clean_text(key, marks): _clean(item, marks, below) for key, item in value.items()}


def _clean_text(text: str, marks: list[str]) -> str:
    if "\0" in text:
        marks.append("text: U+0000 replaced by U+FFFD")
        text = text.replace("\0", "\ufffd")
    if _SURROGATE.search(text):
        marks.append("text: lone surrogate replaced by U+FFFD")
        text = _SURROGATE.sub("\ufffd", text)
    return text


def _split(marks: list[str]) -> tuple[list[str], list[str]]:
    """Marks on the text come first, in the order of the rules, those on `data` later."""
    order = ("text: invalid", "text: byte order", "text: U+0000", "text: lone")
    texts = sorted(
        (mark for mark in marks if mark.startswith("text:")),
        key=lambda m: [m.startswith(o) for o in order][::-1],
    )
    values = sorted(
        (mark for mark in marks if mark.startswith("data:")), reverse=True, key=lambda m: "NaN" in m
    )
    return texts, values


def _uuid(value: Any, name: str, marks: list[str]) -> str | None:
    if value is None:
        return None
    if isinstance(value, str) and len(value) in {32, 36} and _UUID.fullmatch(value):
        bare = value.replace("-", "").lower()
        return f"{bare[:8]}-{bare[8:12]}-{bare[12:16]}-{bare[16:20]}-{bare[20:]}"
    marks.append(f"{name}: not a UUID: {_json(value)}")
    return None


def level_of(value: Any) -> str | None:
    """The level that a word names, as people write it; None when it names none."""
    return _LEVELS.get(value.upper()) if isinstance(value, str) else None


def _level(value: Any, marks: list[str]) -> str:
    known = level_of(value)
    if known is not None:
        return known
    marks.append("level: missing" if value is None else f"level: unknown: {_json(value)}")
    return "INFO"


def _message(value: Any, marks: list[str]) -> str:
    if value is None:
        marks.append("message: missing")
        return ""
    if not isinstance(value, str):
        marks.append("message: not text")
        value = _json(value)
    if len(value) > _MESSAGE_MAX // 4 and len(encoded := value.encode()) > _MESSAGE_MAX:
        marks.append(f"message: cut from {len(encoded)} bytes")
        value = encoded[:_MESSAGE_MAX].decode(errors="ignore")
    return str(value)


def _data(record: dict[str, Any], size: int, marks: list[str]) -> dict[str, Any] | None:
    data = record.get("data")
    if data is not None and not isinstance(data, dict):
        data = {"value": data}
    if not record.keys() <= _KEYS or ("created_at" in record and "event_created_at" in record):
        extra = {key: value for key, value in record.items() if key not in _KEYS}
        if record.get("event_created_at") is not None and "created_at" in record:
            extra["created_at"] = record["created_at"]
        if extra:
            data = {**(data or {}), "_extra": _with_extra((data or {}).get("_extra"), extra, marks)}
    if size > _RECORD_MAX:
        text = _json(data)
        marks.append(f"data: too large: {size} bytes")
        data = {"_truncated": {"bytes": size, "head": text[:_HEAD]}}
    return data


def _with_extra(earlier: Any, extra: dict[str, Any], marks: list[str]) -> dict[str, Any]:
    """The unknown keys, together with those that are there already."""
    if earlier is None:
        return extra
    if isinstance(earlier, dict) and not earlier.keys() & extra.keys():
        return {**earlier, **extra}
    marks.append("data: _extra was taken")
    return {"data._extra": earlier, **extra}


def _created(record: dict[str, Any], marks: list[str]) -> int | None:
    value = record.get("event_created_at")
    if value is None:
        value = record.get("created_at")
    return _time(value, marks)


def _time(value: Any, marks: list[str]) -> int | None:
    if value is None:
        marks.append("event_created_at: missing")
        return None
    micros = None
    if isinstance(value, str):
        try:
            moment = dt.datetime.fromisoformat(value.strip())
        except ValueError:
            moment = None
        if moment is not None:
            if moment.tzinfo is None:
                marks.append(f"event_created_at: no zone, taken as UTC: {_json(value)}")
                moment = moment.replace(tzinfo=dt.UTC)
            micros = (moment - _EPOCH) // _MICROSECOND
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        scale = 1_000 if abs(value) >= _MILLISECONDS_FROM else 1_000_000
        micros = round(value * scale) if abs(value) < _LATEST_US else _LATEST_US
        if 0 <= micros < _LATEST_US:
            marks.append(f"event_created_at: epoch number: {_json(value)}")
    if micros is None:
        marks.append(f"event_created_at: not a time: {_json(value)}")
        return None
    if not 0 <= micros < _LATEST_US:
        marks[:] = [mark for mark in marks if not mark.startswith("event_created_at: no zone")]
        marks.append(f"event_created_at: out of range: {_json(value)}")
        return None
    return micros


def _marked(data: dict[str, Any] | None, found: list[str]) -> dict[str, Any] | None:
    if not found:
        return data
    short = [mark if len(mark) <= _MARK_MAX else mark[: _MARK_MAX - 1] + "…" for mark in found]
    earlier = data.get("_repaired", []) if data else []
    return {**(data or {}), "_repaired": [*(earlier if isinstance(earlier, list) else [earlier]), *short]}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
