"""Calls that a host reports in words, or by quoting the message, and prose that only looks like one."""

from __future__ import annotations

import json
import time

import pytest

import godot_analysis as ga
from godot_analysis.reading.quoted import quoted_message
from godot_analysis.reading.told import server_at_head, told_call

CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "find", "arguments": {"q": 1}}}
RESULT = {"jsonrpc": "2.0", "id": 1, "result": {"content": []}}
ERROR = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32603, "message": "division by zero"}}


def log(*lines):
    """One record a second; each line is a text, or a text and its data."""
    records = []
    for second, line in enumerate(lines):
        message, data = line if isinstance(line, tuple) else (line, None)
        at = f"2026-01-01T00:00:{second:02}Z"
        records.append({"component": "host", "message": message, "data": data, "event_created_at": at})
    return ga.from_records(records)


def calls(*lines):
    """Caller, callee, tool and status of each call in a log."""
    found = ga.reconstruct(log(*lines)).calls
    return list(found[["caller", "callee", "tool", "status"]].itertuples(index=False, name=None))


# The head of a line.


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ('MCP server "docs": ready', "docs"),
        ("server docs: ready", "docs"),
        ("MCP server 'docs': ready", "docs"),
        ("[docs] ready", "docs"),
        ("[@acme/docs] ready", "@acme/docs"),
        ("docs: ready", "docs"),
    ],
)
def test_a_head_names_the_server(text, server):
    assert server_at_head(text) == (server, "ready")


@pytest.mark.parametrize(
    "text",
    ["the docs: ready", "docs:ready", "http://docs: ready", "docs is ready", "[docs]", "12: ready", ""],
)
def test_a_text_without_a_head_is_returned_as_it_is(text):
    assert server_at_head(text) == (None, text)


# Words for the beginning and the end of a call.


@pytest.mark.parametrize(
    "words",
    [
        "Calling MCP tool: find",
        "calling tool find",
        "invoking tool find",
        "Executing the tool `find`",
        'Running tool "find" …',
        "requesting tool find, 2 arguments",
        "tool find called",
        "tool 'find' invoked",
        "tool find requested",
        "Tool find started",
    ],
)
@pytest.mark.parametrize("head", ['MCP server "docs": ', "[docs] ", "docs: "])
def test_a_call_begins(head, words):
    assert told_call(head + words) == ("begun", "find", "docs", None)


@pytest.mark.parametrize(
    "words",
    [
        "called tool find",
        "Successfully called tool: find",
        "executed the MCP tool find",
        "done invoked tool find",
        "ran tool find",
        "tool find answered",
        "tool find completed in 12 ms",
        "Tool 'find' completed successfully in 12ms",
        "tool find succeeded after 1.5 s",
        "tool find has finished",
        "tool find call returned",
        "tool find done",
    ],
)
@pytest.mark.parametrize("head", ['MCP server "docs": ', "[docs] ", "docs: "])
def test_a_call_ends(head, words):
    assert told_call(head + words) == ("over", "find", "docs", None)


@pytest.mark.parametrize("verb", ["failed", "errored", "crashed", "was rejected", "timed out"])
@pytest.mark.parametrize("head", ['MCP server "docs": ', "[docs] ", "docs: "])
def test_a_call_fails(head, verb):
    assert told_call(f"{head}tool find {verb}") == ("failed", "find", "docs", f"tool find {verb}")


@pytest.mark.parametrize("verb", ["cancelled", "canceled", "was aborted", "interrupted"])
@pytest.mark.parametrize("head", ['MCP server "docs": ', "[docs] ", "docs: "])
def test_a_call_is_cancelled(head, verb):
    assert told_call(f"{head}tool find {verb}") == ("cancelled", "find", "docs", None)


@pytest.mark.parametrize(
    ("verb", "step"),
    [
        ("called", "begun"),
        ("invoked", "begun"),
        ("requested", "begun"),
        ("started", "begun"),
        ("answered", "over"),
        ("completed in 12 ms", "over"),
        ("succeeded", "over"),
        ("finished", "over"),
        ("returned", "over"),
        ("done", "over"),
        ("ok", "over"),
        ("failed", "failed"),
        ("crashed", "failed"),
        ("rejected", "failed"),
        ("timed out after 30 s", "failed"),
        ("cancelled", "cancelled"),
        ("aborted", "cancelled"),
        ("interrupted", "cancelled"),
    ],
)
def test_a_server_and_its_tool_with_a_slash(verb, step):
    assert told_call(f"docs/find_page {verb}")[:3] == (step, "find_page", "docs")


