"""How both ends of a message find each other, in what order, and how far their clocks are apart."""

from __future__ import annotations

import pytest

import godot_analysis as ga
from godot_analysis.loading.tables import log_table, record_id


def reconstruct(table: str) -> ga.Flow:
    return ga.reconstruct(log_table(table))


def test_a_trace_id_in_common_joins_surest():
    flow = reconstruct("""
        0.0 relay sends gates ? 3 tools/call a @t
        0.1 gates gets  relay ? 3 tools/call a @t
        0.2 relay sends gates ? 3 tools/call a @u
        0.3 gates gets  relay ? 3 tools/call a @u
    """)
    assert flow.hops["joined_by"].tolist() == ["trace", "trace"]
    assert flow.hops["sent_record"].tolist() == [record_id(1), record_id(3)]
    assert flow.hops["received_record"].tolist() == [record_id(2), record_id(4)]


def test_without_a_trace_an_id_that_is_used_once_joins():
    flow = reconstruct("""
        0.0 relay sends gates ? 41 tools/call a @t
        0.1 gates gets  relay ? 41 tools/call a @other
    """)
    assert flow.hops["joined_by"].tolist() == ["id"]


def test_of_a_reused_id_the_arguments_decide():
    flow = reconstruct("""
        0.000 relay sends gates ? 3 tools/call a {"n": 1}
        0.001 relay sends gates ? 3 tools/call a {"n": 2}
        0.004 gates gets  relay ? 3 tools/call a {"n": 2}
        0.005 gates gets  relay ? 3 tools/call a {"n": 1}
    """)
    assert flow.hops["joined_by"].tolist() == ["content", "content"]
    assert [hop["params"]["arguments"]["n"] for hop in flow.hops["payload"]] == [1, 2]
    assert flow.hops["received_record"].tolist() == [record_id(4), record_id(3)]


def test_a_lost_one_among_equals_shifts_no_other():
    flow = reconstruct("""
        0.00 relay sends gates ? 3 tools/call a {}
        0.01 gates gets  relay ? 3 tools/call a {}
        0.02 gates sends relay = 3
        0.03 relay gets  gates = 3
        0.25 relay sends gates ? 3 tools/call a {}
        0.50 relay sends gates ? 3 tools/call a {}
        0.51 gates gets  relay ? 3 tools/call a {}
        0.52 gates sends relay = 3
        0.53 relay gets  gates = 3
        9.00 gates says INFO alive
    """)
    assert flow.hops.query("kind == 'request'")["seen"].tolist() == ["both", "sender", "both"]
    assert flow.calls["status"].tolist() == ["answered", "lost", "answered"]


def test_clocks_that_differ_by_an_hour():
    flow = reconstruct("""
        0.000    relay sends gates ? 1 tools/call a @t
        3600.010 gates gets  relay ? 1 tools/call a @t
        3600.012 gates sends relay = 1 @t
        0.022    relay gets  gates = 1 @t
        1.000    relay sends gates ? 2 tools/call a @u
        3601.002 gates gets  relay ? 2 tools/call a @u
        3601.012 gates sends relay = 2 @u
        1.020    relay gets  gates = 2 @u
    """)
    clock = flow.clocks.set_index("component").loc["gates"]
    assert clock["reference"] == "relay"
    assert abs(clock["offset_us"] - 3_600_000_000) <= clock["error_us"] <= 6_000
    assert clock["pairs"] == 2
    assert flow.hops["kind"].tolist() == ["request", "response", "request", "response"]
    assert flow.calls["duration_ms"].tolist() == pytest.approx([22, 20])


def test_clocks_that_differ_and_no_id_in_common():
    rows = []
    for number in range(4):
        rows += [
            f'{number}.000 relay sends gates ? 3 tools/call a {{"n": {number}}}',
            f"{number}.010 relay gets  gates = 3",
            f'{number + 1000}.004 gates gets  relay ? 3 tools/call a {{"n": {number}}}',
            f"{number + 1000}.006 gates sends relay = 3",
        ]
    flow = reconstruct("\n".join(rows))
    assert flow.hops["seen"].tolist() == ["both"] * 8
    assert flow.calls["status"].tolist() == ["answered"] * 4


