"""Loads a million records, and one trace, beside what others need for the same (P-5, and P-4's `load_trace`).

    python benchmarks/load.py [--records 1000000] [--keep DIRECTORY]

Each way in a process of its own, ours and ADBC seven times in turn, on an embedded server with every index:
medians, and the median of the ratios of rounds, since the machine has other work at times. All read the same
columns of the same rows; ours makes the documented frame, in order of time.
`--keep` leaves the filled server's directory for the next run.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import multiprocessing
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import large
import psycopg

import godot_analysis as ga
from godot_daemon import migrations
from godot_daemon.embedded import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 7
TRACE_ROUNDS = 30
TRACE_RECORDS = 1_000  # of the longest traces that large.py makes
TEXT = (
    "select id::text, trace_id::text, component, level, message, data::text, event_created_at,"
    " ingestion_created_at, instance, seq from logs"
)


def ours(url: str) -> Any:
    return ga.load_logs(source=url)


def by_adbc(url: str) -> Any:
    from adbc_driver_postgresql import dbapi  # noqa: PLC0415 - each process loads what it measures

    with dbapi.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(TEXT)
        return cursor.fetch_arrow_table().to_pandas()


def by_connectorx(url: str) -> Any:
    import connectorx  # noqa: PLC0415

    return connectorx.read_sql(url, TEXT, return_type="arrow").to_pandas()


def by_pandas(url: str) -> Any:
    import pandas as pd  # noqa: PLC0415
    from sqlalchemy import create_engine  # noqa: PLC0415

    return pd.read_sql(TEXT, create_engine(url.replace("postgresql:", "postgresql+psycopg:", 1)))


def traces_ours(url: str, traces: list[str]) -> float:
    from sqlalchemy import create_engine  # noqa: PLC0415

    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:", 1))
    return milliseconds(lambda trace: ga.load_trace(trace, source=engine), traces)


def traces_ours_connecting(url: str, traces: list[str]) -> float:
    return milliseconds(lambda trace: ga.load_trace(trace, source=url), traces)


def traces_by_adbc(url: str, traces: list[str]) -> float:
    from adbc_driver_postgresql import dbapi  # noqa: PLC0415

    query = TEXT + " where trace_id = '{}' order by event_created_at"
    with dbapi.connect(url) as connection, connection.cursor() as cursor:

        def load(trace: str) -> Any:
            cursor.execute(query.format(trace))
            return cursor.fetch_arrow_table().to_pandas()

        return milliseconds(load, traces)


def milliseconds(load: Callable[[str], Any], traces: list[str]) -> float:
    found = []
    for n in range(TRACE_ROUNDS):
        started = time.perf_counter()
        assert len(load(traces[n % len(traces)])) == TRACE_RECORDS
        found.append((time.perf_counter() - started) * 1e3)
    return statistics.median(found)


def measure(load: Callable[..., Any], answer: Any, *arguments: Any) -> None:
    """In the process itself: seconds, rows and peak memory, or what a function of traces measured."""
    started = time.perf_counter()
    found = load(*arguments)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    answer.send(json.dumps(found if isinstance(found, float) else [seconds, peak, len(found)]))


def alone(load: Callable[..., Any], *arguments: Any) -> Any:
    here, there = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=measure, args=(load, there, *arguments))
    process.start()
    there.close()
    try:
        return json.loads(here.recv())
    finally:
        process.join()


WAYS = {
    "ADBC, to_pandas": ("adbc_driver_postgresql", by_adbc, ROUNDS),
    "ga.load_logs": ("adbc_driver_postgresql", ours, ROUNDS),
    "connectorx, to_pandas": ("connectorx", by_connectorx, 1),
    "pandas.read_sql, text": ("sqlalchemy", by_pandas, 1),
}


def compare(url: str) -> None:
    print(f"\n{'all records':<28}{'s':>8}{'ratio':>8}{'peak MiB':>10}{'ratio':>8}")
    runs: dict[str, list[list[float]]] = {}
    for n in range(ROUNDS):
        for name, (module, load, rounds) in WAYS.items():
            if importlib.util.find_spec(module) is not None and n < rounds:
                runs.setdefault(name, []).append(alone(load, url))
    base = runs["ADBC, to_pandas"]
    for name, (module, _, _) in WAYS.items():
        if name not in runs:
            print(f"{name:<28}  {module} is missing: pip install 'godot-logging[bench]'")
            continue
        seconds, peak, rows = (statistics.median(values) for values in zip(*runs[name], strict=True))
        assert rows == base[0][2], "others have other rows"
        slower, larger = (
            statistics.median(
                mine[what] / theirs[what] for mine, theirs in zip(runs[name], base, strict=False)
            )
            for what in (0, 1)
        )
        print(f"{name:<28}{seconds:>8.2f}{slower:>8.2f}{peak:>10,.0f}{larger:>8.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="where the server's data lies and stays")
    options = parser.parse_args()
    if importlib.util.find_spec("adbc_driver_postgresql") is None:
        raise SystemExit("there is nothing to compare with: pip install 'godot-logging[bench]'")
    with contextlib.ExitStack() as stack:
        place = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(EmbeddedPostgres(place, settings={"shared_buffers": "2GB"}))
        migrations.upgrade(server.url)
        with psycopg.connect(server.url) as connection:
            found = connection.execute(
                "select trace_id from logs where trace_id is not null group by 1 having count(*) = %s"
                " limit 20",
                (TRACE_RECORDS,),
            ).fetchall()
        traces = [str(row[0]) for row in found] or [
            str(one) for one in large.fill(server.url, options.records)
        ]
        compare(server.url)
        print(f"\n{'a trace of 1,000':<28}{'ms':>8}{'ratio':>8}")
        theirs = alone(traces_by_adbc, server.url, traces)
        for name, found_ms in (
            ("ADBC, to_pandas", theirs),
            ("ga.load_trace", alone(traces_ours, server.url, traces)),
            ("… with its own connection", alone(traces_ours_connecting, server.url, traces)),
        ):
            print(f"{name:<28}{found_ms:>8.1f}{found_ms / theirs:>8.2f}")


if __name__ == "__main__":
    main()
