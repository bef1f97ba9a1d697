"""`godot pin`, `godot unpin`, `godot pins`: traces that survive retention."""

from __future__ import annotations

import dataclasses
import getpass
from typing import TYPE_CHECKING, Any

import click

from godot_daemon.cli import _options, _print
from godot_daemon.cli._times import Deadline
from godot_daemon.settings import Settings
from godot_daemon.wording import counted

if TYPE_CHECKING:
    import datetime as dt
    from uuid import UUID

    import psycopg

_trace_id = click.argument("trace_id", metavar="TRACE_ID", type=click.UUID)


@click.command()
@_options.database_url
@click.option("--note", help="Why.")
@click.option("--owner", help="Who wants it.  [default: the user who runs this]")
@click.option(
    "--until", type=Deadline(), help="When the pin ends: 30d from now, or 2026-01-31.  [default: never]"
)
@_options.as_json
@_trace_id
def pin(
    database_url: str | None,
    note: str | None,
    owner: str | None,
    until: dt.datetime | None,
    trace_id: UUID,
    *,
    as_json: bool,
) -> None:
    """Keep all records of a trace past retention. Pinning again changes who, why and how long.

    \b
    Example:
      godot pin 7c9e6679-7425-40de-944b-e07fc1f90ae7 --note 'BUG #13' --until 30d
    """  # noqa: D301
    from godot_daemon import pins as kept

    with _connection(database_url) as connection:
        found = kept.pin(connection, trace_id, owner=owner or _user(), note=note, expires_at=until)
    if as_json:
        _print.json_object(_as_dict(found))
        return
    until_when = f" until {_print.moment(found.expires_at)}" if found.expires_at else ""
    click.echo(f"pinned{until_when}: {counted(found.records, 'record')}")
    if not found.records:
        click.echo("godot: no records of this trace are stored (yet, or any more)", err=True)


@click.command()
@_options.database_url
@_trace_id
def unpin(database_url: str | None, trace_id: UUID) -> int:
    """Leave a trace to retention again; the exit status is 1 if it was not pinned.

    \b
    Example:
      godot unpin 7c9e6679-7425-40de-944b-e07fc1f90ae7
    """  # noqa: D301
    from godot_daemon import pins as kept

    with _connection(database_url) as connection:
        was_pinned = kept.unpin(connection, trace_id)
    if not was_pinned:
        click.echo("godot: this trace was not pinned (`godot pins` lists those that are)", err=True)
        return 1
    click.echo("unpinned")
    return 0


@click.command()
@_options.database_url
@_options.as_json
def pins(database_url: str | None, *, as_json: bool) -> None:
    """List pinned traces, the oldest pin first.

    \b
    Example:
      godot pins --json | jq '.[] | select(.expired)'
    """  # noqa: D301
    from godot_daemon import pins as kept

    with _connection(database_url) as connection:
        found = kept.pins(connection)
    if as_json:
        _print.json_object([_as_dict(one) for one in found])
        return
    _print.table(
        ("trace", "records", "owner", "pinned (UTC)", "until (UTC)", "note"),
        [
            (
                str(one.trace_id),
                one.records,
                _print.safe(one.owner),
                _print.moment(one.pinned_at),
                ("expired " if one.expired else "") + _print.moment(one.expires_at),
                _print.safe(one.note or ""),
            )
            for one in found
        ],
    )
    if not found:
        click.echo("no trace is pinned")


def _connection(database_url: str | None) -> psycopg.Connection[Any]:
    from godot_daemon.cli._connecting import connected

    url = Settings.load({"database_url": database_url}).database_url
    return connected(url, "godot pin")


def _as_dict(pin: object) -> dict[str, Any]:
    values = dataclasses.asdict(pin)  # type: ignore[call-overload]
    return {**values, "trace_id": str(values["trace_id"])}


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return "unknown"
