"""R09 where HTTP answered in the place of a call: a proxy, a limit or a gate before the server."""

from __future__ import annotations

import pytest

URL = "https://wiki.example.com/mcp"
FINE = {"content": [{"type": "text", "text": "fine"}]}
HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "host", "version": "1"}}
WELCOME = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "wiki", "version": "1"},
}
LISTED = [{"name": "find", "inputSchema": {"type": "object", "properties": {"q": {"type": "string"}}}}]


class Host:
    """A host that alone logs its messages with one server, over HTTP."""

    def __init__(self, story):
        self.story, self.last = story, 0
        self.request("initialize", HELLO)
        self.answer(result=WELCOME)
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        self.request("tools/list")
        self.answer(result={"tools": LISTED})
        self.call("a")
        self.answer(result=FINE)

    def send(self, payload):
        self.story.message("host", "sent", "wiki", payload, transport="http")

    def request(self, method, params=None):
        self.last += 1
        self.send({"jsonrpc": "2.0", "id": self.last, "method": method, "params": params or {}})

    def answer(self, **content):
        payload = {"jsonrpc": "2.0", "id": self.last, **content}
        self.story.message("host", "received", "wiki", payload, transport="http")
        self.story.wait(1)

    def call(self, q):
        self.request("tools/call", {"name": "find", "arguments": {"q": q}})

    def gets(self, status, body="", component="host", **more):
        """Somebody logs an answer of HTTP."""
        data = {"method": "POST", "url": URL, "status": status, "body": body, **more}
        return self.story.tell(component, "ERROR", "HTTP request failed", data)

    def goes_on(self):
        self.story.wait(60)
        self.story.tell("host", "INFO", "still here")

    def codes(self):
        """All codes but those of the log itself, whatever their severity."""
        return [one.code for one in self.story.diagnose().ranked if not one.code.startswith("L")]


@pytest.fixture
def host(story):
    return Host(story)


ANSWERS = [
    (502, "Bad Gateway"),
    (502, "<html><h1>502 Bad Gateway</h1>nginx</html>"),
    (503, "Service Unavailable"),
    (504, ""),
    (504, "The upstream server is timing out"),
    (413, "Payload Too Large"),
    (429, "Too Many Requests"),
    (403, "Forbidden"),
    (403, "insufficient_scope"),
    (500, "Internal Server Error"),
]


@pytest.mark.parametrize(("status", "body"), ANSWERS)
def test_it_is_the_end_of_the_call(host, status, body):
    host.call("b")
    host.gets(status, body)
    host.goes_on()
    found = host.story.only()
    assert (found.code, found.severity, found.component, found.tool) == ("R09", "error", "wiki", "find")


@pytest.mark.parametrize(("status", "body"), ANSWERS)
def test_nothing_else_is_said_of_the_call(host, status, body):
    host.call("b")
    host.gets(status, body)
    host.goes_on()
    assert host.codes() == ["R09"]


@pytest.mark.parametrize("status", [502, 503, 504, 413, 429, 403])
def test_the_summary_names_the_status(host, status):
    host.call("b")
    host.gets(status)
    host.goes_on()
    assert f"HTTP {status}" in host.story.only().summary


def test_the_record_of_http_is_the_first_evidence(host):
    host.call("b")
    row = host.gets(503, "Service Unavailable")
    host.goes_on()
    assert host.story.only().evidence[0] == row


@pytest.mark.parametrize(
    ("level", "message"),
    [
        ("ERROR", f"POST {URL} 503 Service Unavailable"),
        ("WARN", f"POST {URL} returned 503"),
        ("ERROR", "wiki answered HTTP 503"),
    ],
)
def test_the_status_may_stand_in_the_words(host, level, message):
    host.call("b")
    host.story.tell("host", level, message)
    host.goes_on()
    assert host.story.only().code == "R09"


def test_a_call_after_which_the_host_asks_for_something_else_is_told_once(host):
    host.call("b")
    host.gets(503)
    host.request("tools/list")
    host.answer(result={"tools": LISTED})
    host.goes_on()
    assert host.codes() == ["R09"]


