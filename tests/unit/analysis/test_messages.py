"""The normal form: what each way of logging shows, and what is folded, inferred or judged."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import godot_analysis as ga
from godot_analysis import columns
from godot_analysis.loading.tables import log_table, record_id


def read(message: str, data: Any = None, *, level: str = "TRACE", component: str = "relay") -> pd.DataFrame:
    return ga.messages(
        ga.from_records(
            [
                {
                    "component": component,
                    "level": level,
                    "message": message,
                    "data": data,
                    "created_at": "2026-01-01T00:00:00Z",
                }
            ]
        )
    )


def one(message: str, data: Any = None, **more: str) -> dict[str, Any]:
    """The only message that a record shows, without what is missing."""
    rows = read(message, data, **more).to_dict("records")
    assert len(rows) == 1, f"{message!r} shows {len(rows)} messages"
    return {
        name: value
        for name, value in rows[0].items()
        if isinstance(value, (dict, list)) or not pd.isna(value)
    }


REQUEST = {
    "jsonrpc": "2.0",
    "method": "tools/call",
    "params": {"name": "open", "arguments": {"n": 1}},
    "id": 3,
}
RESPONSE = {"jsonrpc": "2.0", "id": 3, "result": {"content": []}}


@pytest.mark.parametrize(
    ("text", "data", "said"),
    [
        ("→ gates", {"request": REQUEST}, ("sent", "gates", "request", "open", "3", "arrow")),
        ("← gates", {"response": RESPONSE}, ("received", "gates", "response", None, "3", "arrow")),
        ("-> gates:", {"request": REQUEST}, ("sent", "gates", "request", "open", "3", "arrow")),
        ("Sending request to backend: gates", {"request": REQUEST}, ("sent", "gates", "request", "open", "3", "relay")),
        ("Forwarding to upstream", {"request": REQUEST, "server": "gates"}, ("sent", "gates", "request", "open", "3", "relay")),
        ("Received response from backend: gates", {"response": RESPONSE, "has_error": False}, ("received", "gates", "response", None, "3", "relay")),
        ("got reply from gates", {"response": RESPONSE}, ("received", "gates", "response", None, "3", "relay")),
        ("Retry successful for tool: open", {"response": RESPONSE}, ("received", None, "response", None, "3", "relay")),
        ("Tool call received: open", {"tool_name": "open", "arguments": {"n": 1}}, ("received", None, "request", "open", None, "relay")),
        ("incoming tool call", {"tool": "open", "args": {"n": 1}}, ("received", None, "request", "open", None, "relay")),
        ("Routing tool to backend: gates", {"tool_name": "open", "backend": "gates"}, ("sent", "gates", "request", "open", None, "relay")),
        ("MCP request received", {"method": "tools/list", "id": 2}, ("received", None, "request", None, "2", "backend")),
        ("MCP request received", {"method": "tools/list", "request_id": 2}, ("received", None, "request", None, "2", "backend")),
        ("MCP request received", {"method": "notifications/initialized", "id": None}, ("received", None, "notification", None, None, "backend")),
        ("MCP response sent", {"method": "tools/list", "id": 2}, ("sent", None, "response", None, "2", "backend")),
        ("MCP request completed", {"method": "tools/list", "has_error": True}, ("sent", None, "error", None, None, "backend")),
    ],
)  # fmt: skip
def test_every_way_of_logging(text: str, data: dict[str, Any], said: tuple[Any, ...]):
    seen = one(text, data)
    names = ("direction", "peer", "kind", "tool", "rpc_id", "convention")
    assert tuple(seen.get(name) for name in names) == said


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("Client connected", {"client_id": "c1", "ip": "127.0.0.1"}),
        ("server starting", {"host": "0.0.0.0", "port": 9020}),
        ("tools offered to the model", {"count": 3, "names": ["a", "b", "c"]}),
        ("HTTP request", {"method": "POST", "url": "/mcp", "status": 404}),
        ("Backend connection lost, reconnecting: gates", {"backend": "gates", "error": "no close frame"}),
        ("No such tool available: mcp__iccm__open", {"tool_name": "open"}),
        ("nothing", None),
        ("half a message record", {"mcp": {"direction": "sideways", "payload": {}}}),
        ("half a message record", {"mcp": "text"}),
    ],
)
def test_what_is_no_message(text: str, data: Any):
    assert read(text, data, level="ERROR").empty


def test_a_message_record_is_shown_verbatim():
    payload = {"jsonrpc": "2.0", "id": "x", "method": "tools/call", "params": {"name": "open"}}
    seen = one(
        "whatever",
        {
            "mcp": {
                "direction": "received",
                "peer": "client",
                "transport": "stdio",
                "session": "s",
                "payload": payload,
            }
        },
    )
    assert seen["payload"] == payload
    assert (seen["sender"], seen["receiver"], seen["rpc_id"]) == ("client", "relay", '"x"')
    assert (seen["transport"], seen["session"], seen["convention"]) == ("stdio", "s", "message")
    assert seen["inferred"] == seen["validity"] == ""


@pytest.mark.parametrize(
    ("payload", "kind", "why"),
    [
        ("Listening on 9051", "invalid", "no JSON"),
        ("Content-Length: 70\r\n\r\n{}", "invalid", "Content-Length"),
        ('{"jsonrpc": "2.0", "id": 1, "resu', "invalid", "broken JSON of 33 characters"),
        ([], "invalid", "not an object"),
        ({"tools": []}, "invalid", "no JSON-RPC frame"),
        ({"jsonrpc": "2.0", "method": 7}, "invalid", "method is no string"),
        ({"method": "ping", "id": 1}, "request", "jsonrpc is not 2.0"),
        ({"jsonrpc": "2.0", "method": "tools/list"}, "notification", "a request without id"),
        ({"jsonrpc": "2.0", "method": "tools/list", "id": None}, "notification", "id is null"),
        (
            {"jsonrpc": "2.0", "method": "notifications/initialized", "id": 1},
            "request",
            "a notification with an id",
        ),
        ({"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "no"}}, "error", "id is null"),
        ({"jsonrpc": "2.0", "id": 1, "result": {}, "error": {"code": 1, "message": ""}}, "error", "both"),
        ({"jsonrpc": "2.0", "id": 1, "error": "broken"}, "error", "without an integer code"),
        ({"jsonrpc": "2.0", "id": 1, "result": {}}, "response", ""),
        ({"jsonrpc": "2.0", "id": 1, "result": {}, "error": None}, "response", ""),
    ],
)
def test_what_is_wrong_with_a_message(payload: Any, kind: str, why: str):
    seen = one("", {"mcp": {"direction": "received", "peer": "gates", "payload": payload}})
    assert seen["kind"] == kind
    assert why in seen["validity"]
    assert bool(seen["validity"]) is bool(why)


def test_text_that_holds_a_message_is_read_as_one():
    seen = one(
        "",
        {
            "mcp": {
                "direction": "sent",
                "peer": "gates",
                "payload": ' {"jsonrpc": "2.0", "id": 1, "method": "ping"}',
            }
        },
    )
    assert (seen["kind"], seen["method"]) == ("request", "ping")


def test_an_answer_without_a_frame_is_an_answer_to_who_logged_it_as_one():
    seen = one("Received response from backend: gates", {"response": {"tools": []}})
    assert (seen["kind"], seen["inferred"]) == ("response", "kind")
    assert "no JSON-RPC frame" in seen["validity"]


def test_each_member_of_a_batch_is_a_row():
    batch = [REQUEST, {"jsonrpc": "2.0", "method": "notifications/initialized"}, "noise"]
    rows = read("", {"mcp": {"direction": "sent", "peer": "gates", "payload": batch}})
    assert rows["kind"].tolist() == ["request", "notification", "invalid"]
    assert rows["record"].tolist() == [rows["record"].iloc[0]] * 3


def test_what_one_observer_says_twice_is_one_message():
    rows = ga.messages(
        log_table("""
        0.000 gates says TRACE MCP request received {"method": "tools/call", "id": 3}
        0.001 gates says TRACE Tool call started {"tool_name": "open", "has_args": true}
        0.004 gates says TRACE Tool call completed {"tool_name": "open", "success": true}
        0.005 gates says TRACE MCP response sent {"method": "tools/call", "id": 3}
    """)
    )
    assert rows[["kind", "tool", "rpc_id"]].to_numpy().tolist() == [
        ["request", "open", "3"],
        ["response", "open", "3"],
    ]
    assert rows["record"].tolist() == [record_id(1), record_id(4)]
    assert rows["inferred"].tolist() == ["tool", "kind,tool"]


def test_records_that_overtook_each_other_are_folded_all_the_same():
    rows = ga.messages(
        log_table("""
        0.000 gates says TRACE Tool call started {"tool_name": "open"}
        0.001 gates says TRACE MCP request received {"method": "tools/call", "id": 3}
        0.002 gates says TRACE MCP response sent {"method": "tools/call", "id": 3}
        0.003 gates says TRACE Tool call completed {"tool_name": "open", "success": true}
        0.250 gates says TRACE MCP request received {"method": "tools/call", "id": 3}
        0.251 gates says TRACE Tool call started {"tool_name": "close"}
    """)
    )
    assert rows[["kind", "tool"]].to_numpy().tolist() == [
        ["request", "open"],
        ["response", "open"],
        ["request", "close"],
    ]


def test_prose_whose_own_message_is_missing_takes_no_other_ones():
    rows = ga.messages(
        log_table("""
        0.000 gates says TRACE Tool call started {"tool_name": "open"}
        0.300 gates says TRACE MCP request received {"method": "tools/call", "id": 3}
        0.301 gates says TRACE Tool call started {"tool_name": "close"}
    """)
    )
    assert rows["tool"].tolist() == ["open", "close"]
    assert rows["rpc_id"].fillna("").tolist() == ["", "3"]


def test_prose_beside_a_message_record_is_folded_into_it():
    rows = ga.messages(
        log_table("""
        0.000 relay gets client ? 1 tools/call open {"n": 1} @t
        0.001 relay says TRACE Tool call received: open {"tool_name": "open", "arguments": {"n": 1}} @t
        0.002 relay says ERROR Unknown tool: open {"tool_name": "open", "available_tools": []} @t
        0.003 relay sends client ! 1 -32603 Unknown tool: open @t
    """)
    )
    assert rows["kind"].tolist() == ["request", "error"]
    assert rows["convention"].astype(str).tolist() == ["message", "message"]


def test_the_reason_and_the_answer_are_one_error():
    rows = ga.messages(
        log_table("""
        0.000 gates says TRACE MCP request received {"method": "notifications/initialized"} @t
        0.001 gates says ERROR Unknown MCP method {"method": "notifications/initialized"} @t
        0.002 gates says ERROR MCP request failed {"method": "notifications/initialized", "error": "Unknown method"} @t
    """)
    )
    assert rows["kind"].tolist() == ["notification", "error"]
    assert rows["error_text"].tolist()[1] == "Unknown method"


def test_what_a_caller_says_of_an_end_is_an_answer_it_got_and_of_a_failure_none():
    rows = ga.messages(
        log_table("""
        0.0 agent says INFO Calling tool open {"tool": "open", "server": "gates"}
        0.4 agent says INFO Tool open on server gates finished {"tool": "open"}
        1.0 agent says INFO Calling tool close {"tool": "close", "server": "gates"}
        1.4 agent says ERROR Tool close on server gates failed: timed out {"tool": "close"}
    """)
    )
    assert rows[["direction", "kind", "tool"]].to_numpy().tolist() == [
        ["sent", "request", "open"],
        ["received", "response", "open"],
        ["sent", "request", "close"],
    ]
    assert rows["inferred"].tolist()[1] == "direction,kind,method"


@pytest.mark.parametrize(
    ("asked", "kinds"),
    [
        ("? 9 ping", ["request", "request"]),
        ("~ notifications/tools/list_changed", ["notification", "request"]),
        ("? 9 tools/call shut", ["request", "request", "error"]),  # it serves as well: the error is its own
    ],
)
def test_a_caller_that_its_server_asks_or_tells_something_is_still_no_server(asked, kinds):
    rows = ga.messages(
        log_table(f"""
        0.0 agent gets  gates {asked}
        0.1 agent sends gates ? 1 tools/call open
        0.4 agent says ERROR Tool open on server gates failed: timed out {{"tool": "open"}}
    """)
    )
    assert rows["kind"].tolist() == kinds


def test_what_a_caller_says_of_an_end_whose_answer_it_logs_is_no_second_one():
    rows = ga.messages(
        log_table("""
        0.0 agent sends gates ? 1 tools/call open {"n": 1}
        0.4 agent gets  gates = 1
        0.4 agent says INFO Tool open on server gates finished {"tool": "open"}
    """)
    )
    assert rows["kind"].tolist() == ["request", "response"]


def test_the_era_is_that_of_the_connection():
    rows = ga.messages(
        log_table("""
        0.0 relay sends gates ? 1 initialize {"protocolVersion": "2025-06-18"}
        0.1 relay sends gates ? 2 tools/list
        0.2 relay sends new   ? 1 server/discover
        0.3 relay sends new   ? 2 tools/list
        0.4 relay sends other ? 2 tools/list
    """)
    )
    assert rows["era"].astype(object).where(rows["era"].notna(), None).tolist() == [
        "handshake",
        "handshake",
        "stateless",
        "stateless",
        None,
    ]


def test_columns_and_dtypes_are_as_documented_also_when_empty():
    empty = ga.messages(ga.from_records([]))
    full = read("→ gates", {"request": REQUEST})
    assert list(empty) == list(full) == list(columns.MESSAGES)
    plain = [name for name, kind in columns.MESSAGES.items() if kind != "category"]
    assert empty[plain].dtypes.to_dict() == full[plain].dtypes.to_dict()
    assert all(
        isinstance(full[name].dtype, pd.CategoricalDtype) for name in set(columns.MESSAGES) - set(plain)
    )


def test_a_frame_that_is_no_log_is_refused():
    with pytest.raises(ga.BadFrame, match="no column id"):
        ga.messages(pd.DataFrame({"a": [1]}))
    with pytest.raises(ga.BadFrame, match="not list"):
        ga.messages([])  # type: ignore[arg-type]


def test_the_log_itself_is_left_alone():
    logs = log_table("0.0 relay gets gates ? 1 ping")
    before = logs.copy(deep=True)
    ga.reconstruct(logs)
    pd.testing.assert_frame_equal(logs, before)
