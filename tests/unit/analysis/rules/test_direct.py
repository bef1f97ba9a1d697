"""Hosts that are connected to their servers directly, and what only their words or HTTP tell of a fault."""

from __future__ import annotations

import pytest

VERSION = "2025-06-18"
FIND = {"name": "find", "inputSchema": {"type": "object", "properties": {"q": {"type": "string"}}}}
HELLO = {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": {"name": "host", "version": "1"}}
WELCOME = {
    "protocolVersion": VERSION,
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "x", "version": "1"},
}
BODY_OF_MISMATCH = (
    '{"jsonrpc":"2.0","id":2,"error":{"code":-32020,"message":"mcp-method header does not match the body"}}'
)


class Host:
    """A host, each of whose messages both ends log."""

    def __init__(self, story, transport="http"):
        self.story, self.transport, self.last = story, transport, 0

    def request(self, server, method, params=None, rpc_id=None):
        self.last += 1
        asked = {"jsonrpc": "2.0", "id": rpc_id or self.last, "method": method, "params": params or {}}
        self.story.exchange("host", server, asked, transport=self.transport)

    def answer(self, server, **content):
        payload = {"jsonrpc": "2.0", "id": self.last, **content}
        self.story.exchange(server, "host", payload, transport=self.transport)
        self.story.wait(0.1)

    def ask(self, server, method, params=None, **content):
        self.request(server, method, params)
        self.answer(server, **content)

    def greet(self, server):
        self.ask(server, "initialize", HELLO, result=WELCOME)
        note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        self.story.exchange("host", server, note, transport=self.transport)
        self.ask(server, "tools/list", result={"tools": [FIND]})

    def call(self, server, arguments, **content):
        content = content or {"result": {"content": [{"type": "text", "text": "fine"}]}}
        self.ask(server, "tools/call", {"name": "find", "arguments": arguments}, **content)

    def refused(self, status, body, headers=None):
        data = {"method": "POST", "url": "https://a.example.com/mcp", "status": status, "body": body}
        data |= {"request_headers": headers} if headers else {}
        self.story.tell("host", "ERROR", "HTTP request failed", data)


@pytest.fixture
def host(story):
    return Host(story)


@pytest.fixture
def pipe(story):
    return Host(story, "stdio")


@pytest.mark.parametrize(
    ("status", "body", "code", "cause"),
    [
        (401, "invalid_token", "R20", "host"),
        (403, "Invalid Origin header: https://b.example.com", "F28", "wiki"),
        (404, "Not Found", "F27", "host"),
    ],
)
def test_a_refused_handshake_beside_another_server_at_work(host, status, body, code, cause):
    host.greet("docs")
    for _ in range(2):
        host.call("docs", {"q": "a"})
        host.request("wiki", "initialize", HELLO)
        host.refused(status, body)
        host.call("docs", {"q": "b"})
    found = host.story.only()
    assert (found.code, found.component, found.cause_in) == (code, "wiki", cause)


@pytest.mark.parametrize(
    ("status", "body"),
    [(400, "Bad Request: No valid session ID provided"), (500, "Internal Server Error: unknown session s1")],
)
def test_f26_whatever_the_status(host, status, body):
    host.greet("docs")
    host.greet("wiki")
    for _ in range(2):
        host.call("docs", {"q": "a"})
        host.request("wiki", "tools/call", {"name": "find", "arguments": {}})
        host.refused(status, body, {"mcp-session-id": "s1"})
    found = host.story.only()
    assert (found.code, found.component, found.cause_in) == ("F26", "wiki", "wiki")


def test_f26_told_with_401(host):
    host.greet("wiki")
    host.request("wiki", "tools/call", {"name": "find", "arguments": {}})
    host.refused(401, "Unauthorized: token of an unknown session", {"mcp-session-id": "s1"})
    assert host.story.only().code == "F26"


