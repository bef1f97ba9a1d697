"""Takes secrets out of records that no client of ours has made, and so nobody has redacted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import msgspec

from godot_wire.record import Exact, has_client_mark
from godot_wire.redaction import Redactor
from godot_wire.repair import dump

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from godot_daemon.record import Record

_DERIVED_VERSION: Final = 8


class Redacting:
    """Redacts the records of a batch.

    Parameters
    ----------
    mode
        `unmarked`: those without the mark of our clients; `all`; or `off`.
    fields
        More keys to hide.
    """

    def __init__(self, mode: str, fields: Iterable[str] = ()) -> None:
        self._mode = mode
        self._redactor = None if mode == "off" else Redactor(fields)

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        """The same records, those without secrets unchanged to the byte."""
        redactor = self._redactor
        if redactor is None:
            return list(records)
        everything = self._mode == "all"
        return [
            _redacted(record, redactor) if everything or not _is_marked(record) else record
            for record in records
        ]


def names(text: str) -> list[str]:
    """The names in a setting, which commas separate."""
    return [name for name in (part.strip() for part in text.split(",")) if name]


def _is_marked(record: Record) -> bool:
    own = record.id if record.id[6] >> 4 != _DERIVED_VERSION else None
    return has_client_mark(own, record.instance, record.seq)


def _redacted(record: Record, redactor: Redactor) -> Record:
    message, data = redactor.text(record.message), record.data
    if data is not None and redactor.suspicious(data.decode()):
        value: Any = json.loads(data, parse_int=Exact, parse_float=Exact)
        clean = redactor.data(value)
        if clean != value:
            data = dump(clean if isinstance(clean, dict) else {"value": clean}).encode()
    if message == record.message and data is record.data:
        return record
    return msgspec.structs.replace(record, message=message, data=data)
