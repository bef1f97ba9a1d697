"""Logs from a real PostgreSQL: the same frames as from a file, every filter, and nothing left behind."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import psycopg
import pytest
import sqlalchemy as sa

import godot_analysis as ga
from godot_analysis import columns

if TYPE_CHECKING:
    from pathlib import Path

TRACE = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
OTHER = "00000000-0000-4000-8000-000000000001"
NOW = dt.datetime.now(dt.UTC).replace(microsecond=123456)

ROWS: list[dict[str, Any]] = [
    {
        "level": "DEBUG",
        "message": "asked tools/list of gates",
        "trace_id": TRACE,
        "instance": "r:1",
        "seq": 1,
    },
    {
        "component": "gates",
        "level": "WARN",
        "message": "slow",
        "data": {"ms": 900, "tags": ["a", "b"], "big": 10**30},
    },
    {"component": "gates", "level": "ERROR", "message": "gates failed", "trace_id": TRACE},
    {"level": "INFO", "message": "Grüße 🚀", "trace_id": OTHER, "data": {"text": "a\tb\\c\n"}},
    {"level": "TRACE", "message": "last", "data": {}},
]


@pytest.fixture
def source(database_url: str) -> str:
    """A database with five records, a second apart, the last one now."""
    with psycopg.connect(database_url) as connection:
        for number, row in enumerate(ROWS):
            connection.execute(
                "insert into logs (id, trace_id, component, level, message, data, event_created_at, instance, seq)"
                " values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                (
                    f"00000000-0000-7000-8000-{number:012}",
                    row.get("trace_id"),
                    row.get("component", "relay"),
                    row["level"],
                    row["message"],
                    json.dumps(row["data"]) if "data" in row else None,
                    NOW - dt.timedelta(seconds=len(ROWS) - 1 - number),
                    row.get("instance"),
                    row.get("seq"),
                ),
            )
    return database_url


def test_rows_come_as_they_were_stored(source: str):
    logs = ga.load_logs(source=source)
    assert list(logs) == list(columns.LOGS)
    assert logs["message"].tolist() == [row["message"] for row in ROWS]
    assert logs["data"].tolist() == [row.get("data") for row in ROWS]
    assert logs["trace_id"].dropna().tolist() == [TRACE, TRACE, OTHER]
    assert logs["event_created_at"].iloc[-1] == pd.Timestamp(NOW)
    assert (logs["ingestion_created_at"] >= pd.Timestamp(NOW) - pd.Timedelta("1h")).all()
    assert logs["seq"].tolist() == [1, pd.NA, pd.NA, pd.NA, pd.NA]
    assert str(logs["event_created_at"].dtype) == "datetime64[us, UTC]"
    assert logs["level"].max() == "ERROR"


def test_the_same_frame_as_from_a_file(source: str, tmp_path: Path):
    path = tmp_path / "log.jsonl"
    stored = ga.load_logs(source=source)
    with path.open("w") as file:
        for row in stored.drop(columns=["ingestion_created_at"]).to_dict("records"):
            record = {
                name: None if not isinstance(value, dict) and pd.isna(value) else value
                for name, value in row.items()
            }
            file.write(json.dumps(record, default=str) + "\n")
    read = ga.load_logs(source=path)
    pd.testing.assert_frame_equal(
        read.drop(columns=["ingestion_created_at", "data"]),
        stored.drop(columns=["ingestion_created_at", "data"]),
    )
    assert read["data"].tolist() == stored["data"].tolist()


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ({"component": "gates"}, [1, 2]),
        ({"component": "' or true --"}, []),
        ({"level": "WARN"}, [1, 2]),
        ({"level": "error"}, [2]),
        ({"level": "trace"}, [0, 1, 2, 3, 4]),
        ({"trace_id": TRACE.upper()}, [0, 2]),
        ({"start": NOW - dt.timedelta(seconds=2)}, [2, 3, 4]),
        ({"start": NOW - dt.timedelta(seconds=2), "end": NOW}, [2, 3]),
        (
            {
                "start": (NOW - dt.timedelta(seconds=1))
                .astimezone(dt.timezone(dt.timedelta(hours=5)))
                .isoformat()
            },
            [3, 4],
        ),
        ({"start": "1h"}, [0, 1, 2, 3, 4]),
        ({"end": "1h"}, []),
        ({"search": "tools/list"}, [0]),
        ({"search": "gates -failed"}, [0]),
        ({"search": '"gates failed" or slow'}, [1, 2]),
        ({"search": "'); drop table logs; --"}, []),
        ({"data": {"tags": ["b"]}}, [1]),
        ({"data": {"big": 10**30}}, [1]),
        ({"data": {"text": "a\tb\\c\n"}}, [3]),
        ({"limit": 2}, [3, 4]),
        ({"limit": 1, "level": "INFO", "component": "relay"}, [3]),
        ({"limit": 0}, []),
    ],
)
def test_filters(source: str, filters: dict[str, Any], numbers: list[int]):
    logs = ga.load_logs(source=source, **filters)
    assert [int(record[-12:]) for record in logs["id"]] == numbers


def test_an_unknown_trace_is_an_empty_frame(source: str):
    logs = ga.load_trace("00000000-0000-4000-8000-00000000dead", source=source)
    assert logs.empty
    full = ga.load_logs(source=source)
    assert logs.dtypes.drop("component").to_dict() == full.dtypes.drop("component").to_dict()


def test_traces(source: str):
    traces = ga.list_traces(source=source)
    assert list(traces) == list(columns.TRACES)
    assert traces["trace_id"].tolist() == [OTHER, TRACE], "the newest first"
    assert traces["status"].tolist() == ["ok", "error"]
    assert traces["components"].tolist() == [["relay"], ["gates", "relay"]]
    assert traces["records"].tolist() == [1, 2]
    assert traces["title"].tolist() == ["Grüße 🚀", "asked tools/list of gates"]
    assert ga.list_traces(source=source, component="gates")["trace_id"].tolist() == [TRACE]
    assert ga.list_traces(source=source, component="gates")["records"].tolist() == [2], (
        "all of the trace is counted"
    )
    assert ga.list_traces(source=source, status="ok")["trace_id"].tolist() == [OTHER]
    assert ga.list_traces(since=NOW + dt.timedelta(hours=1), source=source).empty
    assert list(ga.list_traces(since=None, source=source)) == list(columns.TRACES)


def test_any_kind_of_database_source(source: str, monkeypatch: pytest.MonkeyPatch):
    engine = sa.create_engine(source.replace("postgresql://", "postgresql+psycopg://"))
    try:
        assert len(ga.load_logs(source=engine)) == len(ROWS)
        with engine.connect() as connection:
            assert len(ga.load_logs(source=connection)) == len(ROWS)
            assert not connection.closed, "a connection that was handed in stays the caller's"
        assert engine.pool.checkedout() == 0
    finally:
        engine.dispose()
    assert len(ga.load_logs(source=source.replace("postgresql://", "postgres://"))) == len(ROWS)
    monkeypatch.setenv("GODOT_DATABASE_URL", source)
    assert len(ga.load_trace(TRACE)) == 2


def test_a_connection_keeps_its_transaction_and_gets_none(source: str):
    engine = sa.create_engine(source.replace("postgresql://", "postgresql+psycopg://"))
    try:
        with engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert len(ga.load_trace(TRACE, source=connection)) == 2
            assert driver.info.transaction_status.name == "IDLE"
            assert not driver.autocommit
            connection.execute(sa.text("delete from logs"))
            assert ga.load_trace(TRACE, source=connection).empty, "it reads what its transaction has done"
            connection.rollback()
            assert len(ga.load_trace(TRACE, source=connection)) == 2
    finally:
        engine.dispose()


def test_no_connection_is_left_open(source: str):
    ga.load_logs(source=source)
    ga.list_traces(source=source)
    with pytest.raises(ga.BadFilter):
        ga.load_logs(source=source, data={"no": object()})
    with psycopg.connect(source) as connection:
        others = connection.execute(
            "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        ).fetchone()
    assert others == (0,)


def test_a_database_without_the_schema_says_how_to_get_it(empty_database_url: str):
    with pytest.raises(ga.BadSource, match="godot db upgrade"):
        ga.load_logs(source=empty_database_url)


def test_a_database_that_is_not_there(source: str):
    with pytest.raises(ga.SourceUnavailable, match="does not exist"):
        ga.load_logs(source=source.rsplit("/", 1)[0] + "/nowhere")


def test_a_flow_from_the_database(source: str, shared_captures: Path):
    logs = ga.load_logs(source=shared_captures / "healthy.jsonl")
    with psycopg.connect(source) as connection:
        connection.execute("delete from logs")
        with (
            connection.cursor() as cursor,
            cursor.copy(
                "copy logs (id, trace_id, component, level, message, data, event_created_at) from stdin"
            ) as copy,
        ):
            for row in logs.itertuples(index=False):
                trace = row.trace_id if isinstance(row.trace_id, str) else None
                data = None if row.data is None else json.dumps(row.data)
                copy.write_row(
                    (row.id, trace, row.component, row.level, row.message, data, row.event_created_at)
                )
    assert (
        ga.reconstruct(ga.load_logs(source=source)).count_operations()
        == ga.reconstruct(logs).count_operations()
    )


def test_a_call_under_way_is_no_fault_to_the_library_as_to_the_command(source: str, godot: Any):
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "gates_open"}}
    data = {"mcp": {"direction": "sent", "peer": "gates", "payload": message}}
    with psycopg.connect(source) as connection:
        connection.execute(
            "insert into logs (id, component, level, message, data, event_created_at)"
            " values (gen_random_uuid(), 'relay', 'TRACE', 'sent', %s, %s)",
            (json.dumps(data), NOW - dt.timedelta(seconds=2)),
        )
    logs = ga.load_logs(source=source)
    assert logs.attrs["live"] is True
    found = ga.diagnose(logs)
    assert found.calls["pending"] == 1
    assert "B08" not in found.findings["code"].tolist()
    assert "B08" in ga.diagnose(logs, live=False).findings["code"].tolist()
    told = godot("diagnose", "--since", "1h", "--json", env={"GODOT_DATABASE_URL": source})
    assert json.loads(told.stdout) == found.to_dict()
