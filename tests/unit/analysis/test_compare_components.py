"""Two components of one log: reached or not, greeted, listed, called; and two hops of one list."""

from __future__ import annotations

import json

import pytest

import godot_analysis as ga
from godot_analysis.loading.tables import log_table

SERVER = {
    "protocolVersion": "2025-11-25",
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "x", "version": "1"},
}


def tool(name, **schema):
    return {
        "name": name,
        "description": "d",
        "inputSchema": {"type": "object", "properties": {}, "additionalProperties": False, **schema},
    }


def greeted(name, at, result=None):
    return f"""
        {at}.0 relay sends {name} ? 1 initialize {{"protocolVersion": "2025-11-25"}} #{name}
        {at}.1 relay gets {name} = 1 {json.dumps(SERVER if result is None else result)} #{name}
    """


def listed(name, at, *tools, rpc_id=2, reader="relay", cursor=None, following=None):
    asked = json.dumps({"cursor": cursor}) if cursor else ""
    result = {"tools": list(tools)} | ({"nextCursor": following} if following else {})
    return f"""
        {at}.2 {reader} sends {name} ? {rpc_id} tools/list {asked} #{name}
        {at}.3 {reader} gets {name} = {rpc_id} {json.dumps(result)} #{name}
    """


def called(name, at, which, answer='= 3 {"content": []}'):
    return f"""
        {at}.4 relay sends {name} ? 3 tools/call {which} {{}} #{name}
        {at}.5 relay gets {name} {answer} #{name}
    """


def compare(a, b, *tables, **how):
    lines = [line for table in tables for line in table.strip().splitlines()]
    return ga.compare(a, b, logs=log_table("\n".join(lines)), **how)


def kinds(comparison):
    return {item.kind for item in comparison.ranked}


def test_two_servers_that_work_differ_in_manner_only():
    found = compare(
        "gates", "dewey",
        greeted("gates", 1), listed("gates", 1, tool("gates_a", properties={"x": {"maxLength": 3}})),
        greeted("dewey", 2), listed("dewey", 2, tool("dewey_a", required=[])),
    )  # fmt: skip
    assert not found.breaking
    assert kinds(found) == {"style"}
    assert {item.path for item in found.ranked} >= {
        "style/keyword/maxLength",
        "style/convention/required is an empty list",
    }
    assert any("different servers (1 and 1 tools)" in remark for remark in found.remarks)


def test_the_one_that_nobody_connected_to_is_told_first_and_alone():
    found = compare(
        "gates", "dewey",
        greeted("dewey", 2), listed("dewey", 2, tool("dewey_a")),
        "3.0 gates says INFO server starting",
        "4.0 relay gets client ? 7 tools/call gates_a {}", "4.1 relay sends client ! 7 -32603 Unknown tool: gates_a",
    )  # fmt: skip
    assert [(item.kind, item.affects) for item in found.ranked] == [("never reached", "caller")]
    assert "1 call of its tools ended before getting there" in found.first.message
    assert len(found.first.evidence) >= 1
    assert (
        "on the right"
        in compare("dewey", "gates", greeted("dewey", 2), "3.0 gates says INFO up").first.message
    )


def test_a_component_that_never_logged_is_known_by_its_tools():
    found = compare("gates", "dewey", greeted("dewey", 2), "4.0 relay gets client ? 7 tools/call gates_a {}")
    assert "logged nothing" in found.first.message


def test_a_name_nobody_knows_is_refused_with_the_nearest():
    with pytest.raises(ga.BadFilter, match="did you mean gates"):
        compare("gatse", "dewey", greeted("dewey", 1), greeted("gates", 2))
    with pytest.raises(ga.BadFrame):
        ga.compare("gates", "dewey")


def test_a_component_does_not_differ_from_itself():
    assert compare("dewey", "dewey", greeted("dewey", 1)).ranked == ()


def test_a_refused_handshake_breaks():
    refused = "1.0 relay sends gates ? 1 initialize {}\n1.1 relay gets gates ! 1 -32602 Unsupported protocol version"
    found = compare("gates", "dewey", refused, greeted("dewey", 2))
    assert [(item.path, item.judgement) for item in found.ranked if item.kind == "not answered"] == [
        ("initialize", "breaking")
    ]


