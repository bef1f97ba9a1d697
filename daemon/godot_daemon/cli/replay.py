"""`godot replay`: push the records of a file into the queue."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from godot_daemon.cli import _options
from godot_daemon.settings import Settings

if TYPE_CHECKING:
    from godot_daemon.replay import Replayed

_LINES_SHOWN = 10


@click.command()
@_options.redis_url
@_options.prefix
@_options.setting("queue_max")
@click.option("--force", is_flag=True, help="Push a file even if no line of it is a JSON object.")
@_options.as_json
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
def replay(
    file: str, redis_url: str | None, prefix: str | None, queue_max: str | None, *, force: bool, as_json: bool
) -> None:
    """Push the lines of FILE (JSON lines; - for stdin) into the queue: a fallback file, an export, a capture.

    FILE may be gzipped. The same file twice stores nothing twice: lines without an id get one that is made of
    the line. While the queue is full it waits, so that nothing is dropped.

    Lines that are no JSON objects are pushed as they are and become dead letters; they cannot carry an id, so
    each replay makes new ones of them. A line that a full disk has torn is taken apart: the record glued to
    it is pushed by itself. A file without any JSON object among its first lines is refused.

    \b
    Examples:
      godot replay gates-fallback.jsonl
      godot replay old.jsonl.gz
      ssh gates cat fallback.jsonl | godot replay -
    """  # noqa: D301
    from godot_daemon.redis_queue import RedisQueue
    from godot_daemon.replay import lines_of
    from godot_daemon.replay import replay as push

    settings = Settings.load({"redis_url": redis_url, "prefix": prefix, "queue_max": queue_max})
    queue = RedisQueue(settings)
    with ExitStack() as stack:
        stack.callback(queue.close)
        source: Any = sys.stdin.buffer if file == "-" else stack.enter_context(Path(file).open("rb"))
        progress = _progress if sys.stderr.isatty() else lambda _: None
        done = push(lines_of(source), queue, settings.queue_max, progress, force=force)
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)
    if as_json:
        figures = {
            "pushed": done.pushed,
            "derived_ids": done.derived,
            "not_records": done.not_records,
            "torn": done.torn,
        }
        click.echo(json.dumps(figures))
        return
    click.echo(f"{done.pushed:,} pushed" + (f", {done.derived:,} of them got an id" if done.derived else ""))
    if done.torn:
        shown = ", ".join(map(str, done.torn[:_LINES_SHOWN]))
        click.echo(f"torn, what was glued to them is pushed by itself: line {shown}", err=True)
    if done.not_records:
        shown = ", ".join(map(str, done.not_records[:_LINES_SHOWN]))
        more = (
            f" and {len(done.not_records) - _LINES_SHOWN:,} more"
            if len(done.not_records) > _LINES_SHOWN
            else ""
        )
        click.echo(f"no JSON objects, they become dead letters: line {shown}{more}", err=True)


def _progress(done: Replayed) -> None:
    waiting = ", the queue is full: waiting for a daemon" if done.waiting_for_room else ""
    click.echo(f"\r\x1b[K{done.pushed:,} pushed{waiting}", nl=False, err=True)
