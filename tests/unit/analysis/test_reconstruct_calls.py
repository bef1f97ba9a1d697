"""How requests find their ends: each test is a small log, written by hand, and the calls that it shows."""

from __future__ import annotations

import re

import pandas as pd
import pytest

import godot_analysis as ga
from godot_analysis.loading.tables import log_table, record_id


def told(flow: ga.Flow) -> list[str]:
    """One line for each call, indented under the call that caused it."""
    depth: dict[int, int] = {}
    lines = []
    for call in flow.calls.itertuples():
        depth[call.call] = 0 if pd.isna(call.parent) else depth[call.parent] + 1
        ends = [name if isinstance(name, str) else "?" for name in (call.caller, call.callee)]
        what = call.tool if isinstance(call.tool, str) else call.method
        end = call.status if pd.isna(call.lost_at) else f"{call.status} at {call.lost_at}"
        again = f" x{call.attempts}" if call.attempts > 1 else ""
        lines.append(f"{'  ' * depth[call.call]}{ends[0]} → {ends[1]} {what}: {end}{again}")
    return lines


def reconstruct(table: str) -> ga.Flow:
    return ga.reconstruct(log_table(table))


def test_a_call_through_a_router_is_seen_by_everyone():
    flow = reconstruct("""
        0.000 client sends relay  ? 7 tools/call open {"n": 1}  @t
        0.001 relay  gets  client ? 7 tools/call open {"n": 1}  @t
        0.002 relay  sends gates  ? 3 tools/call open {"n": 1}  @t
        0.003 gates  gets  relay  ? 3 tools/call open {"n": 1}  @t
        0.004 gates  sends relay  = 3 {"content": []}           @t
        0.005 relay  gets  gates  = 3 {"content": []}           @t
        0.006 relay  sends client = 7 {"content": []}           @t
        0.007 client gets  relay  = 7 {"content": []}           @t
    """)
    assert told(flow) == ["client → relay open: answered", "  relay → gates open: answered"]
    assert len(flow.hops) == 4
    assert set(flow.hops["seen"]) == {"both"}
    assert flow.hops["method"].tolist() == ["tools/call"] * 4, "answers know the method of their question"
    assert flow.hops["sender"].tolist() == ["client", "relay", "gates", "relay"]
    first = flow.calls.iloc[0]
    assert first["arguments"] == {"n": 1}
    assert first["result"] == {"content": []}
    assert first["duration_ms"] == pytest.approx(7.0)
    assert first["evidence"] == [record_id(line) for line in (1, 2, 7, 8)]
    assert flow.count_operations()["total"] == flow.count_operations()["answered"] == 1


@pytest.mark.parametrize("observer", ["client", "relay"])
def test_one_end_is_enough(observer: str):
    lines = """
        0.000 client sends relay  ? 7 ping
        0.001 relay  gets  client ? 7 ping
        0.006 relay  sends client = 7
        0.007 client gets  relay  = 7
    """.splitlines()
    flow = reconstruct("\n".join(line for line in lines if f" {observer} " in line.split("s ")[0] + " "))
    assert told(flow) == ["client → relay ping: answered"]
    assert set(flow.hops["seen"]) == {"sender", "receiver"}


def test_errors_and_failures_inside_a_result():
    flow = reconstruct("""
        0.0 relay sends gates ? 1 tools/call a
        0.1 relay gets  gates ! 1 -32602 no such argument
        0.2 relay sends gates ? 2 tools/call b
        0.3 relay gets  gates = 2 {"isError": true, "content": [{"type": "text", "text": "disk full"}]}
        0.4 relay sends gates ? 3 tools/call c
        0.5 relay gets  gates = 3 {"content": [{"type": "text", "text": "{\\"error\\": \\"disk full\\"}"}]}
    """)
    assert flow.calls["status"].tolist() == ["error", "tool_error", "answered"]
    assert flow.calls["error_text"].tolist()[:2] == ["no such argument", "disk full"]
    assert flow.calls["error_code"].tolist()[0] == -32602
    assert flow.calls["result"].iloc[2]["content"][0]["text"] == '{"error": "disk full"}'


