"""Ways to ask a PostgreSQL: by its address, or over what SQLAlchemy has; drivers' errors end here."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from godot_analysis.errors import BadFilter, BadSource, GodotAnalysisError, SourceUnavailable
from godot_wire import connections

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection, Engine

_CHUNK: Final = 20_000
_CONNECT_TIMEOUT: Final = 10  # seconds; a host that does not answer at all must not hold a notebook
_EXAMPLE: Final = "postgresql://user:password@host:5432/godot"

_ADDRESS: Final = re.compile(r"(?P<kind>postgres(?:ql)?(?:\+\w+)?)://", re.IGNORECASE)
_PARAMETER: Final = re.compile(r"(?<!:):([a-z_]+)")

_MISSING_TABLE: Final = frozenset(("42P01", "42883", "3F000"))
_UNREACHABLE: Final = ("08", "57", "53")
_REFUSED: Final = ("28", "42501", "3D000")
_CANCELLED: Final = "57014"  # by statement_timeout, most often


class Server(Protocol):
    """An open connection. Queries have `:name` where a value goes; values are always bound."""

    def rows(self, query: str, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """All rows."""

    def blocks(self, query: str, values: Mapping[str, Any]) -> Iterator[Sequence[Sequence[Any]]]:
        """Rows in blocks, read by a cursor, so that memory holds them once."""


class Direct:
    """A connection of our own, by the rules of libpq: environment, service and password files included."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def rows(self, query: str, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """All rows."""
        return self._connection.execute(_driver_style(query), values, binary=True).fetchall()

    def blocks(self, query: str, values: Mapping[str, Any]) -> Iterator[Sequence[Sequence[Any]]]:
        """Rows in blocks, read by a cursor, so that memory holds them once."""
        with self._connection.transaction(), self._connection.cursor("godot", binary=True) as cursor:
            cursor.execute(_driver_style(query), values)
            while rows := cursor.fetchmany(_CHUNK):
                yield rows

    @contextmanager
    def snapshot(self) -> Iterator[str]:
        """The name of the present state of the database: others can take it over while this lasts."""
        with self._connection.transaction():
            self._connection.execute("set transaction isolation level repeatable read, read only")
            yield self._connection.execute("select pg_export_snapshot()").fetchall()[0][0]

    def composed(self, query: str, values: Mapping[str, Any]) -> str:
        """The query with its values in place, each quoted by libpq for this very connection."""
        return psycopg.ClientCursor(self._connection).mogrify(_driver_style(query), values)

    @property
    def address(self) -> str:
        """Where this connection ended up, as libpq takes it; with the password."""
        info = self._connection.info
        reached: dict[str, Any] = {"host": info.host, "port": info.port, "password": info.password}
        return make_conninfo(
            "", **(info.get_parameters() | {key: value for key, value in reached.items() if value})
        )


class Borrowed:
    """A connection of SQLAlchemy, with whatever driver and settings it has."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def rows(self, query: str, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """All rows: from psycopg itself where that is the driver, which takes a third less for a thousand."""
        driver = self._connection.connection.driver_connection
        if isinstance(driver, psycopg.Connection):
            with _without_transaction(driver):
                return Direct(driver).rows(query, values)
        from sqlalchemy import text  # noqa: PLC0415 - a quarter second, for those who use it anyway

        return self._connection.execute(text(query), values).all()

    def blocks(self, query: str, values: Mapping[str, Any]) -> Iterator[Sequence[Sequence[Any]]]:
        """Rows in blocks, read by a cursor, so that memory holds them once."""
        from sqlalchemy import text  # noqa: PLC0415 - as above

        result = self._connection.execute(
            text(query), values, execution_options={"stream_results": True, "yield_per": _CHUNK}
        )
        yield from result.partitions()


@contextmanager
def connected(source: str | Engine | Connection) -> Iterator[Server]:
    """A connection that is given back or closed afterwards, with the driver's errors translated."""
    if isinstance(source, str):
        with translated(source, psycopg.Error), _opened(source) as connection:
            yield Direct(connection)
        return
    from sqlalchemy.engine import Connection  # noqa: PLC0415 - loaded already by who has an engine
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

    engine = source.engine  # an engine knows itself
    where = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with translated(where, DBAPIError, psycopg.Error):
        if isinstance(source, Connection):
            yield Borrowed(source)
            return
        with source.connect() as connection:
            yield Borrowed(connection)


@contextmanager
def translated(address: str, *errors: type[Exception]) -> Iterator[None]:
    """What a driver raises, as an error that says what to do; without the password that it may quote."""
    try:
        yield
    except errors as error:
        # SQLAlchemy wraps the error of the driver that it uses.
        raise _translation(getattr(error, "orig", None) or error, address) from None


def shown(url: str) -> str:
    """The address without its password, and without the driver that it may name."""
    return connections.shown(_plain(url))


def _plain(url: str) -> str:
    return _ADDRESS.sub("postgresql://", url, count=1)


def _opened(url: str) -> psycopg.Connection[Any]:
    if not _ADDRESS.match(url):
        scheme, separator, _ = url.partition("://")
        what = f"{scheme}://" if separator and scheme.isalnum() else shown(url)
        raise BadSource(f"{what} is no PostgreSQL", hint=_EXAMPLE)
    try:
        given = conninfo_to_dict(_plain(url))
    except psycopg.ProgrammingError as error:
        said = str(error).strip().partition("\n")[0]
        raise BadSource(
            f"not a database URL: {shown(url)}: {connections.scrubbed(said, url)}", hint=_EXAMPLE
        ) from None
    given.setdefault("connect_timeout", _CONNECT_TIMEOUT)
    # Without a transaction around each question there are two round trips less.
    return psycopg.connect("", autocommit=True, **given)  # type: ignore[arg-type]


@contextmanager
def _without_transaction(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Two round trips less for one question, unless the connection is in a transaction already."""
    if connection.autocommit or connection.info.transaction_status is not pq.TransactionStatus.IDLE:
        yield
        return
    connection.autocommit = True
    try:
        yield
    finally:
        if not connection.closed:
            connection.autocommit = False


def _driver_style(query: str) -> str:
    return _PARAMETER.sub(r"%(\1)s", query)


def _translation(error: BaseException, address: str) -> GodotAnalysisError:
    state = getattr(error, "sqlstate", None) or ""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    where, said = shown(address), connections.scrubbed(lines[0], address)
    if state in _MISSING_TABLE:
        return BadSource(
            f"{where} has no logs of this version: {said}", hint="run: godot db upgrade", sqlstate=state
        )
    if state.startswith(_REFUSED):
        return SourceUnavailable(f"{where}: {said}", hint="check user, password and rights", sqlstate=state)
    operational = any(kind.__name__ == "OperationalError" for kind in type(error).__mro__)
    if state == _CANCELLED:
        return SourceUnavailable(
            f"{where}: {said}", hint="a narrower question is quicker: start=…, limit=…", sqlstate=state
        )
    if not state or state.startswith(_UNREACHABLE) or operational:
        return SourceUnavailable(
            f"{where}: {said}",
            hint="is PostgreSQL running there? GODOT_DATABASE_URL or source=… names another",
            sqlstate=state,
        )
    return BadFilter(f"{where}: {said}", hint="the database refuses this filter", sqlstate=state)
