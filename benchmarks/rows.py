"""Realistic log records as rows of binary COPY, for the benchmarks that fill tables.

Ten components from 42 % to 0.3 % of the load, minutes whose load differs a hundredfold, 30,000 words with
Zipf's frequencies, nested data, traces of 1,000 records among shorter ones, and one rare word.
"""

from __future__ import annotations

import datetime as dt
import struct
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CHUNK = 10_000
RARE = "flibbertigibbet"
TRACE_RECORDS = 1_000
COMPONENTS = (
    "relay",
    "gates",
    "dewey",
    "fiedler",
    "playfair",
    "marco",
    "client",
    "indexer",
    "mailer",
    "cron",
)
LOUDNESS = np.array([0.42, 0.2, 0.12, 0.1, 0.06, 0.04, 0.03, 0.02, 0.007, 0.003])
LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR")
SHARES = np.array([0.35, 0.2, 0.4, 0.03, 0.02])
_COMMON = "the request to tool was sent answer for document list call with id from relay not found timeout"
WORDS = 30_000
COPY = (
    "copy logs (id, trace_id, component, level, message, data, event_created_at, ingestion_created_at,"
    " instance, seq) from stdin (format binary)"
)
_EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_EPOCH_UNIX_US = 946_684_800_000_000


def stream(rows: Sequence[bytes]) -> bytes:
    """What COPY reads: a header, the rows, and a trailer."""
    return b"".join((b"PGCOPY\n\xff\r\n\0" + bytes(8), *rows, struct.pack(">h", -1)))


def generate(
    start: dt.datetime, end: dt.datetime, count: int, seed: int, rare: int
) -> Iterator[tuple[list[bytes], uuid.UUID | None]]:
    """Rows of a stretch of time in chunks, with the trace of exactly 1,000 records where a chunk has one."""
    random = np.random.default_rng(seed)
    common = _COMMON.split()
    vocabulary = [*common, *(f"{'bcdfgklm'[n % 8]}a{n:x}" for n in range(len(common), WORDS))]
    frequency = 1 / np.arange(2, WORDS + 2) ** 1.05
    cumulated = np.cumsum(frequency / frequency.sum())
    moments = _moments(random, start, end, count)
    chosen = set(random.choice(count, rare, replace=False).tolist())
    instances = [_text(f"host:{100 + n}:{seed:08x}".encode()) for n in range(len(COMPONENTS))]
    names = [_text(name.encode()) for name in COMPONENTS]
    levels = [_text(name.encode()) for name in LEVELS]
    sequence = [0] * len(COMPONENTS)
    head = struct.Struct(">hi16si").pack
    times, number = struct.Struct(">iqiq").pack, struct.Struct(">iq").pack
    for base in range(0, count, CHUNK):
        size = min(CHUNK, count - base)
        sources = random.choice(len(COMPONENTS), size, p=LOUDNESS).tolist()
        severities = random.choice(len(LEVELS), size, p=SHARES).tolist()
        members = [random.bytes(16) for _ in range(141)]
        traces = random.integers(-60, 140, size)
        long_trace = None
        if size == CHUNK and (base // CHUNK) % 10 == 0:
            traces[random.choice(size, TRACE_RECORDS, replace=False)] = 140
            long_trace = uuid.UUID(bytes=members[140])
        lengths = random.integers(4, 14, size)
        spoken = np.searchsorted(cumulated, random.random(int(lengths.sum()))).tolist()
        ids, ends = random.bytes(10 * size), np.cumsum(lengths).tolist()
        figures = random.integers(0, 100_000, size).tolist()
        stamps = moments[base : base + size].tolist()
        arrived = stamps[-1] + 80_000
        rows, spoken_to = [], 0
        for row, (source, severity, trace, stamp, figure) in enumerate(
            zip(sources, severities, traces.tolist(), stamps, figures, strict=True)
        ):
            if row % 500 == 0:
                arrived = stamps[min(row + 499, size - 1)] + 80_000
            words = " ".join([vocabulary[n] for n in spoken[spoken_to : ends[row]]])
            spoken_to = ends[row]
            if base + row in chosen:
                words += " " + RARE
            sequence[source] += 1
            # Version 7, as clients make them: milliseconds since 1970 first.
            milliseconds = ((stamp + _EPOCH_UNIX_US) // 1000).to_bytes(6, "big")
            identity = milliseconds + ids[10 * row : 10 * row + 10]
            rows.append(
                b"".join(
                    (
                        head(10, 16, identity, -1)
                        if trace < 0
                        else head(10, 16, identity, 16) + members[trace],
                        names[source],
                        levels[severity],
                        _text(words.encode()),
                        _text(_data(source, figure)),
                        times(8, stamp, 8, arrived),
                        instances[source],
                        number(8, sequence[source]),
                    )
                )
            )
        yield rows, long_trace


def _data(source: int, figure: int) -> bytes:
    """About 200 bytes of jsonb: a tool, a user, a duration, and the message itself."""
    return (
        f'\1{{"tool": "{COMPONENTS[source]}_{figure % 40}", "user_id": "u{figure % 5000}",'
        f' "duration_ms": {figure / 100}, "mcp": {{"direction": "sent", "peer": "gates",'
        f' "payload": {{"jsonrpc": "2.0", "id": {figure}, "method": "tools/call",'
        f' "params": {{"name": "t{figure % 97}", "arguments":'
        f' {{"path": "/documents/{figure % 1000}.md", "limit": {figure % 50}}}}}}}}}}}'
    ).encode()


def _text(value: bytes) -> bytes:
    return struct.pack(">i", len(value)) + value


def _moments(random: np.random.Generator, start: dt.datetime, end: dt.datetime, count: int) -> Any:
    """Microseconds since 2000, in order, in bursts: the minutes' loads differ by orders of magnitude."""
    first, last = (int((moment - _EPOCH) / dt.timedelta(microseconds=1)) for moment in (start, end))
    minutes = max(1, (last - first) // 60_000_000)
    weights = random.lognormal(0, 1.2, minutes)
    loads = random.multinomial(count, weights / weights.sum())
    offsets = np.repeat(np.arange(minutes), loads) * 60_000_000 + random.integers(0, 60_000_000, count)
    return np.minimum(np.sort(offsets) + first, last - 1)