def test_an_id_that_is_used_again_is_told_apart_in_time():
    flow = reconstruct("""
        0.0 relay sends gates ? 3 tools/call a
        0.1 relay gets  gates = 3 {"n": 1}
        0.2 relay sends gates ? 3 tools/call b
        0.3 relay sends gates ? 3 tools/call c
        0.4 relay gets  gates = 3 {"n": 3}
    """)
    assert told(flow) == [
        "relay → gates a: answered",
        "relay → gates b: pending",
        "relay → gates c: answered",
    ]
    assert flow.calls["result"].tolist() == [{"n": 1}, None, {"n": 3}]


def test_answers_out_of_turn_find_their_questions_by_id():
    flow = reconstruct("""
        0.0 relay sends gates ? 1 tools/call slow
        0.1 relay sends gates ? 2 tools/call fast
        0.2 relay gets  gates = 2 {"of": "fast"}
        0.3 relay gets  gates = 1 {"of": "slow"}
    """)
    assert dict(zip(flow.calls["tool"], flow.calls["result"], strict=True)) == {
        "slow": {"of": "slow"},
        "fast": {"of": "fast"},
    }


def test_an_id_of_another_type_is_another_id():
    flow = reconstruct("""
        0.0 relay sends gates ? 1 tools/call a
        0.1 relay gets  gates = "1"
    """)
    assert told(flow) == ["relay → gates a: pending"]
    assert "another type" in flow.calls["note"].iloc[0]
    assert flow.hops["rpc_id"].tolist() == ["1", '"1"']


def test_a_second_answer_makes_no_second_call():
    flow = reconstruct("""
        0.0 relay sends gates ? 1 tools/call a
        0.1 relay gets  gates = 1
        0.2 relay gets  gates = 1
        0.3 relay gets  gates ! null -32700 parse error
    """)
    assert told(flow) == ["relay → gates a: answered"]
    assert len(flow.hops) == 4
    assert flow.hops["call"].isna().tolist() == [False, False, True, True]


def test_cancelled_calls_stay_cancelled_when_the_answer_comes_late():
    flow = reconstruct("""
        0.0 client sends relay ? 5 tools/call slow
        0.1 client sends relay ? 6 tools/call slower
        1.0 client sends relay ~ notifications/cancelled {"requestId": 5, "reason": "the user pressed Escape"}
        1.1 client sends relay ~ notifications/cancelled {"requestId": 6, "reason": "Request timed out"}
        2.0 client gets  relay = 5
    """)
    assert told(flow) == ["client → relay slow: cancelled", "client → relay slower: timed_out"]
    assert "changes nothing" in flow.calls["note"].iloc[0]
    assert flow.calls["duration_ms"].iloc[0] == pytest.approx(1000)


def test_a_time_out_that_the_caller_logs():
    flow = reconstruct("""
        0.0  client sends relay ? 5 tools/call slow @t
        60.0 client says ERROR MCP error -32001: Request timed out @t
        61.0 client gets relay = 5 @t
    """)
    assert told(flow) == ["client → relay slow: timed_out"]


def test_what_never_arrives_is_lost_on_the_wire():
    flow = reconstruct("""
        0.0 relay sends gates ? 1 tools/call a
        0.1 gates gets  relay ? 1 tools/call a
        0.2 gates sends relay = 1
        0.3 relay gets  gates = 1
        1.0 relay sends gates ? 2 tools/call b
        5.0 relay sends gates ? 3 tools/call c
        5.1 gates gets  relay ? 3 tools/call c
        5.2 gates sends relay = 3
        9.0 gates says INFO still alive
    """)
    assert told(flow) == [
        "relay → gates a: answered",
        "relay → gates b: lost at wire",
        "relay → gates c: lost at wire",
    ]
    assert "answered" in flow.calls["note"].iloc[2]


def test_a_connection_made_anew_ends_what_the_receiver_never_answered():
    flow = reconstruct("""
        0.0 gates gets  relay ? 1 initialize
        0.1 gates sends relay = 1
        0.2 gates gets  relay ? 2 tools/call a
        3.0 gates gets  relay ? 1 initialize
        3.1 gates sends relay = 1
    """)
    assert told(flow)[1] == "relay → gates a: lost at receiver"


def test_what_cannot_be_sent_is_lost_at_the_sender():
    flow = reconstruct("""
        0.0 relay sends gates ? 1 tools/call a @t
        0.1 relay says ERROR connection to gates refused @t
    """)
    assert told(flow) == ["relay → gates a: lost at sender"]
    assert flow.calls["evidence"].iloc[0] == [record_id(1), record_id(2)]


