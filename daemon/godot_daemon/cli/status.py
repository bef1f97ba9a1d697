"""`godot status`: what waits, what is stored, and who is at work."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import click

from godot_daemon.cli import _options
from godot_daemon.settings import Settings

if TYPE_CHECKING:
    from godot_daemon.status import Status


@click.command()
@_options.redis_url
@_options.database_url
@_options.prefix
@_options.as_json
def status(redis_url: str | None, database_url: str | None, prefix: str | None, *, as_json: bool) -> int:
    """Show what waits, what is stored, and who is at work.

    The exit status is 1 when something is wrong: a server is away, records wait and no daemon is at work, or
    records are in the default partition.

    \b
    Example:
      godot status --json | jq .waiting
    """  # noqa: D301
    from godot_daemon.status import collect

    found = collect(Settings.load({"redis_url": redis_url, "database_url": database_url, "prefix": prefix}))
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(found), default=str))
    else:
        _show(found)
    return 1 if found.problems else 0


def _show(found: Status) -> None:
    def line(name: str, value: int | None, note: str = "") -> None:
        click.echo(f"{name:<11}{'?' if value is None else f'{value:,}':>15}{'  ' + note if note else ''}")

    line("waiting", found.waiting)
    line("in flight", found.in_flight)
    last = found.last_commit_at
    line("stored", found.stored, f"last commit {last:%F %T %Z}" if last else "")
    line("duplicate", found.duplicate)
    line("dropped", None if found.dropped is None else sum(found.dropped.values()), _reasons(found.dropped))
    line("dead", None if found.dead is None else sum(found.dead.values()), _reasons(found.dead))
    for worker, seconds in (found.daemons or {}).items():
        click.echo(f"daemon {worker}, heartbeat {seconds} s ago")
    for problem in found.problems:
        click.secho(f"problem: {problem}", fg="red", err=True)


def _reasons(counts: dict[str, int] | None) -> str:
    return ", ".join(f"{reason}: {count:,}" for reason, count in (counts or {}).items())
