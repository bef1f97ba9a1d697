"""Writes batches into PostgreSQL: COPY, one transaction a batch, and no record twice.

The usual way is COPY straight into `logs`. When that says that a record is there already, the batch goes
through a temporary table and `ON CONFLICT DO NOTHING`. When it says that a record cannot be stored, the batch
is halved until the bad ones stand alone; they become dead letters in the same transaction. A COMMIT whose
answer was lost needs no care: the batch is written again, and what is there already counts as duplicate.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

import psycopg
from psycopg.errors import QueryCanceled

from godot_daemon import database, fencing, ledger
from godot_daemon.batching import Outcome
from godot_daemon.copying import COLUMNS, block, encode
from godot_daemon.database import HangingError, Verdict
from godot_daemon.decoding import decode
from godot_daemon.record import DeadRecord, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from godot_daemon.batching import Batch
    from godot_daemon.database import Connection
    from godot_daemon.settings import Settings

_PATIENCE_MAX: Final = 600.0
_DETAIL_MAX: Final = 500

_COLUMNS: Final = ", ".join(COLUMNS)
_COPY_LOGS: Final = f"copy logs ({_COLUMNS}) from stdin (format binary)"
_COPY_STAGING: Final = f"copy pg_temp.staging ({_COLUMNS}) from stdin (format binary)"
_MERGE: Final = (
    f"insert into logs ({_COLUMNS}) select {_COLUMNS} from pg_temp.staging"  # noqa: S608  our own column names
    " on conflict do nothing"
)
STAGING: Final = """
create temporary table if not exists staging (
    id uuid, trace_id uuid, component text, level text, message text, data jsonb,
    event_created_at timestamptz, instance text, seq bigint
) on commit delete rows
"""

# Two deliveries of a record without a time of its own have different times, so the primary key does not tell
# them apart from two records; the lock keeps two workers from asking at the same moment.
_LOCK_CLAIM_TIMED: Final = "select pg_advisory_xact_lock(hashtextextended('godot records without time', 0))"
_STORED_IDS: Final = "select stored_ids(%b::uuid[])"

_BURY: Final = """
insert into dead_letters (id, raw, reason, detail, component, trace_id, instance, seq, batch)
values (%s, %b, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing
"""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch ready to be written: records, their COPY rows and the bytes they were made of, side by side."""

    name: str
    epoch: str
    records: Sequence[Record]
    rows: Sequence[bytes]
    raws: Sequence[bytes]
    dead: Sequence[DeadRecord]
    oldest_us: int | None
    adopted_from: str | None = None

    @property
    def received(self) -> int:
        """How many entries the batch had."""
        return len(self.records) + len(self.dead)


def prepare(batch: Batch, redact: Callable[[Sequence[Record]], list[Record]] = list) -> Prepared:
    """Decode, redact and encode a batch: everything that needs no database."""
    decoded = decode(batch.entries, batch.origin)
    dead = [found for found in decoded if isinstance(found, DeadRecord)]
    records = [found for found in decoded if isinstance(found, Record)]
    raws = batch.entries
    if dead:
        pairs = zip(batch.entries, decoded, strict=True)
        raws = [raw for raw, found in pairs if isinstance(found, Record)]
    oldest_us = min((record.event_created_at for record in records if not record.claim_timed), default=None)
    records = redact(records)
    rows = encode(records)
    return Prepared(batch.name, batch.origin.epoch, records, rows, raws, dead, oldest_us, batch.adopted_from)


class PostgresSink:
    """One connection that writes."""

    def __init__(
        self,
        settings: Settings,
        host: str,
        on_call: Callable[[float, str | None], None] | None = None,
        worker: str = "",
    ) -> None:
        self._url = settings.database_url
        self._host = host
        self._on_call = on_call or (lambda _seconds, _state: None)
        self._usual_patience = self._patience = settings.database_timeout
        self._worker = worker
        self._connection: Connection | None = None
        self._server_pid: int | None = None

    def write(self, prepared: Prepared) -> Outcome:
        """See `Sink`.

        Raises
        ------
        UnavailableError
            Nothing is known to be stored: write the same batch again.
        SetupError
            Trying again is useless.
        """
        started = time.perf_counter()
        try:
            outcome = self._write(prepared)
        except psycopg.Error as error:
            self._on_call(time.perf_counter() - started, database.state_class(error))
            if isinstance(error, (QueryCanceled, HangingError)):
                # A batch that needs longer than it is given would otherwise be tried in vain for ever.
                self._patience = min(self._patience * 2, _PATIENCE_MAX)
            self.close()
            raise database.translated(error, self._url) from error
        self._patience = self._usual_patience
        self._on_call(time.perf_counter() - started, None)
        return outcome

    @property
    def patience(self) -> float:
        """After how many seconds a statement is given up: more than at first once one was too slow."""
        return self._patience

    def close(self) -> None:
        """See `Sink`."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def interrupt(self) -> None:
        """See `Sink`. The connection itself is left to its thread: libpq's are not made for two."""
        if (connection := self._connection) is not None:
            connection.interrupt()

    def _write(self, prepared: Prepared) -> Outcome:
        connection = self._connected()
        if prepared.adopted_from not in {None, self._worker}:
            fencing.end(connection, prepared.adopted_from)
        if not any(record.claim_timed for record in prepared.records):
            try:
                with connection.transaction():
                    _copy(connection, _COPY_LOGS, prepared.rows)
                    return self._settle(connection, prepared, len(prepared.rows), prepared.dead)
            except psycopg.Error as error:
                if database.judge(error) is not Verdict.DATA:
                    raise
        with connection.transaction():
            connection.execute(STAGING)
            dead = list(prepared.dead)
            stored = merge(connection, prepared, unknown(connection, prepared.records), dead)
            return self._settle(connection, prepared, stored, dead)

    def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = database.connect(
                self._url, patience=self._patience, application=fencing.application(self._worker)
            )
            broken, self._server_pid = self._server_pid, self._connection.info.backend_pid
            if broken is not None:
                fencing.end(self._connection, self._worker, broken)
        elif self._connection.patience != self._patience:
            database.limit(self._connection, self._patience)
        return self._connection

    def _settle(
        self, connection: Connection, prepared: Prepared, stored: int, dead: Sequence[DeadRecord]
    ) -> Outcome:
        """Bury the dead and account for the batch, as the last things before COMMIT."""
        buried = Counter(record.reason for record in dead if _bury(connection, record, prepared.name))
        duplicate = prepared.received - stored - buried.total()
        ledger.enter(
            connection,
            f"{self._host}:{prepared.epoch}",
            stored=stored,
            duplicate=duplicate,
            dead=buried.total(),
        )
        return Outcome(stored, duplicate, dict(buried), prepared.oldest_us)


def _copy(connection: Connection, statement: str, rows: Sequence[bytes]) -> None:
    if not rows:
        return
    copied = block(rows)
    try:
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(copied)
    except ValueError as error:
        # A server that hangs up in the middle of COPY says two things, and psycopg unpacks only one.
        raise psycopg.OperationalError("the server hung up during COPY") from error


def unknown(connection: Connection, records: Sequence[Record]) -> Sequence[int]:
    """The numbers of the records that have to be merged: all but claim-timed ones that are stored already."""
    timed = [UUID(bytes=record.id) for record in records if record.claim_timed]
    if not timed:
        return range(len(records))
    connection.execute(_LOCK_CLAIM_TIMED)
    stored = {row[0].bytes for row in connection.execute(_STORED_IDS, (timed,))}
    return [
        number for number, record in enumerate(records) if not (record.claim_timed and record.id in stored)
    ]


def merge(connection: Connection, prepared: Prepared, numbers: Sequence[int], dead: list[DeadRecord]) -> int:
    """Store what is not there yet and return how many; what cannot be stored is added to the dead."""
    if not numbers:
        return 0
    try:
        with connection.transaction():
            _copy(connection, _COPY_STAGING, [prepared.rows[number] for number in numbers])
            stored = connection.execute(_MERGE).rowcount
            connection.execute("delete from pg_temp.staging")
            return stored
    except psycopg.Error as error:
        if database.judge(error) is not Verdict.DATA:
            raise
        if len(numbers) == 1:
            dead.append(_dead(prepared, numbers[0], error))
            return 0
    middle = len(numbers) // 2
    return merge(connection, prepared, numbers[:middle], dead) + merge(
        connection, prepared, numbers[middle:], dead
    )


def _dead(prepared: Prepared, number: int, error: psycopg.Error) -> DeadRecord:
    record = prepared.records[number]
    return DeadRecord(
        record.id,
        prepared.raws[number],
        f"refused ({error.sqlstate})",
        (error.diag.message_primary or str(error))[:_DETAIL_MAX],
        record.component,
        record.trace_id,
        record.instance,
        record.seq,
    )


def _bury(connection: Connection, record: DeadRecord, batch: str) -> bool:
    """Write a dead letter; False when it is there already."""
    return (
        connection.execute(
            _BURY,
            (
                UUID(bytes=record.id),
                record.raw,
                record.reason,
                record.detail,
                record.component,
                record.trace_id and UUID(bytes=record.trace_id),
                record.instance,
                record.seq,
                batch,
            ),
        ).rowcount
        == 1
    )
