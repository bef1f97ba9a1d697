"""The slow path of decoding: what the wire package makes of an entry, in the form in which it is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from godot_daemon.record import DeadRecord, Record
from godot_wire.record import derived_id
from godot_wire.repair import UnusableRecordError, dump, read

if TYPE_CHECKING:
    from godot_daemon.record import Origin


def repair(raw: bytes, origin: Origin, index: int) -> Record | DeadRecord:
    """One entry of a batch, repaired and marked, or dead with the reason."""
    try:
        row = read(raw)
    except UnusableRecordError as error:
        return _dead(raw, error, origin, index)
    return Record(
        _bytes(row.id) or origin.derived_id(index, raw),
        _bytes(row.trace_id),
        row.component,
        row.level,
        row.message,
        None if row.data is None else dump(row.data).encode(),
        origin.claimed_us if row.event_created_at is None else row.event_created_at,
        row.instance,
        row.seq,
        row.event_created_at is None,
    )


def _dead(raw: bytes, error: UnusableRecordError, origin: Origin, index: int) -> DeadRecord:
    row = error.row
    if row is None:
        return DeadRecord(origin.derived_id(index, raw), raw, str(error), error.detail)
    return DeadRecord(
        # A record that has an id comes again from a replay, at another position in the queue.
        derived_id(b"dead|" + raw) if row.id else origin.derived_id(index, raw),
        raw,
        str(error),
        error.detail,
        trace_id=_bytes(row.trace_id),
        instance=row.instance,
        seq=row.seq,
    )


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else UUID(text).bytes
