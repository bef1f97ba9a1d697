"""Handshakes, lists and frames: what goes wrong before the first call."""

from __future__ import annotations

import json

import pytest

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "relay", "version": "1"},
    },
}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def answer(rpc_id, result):
    return {"jsonrpc": "2.0", "id": rpc_id, "result": result}


def greet(story, client, server, tools, **more):
    """A whole handshake and list, seen by both ends."""
    story.exchange(client, server, INITIALIZE)
    story.exchange(
        server,
        client,
        answer(
            1,
            {
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": server, "version": "1"},
            },
        ),
    )
    story.exchange(client, server, INITIALIZED)
    ask(story, client, server, 2, tools, **more)


def ask(story, client, server, rpc_id, tools, cursor=None, **more):
    params = {} if cursor is None else {"params": {"cursor": cursor}}
    story.exchange(client, server, {"jsonrpc": "2.0", "id": rpc_id, "method": "tools/list", **params})
    listed = [{"name": name, "inputSchema": {"type": "object"}} for name in tools]
    story.exchange(server, client, answer(rpc_id, {"tools": listed, **more}))


def call(story, rpc_id, tool, client="client", server="relay"):
    story.exchange(
        client,
        server,
        {"jsonrpc": "2.0", "id": rpc_id, "method": "tools/call", "params": {"name": tool, "arguments": {}}},
    )


def test_healthy_in_message_records(story):
    greet(story, "client", "relay", ["gates_open", "dewey_search"])
    greet(story, "relay", "gates", ["gates_open"])
    greet(story, "relay", "dewey", ["dewey_search"])
    for rpc_id, tool, backend in ((7, "gates_open", "gates"), (8, "dewey_search", "dewey")):
        call(story, rpc_id, tool)
        call(story, 3, tool, "relay", backend)
        story.exchange(backend, "relay", answer(3, {"content": []}))
        story.exchange("relay", "client", answer(rpc_id, {"content": []}))
    assert story.codes() == []


def test_b13_in_message_records(story):
    greet(story, "client", "relay", ["dewey_search", "fiedler_send"])
    greet(story, "relay", "dewey", ["dewey_search"])
    greet(story, "relay", "fiedler", ["fiedler_send"])
    call(story, 7, "gates_open")
    story.exchange(
        "relay",
        "client",
        {"jsonrpc": "2.0", "id": 7, "error": {"code": -32603, "message": "Unknown tool: gates_open"}},
    )
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("B13", "gates", "relay")


def test_r03_list_failed(story):
    story.start_relay(reaches=["dewey", "fiedler"])
    story.request("gates", "initialize", 1)
    story.answer("gates", "initialize", 1)
    story.request("gates", "tools/list", 2)
    story.tell(
        "gates",
        "ERROR",
        "MCP request failed",
        {"method": "tools/list", "id": 2, "error": "tools is undefined"},
    )
    story.call("gates_create_document")
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("R03", "gates", "gates")


def test_r03_list_empty(story):
    story.start_relay(reaches=["dewey", "fiedler"])
    story.connect("gates", tools=0)
    story.call("gates_create_document")
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("R03", "gates", "gates")
    assert "empty" in found.summary


def test_f12_list_empty_first_and_full_later(story):
    story.start_relay(reaches=["dewey", "fiedler"])
    story.connect("gates", tools=0)
    story.call("gates_create_document")
    story.call("relay_reconnect_server", {"name": "gates"})
    story.connect("gates")
    story.call("gates_create_document")
    found = story.only()
    assert (found.code, found.component) == ("F12", "gates")


def test_r13_list_misread_by_the_relay(story):
    story.start_relay()
    story.table = {tool: backend for tool, backend in story.table.items() if backend != "gates"}
    story.call("gates_create_document")
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("R13", "gates", "mcp-relay")


def test_b05_no_mcp_layer(story):
    story.start_relay(reaches=["dewey", "fiedler"])
    story.request("gates", "initialize", 1)
    story.tell(
        "gates",
        "ERROR",
        "MCP request failed",
        {"method": "initialize", "id": 1, "error": "Unknown method: initialize"},
    )
    story.call("gates_create_document")
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("B05", "gates", "gates")