@pytest.mark.parametrize(
    ("change", "kind", "judgement"),
    [
        ({"capabilities": {}}, "capability removed", "breaking"),
        ({"capabilities": {"tools": {}, "logging": {}}}, "capability added", "compatible"),
        ({"capabilities": {"tools": {"listChanged": True}}}, "capability", "compatible"),
        ({"protocolVersion": "2024-11-05"}, "protocol version", "compatible"),
        ({"protocolVersion": "2026-07-28"}, "protocol era", "breaking"),
        ({"serverInfo": {"name": "y", "version": "2"}}, "server info", "cosmetic"),
        ({"instructions": "be kind"}, "extension", "cosmetic"),
        ({"capabilities": ["tools"]}, "handshake shape", "breaking"),
        ({"serverInfo": None}, "handshake shape", "breaking"),
    ],
)
def test_answers_to_the_handshake(change, kind, judgement):
    found = compare(
        "dewey", "gates", greeted("dewey", 1), greeted("gates", 2, {**SERVER, **change}), what="initialize"
    )
    assert [(item.kind, item.judgement) for item in found.ranked] == [(kind, judgement)]
    assert found.ranked[0].evidence


def test_a_shape_that_works_all_the_same_breaks_nobody():
    odd = {"name": "playfair", "capabilities": ["tools"]}
    works = called("playfair", 2, "playfair_a")
    assert not compare(
        "dewey", "playfair", greeted("dewey", 1), greeted("playfair", 2, odd), works, what="initialize"
    ).breaking
    assert compare(
        "dewey", "playfair", greeted("dewey", 1), greeted("playfair", 2, odd), what="initialize"
    ).breaking


def test_calls_that_never_succeed_break():
    fails = called("marco", 2, "marco_a", "! 3 -32601 Method not found")
    found = compare(
        "dewey", "marco", greeted("dewey", 1), called("dewey", 1, "dewey_a"), greeted("marco", 2), fails
    )
    [calls] = [item for item in found.ranked if item.kind == "calls fail"]
    assert calls.message == "dewey: 1 of 1 calls answered; marco: 0 of 1 calls answered"
    assert found.breaking


def test_a_list_that_one_was_never_asked_for():
    found = compare(
        "dewey", "gates", greeted("dewey", 1), listed("dewey", 1, tool("dewey_a")), greeted("gates", 2)
    )
    assert [item.path for item in found.ranked if item.kind == "not asked"] == ["tools/list"]


def test_blue_and_green_of_one_server_are_compared_tool_by_tool():
    found = compare(
        "gates", "gates-green",
        greeted("gates", 1), listed("gates", 1, tool("gates_a"), tool("gates_b")),
        greeted("gates-green", 2), listed("gates-green", 2, tool("gates_a")),
    )  # fmt: skip
    assert [(item.kind, item.tool) for item in found.ranked] == [("tool removed", "gates_b")]


def test_pages_are_joined_and_the_latest_reading_counts():
    old = listed("gates", 1, tool("gates_old"))
    first = listed("gates", 2, tool("gates_a"), rpc_id=4, following="p2")
    second = listed("gates", 3, tool("gates_b"), rpc_id=5, cursor="p2")
    other = listed("green", 5, tool("gates_a"), tool("gates_b"))
    found = compare("gates", "green", greeted("gates", 0), old, first, second, greeted("green", 4), other)
    assert found.ranked == ()
    cut = compare("gates", "green", greeted("gates", 0), first, greeted("green", 4), other)
    assert any("only the first pages" in remark for remark in cut.remarks)


RELAYED = {"properties": {"path": {"$ref": "#/$defs/P"}}, "$defs": {"P": {"type": "string"}}}


