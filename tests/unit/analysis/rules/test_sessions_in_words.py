"""What only words tell: lost sessions, calls never sent, servers never reached, lines never read, upstreams."""

from __future__ import annotations

import pytest

HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "host", "version": "1"}}
WELCOME = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "wiki", "version": "1"},
}
LISTED = [{"name": "find", "inputSchema": {"type": "object", "properties": {"q": {"type": "string"}}}}]
FINE = {"content": [{"type": "text", "text": "fine"}]}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


class Host:
    """A host that logs its messages; the servers do so too where `both` is set."""

    def __init__(self, story, *, both=False):
        self.story, self.both, self.last, self.session = story, both, 0, {}

    def send(self, server, payload):
        self.story.message("host", "sent", server, payload, transport="http", **self.session)
        if self.both:
            self.story.message(server, "received", "host", payload, transport="http", **self.session)

    def request(self, server, method, params=None):
        self.last += 1
        self.send(server, {"jsonrpc": "2.0", "id": self.last, "method": method, "params": params or {}})

    def answer(self, server, **content):
        payload = {"jsonrpc": "2.0", "id": self.last, **content}
        if self.both:
            self.story.message(server, "sent", "host", payload, transport="http", **self.session)
        self.story.message("host", "received", server, payload, transport="http", **self.session)
        self.story.wait(3)

    def connect(self, server, *, confirm=True):
        self.request(server, "initialize", HELLO)
        self.answer(server, result=WELCOME)
        if confirm:
            self.send(server, INITIALIZED)

    def list(self, server):
        self.request(server, "tools/list")
        self.answer(server, result={"tools": LISTED})

    def call(self, server):
        self.request(server, "tools/call", {"name": "find", "arguments": {"q": "a"}})

    def work(self, server):
        """A handshake, a list and a call that succeed."""
        self.connect(server)
        self.list(server)
        self.call(server)
        self.answer(server, result=FINE)

    def says(self, message, level="ERROR", data=None):
        return self.story.tell("host", level, message, data)

    def goes_on(self, seconds=60):
        self.story.wait(seconds)
        self.says("still here", "INFO")


@pytest.fixture
def host(story):
    return Host(story)


def codes(host):
    """All codes but those of the log itself, whatever their severity."""
    return [one.code for one in host.story.diagnose().ranked if not one.code.startswith("L")]


def about(host):
    found = host.story.only()
    return found.code, found.component, found.cause_in


# F26: a session that the server does not know, in an answer of JSON-RPC.


def lose(host, text="Session not found", code=-32001, times=2):
    """A session that worked, and is refused after some minutes."""
    host.session = {"session": "s1"}
    host.work("wiki")
    host.story.wait(400)
    for _ in range(times):
        host.call("wiki")
        host.answer("wiki", error={"code": code, "message": text})


@pytest.mark.parametrize("code", [-32001, -32000, -32600, -32602, -32603, 404, 0, 1])
def test_f26_whatever_the_code(host, code):
    lose(host, code=code)
    assert about(host) == ("F26", "wiki", "host")


@pytest.mark.parametrize(
    "text",
    [
        "Session not found",
        "Session has been terminated",
        "session expired",
        "unknown session",
        "stale session",
        "Invalid session id",
        "No valid session ID provided",
        "no such session: s1",
        "this session is gone; the client has to reinitialize",
    ],
)
def test_f26_in_many_words(host, text):
    lose(host, text)
    assert about(host) == ("F26", "wiki", "host")


@pytest.mark.parametrize(
    "text", ["Browser session not found", "tmux session not found: main", "page not found"]
)
def test_f26_not_for_a_session_of_another_kind(host, text):
    lose(host, text)
    assert "F26" not in codes(host)


@pytest.mark.parametrize("number", ["9f7b-1", "12"])
def test_f26_whatever_the_type_of_the_id(host, number):
    host.work("wiki")
    call = {
        "jsonrpc": "2.0",
        "id": number,
        "method": "tools/call",
        "params": {"name": "find", "arguments": {}},
    }
    host.send("wiki", call)
    error = {"jsonrpc": "2.0", "id": number, "error": {"code": -32000, "message": "Session not found"}}
    host.story.message("host", "received", "wiki", error, transport="http")
    assert about(host) == ("F26", "wiki", "host")


