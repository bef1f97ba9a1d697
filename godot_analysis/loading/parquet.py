"""Logs from the archive that retention writes: a directory of Parquet files, or one of them."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from godot_analysis.columns import LOGS
from godot_analysis.errors import BadFile, BadSource
from godot_analysis.loading.filters import Filter, Since
from godot_analysis.loading.frames import trace_frame
from godot_analysis.loading.matching import matching, trace_rows

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from pyarrow.compute import Expression
    from pyarrow.dataset import Dataset


class ParquetArchive:
    """Files of log frames with `data` as JSON text; only what a filter needs is decoded."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def logs(self, wanted: Filter) -> pd.DataFrame:
        """Records in order of time; with a limit the newest ones."""
        wanted = self._fixed(wanted)
        return matching(self._read(_condition(wanted)), wanted)

    def traces(self, since: Since | None, component: str | None, status: str | None) -> pd.DataFrame:
        """One row for each trace that was active since then, the newest first."""
        condition = _condition(self._fixed(Filter(start=since, component=component)))
        active = self._dataset().to_table(filter=condition, columns=["trace_id"])
        logs = self._read(_field("trace_id").isin(active["trace_id"].unique().drop_null()))
        rows = [row for row in trace_rows(logs) if status in (None, row[6])]
        return trace_frame(rows)

    def _read(self, condition: Expression | None) -> pd.DataFrame:
        from godot_analysis.loading.arrow import log_frame  # noqa: PLC0415 - an extra, needed for archives alone

        return log_frame(self._dataset().to_batches(filter=condition, columns=list(LOGS)))

    def _dataset(self) -> Dataset:
        import pyarrow as pa  # noqa: PLC0415 - an extra, needed for archives alone
        import pyarrow.dataset as ds  # noqa: PLC0415

        # What an interrupted archiving left has another ending.
        files = sorted(self._path.glob("*.parquet")) if self._path.is_dir() else [self._path]
        if not files:
            raise BadSource(
                f"{self._path} holds no *.parquet files",
                hint="name the directory that GODOT_ARCHIVE_DIR names",
            )
        try:
            found = ds.dataset([str(file) for file in files], format="parquet")
        except (OSError, pa.ArrowException) as error:
            raise BadFile(
                f"{self._path}: {error}", hint="is that an archive of logs?", path=str(self._path)
            ) from None
        lacking = [name for name in LOGS if name not in found.schema.names]
        if lacking:
            raise BadFile(
                f"{self._path} has no column {', '.join(lacking)}",
                hint="is that an archive of logs?",
                path=str(self._path),
            )
        return found

    def _fixed(self, wanted: Filter) -> Filter:
        """The filter with fixed times: "ago" counts from the newest record."""
        if not any(moment and moment.at is None for moment in (wanted.start, wanted.end)):
            return wanted
        newest = self._newest()
        return replace(
            wanted,
            start=wanted.start and Since(at=wanted.start.before(newest)),
            end=wanted.end and Since(at=wanted.end.before(newest)),
        )

    def _newest(self) -> dt.datetime:
        import pyarrow.compute as pc  # noqa: PLC0415

        latest: list[dt.datetime] = [
            pc.max(batch["event_created_at"]).as_py()
            for batch in self._dataset().to_batches(columns=["event_created_at"])
            if len(batch)
        ]
        return max(latest, default=dt.datetime.now(dt.UTC))


def _condition(wanted: Filter) -> Expression | None:
    """What the files can decide by themselves; the rest is decided on the frame."""
    parts: list[Expression] = []
    if wanted.trace_id is not None:
        parts.append(_field("trace_id") == wanted.trace_id)
    if wanted.component is not None:
        parts.append(_field("component") == wanted.component)
    if wanted.levels is not None:
        parts.append(_field("level").isin(wanted.levels))
    if wanted.start is not None:
        parts.append(_field("event_created_at") >= wanted.start.at)
    if wanted.end is not None:
        parts.append(_field("event_created_at") < wanted.end.at)
    condition = None
    for part in parts:
        condition = part if condition is None else condition & part
    return condition


def _field(name: str) -> Any:
    import pyarrow.compute as pc  # noqa: PLC0415

    return pc.field(name)