@pytest.mark.parametrize("verb", ["calling", "invoking", "executing", "running", "requesting"])
def test_a_call_begins_with_a_slash(verb):
    assert told_call(f"{verb} docs/find_page") == ("begun", "find_page", "docs", None)


@pytest.mark.parametrize("time_taken", ["", " after 12 ms", " in 1.5 seconds", " after 12ms"])
@pytest.mark.parametrize("call", ["docs/find_page", "[docs] tool find", "MCP server \"docs\": Tool 'find'"])
def test_a_failure_says_why(call, time_taken):
    assert told_call(f"{call} failed{time_taken}: no such page").why == "no such page"


def test_the_server_before_the_slash_counts_more_than_the_head():
    assert told_call("bridge: docs/find_page called").server == "docs"


def test_a_call_without_a_server_has_none():
    assert told_call("Calling tool find").server is None


@pytest.mark.parametrize("tool", ["find", "page_get", "page-get", "page.get", "_find", "Find2"])
def test_names_of_tools(tool):
    assert told_call(f"[docs] calling tool {tool}").tool == tool


# Prose.


@pytest.mark.parametrize(
    "text",
    [
        "tool list: find, open",
        "docs: tool list: 3 entries",
        "docs: tool list returned 3 tools",
        "[docs] tool results returned",
        "docs: tool calls failed: 3",
        "docs: tool call failed",
        "docs: tool use completed",
        "docs: tool was cancelled",
        "calling it a day",
        "docs: calling it a day",
        "docs: calling tool",
        "docs: running tools: a, b",
        "docs: executing tool call",
        "docs: tooling done",
        "docs: a tool find called the police",
        "Tool call completed: find",
        "docs: Tool call completed: find",
        "Tool find failedover",
        "the path a/b",
        "a/b",
        "/usr/bin/find called",
        "https://docs.example/find failed",
        "24/7 done",
        "tools/call failed: no such page",
        "tools/list completed in 3 ms",
        "docs: tools/list failed",
        "",
    ],
)
def test_prose_is_no_call(text):
    assert told_call(text) is None


@pytest.mark.parametrize(
    "text",
    ["tool list: find, open", "docs: calling it a day", "the path a/b", "https://docs.example/find failed"],
)
def test_prose_makes_no_call_of_a_log(text):
    assert calls(text, text) == []


def test_the_words_of_a_router_are_its_own_call():
    relay = [
        {
            "component": "relay",
            "message": "Tool call received: find",
            "data": {"tool_name": "find", "arguments": {}},
        },
        {"component": "relay", "message": "Tool call completed: find", "data": {"tool_name": "find"}},
    ]
    found = ga.reconstruct(ga.from_records(relay)).calls
    assert found["callee"].tolist() == ["relay"]


# Whole flows.


@pytest.mark.parametrize(
    ("begun", "over"),
    [
        (
            'MCP server "docs": Calling MCP tool: find',
            "MCP server \"docs\": Tool 'find' completed successfully in 12ms",
        ),
        ("[docs] calling tool find", "[docs] called tool find"),
        ("docs: invoking tool find", "docs: tool find returned"),
        (("Calling tool find", {"server": "docs"}), ("Called tool find", {"server": "docs"})),
        (("Calling tool find", {"mcpServer": "docs"}), ("tool find finished", {"mcpServer": "docs"})),
    ],
)
def test_words_alone_make_an_answered_call(begun, over):
    assert calls(begun, over) == [("host", "docs", "find", "answered")]


@pytest.mark.parametrize(
    ("begun", "failed"),
    [
        (
            'MCP server "docs": Calling MCP tool: find',
            "MCP server \"docs\": Tool 'find' failed after 3s: boom",
        ),
        ("[docs] calling tool find", "[docs] tool find failed: boom"),
        (
            ("Calling tool find", {"server": "docs"}),
            ("tool find failed", {"server": "docs", "error": "boom"}),
        ),
    ],
)
def test_words_alone_make_a_failed_call(begun, failed):
    assert calls(begun, failed) == [("host", "docs", "find", "error")]


@pytest.mark.parametrize(
    "failed",
    [
        "docs/find_page failed: boom",
        ("docs/find_page failed", {"error": "boom"}),
        ("docs/find_page failed: x", {"error": "boom"}),
    ],
)
def test_what_the_record_says_went_wrong_is_the_error_of_the_call(failed):
    found = ga.reconstruct(log("docs/find_page called", failed)).calls
    assert found["error_text"].tolist() == ["boom"]


def test_a_call_in_words_is_a_tools_call():
    found = ga.reconstruct(log("docs/find_page called", "docs/find_page answered")).calls
    assert found["method"].tolist() == ["tools/call"]