def test_f26_once_is_enough(host):
    lose(host, times=1)
    assert about(host) == ("F26", "wiki", "host")


def test_f26_counts_the_requests(host):
    lose(host, times=3)
    assert "answers 3 requests with “-32001 Session not found”" in host.story.only().summary


def test_f26_is_all_that_is_said_of_the_calls(host):
    lose(host)
    assert codes(host) == ["F26"]


def test_f26_where_a_list_was_refused(host):
    host.work("wiki")
    host.request("wiki", "tools/list")
    host.answer("wiki", error={"code": -32000, "message": "Session not found"})
    assert "F26" in host.story.codes()


@pytest.mark.parametrize(("again", "severity"), [(True, "info"), (False, "warning")])
def test_f26_where_the_client_initializes_anew_is_a_remark_if_it_makes_the_call_again(host, again, severity):
    lose(host)
    host.session = {"session": "s2"}
    host.connect("wiki")
    host.list("wiki")
    if again:
        host.call("wiki")
        host.answer("wiki", result=FINE)
    assert [(one.code, one.severity) for one in host.story.diagnose().ranked if one.code == "F26"] == [
        ("F26", severity)
    ]


def test_f26_tells_the_client_to_initialize_again(host):
    lose(host)
    assert "Make host initialize again" in host.story.only().fix


def alternate(host, pattern):
    """Calls of one session, of which each is answered (`+`) or refused (`-`)."""
    host.session = {"session": "q5"}
    host.connect("wiki")
    for sign in pattern:
        host.call("wiki")
        if sign == "+":
            host.answer("wiki", result=FINE)
        else:
            host.answer("wiki", error={"code": -32001, "message": "Session not found"})


@pytest.mark.parametrize("pattern", ["+-+-", "-+-", "+-+--+", "-+-+-+"])
@pytest.mark.parametrize("both", [True, False], ids=["both ends", "one end"])
def test_f26_two_replicas_are_the_fault_of_the_server(story, pattern, both):
    host = Host(story, both=both)
    alternate(host, pattern)
    assert about(host) == ("F26", "wiki", "wiki")


def test_f26_two_replicas_are_called_instances(host):
    alternate(host, "+-+-")
    assert "instances that do not share their sessions" in host.story.only().title


def test_f26_two_replicas_need_sticky_sessions(host):
    alternate(host, "+-+-")
    assert "sticky sessions" in host.story.only().fix


def test_f26_a_session_that_is_lost_for_good_is_no_replica(host):
    alternate(host, "++---")
    found = host.story.only()
    assert (found.cause_in, "instance" in found.title) == ("host", False)


def test_f26_calls_that_all_succeed_are_no_replicas(host):
    alternate(host, "++++")
    assert codes(host) == []


# F19: initialize was answered, never confirmed, and what followed met silence.


def test_f19_no_answer_for_half_a_minute(host):
    host.connect("wiki", confirm=False)
    host.request("wiki", "tools/list")
    host.goes_on(31)
    assert about(host) == ("F19", "wiki", "host")


def test_f19_not_before_half_a_minute(host):
    host.connect("wiki", confirm=False)
    host.request("wiki", "tools/list")
    host.goes_on(28)
    assert codes(host) == []


@pytest.mark.parametrize(
    ("message", "data"),
    [
        ("request 2 to wiki: no answer within 10 s", None),
        ("MCP error -32001: Request timed out", {"server": "wiki", "method": "tools/list"}),
    ],
)
def test_f19_given_up_earlier(host, message, data):
    host.connect("wiki", confirm=False)
    host.request("wiki", "tools/list")
    host.story.wait(10)
    host.says(message, data=data)
    assert about(host) == ("F19", "wiki", "host")


def test_f19_a_call_met_with_silence(host):
    host.connect("wiki", confirm=False)
    host.call("wiki")
    host.goes_on()
    assert host.story.codes() == ["F19"]


