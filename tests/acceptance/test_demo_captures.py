"""Every capture of the demo system: the diagnosis finds what really happened, and nothing where nothing did."""

from __future__ import annotations

from pathlib import Path

import pytest

import godot_analysis as ga
from godot_demo import SCENARIOS

CAPTURES = Path(__file__).resolve().parents[2] / "demo" / "captures"


@pytest.mark.parametrize("name", sorted(path.stem for path in CAPTURES.glob("*.jsonl")))
def test_the_root_cause_is_the_truth(name: str) -> None:
    truth = SCENARIOS[name].truth
    found = ga.diagnose(ga.load_logs(source=CAPTURES / f"{name}.jsonl"))
    loud = [finding for finding in found.ranked if finding.severity != "info"]
    if truth is None:
        assert loud == []
        assert found.healthy
        return
    if truth.severity == "info":
        assert found.healthy
        loud = [finding for finding in found.ranked if finding.code == truth.code]
    cause = loud[0] if loud else None
    assert cause is not None
    assert (cause.code, cause.component, cause.cause_in) == (truth.code, truth.component, truth.cause_in)
    assert cause.severity == truth.severity
    assert truth.tool in {None, cause.tool}
    assert cause.evidence
    assert found.healthy or found.root_cause is cause
    # One cause, one finding.
    assert {finding.code for finding in loud[1:]} <= truth.consequences
