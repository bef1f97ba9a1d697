"""`godot explain`: what a finding means, who usually causes it, and what to do about it."""

from __future__ import annotations

import difflib
import re
import shutil
from typing import TYPE_CHECKING

import click

from godot_daemon.cli import _print

if TYPE_CHECKING:
    from godot_analysis.diagnosis.catalogue import Entry

_FIELD = re.compile(r"\{(\w+)\}")
_WIDEST = 100


@click.command()
@click.argument("code", required=False)
def explain(code: str | None) -> None:
    """Say what a finding means: its text, who usually causes it, and what to do.

    Without CODE, lists all findings. What stands in ‹› is filled in from the log.

    \b
    Examples:
      godot explain B13
      godot explain
    """  # noqa: D301, RUF002 - \b keeps click from rewrapping; the marks are those of the text
    from godot_analysis.diagnosis.catalogue import catalogue

    entries = catalogue()
    if code is None:
        for one in entries.values():
            click.echo(f"{one.code}  {one.layer:<10}  {one.severity:<7}  {one.about}")
        return
    entry = entries.get(code.upper())
    if entry is None:
        close = difflib.get_close_matches(code.upper(), entries, n=1, cutoff=0.3)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise click.UsageError(f"there is no finding {code!r}{hint} `godot explain` lists all")
    _print.prose(_text(entry))


def _text(entry: Entry) -> str:
    from godot_analysis.presentation.prose import wrapped

    width = min(shutil.get_terminal_size((_WIDEST, 24)).columns, _WIDEST)
    parts = {
        "what": entry.summary,
        "why": entry.explanation,
        "fix": entry.fix,
        "usually": f"caused by: {entry.blames}" if entry.blames else "",
        "layer": entry.layer,
        "see": ", ".join(entry.references),
    }
    lines = [f"{entry.code}  {entry.severity}: {entry.about}", ""]
    for label, text in parts.items():
        plain = text.replace("{{", "{").replace("}}", "}")
        if told := " ".join(_FIELD.sub(r"‹\1›", plain).split()):  # noqa: RUF001 - as shown
            body = wrapped(told, width, " " * 11).lstrip()
            lines.append(f"  {label:<9}{body}")
    return "\n".join(lines)
