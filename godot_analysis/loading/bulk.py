"""Large answers in Arrow batches by ADBC, which reads PostgreSQL's binary COPY in C, over two connections."""

from __future__ import annotations

from bisect import bisect_left
from contextlib import ExitStack
from threading import Lock
from typing import TYPE_CHECKING, Final

import adbc_driver_postgresql.dbapi as adbc
import psycopg

from godot_analysis.loading.arrow import log_frame
from godot_analysis.loading.connections import translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd
    import pyarrow as pa

    from godot_analysis.loading.connections import Direct

_BATCH_BYTES: Final = {"adbc.postgresql.batch_size_hint_bytes": str(2 << 20)}  # by default 16 MiB are in work
_MANY_PAGES: Final = 2_000  # of 8 KiB; from here on a second connection pays

# Who may read only some of the columns may not ask for the place of a row.
_PAGES: Final = """
    select pg_relation_size(relid) / current_setting('block_size')::int
    from pg_partition_tree('logs') where isleaf and has_table_privilege('logs', 'select')
"""


def log_frame_of(
    server: Direct,
    query: Callable[..., str],
    values: dict[str, object],
    where: str,
    *,
    reads_all: bool,
) -> pd.DataFrame:
    """The log frame of a query for all columns of `logs` as they are, in any order.

    `query` takes further conditions. What reads all of a large table is asked in two halves: sending rows
    takes the server longer than taking them takes us, and two connections keep two processors busy. ADBC
    opens connections of its own to the same address. COPY takes no parameters: libpq quotes the values.
    """
    whole, address = server.composed(query(), values), server.address
    with translated(where, adbc.Error, OSError):
        parts = _halves(server, query, values, address) if reads_all else []
        answers = [_Answer(*part) for part in parts or [(adbc.connect(address, autocommit=True), whole)]]
        return log_frame(*answers, stops=[answer.stop for answer in answers])


class _Answer:
    """What one connection answers, in batches; whoever reads it closes the connection."""

    def __init__(self, connection: adbc.Connection, query: str) -> None:
        self._connection = connection
        self._query = query
        self._cursor = connection.cursor()
        self._closing = Lock()
        self._open = True

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            self._cursor.adbc_statement.set_options(**_BATCH_BYTES)
            self._cursor.execute(self._query)
            yield from self._cursor.fetch_record_batch()
        finally:
            with self._closing:
                self._open = False
                self._cursor.close()
                self._connection.close()

    def stop(self) -> None:
        """End it with an error for whoever reads it, from another thread."""
        with self._closing:
            if self._open:
                self._cursor.adbc_cancel()


def _halves(
    server: Direct, query: Callable[..., str], values: dict[str, object], address: str
) -> list[tuple[adbc.Connection, str]]:
    """Two connections that see the same state of the database, and what to ask each of them.

    None where `logs` is small, and where server, login or what lies between do not allow it.
    """
    with ExitStack() as stack:
        try:
            pages = [int(row[0]) for row in server.rows(_PAGES, {})]
            if sum(pages) < _MANY_PAGES:
                return []
            middle = _middle(pages)
            halves = [server.composed(query(f"ctid {side} '({middle},0)'"), values) for side in ("<", ">=")]
            with server.snapshot() as name:
                taking_over = server.composed("set transaction snapshot :name", {"name": name})
                opened = []
                for half in halves:
                    connection = stack.enter_context(adbc.connect(address, autocommit=True))
                    with connection.cursor() as cursor:
                        cursor.execute("begin isolation level repeatable read read only")
                        cursor.execute(taking_over)
                    opened.append((connection, half))
        except (adbc.Error, psycopg.Error):
            return []
        stack.pop_all()
        return opened


def _middle(pages: list[int]) -> int:
    """The page before which half of all pages lie, counted in each partition."""
    return bisect_left(
        range(max(pages)), sum(pages) / 2, key=lambda page: sum(min(page, own) for own in pages)
    )