def expire(host, body='{"error": "invalid_token"}'):
    """A token that is good for one call."""
    host.greet("wiki")
    host.call("wiki", {"q": "a"})
    host.request("wiki", "tools/call", {"name": "find", "arguments": {}})
    host.refused(401, body, {"mcp-session-id": "s1"})
    host.story.wait(10)


def test_r08_a_token_that_expires_at_work(host):
    host.greet("docs")
    expire(host)
    host.story.tell("host", "ERROR", "connection to wiki ended: Client error '401 Unauthorized'")
    host.call("docs", {"q": "b"})
    found = host.story.only()
    assert (found.code, found.component, found.cause_in) == ("R08", "wiki", "host")
    assert "401 for its token" in found.summary


def test_r08_only_the_server_tells_of_the_token(host):
    host.greet("wiki")
    host.call("wiki", {"q": "a"})
    host.request("wiki", "tools/call", {"name": "find", "arguments": {}})
    host.story.tell("wiki", "WARN", "POST /mcp 401 invalid_token", {"path": "/mcp", "status": 401})
    host.story.wait(10)
    host.call("docs", {"q": "b"})
    found = host.story.only()
    assert (found.code, found.component, found.cause_in) == ("R08", "wiki", "host")


def test_r08_not_once_there_is_a_new_token(host):
    expire(host)
    host.call("wiki", {"q": "b"})
    assert "R08" not in host.story.codes()


def test_r08_not_for_the_token_that_a_server_uses_itself(host):
    host.greet("wiki")
    host.call("wiki", {"q": "a"})
    host.request("wiki", "tools/call", {"name": "find", "arguments": {}})
    data = {"method": "POST", "url": "https://api.example.com/find", "status": 401, "body": "invalid_token"}
    host.story.tell("wiki", "ERROR", "HTTP request failed", data)
    host.answer("wiki", error={"code": -32603, "message": "401 from api.example.com"})
    assert "R08" not in host.story.codes()


@pytest.mark.parametrize(("version", "cause"), [(VERSION, "wiki"), ("2024-11-05", "host")])
def test_f17_refused_after_the_handshake(host, version, cause):
    """A server may not refuse what it has agreed to, and a client may not depart from that."""
    host.ask("wiki", "initialize", HELLO, result=WELCOME)
    host.request("wiki", "tools/list")
    host.refused(
        400, f"Bad Request: Unsupported protocol version: {version}", {"mcp-protocol-version": version}
    )
    found = host.story.only()
    assert (found.code, found.component, found.cause_in) == ("F17", "wiki", cause)


def test_f17_not_when_they_agree_in_the_end(host):
    told = {"code": -32022, "message": "Unsupported protocol version", "data": {"supported": [VERSION]}}
    host.ask("wiki", "server/discover", {"_meta": {}}, error=told)
    host.greet("wiki")
    host.call("wiki", {"q": "a"})
    assert host.story.diagnose().healthy


def test_a_mismatch_told_by_http_where_nothing_was_under_way(host):
    host.greet("wiki")
    host.refused(400, BODY_OF_MISMATCH)
    assert "F34" not in host.story.codes()


def test_f28_told_by_the_server_alone(story):
    for _ in range(2):
        story.tell("wiki", "WARN", "Invalid Origin header: http://192.168.1.20:3000")
        story.tell(
            "wiki", "INFO", '"POST /mcp" 403 Forbidden', {"method": "POST", "path": "/mcp", "status": 403}
        )
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("F28", "wiki", "wiki")
    assert "http://192.168.1.20:3000" in found.fix


@pytest.mark.parametrize("text", ["<!DOCTYPE html><html><head><title>Wiki</title>", "ERR unknown command"])
def test_b05_no_message_in_answer_to_the_handshake(host, text):
    host.request("wiki", "initialize", HELLO)
    host.story.exchange("wiki", "host", text, transport="websocket")
    host.story.tell("host", "WARN", "wiki: 0 tools")
    found = host.story.only()
    assert (found.code, found.component, found.cause_in) == ("B05", "wiki", "wiki")


