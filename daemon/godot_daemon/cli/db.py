"""`godot db`: upgrade the schema, look after partitions, count what is stored."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from typing import TYPE_CHECKING, Any

import click
import psycopg

from godot_daemon import index_keys, migrations, partitions, retention
from godot_daemon.cli import _options, _print
from godot_daemon.cli._connecting import connected
from godot_daemon.errors import SetupError
from godot_daemon.settings import Settings
from godot_daemon.stats import collect
from godot_daemon.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator


@click.group()
def db() -> None:
    """Look after the database: schema, partitions, retention, indexes, counts.

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
        with connected(url) as connection:
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
    with connected(url) as connection:
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
        click.echo(
            f"alarm: {counted(strays, 'record', 'lies')} outside all partitions (--absorb moves them)",
            err=True,
        )


@db.command()
@_options.database_url
@_options.archive_dir
@click.option(
    "--days",
    envvar="GODOT_RETENTION_DAYS",
    show_envvar=True,
    type=click.IntRange(1, 36_500),
    help="Keep so many days; the database remembers it as its promise.  [default: its promise, 7 at first]",
)
@click.option("--dry-run", is_flag=True, help="Say what would go and what would stay, and change nothing.")
@_options.as_json
def retain(
    database_url: str | None, archive_dir: str | None, days: int | None, *, dry_run: bool, as_json: bool
) -> int:
    """Remove the days that have expired, but for pinned traces; the daemon does it every hour.

    A day goes as a whole when it ended so many days ago. Records that lie outside all partitions (they came
    when their day was gone, or from a clock in 1970) go so many days after they came. With --archive-dir all
    that goes is in a Parquet file first, which `load_logs(source=DIRECTORY)` reads.

    The exit status is 1 if something expired had to stay, because it was in use: run it again.

    \b
    Examples:
      godot db retain --dry-run
      godot db retain --days 30 --archive-dir /srv/logs
    """  # noqa: D301
    settings = Settings.load({"database_url": database_url, "archive_dir": archive_dir})
    with connected(settings.database_url, application_name="godot db retain") as connection:
        before = retention.bound(connection, days)
        if dry_run:
            outcome = retention.Outcome(before, retention.forecast(connection, before))
        else:
            if days is not None:
                _promise(connection, days)
            with _archive(settings) as archive:
                outcome = retention.retain(connection, before, archive, _progress)
    if as_json:
        _print.json_object({"dry_run": dry_run, **dataclasses.asdict(outcome)})
    else:
        _show(outcome, dry_run=dry_run)
    for problem in outcome.problems:
        click.echo(f"godot: {problem}", err=True)
    return 1 if outcome.problems else 0


def _promise(connection: psycopg.Connection[Any], days: int) -> None:
    if days == (promised := retention.promised(connection)):
        return
    try:
        retention.promise(connection, days)
    except psycopg.errors.InsufficientPrivilege:
        if days < promised:  # keeping longer needs nobody's leave
            raise SetupError(
                f"the database promises to keep {promised} days, and this user may not change that",
                "connect as a user with the role godot_admin",
            ) from None


@contextlib.contextmanager
def _archive(settings: Settings) -> Iterator[retention.Archive | None]:
    if not settings.archive_dir:
        yield None
        return
    from godot_daemon.archive import ParquetArchive

    with connected(settings.database_url, application_name="godot db retain") as reading:
        yield ParquetArchive(settings.archive_dir, reading)


def _progress(step: retention.Retired) -> None:
    if sys.stderr.isatty():
        click.echo(f"{step.partition}: {counted(step.records, 'record')}", err=True)


def _show(outcome: retention.Outcome, *, dry_run: bool) -> None:
    _print.table(
        ("partition", "from", "records", "pinned", "late", "size", "archive"),
        [
            (
                step.partition,
                _print.day(step.starts_at),
                step.records,
                step.pinned,
                step.late,
                _print.size(step.bytes),
                step.archive or "",
            )
            for step in outcome.retired
        ],
    )
    gone = sum(step.records for step in outcome.retired)
    stay = sum(step.pinned + step.late for step in outcome.retired)
    if not outcome.retired:
        click.echo(f"nothing has expired: everything is of {_print.day(outcome.before)} or later")
    else:
        verb, kept = ("would remove", "would stay") if dry_run else ("removed", "stay")
        click.echo(
            f"{verb} {counted(gone, 'record')} of before {_print.day(outcome.before)}; {stay:,} {kept}"
        )


class _Key(click.ParamType[str]):
    name = "key"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not value or "\0" in value:
            self.fail("name one key of data, such as user_id", param, ctx)
        return value


@db.command("index-key")
@_options.database_url
@click.argument("key", required=False, type=_Key())
@click.option("--drop", is_flag=True, help="Remove the index again.")
@_options.as_json
def index_key(database_url: str | None, key: str | None, *, drop: bool, as_json: bool) -> None:
    """Index one KEY of data while everybody goes on writing; without KEY, list those that are indexed.

    Search with: where log_key(data, 'user_id') = '42'. Records without the key cost nothing, each one with it
    costs an entry at its insertion.

    \b
    Example:
      godot db index-key user_id
    """  # noqa: D301
    url = Settings.load({"database_url": database_url}).database_url
    if drop and key is None:
        raise click.UsageError("--drop needs a KEY")
    with connected(url, application_name="godot db index-key") as connection:
        if drop and key is not None:
            changed = index_keys.drop_key_index(connection, key)
        elif key is not None:
            changed = index_keys.index_key(connection, key, _making)
        else:
            changed = False
        found = index_keys.indexed_keys(connection)
    if as_json:
        _print.json_object({"changed": changed, "keys": [dataclasses.asdict(index) for index in found]})
    elif key is None and not found:
        click.echo("no key is indexed")
    elif key is None:
        _print.table(
            ("key", "index", "size", "state"),
            [
                (index.key, index.name, _print.size(index.bytes), "" if index.valid else "unfinished")
                for index in found
            ],
        )
    elif drop:
        click.echo("removed" if changed else "there was no index of this key")
    else:
        click.echo("indexed" if changed else "nothing to do: this key is indexed")


def _making(partition: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"indexing {partition} …", err=True)


@db.command()
@_options.database_url
@click.option("--exact", is_flag=True, help="Read everything, instead of what arrived since the last count.")
@_options.as_json
def stats(database_url: str | None, *, exact: bool, as_json: bool) -> None:
    """Count records by component and level, with the oldest, the newest and the size.

    The daemon keeps counts; only what arrived in the last half hour is counted now. The sum is exact, unless
    somebody has deleted rows from a single partition, past the table logs: then --exact reads everything.

    \b
    Example:
      godot db stats --json | jq .records
    """  # noqa: D301
    url = Settings.load({"database_url": database_url}).database_url
    with connected(url) as connection:
        found = collect(connection, everything=exact)
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
    records, parts = counted(found.records, "record"), counted(found.partitions, "partition")
    click.echo(f"{records} in {parts}, {_print.size(found.bytes)}")
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
        click.echo(f"alarm: {counted(found.default_rows, 'record', 'lies')} outside all partitions", err=True)
