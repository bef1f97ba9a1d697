"""The database's half of the balance: what was received and what became of it, beside the records themselves.

Whoever adds rows to `logs` or `dead_letters`, or removes them, enters that in the same transaction, and
`godot audit` compares the sums with the tables. A daemon's line is named `<host>:<epoch of the queue>`, so
that what came from an earlier Redis is not taken for what came from this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import psycopg

_ENTER: Final = """
insert into ingest_ledger as line (worker, received, stored, duplicate, dead, last_commit_at)
values (%(worker)s, %(received)s, %(stored)s, %(duplicate)s, %(dead)s, clock_timestamp())
on conflict (worker) do update set
    received = line.received + excluded.received, stored = line.stored + excluded.stored,
    duplicate = line.duplicate + excluded.duplicate, dead = line.dead + excluded.dead,
    last_commit_at = excluded.last_commit_at
"""


def enter(
    connection: psycopg.Connection[Any], worker: str, *, stored: int = 0, duplicate: int = 0, dead: int = 0
) -> None:
    """Add to a line of the ledger; negative numbers for what was removed."""
    connection.execute(
        _ENTER,
        {
            "worker": worker,
            "received": stored + duplicate + dead,
            "stored": stored,
            "duplicate": duplicate,
            "dead": dead,
        },
        prepare=True,
    )
