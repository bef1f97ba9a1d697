"""Writes what is about to go into Parquet files that `godot_analysis` reads, and proves them first.

A file's name says the partition and how many times it was retired before, which is counted in the
transaction that removes the rows: until that has happened, archiving again writes the same file anew, and
afterwards nothing ever writes it again. So a crash in between loses nothing and doubles nothing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from psycopg import IsolationLevel, sql
from psycopg.errors import InsufficientPrivilege
from psycopg.rows import tuple_row

from godot_daemon.errors import SetupError, UnavailableError
from godot_daemon.retention import Portion

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg
    import pyarrow as pa

ROWS_IN_MEMORY: Final = 10_000
"""A row group, too: whoever reads one hour of a day decodes the groups of that hour only."""

_UNFINISHED: Final = ".part"

_SELECT: Final = sql.SQL("""
select id::text, trace_id::text, component, level, message, data::text,
       (extract(epoch from event_created_at) * 1000000)::bigint,
       (extract(epoch from ingestion_created_at) * 1000000)::bigint,
       instance, seq, uuid_hash_extended(id, 0)
from logs where {}
""")


class ParquetArchive:
    """A directory of Parquet files: the columns of a log frame, `data` as JSON text.

    Parameters
    ----------
    directory
        It has to exist: a disk that is not mounted must not become a directory of the root disk.
    connection
        One that may read `logs`.
    """

    def __init__(self, directory: str | Path, connection: psycopg.Connection[Any]) -> None:
        self._directory = Path(directory)
        self._connection = connection
        self._schema = _schema()
        if not self._directory.is_dir():
            raise SetupError(f"the archive {directory} is no directory", "create it, or mount its disk")

    def store(self, partition: str, where: sql.Composable, values: dict[str, Any]) -> Portion | None:
        """See `retention.Archive`."""
        path = self._directory / self._name(partition)
        unfinished = path.with_name(path.name + _UNFINISHED)
        try:
            portion = self._write(unfinished, path.name, where, values)
            if portion is not None:
                unfinished.replace(path)
                _sync(self._directory)
        except OSError as error:
            raise UnavailableError(f"the archive {path}: {error.strerror or error}") from error
        except InsufficientPrivilege as error:
            raise SetupError(
                f"archiving has to read: {error.diag.message_primary}",
                "grant godot_reader to the user that connects",
            ) from error
        finally:
            unfinished.unlink(missing_ok=True)
        return portion

    def _name(self, partition: str) -> str:
        cursor = self._connection.cursor(row_factory=tuple_row)
        row = cursor.execute(
            "select count(*) from retention_log where partition = %s", (partition,)
        ).fetchone()
        times = row[0] if row else 0
        # Names of partitions are ours, yet whoever attaches one by hand may call it anything.
        safe = "".join(
            character if character.isalnum() or character in "_-" else "-" for character in partition
        )
        return f"{safe}.{times + 1}.parquet" if times else f"{safe}.parquet"

    def _write(self, path: Path, name: str, where: sql.Composable, values: dict[str, Any]) -> Portion | None:
        import pyarrow.parquet as pq  # noqa: PLC0415 - an extra, loaded by who archives

        records, fingerprint = 0, 0
        earliest, latest = 2**63, -(2**63)
        with (
            path.open("wb") as stream,
            pq.ParquetWriter(
                stream, self._schema, compression="zstd", write_page_checksum=True, use_dictionary=_REPEATED
            ) as writer,
        ):
            for rows in self._rows(where, values):
                *columns, prints = zip(*rows, strict=True)
                for one in prints:
                    fingerprint ^= one
                records += len(rows)
                times = columns[_EVENT]
                earliest, latest = min(earliest, *times), max(latest, *times)
                writer.write_batch(self._batch(columns))
            writer.close()
            stream.flush()
            os.fsync(stream.fileno())
        if not records:
            return None
        if _proven(path) != (records, earliest, latest):
            raise UnavailableError(f"the archive {path} does not hold what was written to it")
        return Portion(name, records, fingerprint)

    def _rows(self, where: sql.Composable, values: dict[str, Any]) -> Iterator[list[tuple[Any, ...]]]:
        self._connection.isolation_level = IsolationLevel.REPEATABLE_READ
        with (
            self._connection.transaction(),
            self._connection.cursor("archive", row_factory=tuple_row) as cursor,
        ):
            cursor.execute(_SELECT.format(where), values)
            while rows := cursor.fetchmany(ROWS_IN_MEMORY):
                yield rows

    def _batch(self, columns: list[tuple[Any, ...]]) -> pa.RecordBatch:
        import pyarrow as pa  # noqa: PLC0415

        return pa.record_batch(
            [pa.array(column, type=kind.type) for column, kind in zip(columns, self._schema, strict=True)],
            schema=self._schema,
        )


_EVENT: Final = 6  # event_created_at among the columns
_REPEATED: Final = ["trace_id", "component", "level", "message", "instance"]


def _schema() -> pa.Schema:
    try:
        import pyarrow as pa  # noqa: PLC0415
    except ModuleNotFoundError:
        raise SetupError(
            "archiving needs pyarrow, which is not installed", "pip install 'godot-logging[parquet]'"
        ) from None
    time = pa.timestamp("us", tz="UTC")
    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("trace_id", pa.string()),
            pa.field("component", pa.string(), nullable=False),
            pa.field("level", pa.string(), nullable=False),
            pa.field("message", pa.string(), nullable=False),
            pa.field("data", pa.string()),
            pa.field("event_created_at", time, nullable=False),
            pa.field("ingestion_created_at", time, nullable=False),
            pa.field("instance", pa.string()),
            pa.field("seq", pa.int64()),
        ]
    )


def _proven(path: Path) -> tuple[int, int, int]:
    """Read a file back from beginning to end, checksums included: rows, earliest and latest event."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    rows, earliest, latest = 0, 2**63, -(2**63)
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for number in range(file.num_row_groups):
                group = file.read_row_group(number)
                times = pc.min_max(group["event_created_at"].cast(pa.int64())).as_py()
                rows += len(group)
                earliest, latest = min(earliest, times["min"]), max(latest, times["max"])
    except pa.ArrowException as error:
        raise UnavailableError(f"the archive {path} cannot be read back: {error}") from error
    return rows, earliest, latest


def _sync(directory: Path) -> None:
    """Make a new name in a directory survive a power cut."""
    number = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
