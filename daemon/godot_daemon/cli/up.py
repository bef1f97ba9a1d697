"""`godot up`: everything on this machine in one foreground process tree."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import click

from godot_daemon.processes import Stack

if TYPE_CHECKING:
    from types import FrameType

_TEND_SECONDS: Final = 0.2


@click.command()
@click.option(
    "--data-dir",
    default="godot-data",
    show_default=True,
    show_envvar=True,
    envvar="GODOT_DATA_DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the data stays; made if it is missing.",
)
def up(data_dir: Path) -> None:
    """Run everything on this machine until Ctrl-C: Valkey, PostgreSQL and the daemon.

    The servers come with the installation and listen on this machine only. Ports are chosen at the first
    start and stay the same. The data stays in --data-dir.

    \b
    Example:
      godot up --data-dir ~/godot-data
    """  # noqa: D301 - \b keeps click from rewrapping
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    stack = Stack(data_dir, notify=lambda sentence: click.echo(f"godot: {sentence}", err=True))
    if sys.stderr.isatty():
        click.echo("godot: starting Valkey, PostgreSQL and the daemon …", err=True)
    try:
        stack.start()
        _announce(stack)
        while True:
            time.sleep(_TEND_SECONDS)
            stack.tend()
    except KeyboardInterrupt:
        # A second Ctrl-C ends this process at once; then the kernel tells the children.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        click.echo("godot: stopping …", err=True)
    finally:
        stack.stop()
    click.echo(f"godot: stopped; the data is in {stack.data_dir}", err=True)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _announce(stack: Stack) -> None:
    click.echo(f"PostgreSQL  {stack.database_url}")
    click.echo(f"Valkey      {stack.redis_url}")
    if stack.daemon is not None:
        click.echo(f"metrics     {stack.daemon.metrics_url}")
    click.echo(f"data        {stack.data_dir}")
    click.echo("\nFor your components, notebooks and other godot commands:\n")
    for name, value in stack.environment.items():
        click.echo(f"  export {name}={value}")
    click.echo("\nCtrl-C stops everything.")
