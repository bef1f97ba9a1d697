"""`godot level`: what level each component logs at: list, set, reset."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Any, Final

import click

from godot_daemon.cli import _options, _print
from godot_daemon.cli._times import Duration
from godot_daemon.errors import UnavailableError
from godot_daemon.settings import Settings

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator

    import psycopg

_ALIASES: Final = {"WARNING": "WARN", "CRITICAL": "ERROR", "FATAL": "ERROR", "NOTICE": "INFO"}
_LONGEST_NAME: Final = 64


class _Level(click.ParamType[str]):
    name = "level"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from godot_daemon.levels import LEVELS

        level = _ALIASES.get(value.upper(), value.upper())
        if level not in LEVELS:
            self.fail(f"{value!r} is none of {', '.join(LEVELS)}", param, ctx)
        return level


class _Component(click.ParamType[str]):
    name = "component"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not 1 <= len(value) <= _LONGEST_NAME or "\0" in value:
            self.fail(f"a component has 1 to {_LONGEST_NAME} characters", param, ctx)
        return value


_component = click.argument("component", type=_Component())


@click.group()
def level() -> None:
    """Set what level a component logs at, from here, while it runs.

    \b
    Example:
      godot level set gates TRACE --for 10m
    """  # noqa: D301


@level.command("list")
@_options.database_url
@_options.as_json
def list_levels(database_url: str | None, *, as_json: bool) -> None:
    """List the levels that are set; every other component keeps its own.

    \b
    Example:
      godot level list --json | jq '.[].component'
    """  # noqa: D301
    from godot_daemon.levels import levels

    settings = Settings.load({"database_url": database_url})
    with _connection(settings) as connection:
        found = levels(connection)
    if as_json:
        _print.json_object([dataclasses.asdict(one) for one in found])
        return
    _print.table(
        ("component", "level", "until (UTC)", "set (UTC)"),
        [
            (
                _print.safe(one.component),
                one.level,
                _print.moment(one.expires_at),
                _print.moment(one.updated_at),
            )
            for one in found
        ],
    )
    if not found:
        click.echo("no level is set: every component keeps its own")


@level.command("set")
@_options.redis_url
@_options.database_url
@_options.prefix
@click.option("--for", "duration", type=Duration(), help="Then the component's own level returns: 10m, 2h.")
@_component
@click.argument("name", metavar="LEVEL", type=_Level())
def set_level(  # noqa: PLR0917 - click calls it, by keyword
    redis_url: str | None,
    database_url: str | None,
    prefix: str | None,
    duration: dt.timedelta | None,
    component: str,
    name: str,
) -> None:
    """Set the level of a component: TRACE, DEBUG, INFO, WARN or ERROR.

    \b
    Example:
      godot level set gates TRACE --for 10m
    """  # noqa: D301
    from godot_daemon import levels

    settings = Settings.load({"redis_url": redis_url, "database_url": database_url, "prefix": prefix})
    with _connection(settings) as connection:
        with connection.transaction():
            levels.set_level(connection, component, name, duration)
        _mirror(connection, settings)
    ends = f" for {duration}" if duration else ""
    click.echo(f"{_print.safe(component)}: {name}{ends}")


@level.command()
@_options.redis_url
@_options.database_url
@_options.prefix
@_component
def reset(redis_url: str | None, database_url: str | None, prefix: str | None, component: str) -> None:
    """Return a component to its own level.

    \b
    Example:
      godot level reset gates
    """  # noqa: D301
    from godot_daemon import levels

    settings = Settings.load({"redis_url": redis_url, "database_url": database_url, "prefix": prefix})
    with _connection(settings) as connection:
        was_set = levels.reset(connection, component)
        _mirror(connection, settings)
    click.echo(f"{_print.safe(component)}: {'its own level' if was_set else 'had its own level'}")


@contextlib.contextmanager
def _connection(settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    from godot_daemon.cli._connecting import connected

    with connected(settings.database_url, "godot level") as connection:
        yield connection


def _mirror(connection: psycopg.Connection[Any], settings: Settings) -> None:
    """Tell the clients; what is in the database is done, even if Redis is away."""
    from godot_daemon.levels import mirror
    from godot_daemon.redis_queue import RedisQueue

    queue = RedisQueue(settings)
    try:
        mirror(connection, queue)
    except UnavailableError as error:
        click.echo(f"godot: {error.message}: the daemon tells the clients when Redis is back", err=True)
    finally:
        queue.close()
