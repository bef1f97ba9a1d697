"""Logs from PostgreSQL: values always bound, everything decoded here, nothing left open."""

from __future__ import annotations

import datetime as dt
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import NullPool

from godot_analysis.columns import LOGS
from godot_analysis.errors import BadFilter, BadSource, GodotAnalysisError, SourceUnavailable
from godot_analysis.loading.frames import frame, trace_frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from godot_analysis.loading.filters import Filter, Since

_CHUNK: Final = 20_000
_CONNECT_TIMEOUT: Final = 10  # seconds; a host that does not answer at all must not hold a notebook

# Times travel as whole microseconds: dates as objects would cost more than all other columns together.
_MICROS: Final = "(extract(epoch from {}) * 1000000)::bigint"
_COLUMNS: Final = ", ".join(
    (
        "id::text",
        "trace_id::text",
        "component",
        "level",
        "message",
        "data::text",
        _MICROS.format("event_created_at"),
        _MICROS.format("ingestion_created_at"),
        "instance",
        "seq",
    )
)

_MISSING_TABLE: Final = frozenset(("42P01", "42883", "3F000"))
_UNREACHABLE: Final = ("08", "57", "53")
_REFUSED: Final = ("28", "42501", "3D000")


class Database:
    """A PostgreSQL with the schema of `sql/`."""

    def __init__(self, source: str | Engine | Connection) -> None:
        self._source = source

    def logs(self, wanted: Filter) -> pd.DataFrame:
        """Records in order of time; with a limit the newest ones."""
        conditions, values = _conditions(wanted)
        where = f"where {' and '.join(conditions)}" if conditions else ""
        order = "event_created_at, seq nulls first, id"
        if wanted.limit is not None:
            values["limit"] = wanted.limit
            newest = "event_created_at desc, seq desc nulls last, id desc"
            query = f"select * from (select * from logs {where} order by {newest} limit :limit) as newest"  # noqa: S608
            query = f"select {_COLUMNS} from ({query}) as rows order by {order}"  # noqa: S608 - constants only
        else:
            query = f"select {_COLUMNS} from logs {where} order by {order}"  # noqa: S608 - constants only
        columns: list[list[Any]] = [[] for _ in LOGS]
        with self._connected() as connection:
            for rows in _chunks(connection, query, values, stream=_is_large(wanted)):
                for column, part in zip(columns, zip(*rows, strict=True), strict=True):
                    column.extend(part)
        named = dict(zip(LOGS, columns, strict=True))
        named["data"] = _decoded(named["data"])
        logs = frame(named, LOGS)
        logs.attrs["live"] = True
        return logs

    def traces(self, since: Since | None, component: str | None, status: str | None) -> pd.DataFrame:
        """One row for each trace that was active since then, the newest first."""
        values: dict[str, Any] = {}
        inside, having = ["trace_id is not null"], []
        if since is not None:
            inside.append("event_created_at >= :since")
            values["since"] = since.before(dt.datetime.now(dt.UTC))
        if component is not None:
            inside.append("component = :component")
            values["component"] = component
        if status is not None:
            having.append("status = :status")
            values["status"] = status
        query = f"""
            select * from (
                select trace_id::text, {_MICROS.format("min(event_created_at)")} as started,
                       {_MICROS.format("max(event_created_at)")} as ended, count(*) as records,
                       count(*) filter (where level = 'ERROR') as errors,
                       count(*) filter (where level = 'WARN') as warnings,
                       case when bool_or(level = 'ERROR') then 'error'
                            when bool_or(level = 'WARN') then 'warn' else 'ok' end as status,
                       array_agg(distinct component order by component) as components,
                       (array_agg(left(message, 200) order by event_created_at, seq))[1] as title
                from logs
                where trace_id in (select trace_id from logs where {" and ".join(inside)})
                group by trace_id
            ) as traces
            {"where " + having[0] if having else ""}
            order by started desc, trace_id
        """  # noqa: S608 - constants only
        with self._connected() as connection:
            rows = connection.execute(text(query), values).all()
        return trace_frame(rows)

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """A connection in a transaction that is given back, with the driver's errors translated."""
        source = self._source
        made: Engine | None = None
        try:
            if isinstance(source, Connection):
                yield source
                return
            if isinstance(source, Engine):
                engine = source
            else:
                engine = made = _engine(source)
            with engine.connect() as connection:
                yield connection
        except (DBAPIError, ArgumentError, NoSuchModuleError) as error:
            raise _translated(error, _shown(source)) from None
        finally:
            if made is not None:
                made.dispose()


