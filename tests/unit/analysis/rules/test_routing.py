"""Tools that cannot be routed: each cause told apart from those that look the same."""

from __future__ import annotations

import pytest


def test_b13_backend_never_reached(story):
    story.start_relay(reaches=["dewey", "fiedler"])
    story.call("dewey_search")
    story.call("gates_create_document")
    story.call("gates_list_capabilities")
    found = story.only()
    assert (found.code, found.component, found.cause_in, found.severity) == (
        "B13",
        "gates",
        "mcp-relay",
        "error",
    )
    assert found.confidence >= 0.8
    assert "dewey and fiedler" in found.explanation


def test_b13_one_call_is_less_sure(story):
    story.start_relay(reaches=["dewey", "fiedler"])
    story.call("gates_create_document")
    once = story.only()
    story.call("gates_list_capabilities")
    assert once.tool == "gates_create_document"
    assert once.confidence < story.only().confidence


def test_b13_from_silence_alone(story):
    """The client refuses by itself, so that not even a failed call is left: a listener that nobody greeted."""
    story.tell("gates", "INFO", "Gates MCP server starting", {"host": "0.0.0.0", "port": 9051})
    story.start_relay(reaches=["dewey", "fiedler"])
    story.call("dewey_search")
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("B13", "gates", "mcp-relay")
    assert 0.3 < found.confidence < 0.7


def test_b13_from_the_silence_about_a_server_that_names_no_port(story):
    story.tell("gates", "INFO", "Gates MCP server running", {"status": "operational"})
    story.start_relay(reaches=["dewey", "fiedler"])
    story.call("dewey_search")
    assert (story.only().code, story.only().component) == ("B13", "gates")


def test_b13_for_a_backend_only_the_reader_names(story):
    story.start_relay(reaches=["dewey", "fiedler"])
    story.call("dewey_search")
    assert story.codes() == []
    assert story.only(component="gates").code == "B13"
    assert story.only(tool="gates_create_document").component == "gates"


def test_a_reader_may_name_what_works(story):
    story.start_relay()
    story.call("gates_create_document")
    assert story.codes(component="gates") == []
    assert story.codes(tool="gates_create_document") == []


def test_b13_connection_refused_with_ports(story):
    story.tell("gates", "INFO", "listening", {"host": "127.0.0.1", "port": 9051})
    story.start_relay(reaches=["dewey", "fiedler"])
    story.tell(
        "mcp-relay",
        "WARN",
        "cannot connect to backend",
        {"backend": "gates", "url": "ws://127.0.0.1:9050", "error": "connect ECONNREFUSED 127.0.0.1:9050"},
    )
    story.call("gates_create_document")
    found = story.only()
    assert found.code == "B13"
    assert found.confidence > 0.9
    assert "9050" in found.explanation
    assert "9051" in found.fix


def test_b13_words_do_not_matter(story):
    story.start_relay(reaches=["dewey", "fiedler"])
    story.call("gates_create_document")
    story.call("gates_list_capabilities")
    for record in story.records:
        if record["level"] == "ERROR":
            record["message"] = "Werkzeug ist hier niemandem bekannt"
    assert story.only().code == "B13"


@pytest.mark.parametrize("wrong", ["gates_make_document", "gates_create_documents", "gates_zzz"])
def test_r01_wrong_name_in_a_known_family(story, wrong):
    story.start_relay()
    story.call(wrong)
    found = story.only()
    assert (found.code, found.cause_in, found.tool) == ("R01", "client", wrong)


def test_r01_misspelt_family(story):
    story.start_relay()
    story.call("dewy_search")
    found = story.only()
    assert found.code == "R01"
    assert "dewey_search" in found.fix


def test_f08_rewritten_name(story):
    story.start_relay()
    story.call("gates-create-document")
    found = story.only()
    assert (found.code, found.cause_in) == ("F08", "client")
    assert "gates_create_document" in found.summary


def test_r02_backend_came_late(story):
    story.start_relay(reaches=["dewey", "fiedler"])
    story.wait(5)
    story.tell("gates", "INFO", "Gates MCP server starting", {"host": "0.0.0.0", "port": 9051})
    story.call("gates_create_document")
    found = story.only()
    assert (found.code, found.component) == ("R02", "gates")


