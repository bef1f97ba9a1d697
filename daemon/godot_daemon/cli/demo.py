"""`godot demo`: the whole path on this machine, from log calls to a diagnosis, with a fault that is real."""

from __future__ import annotations

import difflib
import json
import shutil
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from godot_daemon.cli import _options, _print
from godot_daemon.errors import GodotError, UnavailableError
from godot_daemon.settings import Settings
from godot_daemon.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType

    from godot_daemon.processes import Stack
    from godot_demo import DemoRun, Scenario

_STORED_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.05
_TEND_SECONDS: Final = 0.2
_WIDTHS: Final = (40, 120)


@click.command()
@click.argument("scenario", default="bug13", metavar="[SCENARIO]")
@click.option("--list", "only_list", is_flag=True, help="Name the scenarios, with a line each.")
@click.option("--keep", is_flag=True, help="Leave the servers running for notebooks, until Ctrl-C.")
@click.option("--seed", default=13, show_default=True, help="What made-up ids are derived from.")
@click.option(
    "--capture",
    "capture_path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.jsonl",
    help="Only write what the components logged to a file, without daemon and diagnosis.",
)
@_options.as_json
def demo(
    scenario: str, *, only_list: bool, keep: bool, seed: int, capture_path: Path | None, as_json: bool
) -> None:
    """Run the demo system under SCENARIO (bug13), show the trace, and name the root cause.

    A client, a relay and four backends run as separate processes that talk MCP; their logs go through Redis
    and the daemon into PostgreSQL, all on a temporary directory that is gone afterwards. Exits with 0 when
    all of this worked, whatever the diagnosis.

    \b
    Examples:
      godot demo
      godot demo healthy
      godot demo bug13 --keep
    """  # noqa: D301 - \b keeps click from rewrapping
    from godot_demo import SCENARIOS

    if only_list:
        _list(SCENARIOS.values(), as_json=as_json)
        return
    if scenario not in SCENARIOS:
        meant = difflib.get_close_matches(scenario, SCENARIOS, 1)
        hint = f"did you mean {meant[0]}? " if meant else ""
        raise click.BadParameter(
            f"no scenario {scenario!r}; {hint}`godot demo --list` names them all", param_hint="SCENARIO"
        )
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    with ExitStack() as cleanup:
        # PostgreSQL may run as another user, whose files outlive a failed stop.
        folder = tempfile.TemporaryDirectory(prefix="godot-demo-", ignore_cleanup_errors=True)
        directory = Path(cleanup.enter_context(folder))
        if capture_path is not None:
            _capture(scenario, capture_path, seed, directory)
        else:
            _run(SCENARIOS[scenario], seed, directory, cleanup, keep=keep, as_json=as_json)


def _list(scenarios: Iterable[Scenario], *, as_json: bool) -> None:
    rows = [(each.name, each.truth.code if each.truth else None, each.summary) for each in scenarios]
    if as_json:
        names = ("name", "code", "summary")
        click.echo(json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=2))
        return
    width = max(len(name) for name, _, _ in rows)
    click.echo("\n".join(f"{name:{width}} {code or '':3}  {summary}" for name, code, summary in rows))


def _run(
    scenario: Scenario, seed: int, directory: Path, cleanup: ExitStack, *, keep: bool, as_json: bool
) -> None:
    from godot_daemon.processes import Stack

    _tell("starting Valkey, PostgreSQL and the daemon")
    stack = cleanup.enter_context(Stack(directory / "data", daemon_log=directory / "daemon.log"))
    # As the daemon sees them: the prefix may be set in the environment.
    settings = Settings.load({"redis_url": stack.redis_url, "database_url": stack.database_url})
    facts = _play(scenario.name, settings, seed)
    _tell("waiting until every record is stored")
    stored = _wait_until_stored(stack, settings)
    _tell(f"{counted(stored, 'record')} stored, none lost")
    _show(scenario, facts, stack.database_url, as_json=as_json)
    if keep:
        _keep(stack)


def _play(name: str, settings: Settings, seed: int) -> DemoRun:
    """Run the scenario; its errors become ours, the stderr of the culprit before them."""
    from godot_demo import DemoError, run

    try:
        return run(name, redis_url=settings.redis_url, prefix=settings.prefix, seed=seed, progress=_tell)
    except DemoError as error:
        raise _translated(error) from error


def _capture(name: str, path: Path, seed: int, directory: Path) -> None:
    from godot_daemon.embedded import EmbeddedValkey
    from godot_demo import DemoError
    from godot_demo.capture import capture

    with EmbeddedValkey(directory / "valkey") as valkey:
        try:
            capture(name, path, redis_url=valkey.url, seed=seed, progress=_tell)
        except DemoError as error:
            raise _translated(error) from error
    _tell(f"written to {path}")


def _translated(error: Any) -> GodotError:
    if error.details:
        click.echo(error.details, err=True)
    return GodotError(error.message, error.hint or None)


def _wait_until_stored(stack: Stack, settings: Settings) -> int:
    """Until nothing waits; then the audit must add up. Returns how many records are stored."""
    from godot_daemon.audit import audit
    from godot_daemon.database import connect
    from godot_daemon.redis_queue import RedisQueue

    queue = RedisQueue(settings)
    try:
        deadline = time.monotonic() + _STORED_SECONDS
        while (backlog := queue.backlog()).waiting or backlog.in_flight:
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"{counted(backlog.waiting, 'record', 'waits')} after {_STORED_SECONDS:.0f} s"
                )
            stack.tend()
            time.sleep(_POLL_SECONDS)
        url = settings.database_url
        with connect(url, patience=_STORED_SECONDS, application="godot demo", role=None) as connection:
            result = audit(queue, connection)
    finally:
        queue.close()
    if not result.balanced:
        raise GodotError(f"records are unaccounted for: {'; '.join(result.problems)}")
    return result.stored


def _show(scenario: Scenario, facts: DemoRun, database_url: str, *, as_json: bool) -> None:
    """The trace and the diagnosis, from the database alone."""
    import godot_analysis as ga
    from godot_analysis.presentation.diagnosis import as_text
    from godot_analysis.presentation.text import sequence
    from godot_daemon.cli.diagnose import paint

    logs = ga.load_logs(source=database_url)
    found = ga.diagnose(logs)
    if as_json:
        result = {"scenario": scenario.name, "run": facts.to_dict(), "diagnosis": found.to_dict()}
        click.echo(json.dumps(result, ensure_ascii=False, indent=2))
        return
    narrowest, widest = _WIDTHS
    width = min(max(shutil.get_terminal_size((widest, 24)).columns, narrowest), widest)
    unicode = _print.speaks_unicode()
    picture = sequence(ga.reconstruct(logs), width, color=True, unicode=unicode, title=scenario.summary)
    # click takes the colours out again where nobody would see them.
    _print.prose(f"{picture}\n\n{as_text(found, width=width, style=paint)}")


def _keep(stack: Stack) -> None:
    click.echo("\nThe servers go on running. For notebooks and other godot commands:\n")
    for name, value in stack.environment.items():
        click.echo(f"  export {name}={value}")
    click.echo("\nCtrl-C stops everything and removes the data.")
    while True:
        time.sleep(_TEND_SECONDS)
        stack.tend()


def _tell(line: str) -> None:
    """Progress, for a person who looks."""
    if sys.stderr.isatty():
        click.secho(f"· {line}", dim=True, err=True)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
