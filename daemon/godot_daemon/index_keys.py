"""Indexes on single keys of `data`, on request, made while everybody goes on writing.

PostgreSQL cannot make an index on a partitioned table concurrently, but on each partition: so the parent's
index comes first, as a promise that new partitions keep, then that of each partition, attached when it is
ready; with the last one the parent's becomes valid. Whatever interrupts it, calling it again goes on.

Search with: `where log_key(data, 'user_id') = '42'`.
"""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql
from psycopg.rows import class_row, scalar_row, tuple_row

from godot_daemon.errors import InputError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST_NAME: Final = 63
_LOCK_TIMEOUT: Final = "300ms"
"""Everybody else queues behind a lock that is waited for, so it is asked for briefly, and again."""
_ATTEMPTS: Final = 40
_PAUSE_SECONDS: Final = 0.5

_LOCK: Final = "select pg_try_advisory_lock(hashtextextended('godot index-key', 0))"
_UNLOCK: Final = "select pg_advisory_unlock(hashtextextended('godot index-key', 0))"

# A partition's index, found through the catalogue: attached, or made under its name and not attached yet.
_PARTS: Final = """
select t.oid::regclass::text as table, t.relname as name,
       exists (select from pg_inherits a join pg_index i on i.indexrelid = a.inhrelid
               where a.inhparent = %(index)s::regclass and i.indrelid = t.oid) as attached,
       (select i.indisvalid from pg_index i join pg_class c on c.oid = i.indexrelid
        where i.indrelid = t.oid and c.relname = left(t.relname, %(room)s) || %(suffix)s) as valid
from pg_inherits h join pg_class t on t.oid = h.inhrelid
where h.inhparent = 'logs'::regclass
order by t.relname
"""

# What an interrupted call has made and not attached.
_UNATTACHED: Final = """
select c.oid::regclass::text
from pg_class c join pg_index i on i.indexrelid = c.oid join pg_inherits h on h.inhrelid = i.indrelid
where h.inhparent = 'logs'::regclass and right(c.relname, length(%(suffix)s)) = %(suffix)s
"""

_INDEXES: Final = """
select d.description as key, c.relname as name, i.indisvalid as valid,
       (select coalesce(sum(pg_relation_size(h.inhrelid)), 0)::bigint from pg_inherits h
        where h.inhparent = c.oid) as bytes
from pg_index i join pg_class c on c.oid = i.indexrelid
     join pg_description d on d.objoid = c.oid and d.classoid = 'pg_class'::regclass and d.objsubid = 0
where i.indrelid = 'logs'::regclass and starts_with(c.relname, 'logs_key_')
order by d.description
"""


@dataclass(frozen=True, slots=True)
class IndexedKey:
    """One key of `data` that has an index."""

    key: str
    name: str
    valid: bool
    """Whether queries may use it: every partition has its part."""
    bytes: int


def indexed_keys(connection: psycopg.Connection[Any]) -> list[IndexedKey]:
    """All keys with an index."""
    return connection.cursor(row_factory=class_row(IndexedKey)).execute(_INDEXES).fetchall()


def index_key(
    connection: psycopg.Connection[Any], key: str, told: Callable[[str], None] = lambda _: None
) -> bool:
    """Index one key of `data`; False when that had been done. `connection` commits by itself.

    Parameters
    ----------
    told
        Called with the name of each partition as it is begun.

    Raises
    ------
    InputError
        The key cannot be one of JSON in PostgreSQL.
    UnavailableError
        Another process is at it.
    """
    name = _name(key)
    if not _call(connection, _LOCK):
        raise UnavailableError("another index is being made", "let it finish")
    try:
        if any(index.name == name and index.valid for index in indexed_keys(connection)):
            return False
        expression = sql.SQL("(log_key(data, {key})) where log_key(data, {key}) is not null").format(
            key=sql.Literal(key)
        )
        _patiently(
            connection,
            sql.SQL("create index if not exists {} on only logs {}").format(sql.Identifier(name), expression),
            sql.SQL("comment on index {} is {}").format(sql.Identifier(name), sql.Literal(key)),
        )
        _attach_parts(connection, name, expression, told)
    finally:
        if not connection.closed:
            _call(connection, _UNLOCK)
    return True


def drop_key_index(connection: psycopg.Connection[Any], key: str) -> bool:
    """Remove the index of a key; False when there was none."""
    name = _name(key)
    if name not in {index.name for index in indexed_keys(connection)}:
        return False
    _patiently(connection, sql.SQL("drop index {}").format(sql.Identifier(name)))
    left_over = connection.cursor(row_factory=scalar_row).execute(_UNATTACHED, {"suffix": _suffix(name)})
    for part in left_over.fetchall():
        connection.execute(sql.SQL("drop index concurrently {}").format(sql.SQL(part)))
    return True


def _attach_parts(
    connection: psycopg.Connection[Any], name: str, expression: sql.Composable, told: Callable[[str], None]
) -> None:
    suffix = _suffix(name)
    room = _LONGEST_NAME - len(suffix)
    parts = connection.cursor(row_factory=tuple_row).execute(
        _PARTS, {"index": name, "suffix": suffix, "room": room}
    )
    for table, short, attached, valid in parts.fetchall():
        if attached:
            continue
        told(short)
        part = sql.Identifier(short[:room] + suffix)
        if valid is False:  # what an interrupted CONCURRENTLY leaves behind
            connection.execute(sql.SQL("drop index concurrently if exists {}").format(part))
        if not valid:
            try:
                connection.execute(
                    sql.SQL("create index concurrently {} on {} {}").format(part, sql.SQL(table), expression)
                )
            except psycopg.errors.UndefinedTable:  # retention has dropped it meanwhile
                continue
        _patiently(
            connection, sql.SQL("alter index {} attach partition {}").format(sql.Identifier(name), part)
        )


def _patiently(connection: psycopg.Connection[Any], *statements: sql.SQL | sql.Composed) -> None:
    """Execute in one transaction, without making others wait for longer than a moment at a time."""
    for _ in range(_ATTEMPTS):
        try:
            with connection.transaction():
                connection.execute("select set_config('lock_timeout', %s, true)", (_LOCK_TIMEOUT,))
                for statement in statements:
                    connection.execute(statement)
        except psycopg.errors.LockNotAvailable:
            time.sleep(_PAUSE_SECONDS)
        else:
            return
    raise UnavailableError("logs is in use", "try again: what is done stays done")


def _name(key: str) -> str:
    """The index's name: readable, and different for every key."""
    if not key or "\0" in key:
        raise InputError("the key is empty or holds U+0000", "name one key of data, such as user_id")
    try:
        encoded = key.encode()
    except UnicodeEncodeError:
        raise InputError("the key is no text", "name one key of data, such as user_id") from None
    readable = re.sub(r"[^a-z0-9]+", "_", key.lower())[:32].strip("_")
    return f"logs_key_{readable}_{hashlib.sha256(encoded).hexdigest()[:8]}"


def _suffix(name: str) -> str:
    return "_key_" + name[-8:]


def _call(connection: psycopg.Connection[Any], query: str) -> bool:
    return bool(connection.cursor(row_factory=scalar_row).execute(query).fetchone())
