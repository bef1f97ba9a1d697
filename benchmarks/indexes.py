"""What each index of `logs` costs at insertion and gives at reading, beside the alternatives to it.

    make bench-indexes
    make bench-indexes ARGS="--records 300000"
    python benchmarks/indexes.py --only pending       # one of: alone, without, trace, pending, words, closed

Every line is a fresh database with the schema of `sql/`, changed as the line says, into which one
connection copies the same records in blocks of 1,000, each a transaction. `rows/s` is what the clock says,
`ratio` compares with the table without any index; `write` is the processor time of the server's process for
a row, which other work on the machine hardly changes, and `merge` that of merging afterwards what the lists
of the GIN indexes hold. Searches are asked before and after that, the best of three.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import os
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import rows

from godot_daemon import migrations
from godot_daemon.embedded import EmbeddedPostgres

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Iterator

BLOCK = 1_000
ORDER = ("logs_pkey", "logs_trace", "logs_errors", "logs_time", "logs_arrival", "logs_words", "logs_data")
GIN = ("logs_words", "logs_data")
SEARCHES = {
    "trace": "select * from logs where trace_id = %(trace)s order by event_created_at",
    "errors": "select * from logs where component = 'relay' and level = 'ERROR'"
    " order by event_created_at desc limit 100",
    "words": f"select * from logs where log_words(message) @@ log_query('{rows.RARE}')",
    "data": """select * from logs where data @> '{"user_id": "u47", "tool": "relay_7"}'""",
}
SPACES = "replace(replace(replace(left(message, 65536), '/', ' '), '.', ' '), '@', ' ')"
LIST = "with (gin_pending_list_limit = {kib})"
UNMERGED = LIST.format(kib=2_000_000)
BOTH = "log_words(message), data jsonb_path_ops"
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Variant:
    """One line: which indexes of the schema stay, and what is made instead of the others."""

    title: str
    keep: tuple[str, ...]
    make: tuple[str, ...] = ()
    merge_every: float | None = None
    close: bool = False
    """Whether the schema's GIN indexes are built at the end, as when a day closes."""


def without(*names: str) -> tuple[str, ...]:
    return tuple(name for name in ORDER if name not in names)


def words(kib: int = 2_000_000, expression: str = "log_words(message)") -> str:
    return f"create index logs_words on logs using gin ({expression}) {LIST.format(kib=kib)}"


def data(kib: int = 2_000_000) -> str:
    return f"create index logs_data on logs using gin (data jsonb_path_ops) {LIST.format(kib=kib)}"


def pending(mib: int, merge_every: float | None = None) -> Variant:
    beside = f", merged every {merge_every:g} s beside" if merge_every else ""
    return Variant(
        f"lists of {mib} MiB{beside}",
        without(*GIN),
        (words(1024 * mib), data(1024 * mib)),
        merge_every,
    )


GROUPS: dict[str, list[Variant]] = {
    "alone": [
        Variant("no index", ()),
        *(Variant(f"only {name}", (name,)) for name in ORDER),
    ],
    "without": [
        *(Variant(f"all without {name}", without(name)) for name in ORDER),
        Variant("all without both GIN", without(*GIN)),
        Variant("all", ORDER),
    ],
    "trace": [
        Variant(f"only logs_trace on ({columns})", (), (f"create index logs_trace on logs {using}",))
        for columns, using in {
            "trace_id, time": "(trace_id, event_created_at) where trace_id is not null",
            "hash of trace_id": "using hash (trace_id) where trace_id is not null",
            "bloom of trace_id": "using brin (trace_id uuid_bloom_ops) with (autosummarize = on)",
        }.items()
    ],
    "pending": [
        *(pending(mib) for mib in (4, 16, 64, 256)),
        pending(4, 1),
        pending(32, 1),
        pending(256, 1),
        Variant(
            "no lists (fastupdate off)",
            without(*GIN),
            (
                "create index logs_words on logs using gin (log_words(message)) with (fastupdate = off)",
                "create index logs_data on logs using gin (data jsonb_path_ops) with (fastupdate = off)",
            ),
        ),
        Variant(
            "one index for both",
            without(*GIN),
            (f"create index logs_both on logs using gin ({BOTH}) {UNMERGED}",),
        ),
    ],
    "words": [
        Variant(f"words: {title}", without(*GIN), (words(expression=expression),))
        for title, expression in {
            "as the schema has them": "log_words(message)",
            "translate, as before": "to_tsvector('simple', translate(left(message, 65536), '/.@', '   '))",
            "the first 40 characters": "log_words(left(message, 40))",
            "cut at spaces (no phrases)": f"array_to_tsvector(string_to_array(lower({SPACES}), ' '))",
            "array (no phrases, or, not)": f"string_to_array(lower({SPACES}), ' ')",
        }.items()
    ],
    "closed": [Variant("both GIN when the day closes", without(*GIN), close=True)],
}


