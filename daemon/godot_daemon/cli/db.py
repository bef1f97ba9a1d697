"""`godot db`: upgrade the schema, look after partitions, count what is stored."""

from __future__ import annotations

import dataclasses
from typing import Any

import click
import psycopg

from godot_daemon import migrations, partitions
from godot_daemon.cli import _options, _print
from godot_daemon.settings import Settings
from godot_daemon.stats import collect


@click.group()
def db() -> None:
    """Upgrade and inspect the database.

    \b
    Example:
      godot db upgrade
    """  # noqa: D301 - \b keeps click from rewrapping


@db.command()
@_options.database_url
@click.option("--dry-run", is_flag=True, help="Say what would be applied, and change nothing.")
def upgrade(database_url: str | None, *, dry_run: bool) -> None:
    """Bring the schema to this program's version; safe to repeat, and for two at once.

    \b
    Example:
      godot db upgrade --database-url postgresql://owner@localhost/godot
    """  # noqa: D301
    url = Settings.load({"database_url": database_url}).database_url
    if dry_run:
        with psycopg.connect(url) as connection:
            changes = migrations.pending(connection)
    else:
        changes = migrations.upgrade(url)
    for migration in changes:
        click.echo(f"{'would apply' if dry_run else 'applied'} {migration.version:04} {migration.name}")
    if not changes:
        click.echo("nothing to do: the schema is current")


@db.command("partitions")
@_options.database_url
@click.option("--ensure", is_flag=True, help="Create those that are missing around today.")
@click.option("--days-ahead", default=partitions.DAYS_AHEAD, show_default=True, type=click.IntRange(0, 366))
@click.option("--days-back", default=partitions.DAYS_BACK, show_default=True, type=click.IntRange(0, 3660))
@click.option(
    "--absorb", is_flag=True, help="Give days found in the default partition their own (31 at most)."
)
@_options.as_json
def show_partitions(
    database_url: str | None, *, ensure: bool, days_ahead: int, days_back: int, absorb: bool, as_json: bool
) -> None:
    """List the daily partitions, and create missing ones.

    Records outside all of them are kept in the default partition; creating theirs moves them over.

    \b
    Example:
      godot db partitions --ensure --days-back 30
    """  # noqa: D301
    url = Settings.load({"database_url": database_url}).database_url
    with psycopg.connect(url, autocommit=True) as connection:
        created = partitions.ensure(connection, days_ahead=days_ahead, days_back=days_back) if ensure else []
        created += partitions.absorb(connection) if absorb else []
        listing = partitions.listing(connection)
        strays = partitions.default_rows(connection)
    if as_json:
        _print.json_object(
            {
                "partitions": [dataclasses.asdict(partition) for partition in listing],
                "created": created,
                "default_rows": strays,
            }
        )
        return
    for day in created:
        click.echo(f"created {day}")
    _print.table(
        ("partition", "from", "to", "rows (estimate)", "size"),
        [
            (
                partition.name,
                _print.day(partition.starts_at),
                _print.day(partition.ends_at),
                partition.estimated_rows,
                _print.size(partition.bytes),
            )
            for partition in listing
        ],
    )
    if strays:
        click.echo(f"alarm: {strays:,} records lie outside all partitions (--absorb moves them)", err=True)


@db.command()
@_options.database_url
@_options.as_json
def stats(database_url: str | None, *, as_json: bool) -> None:
    """Count records by component and level, with the oldest, the newest and the size.

    \b
    Example:
      godot db stats --json | jq .records
    """  # noqa: D301
    url = Settings.load({"database_url": database_url}).database_url
    with psycopg.connect(url) as connection:
        found = collect(connection)
    if as_json:
        summary: dict[str, Any] = {
            "records": found.records,
            "oldest": found.oldest,
            "newest": found.newest,
            "components": found.by("component"),
            "levels": found.by("level"),
            **dataclasses.asdict(found),
        }
        _print.json_object(summary)
        return
    click.echo(f"{found.records:,} records in {found.partitions} partitions, {_print.size(found.bytes)}")
    _print.table(
        ("component", "level", "records", "oldest (UTC)", "newest (UTC)"),
        [
            (
                count.component,
                count.level,
                count.records,
                _print.moment(count.oldest),
                _print.moment(count.newest),
            )
            for count in found.counts
        ],
    )
    if found.default_rows:
        click.echo(f"alarm: {found.default_rows:,} records lie outside all partitions", err=True)
