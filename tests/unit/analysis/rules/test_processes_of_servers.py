"""Whose loss, exit or time-out a record tells of, where one trace holds all that a host does."""

from __future__ import annotations

import pytest

import godot_analysis as ga
from godot_analysis.reading.events import read_events

VERSION = "2025-06-18"
HOST = "agent"
TRACE = "00000000-0000-4000-8000-000000000001"
ABORTED = ("WARN", "MCP server pdf process exited with code -6", {"exit_code": -6})
KILLED = ("WARN", "MCP server pdf process exited with code -9", {"exit_code": -9})


class Session:
    """A host that keeps one trace for all that it asks of several servers over stdio."""

    def __init__(self, story):
        self.story = story
        self._ids = 0

    def send(self, sender, receiver, payload, *, only=None):
        for observer, direction, peer in ((sender, "sent", receiver), (receiver, "received", sender)):
            if only in {None, observer}:
                told = {"direction": direction, "peer": peer, "transport": "stdio"}
                data = {"mcp": {**told, "payload": {"jsonrpc": "2.0", **payload}}}
                self.story.tell(observer, "TRACE", f"{direction} {peer}", data, TRACE)

    def ask(self, server, method, params=None, result=None, *, wait=0.0):
        self._ids += 1
        self.send(HOST, server, {"id": self._ids, "method": method, "params": params or {}})
        self.story.wait(wait)
        if result is not None:
            self.send(server, HOST, {"id": self._ids, "result": result})
        return self._ids

    def greet(self, server, *tools, version=VERSION, confirmed=True):
        client = {
            "protocolVersion": VERSION,
            "capabilities": {},
            "clientInfo": {"name": HOST, "version": "1"},
        }
        named = {"name": server, "version": "1"}
        self.ask(
            server,
            "initialize",
            client,
            {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": named},
        )
        if confirmed:
            self.send(HOST, server, {"method": "notifications/initialized"})
            listed = [{"name": tool, "inputSchema": {"type": "object"}} for tool in tools]
            self.ask(server, "tools/list", {}, {"tools": listed})

    def call(self, server, tool, *, answered=True, wait=0.0):
        result = {"content": [{"type": "text", "text": "done"}]} if answered else None
        return self.ask(server, "tools/call", {"name": tool, "arguments": {}}, result, wait=wait)

    def say(self, level, message, data=None, component=HOST):
        self.story.tell(component, level, message, data, TRACE)

    def found(self):
        only = self.story.only()
        return only.code, only.component, only.tool


@pytest.fixture
def session(story):
    made = Session(story)
    made.greet("time", "convert_time")
    made.greet("pdf", "render_page", "extract_text")
    made.call("time", "convert_time")
    return made


@pytest.mark.parametrize("notified", [True, False])
def test_f25_belongs_to_the_tool_that_the_host_names(session, notified):
    if notified:  # word of a change makes no server of the host
        session.send("time", HOST, {"method": "notifications/tools/list_changed"})
        session.ask("time", "tools/list", {}, {"tools": [{"name": "convert_time", "inputSchema": {}}]})
    rpc_id = session.call("pdf", "render_page", answered=False, wait=2)
    failed = "tool mcp__pdf__render_page failed: Timed out while waiting for response to ClientRequest."
    session.say("ERROR", failed, {"tool": "mcp__pdf__render_page"})
    for _ in range(3):
        session.call("time", "convert_time")
    session.story.wait(2)
    session.send("pdf", HOST, {"id": rpc_id, "result": {"content": []}})
    session.call("time", "convert_time")
    assert session.found() == ("F25", "pdf", "render_page")


def test_r05_not_for_calls_of_another_server_in_the_trace(session):
    failed = "Failed to connect to MCP server notes: McpError: Connection closed"
    session.say("ERROR", failed, {"server": "notes"})
    session.call("time", "convert_time")
    assert "R05" not in session.story.codes()


def test_r05_for_the_call_under_which_the_connection_broke(session):
    call = {"method": "tools/call", "params": {"name": "render_page", "arguments": {}}}
    session.send(HOST, "pdf", {"id": 90, **call}, only=HOST)
    session.say("WARN", "connection lost, reconnecting", {"server": "pdf", "error": "connection lost"})
    session.send("pdf", HOST, {"id": 90, "result": {"content": []}})
    session.story.wait(2)
    session.call("pdf", "extract_text")
    session.call("time", "convert_time")
    assert session.found() == ("R05", "pdf", "render_page")


def test_f17_told_beside_the_name_of_the_server(session):
    session.greet("charts", version="2023-06-01", confirmed=False)
    failed = (
        "Failed to connect to MCP server charts: Unsupported protocol version from the server: 2023-06-01"
    )
    session.say("ERROR", failed, {"server": "charts"})
    session.call("time", "convert_time")
    assert session.found()[:2] == ("F17", "charts")


@pytest.mark.parametrize(
    "last_words", ["terminate called after throwing an instance of 'std::bad_alloc'", None]
)
def test_r09_a_server_aborts_under_a_call(session, last_words):
    session.call("pdf", "render_page", answered=False)
    if last_words:
        session.say("INFO", last_words, component="pdf")
    session.say(*ABORTED)
    session.say("ERROR", "tool mcp__pdf__render_page failed: Connection closed", {"tool": "render_page"})
    session.call("time", "convert_time")
    assert session.found() == ("R09", "pdf", "render_page")
    assert (last_words or "code -6") in session.story.only().summary


@pytest.mark.parametrize(
    ("code", "last_words", "expected"),
    [(1, "ValueError: cannot render", "R09"), (1, None, "R15"), (137, "MemoryError: page too large", "R15")],
)
def test_r09_needs_a_word_of_why_the_process_ended(session, code, last_words, expected):
    session.call("pdf", "render_page", answered=False)
    if last_words:
        session.say("INFO", last_words, component="pdf")
    session.say("WARN", "MCP server pdf process exited", {"exit_code": code})
    session.say("ERROR", "tool mcp__pdf__render_page failed: Connection closed", {"tool": "render_page"})
    assert session.found() == (expected, "pdf", "render_page")


def test_what_was_said_long_before_the_end_is_no_word_of_why(session):
    session.call("pdf", "render_page", answered=False)
    session.say("INFO", "ValueError: cannot render", component="pdf")
    session.story.wait(10)
    session.say("WARN", "MCP server pdf process exited", {"exit_code": 1})
    session.say("ERROR", "tool mcp__pdf__render_page failed: Connection closed", {"tool": "render_page"})
    assert session.found() == ("R15", "pdf", "render_page")


def test_r09_does_not_account_for_what_the_server_answered_after_it(session):
    session.call("pdf", "render_page", answered=False)
    session.say(*ABORTED)
    session.say("ERROR", "tool mcp__pdf__render_page failed: Connection closed", {"tool": "render_page"})
    params = {"name": "extract_text", "arguments": {}}
    session.send(HOST, "pdf", {"id": 91, "method": "tools/call", "params": params})
    session.send("pdf", HOST, {"id": 91, "error": {"code": -32602, "message": "page is required"}})
    assert sorted(session.story.codes()) == ["R09", "R10"]


def test_r09_accounts_for_what_was_asked_before_the_server_was_back(session):
    session.call("pdf", "render_page", answered=False)
    session.say(*ABORTED)
    session.say("ERROR", "tool mcp__pdf__render_page failed: Connection closed", {"tool": "render_page"})
    session.send(
        HOST, "pdf", {"id": 91, "method": "tools/call", "params": {"name": "extract_text"}}, only=HOST
    )
    session.say("ERROR", "tool mcp__pdf__extract_text failed: Connection closed", {"tool": "extract_text"})
    session.call("time", "convert_time")
    assert session.found() == ("R09", "pdf", "render_page")


def test_r11_a_server_dies_while_idle_and_is_missed_later(session):
    session.say(*KILLED)
    session.say(
        "ERROR", "tool mcp__pdf__render_page failed: ClosedResourceError", {"tool": "mcp__pdf__render_page"}
    )
    session.call("time", "convert_time")
    found = session.story.only()
    assert (found.code, found.severity, found.component) == ("R11", "error", "pdf")


@pytest.mark.parametrize("greeted", [True, False])
def test_r11_not_for_a_server_that_nobody_missed(session, greeted):
    session.say(*KILLED)
    if greeted:
        session.greet("pdf", "render_page", "extract_text")
        session.call("pdf", "render_page")
    session.call("time", "convert_time")
    assert session.story.codes() == []


def refused(session, server):
    url = f"http://{server}:9000/mcp"
    session.say(
        "ERROR", f"GET {url} failed: Cannot connect to host 127.0.0.1:9000", {"method": "GET", "url": url}
    )


def test_r07_a_server_that_is_gone_is_named_in_a_url_only(session):
    session.call("pdf", "render_page", answered=False)
    refused(session, "pdf")
    session.story.wait(8)
    session.say(
        "ERROR", "tool mcp__pdf__render_page failed: Timed out while waiting", {"tool": "render_page"}
    )
    session.call("time", "convert_time")
    assert session.found() == ("R07", "pdf", "render_page")


def test_r05_not_where_a_stream_beside_the_call_breaks(session):
    rpc_id = session.call("pdf", "render_page", answered=False)
    refused(session, "pdf")
    session.send("pdf", HOST, {"id": rpc_id, "result": {"content": []}})
    session.call("time", "convert_time")
    assert session.story.codes() == []


@pytest.mark.parametrize(
    ("message", "data", "code"),
    [
        ("server process exited with code -11", {}, -11),
        ("server process exited", {"code": None, "signal": "SIGKILL"}, -9),
        ("server process died of SIGABRT", {}, -6),
        ("server process exited", {"code": 3}, 3),
        ("server process exited", {}, None),
    ],
)
def test_the_code_of_an_exit_is_read_in_words_too(message, data, code):
    logs = ga.from_records([{"component": HOST, "level": "WARN", "message": message, "data": data}])
    assert [item.code for item in read_events(logs).of("exit")] == [code]
