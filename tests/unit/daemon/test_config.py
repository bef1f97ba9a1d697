"""`godot config`: every setting, where it comes from, all that is wrong, and never a secret."""

from __future__ import annotations

import dataclasses
import json

import pytest
from click.testing import CliRunner

from godot_daemon.cli.config import config
from godot_daemon.settings import Settings


@pytest.fixture
def run(monkeypatch):
    """Runs the command in an environment: its exit status, stdout and stderr."""

    def call(*arguments: str, **environ: str):
        for name, text in environ.items():
            monkeypatch.setenv(name, text)
        result = CliRunner().invoke(config, arguments, standalone_mode=False)
        return result.return_value, result.stdout, result.stderr

    return call


def test_every_setting_is_listed_with_its_default(run):
    status, out, err = run("--json")
    assert (status, err) == (0, "")
    rows = json.loads(out)["settings"]
    assert [row["variable"] for row in rows] == [
        f"GODOT_{f.name.upper()}" for f in dataclasses.fields(Settings)
    ]
    assert {row["source"] for row in rows} == {"default"}
    assert all(row["value"] == row["default"] and row["about"] for row in rows)


def test_a_person_sees_where_each_comes_from(run, tmp_path):
    secret = tmp_path / "database-url"
    secret.write_text("postgresql://me:hunter2@host/db")
    file = tmp_path / "ingest.env"
    file.write_text("GODOT_WRITERS=5")
    status, out, err = run(
        GODOT_DATABASE_URL_FILE=str(secret), GODOT_BATCH_SIZE="9", GODOT_SETTINGS_FILE=str(file)
    )
    assert (status, err) == (0, "")
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in out.splitlines()}
    assert rows["GODOT_DATABASE_URL"] == (
        f"postgresql://me:***@host/db secret file: GODOT_DATABASE_URL_FILE: {secret}"
    )
    assert rows["GODOT_BATCH_SIZE"] == "9 environment"
    assert rows["GODOT_WRITERS"] == f"5 settings file: GODOT_WRITERS in {file}"
    assert rows["GODOT_ARCHIVE_DIR"] == "unset default"
    assert "hunter2" not in out


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_all_problems_at_once_and_no_secret(run, arguments):
    status, out, err = run(
        *arguments,
        GODOT_REDIS_URL="http://:hunter2@host",
        GODOT_DATABASE_URL="postgresql://me:hunter3@host/db?password=hunter4",
        GODOT_DATABASE_URL_FILE="/does/not/exist",
        GODOT_BATCH_SIZE="many",
        GODOT_RETENTION_DAY="3",
    )
    assert status == 1
    assert "hunter" not in out + err
    if arguments:
        found = json.loads(out)
        assert len(found["problems"]) == 2
        assert found["misspelt"] == ["GODOT_RETENTION_DAY is no setting; did you mean GODOT_RETENTION_DAYS?"]
        assert {row["variable"] for row in found["settings"] if not row["usable"]} == {
            "GODOT_REDIS_URL",
            "GODOT_BATCH_SIZE",
        }
    else:
        assert err.count("problem: ") == 2
        assert "note: GODOT_RETENTION_DAY is no setting" in err
        assert "GODOT_BATCH_SIZE        unusable" in out


def test_a_hostile_value_cannot_write_to_the_terminal(run):
    _, out, _ = run(GODOT_PREFIX="\x1b[2J")
    assert "\x1b" not in out