def test_words_with_a_slash_make_a_call():
    found = calls("docs/find_page called", "docs/find_page answered in 12 ms")
    assert found == [("host", "docs", "find_page", "answered")]


def test_a_call_that_only_began_is_pending():
    assert calls("docs/find_page called") == [("host", "docs", "find_page", "pending")]


def test_calls_of_two_servers_that_overlap():
    found = calls(
        "docs/find_page called",
        "wiki/open_page called",
        "docs/find_page answered",
        "wiki/open_page failed: boom",
    )
    assert found == [("host", "docs", "find_page", "answered"), ("host", "wiki", "open_page", "error")]


def test_calls_of_one_tool_that_overlap_are_told_apart_by_their_id():
    lines = [("docs/find_page called", {"request_id": 1}), ("docs/find_page called", {"request_id": 2})]
    ends = [
        ("docs/find_page answered", {"request_id": 2}),
        ("docs/find_page failed: boom", {"request_id": 1}),
    ]
    assert [status for *_, status in calls(*lines, *ends)] == ["error", "answered"]


def test_arguments_in_the_data_are_those_of_the_call():
    flow = ga.reconstruct(log(("docs/find_page called", {"arguments": {"q": 1}}), "docs/find_page answered"))
    [payload] = flow.hops.loc[flow.hops["kind"] == "request", "payload"]
    assert payload["params"]["arguments"] == {"q": 1}


def test_without_a_server_there_is_no_call_to_one():
    assert calls("Calling tool find", "Called tool find") == []


def test_a_component_is_no_server_of_itself():
    assert calls("host: calling tool find", "host: called tool find") == []


# Quoted messages.


@pytest.mark.parametrize(
    ("text", "direction", "server"),
    [
        ("[docs] Message from client: ", "sent", "docs"),
        ('MCP server "docs": Request from the client: ', "sent", "docs"),
        ("docs: message to server: ", "sent", "docs"),
        ("[docs] Message from server: ", "received", "docs"),
        ("docs: notification from server (12 bytes): ", "received", "docs"),
        ("[docs] response to client: ", "received", "docs"),
        ("Message from client: ", "received", None),
        ("Message to server: ", "sent", None),
        ("Message to docs: ", "sent", "docs"),
        ("[docs] Message to the server 'docs': ", "sent", "docs"),
        ("answer from docs ", "received", "docs"),
        ("[docs] ", None, "docs"),
        ("", None, None),
        ("{7} [x] to docs: ", "sent", "docs"),
    ],
)
def test_a_line_quotes_a_message(text, direction, server):
    assert quoted_message(text + json.dumps(CALL)) == (CALL, text, direction, server)


def test_the_server_beside_a_line_is_the_one_that_the_client_speaks_to():
    assert quoted_message(f"Message from client: {json.dumps(CALL)}", "docs")[2:] == ("sent", "docs")


def test_what_follows_the_message_is_left_out():
    assert quoted_message(f"to docs: {json.dumps(CALL)} {{ metadata: undefined }}").message == CALL


def test_a_batch_is_quoted():
    assert quoted_message(f"to docs: {json.dumps([CALL, CALL])}").message == [CALL, CALL]


@pytest.mark.parametrize(
    "text",
    [
        '[docs] Message from client: {"a": 1}',
        '[docs] Message from client: {"jsonrpc": "2.0", "id": 1,',
        "[docs] Message from client: {jsonrpc: '2.0'}",
        "[docs] Message from client: jsonrpc",
        f"{'x' * 500} Message from client: {json.dumps(CALL)}",
    ],
)
def test_no_message_is_quoted(text):
    assert quoted_message(text) is None


def quoted(message, end="client"):
    return f"[docs] Message from {end}: {json.dumps(message)}"


def test_quoted_messages_make_an_answered_call():
    assert calls(quoted(CALL), quoted(RESULT, "server")) == [("host", "docs", "find", "answered")]


def test_quoted_messages_make_a_failed_call():
    assert calls(quoted(CALL), quoted(ERROR, "server")) == [("host", "docs", "find", "error")]


def test_a_quoted_error_keeps_its_code_and_its_text():
    found = ga.reconstruct(log(quoted(CALL), quoted(ERROR, "server"))).calls
    assert found[["error_code", "error_text"]].values.tolist() == [[-32603, "division by zero"]]


def test_the_server_of_a_quoted_message_may_stand_in_the_data():
    data = {"server": "docs"}
    text = f"Message from client: {json.dumps(CALL)}", f"Message from server: {json.dumps(RESULT)}"
    assert calls(*((line, data) for line in text)) == [("host", "docs", "find", "answered")]


