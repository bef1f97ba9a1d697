"""Ingestion beside a raw COPY of the same rows into the same table, in the same run; latency and memory.

Run `python benchmarks/ingest.py`. Both start with their rows ready: COPY with encoded blocks of 1,000 rows
over one connection, the daemon with a full queue. Both end with the last COMMIT. The rounds alternate, each
into a fresh database, so that whatever else the machine does falls on both alike; the table shows the
medians. All is done again without the two GIN indexes, which cost more than everything else together.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import redis

from godot_daemon import migrations
from godot_daemon.batching import Batch
from godot_daemon.copying import COLUMNS, block
from godot_daemon.embedded import EmbeddedPostgres, EmbeddedValkey
from godot_daemon.record import Origin
from godot_daemon.sink import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BLOCK = 1_000
COMPONENTS = ("relay", "gates", "dewey", "fiedler", "playfair")
WORDS = ("document", "plan", "relay", "timeout", "tools", "list", "call", "answer", "title", "gates")
DROP_GIN = "drop index logs_words; drop index logs_data"


def records(count: int, chance: random.Random) -> Iterator[bytes]:
    """Message records of about 633 bytes, 377 of them data: 20 to a trace, one in a hundred an error."""
    now = dt.datetime.now(dt.UTC)
    milliseconds = int(now.timestamp() * 1000)
    trace = uuid.UUID(int=chance.getrandbits(128), version=4)
    for number in range(count):
        if number % 20 == 0:
            trace = uuid.UUID(int=chance.getrandbits(128), version=4)
        peer = chance.choice(COMPONENTS)
        payload = {
            "jsonrpc": "2.0",
            "id": number,
            "method": "tools/call",
            "params": {
                "name": f"{peer}_create_document",
                "arguments": {
                    "title": " ".join(chance.choices(WORDS, k=4)),
                    "body": " ".join(chance.choices(WORDS, k=9)),
                },
                "_meta": {"traceparent": f"00-{trace.hex}-{chance.getrandbits(64):016x}-01"},
            },
        }
        record_id = uuid.UUID(
            int=milliseconds + number // 100 << 80 | 7 << 76 | chance.getrandbits(74) | 2 << 62
        )
        record = {
            "id": str(record_id),
            "trace_id": str(trace),
            "component": chance.choice(COMPONENTS),
            "level": "ERROR" if number % 100 == 0 else "TRACE",
            "message": f"sent tools/call to {peer}",
            "data": {
                "mcp": {"direction": "sent", "peer": peer, "transport": "websocket", "payload": payload}
            },
            "event_created_at": (now + dt.timedelta(microseconds=10 * number)).isoformat(),
            "instance": "bench-host:4711:9f3ac2d1",
            "seq": number + 1,
        }
        yield json.dumps(record, separators=(",", ":")).encode()


class Bench:
    """The servers, and databases on them by number."""

    def __init__(self, postgres: EmbeddedPostgres, valkey: EmbeddedValkey) -> None:
        self.postgres = postgres
        self.valkey = valkey
        self.client = redis.Redis.from_url(valkey.url)
        self._databases = 0

    def database(self, *, gin: bool) -> str:
        """A fresh database with the schema."""
        self._databases += 1
        name = f"bench_{self._databases}"
        with psycopg.connect(self.postgres.url, autocommit=True) as admin:
            admin.execute(f"create database {name}")
        url = self.postgres.url.rpartition("/")[0] + f"/{name}"
        migrations.upgrade(url)
        with psycopg.connect(url, autocommit=True) as connection:
            if not gin:
                connection.execute(DROP_GIN)
            connection.execute("checkpoint")
        return url

    def drop(self, url: str) -> None:
        """Forget a database."""
        with psycopg.connect(self.postgres.url, autocommit=True) as admin:
            admin.execute(f"drop database {url.rpartition('/')[2]} with (force)")

    @contextlib.contextmanager
    def daemon(self, url: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """The real process, at work on an empty queue."""
        self.client.flushall()
        environment = {
            **os.environ,
            "GODOT_DATABASE_URL": url,
            "GODOT_REDIS_URL": self.valkey.url,
            "GODOT_METRICS_PORT": "0",
        }
        godot = Path(sys.executable).with_name("godot")
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen([godot, "ingest", *arguments], env=environment, stderr=log)
            try:
                wait_for(lambda: self.client.hlen("logs:workers") == 1)
                yield process
                process.send_signal(signal.SIGTERM)
                process.wait(15)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()


def wait_for(condition: Callable[[], object], seconds: float = 300) -> None:
    """Poll until it is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.01)


