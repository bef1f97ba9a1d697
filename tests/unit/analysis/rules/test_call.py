"""Calls that arrived and failed, or only seemed to succeed."""

from __future__ import annotations

import pytest

NOT_FOUND = {"code": -32601, "message": "Method not found"}


def test_r08_every_call_fails_alike(new_story):
    story = new_story(backends=["gates", "marco"])
    story.start_relay()
    story.call("gates_list_capabilities")
    for tool in ("browser_tabs", "browser_navigate", "browser_close"):
        story.call(tool, error=NOT_FOUND)
    found = story.only()
    assert (found.code, found.component, found.cause_in, found.severity) == ("R08", "marco", "marco", "error")
    assert found.confidence > 0.9


def test_r08_surer_with_each_call(new_story):
    story = new_story(backends=["gates", "marco"])
    story.start_relay()
    story.call("browser_tabs", error=NOT_FOUND)
    once = story.only()
    story.call("browser_navigate", error=NOT_FOUND)
    assert once.code == story.only().code == "R08"
    assert once.confidence < story.only().confidence


@pytest.mark.parametrize(
    ("last", "error", "found"),
    [
        ("browser_close", NOT_FOUND, True),
        ("browser_tabs", NOT_FOUND, False),
        ("browser_close", None, False),
        ("browser_close", {"code": -32601, "message": "Unknown tool"}, False),
    ],
    ids=["all-tools", "one-tool", "another-works", "about-the-tool"],
)
def test_r08_from_some_time_on(new_story, last, error, found):
    story = new_story(backends=["gates", "marco"])
    story.start_relay()
    for tool in ("gates_list_capabilities", "browser_tabs"):
        story.call(tool)
    story.call("browser_tabs", error=error or NOT_FOUND)
    story.call(last, error=error)
    assert (story.codes() == ["R08"]) is found
    assert story.codes()


def test_r08_an_error_that_names_no_argument_is_not_the_callers(story):
    """All calls alike, whatever they send: then their arguments are not what is wrong."""
    invalid = {"code": -32602, "message": "Invalid request parameters"}
    story.start_relay()
    story.call("dewey_search")
    story.call("fiedler_send", {"prompt": "hi"}, error=invalid)
    story.call("fiedler_list_models", error=invalid)
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("R08", "fiedler", "fiedler")


def test_errors_that_name_an_argument_are_the_callers(story):
    story.start_relay()
    for tool in ("fiedler_send", "fiedler_list_models"):
        story.call(tool, error={"code": -32602, "message": "prompt is required"})
    assert set(story.codes()) == {"R10"}


def test_one_bad_tool_is_not_all(story):
    story.start_relay()
    story.call("dewey_search", error={"code": -32603, "message": "TypeError: x is undefined"})
    story.call("dewey_list_conversations")
    assert story.only().code == "R09"


@pytest.mark.parametrize(
    "failure",
    [
        {"error": "Conversation 17 could not be loaded: database is away"},
        {"success": False, "message": "no disk"},
    ],
)
def test_f32_failure_in_a_result(story, as_text, failure):
    story.start_relay()
    story.call("dewey_search", result=as_text(failure))
    found = story.only()
    assert (found.code, found.component, found.severity) == ("F32", "dewey", "error")


@pytest.mark.parametrize(
    "text",
    [
        "Error executing tool dewey_search: KeyError('x')",
        "Error executing dewey_search: Traceback (most recent call last):\n  File 'a.py', line 3",
        "An error occurred: timeout",
        "❌ Search failed: permission denied",
        "Request failed with status code 503",
        "Unable to search: server returned 500 Internal Server Error",
        "ERROR: ORA-00942: table or view does not exist",
        "Internal Server Error",
    ],
)
def test_f32_failure_told_in_plain_text(story, as_text, text):
    story.start_relay()
    story.call("dewey_search", result=as_text(text))
    found = story.only()
    assert (found.code, found.cause_in) == ("F32", "dewey")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"path": "/var/log/error.log"}, "Error: failed to open socket\nERROR retrying\n"),
        ({}, "Payment failed: the story of a card that was declined"),
        ({}, "Error handling: how to tell a client what went wrong"),
        ({}, "Unable to find a match for: pears"),
        ({}, {"status": "failed", "error": "tests failed", "exit_code": 1}),
    ],
)
def test_failures_that_were_asked_for_are_results(story, as_text, arguments, text):
    story.start_relay()
    story.call("dewey_search", arguments, result=as_text(text))
    assert story.codes() == []


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [({"limit": 5}, "dewey"), ({"from": "skus"}, "client"), ({"sql": "SELECT name FROM items"}, "client")],
)
def test_a_missing_table_is_the_callers_only_where_it_was_named(story, arguments, cause):
    story.start_relay()
    story.call("dewey_search", arguments, error={"code": -32000, "message": 'relation "skus" does not exist'})
    assert story.only().cause_in == cause


def test_f32_whose_text_blames_the_caller(story, as_text):
    story.start_relay()
    story.call("dewey_search", result=as_text({"error": "query is required"}))
    found = story.only()
    assert (found.code, found.cause_in) == ("F32", "client")


@pytest.mark.parametrize(
    "fine",
    [
        {"errors": [], "valid": False},
        {"error": None, "result": 1},
        {"result": {"error_count": 0}},
        {"status": "ok", "log": [{"error": "an old one"}]},
        "All errors were found and fixed",
    ],
)
def test_results_that_speak_of_errors_are_no_failures(story, as_text, fine):
    story.start_relay()
    story.call("dewey_search", result=as_text(fine))
    assert story.codes() == []


