"""`godot diagnose`: name what is wrong, root cause first, with the evidence."""

from __future__ import annotations

import gc
import json
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from godot_daemon.cli import _options, _print
from godot_daemon.cli._times import beginning
from godot_daemon.errors import InputError
from godot_daemon.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

_EXIT: Final = {"healthy": 0, "fault": 3, "unclear": 4}
_WIDEST: Final = 100
_NARROWEST: Final = 40
# What surrounds a trace tells what is missing from it: the handshakes before, the other calls around.
_AROUND: Final = timedelta(minutes=30)
_COLOURS: Final[dict[str, dict[str, Any]]] = {
    "error": {"fg": "red", "bold": True},
    "warning": {"fg": "yellow", "bold": True},
    "healthy": {"fg": "green", "bold": True},
    "info": {"fg": "blue"},
    "label": {"fg": "cyan"},
    "quiet": {"dim": True},
}


@click.command(cls=_options.Reader)
@click.option(
    "--trace", "trace_id", metavar="ID", type=_options.TraceId(), help="Only what concerns this trace."
)
@click.option(
    "--component", metavar="NAME", help="Only what concerns this component, even if it never logged."
)
@click.option("--tool", metavar="NAME", help="Only what concerns this tool, even if nobody got to call it.")
@_options.since
@_options.file
@_options.database_url
@_options.as_json
@click.pass_context
def diagnose(
    ctx: click.Context,
    *,
    trace_id: str | None,
    component: str | None,
    tool: str | None,
    since: str | None,
    file: Path | None,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Name what is wrong, root cause first, with the log rows that prove it.

    Exits with 0 when the system is healthy, with 3 when there is an error or a warning, and with 4 when the
    log does not tell: it says what was not seen, and which log would settle it.

    \b
    Examples:
      godot diagnose --since 15m
      godot diagnose --tool gates_create_document
      godot diagnose --trace 7c9e6679-7425-40de-944b-e07fc1f90ae7 --json
      godot diagnose --file demo/captures/bug13.jsonl
    """  # noqa: D301 - \b keeps click from rewrapping
    gc.disable()
    from godot_analysis.diagnosis.diagnose import diagnose as find_causes
    from godot_analysis.presentation.diagnosis import as_text

    gc.freeze()  # what was imported stays: to look through it again and again takes longer than a small log
    gc.enable()
    source = str(file) if file else Settings.load({"database_url": database_url}).database_url
    logs = _load(source, trace_id, beginning(since, of_file=file is not None))
    found = find_causes(logs, trace_id=trace_id, component=component, tool=tool)
    if as_json:
        for note in found.notes:
            click.echo(f"godot: {note}", err=True)
        click.echo(json.dumps(found.to_dict(), ensure_ascii=False, indent=2))
    else:
        columns = shutil.get_terminal_size((_WIDEST, 24)).columns
        _print.prose(as_text(found, width=min(max(columns, _NARROWEST), _WIDEST), style=paint))
    ctx.exit(_EXIT[found.verdict])


def _load(source: str, trace_id: str | None, since: str | None) -> pd.DataFrame:
    """The records to judge by: with a trace, everything around it."""
    from godot_analysis.loading.load import load_logs, load_trace

    if trace_id is None:
        return load_logs(start=since, source=source)
    trace = load_trace(trace_id, source)
    if trace.empty:
        raise InputError(f"no record has the trace id {trace_id}", "`godot traces` lists those there are")
    times = trace["event_created_at"]
    return load_logs(start=times.min() - _AROUND, end=times.max() + _AROUND, source=source)


def paint(text: str, role: str) -> str:
    """Colour a part of a diagnosis by its role; click takes the colours out where nobody would see them."""
    return click.style(text, **_COLOURS.get(role, {}))
