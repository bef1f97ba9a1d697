"""Lets expired days go: archived first where that is wanted, pinned traces kept, everything accounted for.

The rules are in the database (`sql/migrations/0007_retention.sql`): what has expired, what stays, and that
nobody can remove more. This module decides when, one partition after the other, each in a transaction of its
own, so that what is done stays done and what fails is left for the next run.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

import psycopg
from psycopg import sql
from psycopg.rows import class_row, scalar_row, tuple_row

from godot_daemon import partitions
from godot_daemon.errors import GodotError, SetupError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from godot_daemon.partitions import Partition

DEFAULT: Final = "logs_default"
STRAYS_AT_ONCE: Final = 10_000
"""Of the default partition, in one transaction: late records wait while it lasts."""

_ATTEMPTS: Final = 3
"""To archive a day to which something is added just then."""

_LOCK: Final = "select pg_try_advisory_lock(hashtextextended('godot retention', 0))"
_UNLOCK: Final = "select pg_advisory_unlock(hashtextextended('godot retention', 0))"
_BOUND: Final = """
select least(retention_bound(%s), date_trunc('day', %s::timestamptz, 'UTC') - make_interval(hours => 24 * %s))
"""
_PINNED: Final = "select trace_id from pinned_traces where expires_at is null or expires_at > now()"
_RETIRE: Final = """
select partition, starts_at, ends_at, records, pinned, late, bytes, archive
from retire_partition(%s, %s, %s, %s, %s) where id is not null
"""
_RETIRE_STRAYS: Final = _RETIRE.replace("retire_partition", "retire_strays")

# `logs` and a range instead of the partition: rights are granted on `logs`, and the planner prunes.
_FORECAST: Final = sql.SQL("""
    select count(*) filter (where not pinned and ingestion_created_at < since),
           count(*) filter (where pinned),
           count(*) filter (where not pinned and ingestion_created_at >= since)
    from (select ingestion_created_at, trace_id is not null and trace_id in ({pinned}) as pinned
          from logs where {where}) as rows, late_since(%(name)s, %(before)s) as since