def test_a_sender_that_still_reconnects_is_pending():
    flow = reconstruct("""
        0.0 relay sends gates ? 1 tools/call a @t
        0.1 relay says WARN Backend connection lost, reconnecting: gates {"backend": "gates"} @t
    """)
    assert told(flow) == ["relay → gates a: pending"]


def test_a_hole_in_the_log_is_no_loss_of_messages():
    flow = reconstruct("""
        0.0 relay sends gates ? 1 tools/call a
        0.1 gates gets  relay ? 1 tools/call a
        0.2 gates sends relay = 1
        0.3 relay gets  gates = 1
        1.0 relay sends gates ? 2 tools/call b
        1.2 relay says WARN 12 records lost {"lost": {"count": 12, "reason": "buffer_full", "from": "2026-01-01T00:00:01Z", "to": "2026-01-01T00:00:02Z"}}
        9.0 gates says INFO still alive
    """)
    assert told(flow)[1] == "relay → gates b: lost at logger"
    loss = flow.losses.iloc[0]
    assert (loss["component"], loss["count"], loss["source"]) == ("relay", 12, "loss record")
    assert loss["evidence"] == [record_id(6)]


def test_a_call_that_nobody_else_logs_is_pending():
    assert told(reconstruct("0.0 relay sends marco ? 1 tools/call a")) == ["relay → marco a: pending"]


def test_asking_again_under_a_new_id_is_one_operation():
    flow = reconstruct("""
        0.0 client sends relay ? 1 server/discover
        0.1 client gets  relay = 1 {"supportedVersions": ["2026-07-28"]}
        1.0 client sends relay ? 2 tools/call book {"to": "Rome"}
        1.1 client gets  relay = 2 {"resultType": "input_required", "inputRequests": {"a": {}}, "requestState": "x"}
        2.0 client says INFO the user answered
    """)
    assert flow.count_operations()["total"] == 1
    retried = log_table("""
        0.0 client sends relay ? 1 server/discover
        0.1 client gets  relay = 1 {"supportedVersions": ["2026-07-28"]}
        1.0 client sends relay ? 2 tools/call book {"to": "Rome"}
        1.1 client gets  relay = 2 {"resultType": "input_required", "inputRequests": {"a": {}}, "requestState": "x"}
        3.0 client sends relay ? 3 tools/call book {"to": "Rome"}
        3.1 client gets  relay = 3 {"resultType": "complete", "content": []}
    """)
    retried["data"].iloc[4]["mcp"]["payload"]["params"]["requestState"] = "x"
    flow = ga.reconstruct(retried)
    assert told(flow)[1:] == ["client → relay book: answered x2"]
    assert len(flow.hops) == 6
    assert flow.hops["call"].tolist() == [0, 0, 1, 1, 1, 1]
    assert set(flow.messages["era"]) == {"stateless"}


def test_what_a_router_sends_again_is_one_call():
    flow = reconstruct("""
        0.0 relay gets  client ? 9 tools/call a @t
        0.1 relay sends gates  ? 3 tools/call a @t #one
        0.2 relay says WARN Backend connection lost, reconnecting: gates @t
        5.0 relay sends gates  ? 1 initialize #two
        5.1 relay gets  gates  = 1 {"protocolVersion": "2025-06-18"} #two
        5.2 relay sends gates  ? 3 tools/call a @t #two
        5.3 relay gets  gates  = 3 @t #two
        5.4 relay sends client = 9 @t
    """)
    assert told(flow) == [
        "client → relay a: answered",
        "  relay → gates a: answered x2",
        "relay → gates initialize: answered",
    ]
    assert flow.count_operations()["total"] == 1


def test_a_client_that_refuses_by_itself_makes_no_call():
    flow = reconstruct("""
        0.0 client sends relay ? 1 tools/list
        0.1 client gets  relay = 1 {"tools": []}
        0.2 client says ERROR No such tool available: mcp__iccm__gates_open {"tool_name": "mcp__iccm__gates_open"}
        0.3 client says ERROR unknown tool name: gates_open
        0.4 client says ERROR Unknown tool: gates_open {"tool_name": "gates_open"}
    """)
    assert flow.count_operations()["total"] == 0


