"""Pushes the lines of a file into the queue: the same file twice stores nothing twice."""

from __future__ import annotations

import gzip
import hashlib
import time
import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Final, cast

from godot_daemon.decoding import decode
from godot_daemon.errors import InputError
from godot_daemon.record import Origin, show_uuid, with_keys
from godot_wire.record import derived_id
from godot_wire.repair import fields
from godot_wire.torn import untorn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from io import BufferedReader

    from godot_daemon.redis_queue import RedisQueue

_CHUNK: Final = 500
_CHUNK_BYTES: Final = 4 << 20
_ROOM_SECONDS: Final = 0.2
_GZIP: Final = b"\x1f\x8b"
_BOM: Final = b"\xef\xbb\xbf"
_NOWHERE: Final = Origin("", 0, 0)

_HOPELESS: Final = 1000
"""After so many lines without a JSON object among them, a file is held to be something else."""


@dataclass(slots=True)
class Replayed:
    """What was done so far."""

    pushed: int = 0
    derived: int = 0
    """How many had no id and got one."""
    not_records: list[int] = field(default_factory=list)
    """Numbers of the lines that are no JSON objects; they become dead letters."""
    torn: list[int] = field(default_factory=list)
    """Numbers of the lines that a full disk has torn; the records glued to them are pushed by themselves."""
    waiting_for_room: bool = False


def replay(
    lines: Iterable[bytes],
    queue: RedisQueue,
    bound: int,
    progress: Callable[[Replayed], None] = lambda _: None,
    *,
    force: bool = False,
) -> Replayed:
    """Push every line that is not empty. Waits while the queue is full, so that nothing is dropped for it.

    A line that is no JSON object is pushed as it is: it becomes a dead letter, and is not lost.

    Raises
    ------
    InputError
        There is no JSON object among the first lines, and nobody said `force`; nothing was pushed.
    """
    done = Replayed()
    entries = _entries(lines, done)
    for chunk in _chunks(entries if force else _with_objects(entries, done), min(_CHUNK, bound)):
        while not queue.offer(chunk, bound):
            done.waiting_for_room = True
            progress(done)
            time.sleep(_ROOM_SECONDS)
        done.waiting_for_room = False
        done.pushed += len(chunk)
        progress(done)
    return done


def lines_of(file: BufferedReader) -> Iterator[bytes]:
    """The lines of a file, plain or gzipped, without the byte order mark that some editors put first."""
    packed = file.peek(len(_GZIP)).startswith(_GZIP)
    content = cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if packed else file
    try:
        for number, line in enumerate(content):
            yield line if number else line.removeprefix(_BOM)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(
            f"{file.name}: {error}",
            "the file is damaged, and a part of it may be pushed: replaying it again stores nothing twice",
        ) from None


def _with_objects(entries: Iterable[bytes], done: Replayed) -> Iterator[bytes]:
    """The entries, once one of the first is a JSON object."""
    held: list[bytes] | None = []
    for count, entry in enumerate(entries, 1):
        if held is None:
            yield entry
        elif len(done.not_records) < count:
            yield from held
            yield entry
            held = None
        elif count == _HOPELESS:
            break
        else:
            held.append(entry)
    if held:
        count = len(done.not_records)
        which = "the only line" if count == 1 else f"none of the first {count:,} lines"
        raise InputError(
            f"{which} is {'no' if count == 1 else 'a'} JSON object: nothing was pushed",
            "--force pushes them all the same, and they become dead letters",
        )


def _entries(lines: Iterable[bytes], done: Replayed) -> Iterator[bytes]:
    before: Counter[bytes] = Counter()
    for number, bare in _pieces(lines, done):
        digest = hashlib.blake2b(bare, digest_size=16).digest()  # a big file is not kept in memory for this
        occurrence = before[digest]
        before[digest] += 1
        # The daemon's own judgement: what would be stored, or be dead, under an id of its own is left alone.
        [judged] = decode([bare], _NOWHERE)
        if judged.id != _NOWHERE.derived_id(0, bare):
            yield bare
            continue
        record = fields(bare)
        if record is None:
            done.not_records.append(number)
            yield bare
            continue
        done.derived += 1
        added: dict[str, Any] = {"id": show_uuid(derived_id(b"file|%d|" % occurrence + bare))}
        if record.get("id") is not None:
            added["original_id"] = record["id"]
        yield with_keys(bare, added)


def _pieces(lines: Iterable[bytes], done: Replayed) -> Iterator[tuple[int, bytes]]:
    """Each line that is not empty, with its number; one that was torn in its pieces."""
    for number, line in enumerate(lines, 1):
        bare = line.rstrip(b"\r\n")
        if not bare.strip():
            continue
        pieces = untorn(bare) if fields(bare) is None else [bare]
        if len(pieces) > 1:
            done.torn.append(number)
        for piece in pieces:
            yield number, piece


def _chunks(entries: Iterable[bytes], most: int) -> Iterator[list[bytes]]:
    chunk: list[bytes] = []
    size = 0
    for entry in entries:
        if chunk and (len(chunk) >= most or size + len(entry) > _CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(entry)
        size += len(entry)
    if chunk:
        yield chunk