def test_r02_late_and_then_reconnected(story):
    story.start_relay(reaches=["dewey", "fiedler"])
    story.call("gates_create_document")
    story.call("relay_reconnect_server", {"name": "gates"})
    story.connect("gates")
    story.call("gates_create_document")
    found = story.only()
    assert (found.code, found.component) == ("R02", "gates")


def test_r04_removed_on_purpose(story):
    story.start_relay()
    story.call("gates_create_document")
    story.call("relay_remove_server", {"name": "gates"})
    for tool in [tool for tool in story.table if tool.startswith("gates")]:
        del story.table[tool]
    story.call("gates_create_document")
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("R04", "gates", "client")


def test_removed_and_not_called_is_no_fault(story):
    story.start_relay()
    story.call("gates_create_document")
    story.call("relay_remove_server", {"name": "gates"})
    story.call("dewey_search")
    assert story.codes() == []


def test_removed_and_added_again_is_no_fault(story):
    story.start_relay()
    story.call("relay_remove_server", {"name": "gates"})
    story.call("relay_add_server", {"name": "gates", "url": "ws://localhost:9051"})
    story.connect("gates")
    story.call("gates_create_document")
    assert story.codes() == []


def test_b29_route_lost_over_a_restart(story):
    story.start_relay(reaches=["dewey", "fiedler"])
    story.call("dewey_search")
    story.call("relay_add_server", {"name": "gates", "url": "ws://localhost:9051"})
    story.connect("gates")
    story.call("gates_create_document")
    story.start_relay(reaches=["dewey", "fiedler"])
    story.call("gates_create_document")
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("B29", "gates", "mcp-relay")
    assert "ws://localhost:9051" in found.fix


def test_b29_without_the_failing_call(story):
    story.start_relay(reaches=["dewey", "fiedler"])
    story.call("dewey_search")
    story.call("relay_add_server", {"name": "gates", "url": "ws://localhost:9051"})
    story.connect("gates")
    story.call("gates_create_document")
    story.start_relay(reaches=["dewey", "fiedler"])
    story.call("dewey_search")
    assert story.only().code == "B29"


def test_b29_log_begins_after_the_route_was_made(story):
    story.table = dict.fromkeys(["gates_create_document"], "gates")
    story.call("gates_create_document")
    story.wait(20)
    story.start_relay(reaches=["dewey", "fiedler"])
    story.call("gates_create_document")
    assert story.only().code == "B29"


def test_backend_of_the_configuration_gone_at_the_restart_is_b13(story):
    story.start_relay()
    story.call("gates_create_document")
    story.wait(20)
    story.start_relay(reaches=["dewey", "fiedler"])
    story.call("gates_create_document")
    found = story.only()
    assert (found.code, found.component) == ("B13", "gates")


def test_restart_that_reaches_all_is_no_fault(story):
    story.start_relay()
    story.call("gates_create_document")
    story.start_relay()
    story.call("gates_create_document")
    assert story.codes() == []


def test_direct_test_of_a_backend_is_no_connection_of_the_relay(story):
    """BUG #13 as it was: a test straight at Gates passes, and the relay still has no route."""
    story.start_relay(reaches=["dewey", "fiedler"])
    story.call("gates_create_document")
    story.wait(30)
    table = dict(story.table)
    story.connect("gates")
    story.table = table
    story.wait(10)
    story.call("gates_create_document")
    found = story.only()
    assert found.code == "B13"
    assert "somebody else connected" in found.explanation


def test_two_missing_backends_are_two_findings(story):
    story.start_relay(reaches=["dewey"])
    story.call("gates_create_document")
    story.call("fiedler_send")
    assert story.codes() == ["B13", "B13"]


def test_family_of_another_name_is_mapped_to_the_only_idle_component(new_story):
    story = new_story(backends=["dewey", "fiedler", "marco"])
    story.tell("marco", "INFO", "Marco server ready", {"version": "1"})
    story.start_relay(reaches=["dewey", "fiedler"])
    story.call("browser_tabs")
    story.call("browser_navigate")
    found = story.only()
    assert (found.code, found.component) == ("B13", "marco")


def test_client_refuses_by_itself(story):
    story.start_relay(reaches=["dewey", "fiedler"])
    story.call("dewey_search")
    story.tell("claude-code", "ERROR", "No such tool available: mcp__iccm__gates_create_document")
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("B13", "gates", "mcp-relay")
    assert story.diagnose().calls["total"] == 1


