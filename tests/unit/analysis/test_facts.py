"""The facts on small tables: lives of the relay, what lone records tell, whose tool is whose."""

from __future__ import annotations

import pandas as pd
import pytest

import godot_analysis as ga
from godot_analysis.diagnosis.facts import gather
from godot_analysis.diagnosis.facts._lists import Arrival
from godot_analysis.diagnosis.facts._names import Owners
from godot_analysis.diagnosis.facts.incarnations import incarnations
from godot_analysis.reading.events import read_events
from godot_analysis.reading.names import tool_in


def at(seconds):
    return pd.Timestamp("2026-01-01T00:00:00Z") + pd.Timedelta(seconds=seconds)


def arrivals(table):
    """`0.1 dewey, 0.2 gates` as handshakes."""
    words = [entry.split() for entry in table.split(",")]
    return [
        Arrival(
            at(float(time)), name, "relay", failed=False, text="", result=None, records=(f"{time} {name}",)
        )
        for time, name in words
    ]


@pytest.mark.parametrize(
    ("table", "lives"),
    [
        ("1 dewey, 1.1 gates", [{"dewey", "gates"}]),
        ("1 dewey, 1.1 gates, 60 dewey, 60.1 gates", [{"dewey", "gates"}, {"dewey", "gates"}]),
        # Two seconds between two starts, one backend less in the second.
        (
            "1 dewey, 1.1 fiedler, 1.2 gates, 3 dewey, 3.1 fiedler",
            [{"dewey", "fiedler", "gates"}, {"dewey", "fiedler"}],
        ),
        # The new one first: it belongs to the second start, after the pause.
        (
            "1 dewey, 1.1 fiedler, 5 gates, 5.1 dewey, 5.2 fiedler",
            [{"dewey", "fiedler"}, {"dewey", "fiedler", "gates"}],
        ),
        # One alone that comes again was restarted itself.
        ("1 dewey, 1.1 gates, 60 gates", [{"dewey", "gates"}]),
        # The only one there is tells of the relay.
        ("1 dewey, 60 dewey", [{"dewey"}, {"dewey"}]),
    ],
)
def test_lives_of_the_relay(table, lives):
    assert [set(one.burst) for one in incarnations(arrivals(table), [], [])] == lives


def test_explained_handshakes_start_no_life():
    found = arrivals("1 dewey, 1.1 gates, 60 gates, 60.1 dewey")
    assert len(incarnations(found, found[2:], [])) == 1


def test_the_clients_handshake_and_the_relays_are_one_start():
    assert len(incarnations(arrivals("1 dewey, 1.1 gates"), [], [at(0.9)])) == 1


def events(level, message, data):
    logs = ga.from_records([{"component": "c", "level": level, "message": message, "data": data}])
    return read_events(logs).all


def told(level, message, data):
    return [event.what for event in events(level, message, data)]


@pytest.mark.parametrize(
    ("level", "message", "data", "what"),
    [
        ("ERROR", "Unknown tool: a_b", {"tool_name": "a_b", "available_tools": ["c_d"]}, "refusal"),
        ("ERROR", "nie gehört", {"tool_name": "a_b", "available_tools": ["c_d"]}, "refusal"),
        ("ERROR", "No such tool available: mcp__iccm__a_b", None, "refusal"),
        ("WARN", "unknown tool name: a_b", None, "refusal"),
        ("ERROR", "unknown tool name: search", None, "refusal"),
        ("WARN", "weg", {"backend": "gates", "error": "connect ECONNREFUSED"}, "failure"),
        ("WARN", "Backend connection lost", {"backend": "gates", "error": "no close frame"}, "failure"),
        ("ERROR", "Tool error", {"tool_name": "a_b", "error": "boom"}, "failure"),
        ("ERROR", "Unknown MCP method", {"method": "notifications/initialized"}, "notification error"),
        ("TRACE", "on to it", {"tool_name": "a_b", "backend": "a", "backend_url": "ws://h:1"}, "route"),
        ("INFO", "A MCP server starting", {"host": "0.0.0.0", "port": 9020}, "start"),
        ("INFO", "bereit", {"port": "9020"}, "start"),
        ("INFO", "Client connected", {"client_id": "x", "ip": "::1"}, "connection"),
        ("INFO", "Client disconnected", {"client_id": "x"}, "end"),
        ("TRACE", "Handling tools/list request", {"tool_count": 3}, "tools counted"),
        ("INFO", "tools offered to the model", {"count": 2, "limit": 1}, "tools offered"),
    ],
)
def test_what_a_lone_record_tells(level, message, data, what):
    assert told(level, message, data) == [what]


