"""`godot ingest`: the daemon, in the foreground."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

import click

from godot_daemon.cli._options import setting
from godot_daemon.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

_OF_PRODUCERS: Final = {"queue_max"}


def _all_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    for field in reversed(dataclasses.fields(Settings)):
        if field.name not in _OF_PRODUCERS:
            command = setting(field.name)(command)
    return command


@click.command(
    short_help="Run the daemon: from Redis to PostgreSQL.",
    epilog="Example: godot ingest --redis-url redis://127.0.0.1:6379/0 --metrics-port 0",
)
@_all_settings
def ingest(**arguments: Any) -> None:
    """Move records from the queue into the database until SIGTERM.

    What is claimed stays in Redis until the database has committed it; each record is stored once,
    whatever is killed. SIGTERM finishes what is claimed and exits 0. SIGHUP reads the settings again, among
    them the files of GODOT_REDIS_URL_FILE and GODOT_DATABASE_URL_FILE. Several daemons share one queue.

    Its own log goes to stderr. The exit status is 1 when only a person can repair what is wrong, such as a
    missing table or a wrong password.
    """
    from godot_daemon.narration import Narrator
    from godot_daemon.service import Service

    def load() -> Settings:
        return Settings.load(arguments)

    Service(load, Narrator(load().log_format)).run()
