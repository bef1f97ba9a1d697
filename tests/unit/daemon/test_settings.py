"""Where settings come from, which wins, and what is said about bad ones."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from godot_daemon.errors import SettingsError
from godot_daemon.settings import Settings, resolve
from godot_wire import connections


def test_defaults_are_those_of_the_contract():
    settings = Settings.load({}, {})
    assert settings.redis_url == "redis://127.0.0.1:6379/0"
    assert settings.database_url == "postgresql:///godot"
    assert (settings.prefix, settings.queue_max) == ("logs:", 100_000)
    assert (settings.batch_size, settings.batch_window_ms, settings.metrics_port) == (500, 100, 9465)


def test_argument_wins_over_environment_over_secret_file(tmp_path):
    secret = tmp_path / "url"
    secret.write_text("redis://from-file/0\n")
    environ = {"GODOT_REDIS_URL_FILE": str(secret)}
    assert Settings.load({}, environ).redis_url == "redis://from-file/0"
    environ["GODOT_REDIS_URL"] = "redis://from-environment/0"
    assert Settings.load({"redis_url": None}, environ).redis_url == "redis://from-environment/0"
    assert Settings.load({"redis_url": "redis://given/0"}, environ).redis_url == "redis://given/0"


def test_the_settings_file_comes_after_the_environment(tmp_path):
    secret = tmp_path / "url"
    secret.write_text("redis://from-secret/0\n")
    file = tmp_path / "ingest.env"
    file.write_text(
        '# a comment\n\nGODOT_BATCH_SIZE = 7\nGODOT_WRITERS=3\nGODOT_PREFIX="my logs:"\n'
        f"GODOT_REDIS_URL_FILE={secret}\nGODOT_LOG_FORMAT='json'\nGODOT_COMPONENT=not-ours\n"
    )
    environ = {"GODOT_SETTINGS_FILE": str(file), "GODOT_WRITERS": "4"}
    settings = Settings.load({"log_format": "human"}, environ)
    assert (settings.batch_size, settings.writers, settings.prefix) == (7, 4, "my logs:")
    assert (settings.redis_url, settings.log_format) == ("redis://from-secret/0", "human")
    found = resolve({"log_format": "human"}, environ).found
    assert {name: found[name].source for name in ("log_format", "writers", "batch_size", "redis_url")} == {
        "log_format": "option",
        "writers": "environment",
        "batch_size": "settings file",
        "redis_url": "secret file",
    }
    assert found["redis_url"].where == f"GODOT_REDIS_URL_FILE in {file}: {secret}"
    assert found["queue_max"].source == "default"


def test_a_settings_file_that_cannot_be_read_is_one_of_the_problems(tmp_path):
    with pytest.raises(SettingsError, match="GODOT_SETTINGS_FILE: No such file"):
        Settings.load({}, {"GODOT_SETTINGS_FILE": str(tmp_path / "missing")})
    file = tmp_path / "ingest.env"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="is no UTF-8"):
        Settings.load({}, {"GODOT_SETTINGS_FILE": str(file)})
    file.write_text("GODOT_BATCH_SIZE=none\nexport\nGODOT_DATABASE_URL=mysql://me:hunter2@host")
    with pytest.raises(SettingsError) as caught:
        Settings.load({}, {"GODOT_SETTINGS_FILE": str(file)})
    assert len(caught.value.problems) == 3
    assert "line 2 is no NAME=value" in str(caught.value)
    assert f"GODOT_BATCH_SIZE in {file}: 'none' is not a number" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_what_looks_like_a_setting_and_is_none_is_told():
    environ = {"GODOT_BACTH_SIZE": "1", "GODOT_COMPONENT": "x", "GODOT_REDIS_URL_FILE": "y", "PATH": "z"}
    assert resolve({}, environ).misspelt == ["GODOT_BACTH_SIZE is no setting; did you mean GODOT_BATCH_SIZE?"]


def test_all_problems_are_reported_at_once_and_secrets_are_not_shown():
    environ = {
        "GODOT_REDIS_URL": "http://me:hunter2@host",
        "GODOT_BATCH_SIZE": "many",
        "GODOT_METRICS_PORT": "70000",
        "GODOT_DATABASE_URL_FILE": "/does/not/exist",
    }
    with pytest.raises(SettingsError) as caught:
        Settings.load({"log_format": "xml"}, environ)
    assert len(caught.value.problems) == 5
    text = str(caught.value)
    assert "hunter2" not in text
    for part in ("GODOT_REDIS_URL", "GODOT_BATCH_SIZE: 'many'", "70000", "/does/not/exist", "--log-format"):
        assert part in text


def test_a_program_that_gives_an_unknown_setting_is_wrong():
    with pytest.raises(TypeError, match="bacth_size"):
        Settings.load({"bacth_size": 1}, {})


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@host/db", "postgresql://me:***@host/db"),
        ("postgresql://me:se:cr@et@host/db", "postgresql://me:***@host/db"),
        ("redis://:secret@host:1/0", "redis://:***@host:1/0"),
        ("postgresql://host/db?user=me&password=secret", "postgresql://host/db?user=me&password=***"),
        ("postgresql:///godot", "postgresql:///godot"),
        ("postgresql:///godot?sslpassword=secret", "postgresql:///godot?sslpassword=***"),
        ("postgresql:///g?oauth_client_secret=x&user=me", "postgresql:///g?oauth_client_secret=***&user=me"),
        ("me:secret@host/db", "me:***@host/db"),
        ("host=a user=b password=secret dbname=c", "host=a user=b password=*** dbname=c"),
        ("postgresql://me:sec[ret@host", "postgresql://me:***@host"),
        ("127.0.0.1:6379", "127.0.0.1:6379"),
        ("rediss://host?ssl_password=secret&db=1", "rediss://host?ssl_password=***&db=1"),
    ],
)
def test_passwords_are_masked(url, shown):
    assert connections.shown(url) == shown


def test_printing_settings_shows_no_password():
    settings = Settings.load({"database_url": "postgresql://me:secret@host/db"}, {})
    assert "secret" not in repr(settings) + str(settings) + str(settings.shown())


def test_the_documentation_names_every_setting_with_its_default():
    text = (Path(__file__).resolve().parents[3] / "daemon/README.md").read_text()
    section = text.partition("## Settings")[2].partition("\n## ")[0]
    for setting in dataclasses.fields(Settings):
        shown = "unset" if setting.default is None else f"{setting.default}".removesuffix(".0")
        lines = [
            line.replace(",", "") for line in section.splitlines() if f"GODOT_{setting.name.upper()}`" in line
        ]
        assert any(shown in line for line in lines), f"{setting.name}: {lines}"


def test_settings_do_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings.load({}, {}).batch_size = 1
