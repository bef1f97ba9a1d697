"""The `godot` command itself: help, exit codes, and errors in one line."""

from __future__ import annotations

import re
import sys

import click
import psycopg
import pytest
import redis
from click.testing import CliRunner

from godot_analysis.errors import GodotAnalysisError
from godot_daemon import cli
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
