"""Large answers in Arrow batches by ADBC, which reads PostgreSQL's binary COPY in C, over two connections."""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from typing import TYPE_CHECKING, Final

import adbc_driver_postgresql.dbapi as adbc

from godot_analysis.loading.arrow import log_frame
from godot_analysis.loading.connections import translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    import pyarrow as pa

    from godot_analysis.loading.connections import Direct

_BATCH_BYTES: Final = {"adbc.postgresql.batch_size_hint_bytes": str(2 << 20)}  # by default 16 MiB are in work


def log_frame_of(
    server: Direct, queries: Sequence[str], values: dict[str, object], where: str
) -> pd.DataFrame:
    """The log frame of queries for all columns of `logs` as they are, in any order, one for each part of it.

    ADBC opens connections of its own to the same address: one for each query, fewer where the server has no
    more to give. All of them see the same state of the database. COPY takes no parameters: libpq quotes the
    values.
    """
    with translated(where, adbc.Error), ExitStack() as stack:
        cursors: list[adbc.Cursor] = []
        with server.snapshot() if len(queries) > 1 else nullcontext() as snapshot:
            for _ in queries:
                try:
                    connection = stack.enter_context(adbc.connect(server.address, autocommit=True))
                except adbc.OperationalError:
                    if not cursors:
                        raise
                    break
                cursor = stack.enter_context(connection.cursor())
                cursor.adbc_statement.set_options(**_BATCH_BYTES)
                if snapshot is not None:
                    cursor.execute("begin isolation level repeatable read read only")
                    cursor.execute(server.composed("set transaction snapshot :name", {"name": snapshot}))
                cursors.append(cursor)
        asked = [server.composed(query, values) for query in queries]
        return log_frame(*(_batches(cursor, asked[n :: len(cursors)]) for n, cursor in enumerate(cursors)))


def _batches(cursor: adbc.Cursor, queries: Sequence[str]) -> Iterator[pa.RecordBatch]:
    for query in queries:
        cursor.execute(query)
        yield from cursor.fetch_record_batch()
