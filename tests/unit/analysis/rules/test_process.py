"""Processes and connections: calls without an end, lost connections, old instances."""

from __future__ import annotations

import pytest

import godot_analysis as ga
from godot_analysis.loading.tables import log_table


def lose(story, backend, trace=None):
    story.tell(
        story.relay,
        "WARN",
        f"Backend connection lost, reconnecting: {backend}",
        {"backend": backend, "error": "no close frame received or sent"},
        trace,
    )


def call_into_the_void(story, tool="gates_create_document"):
    return story.call(tool, answered=False, silent=True)


def test_r05_repeated_with_success(story):
    story.start_relay()
    story.call("gates_list_capabilities")
    trace = call_into_the_void(story)
    lose(story, "gates", trace)
    story.wait(10)
    story.connect("gates")
    story.request("gates", "tools/call", 3)
    story.tell(
        story.relay,
        "TRACE",
        "Retry successful for tool: gates_create_document",
        {"response": {"jsonrpc": "2.0", "id": 3, "result": {"content": []}}},
        trace,
    )
    story.call("dewey_search")
    found = story.only()
    assert (found.code, found.severity, found.component, found.cause_in) == (
        "R05",
        "warning",
        "gates",
        "gates",
    )
    assert story.diagnose().calls["answered"] == 3


def test_r07_gone_for_good(story):
    story.start_relay()
    trace = call_into_the_void(story)
    lose(story, "gates", trace)
    story.wait(60)
    story.tell("dewey", "INFO", "still here")
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("R07", "gates", "gates")


def test_b08_never_answered(story):
    story.start_relay()
    story.call("dewey_search")
    story.call("gates_create_document", answered=False)
    story.wait(60)
    story.tell("dewey", "INFO", "still here")
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("B08", "gates", "gates")
    assert found.confidence > 0.7


def test_b08_after_an_error_of_the_backend(story):
    def complain():
        story.tell("gates", "ERROR", "MCP request failed", {"method": "tools/call", "error": "Invalid frame"})

    story.start_relay()
    story.call("dewey_search")
    story.call("gates_create_document", answered=False, at_backend=complain)
    found = story.only()
    assert found.code == "B08"
    assert "Invalid frame" in found.explanation


def test_b08_is_a_remark_where_the_log_ends_in_the_middle_of_a_call(story):
    story.start_relay()
    story.call("dewey_search")
    story.call("gates_create_document", answered=False)
    assert story.codes() == []
    assert "under way when the log ended" in story.diagnose().ranked[0].title


def test_b08_an_error_that_a_backend_logged_in_the_place_of_its_answer(story):
    """It writes down every answer that it sends, and there is none to this call."""
    call = {"method": "tools/call", "params": {"name": "dewey_search", "arguments": {}}}
    for rpc_id in (1, 2):
        story.message("dewey", "received", "relay", {"jsonrpc": "2.0", "id": rpc_id, **call}, session="s")
        if rpc_id == 1:
            answer = {"jsonrpc": "2.0", "id": 1, "result": {"content": []}}
            story.message("dewey", "sent", "relay", answer, session="s")
    story.records[-1]["trace_id"] = trace = story.trace()
    story.tell("dewey", "ERROR", "unhandled exception in worker", None, trace)
    story.wait(60)
    story.tell("dewey", "INFO", "heartbeat")
    found = story.only()
    assert (found.code, found.component, found.tool) == ("B08", "dewey", "dewey_search")
    assert "unhandled exception" in found.explanation


@pytest.mark.parametrize(
    ("end", "code", "cause"),
    [
        ("60.0 client says WARN still waiting", "B08", "hub"),
        ('60.0 client sends hub ~ notifications/cancelled {"requestId": 1}', "B08", "hub"),
        ('0.5 client sends hub ~ notifications/cancelled {"requestId": 1}', "R09", "gates"),
        ("0.3 hub sends client ! 1 -1 no\n 0.3 client gets hub ! 1 -1 no", "R09", "gates"),
    ],
)
def test_b08_a_relay_that_keeps_the_answer(end, code, cause):
    found = ga.diagnose(
        log_table(f"""
            0.0 client sends hub    ? 1 tools/call open
            0.0 hub    gets  client ? 1 tools/call open
            0.1 hub    sends gates  ? 7 tools/call open
            0.1 gates  gets  hub    ? 7 tools/call open
            0.2 gates  sends hub    ! 7 -32000 order conflict
            0.2 hub    gets  gates  ! 7 -32000 order conflict
            {end}
            99.0 hub says INFO alive
        """)
    ).root_cause
    assert found is not None
    assert (found.code, found.cause_in) == (code, cause)