def test_a_router_that_only_logs_its_errors_still_shows_the_failed_call():
    flow = reconstruct("""
        0.0 relay says ERROR Unknown tool: gates_open {"tool_name": "gates_open", "available_tools": ["dewey_x"]}
    """)
    assert told(flow) == ["? → relay gates_open: error"]
    assert "request is not in the log" in flow.calls["note"].iloc[0]


ORIGINAL = """
    {at}.00 relay says TRACE Tool call received: {tool} {{"tool_name": "{tool}", "arguments": {{}}}} @{tool}{at}
    {at}.01 relay says TRACE Routing tool to backend: dewey {{"tool_name": "{tool}", "backend": "dewey"}} @{tool}{at}
    {at}.02 relay says TRACE Sending request to backend: dewey {{"request": {{"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {{"name": "{tool}", "arguments": {{}}}}}}}} @{tool}{at}
    {at}.03 dewey says TRACE MCP request received {{"method": "tools/call", "id": 3}}
    {at}.04 dewey says TRACE Tool call started {{"tool_name": "{tool}"}}
    {at}.05 dewey says TRACE Tool call completed {{"tool_name": "{tool}", "success": true}}
    {at}.06 relay says TRACE Received response from backend: dewey {{"response": {{"jsonrpc": "2.0", "id": 3, "result": {{"content": []}}}}}} @{tool}{at}
"""


def original(at: int, tool: str, without: str = "-") -> str:
    """One call through the original relay, without the records that hold a word."""
    return "\n".join(line for line in ORIGINAL.format(at=at, tool=tool).splitlines() if without not in line)


@pytest.mark.parametrize(
    "missing",
    [
        "nothing", "Tool call received", "Routing", "Sending", "MCP request received", "Tool call started",
        "Tool call completed", "Received response", "dewey says",
    ],
)  # fmt: skip
def test_one_missing_record_changes_no_count(missing: str):
    flow = reconstruct(original(1, "a") + original(2, "b", missing) + original(3, "c") + original(4, "d"))
    counts = flow.count_operations()
    assert (counts["total"], counts["answered"]) == (4, 4)
    assert flow.operations["tool"].tolist() == ["a", "b", "c", "d"]


@pytest.mark.parametrize("silent", ["relay says", "dewey says"])
def test_either_end_alone_shows_all_calls(silent: str):
    flow = reconstruct("".join(original(at, tool, silent) for at, tool in enumerate("abcd", 1)))
    counts = flow.count_operations()
    assert (counts["total"], counts["answered"]) == (4, 4)


def test_a_call_that_blocks_the_relay_is_pending():
    flow = reconstruct(
        original(1, "a") + original(2, "b", "Received response").replace("Tool call completed", "Still at")
    )
    assert told(flow)[2:] == ["? → relay b: pending", "  relay → dewey b: pending"]


def test_servers_ask_too():
    flow = reconstruct("""
        0.0 client sends relay  ? 1 tools/call a
        0.1 relay  gets  client ? 1 tools/call a
        0.2 relay  sends client ? 1 sampling/createMessage
        0.3 client gets  relay  ? 1 sampling/createMessage
        0.4 client sends relay  = 1 {"role": "assistant"}
        0.5 relay  gets  client = 1 {"role": "assistant"}
        0.6 relay  sends client = 1 {"content": []}
        0.7 client gets  relay  = 1 {"content": []}
    """)
    assert sorted(told(flow)) == [
        "client → relay a: answered",
        "relay → client sampling/createMessage: answered",
    ]
    results = dict(zip(flow.calls["method"], flow.calls["result"], strict=True))
    assert results == {"tools/call": {"content": []}, "sampling/createMessage": {"role": "assistant"}}


def test_silence_of_everyone_is_reported_when_an_end_must_lie_in_it():
    flow = reconstruct("""
        0.0 relay gets  client ? 1 tools/call a @t
        0.1 relay sends gates  ? 3 tools/call a @t
        0.2 gates gets  relay  ? 3 tools/call a
        8.0 relay gets  client ? 2 tools/call b @u
        8.1 relay sends gates  ? 3 tools/call b @u
        8.2 gates gets  relay  ? 3 tools/call b
        8.3 gates sends relay  = 3
        8.4 relay gets  gates  = 3 @u
        8.5 relay sends client = 2 @u
    """)
    assert flow.losses["source"].tolist() == ["silence"]
    assert flow.losses["evidence"].iloc[0] == [record_id(3), record_id(4)]
    assert flow.calls["lost_at"].dropna().unique().tolist() == ["logger"]