def test_unknown_notification_is_noise(story):
    story.start_relay()
    story.tell("gates", "ERROR", "Unknown MCP method", {"method": "notifications/initialized"})
    story.tell(
        "gates",
        "ERROR",
        "MCP request failed",
        {"method": "notifications/initialized", "error": "Unknown method: notifications/initialized"},
    )
    story.call("gates_create_document")
    assert story.codes() == []


def test_handshake_that_is_not_quite_mcp_is_harmless(story):
    story.exchange("relay", "playfair", INITIALIZE)
    story.exchange("playfair", "relay", answer(1, {"name": "playfair", "capabilities": ["tools"]}))
    ask(story, "relay", "playfair", 2, ["playfair_draw"])
    call(story, 3, "playfair_draw", "relay", "playfair")
    story.exchange("playfair", "relay", answer(3, {"content": []}))
    assert story.codes() == []


def test_b11_answers_without_a_frame(story):
    story.start_relay()
    story.call("gates_create_document", response={"content": [{"type": "text", "text": "done"}]})
    story.call("dewey_search")
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("B11", "gates", "gates")


def test_f23_id_of_another_type(story):
    greet(story, "client", "relay", ["gates_open"])
    call(story, 7, "gates_open")
    story.exchange("relay", "client", {"jsonrpc": "2.0", "id": "7", "result": {"content": []}})
    story.wait(60)
    story.tell("client", "WARN", "giving up")
    found = story.only()
    assert (found.code, found.component) == ("F23", "relay")


def test_f23_a_relay_answers_with_another_id_what_its_backend_answered_well(story):
    greet(story, "relay", "gates", ["gates_open"])
    greet(story, "client", "relay", ["gates_open"])
    call(story, 7, "gates_open")
    request = {
        "jsonrpc": "2.0",
        "id": 3,
        "method": "tools/call",
        "params": {"name": "gates_open", "arguments": {}},
    }
    story.exchange("relay", "gates", request)
    story.exchange("gates", "relay", answer(3, {"content": []}))
    story.exchange("relay", "client", {"jsonrpc": "2.0", "id": "7", "result": {"content": []}})
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("F23", "relay", "relay")


def test_f14_second_page_not_read(story):
    greet(story, "relay", "gates", ["gates_open"], nextCursor="page2")
    greet(story, "client", "relay", ["gates_open"])
    call(story, 7, "gates_close")
    story.exchange(
        "relay",
        "client",
        {"jsonrpc": "2.0", "id": 7, "error": {"code": -32602, "message": "Unknown tool: gates_close"}},
    )
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("F14", "gates", "relay")


def test_all_pages_read(story):
    greet(story, "relay", "gates", ["gates_open"], nextCursor="page2")
    ask(story, "relay", "gates", 3, ["gates_close"], cursor="page2")
    assert story.codes() == []


def test_b10_client_not_told_of_the_new_tools(story):
    greet(story, "client", "relay", ["dewey_search"])
    greet(story, "relay", "dewey", ["dewey_search"])
    greet(story, "relay", "gates", ["gates_open"])
    story.tell("client", "ERROR", "No such tool available: mcp__iccm__gates_open")
    found = story.only()
    assert (found.code, found.cause_in) == ("B10", "relay")