def test_b08_two_seconds_before_the_end_of_a_log(story):
    story.start_relay()
    story.call("gates_create_document", answered=False)
    story.wait(2)
    story.tell("dewey", "INFO", "heartbeat")
    found = next(one for one in story.diagnose().ranked if one.code == "B08")
    assert found.severity == "info"
    assert "not answered yet when the log ended" in found.summary


def test_log_that_ends_before_a_call_could_arrive(story):
    """A window cut out of a healthy log: the call had left, and what logs its arrival is not in it."""
    story.start_relay()
    story.call("gates_create_document")
    story.call("gates_create_document", silent=True, answered=False)
    assert story.codes() == []
    story.wait(60)
    story.tell("dewey", "INFO", "still here")
    assert story.codes() == ["B08"]


def test_answer_that_was_only_not_logged_is_no_fault(story):
    story.start_relay()
    story.call("gates_create_document", answered=False)
    story.call("dewey_search")
    assert story.codes() == []


def test_r11_lost_while_idle(story):
    story.start_relay()
    story.call("gates_list_capabilities")
    lose(story, "gates")
    story.call("dewey_search")
    found = story.only()
    assert (found.code, found.severity, found.component) == ("R11", "warning", "gates")


def test_r06_old_instance_goes_on(story):
    story.tell("dewey", "INFO", "Dewey MCP server starting", {"host": "0.0.0.0", "port": 9020})
    story.start_relay()
    story.call("dewey_search")
    story.wait(60)
    story.tell("dewey", "INFO", "Dewey MCP server starting", {"host": "0.0.0.0", "port": 9020})
    story.wait(5)
    story.call("dewey_search")
    found = story.only()
    assert (found.code, found.severity, found.component, found.cause_in) == (
        "R06",
        "warning",
        "dewey",
        "mcp-relay",
    )


def test_r06_not_where_the_process_that_starts_is_the_one_that_answers(story):
    story.start_relay()
    story.wait(60)
    story.tell("dewey", "INFO", "Dewey MCP server starting", {"host": "0.0.0.0", "port": 9020})
    story.wait(5)
    story.call("dewey_search")
    for number, record in enumerate(story.records):
        if record["component"] == "dewey":
            record |= {"instance": "host:1:blue", "seq": number}
    assert "R06" not in story.codes()


def test_restarted_backend_that_is_greeted_again_is_no_old_instance(story):
    story.tell("dewey", "INFO", "Dewey MCP server starting", {"host": "0.0.0.0", "port": 9020})
    story.start_relay()
    story.call("dewey_search")
    story.wait(60)
    story.tell("dewey", "INFO", "Dewey MCP server starting", {"host": "0.0.0.0", "port": 9020})
    story.call("relay_reconnect_server", {"name": "dewey"})
    story.connect("dewey")
    story.call("dewey_search")
    assert story.codes() == []


def test_r06_by_the_process_that_answers(new_story):
    story = new_story()
    for number, instance in ((1, "blue"), (2, "green")):
        story.tell("gates", "INFO", "gates is here", instance=f"host:{number}:{instance}", seq=1)
    story.wait(5)
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "gates_open"}}
    story.message("relay", "sent", "gates", request)
    for direction, payload in (("received", request), ("sent", {"jsonrpc": "2.0", "id": 1, "result": {}})):
        story.message("gates", direction, "relay", payload)
        story.records[-1] |= {"instance": "host:1:blue", "seq": 2 if direction == "received" else 3}
    story.message("relay", "received", "gates", {"jsonrpc": "2.0", "id": 1, "result": {}})
    found = story.only()
    assert (found.code, found.component) == ("R06", "gates")


