"""Ingestion beside a raw COPY of the same rows into the same table, in the same run: P-1, P-3 and P-7.

    python benchmarks/ingest.py
    python benchmarks/ingest.py --records 300000 --rounds 1 --seconds 0

All start with their rows ready: COPY with encoded blocks of 1,000 rows over one connection, the daemon with a
full queue, once with one writer and once with two. All end with the last COMMIT. The rounds alternate, each
into a fresh database, so that whatever else the machine does falls on all alike; the table shows the medians.
First with every index; then without `logs_data`, which is P-1: it means the indexes that P-4 needs, and no
question of P-4 is one of containment; then without full text either.

The processor times for a record say why, and hardly change when the machine has other work; `merging` comes
later, beside the writers. `at most` is what all cores together could store if nobody ever waited: first of a
burst, then of a load that never pauses.
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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
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
WITHOUT = {
    "every index": (),
    "all but logs_data": ("logs_data",),
    "all but the two GIN": ("logs_words", "logs_data"),
}


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

    def database(self, without: tuple[str, ...] = ()) -> str:
        """A fresh database with the schema, but for some indexes."""
        self._databases += 1
        name = f"bench_{self._databases}"
        with psycopg.connect(self.postgres.url, autocommit=True) as admin:
            admin.execute(f"create database {name}")
        url = self.postgres.url.rpartition("/")[0] + f"/{name}"
        migrations.upgrade(url)
        with psycopg.connect(url, autocommit=True) as connection:
            for index in without:
                connection.execute(f"drop index {index}")
            connection.execute("checkpoint")
        return url

    def push(self, entries: list[bytes]) -> None:
        """Fill the queue."""
        for start in range(0, len(entries), BLOCK):
            self.client.lpush("logs:queue", *entries[start : start + BLOCK])

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


@dataclass(frozen=True)
class Round:
    """What one way of storing all records took: seconds by the clock, then of processor time, and MB."""

    seconds: float
    merging: float
    daemon: float
    redis: float
    postgres: float
    memory: float = 0.0


Rounds = dict[str, list[Round]]


def processor(pid: int | None) -> float:
    """Seconds of processor time that a process and all that it started have used."""
    process = psutil.Process(pid)
    used = 0.0
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):  # ended meanwhile: its parent has its time
            times = each.cpu_times()
            used += times.user + times.system + times.children_user + times.children_system
    return used


def merging(bench: Bench, url: str) -> float:
    """Seconds of processor time for merging what is left to merge."""
    used = processor(bench.postgres.pid)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("select merge_pending()")
        return processor(bench.postgres.pid) - used


def raw_copy(bench: Bench, url: str, blocks: list[bytes]) -> Round:
    """COPY alone."""
    statement = f"copy logs ({', '.join(COLUMNS)}) from stdin (format binary)"
    used = processor(bench.postgres.pid)
    with psycopg.connect(url) as connection:
        started = time.perf_counter()
        for rows in blocks:
            with connection.cursor() as cursor, cursor.copy(statement) as copy:
                copy.write(rows)
            connection.commit()
        seconds = time.perf_counter() - started
        used = processor(bench.postgres.pid) - used
    return Round(seconds, merging(bench, url), 0, 0, used)


def ingest(bench: Bench, url: str, entries: list[bytes], writers: int) -> Round:
    """The daemon with a full queue."""
    arguments = ("--writers", str(writers))
    with bench.daemon(url, *arguments) as process, psycopg.connect(url, autocommit=True) as connection:
        process.send_signal(signal.SIGSTOP)
        bench.push(entries)
        pids = (process.pid, bench.valkey.pid, bench.postgres.pid)
        used = [processor(pid) for pid in pids]
        started = time.perf_counter()
        process.send_signal(signal.SIGCONT)
        received = "select coalesce(sum(received), 0) from ingest_ledger"
        wait_for(lambda: connection.execute(received).fetchone()[0] == len(entries))
        seconds = time.perf_counter() - started
        used = [processor(pid) - before for pid, before in zip(pids, used, strict=True)]
        stored = connection.execute("select count(*) from logs").fetchone()[0]
        if stored != len(entries):
            raise RuntimeError(f"{stored:,} of {len(entries):,} stored")
        return Round(seconds, merging(bench, url), *used, peak_memory(process.pid))


def outage(bench: Bench, entries: list[bytes], seconds: float) -> float:
    """The highest memory in MB of a daemon whose PostgreSQL is away while records come at full rate."""
    url = bench.database()
    with bench.daemon(url) as process:
        bench.postgres.stop()
        try:
            bench.push(entries)
            time.sleep(seconds)
        finally:
            bench.postgres.start()
        with psycopg.connect(url, autocommit=True) as connection:
            received = "select coalesce(sum(received), 0) from ingest_ledger"
            wait_for(lambda: connection.execute(received).fetchone()[0] == len(entries))
        memory = peak_memory(process.pid)
    bench.drop(url)
    return memory


def peak_memory(pid: int) -> float:
    """Highest resident memory of a process in MB."""
    [line] = [
        line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")
    ]
    return int(line.split()[1]) * 1024 / 1e6


def latency(bench: Bench, rate: int, seconds: float) -> list[float]:
    """Milliseconds from the event to its COMMIT, sorted, at a steady rate."""
    url = bench.database()
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


def compare(
    bench: Bench, entries: list[bytes], blocks: list[bytes], rounds: int, without: tuple[str, ...]
) -> Rounds:
    """All ways in turn, several times."""
    ways: dict[str, Callable[[str], Round]] = {
        "raw COPY": lambda url: raw_copy(bench, url, blocks),
        "daemon, 1 writer": lambda url: ingest(bench, url, entries, 1),
        "daemon, 2 writers": lambda url: ingest(bench, url, entries, 2),
    }
    found: Rounds = {way: [] for way in ways}
    for _ in range(rounds):
        for way, run in ways.items():
            url = bench.database(without)
            found[way].append(run(url))
            bench.drop(url)
    return found


def show(title: str, found: Rounds, count: int) -> None:
    """The table of one set of indexes."""
    print(f"\n{title:<22}{'rows/s':>8}{'÷ COPY':>8}{'daemon':>9}{'Valkey':>8}{'PostgreSQL':>12}", end="")
    print(f"{'merging':>9}{'at most':>10}")
    for way, rounds in found.items():
        rate = count / statistics.median(each.seconds for each in rounds)
        daemon, valkey, postgres, later = (
            statistics.median(getattr(each, name) for each in rounds) / count * 1e6
            for name in ("daemon", "redis", "postgres", "merging")
        )
        print(f"  {way:<20}{rate:>8,.0f}{ratio_to_copy(found, way):>8.2f}", end="")
        print(f"{daemon:>6.1f} µs{valkey:>5.1f} µs{postgres:>9.1f} µs{later:>6.1f} µs", end="")
        if daemon:
            burst, lasting = (
                (os.cpu_count() or 1) * 1e6 / each
                for each in (daemon + valkey + postgres, daemon + valkey + postgres + later)
            )
            print(f"{burst:>10,.0f}/s, lasting {lasting:,.0f}/s", end="")
        print()


def ratio_to_copy(found: Rounds, way: str) -> float:
    """How much faster than COPY in the same round, the median."""
    pairs = zip(found["raw COPY"], found[way], strict=True)
    return statistics.median(raw.seconds / mine.seconds for raw, mine in pairs)


def verdict(what: str, limit: float, measured: float, *, least: bool = False) -> None:
    """One figure beside its limit; the ratio is above one when it is kept."""
    ratio = measured / limit if least else limit / measured
    sign = "≥" if least else "≤"
    print(f"{what:<52}{sign} {limit:>9,.6g}{measured:>12,.6g}{ratio:>8.2f}{'' if ratio >= 1 else '  MISS'}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--seconds", type=float, default=10, help="of the latency test and of the outage; 0 skips them"
    )
    options = parser.parse_args()

    entries = list(records(options.records, random.Random(1)))
    count = len(entries)
    rows = prepare(Batch("0-0", Origin("bench", 0, 0), entries)).rows
    blocks = [block(rows[start : start + BLOCK]) for start in range(0, count, BLOCK)]
    size = sum(map(len, entries)) / count
    print(
        f"{count:,} records of {size:.0f} bytes, medians of {options.rounds} rounds, {os.cpu_count()} cores"
    )

    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="godot-bench-")))
        settings = {"track_commit_timestamp": "on"}
        postgres = stack.enter_context(EmbeddedPostgres(directory / "postgres", settings=settings))
        valkey = stack.enter_context(EmbeddedValkey(directory / "valkey"))
        bench = Bench(postgres, valkey)
        found = {}
        for title, without in WITHOUT.items():
            found[title] = compare(bench, entries, blocks, options.rounds, without)
            show(title, found[title], count)

        daemon = "daemon, 2 writers"
        fastest = found["every index"][daemon]
        print(f"\n{'':<52}{'limit':>11}{'measured':>12}{'ratio':>8}")
        for what, title in (("P-1", "all but logs_data"), ("beyond P-1", "every index")):
            rate = count / statistics.median(each.seconds for each in found[title][daemon])
            verdict(f"{what}, records/s, {title}", 100_000, round(rate), least=True)
            verdict(f"{what}, ÷ raw COPY", 0.7, round(ratio_to_copy(found[title], daemon), 2), least=True)
        if options.seconds:
            times = latency(bench, 1_000, options.seconds)
            half, most = (times[int(len(times) * share)] for share in (0.5, 0.99))
            verdict(f"P-3  event to COMMIT at 1,000/s, p99 (p50 {half:.0f}), ms", 250, round(most))
        verdict("P-7  memory at full rate, MB", 150, round(max(each.memory for each in fastest)))
        if options.seconds:
            away = f"P-7  memory, PostgreSQL away for {options.seconds:g} s, MB"
            verdict(away, 150, round(outage(bench, entries, options.seconds)))


if __name__ == "__main__":
    main()