""")


@dataclass(frozen=True, slots=True)
class Retired:
    """What went, or would go, of one partition, and what stays."""

    partition: str
    starts_at: dt.datetime | None
    ends_at: dt.datetime | None
    records: int
    pinned: int
    """Records of pinned traces: they stay."""
    late: int
    """Records that came for a day that was gone, or from a clock far off: they stay as long from then."""
    bytes: int
    """What the partition took; the default one gives nothing back."""
    archive: str | None = None


@dataclass(slots=True)
class Outcome:
    """What one run did."""

    before: dt.datetime
    retired: list[Retired] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    """Partitions that were left empty, and are gone."""
    problems: list[str] = field(default_factory=list)
    """What could not be done now; the next run tries again."""


@dataclass(frozen=True, slots=True)
class Portion:
    """Exactly what is about to go: the file that holds it, how many records, and the hash of their ids."""

    archive: str
    records: int
    print: int


class Archive(Protocol):
    """Keeps what is about to go."""

    def store(self, partition: str, where: sql.Composable, values: dict[str, Any]) -> Portion | None:
        """Store the records that meet a condition, for good; None when there are none."""


def bound(connection: psycopg.Connection[Any], days: int | None = None) -> dt.datetime:
    """Partitions that end at or before this time have expired.

    Without `days` it is what the database promises. It is reckoned by the database's clock and by ours, and
    the more careful of both counts: a clock that leaps ahead must not empty the database.
    """
    cursor = connection.cursor(row_factory=scalar_row)
    if days is None:
        days = promised(connection)
    found: dt.datetime = cursor.execute(_BOUND, (days, dt.datetime.now(dt.UTC), days)).fetchone()  # type: ignore[assignment]
    return found


def promised(connection: psycopg.Connection[Any]) -> int:
    """How many days the database promises to keep records; only an admin shortens that."""
    row = connection.cursor(row_factory=scalar_row).execute("select days from retention").fetchone()
    if row is None:
        raise SetupError("the table retention is empty", "insert into retention default values")
    return int(row)


def promise(connection: psycopg.Connection[Any], days: int) -> None:
    """Change for how many days everybody may rely on the logs."""
    connection.execute("update retention set days = %s", (days,))


def forecast(connection: psycopg.Connection[Any], before: dt.datetime) -> list[Retired]:
    """What `retain` would do, partition by partition; needs the right to read `logs`."""
    found = [
        Retired(partition.name, partition.starts_at, partition.ends_at, *counts, partition.bytes)
        for partition in _expired(connection, before)
        if (counts := _counts(connection, _range(partition), partition.name, before))[0]
    ]
    strays = _counts(connection, sql.SQL("tableoid = 'logs_default'::regclass"), DEFAULT, before)
    return [*found, Retired(DEFAULT, None, None, *strays, 0)] if strays[0] else found


def retain(
    connection: psycopg.Connection[Any],
    before: dt.datetime,
    archive: Archive | None = None,
    told: Callable[[Retired], None] = lambda _: None,
) -> Outcome:
    """Let everything go that has expired; `connection` commits by itself.

    Parameters
    ----------
    before
        See `bound`.
    archive
        Where records are kept before they go.
    told
        Called after each step.

    Raises
    ------
    UnavailableError
        Another retention is at work.
    psycopg.Error
        What no other partition would be spared.
    """
    outcome = Outcome(before)

    def done(step: Retired) -> None:
        outcome.retired.append(step)
        told(step)

    with _alone(connection):
        expired = _expired(connection, before)
        for partition in expired:
            with _problems(outcome, partition.name):
                if step := _retire(connection, partition, before, archive):
                    done(step)
        with _problems(outcome, DEFAULT):
            if step := _retire_strays(connection, before, archive):
                done(step)
        for partition in expired:
            with _problems(outcome, partition.name):
                if _call(connection, "select drop_emptied_partition(%s, %s)", (partition.name, before)):
                    outcome.dropped.append(partition.name)
    return outcome


@contextlib.contextmanager
def _alone(connection: psycopg.Connection[Any]) -> Iterator[None]:
    if not _call(connection, _LOCK):
        raise UnavailableError("another retention is at work", "let it finish, or end it")
    try:
        yield
    finally:
        if not connection.closed:
            _call(connection, _UNLOCK)


@contextlib.contextmanager
def _problems(outcome: Outcome, name: str) -> Iterator[None]:
    """Note what concerns one partition alone, and go on with the others."""
    try:
        yield
    except psycopg.errors.LockNotAvailable:
        outcome.problems.append(f"{name} is in use: it stays until the next run")
    except psycopg.errors.SerializationFailure as error:
        outcome.problems.append(f"{name} changes too fast: {error.diag.message_primary}")
    except SetupError:
        raise
    except GodotError as error:
        outcome.problems.append(f"{name}: {error}")


def _expired(connection: psycopg.Connection[Any], before: dt.datetime) -> list[Partition]:
    return [
        partition
        for partition in partitions.listing(connection)
        if partition.ends_at is not None and partition.ends_at <= before
    ]


def _range(partition: Partition) -> sql.Composable:
    return sql.SQL("event_created_at >= {} and event_created_at < {}").format(
        sql.Literal(partition.starts_at), sql.Literal(partition.ends_at)
    )


def _retire(
    connection: psycopg.Connection[Any], partition: Partition, before: dt.datetime, archive: Archive | None
) -> Retired | None:
    going = sql.SQL(
        "{} and ingestion_created_at < late_since(%(name)s, %(before)s)"
        " and (trace_id is null or trace_id not in ({}))"
    ).format(_range(partition), sql.SQL(_PINNED))
    values = {"name": partition.name, "before": before}
    for attempt in range(_ATTEMPTS):
        portion = archive.store(partition.name, going, values) if archive else None
        if archive and portion is None:
            return None
        try:
            return _retired(connection, _RETIRE, (partition.name, before, *_expected(portion)))
        except psycopg.errors.SerializationFailure:
            if attempt + 1 == _ATTEMPTS:
                raise
    return None


def _retire_strays(
    connection: psycopg.Connection[Any], before: dt.datetime, archive: Archive | None
) -> Retired | None:
    """Remove strays portion by portion; the sum of all."""
    going = sql.SQL(
        "tableoid = 'logs_default'::regclass and ingestion_created_at < %(before)s"
        " and (trace_id is null or trace_id not in ({})) order by ingestion_created_at, id limit %(most)s"
    ).format(sql.SQL(_PINNED))
    values = {"before": before, "most": STRAYS_AT_ONCE}
    total: Retired | None = None
    while True:
        portion = archive.store(DEFAULT, going, values) if archive else None
        if archive and portion is None:
            return total
        step = _retired(connection, _RETIRE_STRAYS, (before, STRAYS_AT_ONCE, *_expected(portion)))
        if step is None:
            return total
        total = replace(step, records=step.records + (total.records if total else 0))


def _expected(portion: Portion | None) -> tuple[int | None, int | None, str | None]:
    return (portion.records, portion.print, portion.archive) if portion else (None, None, None)


def _retired(connection: psycopg.Connection[Any], query: str, values: tuple[Any, ...]) -> Retired | None:
    return connection.cursor(row_factory=class_row(Retired)).execute(query, values).fetchone()


def _counts(
    connection: psycopg.Connection[Any], where: sql.Composable, name: str, before: dt.datetime
) -> tuple[int, int, int]:
    query = _FORECAST.format(pinned=sql.SQL(_PINNED), where=where)
    row = connection.cursor(row_factory=tuple_row).execute(query, {"name": name, "before": before}).fetchone()
    return row or (0, 0, 0)


def _call(connection: psycopg.Connection[Any], query: str, values: tuple[Any, ...] = ()) -> bool:
    return bool(connection.cursor(row_factory=scalar_row).execute(query, values).fetchone())
