"""Scenarios run for real, and diagnosed from what their components logged.

Those here stand for what a scenario can do: a second session, a killed terminal, a restart, HTTP, a variant of
Gates. All of them, in some minutes: `ALL_SCENARIOS=1 make test ARGS=tests/integration/test_demo_scenarios.py`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

import godot_analysis as ga
from godot_demo import SCENARIOS
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
