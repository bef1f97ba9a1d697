"""Levels by component: the table `logger_config` is the truth, a Redis hash its copy for the clients.

The hash is `<prefix>levels`; `clients/wire/README.md` tells its format. It is written as a whole and at once,
by whoever changes a level and by the daemon every half minute, since Redis may lose it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from psycopg.rows import class_row, scalar_row

if TYPE_CHECKING:
    import datetime as dt

    import psycopg

    from godot_daemon.redis_queue import RedisQueue

LEVELS: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR")

_LEVELS: Final = """
select component, level, expires_at, updated_at from logger_config
where expires_at is null or expires_at > now() order by component
"""

_SET: Final = """
insert into logger_config (component, level, expires_at) values (%s, %s, now() + %s::interval)
on conflict (component) do update set
    level = excluded.level, expires_at = excluded.expires_at, updated_at = now()
"""


@dataclass(frozen=True, slots=True)
class Level:
    """What one component should log."""

    component: str
    level: str
    expires_at: dt.datetime | None
    """When the component's own level returns."""
    updated_at: dt.datetime

    @property
    def entry(self) -> str:
        """Its value in the hash."""
        expires = self.expires_at and self.expires_at.isoformat(timespec="microseconds")
        return json.dumps({"level": self.level, "expires_at": expires}, separators=(",", ":"))


def levels(connection: psycopg.Connection[Any]) -> list[Level]:
    """All that are in force, by component."""
    return connection.cursor(row_factory=class_row(Level)).execute(_LEVELS).fetchall()


def set_level(
    connection: psycopg.Connection[Any], component: str, level: str, duration: dt.timedelta | None = None
) -> None:
    """Set a component's level, for a while or until it is changed; those that have expired are removed."""
    connection.execute("delete from logger_config where expires_at <= now()")
    connection.execute(_SET, (component, level, duration))


def reset(connection: psycopg.Connection[Any], component: str) -> bool:
    """Return a component to its own level; False when none was set."""
    cursor = connection.cursor(row_factory=scalar_row)
    cursor.execute(
        "delete from logger_config where component = %s returning expires_at is null or expires_at > now()",
        (component,),
    )
    return bool(cursor.fetchone())


def mirror(connection: psycopg.Connection[Any], queue: RedisQueue) -> None:
    """Make the hash in Redis what the table says, in one step.

    Raises
    ------
    UnavailableError, SetupError
        When Redis does not take it.
    """
    with queue.errors(), queue.client.pipeline(transaction=True) as steps:
        steps.delete(queue.levels)
        for level in levels(connection):
            steps.hset(queue.levels, level.component, level.entry)
        steps.execute()
