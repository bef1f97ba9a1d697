"""Pins: traces that survive retention, with who wanted it, why, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from psycopg.rows import class_row, scalar_row

if TYPE_CHECKING:
    import datetime as dt
    from uuid import UUID

    import psycopg

_PIN: Final = """
insert into pinned_traces (trace_id, owner, note, expires_at) values (%s, %s, %s, %s)
on conflict (trace_id) do update set
    owner = excluded.owner, note = excluded.note, expires_at = excluded.expires_at, pinned_at = now()
"""

_PINS: Final = """
select trace_id, owner, note, pinned_at, expires_at, coalesce(expires_at <= now(), false) as expired,
       (select count(*) from logs where logs.trace_id = pinned_traces.trace_id) as records
from pinned_traces
where %(trace)s::uuid is null or trace_id = %(trace)s
order by pinned_at, trace_id
"""


@dataclass(frozen=True, slots=True)
class Pin:
    """One pinned trace."""

    trace_id: UUID
    owner: str
    note: str | None
    pinned_at: dt.datetime
    expires_at: dt.datetime | None
    expired: bool
    """Then retention takes the trace like any other."""
    records: int
    """How many there are of it."""


def pin(
    connection: psycopg.Connection[Any],
    trace_id: UUID,
    *,
    owner: str,
    note: str | None = None,
    expires_at: dt.datetime | None = None,
) -> Pin:
    """Keep a trace, or change for whom, why and how long; `connection` commits by itself.

    A retention that is removing rows just then is waited for, so what the pin counts is what it keeps.
    """
    connection.execute(_PIN, (trace_id, owner, note, expires_at))
    [kept] = pins(connection, trace_id)
    return kept


def unpin(connection: psycopg.Connection[Any], trace_id: UUID) -> bool:
    """Leave a trace to retention again; False when it was not pinned."""
    cursor = connection.cursor(row_factory=scalar_row)
    cursor.execute("delete from pinned_traces where trace_id = %s returning true", (trace_id,))
    return bool(cursor.fetchone())


def pins(connection: psycopg.Connection[Any], trace_id: UUID | None = None) -> list[Pin]:
    """All pins, expired ones too, or that of one trace."""
    return connection.cursor(row_factory=class_row(Pin)).execute(_PINS, {"trace": trace_id}).fetchall()
