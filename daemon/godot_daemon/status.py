"""The state of the whole pipeline at one moment, for a person or a program."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import psycopg

from godot_daemon import database, partitions
from godot_daemon.errors import GodotError
from godot_daemon.redis_queue import RedisQueue
from godot_daemon.wording import counted

if TYPE_CHECKING:
    import datetime as dt

    from godot_daemon.redis_queue import Backlog
    from godot_daemon.settings import Settings

_PATIENCE_SECONDS: Final = 10.0

_SUMS: Final = """
select coalesce(sum(stored), 0)::bigint, coalesce(sum(duplicate), 0)::bigint,
       max(last_commit_at) filter (where received > 0)
from ingest_ledger
"""


@dataclass(slots=True)
class Status:
    """What is known; the fields of a server that does not answer are None, and `problems` says why."""

    waiting: int | None = None
    in_flight: int | None = None
    dropped: dict[str, int] | None = None
    daemons: dict[str, int] | None = None
    """Seconds since the last heartbeat of each."""
    stored: int | None = None
    duplicate: int | None = None
    dead: dict[str, int] | None = None
    """Dead letters that are there now, by reason."""
    default_partition: int | None = None
    last_commit_at: dt.datetime | None = None
    problems: list[str] = field(default_factory=list)


def collect(settings: Settings) -> Status:
    """Ask Redis and PostgreSQL; never raises because one of them is away."""
    status = Status()
    queue = RedisQueue(settings)
    try:
        _queue(status, queue.backlog(), settings.takeover_after)
    except GodotError as error:
        status.problems.append(str(error))
    finally:
        queue.close()
    try:
        with database.connect(
            settings.database_url, patience=_PATIENCE_SECONDS, application="godot status", role=None
        ) as connection:
            _database(status, connection)
    except psycopg.Error as error:
        status.problems.append(str(database.translated(error, settings.database_url)))
    return status


def _queue(status: Status, backlog: Backlog, takeover_after: float) -> None:
    status.waiting = backlog.waiting
    status.in_flight = backlog.in_flight
    status.dropped = backlog.dropped
    status.daemons = backlog.workers
    alive = [worker for worker, seconds in backlog.workers.items() if seconds <= takeover_after]
    if not alive and (backlog.waiting or backlog.in_flight):
        status.problems.append("no daemon is at work: start one with `godot ingest`")


def _database(status: Status, connection: psycopg.Connection[Any]) -> None:
    row = connection.execute(_SUMS).fetchone()
    if row is not None:
        status.stored, status.duplicate, status.last_commit_at = row
    by_reason = connection.execute("select reason, count(*) from dead_letters group by 1 order by 2 desc, 1")
    status.dead = dict(by_reason.fetchall())
    status.default_partition = partitions.default_rows(connection)
    if status.default_partition:
        status.problems.append(
            f"{counted(status.default_partition, 'record', 'is')} in the default partition:"
            " `godot db partitions --absorb` moves them"
        )