def test_f13_client_told_and_did_not_ask(story):
    greet(story, "client", "relay", ["dewey_search"])
    greet(story, "relay", "gates", ["gates_open"])
    story.exchange("relay", "client", {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
    story.tell("client", "ERROR", "No such tool available: mcp__iccm__gates_open")
    found = story.only()
    assert (found.code, found.cause_in) == ("B10", "client")


def test_b10_the_relay_was_told_and_asked_and_did_not_pass_it_on(story):
    greet(story, "relay", "gates", ["gates_list"])
    greet(story, "client", "relay", ["gates_list"])
    story.exchange("gates", "relay", {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
    ask(story, "relay", "gates", 3, ["gates_list", "gates_open"])
    story.tell("client", "ERROR", "No such tool available: mcp__iccm__gates_open")
    found = story.only()
    assert (found.code, found.cause_in) == ("B10", "relay")


def test_f15_cut_off_at_the_limit_of_the_host(story):
    greet(story, "relay", "gates", ["gates_open"])
    greet(story, "client", "relay", ["gates_open", "dewey_search"])
    story.tell(
        "client",
        "INFO",
        "tools offered to the model",
        {"count": 1, "names": ["mcp__iccm__dewey_search"], "limit": 1},
    )
    story.tell("client", "ERROR", "No such tool available: mcp__iccm__gates_open")
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("F15", "gates", "client")
    assert "limit" in found.summary


def test_f10_listed_and_not_offered(story):
    greet(story, "relay", "gates", ["gates_open"])
    greet(story, "client", "relay", ["gates_open", "dewey_search"])
    story.tell("client", "ERROR", "No such tool available: mcp__iccm__gates_open")
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("F10", "gates", "client")


def test_f18_no_fallback_to_the_older_handshake(story):
    story.exchange("client", "gates", {"jsonrpc": "2.0", "id": 1, "method": "server/discover"})
    story.exchange(
        "gates",
        "client",
        {"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "Method not found"}},
    )
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("F18", "gates", "client")


ERA = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}
WHOLE = ERA | {"io.modelcontextprotocol/clientCapabilities": {}}


def list_without_handshake(story, error, meta=WHOLE):
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}
    story.exchange("client", "gates", asked)
    if error:
        story.exchange("gates", "client", {"jsonrpc": "2.0", "id": 1, "error": error})


INVALID = {"code": -32602, "message": "Invalid request parameters"}


@pytest.mark.parametrize(
    ("error", "meta"),
    [
        (INVALID, WHOLE),
        ({"code": -32000, "message": "Bad Request: Server not initialized"}, ERA),
        ({"code": 0, "message": 'method "tools/list" is invalid during session initialization'}, ERA),
    ],
)
def test_f18_a_client_that_needs_no_handshake_at_a_server_that_waits_for_one(story, error, meta):
    list_without_handshake(story, error, meta)
    story.tell("client", "ERROR", f"Failed to connect to gates: {error['message']}")
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("F18", "gates", "client")
    assert found.summary == "gates answered tools/list with an error, and no initialize followed."


def test_f18_the_server_says_alone_that_it_waits(story):
    list_without_handshake(story, INVALID, ERA)
    said = "Failed to validate request: Received request before initialization was complete"
    story.tell("gates", "WARN", said)
    assert story.only().code == "F18"


def test_f18_http_says_that_there_is_no_session(story):
    list_without_handshake(story, None)
    data = {"method": "POST", "url": "http://gates:80/mcp", "status": 400, "body": "Missing session ID"}
    story.tell("client", "ERROR", "POST http://gates:80/mcp 400", data)
    assert story.only().code == "F18"


@pytest.mark.parametrize(
    ("error", "meta"), [(INVALID, ERA), ({"code": -32603, "message": "client of db not initialized"}, WHOLE)]
)
def test_f18_not_for_another_error(story, error, meta):
    list_without_handshake(story, error, meta)
    assert "F18" not in story.codes()


def test_f18_not_where_the_client_falls_back(story):
    list_without_handshake(story, INVALID)
    greet(story, "client", "gates", ["gates_open"])
    assert "F18" not in story.codes()


def test_b05_names_the_client_where_there_is_no_relay(story):
    list_without_handshake(story, {"code": -32601, "message": "Method not found"})
    found = story.only()
    assert (found.code, found.component) == ("B05", "gates")
    assert found.summary == "client reached gates, but gates does not understand tools/list."


@pytest.mark.parametrize(("server", "codes"), [("gates", ["F17"]), ("dewey", [])])
def test_f17_a_version_that_the_client_does_not_take(story, server, codes):
    story.exchange("client", "gates", INITIALIZE)
    result = {
        "protocolVersion": "2023-06-01",
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "gates", "version": "1"},
    }
    story.exchange("gates", "client", answer(1, result))
    said = "RuntimeError: Unsupported protocol version from the server: 2023-06-01"
    story.tell("client", "ERROR", f"Failed to connect to MCP server {server}: {said}", {"server": server})
    assert [code for code in story.codes() if code == "F17"] == codes


def test_f17_version_rejected(story):
    story.exchange("client", "gates", INITIALIZE)
    story.exchange(
        "gates",
        "client",
        {"jsonrpc": "2.0", "id": 1, "error": {"code": -32602, "message": "Unsupported protocol version"}},
    )
    assert story.only().code == "F17"


REFUSED = {"code": -32022, "message": "Unsupported protocol version"}


def ask_statelessly(story, version, **end):
    params = {"_meta": {"io.modelcontextprotocol/protocolVersion": version}}
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": params}
    story.exchange("client", "gates", request, transport="http")
    story.exchange("gates", "client", {"jsonrpc": "2.0", "id": 1, **end}, transport="http")
    story.wait(1)


def test_f17_version_of_a_request_that_needs_no_handshake(story):
    for _ in range(2):
        ask_statelessly(
            story, "2026-07-28", error=REFUSED | {"data": {"supported": ["2027-01-15"], "requested": "x"}}
        )
    story.tell("client", "ERROR", "no common protocol version with gates")
    found = story.only()
    assert (found.code, found.component) == ("F17", "gates")


def test_f17_is_over_once_the_client_asked_with_another_version(story):
    ask_statelessly(story, "2027-01-15", error=REFUSED)
    ask_statelessly(story, "2026-07-28", result={"resultType": "complete", "tools": []})
    assert "F17" not in story.codes()


def test_f20_plain_text_on_stdio(story):
    story.message("relay", "received", "gates", "[dotenv] loaded 3 variables", transport="stdio")
    greet(story, "relay", "gates", ["gates_open"])
    found = story.only()
    assert (found.code, found.severity, found.cause_in) == ("F20", "warning", "gates")


def test_f21_message_cut_off(story):
    greet(story, "relay", "gates", ["gates_open"])
    story.message("relay", "received", "gates", '{"jsonrpc": "2.0", "id": 3, "result": "' + "x" * 4057)
    found = story.only()
    assert (found.code, found.component) == ("F21", "gates")
    assert "4,096" in found.explanation


@pytest.mark.parametrize(("transport", "cause"), [("stdio", "relay"), ("websocket", "gates")])
def test_f21_whole_at_its_sender_and_cut_on_its_way(story, transport, cause):
    greet(story, "relay", "gates", ["gates_open"])
    whole = {"jsonrpc": "2.0", "id": 3, "result": "x" * 9000}
    story.exchange("relay", "gates", {"jsonrpc": "2.0", "id": 3, "method": "tools/list"})
    story.message("gates", "sent", "relay", whole)
    story.message("relay", "received", "gates", json.dumps(whole)[:8192], transport=transport)
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("F21", "gates", cause)


@pytest.mark.parametrize(
    ("length", "said", "codes"),
    [
        (70_000, "ValueError: Separator is found, but chunk is longer than limit", ["F21"]),
        (70_000, "bufio.Scanner: token too long", ["F21"]),
        (70_000, "could not save the window", []),
        (70, "the token too long for the model was cut", []),
    ],
)
def test_f21_a_reader_says_that_it_is_too_long(story, length, said, codes):
    greet(story, "relay", "gates", ["gates_open"])
    story.exchange("relay", "gates", {"jsonrpc": "2.0", "id": 3, "method": "tools/list"})
    listed = {
        "tools": [{"name": "gates_open", "description": "x" * length, "inputSchema": {"type": "object"}}]
    }
    story.message("gates", "sent", "relay", answer(3, listed))
    story.tell("relay", "ERROR", said)
    assert story.codes() == codes
    assert [found.cause_in for found in story.diagnose().ranked if found.code == "F21"] == ["relay"] * len(
        codes
    )


def test_f22_one_message_over_many_lines(story):
    greet(story, "client", "relay", ["gates_open"])
    lines = json.dumps({"jsonrpc": "2.0", "id": 9, "result": {"content": []}}, indent=2).splitlines()
    for line in lines:
        story.exchange("relay", "client", line, transport="stdio")
    found = story.only()
    assert (found.code, found.component) == ("F22", "relay")


def test_lines_that_are_no_message_together_are_noise(story):
    greet(story, "client", "relay", ["gates_open"])
    for line in json.dumps({"port": 9000, "host": "localhost"}, indent=2).splitlines():
        story.exchange("relay", "client", line, transport="stdio")
    assert "F22" not in story.codes()


def test_f22_content_length_framing(story):
    greet(story, "client", "relay", ["gates_open"])
    story.message("relay", "received", "gates", "Content-Length: 52\r\n\r\n", transport="stdio")
    found = story.only()
    assert (found.code, found.component) == ("F22", "gates")


def test_f19_handshake_not_confirmed(story):
    story.exchange("relay", "gates", INITIALIZE)
    story.exchange(
        "gates", "relay", answer(1, {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}})
    )
    story.exchange("relay", "gates", {"jsonrpc": "2.0", "id": 2, "method": "tools/list"})
    refused = {"code": -32602, "message": "Invalid request parameters", "data": ""}
    story.exchange("gates", "relay", {"jsonrpc": "2.0", "id": 2, "error": refused})
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("F19", "gates", "relay")


def test_f11_no_tools_declared(story):
    greet(story, "client", "relay", ["dewey_search"])
    story.exchange("relay", "gates", INITIALIZE)
    story.exchange("gates", "relay", answer(1, {"protocolVersion": "2025-06-18", "capabilities": {}}))
    story.exchange("relay", "gates", INITIALIZED)
    greet(story, "relay", "dewey", ["dewey_search"])
    story.tell("client", "ERROR", "No such tool available: mcp__iccm__gates_open")
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("F11", "gates", "gates")


def test_b13_handshake_into_the_void(story):
    greet(story, "client", "relay", ["dewey_search"])
    greet(story, "relay", "dewey", ["dewey_search"])
    story.message("relay", "sent", "gates", INITIALIZE)
    story.wait(60)
    call(story, 9, "dewey_search")
    call(story, 4, "dewey_search", "relay", "dewey")
    story.exchange("dewey", "relay", answer(4, {"content": []}))
    story.exchange("relay", "client", answer(9, {"content": []}))
    found = story.only()
    assert (found.code, found.component) == ("B13", "gates")


def test_b05_foreign_messages_while_the_relay_connects(story):
    story.start_relay(reaches=["dewey"])
    story.tell("gates", "WARN", "Unknown message type", {"type": "undefined"})
    story.connect("fiedler")
    story.call("gates_create_document")
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("B05", "gates", "gates")


def test_an_error_under_a_failed_call_is_no_lonely_one(story):
    """A time-out that its caller logs, without a trace, is what the call suffered from."""
    call = {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "send", "arguments": {}}}
    story.exchange("host", "fiedler", call)
    story.wait(30)
    story.tell("host", "ERROR", "Request timed out", {"id": 3})
    story.tell("fiedler", "INFO", "still here")
    assert "L04" not in {finding.code for finding in story.diagnose().ranked}


def test_an_error_beside_all_calls_is_a_lonely_one(story):
    story.start_relay()
    story.call("dewey_search")
    story.wait(60)
    story.tell("fiedler", "ERROR", "cannot refresh the cache")
    found = story.diagnose()
    assert found.verdict == "unclear"  # nothing shows that fiedler works
    note = next(finding for finding in found.ranked if finding.code == "L04")
    assert "1 record at WARN or ERROR that no request suffered from" in note.summary


def test_one_call_is_no_calls(story):
    story.start_relay()
    story.call("dewey_search")
    assert "1 tool call: 1 answered." in str(story.diagnose())
