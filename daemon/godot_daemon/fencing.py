"""Ends transactions that nobody will finish: of a relieved worker, of a connection that broke unnoticed.

A server in the middle of COPY waits for its client without any time-out, and whoever writes the same records
again waits for that transaction. So a stopped process, or a network that swallows packets, could hold up its
successor for as long as it lasts.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from psycopg.errors import InsufficientPrivilege

if TYPE_CHECKING:
    from godot_daemon.database import Connection

_END: Final = """
select pg_terminate_backend(pid) from pg_stat_activity
where application_name = %(application)s and usename = session_user and pid <> pg_backend_pid()
  and pid = coalesce(%(pid)s, pid)
"""


def application(worker: str) -> str:
    """What the connections of a worker are called: a name has 63 bytes, so only its nonce is in it."""
    return f"godot ingest {worker.rpartition(':')[2]}".rstrip()


def end(connection: Connection, worker: str, pid: int | None = None) -> None:
    """End the worker's connections, or only that of one server process.

    A login may end its own connections; those of a worker with another login are left to their time-outs.
    """
    with contextlib.suppress(InsufficientPrivilege), connection.transaction():
        connection.execute("set local role none")
        connection.execute(_END, {"application": application(worker), "pid": pid})
