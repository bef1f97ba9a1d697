"""One random system of each class of faults, and healthy ones that look odd: a floor under `make bench-diagnose`."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest

import godot_analysis as ga

sys.path.append(str(Path(__file__).resolve().parents[3] / "benchmarks"))

from diagnosing.plants import PLANTS
from diagnosing.score import HEALTHY, build, judge
from diagnosing.wordlists import SEEN, UNSEEN, complaints, fill, load, pack

# One that was hard once; else the first.
SEEDS = {"B08": 2, "B13": 1, "F16": 4, "F18": 0, "F21": 1, "F24": 0, "F34": 1, "R04": 1, "R06": 2, "R15": 4}


@pytest.mark.parametrize("kind", sorted(PLANTS))
def test_a_planted_fault_is_found_and_nothing_else(kind):
    verdict, _ = judge(kind, SEEDS.get(kind, 1))
    assert not verdict.missed
    assert [(finding.code, finding.component, finding.summary) for finding in verdict.false] == []


@pytest.mark.parametrize("seed", range(16))
def test_healthy_systems_are_healthy_however_odd_they_look(seed):
    verdict, _ = judge(HEALTHY, seed)
    assert [(finding.code, finding.component, finding.summary) for finding in verdict.false] == []


@pytest.mark.parametrize(
    ("seed", "component"), [(0, "sentry"), (1, "browser"), (7, "gates"), (11, "tickets")]
)
def test_a_clock_that_is_slow_breaks_nothing(seed: int, component: str):
    logs = ga.from_records(build(HEALTHY, seed).records())
    slow = logs["component"] == component
    logs.loc[slow, "event_created_at"] -= pd.Timedelta("40s")
    found = ga.diagnose(logs.sort_values("event_created_at", kind="stable", ignore_index=True))
    assert [
        (finding.code, finding.component, finding.summary)
        for finding in found.ranked
        if finding.severity != "info"
    ] == []
    assert any(
        f"the clock of {component} is " in note and " s behind that of " in note for note in found.notes
    )


def test_a_seed_is_a_system():
    assert build("pair", 3).records() == build("pair", 3).records()


def test_the_unseen_words_have_the_shape_of_the_seen_ones_and_none_of_them():
    found = list(complaints(load(UNSEEN), load(SEEN)))
    assert found == []


def test_a_list_of_words_cannot_be_unseen_beside_itself():
    assert len(list(complaints(load(SEEN), load(SEEN)))) > 60


def test_packed_words_cannot_be_read_and_begin_with_a_notice():
    packed = pack({"defects": [[None, "the tool fell over"]]})
    notice, *lines = packed.splitlines()
    assert notice.startswith("# ")
    assert "must not decode" in notice
    assert "fell over" not in packed
    assert max(map(len, lines)) <= 100


def test_only_known_placeholders_are_filled_in():
    assert (
        fill('{tool}: {"path": ["{argument}"]} {}', tool="read", argument="q") == 'read: {"path": ["q"]} {}'
    )
