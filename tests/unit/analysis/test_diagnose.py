"""The diagnosis as a whole: ranking, health, filters, and how it shows itself."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pandas as pd
import pytest

import godot_analysis as ga
from godot_analysis import columns
from godot_analysis.diagnosis import rules
from godot_analysis.diagnosis.catalogue import catalogue, layers
from godot_analysis.diagnosis.rules import LEFTOVERS, RULES
from godot_analysis.loading.tables import log_table
from godot_analysis.presentation.diagnosis import as_text

TEXT = {"type": "string", "minLength": 1}
NAME = {"type": ["string", "null"]}
FINDING = {
    "type": "object",
    "properties": {
        "code": {"type": "string", "pattern": "^[A-Z][0-9]{2}$"},
        "severity": {"enum": ["error", "warning", "info"]},
        "title": TEXT,
        "component": NAME,
        "cause_in": NAME,
        "tool": NAME,
        "confidence": {"type": "number", "minimum": 0, "maximum": 0.99},
        "summary": TEXT,
        "explanation": TEXT,
        "fix": TEXT,
        "evidence": {"type": "array", "items": TEXT, "uniqueItems": True},
        "references": {"type": "array", "items": TEXT},
        "line": {"type": "array", "items": {"type": "integer", "minimum": 1}},
    },
    "additionalProperties": False,
}
FINDING["required"] = [name for name in FINDING["properties"] if name != "line"]
COUNTS = ["total", "answered", "error", "tool_error", "cancelled", "timed_out", "pending", "lost"]
GAP = {
    "type": "object",
    "properties": {"component": TEXT, "from": NAME, "to": NAME, "why": TEXT},
    "required": ["component", "from", "to", "why"],
    "additionalProperties": False,
}
SEEN = ["servers", "handshakes", "lists", "operations", "errors_unknown"]
DIAGNOSIS = {
    "type": "object",
    "properties": {
        "verdict": {"enum": ["fault", "healthy", "unclear"]},
        "healthy": {"type": "boolean"},
        "source": {
            "type": "object",
            "properties": {
                "format": {"type": "string"},
                **{
                    name: {"type": "integer", "minimum": 0}
                    for name in ("files", "lines", "unparsed", "records")
                },
                "one_sided": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["format", "lines", "unparsed", "records", "one_sided"],
        },
        "seen": {
            "type": "object",
            "properties": {name: {"type": "integer", "minimum": 0} for name in SEEN},
            "required": SEEN,
            "additionalProperties": False,
        },
        "missing": {"type": "array", "items": {"type": "string", "minLength": 1}},
        "unexplained": {"type": "array", "items": {"type": "string", "minLength": 1}, "uniqueItems": True},
        "root_cause": {"anyOf": [{"type": "null"}, FINDING]},
        "findings": {"type": "array", "items": FINDING},
        "calls": {
            "type": "object",
            "properties": {name: {"type": "integer", "minimum": 0} for name in COUNTS},
            "required": COUNTS,
            "additionalProperties": False,
        },
        "gaps": {"type": "array", "items": GAP},
    },
    "required": [
        "verdict",
        "healthy",
        "source",
        "seen",
        "missing",
        "unexplained",
        "root_cause",
        "findings",
        "calls",
        "gaps",
    ],
    "additionalProperties": False,
}
TRACE = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
OTHER = "0192aaaa-7425-40de-944b-e07fc1f90ae7"


def refusal(second, tool, trace=TRACE, message=None):
    return {
        "component": "relay",
        "level": "ERROR",
        "message": message or f"Unknown tool: {tool}",
        "trace_id": trace,
        "data": {"tool_name": tool, "available_tools": ["dewey_search", "dewey_list"]},
        "event_created_at": f"2026-01-01T00:00:{second:02}Z",
    }


@pytest.fixture
def faulty():
    """A missing backend, a wrong name, and a warning."""
    return ga.from_records(
        [
            refusal(1, "gates_open"),
            refusal(2, "gates_close"),
            refusal(3, "dewey_serch", OTHER),
            {
                "component": "relay",
                "level": "WARN",
                "message": "Backend connection lost",
                "data": {"backend": "fiedler", "error": "no close frame received or sent"},
                "event_created_at": "2026-01-01T00:00:04Z",
            },
        ]
    )


def test_root_cause_comes_first(faulty):
    found = ga.diagnose(faulty)
    assert [finding.code for finding in found.ranked] == ["B13", "R01", "R11"]
    assert [finding.severity for finding in found.ranked] == ["error", "error", "warning"]
    assert found.root_cause is found.ranked[0]
    assert found.findings["code"].tolist() == ["B13", "R01", "R11"]
    assert not found.healthy


def test_shape_of_the_object(faulty):
    for logs in (faulty, ga.from_records([])):
        told = ga.diagnose(logs).to_dict()
        jsonschema.validate(json.loads(json.dumps(told)), DIAGNOSIS)
        assert (told["root_cause"] is None) == (told["verdict"] != "fault")


def test_nothing_is_no_proof_of_health():
    found = ga.diagnose(ga.from_records([]))
    assert found.verdict == "unclear"
    assert found.missing == ("there is no record to judge by",)
    assert found.root_cause is None
    assert found.findings.empty
    assert list(found.findings.columns) == [*[*FINDING["properties"]][:-1], "lines"]
    for shown in (str(found), found._repr_html_()):
        assert "There is no record to judge by." in shown
        assert "✓" not in shown


def test_a_flow_serves_as_well_as_its_log(faulty):
    assert ga.diagnose(ga.reconstruct(faulty)).to_dict() == ga.diagnose(faulty).to_dict()


def test_other_frames_are_refused():
    with pytest.raises(ga.BadFrame):
        ga.diagnose(pd.DataFrame({"a": [1]}))


def test_only_a_trace(faulty):
    assert [finding.code for finding in ga.diagnose(faulty, trace_id=OTHER).ranked] == ["R01"]
    assert [finding.code for finding in ga.diagnose(faulty, trace_id=TRACE.replace("-", "")).ranked] == [
        "B13"
    ]
    assert ga.diagnose(faulty, trace_id=OTHER).calls["total"] == 1
    with pytest.raises(ga.BadFilter):
        ga.diagnose(faulty, trace_id="abc")


def test_only_a_component_or_a_tool(faulty):
    assert [finding.code for finding in ga.diagnose(faulty, component="fiedler").ranked] == ["R11"]
    assert [finding.code for finding in ga.diagnose(faulty, tool="gates_close").ranked] == ["B13"]


def test_a_component_sees_also_what_its_own_rows_prove(faulty):
    assert [finding.code for finding in ga.diagnose(faulty, component="relay").ranked] == [
        "B13",
        "R01",
        "R11",
    ]


def test_calls_are_counted_as_far_as_they_concern_what_was_asked_for():
    logs = log_table("""
        0.0 app sends relay ? 1 tools/call gates_open
        0.1 relay gets app  ? 1 tools/call gates_open
        0.2 relay sends gates ? 5 tools/call open
        0.3 relay gets gates  = 5
        0.4 relay sends app = 1
        0.5 app gets relay  = 1
        1.0 app sends fiedler ? 2 tools/call send
        1.1 app gets fiedler  = 2
    """)
    asked = [{}, {"component": "gates"}, {"component": "app"}, {"tool": "open"}, {"tool": "gates_open"}]
    assert [ga.diagnose(logs, **one).calls["total"] for one in asked] == [2, 1, 2, 1, 1]
    assert "✓ Healthy: no fault found that concerns component gates." in str(
        ga.diagnose(logs, component="gates")
    )


@pytest.mark.parametrize(
    ("asked", "note"),
    [
        ({"component": "nobody"}, "The log does not know any component nobody."),
        ({"component": "gatse"}, "The log does not know any component gatse. Did you mean gates?"),
        ({"tool": "nothing"}, "The log does not know any tool nothing."),
        ({"tool": "gates_opne"}, "The log does not know any tool gates_opne. Did you mean gates_open?"),
    ],
)
def test_a_name_that_the_log_does_not_know_is_no_sign_of_health(asked, note):
    found = ga.diagnose(
        log_table("0.0 app sends gates ? 1 tools/call gates_open\n0.1 app gets gates = 1"), **asked
    )
    assert found.notes == (note,)
    assert (found.verdict, found.calls["total"]) == ("unclear", 0)
    for shown in (str(found), found._repr_html_()):
        assert note in shown
        assert "✓" not in shown


def test_terminal_shows_what_counts_within_its_width(faulty):
    text = as_text(ga.diagnose(faulty), width=80)
    assert max(map(len, text.splitlines())) <= 80
    for word in ("B13", "relay never reached gates", "how sure", "fix", "Unknown tool: gates_open"):
        assert word in text
    assert text.index("B13") < text.index("R01") < text.index("R11")


def test_terminal_paints_by_role(faulty):
    roles = set()

    def paint(text, role):
        roles.add(role)
        return text

    as_text(ga.diagnose(faulty), style=paint)
    assert {"error", "warning", "label", "quiet"} <= roles


def test_log_text_stays_text():
    evil = "<script>alert(1)</script>\x1b[31m{0}{component}"
    found = ga.diagnose(
        ga.from_records(
            [
                refusal(1, "gates_<img src=x onerror=alert(1)>", message=evil),
                refusal(2, "gates_{tool}{__class__}", message=evil),
            ]
        )
    )
    html = found._repr_html_()
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html
    assert "\x1b" not in html + str(found)
    assert "{tool}{__class__}" in found.ranked[0].explanation


def test_evidence_has_line_numbers_only_for_a_file(faulty, tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(json.dumps(refusal(n, "gates_open")) for n in range(3)))
    told = ga.diagnose(ga.load_logs(source=path)).to_dict()["root_cause"]
    assert sorted(told["line"]) == [1, 2, 3]
    assert len(told["line"]) == len(told["evidence"])
    logs = faulty.copy()
    logs.attrs.clear()
    assert "line" not in ga.diagnose(logs).to_dict()["root_cause"]


def test_a_failure_that_goes_on_all_day_is_one_finding():
    found = ga.diagnose(ga.from_records([refusal(n % 60, "gates_open") for n in range(500)]))
    assert len(found.ranked) == 1
    assert len(found.ranked[0].evidence) <= 200


@pytest.mark.parametrize("entry", catalogue().values(), ids=catalogue())
def test_every_entry_is_fit_to_be_read(entry):
    assert re.fullmatch(FINDING["properties"]["code"]["pattern"], entry.code)
    assert entry.explanation
    assert entry.references
    assert entry.summary.endswith((".", "”"))
    assert entry.fix.endswith((".", "}"))
    assert entry.severity in {"error", "warning", "info"}
    assert (entry.layer == "log") <= (entry.severity == "info")


def test_each_entry_has_its_rule_and_each_rule_its_entry():
    assert sorted({**RULES, **LEFTOVERS}) == sorted(catalogue())


def test_the_entries_of_a_layer_stand_together():
    order = [entry.layer for entry in catalogue().values()]
    assert [layer for at, layer in enumerate(order) if at == 0 or order[at - 1] != layer] == list(layers())


def test_the_table_of_the_readme_is_made_of_the_catalogue(request):
    path = Path(rules.__file__).parent / "README.md"
    text = path.read_text(encoding="utf-8")
    rows = (
        f"| `{entry.code}` | {entry.layer} | {entry.severity} | {entry.about} | {entry.blames} |".replace(
            "|  |", "| |"
        )
        for entry in catalogue().values()
    )
    table = "\n".join(
        ["| code | layer | severity | what it says | cause in |", "|---|---|---|---|---|", *rows]
    )
    made = re.sub(r"^\| code \|.*?(?=\n\n)", lambda _: table, text, flags=re.DOTALL | re.MULTILINE)
    if request.config.getoption("--record"):
        path.write_text(made, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == made, "pytest --record, if this is meant"


def test_records_delivered_twice_count_once():
    told = {"component": "relay", "level": "TRACE", "event_created_at": "2026-11-21T20:00:00.000123Z"}
    call = {**told, "message": "Tool call received: find", "data": {"tool_name": "find", "arguments": {}}}
    logs = ga.from_records([call, call])
    assert len(logs) == 2
    assert ga.diagnose(logs).calls["total"] == 1


def test_repr_is_one_line():
    assert repr(ga.diagnose(ga.from_records([]))) == "<Diagnosis: unclear; 0 findings, 0 calls>"


def test_findings_have_the_same_columns_and_dtypes_with_and_without_rows(faulty):
    full, empty = ga.diagnose(faulty).findings, ga.diagnose(ga.from_records([])).findings
    assert full.dtypes.to_dict() == empty.dtypes.to_dict()
    assert list(full.columns) == list(columns.FINDINGS)
    assert pd.concat([full, empty]).dtypes.to_dict() == full.dtypes.to_dict()


def _open_call(age: float) -> pd.DataFrame:
    return log_table(f"""
        0.0 app sends gates ? 1 tools/call a
        0.1 app gets gates  = 1
        1.0 app sends gates ? 2 tools/call a
        {age + 1} app says INFO still here
    """)


def test_what_is_under_way_where_a_live_log_ends_is_no_fault():
    logs = _open_call(40)
    assert ga.diagnose(logs).verdict == "fault"
    logs.attrs["live"] = True
    assert ga.diagnose(logs).verdict == "unclear"
    assert ga.diagnose(_open_call(3)).healthy
    assert ga.diagnose(ga.reconstruct(_open_call(3))).healthy
    late = _open_call(70)
    late.attrs["live"] = True
    assert ga.diagnose(late).verdict == "fault"


def test_a_call_needs_time_before_it_can_be_missed():
    assert ga.diagnose(_open_call(0.2)).healthy
    assert ga.diagnose(log_table("0.0 app sends gates ? 1 tools/call a")).verdict == "unclear"
