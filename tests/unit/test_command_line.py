"""The `godot` command itself: help, exit codes, and errors in one line."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import click
import psycopg
import pytest
import redis
from click.testing import CliRunner

from godot_analysis.errors import GodotAnalysisError
from godot_daemon import cli, start
from godot_daemon.cli import _problems
from godot_daemon.errors import InputError


def with_subcommands(name: str, command: click.Command) -> list[str]:
    children = command.commands if isinstance(command, click.Group) else {}
    return [name, *(f"{name} {child}" for child in children)]


@pytest.fixture
def failing(monkeypatch):
    """Registers a command that raises what it is given."""

    def register(error: BaseException) -> None:
        @click.command()
        def fail() -> None:
            raise error

        monkeypatch.setattr(cli._LazyGroup, "get_command", lambda *_: fail)
        monkeypatch.setitem(cli._COMMANDS, "fail", ("", ""))

    return register


def test_help_lists_every_command_without_importing_any(monkeypatch):
    loaded = {name for name in sys.modules if name.startswith("godot_daemon.cli.")}
    result = CliRunner().invoke(cli.cli, ["--help"])
    for section in cli._SECTIONS.values():
        for name, (_, line) in section.items():
            assert re.search(rf"^  {name} +{re.escape(line)}$", result.output, re.MULTILINE)
    assert {name for name in sys.modules if name.startswith("godot_daemon.cli.")} == loaded


def test_starting_does_not_import_what_only_some_commands_need(godot):
    done = godot("--version", env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert done.returncode == 0
    assert re.fullmatch(r"godot \d+\.\d+\.\d+\n", done.stdout)
    assert not re.findall(r"\| +(pandas|psycopg|redis|matplotlib|godot_analysis)$", done.stderr, re.MULTILINE)


@pytest.mark.parametrize("name", cli._COMMANDS)
def test_every_command_has_help_with_an_example(name):
    command = cli.cli.get_command(click.Context(cli.cli), name)
    for path in with_subcommands(name, command):
        result = CliRunner().invoke(cli.cli, [*path.split(), "--help"])
        assert result.exit_code == 0
        assert re.search(rf"^ *Examples?:(.|\n)*godot {path.split()[0]}", result.output, re.MULTILINE), path


def test_a_wrong_name_is_a_usage_error_with_a_suggestion(capsys):
    assert cli.run(["stauts"]) == 2
    assert "did you mean 'status'?" in capsys.readouterr().err


def test_a_wrong_option_is_a_usage_error():
    assert cli.run(["--no-such-option"]) == 2


def test_an_error_is_one_line_with_a_hint(failing, capsys):
    failing(InputError("no file\nof that name", "look again"))
    assert cli.run(["fail"]) == 1
    assert capsys.readouterr() == ("", "godot: no file of that name (look again)\n")


def test_debug_shows_the_traceback(failing, capsys):
    failing(InputError("no file"))
    assert cli.run(["--debug", "fail"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_bug_is_one_line_too(failing, capsys):
    failing(KeyError("x"))
    assert cli.run(["fail"]) == 1
    assert capsys.readouterr().err == "godot: KeyError: 'x' (`godot --debug …` shows where)\n"


def test_ctrl_c_ends_with_the_status_of_an_interrupted_program(failing, capsys):
    failing(KeyboardInterrupt())
    assert cli.run(["fail"]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_command_may_choose_its_status(failing):
    failing(click.exceptions.Exit(3))
    assert cli.run(["fail"]) == 3


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (redis.ConnectionError("refused"), "Redis does not answer: refused (start it"),
        (redis.TimeoutError("Timeout"), "Redis does not answer: Timeout (start it"),
        (redis.AuthenticationError("WRONGPASS"), "Redis: WRONGPASS (check the user and password"),
        (redis.BusyLoadingError("loading"), "Redis is still reading its data"),
        (redis.ResponseError("wrong type"), "Redis: wrong type"),
        (
            psycopg.OperationalError("connection failed: refused\nagain"),
            "PostgreSQL does not answer: refused (start",
        ),
        (
            psycopg.OperationalError('server said: FATAL:  role "x" does not exist'),
            'PostgreSQL refuses: role "x" does',
        ),
        (psycopg.errors.AdminShutdown("bye"), "PostgreSQL does not answer: bye"),
        (psycopg.errors.UndefinedTable("no logs"), "PostgreSQL: no logs (run `godot db upgrade`)"),
        (
            psycopg.errors.InsufficientPrivilege("denied"),
            "PostgreSQL: denied (connect as a user that has the role",
        ),
        (psycopg.errors.DivisionByZero("zero"), "PostgreSQL: zero [22012]"),
        (FileNotFoundError(2, "No such file or directory", "x.jsonl"), "x.jsonl: No such file or directory"),
        (ModuleNotFoundError("No module named 'mcp'", name="mcp"), "mcp is not installed (pip install"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_errors_of_the_drivers_are_told_with_what_to_do(error, says):
    assert _problems.explain(error).startswith(says)


def test_errors_of_the_analysis_keep_their_hint():
    assert (
        _problems.explain(GodotAnalysisError("no such trace", hint="list them"))
        == "no such trace (list them)"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["trace", "xyz"],
        ["diagnose", "--trace", "nope"],
        ["diagnose", "--since", "banana"],
        ["compare", "a", "b", "--since", ""],
        ["traces", "--since", "99999999d"],
        ["ingest", "--batch-size", "0"],
        ["ingest", "--metrics-port", "99999"],
        ["status", "--database-url", "mysql://x/y"],
        ["status", "--redis-url", "foo"],
        ["db", "index-key", ""],
        ["ingest", "--no-such-option"],
    ],
    ids=" ".join,
)
def test_what_was_typed_wrong_is_told_in_one_line_and_exits_with_2(arguments, capsys):
    assert cli.run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("godot: ")
    assert captured.err.count("\n") == 1


def test_a_usage_error_says_where_the_help_is(capsys):
    assert cli.run(["ingest", "--x"]) == 2
    assert capsys.readouterr().err == "godot: No such option '--x' (see `godot ingest --help`)\n"


def test_settings_of_the_environment_are_no_usage_error(monkeypatch):
    monkeypatch.setenv("GODOT_BATCH_SIZE", "0")
    assert cli.run(["status"]) == 1


CAPTURES = Path(__file__).parents[2] / "demo" / "captures"
HEALTHY, BUG13 = (str(CAPTURES / f"{name}.jsonl") for name in ("healthy", "bug13"))
SHOWN = [["diagnose", "--since", "all", "--file", BUG13], ["compare", HEALTHY, BUG13]]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii"])
def test_an_encoding_without_arrows_is_no_reason_to_fail(godot, encoding):
    for command in SHOWN:
        done = godot(*command, env={"PYTHONIOENCODING": encoding, "COLUMNS": "40"})
        assert (done.returncode, done.stderr) == (3, "")
        assert max(map(len, done.stdout.splitlines())) <= 60


@pytest.mark.parametrize("command", SHOWN, ids=["diagnose", "compare"])
def test_json_is_the_same_in_any_encoding(godot, command):
    whole, escaped = (
        json.loads(godot(*command, "--json", env={"PYTHONIOENCODING": encoding}).stdout)
        for encoding in ("utf-8", "ascii")
    )
    assert whole == escaped


@pytest.mark.parametrize("command", ["diagnose", "trace", "traces"])
def test_a_file_without_its_option_is_told_the_option(command, tmp_path, capsys):
    log = tmp_path / "a log.jsonl"
    log.touch()
    assert cli.run([command, str(log)]) == 2
    assert f"to read that file: --file '{log}' (see `godot {command} --help`)" in capsys.readouterr().err
    for other in (["x" * 10_000], ["no.jsonl"], ["--tol", str(log)], [f"--file={log}", "--since", "then"]):
        assert cli.run([command, *other]) == 2
        assert "to read that file" not in capsys.readouterr().err


def test_since_all_and_the_whole_file(godot, tmp_path):
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    assert godot("traces", "--file", str(empty)).stderr == "no trace\n"
    for command in ("diagnose", "compare", "traces"):
        assert "`all`" in godot(command, "--help").stdout


def test_a_server_that_is_away_is_told_alike_by_every_command(godot):
    away = {
        "GODOT_DATABASE_URL": "postgresql://me:hunter2@127.0.0.1:1/godot",
        "GODOT_REDIS_URL": "redis://127.0.0.1:1",
    }
    told = set()
    for command in ("diagnose", "traces", "dead list", "pins", "level list", "db stats"):
        done = godot(*command.split(), env=away)
        assert done.returncode == 1
        told.add(done.stderr)
    [line] = told
    assert line.startswith("godot: PostgreSQL at postgresql://me:***@127.0.0.1:1/godot does not answer: ")
    assert line.endswith("refused (start it, for instance with `godot up`, or set GODOT_DATABASE_URL)\n")
    status = godot("status", env=away)
    assert line.removeprefix("godot: ") in status.stderr
    assert "set GODOT_REDIS_URL)" in status.stderr


def test_ctrl_c_during_the_first_import_prints_nothing(monkeypatch, capsys):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.__import__", interrupted)
    with pytest.raises(SystemExit) as ended:
        start.main()
    monkeypatch.undo()
    assert ended.value.code == 130
    assert capsys.readouterr() == ("", "")
