"""One random system of each class of faults, and healthy ones that look odd: a floor under `make bench-diagnose`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[3] / "benchmarks"))

from diagnosing.plants import PLANTS
from diagnosing.score import HEALTHY, build, judge

# One that was hard once; else the first.
SEEDS = {"B08": 2, "B13": 1, "F16": 4, "F18": 0, "F21": 1, "F24": 0, "F34": 1, "R04": 1, "R06": 2, "R15": 4}


@pytest.mark.parametrize("code", sorted(PLANTS))
def test_a_planted_fault_is_found_and_nothing_else(code):
    verdict, _ = judge(code, SEEDS.get(code, 1))
    assert not verdict.missed
    assert [(finding.code, finding.component, finding.summary) for finding in verdict.false] == []


@pytest.mark.parametrize("seed", range(16))
def test_healthy_systems_are_healthy_however_odd_they_look(seed):
    verdict, _ = judge(HEALTHY, seed)
    assert [(finding.code, finding.component, finding.summary) for finding in verdict.false] == []


def test_a_seed_is_a_system():
    assert build("pair", 3).records() == build("pair", 3).records()
