"""The `godot` command: its subcommands are imported only when they are called."""

from __future__ import annotations

import difflib
import gc
import importlib
import os
import sys
import traceback
from dataclasses import dataclass
from typing import Final, NoReturn

import click

from godot_daemon.cli import _print
from godot_daemon.cli._problems import explain
from godot_daemon.errors import SettingsError

_SECTIONS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "Run": {
        "up": ("godot_daemon.cli.up:up", "Run everything on this machine until Ctrl-C."),
        "demo": ("godot_daemon.cli.demo:demo", "Run the demo system and diagnose what went wrong in it."),
        "ingest": ("godot_daemon.cli.ingest:ingest", "Run the daemon: from Redis to PostgreSQL."),
    },
    "Explain": {
        "traces": ("godot_daemon.cli.trace:traces", "List traces."),
        "trace": ("godot_daemon.cli.trace:trace", "Show a trace as a sequence of messages."),
        "diagnose": ("godot_daemon.cli.diagnose:diagnose", "Name what is wrong, with the evidence."),
        "explain": ("godot_daemon.cli.meaning:explain", "Say what a finding means and what to do."),
        "compare": ("godot_daemon.cli.compare:compare", "Tell what differs, and whom it breaks."),
    },
    "Keep": {
        "status": ("godot_daemon.cli.status:status", "Show what waits, what is stored, and who is at work."),
        "config": (
            "godot_daemon.cli.config:config",
            "Show the settings and where each comes from.",
        ),
        "audit": ("godot_daemon.cli.audit:audit", "Prove that every record sent is accounted for."),
        "dead": ("godot_daemon.cli.dead:dead", "List, retry or purge records that could not be stored."),
        "redact": ("godot_daemon.cli.redact:redact", "Tell what redaction would hide, and by which rule."),
        "replay": ("godot_daemon.cli.replay:replay", "Push the records of a file into the queue."),
        "pin": ("godot_daemon.cli.pin:pin", "Keep a trace past retention."),
        "unpin": ("godot_daemon.cli.pin:unpin", "Leave a trace to retention again."),
        "pins": ("godot_daemon.cli.pin:pins", "List pinned traces."),
        "level": ("godot_daemon.cli.level:level", "Set what level a component logs at."),
        "db": ("godot_daemon.cli.db:db", "Look after the database: schema, partitions, retention."),
    },
}
_COMMANDS: Final = {name: entry for section in _SECTIONS.values() for name, entry in section.items()}
_MISUSED: Final = 2
_INTERRUPTED: Final = 130  # what a shell reports for a program that Ctrl-C ended


@dataclass
class _Invocation:
    """What the error handling has to know about the options of this call."""

    debug: bool = False


class _LazyGroup(click.Group):
    """Knows the name and one line about each command, and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _COMMANDS and not args[0].startswith("-"):
            close = difflib.get_close_matches(args[0], _COMMANDS, n=1)
            ctx.fail(f"no command {args[0]!r}" + (f"; did you mean {close[0]!r}?" if close else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        for title, commands in _SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, line) for name, (_, line) in commands.items()])


@click.group(
    cls=_LazyGroup,
    context_settings={"auto_envvar_prefix": "GODOT", "help_option_names": ["-h", "--help"]},
    epilog="`godot COMMAND --help` shows the options of a command and an example.",
)
@click.version_option(package_name="godot-logging", prog_name="godot", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def cli(ctx: click.Context, *, debug: bool) -> None:
    """Log what components really say to each other, keep it, and explain it."""
    ctx.ensure_object(_Invocation).debug = debug
    if os.environ.get("NO_COLOR"):  # https://no-color.org
        ctx.color = False


def main() -> NoReturn:
    """Run the command line: exit 0 when fine, 1 failed, 2 misused; one line on stderr for an error."""
    try:
        _print.escape_what_cannot_be_written()
        status = run(sys.argv[1:])
        gc.freeze()  # what is left goes with the process: at its end nothing is looked through once more
        sys.exit(status)
    except KeyboardInterrupt:  # while an error was being told
        sys.exit(_INTERRUPTED)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit status."""
    invocation = _Invocation()
    try:
        status = cli.main(arguments, prog_name="godot", standalone_mode=False, obj=invocation)
    except click.Abort:
        return _INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "godot"
        message = " ".join(error.format_message().split()).rstrip(".")
        click.echo(f"godot: {message} (see `{where} --help`)", err=True)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - this is the edge: whatever it is, a person reads it now
        if invocation.debug:
            traceback.print_exc()
        click.echo(f"godot: {explain(error)}", err=True)
        return _MISUSED if isinstance(error, SettingsError) and error.of_options else 1
    return status if isinstance(status, int) else 0
