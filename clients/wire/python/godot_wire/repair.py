"""What becomes of a record that is not quite one: repaired and marked, or refused with the reason.

The rules and their marks are those of clients/wire/README.md.
"""

import datetime as dt
import json
import re
from decimal import Decimal
from typing import Any, Final

from godot_wire.record import (
    BIGINT_MAX,
    COMPONENT_MAX,
    DEPTH_MAX,
    EPOCH,
    KEYS,
    LATEST_US,
    LEVEL_NAMES,
    MESSAGE_MAX_BYTES,
    RECORD_MAX_BYTES,
    Exact,
    Row,
    canonical_uuid,
)

MARK_MAX: Final = 200
_HEAD_CHARACTERS: Final = 4096
_MILLISECONDS_FROM: Final = 10**11  # seconds since 1970 reach this in the year 5138
_MICROSECOND: Final = dt.timedelta(microseconds=1)

_BYTE_ORDER_MARK: Final = "\ufeff"
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")
# The end of a text is optional, or a text that never ends would be scanned again from each quote inside it.
_TOKENS: Final = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\Z)|[\[{]|[\]}]', re.DOTALL)
_TEXTS_AND_BLANKS: Final = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\Z)|[ \t\r\n]++', re.DOTALL)


class UnusableRecordError(ValueError):
    """A record that cannot become a row. Its text is the reason: `not JSON`, `not an object`, `no component`.

    Attributes
    ----------
    detail
        What was found instead.
    row
        What is known of it all the same, without its component; None if it is no object.
    """

    def __init__(self, reason: str, detail: str = "", row: Row | None = None) -> None:
        super().__init__(reason)
        self.detail = detail[:MARK_MAX]
        self.row = row


