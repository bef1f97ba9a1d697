"""Why a server refused a connection, as a SQLSTATE: libpq keeps it to itself and passes on a text.

The text is in the language of the server, so by it alone a wrong password cannot be told from a server that
has no connection left. libpq's trace has the code, which is the same in every language.
"""

from __future__ import annotations

import contextlib
import functools
import re
import select
import tempfile
import time
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import pq

if TYPE_CHECKING:
    from typing import IO

_NO_PASSWORD: Final = "28P01"  # noqa: S105  a SQLSTATE
_SECONDS: Final = 2.0
"""The server has just answered; if it does not any more, it is tried again later anyhow."""

# Anchored at the beginning of a line: what follows the code may be anybody's text.
_ERROR: Final = re.compile(
    rb'^B\t\d+\tErrorResponse\t S "[^"\n]*" V "[A-Z]+" C "([0-9A-Z]{5})"', re.MULTILINE
)


def state(error: psycopg.Error, url: str) -> str | None:
    """The SQLSTATE of a failure to connect; None when the server gave none, or none can be had.

    It can be had on Linux, with the libpq 18 that psycopg's wheels bring; elsewhere only that a password is
    missing is known.
    """
    if error.pgconn is not None and error.pgconn.needs_password:
        return _NO_PASSWORD
    if isinstance(error, psycopg.errors.ConnectionTimeout):
        return None
    return _asked(url, str(error))


@functools.lru_cache(maxsize=64)  # each trace costs a little memory for good: libpq never closes its stream
def _asked(url: str, _text: str) -> str | None:
    """What a second attempt to connect is told; asked once for each thing that a server says."""
    with tempfile.TemporaryFile() as trace, contextlib.suppress(psycopg.Error, OSError):
        _connect(url, trace)
        trace.seek(0)
        if found := _ERROR.search(trace.read()):
            return found[1].decode()
    return None


def _connect(url: str, trace: IO[bytes]) -> None:
    deadline = time.monotonic() + _SECONDS
    connection = pq.PGconn.connect_start(url.encode())
    try:
        connection.trace(trace.fileno())
        connection.set_trace_flags(pq.Trace.SUPPRESS_TIMESTAMPS)
        while (left := deadline - time.monotonic()) > 0:
            match connection.connect_poll():
                case pq.PollingStatus.READING:
                    select.select([connection.socket], [], [], left)
                case pq.PollingStatus.WRITING:
                    select.select([], [connection.socket], [], left)
                case _:
                    break
    finally:
        connection.untrace()  # first, or its farewell would be written to a file that is closed by then
        connection.finish()
