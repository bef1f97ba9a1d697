"""Where records go while Redis is away: a stream, or a size-capped rotated file that can be replayed."""

import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from godot_loglib.buffer import Losses

try:
    import fcntl
except ImportError:  # not on this platform: then one process per file
    fcntl = None  # type: ignore[assignment]

_OLDER_FILES: Final = 3


class Fallback(Protocol):
    """A place for lines of JSON; `write` may raise OSError or ValueError."""

    name: str

    def write(self, lines: Sequence[bytes]) -> None:
        """Write the lines, each with a line end, in one piece."""


def make_fallback(target: str, max_bytes: int, losses: Losses) -> Fallback:
    """The place that a `GODOT_FALLBACK` names."""
    if target == "off":
        return NoFallback()
    if target.startswith("file:"):
        return FileFallback(Path(target.removeprefix("file:")), max_bytes, losses)
    return StreamFallback(target)


class NoFallback:
    """Refuses everything: records wait in memory, whose bound counts what it cannot hold."""

    name = "memory"

    def write(self, lines: Sequence[bytes]) -> None:  # noqa: ARG002  refused unread
        """Refuse."""
        raise OSError("the fallback is off")


class StreamFallback:
    """`sys.stdout` or `sys.stderr`, whatever they are at the time of writing."""

    def __init__(self, name: str) -> None:
        self.name = name

    def write(self, lines: Sequence[bytes]) -> None:
        """Write and flush."""
        stream = getattr(sys, self.name)
        if stream is None:
            raise OSError(f"the process has no {self.name}")
        stream.flush()
        text = b"".join(line + b"\n" for line in lines)
        binary = getattr(stream, "buffer", None)
        if binary is None:
            stream.write(text.decode())
        else:
            binary.write(text)
        stream.flush()


class FileFallback:
    """A file that several processes may share; at `max_bytes` it becomes PATH.1, and PATH.3 is given up.

    What is given up is counted as lost.
    """

    def __init__(self, path: Path, max_bytes: int, losses: Losses) -> None:
        self.name = f"file:{path}"
        self._path = path
        self._max_bytes = max_bytes
        self._losses = losses

    def write(self, lines: Sequence[bytes]) -> None:
        """Append under a lock; rotate first if the lines would not fit."""
        text = b"".join(line + b"\n" for line in lines)
        while True:
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                if fcntl is not None:
                    fcntl.flock(handle, fcntl.LOCK_EX)
                size = os.fstat(handle).st_size
                if not self._is_current(handle):
                    continue  # rotated by another process between open and lock
                if size and size + len(text) > self._max_bytes:
                    self._rotate()
                    continue
                view = memoryview(text)
                while view:
                    view = view[os.write(handle, view) :]
                return
            finally:
                if fcntl is not None:
                    # Closing would not do: a child forked in this moment holds a copy, and with it the lock.
                    fcntl.flock(handle, fcntl.LOCK_UN)
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
