"""Records that no client of ours has made are redacted by the daemon; `godot redact --check` shows no secret."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from godot_daemon.batching import Batch
from godot_daemon.cli.redact import redact
from godot_daemon.errors import SettingsError
from godot_daemon.record import Origin
from godot_daemon.redacting import Redacting, names
from godot_daemon.settings import Settings
from godot_daemon.sink import prepare

ORIGIN = Origin("e", 0, 1_795_296_965_123_456)
MARKED = {"id": "019aa8f2-5c3b-7d10-8a44-3c1b5e9f0a01", "instance": "h:1:a", "seq": 1}


def entry(**more) -> bytes:
    fields = {
        "component": "gates",
        "level": "INFO",
        "message": "login with password=hunter2",
        "data": {"headers": [["Authorization", "ApiKey hunter2"]], "n": 0, "u": "a"},
        "event_created_at": "2026-11-21T21:36:05.019254+00:00",
        **more,
    }
    return json.dumps(fields).replace('"n": 0', '"n": 1.10000000000000000001').encode()


def stored(mode, *entries):
    records = prepare(Batch("b", ORIGIN, entries), Redacting(mode)).records
    return [f"{record.message} {(record.data or b'').decode()}" for record in records]


def test_a_raw_push_is_redacted_and_a_record_of_a_client_is_left_alone():
    raw, ours = stored("unmarked", entry(), entry(**MARKED))
    assert "hunter2" not in raw
    assert "1.10000000000000000001" in raw, "every digit of a number stays"
    assert ours.count("hunter2") == 2


@pytest.mark.parametrize("missing", MARKED)
def test_a_part_of_the_mark_is_none(missing):
    more = {key: value for key, value in MARKED.items() if key != missing}
    assert "hunter2" not in stored("unmarked", entry(**more))[0]


def test_all_and_off():
    assert not any("hunter2" in text for text in stored("all", entry(), entry(**MARKED)))
    assert all("hunter2" in text for text in stored("off", entry(), entry(**MARKED)))


def test_a_record_without_secrets_stays_as_it_is_to_the_byte():
    raw = entry(message="up", data={"a": [1, {"b": "c"}], "token_count": 7, "d": "é \\ /"})
    [plain] = prepare(Batch("b", ORIGIN, [raw])).records
    [record] = prepare(Batch("b", ORIGIN, [raw]), Redacting("unmarked")).records
    assert record == plain


def test_repaired_records_are_redacted_too():
    assert "hunter2" not in stored("unmarked", entry(level="loud", other="token=hunter2"))[0]


def test_settings():
    assert Settings.load({}, {}).redact == "unmarked"
    assert names(Settings.load({}, {"GODOT_REDACT_FIELDS": "ssn, iban ,"}).redact_fields) == ["ssn", "iban"]
    with pytest.raises(SettingsError, match="unmarked, all, off"):
        Settings.load({}, {"GODOT_REDACT": "perhaps"})


LOG = [
    '{"component":"gates","message":"login password=hunter2","data":{"headers":[["Authorization","ApiKey hunter2"]]}}',
    '{"component":"gates","message":"x","data":{"note":"ghp_hunter2hunter2hunter2hunter2hunter2x"}}',
    '{"component":"gates","message":"x","data":{"sk-proj-hunter2hunter2":1,"inner":"{\\"token\\":\\"hunter2\\"}"}}',
    "plain token: hunter2",
    "-----BEGIN PRIVATE KEY-----",
    "hunter2",
    "-----END PRIVATE KEY-----",
    "nothing here",
]


def test_redact_tells_line_path_and_rule_but_no_secret(tmp_path):
    path = tmp_path / "gates.jsonl"
    path.write_text("\n".join(LOG) + "\n")
    result = CliRunner().invoke(redact, ["--check", str(path)])
    assert result.exit_code == 0
    assert "hunter2" not in result.output
    assert "data.headers.0.1" in result.output
    assert "ghp_… (40 characters)" in result.output
    lines = CliRunner().invoke(redact, ["--check", str(path), "--json"]).stdout.splitlines()
    found = [(one["line"], one["path"], one["rule"]) for one in map(json.loads, lines)]
    assert (1, "message", "password") in found
    assert (2, "data.note", "GitHub") in found
    assert (3, "data.inner.token", "token") in found
    assert (4, "", "token") in found
    assert (5, "", "private key block") in found
    assert {line for line, _, _ in found} == {1, 2, 3, 4, 5}


def test_redact_takes_more_fields_and_stdin():
    result = CliRunner().invoke(
        redact, ["--check", "-", "--redact-fields", "ssn", "--json"], input='{"ssn": "1"}\n'
    )
    assert json.loads(result.stdout)["rule"] == "configured"
    assert CliRunner().invoke(redact, ["--check", "-"], input="fine\n").output == "nothing would be hidden\n"
