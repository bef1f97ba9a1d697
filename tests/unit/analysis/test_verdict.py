"""The three verdicts (TR-1): a fault has a finding, healthy has proof of work, and everything else is unclear."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import godot_analysis as ga
from godot_analysis.diagnosis.findings import Diagnosis, Finding
from godot_analysis.loading.tables import log_table
from godot_analysis.presentation.diagnosis import as_text
from godot_daemon import cli

HANDSHAKE = """
    0.0 host sends docs ? 0 initialize
    0.1 host gets docs = 0
    0.2 host sends docs ~ notifications/initialized
"""
LIST = """
    0.3 host sends docs ? 1 tools/list
    0.4 host gets docs = 1 {"tools": [{"name": "find", "inputSchema": {"type": "object"}}]}
"""
CALL = """
    8.0 host sends docs ? 2 tools/call find
    8.1 host gets docs = 2
"""
WORK = HANDSHAKE + LIST + CALL
SECOND = """
    2.0 host sends wiki ? 0 initialize
    2.1 host gets wiki = 0
    2.2 host sends wiki ~ notifications/initialized
"""
FAULT = """
    9.0 host sends docs ? 3 tools/call find
    9.1 host gets docs ! 3 -32603 division by zero
"""


def diagnose(*parts, **options):
    return ga.diagnose(log_table("\n".join(parts)), **options)


def finding(severity):
    return Finding("R09", severity, "title", "docs", "docs", "find", 0.5, "summary", "explanation", "fix")


# Healthy: a request other than the handshake succeeded at every server.


@pytest.mark.parametrize("work", [LIST, CALL], ids=["list", "call"])
def test_a_handshake_and_a_request_that_succeeded_are_healthy(work):
    assert diagnose(HANDSHAKE, work).verdict == "healthy"


def test_a_window_that_begins_after_the_handshakes_is_healthy():
    assert diagnose(CALL).verdict == "healthy"


def test_a_healthy_log_has_nothing_missing():
    found = diagnose(WORK)
    assert (found.missing, found.unexplained, found.root_cause) == ((), (), None)


def test_seen_counts_servers_handshakes_lists_and_operations():
    assert diagnose(WORK).seen == {
        "servers": 1,
        "handshakes": 1,
        "lists": 1,
        "operations": 2,
        "errors_unknown": 0,
    }


@pytest.mark.parametrize(
    "record", ['MCP server "docs": 12 tools registered', '12 tools registered {"server": "docs"}']
)
def test_tools_that_a_host_reports_of_a_server_are_proof_of_work(record):
    found = diagnose(f"0.0 host says INFO {record}")
    assert (found.verdict, found.seen["operations"]) == ("healthy", 1)


def test_tools_that_a_component_registers_itself_are_no_proof_of_work():
    assert diagnose("0.0 docs says INFO 12 tools registered").verdict == "unclear"


def test_two_servers_that_both_answered_are_healthy():
    call = "3.0 host sends wiki ? 1 tools/call open\n3.1 host gets wiki = 1"
    assert diagnose(WORK, SECOND, call).verdict == "healthy"


def test_a_server_that_was_idle_for_long_is_not_asked_for_proof():
    assert diagnose(WORK, SECOND, "400 host says INFO still here").verdict == "healthy"


def test_a_server_without_tools_is_not_asked_for_proof():
    second = SECOND.replace("gets wiki = 0", 'gets wiki = 0 {"capabilities": {"prompts": {}}}')
    assert diagnose(WORK, second).verdict == "healthy"


# Unclear: nothing shows a fault, and nothing shows that it works.


def test_no_record_is_unclear():
    found = diagnose("")
    assert (found.verdict, found.missing) == ("unclear", ("there is no record to judge by",))


def test_a_log_without_mcp_is_unclear():
    found = diagnose("0.0 shop says INFO started", "1.0 shop says INFO sold 3 apples")
    assert found.verdict == "unclear"
    assert "there is no MCP message in this log" in found.missing[0]


def test_a_handshake_without_an_end_in_a_log_that_ends_shortly_is_unclear():
    found = diagnose("0.0 host sends docs ? 0 initialize", "5.0 host says INFO waiting")
    assert found.verdict == "unclear"
    assert found.missing[0].startswith("the log ends 5 s after the handshake with docs began")


def test_a_handshake_without_an_end_in_a_log_that_goes_on_is_a_fault():
    found = diagnose("0.0 host sends docs ? 0 initialize", "50.0 host says INFO waiting")
    assert found.verdict == "fault"
    assert "never answered initialize, though the log goes on for 50 s" in found.root_cause.summary


def test_a_handshake_after_which_nothing_was_asked_is_unclear():
    found = diagnose(HANDSHAKE)
    assert found.verdict == "unclear"
    assert "nothing was asked of it" in found.missing[0]


def test_a_request_without_an_answer_at_the_end_of_the_log_is_no_proof():
    assert diagnose(HANDSHAKE, "0.3 host sends docs ? 1 tools/list").verdict == "unclear"


def test_a_request_without_an_answer_is_mcp_all_the_same():
    found = diagnose("0.3 host sends docs ? 1 tools/list")
    assert (found.verdict, len(found.missing)) == ("unclear", 1)
    assert found.missing[0].startswith("no request was seen to succeed")


def test_a_server_whose_handshake_was_answered_and_not_confirmed_is_unclear():
    found = diagnose(WORK, SECOND.replace("2.2 host sends wiki ~ notifications/initialized", ""))
    assert found.verdict == "unclear"
    assert found.missing[0].startswith("nothing shows that wiki works")


def test_a_server_that_started_and_was_never_asked_is_unclear():
    started = '2.0 wiki says INFO wiki MCP server starting {"port": 9000}'
    assert "nothing shows that wiki works" in diagnose(WORK, started).missing[0]


def test_an_error_in_unknown_words_at_the_end_is_unclear():
    found = diagnose(WORK, "9.0 host says ERROR the flux went sideways")
    assert found.verdict == "unclear"
    assert "“the flux went sideways”" in found.missing[0]


def test_an_error_in_unknown_words_is_counted():
    assert diagnose(WORK, "9.0 host says ERROR the flux went sideways").seen["errors_unknown"] == 1


def test_the_record_that_nobody_understood_is_in_unexplained():
    logs = log_table(WORK + "9.0 host says ERROR the flux went sideways")
    row = logs.loc[logs["message"] == "the flux went sideways", "id"].item()
    assert ga.diagnose(logs).unexplained == (row,)


def test_a_warning_that_was_understood_and_after_which_nothing_went_on_is_unclear():
    assert diagnose(WORK, "9.0 host says WARN out of memory").verdict == "unclear"


def test_an_error_about_a_server_that_nobody_reached_is_unclear_though_others_work():
    error = '0.7 host says ERROR something odd {"server": "wiki"}'
    found = diagnose(HANDSHAKE, LIST, error, CALL)
    assert (found.verdict, len(found.unexplained)) == ("unclear", 1)


def test_an_error_in_the_words_of_a_server_that_nobody_reached_is_unclear():
    error = '0.7 host says ERROR MCP server "wiki": something odd'
    assert diagnose(HANDSHAKE, LIST, error, CALL).verdict == "unclear"


def test_a_component_that_works_does_not_prove_another():
    error = "2.5 wiki says ERROR the flux went sideways"
    wiki = "2.3 host sends wiki ? 1 tools/list\n2.4 host gets wiki = 1"
    found = diagnose(HANDSHAKE, LIST, SECOND, wiki, error, CALL)
    assert (found.verdict, len(found.unexplained)) == ("unclear", 1)


def test_an_error_about_a_server_that_did_not_go_on_is_unclear_though_its_host_did():
    wiki = "2.3 host sends wiki ? 1 tools/list\n2.4 host gets wiki = 1"
    error = '2.5 host says ERROR something odd {"server": "wiki"}'
    assert diagnose(HANDSHAKE, LIST, SECOND, wiki, error, CALL).verdict == "unclear"


def test_a_live_handshake_has_a_minute_before_it_is_a_fault():
    parts = ("0.0 host sends docs ? 0 initialize", "50.0 host says INFO waiting")
    assert diagnose(*parts, live=True).verdict == "unclear"
    assert diagnose(*parts, "61.0 host says INFO waiting", live=True).verdict == "fault"


# Harmless: what is an answer, or what the system went on after.


def test_an_answer_that_something_is_not_there_is_healthy():
    no = '{"isError": true, "content": [{"type": "text", "text": "no such ticket: T-9"}]}'
    call = '9.0 host sends docs ? 3 tools/call find {"id": "T-9"}'
    assert diagnose(WORK, call, f"9.1 host gets docs = 3 {no}").verdict == "healthy"


def test_an_error_record_that_something_is_not_there_is_healthy():
    assert diagnose(WORK, "9.0 docs says ERROR ticket T-9 not found").verdict == "healthy"


def test_a_no_of_a_person_is_healthy():
    no = "9.0 host says WARN User declined the permission request for find"
    assert diagnose(WORK, no).verdict == "healthy"


@pytest.mark.parametrize("level", ["WARN", "ERROR"])
def test_an_odd_record_after_which_the_system_went_on_is_healthy(level):
    record = f"0.7 host says {level} the flux went sideways"
    assert diagnose(HANDSHAKE, LIST, record, CALL).verdict == "healthy"


def test_a_warning_in_unknown_words_is_no_failure():
    assert diagnose(WORK, "9.0 host says WARN the flux went sideways").verdict == "healthy"


def test_a_failure_of_the_host_that_is_not_about_mcp_is_healthy_once_the_system_went_on():
    own = "0.7 host says ERROR could not save the window position: EACCES"
    assert diagnose(HANDSHAKE, LIST, own, CALL).verdict == "healthy"


def test_a_component_beside_the_system_does_not_make_it_unclear_once_the_system_went_on():
    other = "0.7 window says ERROR the flux went sideways"
    assert diagnose(HANDSHAKE, LIST, other, CALL).verdict == "healthy"


def test_a_server_that_closes_its_connection_after_its_work_is_healthy():
    assert diagnose(WORK, "9.0 docs says WARN connection closed").verdict == "healthy"


# Fault: at least one error or warning.


def test_a_failed_call_is_a_fault():
    found = diagnose(WORK, FAULT)
    assert (found.verdict, found.healthy) == ("fault", False)


@pytest.mark.parametrize(
    ("severities", "verdict"),
    [
        ([], "healthy"),
        (["info"], "healthy"),
        (["warning"], "fault"),
        (["error"], "fault"),
        (["info", "error"], "fault"),
    ],
)
def test_info_never_decides(severities, verdict):
    assert Diagnosis(tuple(map(finding, severities))).verdict == verdict


def test_what_is_missing_makes_it_unclear():
    assert Diagnosis((finding("info"),), missing=("the other end",)).verdict == "unclear"


def test_a_fault_counts_more_than_what_is_missing():
    assert Diagnosis((finding("error"),), missing=("the other end",)).verdict == "fault"


def test_an_info_is_no_root_cause():
    assert Diagnosis((finding("info"),)).root_cause is None


def test_a_fault_has_its_first_finding_as_the_root_cause():
    first = finding("error")
    assert Diagnosis((first, finding("warning"))).root_cause is first


@pytest.mark.parametrize("verdict", ["healthy", "unclear", "fault"])
def test_the_flag_is_true_for_healthy_alone(verdict):
    parts = {"healthy": WORK, "unclear": HANDSHAKE, "fault": WORK + FAULT}
    assert diagnose(parts[verdict]).to_dict()["healthy"] == (verdict == "healthy")


# Lines that are no records.


def write(tmp_path, *parts, loose=0):
    """A log file with the records of a table, and lines between that are no records."""
    lines = []
    for row in log_table("\n".join(parts)).to_dict("records"):
        kept = {name: row[name] for name in ("id", "component", "level", "message", "data")}
        lines.append(json.dumps(kept | {"event_created_at": row["event_created_at"].isoformat()}))
    lines += [f"~~ {number} ~~" for number in range(loose)]
    path = tmp_path / "host.jsonl"
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize(("loose", "verdict"), [(1, "healthy"), (2, "unclear")])
def test_more_than_a_fifth_of_the_lines_unread_is_unclear(tmp_path, loose, verdict):
    found = ga.diagnose(ga.load_logs(source=write(tmp_path, WORK, loose=loose)))
    assert found.verdict == verdict


def test_unread_lines_are_counted_in_what_is_missing(tmp_path):
    found = ga.diagnose(ga.load_logs(source=write(tmp_path, WORK, loose=3)))
    assert "3 of 10 lines are no records" in found.missing[0]


# What is printed.


@pytest.mark.parametrize("log", ["", HANDSHAKE, WORK, WORK + FAULT])
def test_the_object_has_the_documented_fields(log):
    told = diagnose(log).to_dict()
    assert list(told) == [
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
    ]


def test_the_object_is_json():
    told = diagnose(WORK, FAULT).to_dict()
    assert json.loads(json.dumps(told)) == told


def test_the_object_says_what_was_read(tmp_path):
    source = ga.diagnose(ga.load_logs(source=write(tmp_path, WORK, loose=1))).to_dict()["source"]
    assert {name: source[name] for name in ("format", "files", "lines", "records", "unparsed")} == {
        "format": "godot",
        "files": 1,
        "lines": 8,
        "records": 8,
        "unparsed": 1,
    }


def test_the_object_names_who_saw_only_its_own_end():
    assert diagnose(WORK).to_dict()["source"]["one_sided"] == ["host"]


def test_a_component_whose_messages_both_ends_logged_is_not_one_sided():
    other = "8.02 docs gets host ? 2 tools/call find\n8.05 docs sends host = 2"
    assert diagnose(CALL, other).to_dict()["source"]["one_sided"] == []


@pytest.mark.parametrize(
    ("log", "status"),
    [(WORK, 0), (WORK + FAULT, 3), (HANDSHAKE, 4), ("", 4)],
    ids=["healthy", "fault", "unclear", "empty"],
)
def test_exit_codes(tmp_path, log, status):
    path = write(tmp_path, log)
    assert CliRunner().invoke(cli.cli, ["diagnose", "--file", str(path)]).exit_code == status


def test_the_exit_code_is_the_same_with_json(tmp_path):
    path = write(tmp_path, HANDSHAKE)
    assert CliRunner().invoke(cli.cli, ["diagnose", "--file", str(path), "--json"]).exit_code == 4


def test_the_json_of_the_command_is_the_object(tmp_path):
    path = write(tmp_path, HANDSHAKE)
    result = CliRunner().invoke(cli.cli, ["diagnose", "--file", str(path), "--json"])
    assert json.loads(result.stdout) == ga.diagnose(ga.load_logs(source=path)).to_dict()


def test_the_text_of_a_healthy_log():
    assert as_text(diagnose(WORK)).startswith("✓ Healthy: no fault found.")


def test_the_text_of_an_unclear_log():
    text = as_text(diagnose(HANDSHAKE))
    assert text.startswith("? Unclear: no fault found, and no proof that all is well.")


def test_the_text_of_an_unclear_log_says_what_was_seen_and_what_is_missing():
    text = as_text(diagnose(HANDSHAKE))
    assert "0 operations" in text
    assert "The handshake with docs succeeded, and nothing was asked of it" in " ".join(text.split())


def test_the_text_of_an_unclear_log_shows_the_records_that_nobody_understood():
    text = as_text(diagnose(WORK, "9.0 host says ERROR the flux went sideways"))
    [row] = [line for line in text.splitlines() if line.strip().startswith("unclear")]
    assert row.endswith("the flux went sideways")


@pytest.mark.parametrize(
    ("log", "word"), [(HANDSHAKE, "Healthy"), (WORK + FAULT, "Healthy"), (WORK, "Unclear")]
)
def test_the_word_of_another_verdict_is_not_printed(log, word):
    assert word not in as_text(diagnose(log))


@pytest.mark.parametrize("word", ["Healthy", "Unclear"])
def test_the_notebook_shows_the_same_word(word):
    shown = diagnose({"Healthy": WORK, "Unclear": HANDSHAKE}[word])._repr_html_()
    assert word in shown


def test_the_repr_names_the_verdict():
    assert repr(diagnose(HANDSHAKE)) == "<Diagnosis: unclear; 0 findings, 0 calls>"