def ask(story, method, *, rpc_id=1, server="dewey", client="agent", result=None, wait=0.0, word=None):
    """A request on one link; a word of the client after a while, and an answer if there is one."""
    params = {"name": "dewey_search", "arguments": {}} if method == "tools/call" else {}
    story.exchange(
        client, server, {"jsonrpc": "2.0", "id": rpc_id, "method": method, "params": params}, session="s"
    )
    story.wait(wait)
    if word is not None:
        story.tell(client, "ERROR", *word)
        story.wait(wait)
    if result is not None:
        story.exchange(server, client, {"jsonrpc": "2.0", "id": rpc_id, "result": result}, session="s")


NAMED = {"name": "dewey", "version": "1"}
GREETING = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": NAMED}


@pytest.mark.parametrize(("method", "code"), [("initialize", "R20"), ("tools/list", "R03")])
def test_a_first_question_that_its_sender_gave_up(story, method, code):
    if method == "tools/list":
        ask(story, "initialize", result=GREETING)
        story.exchange(
            "agent", "dewey", {"jsonrpc": "2.0", "method": "notifications/initialized"}, session="s"
        )
    ask(story, method, rpc_id=2, wait=30, word=("MCP error -32001: Request timed out", {"server": "dewey"}))
    found = story.only()
    assert (found.code, found.component, found.cause_in) == (code, "dewey", "dewey")


def test_a_first_question_at_the_end_of_a_log_is_no_fault(story):
    ask(story, "initialize", wait=20)
    story.tell("agent", "INFO", "still here")
    assert story.codes() == []


def test_a_first_question_that_was_answered_late_is_no_hang(story):
    ask(story, "initialize", wait=30, word=("initialize timed out", {"server": "dewey"}), result=GREETING)
    assert story.codes() == []


def test_r15_seen_only_by_a_backend_that_logs_what_it_sends(story):
    """It wrote down its answer to the handshake, and none to its only call."""
    for payload, direction in (
        ({"id": 1, "method": "initialize", "params": {}}, "received"),
        ({"id": 1, "result": GREETING}, "sent"),
        ({"id": 2, "method": "tools/call", "params": {"name": "dewey_search"}}, "received"),
    ):
        story.message("dewey", direction, "agent", {"jsonrpc": "2.0", **payload}, session="s")
    story.tell("dewey", "INFO", "process exited", {"code": 139})
    story.wait(2)
    story.tell("agent", "ERROR", "dewey_search failed: Connection closed")
    found = story.only()
    assert (found.code, found.component) == ("R15", "dewey")


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("! 3 -32603 Backend gates unreachable: connect ECONNREFUSED 127.0.0.1:9030", ("R15", "gates")),
        (
            '= 3 {"isError": true, "content": [{"type": "text", "text": "gates: no route to host"}]}',
            ("R15", "gates"),
        ),
        ("! 3 -32603 upstream unreachable", ("R12", "hub")),  # which, it does not say
    ],
)
def test_r15_a_relay_that_could_not_reach_a_backend_says_so_itself(said, found):
    table = "\n".join(
        [
            "0.0 client sends hub ? 1 tools/call gates_open",
            "0.0 hub gets client ? 1 tools/call gates_open",
            "0.1 hub sends gates ? 7 tools/call gates_open",
            "0.2 hub gets gates = 7",
            "0.3 hub sends client = 1",
            "0.3 client gets hub = 1",
            "5.0 client sends hub ? 3 tools/call gates_shut",
            "5.0 hub gets client ? 3 tools/call gates_shut",
            f"5.1 hub sends client {said}",
            f"5.1 client gets hub {said}",
        ]
    )
    cause = ga.diagnose(log_table(table)).root_cause
    assert cause is not None
    assert (cause.code, cause.component) == found


def test_a_call_seen_only_by_a_backend_that_never_logs_an_end(story):
    for rpc_id in (1, 2):
        story.request("dewey", "tools/call", rpc_id)
        story.wait(10)
    story.tell("dewey", "INFO", "still here")
    assert story.codes() == []


@pytest.mark.parametrize(
    ("said", "codes"),
    [
        ("MCP error -32001: Request timed out", []),
        ("keepalive ping timed out", ["R11"]),
        ("connect ETIMEDOUT 10.0.0.7:9022", ["R11"]),
    ],
)
def test_r11_a_limit_on_waiting_is_no_lost_connection(story, said, codes):
    story.start_relay()
    story.call("dewey_search")
    story.tell(story.relay, "ERROR", said, {"backend": "dewey"})
    story.call("dewey_search")
    assert story.codes() == codes
