"""`godot dead`: records that could not be stored: list, show, retry, purge."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import json
import sys
from typing import TYPE_CHECKING, Any

import click

from godot_daemon.cli import _options, _print
from godot_daemon.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from godot_daemon.database import Connection
    from godot_daemon.dead_letters import DeadLetter, Selection

_RAW_SHOWN = 60
_reason = click.option("--reason", help="Only those with this reason.")
_before = click.option(
    "--before",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="Only those older than this (UTC).",
)


@click.group()
def dead() -> None:
    """List, retry or purge records that could not be stored.

    \b
    Example:
      godot dead list --reason 'no component'
    """  # noqa: D301


@dead.command("list")
@_options.database_url
@_reason
@_before
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1))
@_options.as_json
def list_letters(
    database_url: str | None, reason: str | None, before: dt.datetime | None, limit: int, *, as_json: bool
) -> None:
    """List dead letters, the newest first.

    \b
    Example:
      godot dead list --limit 10
    """  # noqa: D301
    from godot_daemon import dead_letters

    selection = _selection((), reason, before)
    with _connection(database_url) as connection:
        found = dead_letters.letters(connection, selection, limit)
        total = dead_letters.count(connection, selection)
    if as_json:
        click.echo(json.dumps([_as_dict(letter) for letter in found]))
        return
    _print.table(
        ("id", "dead at", "reason", "component", "bytes", "begins with"),
        [
            (
                str(letter.id),
                f"{letter.dead_at:%F %T}",
                letter.reason,
                _print.safe(letter.component or ""),
                len(letter.raw),
                _print.safe(letter.raw[:_RAW_SHOWN].decode(errors="backslashreplace")),
            )
            for letter in found
        ],
    )
    if total > len(found):
        click.echo(f"… and {total - len(found):,} more")
    elif not total:
        click.echo("no dead letters")


@dead.command()
@_options.database_url
@click.option("--raw", is_flag=True, help="Write the bytes exactly as they were pushed, and nothing else.")
@_options.as_json
@click.argument("identifier", metavar="ID")
def show(database_url: str | None, identifier: str, *, raw: bool, as_json: bool) -> None:
    """Show one dead letter; the beginning of its id is enough.

    Bytes that a terminal might obey are shown escaped, unless --raw is given.

    \b
    Example:
      godot dead show 5f2c
    """  # noqa: D301
    from godot_daemon import dead_letters

    with _connection(database_url) as connection:
        letter = dead_letters.find(connection, identifier)
    if raw:
        sys.stdout.buffer.write(letter.raw)
    elif as_json:
        click.echo(json.dumps(_as_dict(letter)))
    else:
        for name, value in _as_dict(letter).items():
            if value is not None and not name.startswith("raw"):
                click.echo(f"{name + ':':<12}{_print.safe(str(value))}")
        click.echo(f"{len(letter.raw):,} bytes:")
        click.echo(_print.safe(letter.raw.decode(errors="backslashreplace")))


@dead.command()
@_options.database_url
@click.argument("identifiers", metavar="[ID]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that fit the other conditions.")
@_reason
@_before
@click.option(
    "--set", "changes", metavar="KEY=VALUE", multiple=True, help="Set a key of the record first; repeatable."
)
@_options.as_json
def retry(
    database_url: str | None,
    identifiers: Sequence[str],
    reason: str | None,
    before: dt.datetime | None,
    changes: Sequence[str],
    *,
    everything: bool,
    as_json: bool,
) -> int:
    """Try to store dead letters again, after what kept them out was repaired.

    Each is stored under its own id, so it never becomes two rows. What still cannot be stored stays a dead
    letter; then the exit status is 1.

    \b
    Examples:
      godot dead retry --all --reason 'refused (22003)'
      godot dead retry 5f2c --set component=gates
    """  # noqa: D301
    from godot_daemon import dead_letters
    from godot_daemon.redacting import Redacting, names

    settings = Settings.load({"database_url": database_url})
    with _connection(database_url) as connection:
        selection = _meant(connection, identifiers, reason, before, everything=everything)
        redact = Redacting(settings.redact, names(settings.redact_fields))
        done = dead_letters.retry(connection, selection, dict(map(_assignment, changes)), redact)
    if as_json:
        figures = {"stored": done.stored, "duplicate": done.duplicate, "still_dead": done.still_dead}
        click.echo(json.dumps(figures))
    else:
        known = f", {done.duplicate:,} were stored already" if done.duplicate else ""
        click.echo(f"{done.stored:,} stored{known}, {done.still_dead:,} still dead")
    return 1 if done.still_dead else 0


@dead.command()
@_options.database_url
@click.argument("identifiers", metavar="[ID]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that fit the other conditions.")
@_reason
@_before
@click.option("--yes", is_flag=True, help="Do not ask.")
def purge(
    database_url: str | None,
    identifiers: Sequence[str],
    reason: str | None,
    before: dt.datetime | None,
    *,
    everything: bool,
    yes: bool,
) -> None:
    """Remove dead letters for good.

    \b
    Example:
      godot dead purge --all --before 2026-11-01 --yes
    """  # noqa: D301
    from godot_daemon import dead_letters

    with _connection(database_url) as connection:
        selection = _meant(connection, identifiers, reason, before, everything=everything)
        total = dead_letters.count(connection, selection)
        if total and not yes:
            click.confirm(f"Remove {total:,} dead letters for good?", abort=True, err=True)
        click.echo(f"{dead_letters.purge(connection, selection):,} removed")


@contextlib.contextmanager
def _connection(database_url: str | None) -> Iterator[Connection]:
    import psycopg

    from godot_daemon import database

    settings = Settings.load({"database_url": database_url})
    try:
        with database.connect(
            settings.database_url, patience=settings.database_timeout, application="godot dead", role=None
        ) as connection:
            yield connection
    except psycopg.Error as error:
        raise database.translated(error, settings.database_url) from error


def _selection(ids: Sequence[UUID], reason: str | None, before: dt.datetime | None) -> Selection:
    from godot_daemon.dead_letters import Selection

    return Selection(ids, reason, before and before.replace(tzinfo=dt.UTC))


def _meant(
    connection: Connection,
    identifiers: Sequence[str],
    reason: str | None,
    before: dt.datetime | None,
    *,
    everything: bool,
) -> Selection:
    from godot_daemon import dead_letters

    if bool(identifiers) == everything:
        raise click.UsageError("give ids, or --all with or without conditions")
    ids = [dead_letters.find(connection, identifier).id for identifier in identifiers]
    return _selection(ids, reason, before)


def _assignment(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise click.UsageError(f"--set {text}: must be KEY=VALUE")
    return key, value


def _as_dict(letter: DeadLetter) -> dict[str, Any]:
    """For JSON: the raw bytes as text where they are text, and in Base64 always."""
    try:
        text: str | None = letter.raw.decode()
    except UnicodeDecodeError:
        text = None
    return {
        "id": str(letter.id),
        "dead_at": letter.dead_at.isoformat(),
        "reason": letter.reason,
        "detail": letter.detail,
        "component": letter.component,
        "trace_id": None if letter.trace_id is None else str(letter.trace_id),
        "instance": letter.instance,
        "seq": letter.seq,
        "batch": letter.batch,
        "retries": letter.retries,
        "retried_at": letter.retried_at and letter.retried_at.isoformat(),
        "raw": text,
        "raw_base64": base64.b64encode(letter.raw).decode(),
    }