@pytest.mark.parametrize(
    "error",
    [
        {"code": -32602, "message": "Invalid params"},
        {"code": -32603, "message": "markdown is required"},
        {"code": -32000, "message": "Validation error: limit must be a positive integer"},
        {"code": -32603, "message": "KeyError: 'markdown'"},
        {
            "code": -32000,
            "message": "Input validation error: Invalid arguments for tool gates_create_document: "
            "expected string, received undefined at markdown",
        },
    ],
)
def test_r10_mistake_of_the_caller(story, error):
    story.start_relay()
    story.call("gates_list_capabilities")
    story.call("gates_create_document", {"text": "x"}, error=error)
    found = story.only()
    assert (found.code, found.cause_in, found.tool) == ("R10", "client", "gates_create_document")


@pytest.mark.parametrize(
    "message",
    [
        "Cannot read properties of undefined (reading 'map')",
        "'NoneType' object has no attribute 'cursor'",
        "KeyError: 'markdown'",
        "something odd happened",
    ],
)
def test_r09_defect_of_the_backend(story, message):
    story.start_relay()
    story.call("gates_list_capabilities")
    story.call("gates_create_document", {"markdown": "x"}, error={"code": -32603, "message": message})
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("R09", "gates", "gates")


def test_r08_requests_that_a_server_calls_invalid_are_not_the_callers_mistake(story):
    odd = {"code": -32600, "message": "Invalid Request: envelope version 1 expected"}
    story.start_relay()
    story.call("dewey_search")
    story.call("gates_list_capabilities", error=odd)
    story.call("gates_create_document", {"markdown": "x"}, error=odd)
    assert (story.only().code, story.only().cause_in) == ("R08", "gates")


@pytest.mark.parametrize(
    "message", ["Error", "failed", "something went wrong", "gates_create_document failed"]
)
def test_r12_an_error_that_tells_nothing(story, message):
    story.start_relay()
    story.call("gates_list_capabilities")
    story.call("gates_create_document", {"markdown": "x"}, error={"code": -32000, "message": message})
    story.call("gates_create_document", {"markdown": "y"})
    assert (story.only().code, story.only().cause_in) == ("R12", "gates")


def test_r09_surer_with_the_backends_own_error(story):
    def complain():
        story.tell("gates", "ERROR", "Tool error", {"tool_name": "gates_create_document", "error": "boom"})

    story.start_relay()
    story.call("gates_create_document", error={"code": -32603, "message": "boom"}, at_backend=complain)
    with_log = story.only()
    assert with_log.code == "R09"
    assert "gates logged: boom" in with_log.explanation


def test_tool_error_is_reported(story, as_text):
    story.start_relay()
    story.call("dewey_search", result=as_text("disk is full") | {"isError": True})
    assert story.only().code == "R09"


@pytest.mark.parametrize(
    "said",
    [
        "ENOENT: no such file or directory, open 'a.md'",
        "No results found",
        "document 4711 not found",
        "it already exists",
    ],
)
def test_a_tool_that_says_no_has_answered(story, as_text, said):
    story.start_relay()
    story.call("dewey_search", result=as_text(said) | {"isError": True})
    assert story.diagnose().healthy


def test_a_build_that_failed_is_a_result_like_any_other(story, as_text):
    story.start_relay()
    story.call("dewey_search", result=as_text({"build": 7, "status": "failed", "branch": "main"}))
    assert story.diagnose().healthy


def test_b28_result_that_is_no_json(story):
    story.start_relay()
    message = "Object of type datetime is not JSON serializable"
    story.call("dewey_search", error={"code": -32603, "message": message})
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("B28", "dewey", "dewey")


def test_b28_without_an_answer(story):
    def complain():
        story.tell(
            "dewey",
            "ERROR",
            "MCP request failed",
            {"method": "tools/call", "error": "Object of type datetime is not JSON serializable"},
        )

    story.start_relay()
    story.call("dewey_search", answered=False, at_backend=complain)
    story.wait(30)
    story.tell("fiedler", "INFO", "still here")
    assert story.only().code == "B28"
    assert "dewey logged: Object of type datetime" in story.only().explanation


def test_f09_listed_but_unknown_to_its_own_backend(story):
    tools = [{"name": "gates_create_document", "inputSchema": {"type": "object"}}]
    story.exchange("relay", "gates", {"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    story.exchange("gates", "relay", {"jsonrpc": "2.0", "id": 1, "result": {"tools": tools}})
    story.exchange(
        "relay",
        "gates",
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "gates_create_document"}},
    )
    story.exchange(
        "gates",
        "relay",
        {
            "jsonrpc": "2.0",
            "id": 2,
            "error": {"code": -32602, "message": "Unknown tool: gates_create_document"},
        },
    )
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("F09", "gates", "gates")


def test_r15_names_where_nobody_listens(story):
    """The relay could not connect for this call, and says where."""
    story.start_relay()
    trace = story.trace()
    tool = {"tool_name": "gates_list_capabilities"}
    error = "[Errno 111] Connect call failed ('127.0.0.1', 9051)"
    story.tell(story.relay, "TRACE", "Tool call received: gates_list_capabilities", tool, trace)
    story.tell(story.relay, "TRACE", "Routing tool to backend: gates", tool | {"backend": "gates"}, trace)
    story.tell(
        story.relay, "ERROR", "Tool call failed: gates_list_capabilities", tool | {"error": error}, trace
    )
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("R15", "gates", "gates")
    assert "could not connect to gates" in found.summary
    assert "nobody listens at 127.0.0.1:9051" in found.fix
