"""Dead letters: seeing them, trying them again, and removing them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from godot_daemon import ledger
from godot_daemon.copying import encode
from godot_daemon.decoding import decode
from godot_daemon.errors import InputError
from godot_daemon.record import DeadRecord, Origin, with_keys
from godot_daemon.sink import STAGING, Prepared, merge, unknown
from godot_wire.record import EPOCH
from godot_wire.repair import fields

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from uuid import UUID

    from godot_daemon.database import Connection
    from godot_daemon.record import Record

_LEDGER: Final = "godot dead"
_PAGE: Final = 500

_MEANT: Final = sql.SQL("""
    (%(ids)s::uuid[] is null or id = any (%(ids)s))
    and (%(reason)s::text is null or reason = %(reason)s)
    and (%(before)s::timestamptz is null or dead_at < %(before)s)
""")
_COUNT: Final = sql.SQL("select count(*) from dead_letters where {}").format(_MEANT)
_LIST: Final = sql.SQL(
    "select * from dead_letters where {} order by dead_at desc, id limit %(limit)s"
).format(_MEANT)
_PURGE: Final = sql.SQL("delete from dead_letters where {}").format(_MEANT)
_NEXT_PAGE: Final = sql.SQL("""
    select * from dead_letters where {} and (retried_at is null or retried_at < %(started)s)
    order by dead_at, id limit %(page)s for update skip locked
""").format(_MEANT)
_STILL_DEAD: Final = """
update dead_letters set retried_at = clock_timestamp(), retries = retries + 1, reason = %s, detail = %s
where id = %s
"""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One row of `dead_letters`."""

    id: UUID
    raw: bytes
    reason: str
    detail: str | None
    component: str | None
    trace_id: UUID | None
    instance: str | None
    seq: int | None
    batch: str | None
    dead_at: dt.datetime
    retried_at: dt.datetime | None
    retries: int


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters are meant; all that fit every condition that is given."""

    ids: Sequence[UUID] = ()
    reason: str | None = None
    before: dt.datetime | None = None

    @property
    def values(self) -> dict[str, Any]:
        """What the queries bind."""
        return {"ids": list(self.ids) or None, "reason": self.reason, "before": self.before}


@dataclass(slots=True)
class Retried:
    """What a retry achieved."""

    stored: int = 0
    duplicate: int = 0
    still_dead: int = 0


def count(connection: Connection, selection: Selection) -> int:
    """How many letters are meant."""
    row = connection.execute(_COUNT, selection.values).fetchone()
    return int(row[0]) if row else 0


def letters(connection: Connection, selection: Selection, limit: int | None = None) -> list[DeadLetter]:
    """The letters, the newest first."""
    cursor = connection.cursor(row_factory=class_row(DeadLetter))
    return cursor.execute(_LIST, {**selection.values, "limit": limit}).fetchall()


def find(connection: Connection, beginning: str) -> DeadLetter:
    """The letter whose id begins like this."""
    cursor = connection.cursor(row_factory=class_row(DeadLetter))
    found = cursor.execute(
        "select * from dead_letters where starts_with(id::text, %s) limit 2", (beginning.strip().lower(),)
    ).fetchall()
    if not found:
        raise InputError(f"no dead letter {beginning}", "`godot dead list` shows them")
    if len(found) > 1:
        raise InputError(f"several dead letters begin with {beginning}", "give more of the id")
    return found[0]


def retry(
    connection: Connection,
    selection: Selection,
    changes: Mapping[str, Any] | None = None,
    redact: Callable[[Sequence[Record]], list[Record]] = list,
) -> Retried:
    """Store what can be stored by now, each under its own id; the others stay, with the reason of today.

    Parameters
    ----------
    connection
        A login that may write `logs`, `dead_letters` and `ingest_ledger`.
    selection
        Which letters.
    changes
        Keys to set in each record first, such as a missing `component`.
    redact
        Takes secrets out of records; see `Redacting`.
    """
    total = Retried()
    row = connection.execute("select clock_timestamp()").fetchone()
    values = {**selection.values, "started": row and row[0], "page": _PAGE}
    while True:
        with connection.transaction():
            connection.execute(STAGING)
            # Those that somebody else is trying are left to them, those of the last page are not seen again.
            page = connection.cursor(row_factory=class_row(DeadLetter)).execute(_NEXT_PAGE, values).fetchall()
            for letter in page:
                _retry(connection, letter, changes or {}, redact, total)
        if not page:
            return total


def purge(connection: Connection, selection: Selection) -> int:
    """Remove letters for good; returns how many."""
    with connection.transaction():
        removed = connection.execute(_PURGE, selection.values).rowcount
        ledger.enter(connection, _LEDGER, dead=-removed)
    return removed


def _retry(
    connection: Connection,
    letter: DeadLetter,
    changes: Mapping[str, Any],
    redact: Callable[[Sequence[Record]], list[Record]],
    total: Retried,
) -> None:
    origin = Origin("", 0, (letter.dead_at - EPOCH) // dt.timedelta(microseconds=1))
    raw = _changed(letter.raw, changes)
    [decoded] = decode([raw], origin)
    why: DeadRecord
    if isinstance(decoded, DeadRecord):
        why = decoded
    else:
        if decoded.id == origin.derived_id(0, raw):  # it has none of its own
            decoded = msgspec.structs.replace(decoded, id=letter.id.bytes)
        [decoded] = redact([decoded])
        prepared = Prepared("", "", [decoded], encode([decoded]), [raw], [], None)
        refused: list[DeadRecord] = []
        stored = merge(connection, prepared, unknown(connection, [decoded]), refused)
        if not refused:
            connection.execute("delete from dead_letters where id = %s", (letter.id,))
            ledger.enter(connection, _LEDGER, stored=stored, duplicate=1 - stored, dead=-1)
            total.stored += stored
            total.duplicate += 1 - stored
            return
        why = refused[0]
    connection.execute(_STILL_DEAD, (why.reason, why.detail, letter.id))
    total.still_dead += 1


def _changed(raw: bytes, changes: Mapping[str, Any]) -> bytes:
    """The entry with some keys set, if it can have any."""
    if not changes:
        return raw
    return raw if fields(raw) is None else with_keys(raw, changes)
