"""What is in the database: counts by component and level, oldest and newest record, size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from psycopg.rows import class_row, tuple_row

if TYPE_CHECKING:
    import datetime as dt

    import psycopg

_COUNTS: Final = """
select component, level, count(*) as records, min(event_created_at) as oldest, max(event_created_at) as newest
from logs
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


def collect(connection: psycopg.Connection[Any]) -> Stats:
    """Count everything, in one pass over the table."""
    counts = connection.cursor(row_factory=class_row(Count)).execute(_COUNTS).fetchall()
    [sizes] = connection.cursor(row_factory=tuple_row).execute(_SIZES).fetchall()
    return Stats(counts, *sizes)
