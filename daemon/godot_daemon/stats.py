"""What is in the database: counts by component and level, oldest and newest record, size.

The counts are exact: what arrived until half an hour ago has been counted by the daemon (`log_counts`), what
came since is counted now. Rows that somebody deletes from a single partition, past `logs`, are noticed only
by reading everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from psycopg import IsolationLevel
from psycopg.rows import class_row, scalar_row, tuple_row

if TYPE_CHECKING:
    import datetime as dt

    import psycopg

_EVERYTHING: Final = """
select component, level, count(*) as records, min(event_created_at) as oldest, max(event_created_at) as newest
from logs
group by component, level
order by component, level
"""

_COUNTED: Final = """
select component, level, sum(records)::bigint as records, min(oldest) as oldest, max(newest) as newest
from (
    select component, level, records, oldest, newest from log_counts
    union all
    select component, level, count(*), min(event_created_at), max(event_created_at)
    from logs where ingestion_created_at >= %s::timestamptz
    group by component, level
) as parts
group by component, level
order by component, level
"""

_SIZES: Final = """
select coalesce(sum(bytes), 0)::bigint, count(*) filter (where not is_default), default_partition_rows()
from v_partitions
"""


@dataclass(frozen=True, slots=True)
class Count:
    """How many records one component logged at one level, and when."""

    component: str
    level: str
    records: int
    oldest: dt.datetime
    newest: dt.datetime


@dataclass(frozen=True, slots=True)
class Stats:
    """The whole of `logs` in figures."""

    counts: list[Count]
    bytes: int
    """With indexes and TOAST."""
    partitions: int
    default_rows: int
    """Rows in the default partition (counted up to 100,000): above zero is an alarm."""

    @property
    def records(self) -> int:
        """All records."""
        return sum(count.records for count in self.counts)

    @property
    def oldest(self) -> dt.datetime | None:
        """When the oldest record was made, None when there is none."""
        return min((count.oldest for count in self.counts), default=None)

    @property
    def newest(self) -> dt.datetime | None:
        """When the newest record was made, None when there is none."""
        return max((count.newest for count in self.counts), default=None)

    def by(self, key: str) -> dict[str, int]:
        """Records by `component` or by `level`."""
        totals: dict[str, int] = {}
        for count in self.counts:
            name = getattr(count, key)
            totals[name] = totals.get(name, 0) + count.records
        return totals


def collect(connection: psycopg.Connection[Any], *, everything: bool = False) -> Stats:
    """Count; with `everything` by reading all of the table. The connection must not be in a transaction."""
    connection.isolation_level = IsolationLevel.REPEATABLE_READ  # one moment for all questions
    with connection.transaction():
        cursor = connection.cursor(row_factory=class_row(Count))
        if everything:
            counts = cursor.execute(_EVERYTHING).fetchall()
        else:
            # Asked first and then bound, so that the planner knows how little is left to read.
            # As text: nothing has been counted before "-infinity", which Python has no time for.
            until = connection.cursor(row_factory=scalar_row).execute(
                "select arrival::text from log_counts_until"
            )
            counts = cursor.execute(_COUNTED, (until.fetchone(),)).fetchall()
        [sizes] = connection.cursor(row_factory=tuple_row).execute(_SIZES).fetchall()
    return Stats(counts, *sizes)


def count_arrivals(connection: psycopg.Connection[Any]) -> int:
    """Count what has arrived since the last time, so that `collect` need not; the daemon calls it."""
    row = connection.cursor(row_factory=scalar_row).execute("select count_arrivals()").fetchone()
    return int(row or 0)