class Bench:
    """The server, the schema as a template, and the rows as blocks of COPY."""

    def __init__(self, server: EmbeddedPostgres, records: int) -> None:
        self.server = server
        self.records = records
        self.blocks: list[bytes] = []
        self.trace: uuid.UUID | None = None
        today = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        made = rows.generate(today, today + dt.timedelta(hours=20), records, seed=1, rare=records // 1_000)
        for chunk, trace in made:
            self.blocks += [
                rows.stream(chunk[start : start + BLOCK]) for start in range(0, len(chunk), BLOCK)
            ]
            self.trace = self.trace or trace
        self._databases = 0
        self._admin(f"create database {self._name()}")
        self.template = self._url()
        migrations.upgrade(self.template)

    @contextlib.contextmanager
    def database(self, variant: Variant) -> Iterator[str]:
        """A fresh database with the indexes of a line."""
        template = self.template.rpartition("/")[2]
        self._databases += 1
        self._admin(f"create database {self._name()} template {template}")
        try:
            with psycopg.connect(self._url(), autocommit=True) as connection:
                for name in without(*variant.keep):
                    primary = name == "logs_pkey"
                    connection.execute(
                        f"alter table logs drop constraint {name}" if primary else f"drop index {name}"
                    )
                for statement in variant.make:
                    connection.execute(statement)
                connection.execute("checkpoint")
            yield self._url()
        finally:
            self._admin(f"drop database {self._name()} with (force)")

    def _name(self) -> str:
        return f"indexes_{self._databases}"

    def _url(self) -> str:
        return f"{self.server.url.rpartition('/')[0]}/{self._name()}"

    def _admin(self, statement: str) -> None:
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            connection.execute(statement)


def processor(connection: psycopg.Connection[Any]) -> float:
    """Seconds of processor time that the server's process of a connection has used."""
    fields = Path(f"/proc/{connection.info.backend_pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@contextlib.contextmanager
def merging(url: str, every: float | None) -> Iterator[None]:
    """What the daemon does beside the writers."""
    if every is None:
        yield
        return
    stop = threading.Event()

    def merge() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not stop.wait(every):
                connection.execute("select merge_pending()")

    thread = threading.Thread(target=merge)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def best(action: Callable[[], object]) -> float:
    """Milliseconds of the best of three."""
    times = []
    for _ in range(3):
        started = time.perf_counter()
        action()
        times.append((time.perf_counter() - started) * 1e3)
    return min(times)


def searched(connection: psycopg.Connection[Any], trace: uuid.UUID | None) -> dict[str, float]:
    return {
        name: best(lambda query=query: connection.execute(query, {"trace": trace}).fetchall())
        for name, query in SEARCHES.items()
    }


def measure(bench: Bench, variant: Variant, bare: float) -> float:
    """Fill, search, merge, search; print the line, and return rows per second."""
    with bench.database(variant) as url, psycopg.connect(url, autocommit=True) as connection:
        log = "select pg_current_wal_lsn() - '0/0'"
        written = connection.execute(log).fetchone()[0]
        used, started = processor(connection), time.perf_counter()
        with merging(url, variant.merge_every):
            for block in bench.blocks:
                with connection.cursor().copy(rows.COPY) as copy:
                    copy.write(block)
            rate = bench.records / (time.perf_counter() - started)
        used = processor(connection) - used
        written = connection.execute(log).fetchone()[0] - written
        connection.execute(
            "analyze logs"
        )  # which leaves the lists as they are, as only autovacuum's does not
        before = searched(connection, bench.trace)
        merge = processor(connection)
        connection.execute("select merge_pending()")
        if variant.close:
            connection.execute(words())
            connection.execute(data())
        merge = processor(connection) - merge
        after = searched(connection, bench.trace)
        size = connection.execute(
            "select sum(pg_indexes_size(inhrelid)) from pg_inherits where inhparent = 'logs'::regclass"
        ).fetchone()[0]
    figures = [f"{each / bench.records * 1e6:6.1f}" for each in (used, merge)]
    sizes = [f"{float(each) / bench.records:7,.0f}" for each in (written, size)]
    times = [
        f"{before[name]:7.1f}{f'{after[name]:7.1f}' if name in ('words', 'data') else ''}"
        for name in SEARCHES
    ]
    print(
        f"{variant.title:<44}{rate:>9,.0f}{rate / (bare or rate):>6.2f}{''.join(figures + sizes + times)}",
        flush=True,
    )
    return rate


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=100_000, help="for each line (%(default)s)")
    parser.add_argument(
        "--only", choices=GROUPS, action="append", help="some groups of lines; may be repeated"
    )
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="godot-bench-") as directory,
        EmbeddedPostgres(Path(directory), settings={"shared_buffers": "1GB"}) as server,
    ):
        bench = Bench(server, options.records)
        size = sum(map(len, bench.blocks)) / options.records
        print(f"{options.records:,} records of {size:.0f} bytes as COPY reads them, one connection\n")
        print(f"{'':59}{'µs of CPU':>12}{'bytes a row':>14}{'milliseconds':>22}")
        columns = "rows/s ratio  write merge    WAL  index  trace errors  words merged   data merged"
        print(f"{'':<47}{columns}")
        measure(bench, Variant("(warming up)", ()), 0)
        bare = 0.0
        for group in options.only or GROUPS:
            print(f"{group}:")
            for variant in GROUPS[group]:
                rate = measure(bench, variant, bare)
                bare = bare or rate


if __name__ == "__main__":
    main()