def test_a_message_from_the_client_came_to_whoever_logs_it():
    [call] = calls(f"Message from client: {json.dumps(CALL)}")
    assert call[1:] == ("host", "find", "pending")


# Messages under a key.


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ({"direction": "out", "message": CALL}, {"direction": "in", "message": RESULT}),
        ({"dir": "tx", "frame": CALL}, {"dir": "rx", "frame": RESULT}),
        ({"way": "outgoing", "msg": json.dumps(CALL)}, {"way": "incoming", "msg": json.dumps(RESULT)}),
        (
            {"event": {"direction": "egress", "body": CALL}},
            {"event": {"direction": "ingress", "body": RESULT}},
        ),
        ({"url": "http://docs/mcp", "body": CALL}, {"url": "http://docs/mcp", "status": 200, "body": RESULT}),
        ({"body": CALL}, {"body": RESULT}),
    ],
)
def test_a_message_stands_under_any_key(asked, answered):
    assert calls(("rpc", {"peer": "docs", **asked}), ("rpc", {"peer": "docs", **answered})) == [
        ("host", "docs", "find", "answered")
    ]


def test_a_record_may_hold_a_request_and_its_answer():
    held = {"peer": "docs", "in": RESULT, "out": CALL, "direction": "received"}
    assert calls(("exchange", held)) == [("host", "docs", "find", "answered")]


@pytest.mark.parametrize(
    ("out", "back"), [("rpc out", "rpc in"), (">> docs", "<< docs"), ("forwarding to docs", "got from docs")]
)
def test_the_words_beside_a_message_tell_its_way(out, back):
    assert calls((out, {"peer": "docs", "frame": CALL}), (back, {"peer": "docs", "frame": RESULT})) == [
        ("host", "docs", "find", "answered")
    ]


# Hostile input.

