"""Servers that a client tries to connect to and never can: no handshake succeeds."""

from __future__ import annotations

import pytest

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "bot", "version": "1"},
    },
}
DISCOVER = {"jsonrpc": "2.0", "id": 1, "method": "server/discover"}
WELCOME = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "wiki", "version": "1"},
}
NOT_ACCEPTABLE = "Not Acceptable: Client must accept both application/json and text/event-stream"


def refuse(story, status, body):
    data = {"method": "POST", "url": "https://wiki.example.com/mcp", "status": status, "body": body}
    story.tell("bot", "ERROR", f"POST https://wiki.example.com/mcp {status}", data)


def work(story):
    """A handshake and a list that succeed, seen by both ends."""
    story.exchange("bot", "wiki", INITIALIZE)
    story.exchange("wiki", "bot", {"jsonrpc": "2.0", "id": 0, "result": WELCOME})
    story.exchange("bot", "wiki", {"jsonrpc": "2.0", "method": "notifications/initialized"})
    story.exchange("bot", "wiki", {"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    tools = [{"name": "page_get", "inputSchema": {"type": "object"}}]
    story.exchange("wiki", "bot", {"jsonrpc": "2.0", "id": 1, "result": {"tools": tools}})


@pytest.mark.parametrize(
    ("status", "body", "cause"),
    [
        (401, "The access token expired", "bot"),
        (406, NOT_ACCEPTABLE, "bot"),
        (415, "Content-Type must be application/json", "bot"),
        (502, "Bad Gateway", "wiki"),
    ],
)
def test_r20_refused_by_http(story, status, body, cause):
    for _ in range(3):
        story.message("bot", "sent", "wiki", INITIALIZE, transport="http")
        refuse(story, status, body)
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("R20", "wiki", cause)
    assert str(status) in found.summary


@pytest.mark.parametrize("status", [401, 406, 502])
def test_r20_not_where_a_later_handshake_succeeds(story, status):
    story.message("bot", "sent", "wiki", INITIALIZE, transport="http")
    refuse(story, status, "not yet")
    work(story)
    assert story.codes() == []


def test_r20_in_words_alone(story):
    told = "Failed to connect to MCP server wiki: Unauthorized: HTTP 401 Missing or invalid access token"
    story.tell("bot", "ERROR", told, {"server": "wiki"})
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("R20", "wiki", "bot")


@pytest.mark.parametrize(
    "why", ["HTTP 401 Unauthorized", "SSE error: Non-200 status code (405)", "ECONNREFUSED"]
)
def test_not_where_the_client_says_that_it_connected_in_the_end(story, why):
    data = {"server": "wiki", "url": "http://127.0.0.1:8931/"}
    story.tell("bot", "INFO", "connecting to MCP server wiki", data)
    story.tell("bot", "WARN", f"Failed to connect to MCP server wiki: {why}", {"server": "wiki"})
    story.tell("bot", "INFO", "connected to MCP server wiki: 5 tools", {"server": "wiki"})
    assert story.codes() == []


def test_r20_not_for_a_provider_that_refuses(story):
    work(story)
    data = {"server": "models", "status": 529, "url": "https://models.example.com/v1/messages"}
    story.tell("bot", "WARN", "overloaded, trying again", data)
    assert story.codes() == []


def test_r20_refused_after_the_attempt_was_announced(story):
    data = {"server": "erp", "url": "http://127.0.0.1:8931/"}
    story.tell("bot", "INFO", "connecting to MCP server erp", data)
    story.tell("bot", "ERROR", "Failed to connect to MCP server erp: connect ECONNREFUSED", {"server": "erp"})
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("R20", "erp", "erp")


def test_r20_answered_with_an_error_of_its_own(story):
    story.exchange("bot", "wiki", INITIALIZE)
    error = {"code": -32603, "message": "license expired"}
    story.exchange("wiki", "bot", {"jsonrpc": "2.0", "id": 0, "error": error})
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("R20", "wiki", "wiki")
    assert "license expired" in found.summary


@pytest.mark.parametrize("why", ["Server already initialized", "Server not initialized"])
def test_r20_a_handshake_that_comes_at_the_wrong_moment_is_the_clients_fault(story, why):
    story.exchange("bot", "wiki", INITIALIZE)
    error = {"code": -32600, "message": f"Invalid Request: {why}"}
    story.exchange("wiki", "bot", {"jsonrpc": "2.0", "id": 0, "error": error})
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("R20", "wiki", "bot")


def test_b05_where_initialize_is_not_known(story):
    story.exchange("bot", "wiki", INITIALIZE)
    error = {"code": -32601, "message": "Method not found"}
    story.exchange("wiki", "bot", {"jsonrpc": "2.0", "id": 0, "error": error})
    assert story.only().code == "B05"


OWN = {"status": "ok", "service": "wiki-api", "endpoints": ["/pages"]}


@pytest.mark.parametrize(
    "own", [OWN, {"type": "error", "error": "unsupported action: undefined"}], ids=["answer", "error"]
)
def test_b05_answers_in_json_of_its_own(story, own):
    for _ in range(2):
        story.exchange("bot", "wiki", INITIALIZE)
        story.exchange("wiki", "bot", own)
    story.tell("bot", "ERROR", "wiki: the reply is not JSON-RPC")
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("B05", "wiki", "wiki")
    assert str(next(iter(own.values()))) in found.explanation


@pytest.mark.parametrize("bare", [WELCOME, {"tools": []}, OWN | {"id": 0}], ids=["welcome", "list", "id"])
def test_b11_where_only_the_frame_is_missing(story, bare):
    story.exchange("bot", "wiki", INITIALIZE)
    story.exchange("wiki", "bot", bare)
    story.tell("bot", "ERROR", "wiki: the reply is not JSON-RPC")
    assert story.only().code == "B11"


def test_b11_of_somebody_who_otherwise_frames_right(story):
    work(story)
    call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "page_get"}}
    story.exchange("bot", "wiki", call)
    story.exchange("wiki", "bot", OWN)
    assert story.only().code == "B11"