@pytest.mark.parametrize("order", [("gates", "relay"), ("relay", "gates")])
def test_what_a_relay_made_of_a_list(order):
    stripped = {"properties": RELAYED["properties"]}
    found = compare(
        *order,
        greeted("gates", 1), listed("gates", 1, tool("gates_a", **RELAYED), tool("gates_b")),
        greeted("dewey", 2), listed("dewey", 2, tool("dewey_b")),
        listed("relay", 3, tool("gates_a", **stripped), tool("dewey_b"), tool("relay_status"), reader="client"),
    )  # fmt: skip
    assert (found.left, found.right) == ("gates", "relay")
    breaking = [(item.kind, item.tool, item.path) for item in found.ranked if item.breaking]
    assert breaking == [
        ("tool removed", "gates_b", "tools/gates_b"),
        ("dangling reference", "gates_a", "tools/gates_a/inputSchema/properties/path"),
    ]
    assert all(item.evidence for item in found.ranked)


def test_a_relay_that_passes_on_what_it_got_is_faithful():
    tools = tool("gates_a", **RELAYED), tool("gates_b")
    found = compare(
        "gates", "relay",
        greeted("gates", 1), listed("gates", 1, *tools),
        listed("relay", 3, *tools, tool("relay_status"), reader="client"),
    )  # fmt: skip
    assert found.ranked == ()
    prefixed = [{**one, "name": f"gates__{one['name']}"} for one in tools]
    found = compare(
        "gates",
        "relay",
        greeted("gates", 1),
        listed("gates", 1, *tools),
        listed("relay", 3, *prefixed, reader="client"),
    )
    assert kinds(found) == {"tool renamed"}


def test_lists_that_were_not_logged_are_said_to_be_unknown():
    found = compare("gates", "dewey", greeted("gates", 1), greeted("dewey", 2))
    assert found.remarks == (
        "no list of the tools of gates is in the log",
        "no list of the tools of dewey is in the log",
    )


@pytest.mark.parametrize(
    ("a", "b", "kind"), [("gates", "dewey", "never reached"), ("playfair", "dewey", None)]
)
def test_the_demo_with_its_fault(demo_capture, a, b, kind):
    found = ga.compare(a, b, logs=demo_capture("bug13"))
    assert found.breaking is (kind is not None)
    assert kind is None or found.first.kind == kind


@pytest.mark.parametrize(
    ("name", "a", "kind"),
    [
        ("bug13", "gates", "never reached"),
        ("marco_calls_not_understood", "marco", "calls fail"),
        ("healthy", "gates", None),
    ],
)
def test_the_original_system(shared_captures, name, a, kind):
    found = ga.compare(a, "dewey", logs=ga.load_logs(source=shared_captures / f"{name}.jsonl"))
    assert found.breaking is (kind is not None)
    assert kind is None or found.first.kind == kind


def test_no_two_backends_of_a_healthy_system_are_broken(demo_capture):
    logs = ga.reconstruct(demo_capture("healthy"))
    names = ["gates", "dewey", "fiedler", "playfair", "relay"]
    for one in names:
        for other in names:
            assert not ga.compare(one, other, logs=logs).breaking, (one, other)


def test_nothing_to_compare_is_no_agreement():
    found = compare("gates", "dewey", "0.0 gates says INFO up", "0.1 dewey says INFO up")
    assert (found.breaking, found.summary) == (False, "Nothing to compare between gates and dewey.")
    for shown in (str(found), found._repr_html_()):
        assert "✓" not in shown
        assert "no list of the tools of gates is in the log" in shown
    empty = ga.from_records([])
    assert "✓" not in str(ga.compare(empty, empty))
    assert "Nothing to compare" in str(
        compare("gates", "dewey", "0 gates says INFO up", "1 dewey says INFO up", what="initialize")
    )


def test_agreement_reaches_as_far_as_both_were_seen():
    found = compare("gates", "dewey", greeted("gates", 1), greeted("dewey", 2))
    assert str(found).startswith(
        "No difference between gates and dewey in how they were greeted, which is all"
    )
    alike = compare("gates", "dewey", greeted("gates", 1), greeted("dewey", 2), what="initialize")
    assert str(alike) == "✓ No difference between gates and dewey."
