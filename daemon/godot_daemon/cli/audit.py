"""`godot audit`: the proof that every record sent is accounted for."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from godot_daemon.cli import _options, _print
from godot_daemon.settings import Settings

if TYPE_CHECKING:
    from godot_daemon.audit import Audit

_SHOWN = 20
_PATIENCE_SECONDS = 600.0


@click.command()
@_options.redis_url
@_options.database_url
@_options.prefix
@_options.as_json
def audit(redis_url: str | None, database_url: str | None, prefix: str | None, *, as_json: bool) -> int:
    """Prove that sent = stored + waiting + in flight + dropped + dead + retired.

    Each process numbers its records, so the proof is in the records themselves: every number up to the
    highest one must be found in the table, among the dead letters, in the queue or in flight, once, or a loss
    must have been counted. Records without numbers, as the original client sends them, are accounted for by
    the queue's position and the daemon's ledger. What retention removed is in its books. Everything is read,
    so it takes a few seconds for each million records; it holds while records are moving.

    The exit status is 1 if it does not add up; then it names the processes and the gaps.

    \b
    Example:
      godot audit --json | jq '.instances[] | select(.missing > 0)'
    """  # noqa: D301
    import psycopg

    from godot_daemon import database
    from godot_daemon.audit import audit as take
    from godot_daemon.redis_queue import RedisQueue

    settings = Settings.load({"redis_url": redis_url, "database_url": database_url, "prefix": prefix})
    queue = RedisQueue(settings)
    try:
        with database.connect(
            settings.database_url, patience=_PATIENCE_SECONDS, application="godot audit", role=None
        ) as connection:
            found = take(queue, connection, _progress)
    except psycopg.Error as error:
        raise database.translated(error, settings.database_url) from error
    finally:
        queue.close()
        _progress("")
    if as_json:
        click.echo(json.dumps(found.to_dict()))
    else:
        _show(found)
    return 0 if found.balanced else 1


def _progress(step: str) -> None:
    """One line on a terminal that the next step writes over; the last one leaves nothing."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[Kreading {step} …" if step else "\r\x1b[K", err=True, nl=False)


def _show(found: Audit) -> None:
    dropped = sum(found.dropped.values())
    parts = [
        ("stored", found.stored, ""),
        ("waiting", found.waiting, ""),
        ("in flight", found.in_flight, ""),
        ("dropped", dropped, ", ".join(f"{reason}: {count:,}" for reason, count in found.dropped.items())),
        ("dead", found.dead, ""),
    ]
    if found.retired:
        parts.append(("retired", found.retired, "removed by retention"))
    if found.unaccounted:
        parts.append(("nowhere", found.unaccounted, "unaccounted for"))
    click.echo(f"sent        {found.sent:>15,}")
    for number, (name, count, note) in enumerate(parts):
        sign = "=" if number == 0 else "+"
        click.echo(f"{sign} {name:<10}{count:>15,}{'  ' + note if note else ''}")
    suspects = [account for account in found.accounts if account.missing or account.doubled]
    if suspects:
        click.echo()
        _print.table(
            ("instance", "sent", "missing", "twice", "gaps"),
            [
                (
                    account.instance,
                    account.sent,
                    account.missing,
                    account.doubled,
                    ", ".join(
                        f"{first}-{last}" if first < last else f"{first}" for first, last in account.gaps
                    ),
                )
                for account in suspects[:_SHOWN]
            ],
        )
    click.echo()
    for problem in found.problems:
        click.secho(problem, fg="red")
    if found.balanced:
        click.secho("balanced: every record is accounted for", fg="green")
