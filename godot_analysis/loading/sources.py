"""Where logs come from: one way to ask, whatever is behind it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from godot_analysis.errors import BadSource, SourceUnavailable
from godot_wire.connections import shown

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy.engine import Connection, Engine

    from godot_analysis.loading.filters import Filter, Since

    AnySource: TypeAlias = "str | os.PathLike[str] | Engine | Connection | None"

_FILES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz", ".json", ".log", ".parquet")


class Source(Protocol):
    """A store of log records."""

    def logs(self, wanted: Filter) -> pd.DataFrame:
        """Records in order of time; with a limit the newest ones."""

    def traces(self, since: Since | None, component: str | None, status: str | None) -> pd.DataFrame:
        """One row for each trace, the newest first."""


def open_source(source: AnySource) -> Source:
    """Find out what a source is, and make it askable.

    Raises
    ------
    BadSource
        When it is none of the kinds that are known.
    """
    if source is None:
        source = default_source()
    if isinstance(source, os.PathLike) or (isinstance(source, str) and _is_file(source)):
        path = Path(source)
        if path.is_dir() or path.suffix == ".parquet":
            return _archive(path)
        from godot_analysis.loading.jsonl import JsonlFile  # noqa: PLC0415 - each kind of source loads when used

        return JsonlFile(path)
    if not isinstance(source, str) and not hasattr(source, "connect") and not hasattr(source, "execute"):
        raise BadSource(
            f"a source is no {type(source).__name__}",
            hint="a database URL, a SQLAlchemy engine or connection, or the path of a file",
        )
    from godot_analysis.loading.database import Database  # noqa: PLC0415 - as above; SQLAlchemy takes a quarter second

    return Database(source)


def _archive(path: Path) -> Source:
    try:
        import pyarrow  # noqa: F401, ICN001, PLC0415 - an extra, needed for archives alone
    except ModuleNotFoundError:
        raise BadSource(
            f"{path} is an archive, and pyarrow is not installed", hint="pip install 'godot-logging[parquet]'"
        ) from None
    from godot_analysis.loading.parquet import ParquetArchive  # noqa: PLC0415 - as above

    return ParquetArchive(path)


def default_source() -> str:
    """The database of the environment: `GODOT_DATABASE_URL`, or the content of `…_FILE`."""
    url, path = os.environ.get("GODOT_DATABASE_URL"), os.environ.get("GODOT_DATABASE_URL_FILE")
    if url or not path:
        return url or "postgresql:///godot"
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SourceUnavailable(
            f"GODOT_DATABASE_URL_FILE: {path}: {error.strerror}",
            hint="name a readable file, or set GODOT_DATABASE_URL",
        ) from None


def _is_file(source: str) -> bool:
    if "://" in source:
        return False
    if source.lower().endswith(_FILES) or Path(source).exists():
        return True
    raise BadSource(
        f"{shown(source)!r} is neither a database URL nor a file of logs",
        hint="postgresql://…, a path that ends in .jsonl or .parquet, or the directory of an archive",
    )