def test_f19_a_confirmation_of_another_name(host):
    host.connect("wiki", confirm=False)
    host.send("wiki", {"jsonrpc": "2.0", "method": "initialized"})
    host.request("wiki", "tools/list")
    host.goes_on()
    assert about(host) == ("F19", "wiki", "host")


def test_f19_does_not_blame_the_server(host):
    host.connect("wiki", confirm=False)
    host.request("wiki", "tools/list")
    host.goes_on()
    assert "notifications/initialized" in host.story.only().fix


def test_f19_not_where_it_was_confirmed(host):
    host.connect("wiki")
    host.request("wiki", "tools/list")
    host.goes_on()
    assert "F19" not in codes(host)


def test_f19_not_where_nothing_was_asked(host):
    host.connect("wiki", confirm=False)
    host.goes_on()
    assert codes(host) == []


def test_f19_not_where_the_list_was_answered(host):
    host.connect("wiki", confirm=False)
    host.list("wiki")
    host.call("wiki")
    host.goes_on()
    assert "F19" not in codes(host)


def test_f19_not_where_another_request_was_answered_with_an_error(host):
    host.connect("wiki", confirm=False)
    host.call("wiki")
    host.answer("wiki", error={"code": -32603, "message": "division by zero"})
    host.request("wiki", "tools/list")
    host.goes_on()
    assert "F19" not in codes(host)


def test_f19_not_where_a_call_was_answered(host):
    host.connect("wiki", confirm=False)
    host.call("wiki")
    host.answer("wiki", result=FINE)
    host.request("wiki", "tools/list")
    host.goes_on()
    assert "F19" not in codes(host)


def test_f19_not_where_only_the_server_logs(story):
    """Its log may lack what the client sent."""
    asked = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}
    story.message("wiki", "received", "host", asked, transport="http")
    story.message("wiki", "sent", "host", {"jsonrpc": "2.0", "id": 1, "result": WELCOME}, transport="http")
    story.message(
        "wiki", "received", "host", {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}, transport="http"
    )
    story.wait(60)
    story.tell("wiki", "INFO", "still here")
    assert story.codes() == []


def test_f19_not_where_the_client_does_not_log_word_for_word(story):
    """What it sends to confirm may be among what it does not log."""
    for rpc_id, method in ((1, "initialize"), (2, "tools/list")):
        asked = {"jsonrpc": "2.0", "method": method, "params": {}, "id": rpc_id}
        story.tell("host", "TRACE", "Sending request to backend: wiki", {"request": asked})
        if method == "initialize":
            answered = {"jsonrpc": "2.0", "result": WELCOME, "id": rpc_id}
            story.tell(
                "host",
                "TRACE",
                "Received response from backend: wiki",
                {"response": answered, "has_error": False},
            )
    story.wait(60)
    story.tell("host", "INFO", "still here")
    assert "F19" not in story.codes()


# F10: calls that a host says it could not make.


def fail_to_call(host, message='tool call "find" could not be made', times=3):
    for _ in range(times):
        host.story.wait(25)
        host.says(message)


@pytest.mark.parametrize(
    "message",
    [
        'tool call "find" could not be made',
        "tool call find could not be sent",
        "tool call find was never sent",
        "unable to dispatch tool call find",
    ],
)
def test_f10_no_call_was_sent(host, message):
    host.connect("wiki")
    host.list("wiki")
    fail_to_call(host, message)
    assert about(host) == ("F10", "wiki", "host")


def test_f10_names_the_tool_and_counts_the_records(host):
    host.connect("wiki")
    host.list("wiki")
    fail_to_call(host)
    found = host.story.only()
    assert (found.tool, "says 3 times that it could not make the call" in found.summary) == ("find", True)


def test_f10_is_one_finding(host):
    host.connect("wiki")
    host.list("wiki")
    fail_to_call(host)
    assert codes(host) == ["F10"]


def test_f10_not_where_each_call_was_sent(host):
    host.connect("wiki")
    host.list("wiki")
    for _ in range(3):
        host.call("wiki")
        host.says('tool call "find" could not be made')
        host.story.wait(25)
    host.goes_on()
    assert "F10" not in codes(host)


