"""Where records go while Redis is away: a stream, or a size-capped rotated file that can be replayed."""

import json
import os
import stat
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

from godot_loglib.buffer import Losses
from godot_loglib.outlet import Until, descriptor, flush, forever, write_until

try:
    import fcntl
except ImportError:  # not on this platform: then one process per file
    fcntl = None  # type: ignore[assignment]

_OLDER_FILES: Final = 3
_NONBLOCK: Final = getattr(os, "O_NONBLOCK", 0)
_LOCK_PAUSE: Final = 0.005


class Fallback(Protocol):
    """A place for lines of JSON; `write` may raise OSError or ValueError when it takes nothing at all."""

    name: str
    takes: bool
    """Whether it is worth trying at the end of the process."""

    def write(self, lines: Sequence[bytes], until: Until = forever) -> int:
        """Write the lines, each with a line end; how many of them were written, if not all by then.

        Never leaves a line that is torn, with another one glued to it.
        """


def make_fallback(target: str, max_bytes: int, losses: Losses) -> Fallback:
    """The place that a `GODOT_FALLBACK` names."""
    if target == "off":
        return NoFallback()
    if target == "auto":
        target = "stderr" if _stdin_is_a_channel() else "stdout"
    if target.startswith("file:"):
        return FileFallback(Path(target.removeprefix("file:")), max_bytes, losses)
    return StreamFallback(target)


def _stdin_is_a_channel() -> bool:
    """Whether somebody may be talking MCP to this process: then its stdout belongs to them."""
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _whole(lines: Sequence[bytes], written: int) -> tuple[int, int]:
    """How many of the lines are within so many bytes, and how many bytes these lines have."""
    count = size = 0
    for line in lines:
        if size + len(line) > written:
            break
        size += len(line)
        count += 1
    return count, size


class NoFallback:
    """Refuses everything: records wait in memory, whose bound counts what it cannot hold."""

    name = "memory"
    takes = False

    def write(self, lines: Sequence[bytes], until: Until = forever) -> int:  # noqa: ARG002  refused unread
        """Refuse."""
        raise OSError("the fallback is off")


class StreamFallback:
    """`sys.stdout` or `sys.stderr`, whatever they are at the time of writing."""

    takes = True

    def __init__(self, name: str) -> None:
        self.name = name
        self._torn = False

    def write(self, lines: Sequence[bytes], until: Until = forever) -> int:
        """Write and flush; a stream that is stuck takes what it can until the deadline."""
        stream = getattr(sys, self.name)
        if stream is None:
            raise OSError(f"the process has no {self.name}")
        start = [b"\n"] if self._torn else []
        ended = [line + b"\n" for line in lines]
        handle = descriptor(stream)
        if handle is None:
            self._torn = True  # until it is known that all went well
            _write_object(stream, b"".join(start + ended))
            self._torn = False
            return len(lines)
        flush(stream, handle)
        written = write_until(handle, start + ended, until) - len(start)
        if written < 0:
            return 0
        count, size = _whole(ended, written)
        self._torn = size < written and not _take_back(handle, written - size)
        return count


def _write_object(stream: Any, text: bytes) -> None:
    stream.flush()
    binary = getattr(stream, "buffer", None)
    if binary is None:
        stream.write(text.decode())
    else:
        binary.write(text)
    stream.flush()


def _take_back(handle: int, count: int) -> bool:
    """Remove the last bytes written to a file, when nobody has written after them: the disk is full."""
    try:
        state = os.fstat(handle)
        position = os.lseek(handle, 0, os.SEEK_CUR)
        if not stat.S_ISREG(state.st_mode) or position != state.st_size:
            return False
        os.ftruncate(handle, position - count)
        os.lseek(handle, position - count, os.SEEK_SET)
    except OSError:
        return False
    return True


def _locked(handle: int, until: Until) -> bool:
    """Lock the file; a process that is stopped may hold the lock for ever."""
    while fcntl is not None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until():
                return False
            time.sleep(_LOCK_PAUSE)
        else:
            break
    return True


class FileFallback:
    """A file that several processes may share; at `max_bytes` it becomes PATH.1, and PATH.3 is given up.

    What is given up is counted as lost.
    """

    takes = True

    def __init__(self, path: Path, max_bytes: int, losses: Losses) -> None:
        self.name = f"file:{path}"
        self._path = path
        self._max_bytes = max_bytes
        self._losses = losses
        self._left_at = -1  # the size after our last write: then it ends with a line end

    def write(self, lines: Sequence[bytes], until: Until = forever) -> int:
        """Append under a lock; rotate first if the lines would not fit."""
        ended = [line + b"\n" for line in lines]
        length = sum(map(len, ended))
        while True:
            # O_NONBLOCK matters for a FIFO alone: opening and writing one could take for ever.
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _NONBLOCK, 0o600)
            try:
                if not _locked(handle, until):
                    return 0
                size = os.fstat(handle).st_size
                if not self._is_current(handle):
                    continue  # rotated by another process between open and lock
                if size and size + length > self._max_bytes:
                    self._rotate()
                    continue
                return self._append(handle, size, ended)
            finally:
                if fcntl is not None:
                    # Closing would not do: a child forked in this moment holds a copy, and with it the lock.
                    with suppress(OSError):
                        fcntl.flock(handle, fcntl.LOCK_UN)
                os.close(handle)

    def _append(self, handle: int, size: int, ended: Sequence[bytes]) -> int:
        """Write; what a full disk took of a line is taken back."""
        start = b"" if size in {0, self._left_at} or self._ends_a_line(size) else b"\n"
        text = start + b"".join(ended)
        written = 0
        error: OSError | None = None
        try:
            view = memoryview(text)
            while written < len(text):
                written += os.write(handle, view[written:])
        except OSError as problem:
            error = problem
        count, kept = _whole(ended, max(0, written - len(start)))
        end = size + (len(start) + kept if count else 0)
        if error is not None:
            with suppress(OSError):  # if that fails, the next one here begins with a line end
                os.ftruncate(handle, end)
            if not count:
                raise error
        self._left_at = end
        return count

    def _ends_a_line(self, size: int) -> bool:
        """Whether the file is whole: another process may have been killed while it wrote."""
        try:
            handle = os.open(self._path, os.O_RDONLY | _NONBLOCK)
        except OSError:
            return False
        try:
            os.lseek(handle, size - 1, os.SEEK_SET)
            return os.read(handle, 1) == b"\n"
        except OSError:
            return False
        finally:
            os.close(handle)

    def _is_current(self, handle: int) -> bool:
        try:
            return os.path.samestat(os.fstat(handle), self._path.stat())
        except FileNotFoundError:
            return False

    def _rotate(self) -> None:
        names = [
            self._path,
            *(self._path.with_name(f"{self._path.name}.{n}") for n in range(1, _OLDER_FILES + 1)),
        ]
        self._count(names[-1])
        for older, newer in zip(names[:0:-1], names[-2::-1], strict=True):
            with suppress(FileNotFoundError):
                newer.replace(older)

    def _count(self, path: Path) -> None:
        with suppress(FileNotFoundError), path.open("rb") as lines:
            for line in lines:
                with suppress(ValueError, KeyError, TypeError):
                    record = json.loads(line)
                    at = int(datetime.fromisoformat(record["event_created_at"]).timestamp() * 1e9)
                    self._losses.add(record["component"], "fallback_full", at)
