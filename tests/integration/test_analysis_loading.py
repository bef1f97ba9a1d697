"""Ways to the same frame: by Arrow, by rows, over what SQLAlchemy has; and the newest records, found step by step."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pandas as pd
import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import godot_analysis as ga
from godot_analysis.columns import LOGS
from godot_analysis.loading import connections, database
from godot_daemon import partitions

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = dt.datetime.now(dt.UTC)
SPANS = [dt.timedelta(hours=-1), dt.timedelta(0), *database._LOOKS_BACK, dt.timedelta(days=20)]


@pytest.fixture(scope="module")
def filled(postgres_server, _template) -> Iterator[str]:
    """Records from an hour ahead to weeks ago, thick and thin, out of order, many at the same moment."""
    name = "godot_loading"
    with psycopg.connect(postgres_server.url, autocommit=True) as connection:
        connection.execute(f"create database {name} template {_template}")
    url = postgres_server.url.rpartition("/")[0] + f"/{name}"
    with psycopg.connect(url, autocommit=True) as connection:
        partitions.ensure(connection, days_back=3)
        connection.execute(
            """
            insert into logs (id, trace_id, component, level, message, data, event_created_at, instance, seq)
            select md5(n::text)::uuid, case when n % 3 > 0 then md5((n / 7)::text)::uuid end,
                   case when n % 41 = 0 then 'rare' else 'c' || n % 3 end,
                   (array['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR'])[1 + n % 5], E'tab\\t, line\\n, é 🚀 ' || n,
                   case when n % 4 > 0 then jsonb_build_object('n', n, 'text', E'a\\tb\\\\c\\n"') end,
                   %s::timestamptz + interval '1 hour' - interval '1 second' * ((n * 7919 %% 2000) ^ 2 / 2),
                   case when n % 2 = 0 then 'host:1' end, case when n % 5 > 1 then n % 4 end
            from generate_series(1, 6000) as n
            """.replace("n % ", "n %% "),
            (NOW,),
        )
    yield url
    with psycopg.connect(postgres_server.url, autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture(scope="module")
def engine(filled: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(filled.replace("postgresql://", "postgresql+psycopg://"))
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def everything(engine: sa.Engine) -> pd.DataFrame:
    return ga.load_logs(source=engine)


def test_the_same_frame_by_arrow_and_by_rows(
    filled: str, everything: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("adbc_driver_postgresql")
    by_arrow = ga.load_logs(source=filled)
    assert not by_arrow["data"].array.decoded
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", None)
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql.dbapi", None)
    monkeypatch.delitem(sys.modules, "godot_analysis.loading.bulk", raising=False)
    by_rows = ga.load_logs(source=filled)
    pd.testing.assert_frame_equal(by_arrow, everything)
    pd.testing.assert_frame_equal(by_rows, everything)
    assert len(everything) == 6000
    assert by_arrow["data"].tolist() == everything["data"].tolist()


@pytest.fixture
def in_halves(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What fits few pages is read over two connections as well; the connections that were opened."""
    pytest.importorskip("adbc_driver_postgresql")
    from godot_analysis.loading import bulk  # noqa: PLC0415 - an extra

    opened: list[Any] = []
    connect = bulk.adbc.connect

    def counted(*given: Any, **more: Any) -> Any:
        opened.append(connect(*given, **more))
        return opened[-1]

    monkeypatch.setattr(bulk.adbc, "connect", counted)
    monkeypatch.setattr(bulk, "_MANY_PAGES", 1)
    return opened


def test_two_halves_are_the_whole(filled: str, everything: pd.DataFrame, in_halves: list[Any]):
    pd.testing.assert_frame_equal(ga.load_logs(source=filled), everything)
    assert len(in_halves) == 2
    some = everything[(everything["component"] == "c1") & (everything["level"] >= "WARN")]
    halves = ga.load_logs(source=filled, component="c1", level="WARN")
    assert halves["id"].tolist() == some["id"].tolist()
    assert len(in_halves) == 4
    ga.load_logs(source=filled, start="2d")
    assert len(in_halves) == 5, "what an index or whole partitions answer is asked once"


def test_halves_are_of_one_moment(filled: str, everything: pd.DataFrame, in_halves: list[Any]):
    """Somebody moves records from page to page meanwhile, as the repair of partitions does."""
    done = threading.Event()

    def move() -> None:
        with psycopg.connect(filled, autocommit=True) as connection:
            while not done.is_set():
                connection.execute(
                    "with moved as (delete from logs where id in (select id from logs order by random() limit 500)"
                    " returning *) insert into logs select * from moved"
                )

    with ThreadPoolExecutor(1) as pool:
        moving = pool.submit(move)
        try:
            for _ in range(8):
                assert set(ga.load_logs(source=filled)["id"]) == set(everything["id"])
                assert len(ga.load_logs(source=filled)) == len(everything)
        finally:
            done.set()
        moving.result()
    assert len(in_halves) == 32