def _conditions(wanted: Filter) -> tuple[list[str], dict[str, Any]]:
    """SQL with bound values for each filter that is set."""
    now = dt.datetime.now(dt.UTC)
    levels = wanted.levels and list(wanted.levels)
    asked: dict[str, tuple[str, Any]] = {
        "trace_id": ("trace_id = cast(:trace_id as uuid)", wanted.trace_id),
        "component": ("component = :component", wanted.component),
        # The partial index of errors serves only when the planner sees the constant.
        "errors": ("level = 'ERROR' and :errors", levels == ["ERROR"] or None),
        "levels": ("level = any(:levels)", levels if levels != ["ERROR"] else None),
        "start": ("event_created_at >= :start", wanted.start and wanted.start.before(now)),
        "end": ("event_created_at < :end", wanted.end and wanted.end.before(now)),
        "search": ("log_words(message) @@ log_query(:search)", wanted.search),
        "data": ("data @> cast(:data as jsonb)", None if wanted.data is None else _json(wanted.data)),
    }
    given = {name: pair for name, pair in asked.items() if pair[1] is not None}
    values = {name: value for name, (_, value) in given.items()}
    return [condition for condition, _ in given.values()], values


def _json(data: dict[str, Any]) -> str:
    try:
        return msgspec.json.encode(data).decode()
    except (TypeError, ValueError) as error:
        raise BadFilter(
            f"data is no JSON: {error}", hint="dicts, lists, text, numbers, booleans, None"
        ) from None


def _is_large(wanted: Filter) -> bool:
    """Whether the answer may not fit into one block; for one that does, a cursor wastes round trips."""
    return wanted.trace_id is None and (wanted.limit is None or wanted.limit > _CHUNK)


def _chunks(connection: Connection, query: str, values: dict[str, Any], *, stream: bool) -> Iterator[Any]:
    """Rows in blocks, large answers from a server-side cursor, so that memory holds them once."""
    if not stream:
        if rows := connection.execute(text(query), values).all():
            yield rows
        return
    result = connection.execution_options(stream_results=True, yield_per=_CHUNK).execute(text(query), values)
    yield from result.partitions()


def _decoded(texts: list[str | None]) -> list[dict[str, Any] | None]:
    decode = msgspec.json.Decoder().decode
    return [None if value is None else decode(value) for value in texts]


def _engine(url: str) -> Engine:
    """An engine without a pool: what it opens is closed at once."""
    if url.startswith("postgres://"):  # what hosting services hand out
        url = "postgresql://" + url.removeprefix("postgres://")
    parsed = make_url(url)
    if not parsed.drivername.startswith("postgresql"):
        raise BadSource(
            f"{parsed.drivername}:// is no PostgreSQL", hint="postgresql://user:password@host:5432/godot"
        )
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    timeout = {} if "connect_timeout" in parsed.query else {"connect_timeout": _CONNECT_TIMEOUT}
    return create_engine(parsed, poolclass=NullPool, connect_args=timeout)


def _shown(source: str | Engine | Connection) -> str:
    """The address without its password."""
    if isinstance(source, Connection):
        source = source.engine
    try:
        url = source.url if isinstance(source, Engine) else make_url(source)
    except ArgumentError:
        return "the database URL"
    return url.set(drivername="postgresql").render_as_string(hide_password=True)


def _translated(error: Exception, where: str) -> GodotAnalysisError:
    """The driver's error as one that says what to do."""
    if not isinstance(error, DBAPIError):
        return BadSource(f"not a database URL: {where}", hint="postgresql://user:password@host:5432/godot")
    state = getattr(error.orig, "sqlstate", None) or ""
    lines = str(error.orig).strip().splitlines() or [type(error).__name__]
    said = lines[0]
    if state in _MISSING_TABLE:
        return BadSource(
            f"{where} has no logs of this version: {said}", hint="run: godot db upgrade", sqlstate=state
        )
    if state.startswith(_REFUSED):
        return SourceUnavailable(f"{where}: {said}", hint="check user, password and rights", sqlstate=state)
    if not state or state.startswith(_UNREACHABLE) or isinstance(error, OperationalError):
        return SourceUnavailable(
            f"{where}: {said}",
            hint="is PostgreSQL running there? GODOT_DATABASE_URL or source=… names another",
            sqlstate=state,
        )
    return BadFilter(f"{where}: {said}", hint="the database refuses this filter", sqlstate=state)
