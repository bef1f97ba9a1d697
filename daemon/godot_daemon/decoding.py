"""Decode a batch of raw entries: well-formed records on a fast path, all others through `repair`."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec

from godot_daemon.record import (
    BIGINT_MAX,
    COMPONENT_MAX,
    DEPTH_MAX,
    EPOCH,
    LATEST_US,
    MESSAGE_MAX_BYTES,
    DeadRecord,
    Origin,
    Record,
    parse_uuid,
)
from godot_daemon.repair import repair

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_NULL: Final = b"null"


class _Wire(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A record that follows the contract. `data` is checked but stays the text that it was."""

    component: Annotated[str, msgspec.Meta(min_length=1, max_length=COMPONENT_MAX)]
    level: Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]
    message: str
    id: str | None = None
    trace_id: str | None = None
    data: msgspec.Raw = msgspec.Raw(_NULL)
    event_created_at: str | None = None
    created_at: str | None = None
    instance: str | None = None
    seq: Annotated[int, msgspec.Meta(ge=0, le=BIGINT_MAX)] | None = None


_decode: Final[Callable[[bytes], _Wire]] = msgspec.json.Decoder(_Wire).decode
_parse_time: Final = dt.datetime.fromisoformat
_ODD: Final = (msgspec.DecodeError, ValueError, OverflowError, RecursionError)


def decode(entries: Sequence[bytes], origin: Origin) -> list[Record | DeadRecord]:
    """What each entry of a batch becomes, in their order."""
    decoded: list[Record | DeadRecord] = []
    traces: dict[str | None, bytes | None] = {None: None}
    for index, raw in enumerate(entries):
        try:
            decoded.append(_well_formed(raw, origin, index, traces))
        except _ODD:
            decoded.append(repair(raw, origin, index))
    return decoded


def _well_formed(raw: bytes, origin: Origin, index: int, traces: dict[str | None, bytes | None]) -> Record:
    """The record, or one of _ODD when anything about it needs a second look; 3 µs for 650 bytes.

    `traces` are the trace ids that this batch has shown already: they come in runs.
    """
    if len(raw) > MESSAGE_MAX_BYTES or (b"\\" in raw and b"\\u0000" in raw) or _may_be_deep(raw):
        raise ValueError
    if not raw.isascii():
        raw.decode()  # what msgspec skips for `data` it does not check
    wire = _decode(raw)
    data: bytes | None = bytes(wire.data)
    if data == _NULL:
        data = None
    elif not data.startswith(b"{"):  # type: ignore[union-attr]  # it is not None before this
        raise ValueError
    trace_id = wire.trace_id
    if trace_id not in traces:
        traces[trace_id] = _uuid(trace_id)
    return Record(
        origin.derived_id(index, raw) if wire.id is None else _uuid(wire.id),
        traces[trace_id],
        wire.component,
        wire.level,
        wire.message,
        data,
        _microseconds(wire.event_created_at, wire.created_at),
        wire.instance,
        wire.seq,
    )


def _may_be_deep(raw: bytes) -> bool:
    """Whether the nesting could pass the limit. A level of objects takes five bytes, `{"":}`, at least."""
    lists = raw.count(b"[")
    return lists + len(raw) // 5 > DEPTH_MAX and lists + raw.count(b"{") > DEPTH_MAX


def _uuid(text: str | None) -> bytes:
    value = parse_uuid(text or "")
    if value is None:
        raise ValueError
    return value


def _microseconds(event_created_at: str | None, created_at: str | None) -> int:
    text = event_created_at or created_at
    if not text or (event_created_at is not None and created_at is not None):
        raise ValueError
    moment = _parse_time(text)
    if moment.tzinfo is None:
        raise ValueError
    since = moment - EPOCH
    microseconds = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    if not 0 <= microseconds < LATEST_US:
        raise ValueError
    return microseconds
