"""Wire records as rows: the rules of the wire package, with a fast path for what follows the contract."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from godot_wire.record import DEPTH_MAX, Row, derived_ids
from godot_wire.repair import Marks, UnusableRecordError, instant, level_of, read
from godot_wire.repair import row_of as _row_of

__all__ = ["LogRow", "UnusableRecordError", "derived_ids", "instant", "level_of", "read_record", "row_of"]

LogRow: TypeAlias = Row


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
    if b"\\u0000" not in raw and raw.count(b"{") + raw.count(b"[") <= DEPTH_MAX:
        try:
            value = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return read(raw, exact=False)
        if isinstance(value, dict):
            marks = Marks()
            row = _row_of(value, marks, len(raw))
            # A mark that quotes a number quotes it as it was written, which only the slow path knows.
            return read(raw, exact=False) if marks.inexact else row
    return read(raw, exact=False)


def row_of(record: dict[str, Any]) -> LogRow:
    """Make a row of a decoded record."""
    return _row_of(record)