def test_f10_not_where_a_call_was_sent_in_the_end(host):
    host.connect("wiki")
    host.list("wiki")
    fail_to_call(host)
    host.call("wiki")
    host.answer("wiki", result=FINE)
    assert "F10" not in codes(host)


def test_f10_not_for_a_tool_that_nobody_listed(host):
    host.connect("wiki")
    host.list("wiki")
    fail_to_call(host, 'tool call "open" could not be made')
    assert codes(host) == []


def test_f10_not_for_a_call_of_another_kind(host):
    host.connect("wiki")
    host.list("wiki")
    fail_to_call(host, "the phone call could not be made")
    assert codes(host) == []


# R20: a server that only words name.

NEVER_REACHED = [
    'MCP server "wiki": cannot start: spawn /opt/wiki/run ENOENT',
    "[wiki] could not be started: spawn wiki-mcp ENOENT",
    "MCP server wiki could not be started",
    "Failed to connect to MCP server wiki: connect ECONNREFUSED 127.0.0.1:9000",
    'MCP server "wiki": cannot be reached: ECONNREFUSED',
    'MCP server "wiki": process exited with code 1',
    "[wiki] exited with code 1 before it answered",
]


@pytest.mark.parametrize("message", NEVER_REACHED)
def test_r20_in_words_alone(host, message):
    host.says("starting", "INFO")
    host.says(message)
    found = host.story.only()
    assert (found.code, found.component) == ("R20", "wiki")


@pytest.mark.parametrize("message", NEVER_REACHED)
def test_r20_beside_a_server_that_works(host, message):
    host.work("docs")
    host.says(message)
    host.goes_on()
    found = host.story.only()
    assert (found.code, found.component) == ("R20", "wiki")


def test_r20_the_server_is_named_in_the_data(host):
    host.says("cannot start: spawn /opt/wiki/run ENOENT", data={"server": "wiki"})
    assert host.story.only().component == "wiki"


def test_r20_quotes_the_words(host):
    host.says(NEVER_REACHED[0])
    assert f"logged “{NEVER_REACHED[0]}”" in host.story.only().summary


def test_r20_the_record_is_the_evidence(host):
    row = host.says(NEVER_REACHED[0])
    assert host.story.only().evidence == (row,)


def test_r20_several_records_of_one_server_are_one_finding(host):
    for message in NEVER_REACHED[:3]:
        host.says(message)
    assert codes(host) == ["R20"]


@pytest.mark.parametrize("message", NEVER_REACHED)
def test_r20_not_where_messages_reach_it_later(host, message):
    host.says(message)
    host.story.wait(5)
    host.work("wiki")
    assert "R20" not in codes(host)


@pytest.mark.parametrize("message", NEVER_REACHED)
def test_r20_not_where_the_client_says_that_it_connected_later(host, message):
    host.says(message)
    host.story.wait(5)
    host.says("connected to MCP server wiki: 5 tools", "INFO", {"server": "wiki"})
    assert "R20" not in codes(host)


def test_r20_where_another_server_was_connected_later(host):
    host.says(NEVER_REACHED[0])
    host.says("connected to MCP server docs: 5 tools", "INFO", {"server": "docs"})
    assert "R20" in host.story.codes()


def test_r20_not_where_its_tools_were_offered(host):
    host.says(NEVER_REACHED[0])
    host.says("offering tools to the model", "INFO", {"tools": ["wiki_find"]})
    assert "R20" not in codes(host)


@pytest.mark.parametrize(
    "message",
    [
        'MCP server "wiki": something odd',
        "Could not reach the printer at https://printer.example",
        "the game could not be started",
        "[wiki] Failed to parse config.json: unexpected token",
    ],
)
def test_r20_not_for_words_that_tell_of_no_connection_to_a_server(host, message):
    host.says(message)
    assert "R20" not in codes(host)


@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
def test_r20_not_for_an_ordinary_record(host, level):
    host.says(NEVER_REACHED[0], level)
    assert codes(host) == []


# F20: a client that cannot read a line of a server.

UNREADABLE = [
    ('MCP server "wiki": cannot parse line: Unexpected token \'S\', "Starting" is not valid JSON', None),
    ('[wiki] could not parse line as JSON: "Listening..."', None),
    ("[wiki] ignoring non-JSON output: hello", None),
    ('Could not parse line as JSON: "Listening..."', {"server": "wiki"}),
    ("failed to parse JSONRPC message from server", {"server": "wiki"}),
]


