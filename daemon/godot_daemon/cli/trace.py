"""`godot trace` and `godot traces`: who sent what to whom in a trace, and which traces there are."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from godot_daemon.cli import _options, _print
from godot_daemon.cli._times import beginning
from godot_daemon.errors import InputError
from godot_daemon.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from godot_analysis import Flow

_WIDTH_OF_A_FILE: Final = 140
_FRAMES: Final = ("hops", "calls", "losses")


@click.command(cls=_options.Reader)
@click.argument("trace_id", required=False, type=_options.TraceId())
@_options.file
@click.option(
    "--svg",
    "svg_file",
    metavar="FILE.svg",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Draw the sequence into this file instead of the terminal.",
)
@click.option(
    "--rows", default=200, show_default=True, type=click.IntRange(min=10), help="Fold beyond so many."
)
@_options.database_url
@_options.as_json
def trace(
    trace_id: str | None,
    file: Path | None,
    svg_file: Path | None,
    rows: int,
    database_url: str | None,
    *,
    as_json: bool,
) -> None:
    """Show a trace as a sequence of messages; with --file alone, everything in the file.

    \b
    Examples:
      godot trace 7c9e6679-7425-40de-944b-e07fc1f90ae7
      godot trace --file demo/captures/bug13.jsonl
      godot trace --file demo/captures/bug13.jsonl --svg bug13.svg
      godot trace --file demo/captures/bug13.jsonl --json | jq '.calls[] | select(.status != "answered")'
    """  # noqa: D301 - \b keeps click from rewrapping
    if trace_id is None and file is None:
        raise click.UsageError("name a trace (`godot traces` lists them), or a file with --file")
    import godot_analysis as ga

    flow = ga.reconstruct(_load(trace_id, _source(file, database_url)))
    title = f"trace {trace_id}" if trace_id else str(file)
    if as_json:
        click.echo(json.dumps(_frames(flow), ensure_ascii=False, indent=2))
    if svg_file is not None:
        svg_file.write_text(ga.svg.sequence(flow, title=title, most=rows), encoding="utf-8")
        click.echo(f"wrote {svg_file}", err=True)
    if not as_json and svg_file is None:
        _draw(flow, title, rows)


@click.command(cls=_options.Reader)
@_options.since
@click.option("--component", metavar="NAME", help="Only traces in which this component logged.")
@click.option(
    "--status", type=click.Choice(["error", "warn", "ok"]), help="Only traces with this worst level."
)
@_options.file
@_options.database_url
@_options.as_json
def traces(
    since: str | None,
    component: str | None,
    status: str | None,
    file: Path | None,
    database_url: str | None,
    *,
    as_json: bool,
) -> None:
    """List traces, one row each, the newest first.

    \b
    Examples:
      godot traces --since 15m --status error
      godot traces --since all --component gates
      godot traces --file demo/captures/healthy.jsonl --json
    """  # noqa: D301
    import godot_analysis as ga

    source = _source(file, database_url)
    start = beginning(since, of_file=file is not None)
    found = ga.list_traces(start, component, status, source)
    if as_json:
        click.echo(json.dumps(_records(found), ensure_ascii=False, indent=2))
    elif found.empty:
        click.echo("no trace: `--since all` looks further back" if start else "no trace", err=True)
    else:
        _print.table(
            ("trace", "began (UTC)", "took", "records", "components", "worst", "first message"), _rows(found)
        )


def _source(file: Path | None, database_url: str | None) -> Path | str:
    return file or Settings.load({"database_url": database_url}).database_url


def _load(trace_id: str | None, source: Path | str) -> pd.DataFrame:
    import godot_analysis as ga

    if trace_id is None:
        return ga.load_logs(source=source)
    logs = ga.load_trace(trace_id, source)
    if logs.empty:
        raise InputError(f"no record has the trace id {trace_id}", "`godot traces` lists those there are")
    return logs


def _draw(flow: Flow, title: str, rows: int) -> None:
    import godot_analysis as ga

    on_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if on_terminal else _WIDTH_OF_A_FILE
    # click strips the colours where the output is no terminal, or NO_COLOR is set.
    drawn: str = ga.text.sequence(
        flow, width, color=True, unicode=_print.speaks_unicode(), title=title, most=rows
    )
    click.echo(drawn)


def _frames(flow: Flow) -> dict[str, Any]:
    return {name: _records(getattr(flow, name)) for name in _FRAMES}


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON objects; pandas' own writer fails on integers past 64 bits, which payloads may hold."""
    columns = {str(name): [_plain(value) for value in frame[name].tolist()] for name in frame.columns}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _plain(value: Any) -> Any:
    """Missing is null, times are ISO 8601, what was JSON stays as it is."""
    if isinstance(value, dict | list | str):
        return value
    from pandas import isna

    if isna(value):
        return None
    return value.isoformat() if hasattr(value, "isoformat") else value


def _rows(traces: pd.DataFrame) -> list[tuple[str | int, ...]]:
    from godot_analysis import printable
    from godot_analysis.presentation import labels

    rows: Iterable[Any] = traces.itertuples(index=False)
    return [
        (
            row.trace_id,
            f"{row.started_at:%Y-%m-%d %H:%M:%S}",
            labels.duration(row.duration_ms),
            row.records,
            printable.line(", ".join(row.components), 48),
            row.status,
            printable.line(row.title, 48),
        )
        for row in rows
    ]
