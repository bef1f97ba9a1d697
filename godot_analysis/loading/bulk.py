"""Large answers in Arrow batches by ADBC, which reads PostgreSQL's binary COPY in C."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import adbc_driver_postgresql.dbapi as adbc

from godot_analysis.loading.arrow import log_frame
from godot_analysis.loading.connections import translated

if TYPE_CHECKING:
    import pandas as pd

    from godot_analysis.loading.connections import Direct

_BATCH_BYTES: Final = {"adbc.postgresql.batch_size_hint_bytes": str(4 << 20)}  # by default 16 MiB are in work


def log_frame_of(server: Direct, query: str, values: dict[str, object], where: str) -> pd.DataFrame:
    """The log frame of a query for all columns of `logs` as they are, in any order.

    ADBC opens a connection of its own to the same address. COPY takes no parameters: libpq quotes the values.
    """
    with (
        translated(where, adbc.Error),
        adbc.connect(server.address, autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        cursor.adbc_statement.set_options(**_BATCH_BYTES)
        cursor.execute(server.composed(query, values))
        return log_frame(cursor.fetch_record_batch())
