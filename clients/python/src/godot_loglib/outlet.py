"""Writes to streams that nobody may be reading, and never waits longer than allowed.

A pipe whose reader sleeps takes 64 KiB and then blocks its writer, for ever; so does a terminal after
Ctrl-S. At exit, that is an exit that never comes. Python's own stream objects do not help: a thread that is
stuck in their `write` holds their lock, and the interpreter dies of that when it flushes stdout at the end.
"""

import io
import os
import select
import socket
import stat
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from math import inf
from typing import Any, Final, TypeAlias

try:
    import fcntl
    import termios
except ImportError:  # not on this platform
    fcntl = None  # type: ignore[assignment]

Until: TypeAlias = Callable[[], float]
"""When to give up, by `time.monotonic`; a function, for the process may begin to end in the meantime."""

_ATOMIC: Final = 4096  # PIPE_BUF: so much goes into a pipe as a whole, or not at all
_SLICE: Final = 0.1  # seconds until the deadline is asked for again
_PAUSE: Final = 0.005


def forever() -> float:
    """No deadline."""
    return inf


def descriptor(stream: object) -> int | None:
    """The file descriptor below an ordinary text stream; None for one that somebody put in its place."""
    binary = getattr(stream, "buffer", None)
    raw = getattr(binary, "raw", binary)
    if not isinstance(raw, io.FileIO):
        return None
    with suppress(OSError, ValueError):
        return raw.fileno()
    return None


def flush(stream: Any, handle: int) -> None:
    """Send what the program has printed, unless that might block: its lines then come after ours."""
    mode = os.fstat(handle).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(handle):
        if not _writable(handle, 0):
            return
        if stat.S_ISFIFO(mode) and fcntl is not None and hasattr(fcntl, "F_GETPIPE_SZ"):
            held = int.from_bytes(fcntl.ioctl(handle, termios.FIONREAD, b"\0" * 4), "little")
            if held > fcntl.fcntl(handle, fcntl.F_GETPIPE_SZ) // 4:
                return
    stream.flush()


def write_until(handle: int, lines: Iterable[bytes], until: Until) -> int:
    """Write the lines one after the other until the deadline; how many bytes were written.

    A line of at most 4,096 bytes goes into a pipe as a whole or not at all.

    Raises
    ------
    OSError
        When nothing could be written at all.
    """
    mode = os.fstat(handle).st_mode
    waits = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(handle)
    if not waits:
        return _write_at_once(handle, b"".join(lines))
    write, close = _sender(handle, mode)
    written = 0
    try:
        for piece in _pieces(lines):
            view = memoryview(piece)
            while view:
                try:
                    count = write(view[:_ATOMIC])
                except BlockingIOError:
                    count = 0
                if count == 0:
                    rest = until() - time.monotonic()
                    if rest <= 0:
                        return written
                    if _writable(handle, min(rest, _SLICE)):
                        time.sleep(_PAUSE)  # writable, but not for so much
                    continue
                written += count
                view = view[count:]
    except OSError:
        if not written:
            raise
    finally:
        close()
    return written


def _write_at_once(handle: int, text: bytes) -> int:
    written = 0
    view = memoryview(text)
    try:
        while written < len(text):
            written += os.write(handle, view[written:])
    except OSError:
        if not written:
            raise
    return written


def _pieces(lines: Iterable[bytes]) -> Iterable[bytes]:
    """Lines together as long as they go into a pipe as a whole."""
    piece = b""
    for line in lines:
        if piece and len(piece) + len(line) > _ATOMIC:
            yield piece
            piece = b""
        piece += line
    if piece:
        yield piece


def _sender(handle: int, mode: int) -> tuple[Callable[[memoryview], int], Callable[[], None]]:
    """How to write without blocking, and how to clean up afterwards.

    O_NONBLOCK on the descriptor itself would change it for every process that shares it.
    """
    if stat.S_ISSOCK(mode):
        peer = socket.socket(fileno=os.dup(handle))
        flags = getattr(socket, "MSG_DONTWAIT", 0)
        return (lambda view: peer.send(view, flags)), peer.close
    with suppress(OSError):
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY
        own = os.open(f"/proc/self/fd/{handle}", flags)  # Linux: a description of its own
        return (lambda view: os.write(own, view)), (lambda: os.close(own))

    def cautious(view: memoryview) -> int:
        # Between the look and the write another process may fill the pipe: the best there is elsewhere.
        return os.write(handle, view) if _writable(handle, 0) else 0

    return cautious, lambda: None


def _writable(handle: int, seconds: float) -> bool:
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(handle, select.POLLOUT)
        return bool(poll.poll(int(seconds * 1000)))
    return bool(select.select([], [handle], [], seconds)[1])
