"""Fills millions of realistic records over seven days, and measures every query of P-4 and the retention.

    python benchmarks/large.py [--records 10000000] [--keep DIRECTORY]

On an embedded server with fsync on and a quarter of the machine's memory as shared buffers, which is what
PostgreSQL's manual advises, every index in place while it is filled. Records come in bursts, from components
of very different loudness, with words as frequent as in a language, and with nested data. `--keep` leaves the
filled server's directory for the next run, which then only measures, and lets no day go.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import multiprocessing
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import psycopg
import rows
from sqlalchemy import create_engine

import godot_analysis as ga
from godot_daemon import migrations, partitions, pins, retention, stats
from godot_daemon.archive import ParquetArchive
from godot_daemon.cli._print import size
from godot_daemon.embedded import EmbeddedPostgres

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Iterator

DAYS = 7
HITS = 1_000
ROUNDS = 20


def _fill(url: str, start: dt.datetime, end: dt.datetime, count: int, seed: int) -> list[uuid.UUID]:
    """Write the records of one stretch of time, and return the traces that have exactly 1,000 of them."""
    traces = []
    with psycopg.connect(url) as connection:
        rare = round(HITS / DAYS * (end - start) / dt.timedelta(days=1))
        for made, trace in rows.generate(start, end, count, seed, rare):
            with connection.cursor().copy(rows.COPY) as copy:
                copy.write(rows.stream(made))
            if trace:
                traces.append(trace)
    return traces


def fill(url: str, records: int) -> list[uuid.UUID]:
    """Fill seven days up to now, two processes at a time, each in its own stretch."""
    now = dt.datetime.now(dt.UTC)
    with psycopg.connect(url, autocommit=True) as connection:
        partitions.ensure(connection, days_back=DAYS)
    parts = 2 * DAYS
    step = dt.timedelta(days=DAYS) / parts
    stretches = [(now - step * (n + 1), now - step * n) for n in reversed(range(parts))]
    work = [(url, *stretch, records // parts, n) for n, stretch in enumerate(stretches)]
    started = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        traces = [trace for found in pool.starmap(_fill, work, chunksize=1) for trace in found]
    seconds = time.perf_counter() - started
    print(
        f"filled {records:,} records in {seconds:,.0f} s ({records / seconds:,.0f}/s, every index in place)"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        started = time.perf_counter()
        connection.execute("vacuum analyze logs")
        print(f"vacuum analyze: {time.perf_counter() - started:,.0f} s")
        started = time.perf_counter()
        counted = stats.count_arrivals(connection)
        print(f"counted {counted:,} arrivals in {time.perf_counter() - started:,.1f} s (the daemon's work)")
    return traces


def measured(action: Callable[[int], Any], rounds: int = ROUNDS) -> list[float]:
    """Milliseconds of each round."""
    found = []
    for n in range(rounds):
        started = time.perf_counter()
        action(n)
        found.append((time.perf_counter() - started) * 1e3)
    return found


def show(title: str, target: float | None, times: list[float], note: str = "") -> None:
    middle, worst = statistics.median(times), max(times)
    goal = f"{target:>8,.0f}" if target else f"{'':>8}"
    verdict = "" if not target else " ok  " if middle <= target else " MISS"
    print(f"{title:<46}{goal}{middle:>10,.1f}{times[0]:>10,.1f}{worst:>10,.1f} {verdict} {note}".rstrip())


COUNT = "select count(message) from logs where trace_id = %s"
ERRORS = (
    "select * from logs where component = %s and level = 'ERROR' order by event_created_at desc limit 100"
)
SEARCH = "select * from logs where log_words(message) @@ log_query(%s)"
CONTAINMENT = "select * from logs where data @> %s::jsonb limit 1000"


def queries(url: str, traces: list[uuid.UUID]) -> None:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    print(f"\n{'milliseconds':<46}{'target':>8}{'median':>10}{'first':>10}{'worst':>10}")

    def load(**filters: Any) -> Any:
        return ga.load_logs(source=engine, **filters)

    def trace(source: Any, first: int = 0, step: int = 1) -> Callable[[int], Any]:
        """Load a trace each time, from a certain one on; negative ones count from the newest."""
        return lambda n: ga.load_trace(traces[(first + n * step) % len(traces)], source=source)

    def component(n: int) -> str:
        return rows.COMPONENTS[n % len(rows.COMPONENTS)]

    with psycopg.connect(url, autocommit=True) as connection:

        def sql(query: str, value: Any) -> list[Any]:
            return connection.execute(query, (value,)).fetchall()

        def contained(n: int) -> str:
            return f'{{"user_id": "u{40 * n + 7}", "tool": "relay_7"}}'

        def counted(*, everything: bool = False) -> Any:
            return stats.collect(connection, everything=everything)

        measured(trace(engine, len(traces) // 2, 0))  # so that connection and plan are there
        show("a trace of the newest, each another", 10, measured(trace(engine, -ROUNDS)))
        show("a trace of the oldest, each another", 10, measured(trace(engine)))
        show("the same trace again and again", 10, measured(trace(engine, step=0)))
        show("each another, by URL: its own connection", None, measured(trace(url, ROUNDS)))
        unseen = traces[2 * ROUNDS : 3 * ROUNDS] or traces
        show(
            "… of it the server, without sending the rows",
            None,
            measured(lambda n: sql(COUNT, unseen[n % len(unseen)])),
        )
        show("last 100 errors: SQL", None, measured(lambda n: sql(ERRORS, component(n))))
        show(
            "last 100 errors: ga.load_logs",
            20,
            measured(lambda n: load(component=component(n), level="ERROR", limit=100)),
        )
        hits = f"{len(sql(SEARCH, rows.RARE)):,} hits"
        show("full text: SQL", None, measured(lambda _: sql(SEARCH, rows.RARE)), hits)
        show("full text: ga.load_logs", 500, measured(lambda _: load(search=rows.RARE)), hits)
        show("containment in data: SQL", None, measured(lambda n: sql(CONTAINMENT, contained(n))))
        show("a component's last hour", None, measured(lambda n: load(component=component(n), start="1h"), 5))
        show(
            "a component's newest 100", None, measured(lambda n: load(component=component(n), limit=100), 10)
        )
        show("traces of the last hour", None, measured(lambda _: ga.list_traces(source=engine), 5))
        show("stats", 500, measured(lambda _: counted()))
        show("stats by reading everything", None, measured(lambda _: counted(everything=True), 2))
        if counted().counts != counted(everything=True).counts:
            raise SystemExit("the counts are wrong")
    engine.dispose()


def quarter_of_memory() -> str:
    """What PostgreSQL's manual advises for shared_buffers."""
    return f"{psutil.virtual_memory().total // 4 >> 20}MB"