LONG = 100_000
HOSTILE = [
    "a" * LONG,
    "docs: " * (LONG // 6),
    "[docs] " + "tool " * (LONG // 5),
    "docs: calling tool " + "a" * LONG,
    "a/" * (LONG // 2),
    "a." * (LONG // 2) + "/b failed",
    "message from client " * (LONG // 20) + "jsonrpc",
    "message from client" + " " * LONG + "{jsonrpc",
    '[docs] Message from client: {"jsonrpc": "' + "x" * LONG,
    "[docs] Message from client: {" + '"jsonrpc": 1, ' * (LONG // 14),
    '{"' * (LONG // 2) + "jsonrpc",
    "a=" * (LONG // 2),
    "-> " * (LONG // 3),
    "tools/call " * (LONG // 11),
    "JSONRPCRequest[a=" + "{b=" * (LONG // 3),
    "JSONRPCRequest[a=" + ", " * (LONG // 2),
    "JSONRPCRequest(a=" + "[" * LONG,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_line_is_no_call(text):
    assert (told_call(text), quoted_message(text)) == (None, None)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_line_is_read_fast(text):
    begun = time.perf_counter()
    for _ in range(10):
        told_call(text)
        quoted_message(text)
    assert time.perf_counter() - begun < 1, "about a millisecond is usual: an expression backtracks"


def test_a_log_of_hostile_lines_has_no_calls():
    assert calls(*HOSTILE) == []


def test_the_reason_of_a_failure_is_bounded():
    assert len(told_call("docs/find_page failed: " + "x" * LONG).why) <= 4000


@pytest.mark.parametrize(
    ("way", "asked", "answered"),
    [
        ("bare", {"rpc": {"id": 1, "method": "tools/call", "params": CALL["params"]}}, {"rpc": {"id": 1, "result": {}}}),
        ("yes", {"sent": True, "frame": CALL}, {"sent": False, "frame": RESULT}),
        ("deep", {"io": {"flow": "outbound", "envelope": {"json": CALL}}}, {"io": {"flow": "inbound", "envelope": {"json": RESULT}}}),
    ],
)  # fmt: skip
def test_a_message_may_stand_deeper_or_lack_its_frame(way, asked, answered):
    peer = {"ctx": {"remote": {"name": "docs"}}} if way == "deep" else {"link": "docs"}
    assert calls(("io", {**peer, **asked}), ("io", {**peer, **answered})) == [
        ("host", "docs", "find", "answered")
    ]


def test_the_pairs_of_a_line_name_the_other_end_of_its_message():
    lines = f"send peer=docs len=9 body={json.dumps(CALL)}", f"recv peer=docs body={json.dumps(RESULT)}"
    assert calls(*lines) == [("host", "docs", "find", "answered")]


def test_what_http_refused_is_no_answer():
    url = "https://docs.example/mcp"
    refused = {"jsonrpc": "2.0", "id": None, "error": {"code": -32000, "message": "no token"}}
    found = ga.messages(
        log(
            ("POST", {"url": url, "peer": "docs", "body": CALL}),
            ("401", {"url": url, "status": 401, "body": refused}),
        )
    )
    assert found["kind"].tolist() == ["request"]


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        (
            (
                "Sending client message: root=JSONRPCRequest(method='tools/call', params={'name': 'find', "
                "'arguments': {'q': None}}, jsonrpc='2.0', id=1)"
            ),
            "SSE message: root=JSONRPCResponse(jsonrpc='2.0', id=1, result={'content': []})",
        ),
        (
            (
                "Sending message: JSONRPCRequest[jsonrpc=2.0, method=tools/call, id=a-1, params={name=find, "
                "arguments={q=a, b}}]"
            ),
            (
                "Received response: JSONRPCResponse[jsonrpc=2.0, id=a-1, result={content=[{type=text, text=x; y}, "
                "{type=text, text=z}]}, error=null]"
            ),
        ),
    ],
    ids=["Python", "Java"],
)
def test_messages_as_sdks_print_them(sent, received):
    assert calls((sent, {"server": "docs"}), (received, {"server": "docs"})) == [
        ("host", "docs", "find", "answered")
    ]


@pytest.mark.parametrize(
    "text", ["JSONRPCRequest(", "JSONRPCRequest[", "JSONRPCRequest(" * 9000, "JSONRPCRequest[a=" + "[" * 9000]
)
def test_a_torn_print_is_no_message(text):
    assert quoted_message(text) is None


# Structured events.


@pytest.mark.parametrize(
    ("begun", "over", "status"),
    [
        (("mcp.call", {"args": {}}), ("mcp.result", {"ok": True, "ms": 9}), "answered"),
        (("tool_call_started", {}), ("tool_call_completed", {"is_error": False}), "answered"),
        (("tool_call_started", {}), ("tool_call_failed", {"error": "boom"}), "error"),
        (("dispatch", {}), ("dispatched", {"took": "12ms", "outcome": "result"}), "answered"),
        (("dispatch", {}), ("dispatched", {"took": "12ms", "outcome": "error", "err": "boom"}), "error"),
        (("exec tool=find args={}", {}), ('exec tool=find status=error ms=9 err="boom"', {}), "error"),
    ],
)
def test_an_event_with_a_tool_and_a_server_is_of_a_call(begun, over, status):
    beside = {"server": "docs", "tool": "find"}
    (first, data), (second, more) = begun, over
    found = ga.reconstruct(log((first, beside | data), (second, beside | more))).calls
    assert found[["callee", "tool", "status"]].values.tolist() == [["docs", "find", status]]
    assert status != "error" or found["error_text"].tolist() == ["boom"]


def test_keys_may_be_spelt_in_any_way():
    beside = {"Server": "docs", "Tool": "find"}
    assert calls(('Calling "find" on "docs"', beside), ("done", beside | {"Elapsed": 9})) == [
        ("host", "docs", "find", "answered")
    ]


def test_a_tool_that_is_named_in_another_event_is_not_called():
    assert calls(("registered", {"server": "docs", "tool": "find", "status": "ok"})) == []


@pytest.mark.parametrize(("code", "status"), [("OK", "answered"), ("ERROR", "error")])
def test_a_span_is_a_whole_call(code, status):
    attributes = {"mcp.method.name": "tools/call", "gen_ai.tool.name": "find", "server.address": "docs"}
    span = {"name": "tools/call find", "status": {"code": code, "message": "boom"}, "attributes": attributes}
    assert calls(("span end", {"span": span})) == [("host", "docs", "find", status)]


@pytest.mark.parametrize(
    ("begun", "over"),
    [
        ("calling find on docs with {}", "find returned in 54 ms: drawn"),
        ("[docs] -> find {}", "[docs] <- find ok 151ms"),
        ("mcp: tools/call docs/find", "mcp: tools/call docs/find done, 96 ms"),
    ],
)
def test_more_ways_to_tell_of_a_call(begun, over):
    assert calls(begun, over) == [("host", "docs", "find", "answered")]


def test_the_name_of_a_tool_and_a_verb_are_enough_once_it_was_called():
    assert calls("calling find on docs with {}", "find failed: boom") == [("host", "docs", "find", "error")]
    assert calls("find failed: boom") == []
