"""Scenarios run for real, and diagnosed from what their components logged.

Those here stand for what a scenario can do: a second session, a killed terminal, a restart, HTTP, a variant of
Gates. All of them, in some minutes: `ALL_SCENARIOS=1 make test ARGS=tests/integration/test_demo_scenarios.py`.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

import godot_analysis as ga
from godot_demo import SCENARIOS, node
from godot_demo.capture import capture

if TYPE_CHECKING:
    from pathlib import Path

SOME = ("bug29", "gone-for-good", "f26-stale-session", "f29-output-schema-gates", "healthy-long")


@pytest.mark.parametrize("name", sorted(SCENARIOS) if os.environ.get("ALL_SCENARIOS") else SOME)
def test_the_truth_is_found_in_a_fresh_run(name: str, redis_url: str, tmp_path: Path) -> None:
    truth = SCENARIOS[name].truth
    capture(name, tmp_path / "run.jsonl", redis_url=redis_url)
    found = ga.diagnose(ga.load_logs(source=tmp_path / "run.jsonl"))
    assert found.healthy is (truth is None or truth.severity == "info")
    assert truth is None or truth.code == found.ranked[0].code


def test_levels(redis_url: str, tmp_path: Path) -> None:
    """Two requests are logged at TRACE wherever they come, and nothing else, until a level is set from outside."""
    path = tmp_path / "run.jsonl"
    capture("levels", path, redis_url=redis_url)
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    calls = [record for record in records if record["message"] == "received tools/call from client"]
    names = [record["data"]["mcp"]["payload"]["params"]["name"] for record in calls]
    assert names == ["gates_create_document", "dewey_store_message"]
    traced = {record["trace_id"] for record in calls}
    detail = [record for record in records if record["level"] == "TRACE"]
    who = {
        trace: {record["component"] for record in detail if record["trace_id"] == trace} for trace in traced
    }
    assert {"relay", "dewey"} in who.values()
    if "x-trace-log" in (node.GATES.parents[1] / "clients/node/lib/context.js").read_text(encoding="utf-8"):
        assert any("gates" in components for components in who.values()), "Node"
    rest = [record for record in detail if record["trace_id"] not in traced]
    assert {record["component"] for record in rest} == {"dewey"}, "whose level was set"
    announced = [record["message"] for record in records if "log_level" in (record["data"] or {})]
    assert announced == ["level TRACE set centrally", "own level INFO again"]
