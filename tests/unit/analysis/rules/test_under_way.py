"""B08 at the end of a log: a call that may still be under way is a remark, one that is waited for is an error."""

from __future__ import annotations

import pytest

HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "host", "version": "1"}}
WELCOME = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "x", "version": "1"},
}
LISTED = [{"name": "find", "inputSchema": {"type": "object", "properties": {"q": {"type": "string"}}}}]
FINE = {"content": [{"type": "text", "text": "fine"}]}


class Host:
    """A host whose messages both ends log, or only itself; one call of it was answered long ago."""

    def __init__(self, story, *, both):
        self.story, self.both, self.last = story, both, 0
        self.connect("wiki")
        self.call()
        self.answer("wiki", result=FINE)
        story.wait(100)

    def send(self, sender, receiver, payload):
        if self.both or sender == "host":
            self.story.message(sender, "sent", receiver, payload, transport="http")
        if self.both or receiver == "host":
            self.story.message(receiver, "received", sender, payload, transport="http")

    def request(self, server, method, params=None):
        self.last += 1
        asked = {"jsonrpc": "2.0", "id": self.last, "method": method, "params": params or {}}
        self.send("host", server, asked)

    def answer(self, server, **content):
        self.send(server, "host", {"jsonrpc": "2.0", "id": self.last, **content})

    def list(self, server):
        self.request(server, "tools/list")
        self.answer(server, result={"tools": LISTED})

    def connect(self, server):
        self.request(server, "initialize", HELLO)
        self.answer(server, result=WELCOME)
        self.send("host", server, {"jsonrpc": "2.0", "method": "notifications/initialized"})
        self.list(server)

    def call(self, q="a"):
        self.request("wiki", "tools/call", {"name": "find", "arguments": {"q": q}})

    def goes_on(self, seconds):
        self.story.wait(seconds)
        self.story.tell("host", "INFO", "still here")

    def found(self, **options):
        """Code and severity of all that is said of more than the log itself."""
        ranked = self.story.diagnose(**options).ranked
        return [(one.code, one.severity) for one in ranked if not one.code.startswith("L")]


@pytest.fixture(params=[True, False], ids=["both ends", "one end"])
def host(story, request):
    return Host(story, both=request.param)


@pytest.mark.parametrize("seconds", [2, 10, 29])
def test_info_where_the_log_ends_within_half_a_minute(host, seconds):
    host.call()
    host.goes_on(seconds)
    assert host.found() == [("B08", "info")]


@pytest.mark.parametrize("seconds", [31, 60, 600])
def test_an_error_where_the_log_ends_later(host, seconds):
    host.call()
    host.goes_on(seconds)
    assert host.found() == [("B08", "error")]


def test_the_last_record_of_a_log_is_no_error(host):
    host.call()
    assert host.story.codes() == []


@pytest.mark.parametrize("seconds", [2, 10, 29])
def test_a_log_that_ends_within_half_a_minute_is_healthy(host, seconds):
    host.call()
    host.goes_on(seconds)
    assert host.story.diagnose().verdict == "healthy"


def test_a_log_that_ends_later_is_a_fault(host):
    host.call()
    host.goes_on(31)
    assert host.story.diagnose().verdict == "fault"


def test_the_call_counts_as_pending_all_the_same(host):
    host.call()
    host.goes_on(10)
    assert host.story.diagnose().calls["pending"] == 1


def test_the_words_of_a_call_that_is_under_way(host):
    host.call()
    host.goes_on(10)
    [found] = [one for one in host.story.diagnose().ranked if one.code == "B08"]
    assert (found.title, found.tool) == ("find was under way when the log ended", "find")


def test_the_words_of_a_call_that_is_waited_for(host):
    host.call()
    host.goes_on(31)
    assert host.story.only().title == "find never ended, and its caller waits for it"


def test_the_fix_of_a_call_that_is_under_way_is_a_later_log(host):
    host.call()
    host.goes_on(10)
    [found] = [one for one in host.story.diagnose().ranked if one.code == "B08"]
    assert found.fix.startswith("Diagnose again with what was logged since")


# The log goes on with other traffic.


def test_an_error_where_a_list_was_answered_since(host):
    host.call()
    host.story.wait(5)
    host.list("wiki")
    host.goes_on(5)
    assert host.found() == [("B08", "error")]


def test_an_error_where_another_server_was_connected_since(host):
    host.call()
    host.story.wait(5)
    host.connect("docs")
    host.goes_on(5)
    assert host.found() == [("B08", "error")]


def test_an_error_where_later_calls_wait_too(host):
    host.call()
    host.story.wait(5)
    host.call("b")
    host.goes_on(5)
    assert host.found() == [("B08", "error")]


def test_later_calls_are_told_with_the_first(host):
    host.call()
    host.story.wait(5)
    host.call("b")
    host.goes_on(5)
    assert "never answered, and 1 later call with it" in host.story.only().summary


def test_an_error_where_the_server_logged_one(host):
    host.call()
    host.story.wait(2)
    host.story.tell("wiki", "ERROR", "out of memory")
    host.goes_on(5)
    assert host.found() == [("B08", "error")]


def test_an_error_that_the_server_logged_is_quoted(host):
    host.call()
    host.story.wait(2)
    host.story.tell("wiki", "ERROR", "out of memory")
    host.goes_on(5)
    assert "“out of memory”" in host.story.only().explanation


def test_progress_of_the_call_is_no_other_traffic(host):
    host.call()
    host.story.wait(5)
    progress = {"progressToken": 1, "progress": 1}
    host.send("wiki", "host", {"jsonrpc": "2.0", "method": "notifications/progress", "params": progress})
    host.goes_on(5)
    assert host.found() == [("B08", "info")]


def test_ordinary_records_are_no_other_traffic(host):
    host.call()
    for _ in range(5):
        host.goes_on(2)
    assert host.found() == [("B08", "info")]


# Not at all.


@pytest.mark.parametrize("seconds", [0.1, 10, 29, 31, 600])
def test_not_where_the_call_was_answered(host, seconds):
    host.call()
    host.story.wait(seconds)
    host.answer("wiki", result=FINE)
    assert host.found() == []


def test_not_in_a_live_log_that_just_went_on(host):
    host.call()
    host.goes_on(3)
    assert host.found(live=True) == []