def test_f20_noise_before_a_handshake_that_never_succeeds(pipe):
    pipe.story.exchange("wiki", "host", "[dotenv] injecting env (4) from .env", transport="stdio")
    pipe.story.tell("host", "ERROR", "Unexpected token 'd' is not valid JSON", {"server": "wiki"})
    pipe.request("wiki", "initialize", HELLO)
    pipe.story.tell("host", "ERROR", "Server transport closed unexpectedly", {"server": "wiki"})
    found = pipe.story.only()
    assert (found.code, found.severity, found.component) == ("F20", "error", "wiki")


def test_f21_a_reader_that_logs_only_that_it_failed(pipe):
    pipe.greet("wiki")
    call = {"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {"name": "find", "arguments": {}}}
    pipe.story.message("host", "sent", "wiki", call, transport="stdio")
    said = "ValueError: Separator is found, but chunk is longer than limit"
    pipe.story.tell("host", "ERROR", said, {"server": "wiki", "limit": 65536})
    found = pipe.story.only()
    assert (found.code, found.component, found.cause_in) == ("F21", "wiki", "host")


@pytest.mark.parametrize(("answered", "codes"), [(0, ["F23"]), (7, ["F23"])])
def test_f23_a_number_for_a_text(pipe, answered, codes):
    pipe.request("wiki", "initialize", HELLO, rpc_id="46dba829-9f7b")
    reply = {"jsonrpc": "2.0", "id": answered, "result": WELCOME}
    pipe.story.exchange("wiki", "host", reply, transport="stdio")
    pipe.story.wait(60)
    pipe.story.tell("host", "ERROR", "MCP error -32001: Request timed out", {"method": "initialize"})
    assert pipe.story.codes() == codes


def test_f19_in_the_words_of_a_server_alone(story):
    for _ in range(3):
        story.tell("wiki", "ERROR", "Received request before initialization was complete")
        story.wait(5)
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("F19", "wiki", "client")
    assert "it says so 3 times" in found.explanation


def test_f19_in_the_words_of_a_server_that_then_closes(pipe):
    pipe.ask("wiki", "initialize", HELLO, result=WELCOME)
    pipe.request("wiki", "tools/list")
    pipe.story.tell("wiki", "ERROR", "serve error: ExpectedInitializedNotification(Some(Request))")
    pipe.story.tell("host", "ERROR", "wiki: socket closed (1006) before tools/list was answered")
    found = pipe.story.only()
    assert (found.code, found.component, found.cause_in) == ("F19", "wiki", "host")


@pytest.mark.parametrize("end", ["transport closed", "the server process exited with code 1"])
def test_f24_closed_after_an_answer_without_an_id(pipe, end):
    pipe.ask("wiki", "initialize", HELLO, result=WELCOME)
    odd = {"jsonrpc": "2.0", "id": None, "error": {"code": -32601, "message": "Method not found"}}
    pipe.story.exchange("wiki", "host", odd, transport="stdio")
    pipe.story.tell("host", "ERROR", f"wiki: {end}", {"server": "wiki"})
    pipe.story.tell("host", "ERROR", "No such tool available: mcp__wiki__find")
    found = pipe.story.only()
    assert (found.code, found.severity, found.component) == ("F24", "error", "wiki")


FROM_OUTSIDE = (-1, -2, -9, -15, 129, 130, 137, 143)


@pytest.mark.parametrize(("code", "found"), [(1, "R09"), *((code, "R15") for code in FROM_OUTSIDE)])
def test_a_process_that_is_ended_from_outside_is_no_defect_whatever_it_says(pipe, code, found):
    pipe.greet("wiki")
    pipe.request("wiki", "tools/call", {"name": "find", "arguments": {}})
    pipe.story.tell("wiki", "DEBUG", "stderr: panic: runtime error: index out of range [3] with length 3")
    pipe.story.tell("host", "INFO", "wiki: process exited", {"exit_code": code})
    assert pipe.story.codes() == [found]


@pytest.mark.parametrize(("code", "codes"), [(139, ["R15"]), (0, [])])
def test_r15_the_process_ends_under_a_call(pipe, code, codes):
    pipe.greet("wiki")
    pipe.call("wiki", {"q": "a"})
    pipe.request("wiki", "tools/call", {"name": "find", "arguments": {}})
    pipe.story.tell("host", "INFO", "wiki: process exited", {"exit_code": code})
    assert pipe.story.codes() == codes


def says(text):
    return {"result": {"content": [{"type": "text", "text": text}], "isError": True}}


@pytest.mark.parametrize(
    "mistake",
    [
        says("Input validation error: 'q' is required"),
        says("ERROR: syntax error at or near 'x'"),
        {"error": {"code": -32602, "message": "Invalid params: q must be text"}},
    ],
)
@pytest.mark.parametrize("retry", [{"q": "b"}, {"q": "a"}, None], ids=["other", "the same", "none"])
def test_r10_is_less_once_the_caller_has_put_it_right(pipe, mistake, retry):
    pipe.greet("wiki")
    pipe.call("wiki", {"q": "a"}, **mistake)
    if retry is not None:
        pipe.call("wiki", retry)
    found = next(item for item in pipe.story.diagnose().ranked if item.code == "R10")
    assert found.severity == ("warning" if retry == {"q": "b"} else "error")


@pytest.mark.parametrize(
    ("text", "retry", "codes"),
    [
        ("429 Too Many Requests, retry after 2 s", {"q": "a"}, []),
        ("429 Too Many Requests, retry after 2 s", None, ["R09"]),
        ("division by zero", {"q": "a"}, ["R09"]),
        ("connection rejected by the user service", None, ["R09"]),
        ("Access denied - path outside allowed directories: /etc", {"q": "b"}, []),
        ("Access denied - path outside allowed directories: /etc", None, ["R10"]),
        ("User declined the permission request for find", None, []),
        ("the user table declined to load", None, ["R09"]),
    ],
)
def test_what_a_tool_could_not_do_then_and_did_in_the_end_is_no_fault(pipe, text, retry, codes):
    pipe.greet("wiki")
    pipe.call("wiki", {"q": "a"}, **says(text))
    if retry is not None:
        pipe.call("wiki", retry)
    assert pipe.story.codes() == codes


def test_no_relay_is_named_where_there_is_none(pipe):
    pipe.ask("wiki", "initialize", HELLO, result=WELCOME)
    note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    pipe.story.exchange("host", "wiki", note, transport="stdio")
    pipe.request("wiki", "tools/list")
    pipe.story.wait(60)
    pipe.story.tell("host", "ERROR", "No such tool available: mcp__wiki__find")
    assert "relay" not in str(pipe.story.diagnose())


def test_f10_several_tools_of_one_server_are_one_finding(pipe):
    pipe.greet("wiki")
    pipe.ask("wiki", "tools/list", result={"tools": [FIND, {**FIND, "name": "page_get"}]})
    for name in ("find", "page_get"):
        pipe.story.tell("host", "ERROR", f"No such tool available: mcp__wiki__{name}")
    found = pipe.story.only()
    assert (found.code, found.component) == ("F10", "wiki")
    assert "1 more time" in found.explanation


def test_a_tool_that_is_only_suggested_is_not_the_refused_one(pipe):
    pipe.greet("wiki")
    pipe.ask("wiki", "tools/list", result={"tools": [FIND, {**FIND, "name": "page-get"}]})
    pipe.story.tell(
        "host", "ERROR", 'Tool "page-get" not found in registry. Did you mean one of: "page_put"?'
    )
    assert pipe.story.only().tool == "page-get"


def test_b11_counts_what_was_sent_and_not_who_saw_it(pipe):
    pipe.greet("wiki")
    pipe.request("wiki", "tools/call", {"name": "find", "arguments": {}})
    pipe.story.exchange("wiki", "host", {"content": []}, transport="stdio")
    assert "sent 1 answer that" in pipe.story.only().summary


def test_a_client_of_several_servers_has_its_name(pipe):
    for server in ("wiki", "docs"):
        pipe.greet(server)
    pipe.call("wiki", {"q": 1}, error={"code": -32602, "message": "Invalid params: q must be text"})
    assert pipe.story.only().cause_in == "host"


def test_what_a_log_quotes_stays_on_one_line(pipe):
    pipe.greet("wiki")
    text = "Traceback (most recent call last):\n  File x\nZeroDivisionError: division by zero."
    failed = {"content": [{"type": "text", "text": text}], "isError": True}
    pipe.call("wiki", {"q": "a"}, result=failed)
    found = pipe.story.only()
    assert "\n" not in found.summary
    assert ".." not in found.explanation


@pytest.mark.parametrize(
    ("said", "data"),
    [
        ("[wiki] SyntaxError: Unexpected token 'S', \"Server run\"... is not valid JSON", {}),
        ("Client error: Unexpected token 'S', \"Server run\"... is not valid JSON", {"server": "wiki"}),
    ],
)
@pytest.mark.parametrize(("closed", "severity"), [(True, "error"), (False, "warning")])
def test_f20_in_the_words_of_the_client_alone(pipe, said, data, closed, severity):
    pipe.greet("docs")
    pipe.story.tell("host", "ERROR", said, data)
    if closed:
        pipe.story.tell("host", "ERROR", "wiki: Connection closed before initialize completed")
    found = pipe.story.only()
    assert (found.code, found.component, found.severity) == ("F20", "wiki", severity)


def test_f20_not_of_a_server_that_works(pipe):
    pipe.greet("wiki")
    pipe.story.tell("host", "WARN", "[wiki] SyntaxError: Unexpected token 'S' is not valid JSON")
    pipe.call("wiki", {"q": "a"})
    assert pipe.story.codes() == []


def test_f10_under_the_name_that_the_host_gives_the_tool(pipe):
    pipe.greet("wiki")
    pipe.story.tell("host", "ERROR", "Model requested unknown tool 'wiki_find'", {"tool": "wiki_find"})
    found = pipe.story.only()
    assert (found.code, found.component, found.tool) == ("F10", "wiki", "find")


def test_f15_says_how_many_it_takes(pipe):
    tools = [{**FIND, "name": f"t{number}"} for number in range(50)]
    pipe.ask("wiki", "initialize", HELLO, result=WELCOME)
    pipe.ask("wiki", "tools/list", result={"tools": tools})
    said = "Exceeding total tools limit: You have 50 tools from enabled servers. Only the first 40 are sent."
    pipe.story.tell("host", "WARN", said, {"count": 50, "limit": 40})
    pipe.story.tell("host", "ERROR", "No such tool available: mcp__wiki__t49")
    found = pipe.story.only()
    assert (found.code, found.cause_in, found.tool) == ("F15", "host", "t49")


def test_more_servers_later_are_no_restart(pipe):
    for servers in (("docs", "wiki"), ("mail", "maps")):
        for server in servers:
            pipe.greet(server)
        pipe.story.wait(600)
    pipe.call("mail", {"q": "a"})
    assert pipe.story.codes() == []


def test_r06_a_start_whose_clock_is_ahead_is_no_other_instance(pipe):
    pipe.ask("wiki", "initialize", HELLO, result=WELCOME)
    pipe.story.tell("wiki", "INFO", "Wiki MCP server starting", {"port": 9000})
    pipe.ask("wiki", "tools/list", result={"tools": [FIND]})
    pipe.call("wiki", {"q": "a"})
    assert pipe.story.codes() == []


def test_b08_not_where_no_end_is_ever_told(story):
    for number in range(20):
        data = {"tool": "find", "server": "wiki", "arguments": {"q": str(number)}}
        story.tell("host", "INFO", "Calling tool find on server wiki", data)
        story.wait(10)
    assert story.codes() == []
