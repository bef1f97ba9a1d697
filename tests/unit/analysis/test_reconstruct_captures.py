"""Real logs of the original system against what is known to have happened."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import godot_analysis as ga

if TYPE_CHECKING:
    from pathlib import Path

CAPTURES = (
    "healthy",
    "bug13",
    "bug29_not_persisted",
    "backend_killed_restarted",
    "marco_calls_not_understood",
    "godot_down_for_a_while",
)
OUTCOMES = {"result": "answered", "error": "error"}


@pytest.fixture(scope="module", params=CAPTURES)
def capture(request: pytest.FixtureRequest, shared_captures: Path) -> tuple[ga.Flow, list[dict[str, Any]]]:
    """The flow of a capture, and the calls that left records in its log."""
    path = shared_captures / f"{request.param}.jsonl"
    truth = json.loads(path.with_suffix(".truth.json").read_text())
    flow = ga.reconstruct(ga.load_logs(source=path))
    return flow, [call for call in truth["calls"] if call["relay_trace_id"] is not None]


def test_every_call_has_its_true_end(capture: tuple[ga.Flow, list[dict[str, Any]]]):
    flow, calls = capture
    by_trace = flow.operations.set_index("trace_id")
    ends = {call["relay_trace_id"]: OUTCOMES[call["outcome"]] for call in calls}
    assert by_trace["status"].astype(str).to_dict() == ends
    for call in calls:
        found = by_trace.loc[call["relay_trace_id"]]
        assert found["tool"] == call["tool"]
        assert found["arguments"] == call["arguments"]
        if "error" in call:
            assert found["error_text"] == call["error"]["message"]


def test_operations_are_counted_as_the_client_saw_them(capture: tuple[ga.Flow, list[dict[str, Any]]]):
    flow, calls = capture
    counts = flow.count_operations()
    outcomes = [OUTCOMES[call["outcome"]] for call in calls]
    assert counts["total"] == len(calls)
    assert {status: counts[status] for status in OUTCOMES.values()} == {
        status: outcomes.count(status) for status in OUTCOMES.values()
    }


def test_every_hop_behind_a_call_is_found(capture: tuple[ga.Flow, list[dict[str, Any]]]):
    flow, calls = capture
    below = flow.calls[flow.calls["method"] == "tools/call"].groupby("parent")
    for call in calls:
        root = flow.operations.set_index("trace_id").loc[call["relay_trace_id"], "call"]
        found, open_ones = [], [root]
        while open_ones:
            parent = open_ones.pop(0)
            if parent in below.groups:
                own = below.get_group(parent)
                found += own[["caller", "callee", "tool"]].to_numpy().tolist()
                open_ones += own["call"].tolist()
        assert found == [[hop["from"], hop["to"], hop["tool"]] for hop in call["hops"]], call["tool"]


def test_traces_of_two_processes_meet_in_one_hop(capture: tuple[ga.Flow, list[dict[str, Any]]]):
    flow, calls = capture
    trace = dict(zip(flow.logs["id"], flow.logs["trace_id"], strict=True))
    met = {
        trace[hop.sent_record]: trace[hop.received_record]
        for hop in flow.hops.itertuples()
        if hop.seen == "both" and hop.kind == "request"
    }
    for call in calls:
        if call.get("gates_request_trace_id") is not None:
            assert met[call["relay_trace_id"]] == call["gates_request_trace_id"]


def test_no_answer_stands_before_its_question(capture: tuple[ga.Flow, list[dict[str, Any]]]):
    flow, _ = capture
    paired = flow.calls.dropna(subset=["request_hop", "response_hop"])
    assert (paired["request_hop"] < paired["response_hop"]).all()
    nested = flow.calls.dropna(subset=["parent", "request_hop"])
    assert (
        nested["request_hop"] > flow.calls.loc[nested["parent"].astype(int), "request_hop"].to_numpy()
    ).all()


def test_only_the_hole_in_the_log_is_a_hole(shared_captures: Path):
    losses = {
        name: ga.reconstruct(ga.load_logs(source=shared_captures / f"{name}.jsonl")).losses
        for name in CAPTURES
    }
    assert [name for name, found in losses.items() if len(found)] == ["godot_down_for_a_while"]
    hole = losses["godot_down_for_a_while"].iloc[0]
    assert hole["source"] == "silence"
    assert 2.0 < (hole["to"] - hole["from"]).total_seconds() < 2.2


def test_a_repeated_call_is_one_call(shared_captures: Path):
    flow = ga.reconstruct(ga.load_logs(source=shared_captures / "backend_killed_restarted.jsonl"))
    repeated = flow.calls[(flow.calls["tool"] == "gates_validate_markdown") & flow.calls["parent"].notna()]
    assert len(repeated) == 1
    assert repeated["duration_ms"].iloc[0] == pytest.approx(10_071, abs=10)
    assert flow.hops.loc[repeated["request_hop"].iloc[0], "seen"] == "both"