def test_an_answer_is_never_before_its_question():
    flow = reconstruct("""
        0.000 relay sends gates ? 3 tools/call a @t
        0.001 relay gets  gates = 3 @t
        0.002 relay gets  client ? 8 tools/call a @t
        0.003 gates sends relay = 3
        0.004 gates gets  relay ? 3 tools/call a
        0.005 relay sends client = 8 @t
    """)
    assert flow.calls[["caller", "callee", "status"]].to_numpy().tolist() == [
        ["client", "relay", "answered"],
        ["relay", "gates", "answered"],
    ]
    hops = flow.hops[["sender", "receiver", "kind"]].to_numpy().tolist()
    assert hops == [
        ["client", "relay", "request"],
        ["relay", "gates", "request"],
        ["gates", "relay", "response"],
        ["relay", "client", "response"],
    ]


def test_an_answer_that_was_logged_before_its_question():
    flow = reconstruct("""
        0.000 gates sends relay = 3 #s
        0.001 gates gets  relay ? 3 tools/call a #s
    """)
    assert flow.calls["status"].tolist() == ["answered"]
    assert flow.hops["kind"].tolist() == ["request", "response"]
    assert flow.calls["duration_ms"].tolist() == [0.0]


def test_a_component_that_logs_under_another_name_than_it_is_called():
    flow = reconstruct("""
        0.0 claude sends iccm   ? 1 tools/call a
        0.1 relay  gets  client ? 1 tools/call a
        0.2 relay  sends client = 1
        0.3 claude gets  iccm   = 1
    """)
    assert flow.calls[["caller", "callee"]].to_numpy().tolist() == [["claude", "relay"]]
    assert flow.hops["seen"].tolist() == ["both", "both"]
    assert flow.messages["receiver"].tolist() == ["relay", "relay", "claude", "claude"]


def test_notifications_and_noise_are_hops_too():
    flow = reconstruct("""
        0.0 relay sends gates ~ notifications/initialized
        0.1 gates gets  relay ~ notifications/initialized
        0.2 gates sends relay * Listening on 9051
        0.3 relay gets  gates * Listening on 9051
        0.4 relay gets  gates * and one more line
    """)
    assert flow.hops[["kind", "seen"]].to_numpy().tolist() == [
        ["notification", "both"],
        ["invalid", "both"],
        ["invalid", "receiver"],
    ]
    assert flow.calls.empty