def sizes(url: str) -> None:
    with psycopg.connect(url) as connection:
        heap, total = connection.execute(
            "select sum(pg_table_size(inhrelid)), sum(pg_total_relation_size(inhrelid)) from pg_inherits"
            " where inhparent = 'logs'::regclass"
        ).fetchone() or (0, 0)
        print(f"\ntable {size(int(heap))}, with indexes {size(int(total))}")
        for name, taken in connection.execute(
            "select p.relname, sum(pg_relation_size(c.inhrelid)) from pg_index i"
            " join pg_class p on p.oid = i.indexrelid join pg_inherits c on c.inhparent = p.oid"
            " where i.indrelid = 'logs'::regclass group by 1 order by 2 desc"
        ):
            print(f"  {name:<16}{size(int(taken)):>12}")


@contextlib.contextmanager
def small_batches(url: str) -> Iterator[list[float]]:
    """Beside everything else a batch of 100 records every 20 ms; how long each took."""
    stop, times = threading.Event(), []

    def write() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not stop.wait(0.02):
                started = time.perf_counter()
                connection.execute(
                    "insert into logs (id, component, level, message, event_created_at)"
                    " select gen_random_uuid(), 'bench', 'INFO', 'beside', now() from generate_series(1, 100)"
                )
                times.append((time.perf_counter() - started) * 1e3)

    thread = threading.Thread(target=write)
    thread.start()
    yield times
    stop.set()
    thread.join()


def retire(url: str, traces: list[uuid.UUID]) -> None:
    print("\nretention (a small batch is written every 20 ms beside it)")
    with (
        tempfile.TemporaryDirectory() as directory,
        psycopg.connect(url, autocommit=True) as connection,
        psycopg.connect(url, autocommit=True) as reading,
    ):
        for trace in traces:
            pins.pin(connection, trace, owner="benchmark")
        archive = ParquetArchive(directory, reading)
        for days, keeper in ((DAYS - 2, None), (DAYS - 3, archive)):
            retention.promise(connection, days)
            before = retention.bound(connection)
            started = time.perf_counter()
            expected = retention.forecast(connection, before)
            dry = time.perf_counter() - started
            with small_batches(url) as waits:
                time.sleep(1)
                started = time.perf_counter()
                outcome = retention.retain(connection, before, keeper)
                seconds = time.perf_counter() - started
            assert [(step.partition, step.records, step.pinned) for step in outcome.retired] == [
                (step.partition, step.records, step.pinned) for step in expected
            ], outcome.problems
            gone, kept, freed = (
                sum(getattr(step, name) for step in outcome.retired)
                for name in ("records", "pinned", "bytes")
            )
            print(
                f"  {len(outcome.retired)} days, {gone:,} records go, {kept:,} pinned stay, {size(freed)},"
                f" {'archived first' if keeper else 'no archive'}: {seconds:.1f} s (dry run {dry:.1f} s);"
                f" batches beside: median {statistics.median(waits):.1f} ms, worst {max(waits):.0f} ms"
            )
        files = list(Path(directory).iterdir())
        print(f"  archive: {size(sum(file.stat().st_size for file in files))} in {len(files)} files")
        if len(ga.load_trace(traces[0], source=url)) != rows.TRACE_RECORDS:
            raise SystemExit("a pinned trace is not whole")
        started = time.perf_counter()
        stats.collect(connection)
        print(f"  stats afterwards: {(time.perf_counter() - started) * 1e3:.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--keep", type=Path, help="where the server's data lies, and stays as it is")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        place = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(
            EmbeddedPostgres(place, settings={"shared_buffers": quarter_of_memory()})
        )
        migrations.upgrade(server.url)
        with psycopg.connect(server.url) as connection:
            found = connection.execute(
                "select trace_id from logs where trace_id is not null group by 1 having count(*) = %s"
                " order by min(event_created_at)",
                (rows.TRACE_RECORDS,),
            ).fetchall()
        traces = [row[0] for row in found] or fill(server.url, options.records)
        sizes(server.url)
        queries(server.url, traces)
        if not options.keep:
            retire(server.url, traces[:20])


if __name__ == "__main__":
    main()