@pytest.mark.parametrize(("message", "data"), UNREADABLE)
def test_f20_a_warning_while_nothing_followed(host, message, data):
    host.work("docs")
    host.says(message, data=data)
    found = host.story.only()
    assert (found.code, found.component, found.cause_in, found.severity) == ("F20", "wiki", "wiki", "warning")


@pytest.mark.parametrize(("message", "data"), UNREADABLE)
def test_f20_an_error_where_the_connection_broke(host, message, data):
    host.work("docs")
    host.says(message, data=data)
    host.says("wiki: Connection closed before initialize completed")
    found = host.story.only()
    assert (found.code, found.component, found.severity) == ("F20", "wiki", "error")


def test_f20_counts_the_lines(host):
    for _ in range(3):
        host.says('[wiki] could not parse line as JSON: "Listening..."')
    assert "printed 3 lines of plain text" in host.story.only().summary


def test_f20_does_not_turn_into_an_error_for_another_server(host):
    host.work("docs")
    host.says(UNREADABLE[0][0])
    host.says("docs: Connection closed before initialize completed")
    assert [one.severity for one in host.story.diagnose().ranked if one.code == "F20"] == ["warning"]


@pytest.mark.parametrize(
    "message",
    [
        "[wiki] Failed to parse config.json: unexpected token",
        "[wiki] the result is not valid JSON",
        "[wiki] the table could not be read",
        'could not parse line as JSON: "Listening..."',
    ],
)
def test_f20_not_for_other_texts_or_without_a_server(host, message):
    host.work("docs")
    host.says(message)
    assert "F20" not in codes(host)


# F27: an upstream that a bridge names in its words.

ADDRESS = "http://198.51.100.20:7300/feed"


def bridge(host, message, *, bridge="ferry", upstream="harbour", probe="405 Method Not Allowed"):
    """A host asks a bridge, whose upstream does not serve what the bridge asks it for."""
    host.request(bridge, "initialize", HELLO)
    host.story.tell(bridge, "INFO", f"GET {ADDRESS} (event stream)")
    host.story.tell(upstream, "INFO", f'198.51.100.9:40010 - "GET /feed HTTP/1.1" {probe}')
    host.story.tell(bridge, "ERROR", message)
    host.story.wait(60)
    host.says(f"{bridge}: transport closed unexpectedly, this is likely due to the process exiting early")


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (f"upstream harbour: 405 Method Not Allowed for {ADDRESS}", 405),
        (f"upstream harbour answered 404 Not Found for {ADDRESS}", 404),
        (f"upstream harbour: 307 Temporary Redirect for {ADDRESS}", 307),
    ],
)
def test_f27_of_the_upstream(host, message, status):
    bridge(host, message)
    found = host.story.diagnose().root_cause
    assert (found.code, found.component, found.cause_in) == ("F27", "harbour", "ferry")


def test_f27_names_address_and_status_of_the_upstream(host):
    bridge(host, f"upstream harbour: 405 Method Not Allowed for {ADDRESS}")
    assert f"at {ADDRESS} was answered with 405" in host.story.diagnose().root_cause.summary


def test_f27_other_names(host):
    message = f"upstream quay: 405 Method Not Allowed for {ADDRESS}"
    bridge(host, message, bridge="barge", upstream="quay")
    found = host.story.diagnose().root_cause
    assert (found.code, found.component, found.cause_in) == ("F27", "quay", "barge")


def test_f27_the_host_is_not_at_fault(host):
    bridge(host, f"upstream harbour: 405 Method Not Allowed for {ADDRESS}")
    assert "host" not in {one.cause_in for one in host.story.diagnose().ranked}


@pytest.mark.parametrize("status", ["401 Unauthorized", "503 Service Unavailable"])
def test_f27_not_for_an_upstream_at_the_right_address(host, status):
    bridge(host, f"upstream harbour: {status} for {ADDRESS}", probe=status)
    assert "F27" not in codes(host)


