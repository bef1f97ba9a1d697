"""What the diagnosis says of every capture of the demo and of random systems: a change shows what it does to all."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import godot_analysis as ga

sys.path.append(str(Path(__file__).resolve().parents[3] / "benchmarks"))

from diagnosing.plants import PLANTS
from diagnosing.score import HEALTHY, build

GOLDEN = Path(__file__).parent / "golden" / "findings.txt"
WORDS = GOLDEN.with_name("words.txt")
CAPTURES = Path(__file__).parents[3] / "demo" / "captures"
HEALTHY_SEEDS = range(100, 108)


@pytest.fixture(scope="module")
def diagnoses():
    """By name, what was found in each log."""
    captures = {path.stem: ga.load_logs(source=path) for path in sorted(CAPTURES.glob("*.jsonl"))}
    systems = [(kind, 0) for kind in sorted(PLANTS)] + [(HEALTHY, seed) for seed in HEALTHY_SEEDS]
    built = {f"{kind}, seed {seed}": ga.from_records(build(kind, seed).records()) for kind, seed in systems}
    return {name: ga.diagnose(logs) for name, logs in (captures | built).items()}


def said(name, found):
    loud = [
        f"{one.code} {one.severity} {one.component} < {one.cause_in} ({one.tool})"
        for one in found.ranked
        if one.severity != "info"
    ]
    return f"{name}: {found.verdict}" + "".join(f"; {one}" for one in loud)


def worded(name, found):
    """How sure each finding is, by how many records, and what it says; and what is missing to judge."""
    lines = [name, *(f"  missing: {one}" for one in found.missing)]
    for one in found.ranked:
        lines.append(f"  {one.code} {one.severity} {one.confidence} by {len(one.evidence)}: {one.summary}")
        lines += [f"    {one.explanation}", f"    {one.fix}"] if one.severity != "info" else []
    return lines


def compare(lines, path, request):
    if request.config.getoption("--record"):
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert lines == path.read_text(encoding="utf-8").splitlines(), "pytest --record, if this is meant"


def test_findings_are_those_that_were_recorded(diagnoses, request):
    compare([said(name, found) for name, found in diagnoses.items()], GOLDEN, request)


def test_words_and_weights_are_those_that_were_recorded(diagnoses, request):
    compare([line for name, found in diagnoses.items() for line in worded(name, found)], WORDS, request)


def test_no_healthy_system_of_the_golden_file_has_a_fault():
    lines = [
        line
        for line in GOLDEN.read_text(encoding="utf-8").splitlines()
        if line.startswith(f"{HEALTHY}, seed")
    ]
    assert len(lines) == len(HEALTHY_SEEDS)
    assert not [line for line in lines if ": fault" in line]
