"""Bring a database to the current schema: the ordered files of sql/migrations, each applied once."""

from __future__ import annotations

import hashlib
import importlib.resources
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.rows import scalar_row, tuple_row

from godot_daemon import partitions
from godot_daemon.errors import SetupError

_FILE: Final = re.compile(r"(?P<version>\d{4})_(?P<name>\w+)\.sql")

_LOCK: Final = "select pg_advisory_xact_lock(hashtextextended('godot migrations', 0))"

_BOOKKEEPING: Final = """
create table schema_migrations (
    version    integer     primary key,
    name       text        not null,
    checksum   text        not null,
    applied_at timestamptz not null default now()
)
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of sql/migrations."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Tells whether an applied migration is still the file that was applied."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def sql_directory() -> Path:
    """Where the schema lies: the packaged copy of sql/, else the checkout's."""
    packaged = Path(str(importlib.resources.files("godot_daemon"))) / "_sql"
    checkout = Path(__file__).resolve().parents[2] / "sql"
    for directory in (packaged, checkout):
        if (directory / "migrations").is_dir():
            return directory
    raise SetupError(
        f"the schema is missing: neither {packaged} nor {checkout} holds migrations",
        hint="install godot-logging again, or run from a complete checkout",
    )


def available(directory: Path | None = None) -> list[Migration]:
    """All migrations that this installation knows, in order."""
    found = []
    for path in sorted(((directory or sql_directory()) / "migrations").glob("*.sql")):
        match = _FILE.fullmatch(path.name)
        if match is None:
            raise SetupError(f"{path.name} is no migration", hint="name it NNNN_what_it_does.sql")
        found.append(Migration(int(match["version"]), match["name"], path.read_text(encoding="utf-8")))
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise SetupError(
            f"the migrations are not numbered 1 to {len(found)} without gap or repetition",
            hint="two branches may have added the same number: renumber the later one",
        )
    return found


def upgrade(
    conninfo: str, *, target: int | None = None, migrations: list[Migration] | None = None
) -> list[Migration]:
    """Apply what is missing, up to version `target`, and return what was applied.

    Everything happens in one transaction under an advisory lock: it works, or the database stays as it was,
    and of two processes at once the second finds nothing left to do. A complete upgrade also creates the
    partitions of these days.
    """
    known = available() if migrations is None else migrations
    try:
        return _upgrade(conninfo, known, target)
    except psycopg.errors.InsufficientPrivilege as error:
        raise SetupError(
            f"the schema may not be changed: {error.diag.message_primary}",
            hint=error.diag.message_hint or "run it as the owner of the database",
        ) from error


def pending(connection: psycopg.Connection[Any]) -> list[Migration]:
    """What `upgrade` would apply to this database; SetupError when it cannot be upgraded by this program."""
    known = available()
    return _missing(connection, known) if _is_ours(connection) else known


def _upgrade(conninfo: str, known: list[Migration], target: int | None) -> list[Migration]:
    with psycopg.connect(conninfo, application_name="godot db upgrade") as connection:
        connection.execute("set local search_path = public")
        connection.execute(_LOCK)
        if not _is_ours(connection):
            connection.execute(_BOOKKEEPING)
        missing = [
            migration
            for migration in _missing(connection, known)
            if target is None or migration.version <= target
        ]
        for migration in missing:
            _apply(connection, migration)
    if target is None:
        with psycopg.connect(conninfo, application_name="godot db upgrade") as connection:
            partitions.ensure(connection)
    return missing


def _is_ours(connection: psycopg.Connection[Any]) -> bool:
    cursor = connection.cursor(row_factory=scalar_row)
    return bool(cursor.execute("select to_regclass('public.schema_migrations') is not null").fetchone())


def _missing(connection: psycopg.Connection[Any], known: list[Migration]) -> list[Migration]:
    cursor = connection.cursor(row_factory=tuple_row)
    cursor.execute("select version, name, checksum from public.schema_migrations order by version")
    applied = cursor.fetchall()
    if len(applied) > len(known):
        raise SetupError(
            f"the database is at version {len(applied)}, this program knows only {len(known)}",
            hint="a newer godot has upgraded it: upgrade this installation too",
        )
    for (version, name, checksum), migration in zip(applied, known, strict=False):
        if (version, checksum) != (migration.version, migration.checksum):
            raise SetupError(
                f"migration {version:04}_{name} was changed after it had been applied to this database",
                hint="restore the file and put the change into a new migration",
            )
    return known[len(applied) :]


def _apply(connection: psycopg.Connection[Any], migration: Migration) -> None:
    connection.execute(migration.sql.encode())
    connection.execute(
        "insert into schema_migrations (version, name, checksum) values (%s, %s, %s)",
        (migration.version, migration.name, migration.checksum),
    )
