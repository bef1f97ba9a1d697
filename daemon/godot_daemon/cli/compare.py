"""`godot compare`: what is different between two components or two traces, and whom it breaks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import click

from godot_daemon.cli import _options, _print
from godot_daemon.cli._times import beginning
from godot_daemon.errors import InputError
from godot_daemon.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from godot_analysis import Comparison

_BREAKING: Final = 3
_WIDEST: Final = 100
_NARROWEST: Final = 40
_COLOURS: Final[dict[str, dict[str, Any]]] = {
    "breaking": {"fg": "red"},
    "healthy": {"fg": "green", "bold": True},
    "label": {"fg": "cyan", "bold": True},
    "quiet": {"dim": True},
}


@click.command()
@click.argument("a")
@click.argument("b")
@click.option(
    "--what",
    type=click.Choice(["tools/list", "initialize"]),
    default="tools/list",
    show_default=True,
    help="Of components: everything, or only how they were greeted.",
)
@_options.since
@_options.file
@_options.database_url
@_options.as_json
@click.pass_context
def compare(
    ctx: click.Context,
    *,
    a: str,
    b: str,
    what: str,
    since: str | None,
    file: Path | None,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Compare two components of one log, a good and a bad trace, or two files.

    A and B are names of components, trace ids, or paths of *.jsonl files. Exits with 0 when no difference
    breaks anybody, with 3 otherwise.

    \b
    Examples:
      godot compare gates dewey --since 15m
      godot compare gates relay --file demo/captures/healthy.jsonl
      godot compare 7c9e6679-7425-40de-944b-e07fc1f90ae7 0192f0c1-2d3e-7a4b-8c5d-6e7f80912a3b
      godot compare demo/captures/healthy.jsonl demo/captures/bug13.jsonl --json | jq .first
    """  # noqa: D301 - \b keeps click from rewrapping
    from godot_analysis.presentation.comparison import as_text

    found = _compare(a, b, what, since=since, file=file, database_url=database_url)
    if as_json:
        click.echo(json.dumps(found.to_dict(), ensure_ascii=False, indent=2, default=str))
    else:
        columns = shutil.get_terminal_size((_WIDEST, 24)).columns
        _print.prose(as_text(found, width=min(max(columns, _NARROWEST), _WIDEST), style=_paint))
    ctx.exit(_BREAKING if found.breaking else 0)


def _compare(
    a: str, b: str, what: str, *, since: str | None, file: Path | None, database_url: str | None
) -> Comparison:
    import godot_analysis as ga

    kinds = {_kind(a), _kind(b)}
    if len(kinds) > 1:
        raise click.UsageError("A and B have to be of one kind: components, trace ids, or *.jsonl files")
    [kind] = kinds
    if kind == "file":
        if file or since:
            raise click.UsageError("--file and --since go with components and traces, not with two files")
        names = Path(a).stem, Path(b).stem
        labels = names if names[0] != names[1] else (a, b)
        return ga.compare(ga.load_logs(source=a), ga.load_logs(source=b), labels=labels)
    source = str(file) if file else Settings.load({"database_url": database_url}).database_url
    if kind == "trace":
        return ga.compare(_trace(a, source), _trace(b, source), labels=(a, b))
    logs = ga.load_logs(start=beginning(since, of_file=file is not None), source=source)
    return ga.compare(a, b, what=what, logs=logs)


def _kind(name: str) -> str:
    if name.endswith((".jsonl", ".jsonl.gz")):
        return "file"
    try:
        UUID(name)
    except ValueError:
        return "component"
    return "trace"


def _trace(trace_id: str, source: str) -> pd.DataFrame:
    import godot_analysis as ga

    logs = ga.load_trace(trace_id, source)
    if logs.empty:
        raise InputError(f"no record has the trace id {trace_id}", "`godot traces` lists those there are")
    return logs


def _paint(text: str, role: str) -> str:
    return click.style(text, **_COLOURS.get(role, {}))
