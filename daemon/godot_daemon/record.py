"""What a raw queue entry becomes: a record ready to be stored, or a dead one with its reason."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from godot_wire.record import derived_id

if TYPE_CHECKING:
    from collections.abc import Mapping


class Record(msgspec.Struct, frozen=True, gc=False):
    """One row of `logs`, in the form in which COPY takes it.

    Times are microseconds since 1970 in UTC. `claim_timed` says that the record had no usable time of its
    own: that may differ at the next delivery, so its id alone has to tell whether it is stored already.
    """

    id: bytes
    trace_id: bytes | None
    component: str
    level: str
    message: str
    data: bytes | None
    event_created_at: int
    instance: str | None
    seq: int | None
    claim_timed: bool = False


@dataclass(frozen=True, slots=True)
class DeadRecord:
    """An entry that cannot become a row, with what is known of it for finding it again."""

    id: bytes
    raw: bytes
    reason: str
    detail: str | None = None
    component: str | None = None
    trace_id: bytes | None = None
    instance: str | None = None
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a batch stood in the queue: what the ids and times of records without any are made of."""

    epoch: str
    base: int
    claimed_us: int

    def derived_id(self, index: int, raw: bytes) -> bytes:
        """The id of the entry number `index` of the batch: the same at every delivery of the same entry."""
        return derived_id(f"{self.epoch}|{self.base + index}|".encode() + raw)


def parse_uuid(text: str) -> bytes | None:
    """The UUID in a text of 36 characters or 32 hex digits, None for anything else."""
    try:
        return uuid_bytes(text)
    except ValueError:
        return None


def uuid_bytes(text: str) -> bytes:
    """The UUID in such a text, a ValueError for anything else."""
    if len(text) == 36 and text[8:24:5] == "----":  # noqa: PLR2004
        text = text.replace("-", "")
    if len(text) != 32:  # noqa: PLR2004
        raise ValueError
    value = bytes.fromhex(text)
    if len(value) != 16:  # noqa: PLR2004  (fromhex skips blanks)
        raise ValueError
    return value


def show_uuid(value: bytes | None) -> str | None:
    """The usual text of a UUID."""
    return None if value is None else str(uuid.UUID(bytes=value))


def with_keys(raw: bytes, keys: Mapping[str, Any]) -> bytes:
    """The text of a JSON object with some keys set: appended, since of equal keys the last one counts.

    Everything else stays as it was written, so every number stays exact.

    >>> with_keys(b'{"n": 1e400} ', {"component": "gates"})
    b'{"n": 1e400,"component": "gates"}'
    """
    body = raw.rstrip().removesuffix(b"}").rstrip()
    separator = b"" if body.endswith(b"{") else b","
    return body + separator + json.dumps(dict(keys)).encode().removeprefix(b"{")