def test_b13_added_at_a_wrong_address(story):
    story.start_relay(reaches=["dewey", "fiedler"])
    story.call("dewey_search")
    story.call("relay_add_server", {"name": "gates", "url": "ws://localhost:9050"})
    story.call("gates_create_document")
    story.call("dewey_search")
    found = story.only()
    assert found.code == "B13"
    assert "ws://localhost:9050, and still no handshake" in found.explanation


def test_b13_mended_at_run_time(story):
    story.start_relay(reaches=["dewey", "fiedler"])
    story.call("gates_create_document")
    story.call("relay_add_server", {"name": "gates", "url": "ws://localhost:9051"})
    story.connect("gates")
    story.call("gates_create_document")
    found = story.only()
    assert found.code == "B13"
    assert "reached at once" in found.explanation


def test_tool_of_the_relay_itself_that_does_not_exist(story):
    story.start_relay()
    story.call("relay_list_servers")
    data = {"tool_name": "relay_restart_server", "available_tools": list(story.table)}
    story.tell(story.relay, "ERROR", "Unknown tool: relay_restart_server", data, story.trace())
    assert story.codes() == ["R01"]


def test_an_attempt_long_before_the_start_is_of_another_life(story):
    error = {"backend": "gates", "error": "[Errno 111] Connect call failed ('127.0.0.1', 9050)"}
    story.tell(story.relay, "ERROR", "Failed to connect to backend gates", error)
    story.wait(12)
    story.start_relay(reaches=["dewey", "fiedler"])
    story.call("gates_create_document")
    assert "9050" not in story.only().explanation


def test_b13_names_the_port_tried_before_the_others_answered(story):
    story.tell("gates", "INFO", "Gates MCP server starting", {"host": "127.0.0.1", "port": 9051})
    error = {"backend": "gates", "error": "[Errno 111] Connect call failed ('127.0.0.1', 9050)"}
    story.tell(story.relay, "ERROR", "Failed to connect to backend gates", error)
    story.start_relay(reaches=["dewey", "fiedler"])
    story.call("gates_create_document")
    found = story.only()
    assert (found.code, found.title) == ("B13", "mcp-relay never reached gates")
    assert "tries 127.0.0.1:9050, where nobody answers" in found.explanation
    assert "port 9051 instead of 127.0.0.1:9050" in found.fix


def test_b13_tells_of_the_restart_and_the_address_before(story):
    story.start_relay()
    story.call("gates_create_document")
    story.wait(30)
    story.start_relay(reaches=["dewey", "fiedler"])
    story.call("gates_create_document")
    found = story.only()
    assert (found.code, found.title) == ("B13", "mcp-relay has not reached gates since its restart")
    assert "It reached gates, at ws://localhost:9051, until it was restarted at 21:00:" in found.explanation
    assert "ws://localhost:9051" in found.fix
    route = next(r["id"] for r in story.records if r["message"] == "Routing tool to backend: gates")
    assert route in found.evidence


def test_ports_inside_containers_are_no_addresses(story):
    """Where ports are mapped, what a server says about its own port leads nobody to it."""
    story.tell("dewey", "INFO", "Dewey MCP server starting", {"port": 9020})
    story.tell("gates", "INFO", "Gates MCP server starting", {"port": 9050})
    story.start_relay(reaches=["dewey", "fiedler"])
    story.call("dewey_search")
    story.call("gates_create_document")
    found = story.only()
    assert found.code == "B13"
    assert "9050" not in found.explanation + found.fix


def test_idle_component_without_a_sign_of_serving_owns_no_foreign_family(new_story):
    """Gates connects to Playfair by itself: that Playfair is idle does not make it the browser's backend."""
    story = new_story(backends=["dewey", "fiedler"])
    story.tell("playfair", "INFO", "Client connected", {"client_id": "c1", "ip": "::ffff:127.0.0.1"})
    story.start_relay()
    story.call("browser_tabs")
    story.call("browser_navigate")
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("B13", "browser", "mcp-relay")


def test_a_start_is_not_late_by_a_clock_that_may_be_ahead(story):
    """The other backend's clock is four seconds ahead, so this one's may be, too."""
    hello = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "relay", "version": "1"},
    }
    for rpc_id in range(1, 4):
        ask = {"jsonrpc": "2.0", "id": rpc_id, "method": "initialize", "params": hello}
        story.message(story.relay, "sent", "dewey", ask)
        story.wait(4)
        story.message("dewey", "received", story.relay, ask)
        story.message("dewey", "sent", story.relay, {"jsonrpc": "2.0", "id": rpc_id, "result": {}})
        story.wait(-4)
        story.message(story.relay, "received", "dewey", {"jsonrpc": "2.0", "id": rpc_id, "result": {}})
    story.start_relay(reaches=["dewey", "fiedler"])
    story.wait(3)
    story.tell("gates", "INFO", "Gates MCP server starting", {"port": 9051})
    story.call("gates_create_document")
    assert story.codes() == ["B13"]


