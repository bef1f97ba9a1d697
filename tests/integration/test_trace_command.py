"""`godot trace` and `godot traces`, as a user starts them, on a capture and on a database."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import psycopg
import pytest

CAPTURES = Path(__file__).resolve().parents[2] / "demo" / "captures"
BUG13 = CAPTURES / "bug13.jsonl"
TRACE = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


@pytest.fixture
def stored(database_url):
    """A database that holds one trace: a request that nobody answered, and what was said about it."""
    request = {
        "jsonrpc": "2.0",
        "id": 10**30,
        "method": "tools/call",
        "params": {"name": "gates_create_document"},
    }
    mcp = {"direction": "sent", "peer": "gates", "transport": "websocket", "payload": request}
    with psycopg.connect(database_url) as connection:
        for number, (level, message, data) in enumerate(
            [
                ("TRACE", "sent tools/call to gates", {"mcp": mcp}),
                ("ERROR", "gates does not answer \x1b[2J", None),
            ]
        ):
            connection.execute(
                "INSERT INTO logs (id, trace_id, component, level, message, data, event_created_at)"
                " VALUES (gen_random_uuid(), %s, 'relay', %s, %s, %s, now() + %s * interval '1 ms')",
                (TRACE, level, message, json.dumps(data) if data else None, number),
            )
    return database_url


def test_a_trace_of_the_database_is_drawn(godot, stored):
    run = godot("trace", TRACE, env={"GODOT_DATABASE_URL": stored})
    assert (run.returncode, run.stderr) == (0, "")
    assert f"trace {TRACE}" in run.stdout
    assert "relay   gates" in run.stdout
    assert "tools/call gates_create_document" in run.stdout
    assert "no answer yet" in run.stdout
    assert "ERROR gates does not answer \\x1b[2J" in run.stdout
    assert "\x1b" not in run.stdout, "no colour where nobody looks, and none from the log ever"


def test_a_trace_as_json_keeps_integers_of_any_size(godot, stored):
    run = godot("trace", TRACE, "--json", "--database-url", stored)
    printed = json.loads(run.stdout)
    assert printed["calls"][0]["status"] == "pending"
    assert printed["hops"][0]["payload"]["id"] == 10**30
    assert printed["hops"][0]["received_at"] is None
    assert set(printed) == {"hops", "calls", "losses"}


def test_traces_are_listed(godot, stored):
    env = {"GODOT_DATABASE_URL": stored}
    head, row = godot("traces", env=env).stdout.splitlines()
    assert head.split() == [
        "trace",
        "began",
        "(UTC)",
        "took",
        "records",
        "components",
        "worst",
        "first",
        "message",
    ]
    assert row.split()[0] == TRACE
    assert "error" in row
    [listed] = json.loads(godot("traces", "--json", "--since", "all", env=env).stdout)
    assert (listed["trace_id"], listed["records"], listed["components"]) == (TRACE, 2, ["relay"])
    empty = godot("traces", "--component", "nobody", env=env)
    assert (empty.returncode, empty.stdout) == (0, "")
    assert "--since all" in empty.stderr


def test_a_file_is_drawn_as_it_is(godot):
    run = godot("trace", "--file", str(BUG13))
    assert run.returncode == 0
    assert "Unknown tool: gates_validate_markdown" in run.stdout
    [heads] = [
        line for line in run.stdout.splitlines() if "client" in line and "relay" in line and "│" not in line
    ][-1:]
    assert heads.split() == ["client", "relay", "playfair", "dewey", "fiedler", "gates"]


def test_plain_ascii_where_the_terminal_speaks_no_more(godot):
    run = godot("trace", "--file", str(BUG13), env={"PYTHONIOENCODING": "ascii"})
    assert run.returncode == 0
    assert run.stdout.isascii()
    assert "|------" in run.stdout


def test_a_picture_is_written(godot, tmp_path):
    run = godot("trace", "--file", str(BUG13), "--svg", "bug13.svg")
    assert (run.returncode, run.stdout) == (0, "")
    assert ET.parse(tmp_path / "bug13.svg").getroot().tag.endswith("svg")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ((), 2, "name a trace"),
        ((TRACE, "--file", str(BUG13)), 1, "godot: no record has the trace id"),
        (("xyz", "--file", str(BUG13)), 2, "is no trace id"),
        (("--file", "nowhere.jsonl"), 2, "does not exist"),
        ((TRACE, "--database-url", "postgresql://127.0.0.1:1/none"), 1, "godot: "),
    ],
)
def test_mistakes_are_told_in_one_line(godot, arguments, status, said):
    run = godot("trace", *arguments)
    assert (run.returncode, run.stdout) == (status, "")
    assert said in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("command", ["trace", "traces"])
def test_help_shows_examples(godot, command):
    assert f"godot {command} --" in godot(command, "--help").stdout