def raw_copy(url: str, blocks: list[bytes], count: int) -> float:
    """Rows per second of COPY alone."""
    statement = f"copy logs ({', '.join(COLUMNS)}) from stdin (format binary)"
    with psycopg.connect(url) as connection:
        started = time.perf_counter()
        for rows in blocks:
            with connection.cursor() as cursor, cursor.copy(statement) as copy:
                copy.write(rows)
            connection.commit()
        return count / (time.perf_counter() - started)


def ingest(bench: Bench, url: str, entries: list[bytes], *arguments: str) -> tuple[float, float]:
    """Records per second of the daemon with a full queue, and its highest memory in MB."""
    with bench.daemon(url, *arguments) as process, psycopg.connect(url, autocommit=True) as connection:
        process.send_signal(signal.SIGSTOP)
        for start in range(0, len(entries), BLOCK):
            bench.client.lpush("logs:queue", *entries[start : start + BLOCK])
        started = time.perf_counter()
        process.send_signal(signal.SIGCONT)
        received = "select coalesce(sum(received), 0) from ingest_ledger"
        wait_for(lambda: connection.execute(received).fetchone()[0] == len(entries))
        seconds = time.perf_counter() - started
        stored = connection.execute("select count(*) from logs").fetchone()[0]
        if stored != len(entries):
            raise RuntimeError(f"{stored:,} of {len(entries):,} stored")
        return len(entries) / seconds, peak_memory(process.pid)


def peak_memory(pid: int) -> float:
    """Highest resident memory of a process in MB."""
    [line] = [
        line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")
    ]
    return int(line.split()[1]) * 1024 / 1e6


def latency(bench: Bench, rate: int, seconds: float) -> list[float]:
    """Milliseconds from the event to its COMMIT, sorted, at a steady rate."""
    url = bench.database(gin=True)
    chance = random.Random(2)
    templates = [json.loads(entry) for entry in records(int(rate * seconds), chance)]
    with bench.daemon(url), psycopg.connect(url, autocommit=True) as connection:
        started = time.perf_counter()
        sent = 0
        while sent < len(templates):
            due = min(len(templates), int((time.perf_counter() - started) * rate) + 1)
            batch = templates[sent:due]
            for record in batch:
                record["event_created_at"] = dt.datetime.now(dt.UTC).isoformat()
            if batch:
                bench.client.lpush("logs:queue", *map(json.dumps, batch))
            sent = due
            time.sleep(0.002)
        wait_for(lambda: connection.execute("select count(*) from logs").fetchone()[0] == sent)
        committed_after = "pg_xact_commit_timestamp(xmin) - event_created_at"
        rows = connection.execute(
            f"select extract(epoch from {committed_after})::float8 * 1000 from logs"
        ).fetchall()
    bench.drop(url)
    return sorted(row[0] for row in rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--writers", default="2", help="connections of the daemon")
    parser.add_argument("--seconds", type=float, default=10, help="of the latency test; 0 skips it")
    options = parser.parse_args()

    entries = list(records(options.records, random.Random(1)))
    size = sum(map(len, entries)) / len(entries)
    rows = prepare(Batch("0-0", Origin("bench", 0, 0), entries)).rows
    blocks = [block(rows[start : start + BLOCK]) for start in range(0, len(rows), BLOCK)]
    print(f"{len(entries):,} records of {size:.0f} bytes, medians of {options.rounds} rounds")

    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="godot-bench-")))
        settings = {"track_commit_timestamp": "on"}
        postgres = stack.enter_context(EmbeddedPostgres(directory / "postgres", settings=settings))
        valkey = stack.enter_context(EmbeddedValkey(directory / "valkey"))
        bench = Bench(postgres, valkey)
        print(f"{'indexes':<22}{'raw COPY':>12}{'daemon':>12}{'ratio':>8}{'memory':>10}")
        for gin in (True, False):
            copied, ingested, memory = [], [], []
            for _ in range(options.rounds):
                url = bench.database(gin=gin)
                copied.append(raw_copy(url, blocks, len(rows)))
                bench.drop(url)
                url = bench.database(gin=gin)
                rate, peak = ingest(bench, url, entries, "--writers", options.writers)
                ingested.append(rate)
                memory.append(peak)
                bench.drop(url)
            ratio = statistics.median(mine / raw for mine, raw in zip(ingested, copied, strict=True))
            indexes = "all" if gin else "all but the two GIN"
            figures = f"{statistics.median(copied):>10,.0f}/s{statistics.median(ingested):>10,.0f}/s"
            print(f"{indexes:<22}{figures}{ratio:>8.2f}{max(memory):>7.0f} MB")
        if options.seconds:
            times = latency(bench, 1_000, options.seconds)
            half, most = (times[int(len(times) * share)] for share in (0.5, 0.99))
            print(f"event to COMMIT at 1,000/s: p50 {half:.0f}, p99 {most:.0f}, max {times[-1]:.0f} ms")


if __name__ == "__main__":
    main()