@pytest.mark.parametrize(
    ("message", "data"),
    [
        ("Tool call started", {"tool_name": "a_b", "has_args": True}),
        ("Listing capabilities", {}),
        ("message", {"mcp": {"direction": "sent", "payload": {}}}),
    ],
)
def test_records_that_tell_nothing_here(message, data):
    assert told("INFO", message, data) == []


@pytest.mark.parametrize(
    ("text", "tool"),
    [
        ("unknown tool name: search", "search"),
        ("Unknown tool: 'search'.", "search"),
        ("No such tool available: mcp__wiki__search", "search"),
        ("Tool search not found", "search"),
        ('MCP error -32602: Tool "search" not found', "search"),
        ("tool search does not exist", "search"),
        ("tool handler not found: gates_open", "gates_open"),
    ],
)
def test_the_tool_that_a_refusal_names(text, tool):
    assert tool_in(text)[0] == tool


@pytest.mark.parametrize("text", ["the tool is not available", "tool call not found", "unknown tool"])
def test_a_refusal_that_names_no_tool(text):
    assert tool_in(text) is None


@pytest.mark.parametrize(
    ("message", "data"),
    [
        ("tools registered", {"tool_count": [1]}),
        ("registered " + "1" * 5000 + " tools", None),
        ("process exited with code " + "1" * 5000, None),
        ("process exited: SIG\u212aILL", {"signal": ["x"]}),
        ("cannot connect: " + "a" * 100_000, None),
        ("timed out: " + "." * 100_000, None),
        ("mcp__ " * 20_000, None),
        ('{"' + '\\"' * 50_000, None),
    ],
    ids=lambda value: str(value)[:24],
)
def test_no_record_however_odd_holds_a_diagnosis_up(message, data):
    records = [
        {"component": "host", "level": "ERROR", "message": message, "data": data},
        {"component": "host", "level": "INFO", "message": message, "data": data},
    ]
    assert ga.diagnose(ga.from_records(records)).root_cause is None


@pytest.mark.parametrize(
    ("message", "data", "code"),
    [
        ("process exited with code 139", None, 139),
        ("process exited (code=-6)", None, -6),
        ("process exited", {"signal": 9}, -9),
        ("process exited", {"signal": "SIGTERM"}, -15),
        ("process exited", {"exit_code": True}, None),
    ],
)
def test_how_a_process_ended(message, data, code):
    assert [item.code for item in events("INFO", message, data) if item.what == "exit"] == [code]


def test_owner_of_a_tool():
    owners = Owners()
    owners.learn("browser_open", "marco")
    owners.learn("list_models", "fiedler")
    assert owners.of("browser_open") == owners.of("browser_close") == "marco"
    assert owners.of("list_models") == "fiedler"
    assert owners.of("list_things") is None
    assert owners.tools_of("marco") == {"browser_open"}


def test_roles_from_what_everybody_does():
    def message(component, direction, peer, tool, rpc_id):
        payload = {
            "jsonrpc": "2.0",
            "id": rpc_id,
            "method": "tools/call",
            "params": {"name": tool, "arguments": {}},
        }
        mcp = {"direction": direction, "peer": peer, "payload": payload}
        return {"component": component, "level": "TRACE", "message": "", "data": {"mcp": mcp}}

    records = [
        message("host", "sent", "hub", "paper_make", 1),
        message("hub", "received", "host", "paper_make", 1),
        message("hub", "sent", "paper", "paper_make", 9),
        message("paper", "received", "hub", "paper_make", 9),
        message("paper", "sent", "easel", "easel_draw", 5),
        message("easel", "received", "paper", "easel_draw", 5),
    ]
    for number, record in enumerate(records):
        record["event_created_at"] = f"2026-01-01T00:00:0{number}Z"
    parts = gather(ga.reconstruct(ga.from_records(records))).topology.roles
    assert parts.relay == "hub"
    assert parts.clients == {"host"}
    assert parts.backends == {"paper", "easel"}
