"""`godot diagnose` as a user calls it: a file, the database, exit statuses, JSON."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb

TRACE = str(uuid.uuid4())
TABLE = {"tool_name": "gates_open", "available_tools": ["dewey_search", "fiedler_send"]}


def records():
    """Two backends are greeted, a third one is asked for."""
    now = datetime.now(UTC) - timedelta(minutes=5)
    rows = [
        ("dewey", "TRACE", "MCP request received", None, {"method": "initialize", "id": 1}),
        ("fiedler", "TRACE", "MCP request received", None, {"method": "initialize", "id": 1}),
        (
            "relay",
            "TRACE",
            "Tool call received: gates_open",
            TRACE,
            {"tool_name": "gates_open", "arguments": {}},
        ),
        ("relay", "ERROR", "Unknown tool: gates_open", TRACE, TABLE),
    ]
    for number, (component, level, message, trace, data) in enumerate(rows):
        yield {
            "id": str(uuid.uuid4()),
            "component": component,
            "level": level,
            "message": message,
            "trace_id": trace,
            "data": data,
            "event_created_at": (now + timedelta(milliseconds=10 * number)).isoformat(),
        }


@pytest.fixture
def faulty(tmp_path):
    path = tmp_path / "faulty.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records()))
    return path


@pytest.fixture
def stored(database_url):
    with psycopg.connect(database_url) as connection:
        for record in records():
            names = ", ".join(record)
            places = ", ".join(["%s"] * len(record))
            values = [Jsonb(value) if isinstance(value, dict) else value for value in record.values()]
            connection.execute(f"insert into logs ({names}) values ({places})", values)
    return database_url


def test_faulty_file(godot, faulty):
    told = godot("diagnose", "--file", str(faulty))
    assert told.returncode == 3
    assert not told.stderr
    assert "B13  relay never reached gates" in told.stdout
    assert "Unknown tool: gates_open" in told.stdout
    assert max(map(len, told.stdout.splitlines())) <= 100


def test_json(godot, faulty):
    told = godot("diagnose", "--file", str(faulty), "--json")
    assert told.returncode == 3
    found = json.loads(told.stdout)
    assert found["root_cause"]["code"] == "B13"
    assert found["root_cause"]["component"] == "gates"
    assert 4 in found["root_cause"]["line"]


def message(observer, direction, peer, payload):
    return {
        "component": observer,
        "level": "TRACE",
        "message": f"{direction} a message",
        "data": {"mcp": {"direction": direction, "peer": peer, "payload": {"jsonrpc": "2.0", **payload}}},
        "event_created_at": datetime.now(UTC).isoformat(),
    }


def test_healthy_file(godot, tmp_path):
    path = tmp_path / "healthy.jsonl"
    call = {"id": 1, "method": "tools/call", "params": {"name": "find", "arguments": {}}}
    answer = {"id": 1, "result": {"content": []}}
    lines = [message("host", "sent", "docs", call), message("host", "received", "docs", answer)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    told = godot("diagnose", "--file", str(path))
    assert (told.returncode, told.stderr) == (0, "")
    assert "Healthy: no fault found" in told.stdout


def test_a_file_that_proves_nothing_is_unclear(godot, tmp_path):
    path = tmp_path / "begun.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records() if not record["trace_id"]))
    told = godot("diagnose", "--file", str(path))
    assert (told.returncode, told.stderr) == (4, "")
    assert "Unclear" in told.stdout


def test_empty_file_says_so(godot, tmp_path):
    path = tmp_path / "empty.jsonl"
    path.write_text("")
    told = godot("diagnose", "--file", str(path))
    assert told.returncode == 4
    assert "no record to judge by" in told.stdout.lower()


def test_database(godot, stored):
    told = godot("diagnose", "--json", env={"GODOT_DATABASE_URL": stored})
    assert told.returncode == 3, told.stderr
    assert json.loads(told.stdout)["root_cause"]["code"] == "B13"
    early = godot("diagnose", "--since", "1m", "--json", "--database-url", stored)
    assert early.returncode == 4
    assert json.loads(early.stdout)["calls"]["total"] == 0


def test_trace_is_judged_by_what_surrounds_it(godot, stored):
    told = godot("diagnose", "--trace", TRACE, "--json", "--database-url", stored)
    assert told.returncode == 3, told.stderr
    root = json.loads(told.stdout)["root_cause"]
    assert root["code"] == "B13"
    assert "dewey and fiedler" in root["explanation"]


def test_trace_that_does_not_exist(godot, stored):
    told = godot("diagnose", "--trace", str(uuid.uuid4()), "--database-url", stored)
    assert told.returncode == 1
    assert told.stderr.startswith("godot: no record has the trace id")
    assert len(told.stderr.splitlines()) == 1


def test_wrong_use(godot, faulty):
    assert godot("diagnose", "--file", "nowhere.jsonl").returncode == 2
    assert godot("diagnose", "--colour").returncode == 2
    unknown = godot("diagnose", "--file", str(faulty), "--trace", "abc")
    assert unknown.returncode == 2
    assert "Traceback" not in unknown.stderr


def test_unreachable_database(godot):
    told = godot("diagnose", "--database-url", "postgresql://nobody@127.0.0.1:1/none")
    assert told.returncode == 1
    assert len(told.stderr.splitlines()) == 1