def test_r20_where_http_refuses_in_json_of_its_own(story):
    story.message("bot", "sent", "wiki", INITIALIZE, transport="http")
    story.message("bot", "received", "wiki", {"error": "invalid_token"}, transport="http")
    refuse(story, 401, "invalid_token")
    assert story.only().code == "R20"


def test_r20_the_process_ends_before_it_answers(story):
    story.exchange("bot", "wiki", INITIALIZE, transport="stdio")
    story.tell("wiki", "DEBUG", "stderr: ModuleNotFoundError: No module named 'wikilib'")
    story.tell("wiki", "INFO", "process exited", {"code": 1})
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("R20", "wiki", "wiki")
    assert "wikilib" in found.summary


def test_r20_the_client_gives_up_waiting(story):
    story.exchange("bot", "wiki", INITIALIZE)
    story.wait(30)
    story.tell("bot", "ERROR", 'MCP server "wiki" timed out after 30000 ms during initialize')
    assert (story.only().code, story.only().cause_in) == ("R20", "wiki")


def test_r20_not_where_what_followed_shows_that_an_answer_came(story):
    """The answer to the handshake is missing in the log, and the process ends in the end."""
    story.exchange("bot", "wiki", INITIALIZE)
    story.exchange("bot", "wiki", {"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    story.exchange("wiki", "bot", {"jsonrpc": "2.0", "id": 1, "result": {"tools": []}})
    story.tell("wiki", "INFO", "process exited", {"code": 0})
    assert "R20" not in story.codes()


def test_r20_not_for_a_process_that_ends_after_its_work(story):
    work(story)
    story.tell("wiki", "INFO", "process exited", {"code": 0})
    assert story.codes() == []


def test_r20_not_while_nothing_but_the_answer_is_missing(story):
    story.exchange("bot", "wiki", INITIALIZE)
    story.tell("wiki", "INFO", "still loading")
    assert story.codes() == []


def test_r20_behind_a_relay_explains_the_refused_call(story):
    story.start_relay(reaches=["dewey"])
    story.message("mcp-relay", "sent", "gates", INITIALIZE, transport="stdio")
    story.message("gates", "received", "mcp-relay", INITIALIZE, transport="stdio")
    story.tell("gates", "DEBUG", "stderr: python: can't open file 'gates.py': [Errno 2] No such file")
    story.tell("gates", "INFO", "process exited", {"code": 2})
    story.call("gates_create_document")
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("R20", "gates", "gates")


def leave(story, last_words):
    """A server that ends as soon as it is asked for `server/discover`."""
    story.exchange("bot", "wiki", DISCOVER, transport="stdio")
    story.tell("wiki", "DEBUG", f"stderr: {last_words}")
    story.tell("wiki", "INFO", "process exited", {"code": 1})
    story.tell("bot", "ERROR", "connection to wiki failed: Connection closed")


def test_f18_a_server_that_ends_at_the_newer_handshake(story):
    leave(story, "fatal: expected initialize as first message")
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("F18", "wiki", "bot")


def test_r20_a_server_that_cannot_start_whatever_it_is_asked(story):
    leave(story, "ImportError: cannot import name 'eval_type_backport'")
    assert (story.only().code, story.only().cause_in) == ("R20", "wiki")


def test_f18_not_where_the_client_starts_it_again_and_falls_back(story):
    leave(story, "fatal: expected initialize as first message")
    work(story)
    assert story.codes() == []


@pytest.mark.parametrize(("complains", "codes"), [(True, ["R03"]), (False, [])])
def test_r03_a_list_that_never_came(story, complains, codes):
    story.exchange("bot", "wiki", INITIALIZE)
    story.exchange("wiki", "bot", {"jsonrpc": "2.0", "id": 0, "result": WELCOME})
    story.exchange("bot", "wiki", {"jsonrpc": "2.0", "method": "notifications/initialized"})
    story.exchange("bot", "wiki", {"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    story.wait(60)
    if complains:
        story.tell("bot", "ERROR", "failed to list tools of wiki: MCP error -32001: Request timed out")
    assert story.codes() == codes


@pytest.mark.parametrize(
    "said",
    [
        "spawn uvx ENOENT",
        "Failed to start MCP server: [Errno 2] No such file or directory: 'uvx'",
        'could not launch the server: exec: "uvx": executable file not found in $PATH',
    ],
)
def test_r20_a_program_that_is_not_there(story, said):
    for _ in range(2):
        story.tell("bot", "ERROR", said, {"server": "wiki"})
        story.tell("bot", "ERROR", "Server disconnected", {"server": "wiki"})
        story.wait(5)
    found = story.only()
    assert (found.code, found.component) == ("R20", "wiki")
    assert said in found.summary


def test_r20_not_where_the_program_was_found_in_the_end(story):
    story.tell("bot", "WARN", "spawn uvx ENOENT", {"server": "wiki"})
    story.tell("bot", "INFO", "connected to wiki: 5 tools", {"server": "wiki"})
    assert story.codes() == []


@pytest.mark.parametrize("data", [None, {"server": "wiki"}], ids=["no server", "server"])
def test_r20_not_for_a_program_that_a_server_at_work_or_nobody_lacks(story, data):
    work(story)
    story.tell("bot", "WARN", "hook failed: spawn prettier ENOENT", data)
    assert story.codes() == []


def bridge(story, answer=None):
    """A bridge that connects to its server when it is greeted, and ends before it answers."""
    story.exchange("bot", "bridge", INITIALIZE, transport="stdio")
    story.message("bridge", "sent", "wiki", INITIALIZE, transport="http")
    if answer:
        story.message("bridge", "received", "wiki", answer, transport="http")
    else:
        data = {"method": "POST", "url": "https://wiki/v1/mcp", "status": 404, "body": "Not Found"}
        story.tell("bridge", "WARN", "HTTP Request: POST https://wiki/v1/mcp 404", data)
        story.tell("wiki", "INFO", '"POST /v1/mcp HTTP/1.1" 404 Not Found')
    story.tell("bridge", "INFO", "Fatal error: Error POSTing to endpoint: Not Found")
    story.tell("bot", "WARN", "MCP server bridge process exited with code 1", {"server": "bridge"})
    story.tell("bot", "ERROR", "Failed to connect to bridge: Connection closed", {"server": "bridge"})


def test_f27_before_the_bridge_that_ends_of_it(story):
    bridge(story)
    found = story.diagnose().ranked[0]
    assert (found.code, found.component, found.cause_in) == ("F27", "wiki", "bridge")
    assert "https://wiki/v1/mcp" in found.summary


def test_r20_a_bridge_that_ends_of_something_else(story):
    bridge(story, {"jsonrpc": "2.0", "id": 0, "result": WELCOME})
    found = story.diagnose().ranked[0]
    assert (found.code, found.component) == ("R20", "bridge")
    assert "itself could not connect" not in found.explanation