def test_late_server_that_nobody_asked_for_is_a_note(story):
    story.start_relay()
    story.call("dewey_search")
    story.wait(60)
    story.tell("marco", "INFO", "Marco MCP server starting", {"host": "0.0.0.0", "port": 9031})
    assert story.codes() == []
    assert [finding.code for finding in story.diagnose().ranked] == ["R02"]


def test_server_added_under_a_wrong_address_did_not_come_late(story):
    story.start_relay(reaches=["dewey", "fiedler"])
    story.wait(5)
    story.tell("gates", "INFO", "Gates MCP server starting", {"host": "0.0.0.0", "port": 9051})
    story.wait(5)
    story.call("relay_add_server", {"name": "gates", "url": "ws://localhost:9999"})
    story.call("gates_create_document")
    story.call("dewey_search")
    found = story.only()
    assert found.code == "B13"
    assert "tries ws://localhost:9999" in found.explanation


def test_nobody_is_invented_to_be_the_backend_of_a_foreign_tool(story):
    story.tell("playfair", "INFO", "Client connected", {"client_id": "c1", "ip": "::ffff:127.0.0.1"})
    story.tell(
        "playfair", "TRACE", "MCP request received", {"client_id": "c2", "method": "initialize", "id": 1}
    )
    story.start_relay()
    story.call("github_create_issue")
    found = story.diagnose().ranked[0]
    assert found.code == "B13"
    assert "may be" not in found.explanation


def test_a_refusal_that_overtook_its_call_is_no_fault_of_an_earlier_one(story):
    story.start_relay()
    story.call("gates_list_capabilities")
    story.start_relay(reaches=["dewey", "fiedler"])
    trace = story.trace()
    data = {"tool_name": "gates_list_capabilities", "available_tools": list(story.table)}
    story.tell(story.relay, "ERROR", "Unknown tool: gates_list_capabilities", data, trace)
    data = {"tool_name": "gates_list_capabilities", "arguments": {}}
    story.tell(story.relay, "TRACE", "Tool call received: gates_list_capabilities", data, trace)
    found = story.diagnose()
    assert (story.only().component, found.calls["total"], found.calls["error"]) == ("gates", 2, 1)


def test_b10_where_the_relay_does_not_log_its_lists(story):
    story.start_relay(reaches=["dewey", "fiedler"])
    story.call("dewey_search")
    story.call("relay_add_server", {"name": "gates", "url": "ws://localhost:9051"})
    story.connect("gates")
    story.tell("claude-code", "ERROR", "No such tool available: mcp__iccm__gates_create_document")
    found = story.only()
    assert (found.code, found.component, found.cause_in) == ("B10", "gates", story.relay)


def visit_before_the_relay(story):
    """A visitor whom nobody names comes to a server that starts before the relay and the other server."""
    story.tell("dewey", "INFO", "Dewey MCP server starting", {"port": 9020})
    story.tell("dewey", "INFO", "Client connected", {"client_id": "c1", "ip": "::ffff:127.0.0.1"})
    story.wait(10)
    story.tell("fiedler", "INFO", "Fiedler MCP server starting", {"port": 9012})
    story.start_relay(reaches=["dewey", "fiedler"])
    story.call("fiedler_send")
    for record in story.records:
        if record["component"] == "dewey" and record["message"] == "MCP request received":
            record["data"]["client_id"] = "c2"


def test_r14_a_visitor_who_came_before_all_who_log(story):
    visit_before_the_relay(story)
    found = story.only()
    assert (found.code, found.severity, found.cause_in) == ("R14", "warning", story.relay)
    assert "connected to dewey" in found.summary


def test_r14_not_where_another_one_who_was_up_may_be_the_visitor(story):
    story.tell("marco", "INFO", "still here")
    visit_before_the_relay(story)
    assert story.codes() == []


def test_r14_not_where_the_relay_was_up(story):
    story.start_relay(reaches=["dewey"])
    visit_before_the_relay(story)
    assert story.codes() == []
