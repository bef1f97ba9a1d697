"""Logs that were once called healthy or blamed on the wrong end."""

from __future__ import annotations

import pytest

import godot_analysis as ga
from godot_analysis.loading.tables import log_table
from godot_analysis.reading.quoted import quoted_message
from godot_analysis.reading.told import told_call

HANDSHAKE = """
    0.0 host sends docs ? 0 initialize
    0.1 host gets docs = 0 {"capabilities": {"tools": {}}}
    0.2 host sends docs ~ notifications/initialized
"""
LIST = """
    0.3 host sends docs ? 1 tools/list
    0.4 host gets docs = 1 {"tools": [{"name": "find", "inputSchema": {"type": "object"}}]}
"""
CALL = """
    1.0 host sends docs ? 2 tools/call find
    1.1 host gets docs = 2
"""
WORK = HANDSHAKE + LIST + CALL
END = "\n600 host says INFO still here"


def diagnose(*lines):
    return ga.diagnose(log_table("\n".join(lines)))


def test_a_quoted_message_that_nests_too_deeply_is_none():
    assert quoted_message('[docs] Message from client: {"jsonrpc":' + '{"a":' * 20_000) is None


@pytest.mark.parametrize(
    "text",
    [
        "requesting tools/list",
        "calling tools/call",
        "running tests/unit",
        "src/app.py failed",
        "build/test failed: exit 1",
        "resources/read failed: boom",
        "logging/setLevel failed",
        "client/server started",
        "input/output error",
    ],
)
def test_paths_and_methods_are_no_calls(text):
    assert told_call(text) is None


def test_a_call_that_is_never_answered_is_not_healthy():
    later = "10 host sends docs ? 4 tools/call find\n11 host gets docs = 4"
    assert diagnose(WORK, '5 host sends docs ? 3 tools/call find {"q": 1}', later, END).verdict != "healthy"


def test_a_request_that_is_never_answered_is_not_healthy():
    assert diagnose(WORK, '5 host sends docs ? 3 resources/read {"uri": "a"}', END).verdict != "healthy"


def test_a_list_that_is_never_answered_is_not_healthy():
    wiki = HANDSHAKE.replace("docs", "wiki").replace("    0.", "    2.")
    assert diagnose(WORK, wiki, "2.3 host sends wiki ? 1 tools/list", END).verdict != "healthy"


def test_it_does_not_say_that_nothing_was_asked_where_a_list_was():
    assert "nothing was asked" not in " ".join(
        diagnose(HANDSHAKE, "0.3 host sends docs ? 1 tools/list", END).missing
    )


def test_a_server_that_is_reported_as_disconnected_is_not_healthy():
    assert diagnose(WORK, "5 host says ERROR docs: Server disconnected", END).verdict != "healthy"


def test_a_server_that_is_reported_to_have_failed_is_not_healthy():
    assert diagnose(WORK, "5 host says ERROR docs: process exited with code 1", END).verdict != "healthy"


def test_a_client_that_begins_a_new_session_does_what_it_should():
    lost = "400 host sends docs ? 3 tools/call find\n400.1 host gets docs ! 3 -32001 Session not found"
    again = HANDSHAKE.replace("    0.", "    401.").replace(" 0 init", " 4 init").replace("= 0", "= 4")
    call = "402 host sends docs ? 5 tools/call find\n402.1 host gets docs = 5"
    assert diagnose(WORK, lost, again, call).verdict == "healthy"


def test_no_client_is_invented_for_a_record_in_words():
    said = 'MCP server "wiki": process exited with code 1 before initialize was answered'
    assert "host" not in {one.component for one in diagnose(f"1 host says ERROR {said}", END).ranked}


def test_no_relay_is_invented():
    said = '2 host says INFO MCP server "wiki": connected'
    found = diagnose('1 host says ERROR MCP server "wiki": cannot be reached: ECONNREFUSED', said)
    assert "relay" not in {one.cause_in for one in found.ranked}


@pytest.mark.parametrize("status", ["405 Method Not Allowed", "401 Unauthorized"])
def test_the_client_of_a_bridge_is_not_at_fault_for_its_upstream(status):
    said = f"0.1 ferry says ERROR upstream harbour: {status} for http://198.51.100.20:7300/feed"
    closed = "60 host says ERROR ferry: transport closed unexpectedly"
    found = diagnose("0 host sends ferry ? 0 initialize", said, closed)
    assert "host" not in {one.cause_in for one in found.ranked}


def test_f10_does_not_claim_that_no_call_is_in_the_log():
    said = [f'{second} host says ERROR tool call "find" could not be made' for second in (40, 60, 80)]
    assert "no tools/call of it is in the log" not in str(diagnose(WORK, *said))


def test_f19_not_where_any_request_was_answered():
    answered = "0.3 host sends docs ? 1 resources/list\n0.4 host gets docs = 1"
    unconfirmed = HANDSHAKE.replace("0.2 host sends docs ~ notifications/initialized", "")
    found = diagnose(unconfirmed, answered, "0.5 host sends docs ? 2 tools/list", END)
    assert "F19" not in {one.code for one in found.ranked}


def test_the_first_call_of_a_log_may_be_under_way():
    found = diagnose(HANDSHAKE, LIST, "1 host sends docs ? 2 tools/call find", "11 host says INFO still here")
    assert [one.severity for one in found.ranked if one.code == "B08"] == ["info"]


def test_a_call_that_was_cancelled_is_no_fault_of_the_server():
    found = diagnose("1 host says INFO docs/find called", "2 host says WARN docs/find cancelled")
    assert "R09" not in {one.code for one in found.ranked if one.severity != "info"}


def test_a_level_in_colours(tmp_path):
    path = tmp_path / "host.log"
    path.write_bytes(b"\x1b[31mERROR\x1b[0m boom\n")
    assert ga.load_logs(source=path)["level"].tolist() == ["ERROR"]


@pytest.mark.parametrize("words", ["12 tools discovered", "Discovered 12 tools", "found 12 tools"])
def test_a_reported_discovery_is_proof_of_work(words):
    assert diagnose(f'1 host says INFO MCP server "docs": {words}').verdict == "healthy"