def test_the_members_of_a_batch_travel_one_by_one():
    logs = log_table("0.0 relay sends gates ? 1 ping\n0.1 relay gets gates = 1")
    logs["data"].iloc[0]["mcp"]["payload"] = [
        {"jsonrpc": "2.0", "id": 1, "method": "ping"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
    ]
    logs["data"].iloc[1]["mcp"]["payload"] = [
        {"jsonrpc": "2.0", "id": 2, "result": {"tools": []}},
        {"jsonrpc": "2.0", "id": 1, "result": {}},
    ]
    flow = ga.reconstruct(logs)
    assert flow.calls[["method", "status"]].to_numpy().tolist() == [
        ["ping", "answered"],
        ["tools/list", "answered"],
    ]


def test_a_call_of_somebody_who_logs_no_sending_is_put_under_what_it_worked_on():
    flow = reconstruct("""
        0.0 relay    sends gates    ? 3 tools/call create @t
        0.1 gates    gets  relay    ? 3 tools/call create @t
        0.2 playfair says TRACE MCP request received {"method": "tools/call", "id": "x", "client_id": "c2"}
        0.2 playfair says TRACE Tool call started {"tool_name": "draw", "client_id": "c2"}
        0.3 playfair says TRACE MCP response sent {"method": "tools/call", "id": "x", "client_id": "c2"}
        0.4 gates    sends relay    = 3 @t
        0.5 relay    gets  gates    = 3 @t
    """)
    assert flow.calls[["parent", "caller", "callee", "tool"]].astype(object).to_numpy().tolist()[1] == [
        0,
        "gates",
        "playfair",
        "draw",
    ]
    assert "at work" in flow.calls["note"].iloc[1]
    assert "sender" in flow.hops.query("receiver == 'playfair'")["inferred"].iloc[0]


def test_what_was_sent_to_a_silent_server_was_not_received_by_another():
    flow = reconstruct("""
        0.00 host  sends silent ~ notifications/initialized
        0.01 host  sends gates  ~ notifications/initialized
        0.02 gates gets  host   ~ notifications/initialized
    """)
    assert flow.hops[["receiver", "seen"]].to_numpy().tolist() == [["silent", "sender"], ["gates", "both"]]


def test_one_doubtful_answer_leaves_the_other_streams_as_they_are():
    plain = [
        f"{n}.{step} {who}"
        for n in range(1, 4)
        for step, who in enumerate(
            (
                f"relay sends gates ? {n} tools/call a",
                f"gates gets relay ? {n} tools/call a",
                f"gates sends relay = {n}",
                f"relay gets gates = {n}",
            )
        )
    ]
    doubtful = ["9.0 client sends relay ? 1 ping", "9.1 client gets relay = 2", "9.2 client gets relay = 1"]
    flow = reconstruct("\n".join([*plain, *doubtful]))
    assert flow.calls["status"].tolist() == ["answered"] * 5
    assert flow.calls["note"].tolist().count("its request is not in the log") == 1


@pytest.mark.parametrize(
    ("servers", "joined"),
    [
        # The one server of the one client, each called by a name of the other's choice.
        ("0.0 gates gets bridge ? 1 tools/list", {"client", "gates"}),
        # A silent relay, hub to its client and bridge to its servers: nobody is who they took it for.
        ("0.0 gates gets bridge ? 1 tools/list\n 0.0 dewey gets bridge ? 1 tools/list", {"client", "hub"}),
        ("0.0 gates gets bridge ? 1 tools/list\n 5.0 dewey gets bridge ? 7 ping", {"client", "hub"}),
    ],
)
def test_a_silent_one_between_is_neither_end(servers, joined):
    flow = reconstruct(f"0.0 client sends hub ? 1 tools/list\n{servers}")
    call = flow.calls.query("caller == 'client'").iloc[0]
    assert {call["caller"], call["callee"]} == joined


def test_clients_that_introduce_themselves_alike_are_not_one():
    flow = reconstruct("""
        0.0 alice sends first  ? 1 tools/call a {"n": 1}
        0.1 gates gets  client ? 1 tools/call a {"n": 1}
        9.0 bob   sends second ? 2 tools/call b {"n": 2}
        9.1 dewey gets  client ? 2 tools/call b {"n": 2}
    """)
    assert flow.calls[["caller", "callee"]].to_numpy().tolist() == [["alice", "gates"], ["bob", "dewey"]]


@pytest.mark.parametrize(("transports", "calls"), [(("http", "stdio"), 2), (("http", "streamable"), 1)])
def test_ends_that_speak_over_different_transports_are_not_joined_by_likeness(transports, calls):
    logs = log_table("""
        0.0 host   sends silent ? 1 tools/list
        0.1 github gets  cursor ? 1 tools/list
    """)
    for data, transport in zip(logs["data"], transports, strict=True):
        data["mcp"]["transport"] = transport
    assert len(ga.reconstruct(logs).calls) == calls


HELLO = '{"serverInfo": {"name": "%s"}, "capabilities": {}}'
TOOLS = '{"tools": [{"name": "%s"}]}'


@pytest.mark.parametrize(
    ("method", "heard", "said", "callees"),
    [
        ("initialize", HELLO % "jira", HELLO % "search", {"jira", "search"}),
        ("tools/list", TOOLS % "find_issue", TOOLS % "find_page", {"jira", "search"}),
        ("tools/list", TOOLS % "find_page", TOOLS % "find_page", {"search"}),
        ("tools/list", TOOLS % "find_issue", "{}", {"search"}),
    ],
)
def test_a_server_that_does_not_log_is_not_one_that_introduced_itself_differently(
    method, heard, said, callees
):
    flow = reconstruct(f"""
        0.0 agent  sends jira  ? 1 {method}
        0.1 agent  gets  jira  = 1 {heard}
        0.5 agent  sends jira  ? 2 tools/call find
        0.6 agent  gets  jira  = 2
        1.0 search gets  agent ? 1 {method}
        1.1 search sends agent = 1 {said}
        1.5 search gets  agent ? 2 tools/call find
        1.6 search sends agent = 2
    """)
    assert set(flow.calls["callee"]) == callees
    assert len(flow.calls) == 2 * len(callees)


def test_a_server_called_by_another_name_is_found_behind_one_that_does_not_log():
    flow = reconstruct(f"""
        0.0 agent  sends jira  ? 1 initialize
        0.1 agent  gets  jira  = 1 {HELLO % "jira"}
        0.0 agent  sends find  ? 1 initialize
        0.3 agent  gets  find  = 1 {HELLO % "search"}
        0.1 search gets  agent ? 1 initialize
        0.2 search sends agent = 1 {HELLO % "search"}
    """)
    assert flow.calls["callee"].tolist() == ["jira", "search"]


def test_what_a_trace_joins_may_name_its_transport_differently():
    logs = log_table("""
        0.0 host  sends gates ? 1 tools/call a @t
        0.1 gates gets  host  ? 1 tools/call a @t
    """)
    for data, transport in zip(logs["data"], ("stdio", "websocket"), strict=True):
        data["mcp"]["transport"] = transport
    assert ga.reconstruct(logs).calls["callee"].tolist() == ["gates"]
