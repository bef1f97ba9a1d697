"""Tools that ask their client back while they work: sampling, elicitation, and results that want more input."""

from __future__ import annotations

import pytest

TOOLS = [{"name": "book", "inputSchema": {"type": "object"}}]
CALL = {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "book", "arguments": {}}}
ELICIT = {
    "jsonrpc": "2.0",
    "id": "s-1",
    "method": "elicitation/create",
    "params": {"message": "Which date?", "requestedSchema": {"type": "object", "properties": {}}},
}
DONE = {"jsonrpc": "2.0", "id": 3, "result": {"content": [{"type": "text", "text": "booked"}]}}
FAILED = {
    "jsonrpc": "2.0",
    "id": 3,
    "result": {"content": [{"type": "text", "text": "Error executing tool book"}], "isError": True},
}
MORE = {
    "resultType": "input_required",
    "inputRequests": {"date": {"method": "elicitation/create", "params": ELICIT["params"]}},
    "requestState": "opaque",
}


def connect(story, capabilities):
    """A handshake, a list, and a call that is under way."""
    hello = {
        "protocolVersion": "2025-11-25",
        "capabilities": capabilities,
        "clientInfo": {"name": "desk", "version": "1"},
    }
    welcome = {
        "protocolVersion": "2025-11-25",
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "trips", "version": "1"},
    }
    story.exchange("desk", "trips", {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello})
    story.exchange("trips", "desk", {"jsonrpc": "2.0", "id": 1, "result": welcome})
    story.exchange("desk", "trips", {"jsonrpc": "2.0", "method": "notifications/initialized"})
    story.exchange("desk", "trips", {"jsonrpc": "2.0", "id": 2, "method": "tools/list"})
    story.exchange("trips", "desk", {"jsonrpc": "2.0", "id": 2, "result": {"tools": TOOLS}})
    story.exchange("desk", "trips", CALL)


@pytest.mark.parametrize(
    ("capabilities", "cause"),
    [({"elicitation": {}}, "desk"), ({}, "trips")],
    ids=["declared", "not declared"],
)
@pytest.mark.parametrize(
    ("code", "text"), [(-32601, "Method not found"), (-32600, "Elicitation not supported")]
)
def test_r21_the_client_cannot_do_what_it_is_asked(story, capabilities, cause, code, text):
    connect(story, capabilities)
    story.exchange("trips", "desk", ELICIT)
    story.exchange("desk", "trips", {"jsonrpc": "2.0", "id": "s-1", "error": {"code": code, "message": text}})
    story.exchange("trips", "desk", FAILED)
    found = story.only()
    assert (found.code, found.component, found.cause_in, found.tool) == ("R21", "trips", cause, "book")
    assert text in found.summary


def test_r21_the_client_never_answers(story):
    connect(story, {})
    story.exchange("trips", "desk", ELICIT)
    story.wait(300)
    story.tell("desk", "ERROR", "book gave no result after 300 s")
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("R21", "trips", "desk")
    assert "never answered" in found.summary


def test_r21_not_while_a_person_is_still_asked(story):
    connect(story, {"elicitation": {}})
    story.exchange("trips", "desk", ELICIT)
    assert "R21" not in {finding.code for finding in story.diagnose().ranked}


def test_r21_not_when_a_person_declines(story):
    connect(story, {"elicitation": {}})
    story.exchange("trips", "desk", ELICIT)
    story.exchange("desk", "trips", {"jsonrpc": "2.0", "id": "s-1", "result": {"action": "decline"}})
    story.exchange("trips", "desk", FAILED)
    assert "R21" not in {finding.code for finding in story.diagnose().ranked}


def test_r21_not_when_the_tool_does_without(story):
    connect(story, {})
    story.exchange("trips", "desk", ELICIT)
    error = {"code": -32601, "message": "Method not found"}
    story.exchange("desk", "trips", {"jsonrpc": "2.0", "id": "s-1", "error": error})
    story.exchange("trips", "desk", DONE)
    assert story.diagnose().healthy


def ask_for_more(story):
    story.exchange("desk", "trips", CALL)
    story.exchange("trips", "desk", {"jsonrpc": "2.0", "id": 3, "result": MORE})


def test_r21_the_client_calls_anew_without_an_answer(story):
    ask_for_more(story)
    story.exchange("desk", "trips", CALL | {"id": 4})
    story.exchange("trips", "desk", {"jsonrpc": "2.0", "id": 4, "result": MORE})
    found = story.only()
    assert (found.code, found.cause_in) == ("R21", "desk")


def test_r21_not_when_the_call_goes_on(story):
    ask_for_more(story)
    answers = {"date": {"action": "accept", "content": {"date": "2026-12-01"}}}
    params = CALL["params"] | {"inputResponses": answers, "requestState": "opaque"}
    story.exchange("desk", "trips", CALL | {"id": 4, "params": params})
    story.exchange("trips", "desk", DONE | {"id": 4})
    assert story.diagnose().healthy