def test_a_pause_is_no_silence():
    flow = reconstruct("""
        0.0 relay sends gates ? 3 tools/call a
        0.1 relay gets  gates = 3
        90  relay sends gates ? 3 tools/call b
        90.1 relay gets gates = 3
    """)
    assert flow.losses.empty


def test_gaps_in_sequence_numbers_are_losses():
    flow = reconstruct("""
        0.0 relay says INFO a %1
        0.1 relay says INFO b %2
        0.2 relay says INFO e %5
    """)
    assert flow.losses[["component", "count", "source"]].to_numpy().tolist() == [["relay", 2, "sequence gap"]]


def test_gaps_in_a_log_of_one_trace_mean_nothing():
    assert reconstruct("0.0 relay says INFO a @t %1\n0.2 relay says INFO e @t %5").losses.empty


def test_nothing_logged_gives_empty_frames_of_the_same_columns():
    empty, full = ga.reconstruct(ga.from_records([])), reconstruct("0.0 a sends b ? 1 ping")
    for name in ("messages", "hops", "calls", "losses", "clocks"):
        assert list(getattr(empty, name)) == list(getattr(full, name))
        assert getattr(empty, name).empty
    plain = full.calls.columns.drop("status")
    assert empty.calls[plain].dtypes.to_dict() == full.calls[plain].dtypes.to_dict()


def test_a_router_that_does_not_log_is_one_operation_all_the_same():
    """Both neighbours name it: what went to it and what came from it belong together, with or without traces."""
    flow = reconstruct("""
        0.000 client sends relay  ? 1 initialize
        0.001 gates  gets  relay  ? 1 initialize
        0.002 gates  sends relay  = 1
        0.003 client gets  relay  = 1
        0.100 client sends relay  ? 7 tools/call open {"n": 1}
        0.101 gates  gets  relay  ? 3 tools/call open {"n": 1}
        0.102 gates  sends relay  = 3
        0.103 client gets  relay  = 7
    """)
    assert told(flow) == [
        "client → relay initialize: answered",
        "relay → gates initialize: answered",
        "client → relay open: answered",
        "  relay → gates open: answered",
    ]
    assert flow.calls["note"].iloc[3] == "relay did not log that it passed it on"
    assert flow.count_operations()["total"] == 1


def test_a_call_whose_router_lost_its_records_is_counted_once():
    flow = reconstruct("""
        0.000 client sends relay  ? 7 tools/call open @a
        0.001 relay  gets  client ? 7 tools/call open @a
        0.002 relay  sends gates  ? 3 tools/call open @a
        0.003 gates  gets  relay  ? 3 tools/call open @a
        0.004 gates  sends relay  = 3 @a
        0.005 relay  gets  gates  = 3 @a
        0.006 relay  sends client = 7 @a
        0.007 client gets  relay  = 7 @a
        0.100 client sends relay  ? 8 tools/call open @b
        0.103 gates  gets  relay  ? 3 tools/call open @b
        0.104 gates  sends relay  = 3 @b
        0.107 client gets  relay  = 8 @b
    """)
    assert flow.count_operations()["total"] == 2


def test_an_error_of_the_callee_is_no_answer_to_a_caller_that_logs_answers():
    """It says what went wrong inside; the caller got nothing, and waits."""
    flow = reconstruct("""
        0.0 relay sends gates ? 2 tools/call open @a
        0.1 relay gets  gates = 2 @a
        1.0 relay sends gates ? 3 tools/call close @b
        1.1 gates says TRACE MCP request received {"method": "tools/call", "id": 3}
        1.2 gates says ERROR Tool error {"tool_name": "close", "error": "unexpected token"}
        9.0 gates says INFO still here
    """)
    last = flow.calls.iloc[-1]
    assert (last["tool"], last["status"], last["error_text"]) == ("close", "pending", "unexpected token")
    assert "still waits" in last["note"]
    assert record_id(5) in last["evidence"]