@pytest.fixture
def narrow(filled: str) -> Iterator[tuple[psycopg.Connection[Any], str]]:
    """A login that may do little: a connection to grant it more, and its address."""
    info = psycopg.conninfo.conninfo_to_dict(filled)
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute("create role narrow login")
        yield connection, f"postgresql://narrow@{info['host']}:{info['port']}/{info['dbname']}"
        connection.execute("grant execute on all functions in schema pg_catalog to public")
        connection.execute("drop owned by narrow")
        connection.execute("drop role narrow")


@pytest.mark.parametrize(
    "rights",
    [
        ["alter role narrow connection limit 2", "grant select on logs to narrow"],
        [f"grant select ({', '.join(LOGS)}) on logs to narrow"],
        ["grant select on logs to narrow", "revoke execute on function pg_export_snapshot() from public"],
        [
            "grant select on logs to narrow",
            "revoke execute on function pg_relation_size(regclass) from public",
        ],
    ],
)
def test_what_cannot_be_halved_is_asked_once(
    narrow: tuple[psycopg.Connection[Any], str],
    everything: pd.DataFrame,
    in_halves: list[Any],
    rights: list[str],
):
    connection, url = narrow
    for right in rights:
        connection.execute(right)
    pd.testing.assert_frame_equal(ga.load_logs(source=url), everything)
    assert len(in_halves) <= 2


_SLOWLY = """
import os, signal, sys, threading, time
import godot_analysis as ga
from godot_analysis.loading import bulk
bulk._MANY_PAGES = 1

def interrupt():
    for _ in range(2):
        time.sleep(1)
        os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt, daemon=True).start()
try:
    ga.load_logs(source=sys.argv[1], component="c1")
except KeyboardInterrupt:
    try:
        time.sleep(5)
    except KeyboardInterrupt:
        pass
    print("interrupted", flush=True)
"""


def test_an_interrupt_ends_a_load_at_once(
    filled: str, narrow: tuple[psycopg.Connection[Any], str], in_halves: list[Any]
):
    """Also when it comes twice, and while the server finds nothing to send."""
    connection, url = narrow
    connection.execute("grant select on logs to narrow")
    connection.execute("create policy slow on logs using (pg_sleep(0.01) is null)")
    connection.execute("alter table logs enable row level security")
    try:
        asked = time.monotonic()
        run = subprocess.run(
            [sys.executable, "-c", _SLOWLY, url], capture_output=True, text=True, check=False
        )
        assert (run.returncode, run.stdout) == (0, "interrupted\n"), run.stderr
        assert time.monotonic() - asked < 20, "all of it takes a minute"
        with ThreadPoolExecutor(1) as pool:
            loading = pool.submit(ga.load_logs, source=url)
            reading = "select pid from pg_stat_activity where usename = 'narrow' and query ilike 'copy%'"
            while len(found := connection.execute(reading).fetchall()) < 2:
                time.sleep(0.05)
            connection.execute("select pg_terminate_backend(%s)", found[0])
            with pytest.raises(ga.SourceUnavailable, match=r"terminating connection|server closed"):
                loading.result(timeout=20)
    finally:
        connection.execute("alter table logs disable row level security")
        connection.execute("drop policy slow on logs")


@pytest.mark.parametrize(
    "filters",
    [
        {"component": "it's \\ % :c %(x)s"},
        {"component": "rare", "level": "WARN"},
        {"search": "tab -17"},
        {"data": {"text": 'a\tb\\c\n"'}},
        {"start": NOW - dt.timedelta(hours=3), "end": NOW},
        {"start": "2d"},
    ],
)
def test_values_are_bound_whichever_way_is_taken(filled: str, engine: sa.Engine, filters: dict[str, Any]):
    pd.testing.assert_frame_equal(
        ga.load_logs(source=filled, **filters), ga.load_logs(source=engine, **filters)
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    limit=st.integers(0, 7000) | st.integers(0, 60),
    component=st.sampled_from([None, "c0", "rare", "nobody"]),
    level=st.sampled_from([None, "DEBUG", "WARN", "ERROR"]),
    start=st.none() | st.sampled_from(SPANS),
    end=st.none() | st.sampled_from(SPANS),
)
def test_the_newest_are_the_end_of_all(
    engine: sa.Engine, everything: pd.DataFrame, limit: int, component: Any, level: Any, start: Any, end: Any
):
    filters = {
        "component": component,
        "level": level,
        "start": None if start is None else NOW - start,
        "end": None if end is None else NOW - end,
    }
    kept = everything
    if component is not None:
        kept = kept[kept["component"] == component]
    if level is not None:
        kept = kept[kept["level"] >= level]
    if start is not None:
        kept = kept[kept["event_created_at"] >= NOW - start]
    if end is not None:
        kept = kept[kept["event_created_at"] < NOW - end]
    newest = ga.load_logs(source=engine, limit=limit, **filters)
    assert newest["id"].tolist() == kept["id"].tolist()[max(0, len(kept) - limit) :]


