"""The daily partitions of `logs`: creating them ahead, the default one's alarm, their search indexes."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from psycopg.rows import class_row, scalar_row

if TYPE_CHECKING:
    import psycopg

DAYS_AHEAD: Final = 2
"""Two midnights away: a daemon that cannot create one for a whole day still has where to put its records."""

DAYS_BACK: Final = 1
"""Yesterday's late-comers, and clocks a few hours off, belong to a day that was there."""


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition of `logs`; the default one has no bounds."""

    name: str
    starts_at: dt.datetime | None
    ends_at: dt.datetime | None
    is_default: bool
    estimated_rows: int
    bytes: int


def ensure(
    connection: psycopg.Connection[Any],
    *,
    days_ahead: int = DAYS_AHEAD,
    days_back: int = DAYS_BACK,
    today: dt.date | None = None,
) -> list[dt.date]:
    """Create the partitions around today (UTC) that are missing, and return their days.

    What the default partition holds of such a day moves into it. Each day is a transaction of its own, so the
    locks are short; a lock that is not to be had within five seconds raises psycopg's LockNotAvailable.
    """
    today = today or dt.datetime.now(dt.UTC).date()
    days = [today + dt.timedelta(days=offset) for offset in range(-days_back, days_ahead + 1)]
    return [day for day in days if _create(connection, day)]


def absorb(connection: psycopg.Connection[Any], *, limit: int = 31) -> list[dt.date]:
    """Give the days found in the default partition partitions of their own, the newest `limit` of them.

    The limit is for clocks gone mad: a thousand records of a thousand years are no reason for as many tables.
    """
    with connection.transaction():
        days = (
            connection.cursor(row_factory=scalar_row)
            .execute(
                "select distinct (event_created_at at time zone 'UTC')::date as day from logs_default"
                " order by day desc limit %s",
                (limit,),
            )
            .fetchall()
        )
    return [day for day in reversed(days) if _create(connection, day)]


def default_rows(connection: psycopg.Connection[Any]) -> int:
    """How many rows the default partition holds (counted up to 100,000): above zero is an alarm."""
    row = connection.cursor(row_factory=scalar_row).execute("select default_partition_rows()").fetchone()
    return int(row or 0)


def merge_pending(connection: psycopg.Connection[Any]) -> int:
    """Merge what the indexes of full text and `data` have collected, and return how many pages that was.

    Searches find records before and after; they are faster after. Nobody waits meanwhile. Zero also when
    another daemon is at it.
    """
    row = connection.cursor(row_factory=scalar_row).execute("select merge_pending()").fetchone()
    return int(row or 0)


def listing(connection: psycopg.Connection[Any]) -> list[Partition]:
    """All partitions with the bounds that the database applies, oldest first, the default one last."""
    cursor = connection.cursor(row_factory=class_row(Partition))
    return cursor.execute("select * from v_partitions order by is_default, starts_at").fetchall()


def _create(connection: psycopg.Connection[Any], day: dt.date) -> bool:
    with connection.transaction():
        cursor = connection.cursor(row_factory=scalar_row)
        return bool(cursor.execute("select ensure_partition(%s)", (day,)).fetchone())