class Marks:
    """The list of what was repaired in one record.

    `inexact` says that a mark or a text quotes a number that was not kept as it was written.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.nul = self.surrogate = self.not_finite = self.too_deep = self.inexact = False

    def add(self, what: str, *original: object) -> None:
        """Add a line, with the original if there is one."""
        line = f"{what}: {self.dump(original[0])}" if original else what
        self.lines.append(line if len(line) <= MARK_MAX else line[: MARK_MAX - 1] + "…")

    def dump(self, value: object) -> str:
        """The JSON text of an original."""
        if not isinstance(value, str):
            self.inexact = True
        return dump(value)

    def found_in_text(self) -> None:
        """Add what decoding found in the texts."""
        if self.nul:
            self.add("text: U+0000 replaced by U+FFFD")
        if self.surrogate:
            self.add("text: lone surrogate replaced by U+FFFD")

    def found_in_data(self) -> None:
        """Add what decoding found in `data`."""
        if self.not_finite:
            self.add("data: NaN or Infinity became text")
        if self.too_deep:
            self.add(f"data: nested deeper than {DEPTH_MAX} levels")


def read(raw: bytes, *, exact: bool = True) -> Row:
    """What a record says, repaired and marked.

    Parameters
    ----------
    raw
        The record as it was pushed.
    exact
        Numbers in `data` stay as they were written, as `Exact`; else they are Python's.

    Raises
    ------
    UnusableRecordError
        With the reason.
    """
    marks = Marks()
    try:
        found = parse(raw, marks)
    except (ValueError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise UnusableRecordError("not JSON", why) from None
    if not isinstance(found, dict):
        raise UnusableRecordError("not an object", dump(found))
    row = row_of(found, marks, len(raw))
    return row if exact else row._replace(data=_plain(row.data))


def fields(raw: bytes) -> dict[str, Any] | None:
    """The keys of a record as `read` sees them; None when it is no object."""
    try:
        found = parse(raw, Marks())
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def row_of(record: dict[str, Any], marks: Marks | None = None, size: int = 0) -> Row:
    """Make a row of a decoded record; `marks` has what decoding repaired, `size` is how long the text was."""
    marks = marks or Marks()
    get = record.get
    record_id = _uuid("id", get("id"), marks)
    trace_id = _uuid("trace_id", get("trace_id"), marks)
    component = get("component")
    if not is_text(component) or not component:
        instance, seq = _instance(get("instance"), marks), _seq(get("seq"), marks)
        row = Row(record_id, trace_id, "", "INFO", "", None, None, instance, seq)
        raise UnusableRecordError("no component", f"component is {dump(component)}", row)
    if len(component) > COMPONENT_MAX:
        marks.add(f"component: longer than {COMPONENT_MAX} characters", component)
        component = component[:COMPONENT_MAX]
    level = _level(get("level"), marks)
    message = _message(get("message"), marks)
    marks.found_in_data()
    data = _data(record, size, marks)
    created = time_of(record, marks)
    instance = _instance(get("instance"), marks)
    seq = _seq(get("seq"), marks)
    if marks.lines:
        data = data or {}
        earlier = data.get("_repaired", [])
        data = {**data, "_repaired": [*(earlier if isinstance(earlier, list) else [earlier]), *marks.lines]}
    return Row(record_id, trace_id, component, level, message, data, created, instance, seq)


def level_of(value: object) -> str | None:
    """The level that a word names, as people write it; None when it names none."""
    return LEVEL_NAMES.get(value.upper()) if isinstance(value, str) else None


def instant(value: object) -> int | None:
    """Microseconds since 1970 of a time as people write it; None when it is none."""
    return _time(value, Marks())


def is_text(value: object) -> bool:
    """Whether a value is a text, not a number that was kept as one."""
    return isinstance(value, str) and not isinstance(value, Exact)


def parse(raw: bytes, marks: Marks) -> Any:
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

    value = json.loads(text, parse_int=Exact, parse_float=Exact, parse_constant=constant)
    value = _storable(value, marks)
    marks.found_in_text()
    return value


def _flatten(text: str, marks: Marks) -> str:
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


def _storable(value: Any, marks: Marks) -> Any:
    """The same value without U+0000 and lone surrogates."""
    if isinstance(value, Exact):
        return value
    if isinstance(value, str):
        return _storable_text(value, marks)
    if isinstance(value, dict):
        return {_storable_text(key, marks): _storable(item, marks) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item, marks) for item in value]
    return value


def _storable_text(text: str, marks: Marks) -> str:
    if not _UNSTORABLE.search(text):
        return text
    marks.nul |= "\x00" in text
    marks.surrogate |= _UNSTORABLE.search(text.replace("\x00", "")) is not None
    return _UNSTORABLE.sub("\ufffd", text)


def _plain(value: Any) -> Any:
    """Python's numbers for those that were kept as they were written."""
    if isinstance(value, Exact):
        return json.loads(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _encode(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def dump(value: Any) -> str:
    """Compact JSON text with numbers as they were written."""
    if isinstance(value, Exact):
        return str(value)
    if isinstance(value, str):
        return _encode(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_encode(str(key))}:{dump(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(dump, value)) + "]"
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _uuid(name: str, value: Any, marks: Marks) -> str | None:
    if value is None:
        return None
    parsed = canonical_uuid(value) if is_text(value) else None
    if parsed is None:
        marks.add(f"{name}: not a UUID", value)
    return parsed


def _level(value: Any, marks: Marks) -> str:
    known = level_of(value)
    if known is not None:
        return known
    if value is None:
        marks.add("level: missing")
    else:
        marks.add("level: unknown", value)
    return "INFO"


def _message(value: Any, marks: Marks) -> str:
    if value is None:
        marks.add("message: missing")
        return ""
    if not is_text(value):
        marks.add("message: not text")
        value = marks.dump(value)
    if len(value) > MESSAGE_MAX_BYTES // 4 and len(encoded := value.encode()) > MESSAGE_MAX_BYTES:
        marks.add(f"message: cut from {len(encoded)} bytes")
        return str(encoded[:MESSAGE_MAX_BYTES].decode(errors="ignore"))
    return str(value)


def time_of(record: dict[str, Any], marks: Marks) -> int | None:
    """Microseconds since 1970, by either of the names that the time has."""
    value = record.get("event_created_at")
    return _time(record.get("created_at") if value is None else value, marks)


def _time(value: Any, marks: Marks) -> int | None:
    if value is None:
        marks.add("event_created_at: missing")
        return None
    try:
        microseconds, mark = _moment(value) if is_text(value) else _epoch_number(value)
    except (TypeError, ValueError, ArithmeticError):
        marks.add("event_created_at: not a time", value)
        return None
    if not 0 <= microseconds < LATEST_US:
        marks.add("event_created_at: out of range", value)
        return None
    if mark:
        marks.add(f"event_created_at: {mark}", value)
    return microseconds


def _moment(text: str) -> tuple[int, str]:
    moment = dt.datetime.fromisoformat(text.strip())
    mark = "" if moment.tzinfo else "no zone, taken as UTC"
    return ((moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)) - EPOCH) // _MICROSECOND, mark


def _epoch_number(value: Any) -> tuple[int, str]:
    if isinstance(value, bool) or not isinstance(value, (int, float, Exact)):
        raise TypeError
    try:
        number = Decimal(str(value) if isinstance(value, float) else value)
    except ArithmeticError:
        return -1, ""
    if not 0 <= number < LATEST_US:  # before int(), which would write out 1e999999999
        return -1, ""
    return int(number * (1_000 if number >= _MILLISECONDS_FROM else 1_000_000)), "epoch number"


def _instance(value: Any, marks: Marks) -> str | None:
    if value is None or is_text(value):
        return value  # type: ignore[no-any-return]
    marks.add("instance: not text")
    return marks.dump(value)


def _seq(value: Any, marks: Marks) -> int | None:
    if value is None:
        return None
    whole = type(value) is int or (isinstance(value, Exact) and _INTEGER.fullmatch(value) is not None)
    if whole and 0 <= int(value) <= BIGINT_MAX:
        return int(value)
    marks.add("seq: not a count", value)
    return None


def _data(record: dict[str, Any], size: int, marks: Marks) -> dict[str, Any] | None:
    """`data` as an object, with what there was beside it."""
    data = record.get("data")
    if data is not None and not isinstance(data, dict):
        data = {"value": data}
    if not record.keys() <= KEYS or ("created_at" in record and "event_created_at" in record):
        extra = {key: value for key, value in record.items() if key not in KEYS}
        if record.get("event_created_at") is not None and "created_at" in record:
            extra["created_at"] = record["created_at"]
        if extra:
            data = {**(data or {}), "_extra": _with_extra((data or {}).get("_extra"), extra, marks)}
    if size > RECORD_MAX_BYTES:
        message = record.get("message")
        beside = min(len(message), MESSAGE_MAX_BYTES) if isinstance(message, str) else 0
        encoded = dump(data or {}).encode()
        if beside + len(encoded) > RECORD_MAX_BYTES:
            marks.add(f"data: too large: {len(encoded)} bytes")
            head = encoded[: 4 * _HEAD_CHARACTERS].decode(errors="ignore")[:_HEAD_CHARACTERS]
            return {"_truncated": {"bytes": len(encoded), "head": head}}
    return data


def _with_extra(earlier: Any, extra: dict[str, Any], marks: Marks) -> dict[str, Any]:
    """The unknown keys, together with those that an earlier delivery has put there."""
    if earlier is None:
        return extra
    if isinstance(earlier, dict) and not earlier.keys() & extra.keys():
        return {**earlier, **extra}
    marks.add("data: _extra was taken")
    return {"data._extra": earlier, **extra}
