"""Logs of real systems, diagnosed: the original's captures, the demo's, and what becomes of them when bent."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

import godot_analysis as ga

DEMO = Path(__file__).resolve().parents[2] / "demo" / "captures"

# What the truth files tell in prose: code, severity, who suffers, and where the cause is.
EXPECTED = {
    "bug13": ("B13", "error", "gates", "mcp-relay"),
    "bug29_not_persisted": ("B29", "error", "gates", "mcp-relay"),
    "backend_killed_restarted": ("R05", "warning", "gates", "gates"),
    "marco_calls_not_understood": ("R08", "error", "marco", "marco"),
    "healthy": None,
    "godot_down_for_a_while": None,
}
OUTCOMES = {"result": "answered", "error": "error"}


@pytest.fixture(params=list(EXPECTED))
def capture(request, shared_captures):
    return shared_captures / f"{request.param}.jsonl"


@pytest.fixture
def records(shared_captures):
    """Reads a capture to be changed."""

    def read(name):
        return [json.loads(line) for line in (shared_captures / f"{name}.jsonl").read_text().splitlines()]

    return read


def diagnose(records, **options):
    return ga.diagnose(ga.from_records(records), **options)


def loud(found):
    return [(finding.code, finding.component) for finding in found.ranked if finding.severity != "info"]


def without(records, *unwanted):
    """Without the records that one of the conditions meets."""
    return [record for record in records if not any(condition(record) for condition in unwanted)]


def by(component):
    return lambda record: record["component"] == component


def about(text):
    return lambda record: text in json.dumps(record, ensure_ascii=False)


def traces_about(records, text):
    """Every record of the traces that mention a text: whole calls, as the relay logged them."""
    traces = {record["trace_id"] for record in records if record["trace_id"] and text in json.dumps(record)}
    return lambda record: record["trace_id"] in traces


# The captures as they are


def test_capture_is_diagnosed_as_what_happened(capture):
    found = ga.diagnose(ga.load_logs(source=capture))
    truth = json.loads(capture.with_suffix("").with_suffix(".truth.json").read_text())
    expected = EXPECTED[capture.stem]
    assert found.healthy is not (truth["label"]["fault"])
    if expected is None:
        assert found.root_cause is None
        return
    root = found.root_cause
    assert (root.code, root.severity, root.component, root.cause_in) == expected
    assert root.component == truth["label"]["victim"]
    assert len(loud(found)) == 1, "one cause is one finding"
    assert root.confidence >= 0.8


def test_calls_are_counted_as_the_client_made_them(capture):
    found = ga.diagnose(ga.load_logs(source=capture))
    truth = json.loads(capture.with_suffix("").with_suffix(".truth.json").read_text())
    logged = capture.read_text()
    # The store was away for some calls: those are in no log.
    seen = [call for call in truth["calls"] if call["relay_trace_id"] and call["relay_trace_id"] in logged]
    counts = {"answered": 0, "error": 0}
    for call in seen:
        counts[OUTCOMES[call["outcome"]]] += 1
    assert found.calls["total"] == len(seen)
    assert {name: found.calls[name] for name in counts} == counts


def test_evidence_are_rows_and_lines_of_the_file(capture):
    logs = ga.load_logs(source=capture)
    lines = capture.read_text().splitlines()
    rows = logs.set_index("id")
    for finding in ga.diagnose(logs).to_dict()["findings"]:
        assert len(finding["evidence"]) == len(finding["line"]) == len(set(finding["evidence"])) > 0
        for record, line in zip(finding["evidence"], finding["line"], strict=True):
            assert json.loads(lines[line - 1])["message"] == rows.loc[record, "message"]


def test_a_gap_is_told(shared_captures):
    found = ga.diagnose(ga.load_logs(source=shared_captures / "godot_down_for_a_while.jsonl"))
    assert found.healthy
    (gap,) = found.gaps
    assert gap["from"] < "2026-11-21T21:40:19" < gap["to"]


@pytest.mark.parametrize("name", sorted(path.stem for path in DEMO.glob("*.jsonl")))
def test_demo_capture(name):
    found = ga.diagnose(ga.load_logs(source=DEMO / f"{name}.jsonl"))
    if name == "healthy":
        assert found.healthy, str(found)
    elif name == "bug13":
        root = found.root_cause
        assert (root.code, root.component, root.cause_in) == ("B13", "gates", "relay")


# The same with what real logs lack, or have differently


@pytest.mark.parametrize("name", list(EXPECTED))
@pytest.mark.parametrize("seed", [1, 2])
def test_order_in_the_file_means_nothing(records, name, seed):
    told = records(name)
    straight = diagnose(told)
    random.Random(seed).shuffle(told)
    mixed = diagnose(told)
    assert loud(mixed) == loud(straight)
    assert [finding.confidence for finding in mixed.ranked] == [
        finding.confidence for finding in straight.ranked
    ]


@pytest.mark.parametrize("name", list(EXPECTED))
def test_names_mean_nothing(records, name):
    """Other components of the same shape, other tools: the same diagnosis."""
    names = {
        "mcp-relay": "hub",
        "gates": "paper",
        "dewey": "shelf",
        "fiedler": "brains",
        "playfair": "easel",
        "marco": "eye",
    }
    text = json.dumps(records(name))
    for old, new in names.items():
        text = text.replace(old, new)
    found = diagnose(json.loads(text))
    expected = EXPECTED[name]
    if expected is None:
        assert found.healthy, str(found)
    else:
        code, _, component, cause_in = expected
        root = found.root_cause
        assert (root.code, root.component, root.cause_in) == (code, names[component], names[cause_in])


@pytest.mark.parametrize("silent", ["gates", "dewey", "fiedler", "playfair"])
def test_a_backend_that_works_but_does_not_log_is_no_fault(records, silent):
    found = diagnose(without(records("healthy"), by(silent)))
    assert loud(found) == []
    notes = [(finding.code, finding.component) for finding in found.ranked]
    assert ("L02", silent) in notes


@pytest.mark.parametrize("level", ["INFO", "WARN"])
def test_a_healthy_system_at_a_higher_level(records, level):
    """Nobody logs at TRACE: little is left, and nothing of it is a fault."""
    keep = {"INFO": {"INFO", "WARN", "ERROR"}, "WARN": {"WARN", "ERROR"}}[level]
    assert loud(diagnose([record for record in records("healthy") if record["level"] in keep])) == []


def test_bug13_at_a_higher_level(records):
    told = [record for record in records("bug13") if record["level"] in {"INFO", "ERROR"}]
    found = diagnose(told)
    assert loud(found) == [("B13", "gates")]
    assert found.root_cause.confidence < diagnose(records("bug13")).root_cause.confidence


def test_bug13_in_other_words(records):
    told = records("bug13")
    for record in told:
        record["message"] = record["message"].replace("Unknown tool:", "Werkzeug unbekannt:")
    found = diagnose(told)
    assert loud(found) == [("B13", "gates")]


def test_bug13_whose_backends_do_not_log(records):
    found = diagnose([record for record in records("bug13") if record["component"] == "mcp-relay"])
    assert loud(found) == [("B13", "gates")]
    assert 0.5 < found.root_cause.confidence < 0.85


def test_bug13_with_the_failing_calls_gone(records):
    """The client refused by itself: only silence is left, so nothing is sure, and little is said."""
    told = records("bug13")
    told = without(told, traces_about(told, "Unknown tool"))
    assert not any("gates" in json.dumps(record) for record in told)
    found = diagnose(told)
    assert not found.healthy
    assert found.root_cause.severity == "warning"
    assert found.root_cause.confidence < 0.5
    # Whoever knows what to look for learns more.
    assert loud(diagnose(told, component="gates")) == [("B13", "gates")]
    assert loud(diagnose(told, tool="gates_create_document")) == [("B13", "gates")]


def test_healthy_with_all_gates_calls_gone_is_healthy(records):
    told = records("healthy")
    told = without(told, lambda r: r["component"] == "mcp-relay" and about("gates")(r))
    assert loud(diagnose(told)) == []


def test_bug29_with_the_failing_call_gone(records):
    told = records("bug29_not_persisted")
    found = diagnose(without(told, traces_about(told, "Unknown tool")))
    assert loud(found) == [("B29", "gates")]
    assert found.root_cause.confidence < diagnose(told).root_cause.confidence


def test_bug29_with_a_removal_instead_of_the_restart(records):
    told = records("bug29_not_persisted")
    restart = "2026-11-21T21:38:12.0"
    removal = json.loads(
        json.dumps(next(record for record in told if "relay_remove_server" in record["message"]))
    )
    removal |= {
        "created_at": "2026-11-21T21:38:11.500000+00:00",
        "trace_id": "c0ac2dac-d5c2-4443-af82-a04a0cb86d00",
    }
    again = without(told, lambda r: restart <= r["created_at"] < "2026-11-21T21:38:12.2")
    found = diagnose([*again, removal])
    assert loud(found) == [("R04", "gates")]


def test_a_wrong_name_in_the_healthy_system(records, shared_captures):
    """The refusal of bug13, in a system that has the tools of the family."""
    told = records("healthy")
    refusal = next(record for record in records("bug13") if record["level"] == "ERROR")
    data = refusal["data"] | {"tool_name": "gates_list_capability"}
    data["available_tools"] = [*data["available_tools"], "gates_list_capabilities", "gates_create_document"]
    refusal |= {
        "created_at": "2026-11-21T21:33:58.500000+00:00",
        "message": "Unknown tool: gates_list_capability",
        "data": data,
    }
    found = diagnose([*told, refusal])
    assert found.root_cause.code == "R01"
    assert found.root_cause.cause_in == "client"
    assert "gates_list_capabilities" in found.root_cause.fix


def test_a_killed_backend_that_stays_away(records):
    told = records("backend_killed_restarted")
    lost = next(record for record in told if record["level"] == "WARN")["created_at"]
    found = diagnose([record for record in told if record["created_at"] <= lost])
    assert loud(found) == [("R07", "gates")]


def test_marco_after_one_call(records):
    told = records("marco_calls_not_understood")
    once = without(told, lambda r: "2026-11-21T21:39:15.3" < r["created_at"] < "2026-11-21T21:39:15.7")
    found = diagnose(once)
    assert loud(found) == [("R08", "marco")]
    assert found.root_cause.confidence < diagnose(told).root_cause.confidence


@pytest.mark.parametrize("name", ["healthy", "godot_down_for_a_while"])
def test_healthy_systems_stay_healthy_when_any_tenth_is_lost(records, name):
    """The log store refuses a record now and then: nothing that is missing may become somebody's fault."""
    for seed in range(5):
        dice = random.Random(seed)
        found = diagnose([record for record in records(name) if dice.random() > 0.1])
        assert loud(found) == [], f"seed {seed}: {found}"
