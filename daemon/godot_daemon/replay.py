"""Pushes the lines of a file into the queue: the same file twice stores nothing twice."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from godot_daemon.record import derived_id, parse_uuid, show_uuid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from godot_daemon.redis_queue import RedisQueue

_CHUNK: Final = 500
_CHUNK_BYTES: Final = 4 << 20
_ROOM_SECONDS: Final = 0.2


@dataclass(slots=True)
class Replayed:
    """What was done so far."""

    pushed: int = 0
    derived: int = 0
    """How many had no id and got one."""
    not_records: list[int] = field(default_factory=list)
    """Numbers of the lines that will become dead letters."""
    waiting_for_room: bool = False


def replay(
    lines: Iterable[bytes],
    queue: RedisQueue,
    bound: int,
    progress: Callable[[Replayed], None] = lambda _: None,
) -> Replayed:
    """Push every line that is not empty. Waits while the queue is full, so that nothing is dropped for it.

    A line that is no JSON object is pushed as it is: it becomes a dead letter, and is not lost.
    """
    done = Replayed()
    for chunk in _chunks(_entries(lines, done), min(_CHUNK, bound)):
        while not queue.offer(chunk, bound):
            done.waiting_for_room = True
            progress(done)
            time.sleep(_ROOM_SECONDS)
        done.waiting_for_room = False
        done.pushed += len(chunk)
        progress(done)
    return done


def _entries(lines: Iterable[bytes], done: Replayed) -> Iterator[bytes]:
    before: Counter[bytes] = Counter()
    for number, line in enumerate(lines, 1):
        bare = line.rstrip(b"\r\n")
        if not bare.strip():
            continue
        digest = hashlib.blake2b(bare, digest_size=16).digest()  # a big file is not kept in memory for this
        record_id = derived_id(b"file|%d|" % before[digest] + bare)
        before[digest] += 1
        try:
            record = json.loads(bare)
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict):
            done.not_records.append(number)
            yield bare
            continue
        given = record.get("id")
        if isinstance(given, str) and parse_uuid(given):
            yield bare
            continue
        done.derived += 1
        added: dict[str, Any] = {"id": show_uuid(record_id)}
        if given is not None:
            added["original_id"] = given
        # Appended to the text as it is: of equal keys the last one counts, and every number stays exact.
        body = bare.rstrip().removesuffix(b"}")
        separator = b"," if record else b""
        yield body + separator + json.dumps(added).encode().removeprefix(b"{")


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
