"""Settings: where they come from, what happens to bad ones, and that the README tells the truth about them."""

import re
from pathlib import Path

import pytest

from godot_loglib import ICCMLogger
from godot_loglib.levels import DEBUG, INFO, TRACE
from godot_loglib.settings import CATALOGUE, read_settings

README = Path(__file__).parents[3] / "clients" / "python" / "README.md"


def test_defaults():
    settings = read_settings({}, {})
    assert settings.redis_url == "redis://127.0.0.1:6379/0"
    assert (settings.prefix, settings.queue_max) == ("logs:", 100_000)
    assert (settings.level, settings.enabled, settings.fallback) == (INFO, True, "auto")
    assert (settings.buffer_max, settings.buffer_bytes) == (10_000, 64 * 1024**2)
    assert settings.problems == ()


def test_keyword_before_environment_before_default():
    environ = {"GODOT_LEVEL": "debug", "GODOT_PREFIX": "env:"}
    settings = read_settings({"level": "TRACE"}, environ)
    assert (settings.level, settings.prefix) == (TRACE, "env:")
    assert read_settings({}, environ).level == DEBUG


def test_a_bad_value_is_told_and_the_next_source_counts():
    settings = read_settings({"level": "loud"}, {"GODOT_LEVEL": "DEBUG", "GODOT_QUEUE_MAX": "-3"})
    assert settings.level == DEBUG
    assert settings.queue_max == 100_000
    assert [re.split(r"[ =]", problem)[0] for problem in settings.problems] == ["level", "GODOT_QUEUE_MAX"]


def test_problems_do_not_repeat_what_may_be_a_secret():
    settings = read_settings({}, {"GODOT_REDIS_URL": "http://:hunter2@host"})
    assert settings.redis_url == "redis://127.0.0.1:6379/0"
    assert len(settings.problems) == 1
    assert "hunter2" not in settings.problems[0]


def test_a_secret_may_be_in_a_file(tmp_path):
    path = tmp_path / "url"
    path.write_text("redis://:hunter2@host:1/0\n")
    assert read_settings({}, {"GODOT_REDIS_URL_FILE": str(path)}).redis_url == "redis://:hunter2@host:1/0"
    both = {"GODOT_REDIS_URL_FILE": str(path), "GODOT_REDIS_URL": "redis://other/0"}
    assert read_settings({}, both).redis_url == "redis://other/0"
    missing = read_settings({}, {"GODOT_REDIS_URL_FILE": str(tmp_path / "no")})
    assert missing.redis_url == "redis://127.0.0.1:6379/0"
    assert "GODOT_REDIS_URL_FILE" in missing.problems[0]


def test_redact_fields_add_up():
    settings = read_settings({"redact_fields": ["pin"]}, {"GODOT_REDACT_FIELDS": "ssn, creditCard ,"})
    assert set(settings.redact_fields) == {"pin", "ssn", "creditCard"}


@pytest.mark.parametrize(
    ("text", "size"), [("1000", 1000), ("64MiB", 64 * 1024**2), ("10 kb", 10_000), ("2G", 2 * 10**9)]
)
def test_sizes(text, size):
    assert read_settings({}, {"GODOT_BUFFER_BYTES": text}).buffer_bytes == size


@pytest.mark.parametrize("word", ["false", "0", "no", "OFF"])
def test_logging_can_be_switched_off(word):
    assert read_settings({}, {"LOGGING_ENABLED": word}).enabled is False


def test_empty_is_unset():
    assert read_settings({}, {variable.name: "" for variable in CATALOGUE}) == read_settings({}, {})


@pytest.mark.parametrize("value", [object(), [], {}, -1, "", b"x", 10**100, float("nan")])
@pytest.mark.parametrize("variable", CATALOGUE, ids=lambda variable: variable.keyword)
def test_no_value_ever_raises(variable, value):
    read_settings({variable.keyword: value}, {})


def test_the_logger_tells_problems_once(capsys, monkeypatch):
    monkeypatch.setenv("GODOT_BUFFER_MAX", "many-of-them")
    ICCMLogger("gates", no_such_setting=1)
    ICCMLogger("gates", no_such_setting=1)
    lines = capsys.readouterr().err.splitlines()
    assert sorted(line.split()[1] for line in lines) == ["GODOT_BUFFER_MAX", "there"]


@pytest.mark.parametrize("component", [None, "", 7, "c" * 65, ["gates"]])
def test_a_logger_without_a_usable_name_logs_as_unknown(component):
    assert ICCMLogger(component).component == "unknown"


def test_the_component_may_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("GODOT_COMPONENT", "dewey")
    assert ICCMLogger().component == "dewey"
    assert ICCMLogger("gates").component == "gates"


def test_the_readme_lists_exactly_the_catalogue():
    rows = re.findall(
        r"^\| `(\w+)` \| `(\w+)` \| `?(.*?)`? \| (.*?) \|$", README.read_text("utf-8"), re.MULTILINE
    )
    assert rows == [(v.keyword, v.name, v.shown, v.meaning) for v in CATALOGUE]


@pytest.mark.parametrize(
    ("name", "says"),
    [("GODOT_BUFFER_MAX", "not a number from 1 on"), ("GODOT_RETRY_SECONDS", "not a number of seconds")],
)
def test_a_word_for_a_number_is_told_in_words_of_people(name, says):
    parse = next(each.parse for each in CATALOGUE if each.name == name)
    with pytest.raises(ValueError, match=f"^{says}$"):
        parse("many")