def test_few_questions_find_the_newest(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch):
    asked = []
    rows = connections.Direct.rows
    monkeypatch.setattr(connections.Direct, "rows", lambda *given: asked.append(given[1]) or rows(*given))
    assert len(ga.load_logs(source=engine, component="c1", limit=3)) == 3
    assert len(asked) == 1
    asked.clear()
    assert ga.load_logs(source=engine, component="nobody", limit=3).empty
    assert len(asked) == len(database._LOOKS_BACK) + 1
    asked.clear()
    ga.load_logs(source=engine, component="c1", level="ERROR", limit=3)
    assert len(asked) == 1, "an index answers at once"


@pytest.mark.parametrize(
    "filters",
    [
        {"since": NOW - dt.timedelta(hours=1)},
        {"since": NOW - dt.timedelta(days=1), "component": "rare"},
        {"since": NOW + dt.timedelta(days=1)},
        {"since": None},
    ],
)
def test_traces_are_those_of_the_plain_question(
    engine: sa.Engine, everything: pd.DataFrame, filters: dict[str, Any]
):
    since, component = filters["since"], filters.get("component")
    active = everything if since is None else everything[everything["event_created_at"] >= since]
    if component is not None:
        active = active[active["component"] == component]
    wanted = everything[everything["trace_id"].isin(active["trace_id"].dropna())]
    traces = ga.list_traces(source=engine, **filters)
    assert set(traces["trace_id"]) == set(wanted["trace_id"])
    assert traces["records"].sum() == len(wanted)
    assert traces["errors"].sum() == (wanted["level"] == "ERROR").sum()
    assert traces["started_at"].is_monotonic_decreasing
    first = wanted.drop_duplicates("trace_id").set_index("trace_id")["event_created_at"]
    assert (traces.set_index("trace_id")["started_at"] == first.reindex(traces["trace_id"])).all()


def test_an_address_with_options_leads_both_drivers_to_the_same_place(filled: str):
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute("create schema if not exists elsewhere")
        connection.execute("create or replace view elsewhere.logs as select * from public.logs limit 10")
        [[directory]] = connection.execute("show unix_socket_directories").fetchall()
    options = "options=-csearch_path%3Delsewhere%2Cpublic&application_name=a%27b%20c"
    assert len(ga.load_logs(source=f"{filled}?{options}")) == 10
    assert len(ga.load_logs(source=f"{filled.replace('postgresql://', 'postgres://')}?{options}")) == 10
    if directory:
        info = psycopg.conninfo.conninfo_to_dict(filled)
        url = f"postgresql://{info['user']}@/{info['dbname']}?host={directory.split(',')[0]}&port={info['port']}"
        assert len(ga.load_logs(source=url)) == 6000


def test_a_question_that_takes_too_long_says_so(filled: str):
    with pytest.raises(ga.SourceUnavailable, match="narrower question"):
        ga.load_logs(source=f"{filled}?options=-cstatement_timeout%3D1", search="tab or line or é")


def test_an_address_that_means_nothing():
    with pytest.raises(ga.BadSource, match="not a database URL"):
        ga.load_logs(source="postgresql://[::1/godot")
    with pytest.raises(ga.BadSource) as caught:
        ga.load_logs(source="postgresql://me:hunter2@localhost/godot?nonsense=1&password=hunter3")
    assert "hunter" not in str(caught.value)


def test_a_transaction_of_the_caller_is_seen_and_left_alone(engine: sa.Engine):
    record, trace = uuid.uuid4(), uuid.uuid4()
    with engine.connect() as connection:
        connection.execute(
            sa.text(
                "insert into logs (id, trace_id, component, level, message, event_created_at)"
                " values (:id, :trace, 'mine', 'INFO', 'not committed', now())"
            ),
            {"id": record, "trace": trace},
        )
        assert ga.load_trace(trace, source=connection)["id"].tolist() == [str(record)]
        assert len(ga.load_logs(component="mine", source=connection)) == 1
        connection.rollback()
    assert ga.load_trace(trace, source=engine).empty
