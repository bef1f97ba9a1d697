"""`godot config`: the settings as the daemon would read them now, and where each comes from."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from godot_daemon.cli import _options, _print
from godot_daemon.origins import variable
from godot_daemon.settings import Settings, resolve
from godot_wire.connections import shown

if TYPE_CHECKING:
    from godot_daemon.settings import Resolution


@click.command()
@_options.as_json
def config(*, as_json: bool) -> int:
    """Show the effective settings and where each comes from; passwords are masked.

    The environment wins over the file that GODOT_SETTINGS_FILE names, and that over the defaults. A secret
    may stand in a file that GODOT_…_FILE names. Options of other commands win over all of these.

    The exit status is 1 if a setting cannot be used; all that are wrong are named at once.

    \b
    Examples:
      godot config
      godot config --json | jq '.settings[] | select(.source != "default")'
    """  # noqa: D301
    found = resolve()
    if as_json:
        _print.json_object({"settings": _rows(found), "problems": found.problems, "misspelt": found.misspelt})
        return 1 if found.problems else 0
    _print.table(
        ("setting", "value", "from"),
        [(row["variable"], _print.safe(_text(row)), _print.safe(_origin(row))) for row in _rows(found)],
    )
    for note in found.misspelt:
        click.secho(f"note: {_print.safe(note)}", fg="yellow", err=True)
    for problem in found.problems:
        click.secho(f"problem: {_print.safe(problem)}", fg="red", err=True)
    return 1 if found.problems else 0


def _rows(found: Resolution) -> list[dict[str, Any]]:
    rows = []
    for setting in dataclasses.fields(Settings):
        value, place = found.values.get(setting.name), found.found[setting.name]
        rows.append(
            {
                "variable": variable(setting.name),
                "value": shown(value) if value and setting.metadata["secret"] else value,
                "usable": setting.name in found.values,
                "source": place.source,
                "where": place.where,
                "default": setting.default,
                "about": setting.metadata["about"],
            }
        )
    return rows


def _text(row: dict[str, Any]) -> str:
    if not row["usable"]:
        return "unusable"
    return "unset" if row["value"] is None else str(row["value"])


def _origin(row: dict[str, Any]) -> str:
    if row["source"] == "default":
        return "default"
    return row["source"] if row["where"] == row["variable"] else f"{row['source']}: {row['where']}"
