"""The queries of P-4, exactly as the product asks them: each uses its index and reads only what it must."""

from __future__ import annotations

import datetime as dt
import re

import psycopg
import pytest
from sqlalchemy import create_engine

import godot_analysis as ga
from godot_daemon import partitions, retention, stats

DAYS = 5


def partition(day: dt.datetime) -> str:
    return f"logs_{day:%Y_%m_%d}"


@pytest.fixture(scope="module")
def now():
    """When the tables are filled: midnight may pass before the last test."""
    return dt.datetime.now(dt.UTC)


@pytest.fixture(scope="module")
def yesterday(now):
    """Its first instant: a day that is full, whatever the time of day."""
    return dt.datetime.combine(now.date() - dt.timedelta(days=1), dt.time(), dt.UTC)


@pytest.fixture(scope="module")
def filled(postgres_server, _template, now):
    """Five days of 10,000 records each, counted up to half an hour ago."""
    name = "godot_plans"
    with psycopg.connect(postgres_server.url, autocommit=True) as connection:
        connection.execute(f"create database {name} template {_template}")
    url = postgres_server.url.rpartition("/")[0] + f"/{name}"
    with psycopg.connect(url, autocommit=True) as connection:
        partitions.ensure(connection, days_back=DAYS, today=now.date())
        connection.execute(
            """
            insert into logs (id, trace_id, component, level, message, data, event_created_at, ingestion_created_at)
            select gen_random_uuid(), md5((n / 50)::text)::uuid, 'c' || n %% 10,
                   case when n %% 97 = 0 then 'ERROR' else 'INFO' end, 'tools/list number' || n,
                   jsonb_build_object('number', n), at, at
            from generate_series(1, 50000) as n, lateral (select %s - n * interval '8.64 s' as at) as time
            """,
            (now,),
        )
        connection.execute("vacuum analyze logs")
        stats.count_arrivals(connection)
        connection.execute("analyze log_counts")
    yield url
    with psycopg.connect(postgres_server.url, autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


class Plan:
    """What PostgreSQL does for a query: which tables it reads how, and through which indexes."""

    def __init__(self, connection, query, values) -> None:
        [[root]] = connection.execute(f"explain (format json) {query}", values).fetchone()
        self.tables: set[str] = set()
        self.indexes: set[str] = set()
        self.read_whole: set[str] = set()
        self._walk(root["Plan"])

    def _walk(self, node) -> None:
        table = node.get("Relation Name")
        if table:
            self.tables.add(table)
        if node["Node Type"] == "Seq Scan":
            self.read_whole.add(table)
        if "Index Name" in node:
            self.indexes.add(re.sub(r"^logs_\d{4}_\d\d_\d\d_", "", node["Index Name"]))
        for child in node.get("Plans", ()):
            self._walk(child)


@pytest.fixture
def plan_of(filled, monkeypatch):
    """The plan of what a call of the library asks the database."""
    engine = create_engine(filled.replace("postgresql://", "postgresql+psycopg://"))
    asked = []

    def noting(execute):
        def noted(cursor, query, params=None, **options):
            asked.append((query, params))
            return execute(cursor, query, params, **options)

        return noted

    def find(call) -> Plan:
        with monkeypatch.context() as patched:
            for cursor in (psycopg.Cursor, psycopg.ServerCursor):
                patched.setattr(cursor, "execute", noting(cursor.execute))
            call(engine)
        query, values = asked[-1]
        with psycopg.connect(filled) as connection:
            return Plan(connection, query, values)

    yield find
    engine.dispose()


@pytest.fixture
def trace(filled, yesterday):
    with psycopg.connect(filled) as connection:
        query = f"select trace_id from {partition(yesterday)} limit 1"
        return str(connection.execute(query).fetchone()[0])


@pytest.fixture
def full(now):
    """Tables without those that hold nothing, or little yet: there PostgreSQL rightly reads everything."""
    small = {partition(now + dt.timedelta(days=ahead)) for ahead in (-DAYS, 0, 1, 2, 3)}
    return lambda tables: set(tables) - small - {"logs_default"}


def test_a_trace(plan_of, trace, full):
    plan = plan_of(lambda source: ga.load_trace(trace, source=source))
    assert "trace_id_idx" in plan.indexes
    assert full(plan.read_whole) == set()


def test_a_trace_of_one_day_reads_one_day(plan_of, trace, yesterday):
    end = yesterday + dt.timedelta(days=1)
    plan = plan_of(lambda source: ga.load_logs(trace_id=trace, start=yesterday, end=end, source=source))
    assert plan.tables == {partition(yesterday)}


def test_the_last_errors_of_a_component(plan_of, full):
    plan = plan_of(lambda source: ga.load_logs(component="c7", level="ERROR", limit=100, source=source))
    assert plan.indexes & {"component_event_created_at_idx"}
    assert full(plan.read_whole) == set()


def test_words(plan_of, full):
    plan = plan_of(lambda source: ga.load_logs(search="number77", source=source))
    assert plan.indexes & {"log_words_idx"}
    assert full(plan.read_whole) == set()


def test_containment(plan_of, full):
    plan = plan_of(lambda source: ga.load_logs(data={"number": 77}, source=source))
    assert plan.indexes & {"data_idx"}
    assert full(plan.read_whole) == set()


def test_a_time_range_reads_its_days(plan_of, yesterday):
    start, end = yesterday - dt.timedelta(days=1), yesterday
    plan = plan_of(lambda source: ga.load_logs(start=start, end=end, component="c1", source=source))
    assert plan.tables == {partition(start)}


def test_stats_read_the_counts_and_what_came_since(filled, full):
    with psycopg.connect(filled, autocommit=True) as connection:
        until = connection.execute("select arrival::text from log_counts_until").fetchone()
        plan = Plan(connection, stats._COUNTED, until)
        assert "log_counts" in plan.tables
        assert "ingestion_created_at_idx" in plan.indexes
        assert full(plan.read_whole) <= {"log_counts"}
        assert stats.collect(connection).records == 50_000


def test_retention_forecasts_from_the_expired_days_alone(filled):
    with psycopg.connect(filled, autocommit=True) as connection:
        before = retention.bound(connection, 2)
        [oldest, *_] = partitions.listing(connection)
        query = retention._FORECAST.format(
            pinned=retention.sql.SQL(retention._PINNED), where=retention._range(oldest)
        ).as_string(connection)
        plan = Plan(connection, query, {"name": oldest.name, "before": before})
        assert {table for table in plan.tables if table.startswith("logs_2")} == {oldest.name}
