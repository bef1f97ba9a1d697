"""A PostgreSQL connection that notices a hanging server, and the judgement of what went wrong."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from godot_daemon import refusal
from godot_daemon.errors import GodotError, SetupError, UnavailableError
from godot_wire.connections import scrubbed, shown

if TYPE_CHECKING:
    from psycopg.abc import PQGen
    from psycopg.pq.abc import PGconn

WRITER_ROLE: Final = "godot_writer"

AWAY: Final = "start it, for instance with `godot up`, or set GODOT_DATABASE_URL"
"""What to do when it does not answer."""

_GRACE_MAX_SECONDS: Final = 5.0
"""How much longer than the server's own time-out we wait at most: a server that works should speak first."""

_RETRY_CLASSES: Final = frozenset(("08", "25", "40", "53", "55", "57", "58", "XX"))
_AWAY_STATES: Final = ("08", "57P")
_DATA_CLASSES: Final = frozenset(("22", "23", "54"))
_SETUP_CLASSES: Final = frozenset(("0A", "28", "3D", "3F", "42"))

# Where `refusal` finds no SQLSTATE for a failed connection there is only the server's text, here in English.
_REFUSED: Final = re.compile(
    r"FATAL: .*(authentication failed|does not exist|no pg_hba\.conf entry|permission denied"
    r"|is not permitted to log in)|no password supplied"
)


class Verdict(Enum):
    """What to do about a database error."""

    RETRY = "retry"  # the server or the way to it: the same again later
    DATA = "data"  # a record of the batch: find it
    SETUP = "setup"  # nothing that time will heal


def judge(error: psycopg.Error) -> Verdict:
    """Judge an error by the class of its SQLSTATE; what is unknown is worth another try."""
    state = error.sqlstate
    if state is None:
        if isinstance(error, psycopg.DataError):
            return Verdict.DATA
        return Verdict.SETUP if _REFUSED.search(str(error)) else Verdict.RETRY
    if state[:2] in _DATA_CLASSES:
        return Verdict.DATA
    return Verdict.SETUP if state[:2] in _SETUP_CLASSES else Verdict.RETRY


def state_class(error: psycopg.Error) -> str:
    """The class of an error's SQLSTATE; 08 (connection) when the driver gives none."""
    return (error.sqlstate or "08")[:2]


def translated(error: psycopg.Error, url: str) -> GodotError:
    """The same as one of this package's errors."""
    text = scrubbed(said(error), url)
    where = f"PostgreSQL at {shown(url)}"
    if judge(error) is Verdict.SETUP:
        return SetupError(f"{where} refuses: {text}", _advice(error))
    if error.sqlstate is None or error.sqlstate.startswith(_AWAY_STATES):
        return UnavailableError(f"{where} does not answer: {text}", AWAY)
    return UnavailableError(f"{where} is not available: {text} (SQLSTATE {error.sqlstate})")


def said(error: psycopg.Error) -> str:
    """The server's or the driver's words in one line."""
    if error.diag.message_primary:
        return " ".join(error.diag.message_primary.split())
    # A failure to connect is told once for each address, with a question; the first line is the telling one.
    return str(error).strip().partition("\n")[0].removeprefix("connection failed: ")


def _advice(error: psycopg.Error) -> str:
    match error.sqlstate or "":
        case "42P01" | "42703" | "42883" | "3F000":
            return "the schema is missing or old: run `godot db upgrade`"
        case "42501":
            return f"grant {WRITER_ROLE} to the user that connects"
        case _:
            return "check GODOT_DATABASE_URL: user, password and database"


class HangingError(psycopg.OperationalError):
    """The server took what was sent and said nothing for too long."""


class Connection(psycopg.Connection[Any]):
    """A connection whose every wait for the server ends after `patience` seconds."""

    def __init__(self, pgconn: PGconn, *arguments: Any) -> None:
        super().__init__(pgconn, *arguments)
        self.patience = 30.0

    def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for the server as psycopg does, but not for ever."""
        limit = self.patience + min(self.patience, _GRACE_MAX_SECONDS)
        try:
            return super().wait(gen, interval, timeout or limit)
        except psycopg.errors._WaitTimeout as error:  # noqa: SLF001  what psycopg's own timeouts raise
            if timeout:
                raise
            self.pgconn.finish()
            raise HangingError(f"no answer within {limit:g} s, the connection is closed") from error

    def interrupt(self) -> None:
        """From another thread: make whatever waits on this connection fail at once."""
        with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(self.fileno())) as end:
            end.shutdown(socket.SHUT_RDWR)


def connect(url: str, *, patience: float, application: str, role: str | None = WRITER_ROLE) -> Connection:
    """Connect, limit what the server may take, and take a role if this login has it.

    Raises
    ------
    psycopg.Error
        As the driver raised it: see `judge` and `translated`.
    """
    try:
        connection = Connection.connect(
            url, autocommit=True, connect_timeout=max(2, round(patience / 3)), application_name=application
        )
    except psycopg.OperationalError as error:
        error.sqlstate = error.sqlstate or refusal.state(error, url)
        raise
    connection.patience = patience
    try:
        limit(connection, patience)
        # A process that was stopped in the middle of a transaction must not block who takes over its records,
        # nor one that is gone.
        connection.execute(
            f"set idle_in_transaction_session_timeout = {2 * round(patience * 1000)};"
            " set client_connection_check_interval = 2000; set search_path = public;"
            " set tcp_keepalives_idle = 30; set tcp_keepalives_interval = 10; set tcp_keepalives_count = 3;"
            " set client_min_messages = warning"
        )
        if (
            role
            and connection.execute(
                "select from pg_roles where rolname = %s and pg_has_role(oid, 'member')", (role,)
            ).fetchone()
            is not None
        ):
            with contextlib.suppress(InsufficientPrivilege):  # granted without the right to become it
                connection.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
    except BaseException:
        connection.close()
        raise
    return connection


def limit(connection: Connection, patience: float) -> None:
    """Let a statement take so many seconds from now on."""
    connection.execute(f"set statement_timeout = {round(patience * 1000)}")
    connection.patience = patience
