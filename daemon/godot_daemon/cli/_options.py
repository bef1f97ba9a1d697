"""The options that several commands share; each is an environment variable too."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

import click

from godot_daemon.cli._times import Since
from godot_daemon.origins import variable
from godot_daemon.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

_Command = TypeVar("_Command", bound="Callable[..., Any]")


class TraceId(click.ParamType[str]):
    """A UUID, or its 32 hex digits; 36 characters from then on."""

    name = "trace id"

    def convert(self, value: str | UUID, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read it; a usage error when it is none."""
        try:
            return str(value if isinstance(value, UUID) else UUID(value.strip()))
        except ValueError:
            self.fail(f"{value!r} is no trace id (`godot traces` lists them)", param, ctx)


class Reader(click.Command):
    """A command that reads the database, or a file with --file; who names a file without it is told so."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line; an error names the option where an argument is a file."""
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            said = error.format_message().rstrip(".")
            # Path.is_file fails for what is too long to be a name.
            strays = [one for one in given if one in said and os.path.isfile(one)]  # noqa: PTH113
            if not strays or any(one.partition("=")[0] == "--file" for one in given):
                raise
            hint = f"to read that file: --file {shlex.quote(strays[0])}"
            raise click.UsageError(f"{said}; {hint}", ctx) from error


def setting(name: str) -> Callable[[_Command], _Command]:
    """The option of a field of `Settings`, described there; `Settings.load` reads the environment."""
    field = Settings.__dataclass_fields__[name]
    about = field.metadata["about"]
    default = "unset" if field.default is None else field.default
    return click.option(
        f"--{name.replace('_', '-')}",
        metavar=name.rpartition("_")[2].upper(),
        allow_from_autoenv=False,
        help=f"{about[0].upper()}{about[1:]}.  [env var: {variable(name)}; default: {default}]",
    )


redis_url: Final = setting("redis_url")
database_url: Final = setting("database_url")
prefix: Final = setting("prefix")
archive_dir: Final = setting("archive_dir")
as_json: Final = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
file: Final = click.option(
    "--file",
    "file",
    metavar="LOGS.jsonl",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read this file instead of the database.",
)
since: Final = click.option(
    "--since",
    metavar="WHEN",
    type=Since(),
    help="Only what is newer: 15m, 2h, 1d, a time, or `all`.  [default: 1h; for a file: all]",
)