# Whose fault it is.


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, "missing required argument: q"),
        (400, "Invalid arguments for tool find"),
        (422, "Invalid params: q must be text"),
        (400, '{"jsonrpc":"2.0","id":null,"error":{"code":-32602,"message":"Invalid params"}}'),
        (403, "Access denied - path outside allowed directories: /etc"),
    ],
)
def test_the_client_is_at_fault_for_what_it_sent(host, status, body):
    host.call("b")
    host.gets(status, body)
    host.goes_on()
    assert host.story.only().cause_in == "host"


@pytest.mark.parametrize(("status", "body"), ANSWERS)
def test_the_server_is_at_fault_otherwise(host, status, body):
    host.call("b")
    host.gets(status, body)
    host.goes_on()
    assert host.story.only().cause_in == "wiki"


@pytest.mark.parametrize(
    ("status", "word"),
    [(429, "rate limit"), (413, "too large"), (502, "not available"), (403, "credentials")],
)
def test_the_explanation_says_what_the_status_means(host, status, word):
    host.call("b")
    host.gets(status)
    host.goes_on()
    assert word in host.story.only().explanation


# The same call succeeded later.


@pytest.mark.parametrize("status", [502, 503, 504, 413, 429, 403])
def test_info_once_the_same_call_succeeded(host, status):
    host.call("b")
    host.gets(status)
    host.call("b")
    host.answer(result=FINE)
    [found] = [one for one in host.story.diagnose().ranked if one.code == "R09"]
    assert found.severity == "info"


def test_healthy_once_the_same_call_succeeded(host):
    host.call("b")
    host.gets(503)
    host.call("b")
    host.answer(result=FINE)
    assert host.story.diagnose().verdict == "healthy"


def test_an_error_where_only_another_call_succeeded(host):
    host.call("b")
    host.gets(503)
    host.call("c")
    host.answer(result=FINE)
    assert host.story.only().severity == "error"


def test_an_error_where_the_same_call_failed_again(host):
    host.call("b")
    host.gets(503)
    host.call("b")
    host.gets(503)
    host.goes_on()
    assert host.story.codes() == ["R09"]


# Not in the place of a call.


@pytest.mark.parametrize("status", [502, 503, 504, 413, 429, 403])
def test_not_where_the_call_was_answered_all_the_same(host, status):
    host.call("b")
    host.gets(status)
    host.answer(result=FINE)
    assert host.codes() == []


def test_not_while_no_call_is_under_way(host):
    host.gets(503)
    host.story.wait(1)
    host.call("b")
    host.answer(result=FINE)
    assert host.codes() == []


@pytest.mark.parametrize("status", [200, 202, 204])
def test_not_for_a_status_of_success(host, status):
    host.call("b")
    host.gets(status)
    host.goes_on()
    assert host.codes() == ["B08"]


def test_not_for_a_get(host):
    host.call("b")
    host.gets(405, "Method Not Allowed", method="GET")
    host.goes_on()
    assert host.codes() == ["B08"]


def test_not_for_a_request_that_the_server_itself_made_and_came_over(host):
    host.call("b")
    data = {"method": "POST", "url": "https://api.example.com/find", "status": 503}
    host.story.tell("wiki", "WARN", "HTTP request failed, trying again", data)
    host.answer(result=FINE)
    assert host.codes() == []


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, "Session not found"),
        (400, "Bad Request: No valid session ID provided"),
        (500, "unknown session s1"),
    ],
)
def test_not_for_a_session_that_is_not_known(host, status, body):
    host.call("b")
    host.gets(status, body, request_headers={"mcp-session-id": "s1"})
    host.goes_on()
    assert host.codes() == ["F26"]


def test_not_for_a_handshake(story):
    story.message(
        "host", "sent", "wiki", {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": HELLO}
    )
    data = {"method": "POST", "url": URL, "status": 503, "body": "Service Unavailable"}
    story.tell("host", "ERROR", "HTTP request failed", data)
    story.wait(60)
    story.tell("host", "INFO", "still here")
    assert story.codes() == ["R20"]


def test_not_for_the_provider_of_the_model(host):
    host.call("b")
    data = {"method": "POST", "url": "https://models.example.com/v1/messages", "status": 529}
    host.story.tell("host", "ERROR", "overloaded", data)
    host.answer(result=FINE)
    assert host.codes() == []


def test_only_the_call_that_was_under_way(host):
    host.call("b")
    host.answer(result=FINE)
    host.call("c")
    host.gets(503)
    host.goes_on()
    counts = host.story.diagnose().calls
    assert (counts["total"], counts["answered"]) == (3, 2)