def test_an_answer_right_after_a_silence_shows_that_the_silence_swallowed_its_question():
    flow = reconstruct("""
        0.0 relay sends gates ? 1 tools/call open
        0.1 relay gets  gates = 1
        0.2 relay sends gates ? 2 tools/call open
        1.2 relay gets  dewey = 9
        1.4 relay sends dewey ? 10 tools/call find
        1.5 relay gets  dewey = 10
    """)
    holes = flow.losses[flow.losses["source"] == "silence"]
    assert len(holes) == 1
    assert "an answer" in holes["reason"].iloc[0]


_ASKED_TWICE = """
    0.0 app sends gates ? 1 tools/call a %1
    0.1 app says INFO on my way %2
    9.0 app sends gates ? 2 tools/call b %3
    9.1 app says INFO on my way %4
    9.2 app gets  gates = 2 %5
"""


def test_a_process_that_numbers_its_records_without_a_gap_was_not_silenced():
    flow = reconstruct(_ASKED_TWICE)
    assert flow.losses.empty
    assert told(flow) == ["app → gates a: pending", "app → gates b: answered"]


def test_what_another_process_asks_later_tells_nothing_of_the_first():
    logs = log_table(re.sub(r"%\d", "", _ASKED_TWICE))
    late = logs["event_created_at"] > logs["event_created_at"].min() + pd.Timedelta(seconds=5)
    assert not ga.reconstruct(logs).losses.empty
    logs["instance"] = late.map({False: "host:1:aa", True: "host:2:bb"}).astype("str")
    assert ga.reconstruct(logs).losses.empty


def test_a_process_with_all_its_numbers_lost_no_question():
    table = """
        0.0 app says INFO up {}
        9.0 app gets gates = 7 {}
    """
    assert reconstruct(table.format("", "")).losses["source"].tolist() == ["silence"]
    assert reconstruct(table.format("%1", "%2")).losses.empty
    assert reconstruct(table.format("%1", "%3")).losses["source"].tolist() == ["sequence gap", "silence"]


@pytest.mark.parametrize("trace", ["", " @t"])
@pytest.mark.parametrize("ahead", [0.0, 0.4], ids=["one clock", "the client's is ahead"])
def test_a_router_that_logs_only_what_it_sends_on_is_one_operation_too(trace, ahead):
    """What it got stands in the client's log alone, which names it."""
    flow = reconstruct(f"""
        {0.100 + ahead:.3f} client sends relay  ? 7 tools/call open {{"n": 1}}{trace}
        0.101 relay  sends gates  ? 3 tools/call open {{"n": 1}}{trace}
        0.102 gates  gets  relay  ? 3 tools/call open {{"n": 1}}
        0.103 gates  sends relay  = 3
        0.104 relay  gets  gates  = 3
        {0.105 + ahead:.3f} client gets  relay  = 7
        5.100 client sends relay  ? 8 tools/call shut {{"n": 1}}
        5.105 client gets  relay  ! 8 -32602 no such tool
    """)
    assert sorted(told(flow)) == [
        "  relay → gates open: answered",
        "client → relay open: answered",
        "client → relay shut: error",
    ]
    assert "relay did not log that it got it" in flow.calls["note"].tolist()


KEPT = """
    0.0 client sends hub    ? 1 tools/call open
    0.0 hub    gets  client ? 1 tools/call open
    0.1 hub    sends gates  ? 7 tools/call open
    0.1 gates  gets  hub    ? 7 tools/call open
    0.2 gates  sends hub    ! 7 -32000 order conflict
    0.2 hub    gets  gates  ! 7 -32000 order conflict
"""


def test_a_router_that_got_an_answer_and_sent_none_leaves_its_caller_waiting():
    flow = reconstruct(f"{KEPT} 9.0 client says WARN still waiting")
    assert told(flow) == ["client → hub open: pending", "  hub → gates open: error"]
    assert flow.calls["note"].iloc[0] == "hub, which logs its answers, sent none when gates had answered"


@pytest.mark.parametrize(
    ("silent", "until"),
    [
        ("client", 9.0),  # whose records do not tell whether an answer came
        (None, 0.3),  # it may still be logged
    ],
)
def test_an_answer_of_which_only_the_record_may_be_missing_is_that_of_the_callee(silent, until):
    kept = [line for line in KEPT.splitlines() if line.split()[1:2] != [silent]]
    flow = reconstruct("\n".join([*kept, f"{until} hub says INFO alive"]))
    assert told(flow)[0] == "client → hub open: error"
