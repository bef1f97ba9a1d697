"""Tells systemd how the service is: ready, reloading, stopping, alive, and one line of status.

The protocol of sd_notify(3): datagrams of `NAME=value` lines to the socket that NOTIFY_SOCKET names. Without
that variable nothing is sent, so the daemon is the same in a container or a terminal.
"""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_PINGS_PER_WATCHDOG: Final = 4
"""systemd wants at least two; the others may be late."""

_SEND_SECONDS: Final = 1.0
"""A manager that is busy reads later; one that hangs must not stop the service."""

_MICROSECONDS: Final = 1_000_000


class Notifier:
    """The service manager's ear. Nothing here ever raises: a deaf manager must not stop the records.

    Parameters
    ----------
    environ
        NOTIFY_SOCKET (a path, or `@name` for an abstract socket), WATCHDOG_USEC and WATCHDOG_PID.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket: socket.socket | None = None
        if address.startswith(("/", "@")):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.settimeout(_SEND_SECONDS)
        self._pause = _watchdog_seconds(environ) / _PINGS_PER_WATCHDOG
        self._pinged_at = 0.0
        self._status = ""

    def ready(self) -> bool:
        """The service does what it is for, at the start or after a reload; False: say it again."""
        return self._socket is None or self._send("READY=1")

    def reloading(self) -> None:
        """The settings are being read again; `ready` ends it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The end has begun."""
        self._send("STOPPING=1")

    def patience(self, seconds: float) -> None:
        """Starting, reloading or stopping goes on well, and may take so much longer from now."""
        self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * _MICROSECONDS)}")

    def status(self, text: str) -> None:
        """One line for `systemctl status`; the same one is sent once."""
        line = " ".join(text.split())
        if line != self._status and self._send(f"STATUS={line}"):
            self._status = line

    def alive(self) -> None:
        """Feed the watchdog, if there is one and it is hungry. Call it often, and only while all is well."""
        now = time.monotonic()
        if self._pause and now - self._pinged_at >= self._pause and self._send("WATCHDOG=1"):
            self._pinged_at = now

    def close(self) -> None:
        """Send nothing more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, *lines: str) -> bool:
        if self._socket is None:
            return False
        try:
            self._socket.sendto("\n".join(lines).encode(), self._address)
        except OSError:  # it restarts, or its queue stays full
            return False
        return True


def _watchdog_seconds(environ: Mapping[str, str]) -> float:
    """How often this process must show that it is alive; 0 when nobody asks."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    try:
        return max(0, int(environ.get("WATCHDOG_USEC", "0"))) / _MICROSECONDS
    except ValueError:
        return 0.0