def test_f27_not_for_a_bridge_that_works(host):
    host.work("ferry")
    host.story.tell("ferry", "WARN", f"upstream harbour: 405 Method Not Allowed for {ADDRESS}")
    host.call("ferry")
    host.answer("ferry", result=FINE)
    assert codes(host) == []


def test_f27_not_for_an_event_stream_that_is_only_probed(host):
    host.connect("ferry")
    host.story.tell("harbour", "INFO", '198.51.100.9:40010 - "GET /feed HTTP/1.1" 405 Method Not Allowed')
    host.list("ferry")
    assert codes(host) == []


# What a client or a server says beside its messages.


@pytest.fixture
def both(story):
    return Host(story, both=True)


def test_f26_a_client_that_goes_on_although_it_reads_that_its_session_is_unknown(host):
    host.work("wiki")
    host.story.tell("wiki", "INFO", "wiki listening on :8087")
    for _ in range(2):
        host.call("wiki")
        host.says("Error POSTing to endpoint: Session not found", data={"server": "wiki"})
        host.story.wait(9)
    found = host.story.only()
    assert (found.code, found.component, found.cause_in) == ("F26", "wiki", "host")


def test_f19_a_server_that_minds_a_missing_handshake_where_one_was_made_long_ago(both):
    both.work("wiki")
    both.call("wiki")
    both.story.tell("wiki", "ERROR", "RuntimeError: Received request before initialization was complete")
    both.answer("wiki", error={"code": -32602, "message": "Invalid request parameters"})
    found = both.story.only()
    assert (found.code, found.component) == ("F19", "wiki")


def test_f19_not_where_the_server_answers_after_that(both):
    both.work("wiki")
    both.story.tell("wiki", "ERROR", "RuntimeError: Received request before initialization was complete")
    both.call("wiki")
    both.answer("wiki", result=FINE)
    assert "F19" not in both.story.codes()


@pytest.mark.parametrize(("code", "expected"), [(-32603, "F24"), (-32600, None), (-32700, None)])
def test_f24_an_error_with_a_null_id_takes_the_place_of_an_answer(both, code, expected):
    both.work("wiki")
    both.call("wiki")
    refused = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": "there is no row 9"}}
    both.story.message("wiki", "sent", "host", refused, transport="http")
    both.story.message("host", "received", "wiki", refused, transport="http")
    both.story.wait(40)
    both.story.tell("host", "INFO", "still here")
    assert ("F24" in both.story.codes()) is (expected is not None)


@pytest.mark.parametrize(("waited", "named"), [(20, True), (3, False)])
def test_f25_a_time_out_that_names_how_long_it_waited(host, waited, named):
    host.work("wiki")
    host.call("wiki")
    host.story.wait(waited)
    host.says("TimeoutException: no terminal signal within 20000ms")
    host.call("wiki")
    host.answer("wiki", result=FINE)
    assert ("F25" in host.story.codes()) is named


def test_f27_not_for_a_redirect_that_leads_on(story):
    for status in (307, 200, 307, 406):
        path = "/mcp" if status == 307 else "/mcp/"
        story.tell("wiki", "INFO", f'127.0.0.1:34240 - "POST {path} HTTP/1.1" {status}')
    assert "F27" not in story.codes()


def test_r13_a_relay_that_lists_nothing_of_what_it_got(story):
    listing = {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}}
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}
    for sender, receiver, tools in (("relay", "hydra", LISTED), ("host", "relay", [])):
        story.exchange(sender, receiver, hello)
        story.exchange(receiver, sender, {"jsonrpc": "2.0", "id": 1, "result": WELCOME})
        story.exchange(sender, receiver, INITIALIZED)
        story.exchange(sender, receiver, listing)
        story.exchange(receiver, sender, {"jsonrpc": "2.0", "id": 2, "result": {"tools": tools}})
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("R13", "hydra", "relay")


# Names that are not those of servers.


def test_a_line_that_begins_with_a_tool_is_about_no_server_of_that_name(host):
    host.work("wiki")
    host.call("wiki")
    host.says("wiki: process terminated by signal SIGABRT")
    host.says("find: MCP error -32000: Connection closed")
    assert "R20" not in host.story.codes()


