"""What the diagnosis says of every capture of the demo and of random systems: a change shows what it does to all."""

from __future__ import annotations

import sys
from pathlib import Path

import godot_analysis as ga

sys.path.append(str(Path(__file__).resolve().parents[3] / "benchmarks"))

from diagnosing.plants import PLANTS
from diagnosing.score import HEALTHY, build

GOLDEN = Path(__file__).parent / "golden" / "findings.txt"
CAPTURES = Path(__file__).parents[3] / "demo" / "captures"
HEALTHY_SEEDS = range(100, 108)


def said(name: str, logs) -> str:
    found = ga.diagnose(logs)
    loud = [
        f"{one.code} {one.severity} {one.component} < {one.cause_in} ({one.tool})"
        for one in found.ranked
        if one.severity != "info"
    ]
    return f"{name}: {found.verdict}" + "".join(f"; {one}" for one in loud)


def test_findings_are_those_that_were_recorded(request):
    lines = [said(path.stem, ga.load_logs(source=path)) for path in sorted(CAPTURES.glob("*.jsonl"))]
    lines += [said(f"{kind}, seed 0", ga.from_records(build(kind, 0).records())) for kind in sorted(PLANTS)]
    lines += [
        said(f"{HEALTHY}, seed {seed}", ga.from_records(build(HEALTHY, seed).records()))
        for seed in HEALTHY_SEEDS
    ]
    if request.config.getoption("--record"):
        GOLDEN.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert lines == GOLDEN.read_text(encoding="utf-8").splitlines(), "pytest --record, if this is meant"


def test_no_healthy_system_of_the_golden_file_has_a_fault():
    lines = [
        line
        for line in GOLDEN.read_text(encoding="utf-8").splitlines()
        if line.startswith(f"{HEALTHY}, seed")
    ]
    assert len(lines) == len(HEALTHY_SEEDS)
    assert not [line for line in lines if ": fault" in line]