def test_r20_a_server_whose_process_ends_at_once(host):
    host.work("docs")
    host.says("wiki: stderr: env: 'node\\r': No such file or directory")
    host.says("wiki: exit", data={"code": 127})
    host.call("docs")
    host.answer("docs", result=FINE)
    found = host.story.only()
    assert (found.code, found.component) == ("R20", "wiki")


# Requests that are no calls, and calls that HTTP refused.


@pytest.mark.parametrize(
    ("method", "text", "codes"),
    [
        ("resources/read", "Method not found", ["R12"]),
        ("prompts/get", "boom", ["R12"]),
        ("resources/read", "Resource docs://7 not found", []),
        ("resources/list", "Method not found", []),
    ],
)
def test_r12_of_another_request_than_a_call(both, method, text, codes):
    both.work("wiki")
    both.request("wiki", method, {"uri": "docs://7", "name": "x"})
    both.answer("wiki", error={"code": -32601 if "Method" in text else -32002, "message": text})
    assert both.story.codes() == codes


def test_r22_not_where_http_refused_the_request(story):
    for name in ("relay", "host"):
        other = {"relay": "wiki", "host": "relay"}[name]
        hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}
        story.exchange(name, other, hello)
        story.exchange(other, name, {"jsonrpc": "2.0", "id": 1, "result": WELCOME})
        story.exchange(name, other, INITIALIZED)
    call = {"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": "find", "arguments": {}}}
    story.exchange("host", "relay", call)
    story.message("relay", "sent", "wiki", call)
    data = {"method": "POST", "url": "http://wiki/mcp", "status": 429, "body": "API rate limit exceeded"}
    story.tell("relay", "ERROR", "POST http://wiki/mcp 429", data)
    refused = {
        "jsonrpc": "2.0",
        "id": 5,
        "error": {"code": -32000, "message": "HTTP 429: rate limit exceeded"},
    }
    story.exchange("relay", "host", refused)
    assert "R22" not in story.codes()


# Tools that are refused in words that nobody understood.


def odd(name, **schema):
    return {"name": name, "inputSchema": {"type": "object", **schema}}


@pytest.mark.parametrize(
    ("tool", "said", "codes"),
    [
        (odd("find", oneOf=[{"required": ["q"]}]), "400: gronk find", ["F01"]),
        (odd("find", properties={"q": {"type": "array"}}), "400: gronk find", ["F03"]),
        (odd("find", oneOf=[{"required": ["q"]}]), "gronk find", ["F01"]),
        (odd("find", properties={}, additionalProperties=False), "400: gronk find", []),
        (odd("find", oneOf=[{"required": ["q"]}]), "400: gronk", []),
    ],
)
def test_a_provider_refuses_a_tool_in_words_of_its_own(host, tool, said, codes):
    host.connect("wiki")
    host.request("wiki", "tools/list")
    host.answer("wiki", result={"tools": [tool, odd("other", properties={}, additionalProperties=False)]})
    host.says(f"model: {said}")
    assert [code for code in host.story.codes() if code.startswith("F0")] == codes


@pytest.mark.parametrize(
    ("tool", "text", "codes"),
    [
        ("find", "gronk", {"R09"}),
        ("Find", "gronk", {"F08"}),
        ("gronk", "gronk", {"R01"}),
        ("Find", "the database is locked", {"R09"}),
    ],
)
def test_a_tool_that_nobody_listed_is_refused_in_whatever_words(both, tool, text, codes):
    both.work("wiki")
    both.request("wiki", "tools/call", {"name": tool, "arguments": {"q": "a"}})
    both.answer("wiki", error={"code": -32000, "message": text})
    assert set(both.story.codes()) == codes


@pytest.mark.parametrize(("back", "code"), [(True, "R15"), (False, "R07")])
def test_r07_not_where_the_server_came_back(both, back, code):
    both.work("wiki")
    both.call("wiki")
    both.says("connection to wiki lost", data={"server": "wiki"})
    if back:
        both.story.wait(1)
        both.connect("wiki")
    both.goes_on(300)
    assert (code in both.story.codes(), "R07" in both.story.codes()) == (True, not back)
