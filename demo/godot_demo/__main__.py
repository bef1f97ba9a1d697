"""`python -m godot_demo`: run a scenario, list them, or make a capture, against a Redis that is there."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import click

from godot_demo.capture import capture
from godot_demo.errors import DemoError
from godot_demo.runner import DemoRun, run
from godot_demo.scenarios import SCENARIOS


@click.command(context_settings={"auto_envvar_prefix": "GODOT"})
@click.argument("scenario", type=click.Choice(sorted(SCENARIOS)), required=False)
@click.option(
    "--redis-url", default="redis://127.0.0.1:6379/0", show_default=True, help="Where the components log to."
)
@click.option("--prefix", default="logs:", show_default=True, help="Prefix of the Redis keys.")
@click.option("--seed", default=13, show_default=True, help="What made-up ids are derived from.")
@click.option(
    "--capture", "path", type=click.Path(dir_okay=False, path_type=Path), help="Write the entries to a file."
)
@click.option("--list", "only_list", is_flag=True, help="Name the scenarios.")
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def main(
    scenario: str | None,
    *,
    redis_url: str,
    prefix: str,
    seed: int,
    path: Path | None,
    only_list: bool,
    as_json: bool,
) -> None:
    """Run SCENARIO of the demo system; its components log to a Redis.

    Example: python -m godot_demo bug13 --redis-url redis://127.0.0.1:6379/0
    """
    if only_list or scenario is None:
        for name, known in SCENARIOS.items():
            click.echo(f"{name:26} {known.summary}")
        return
    # SIGTERM unwinds like Ctrl-C, so that every component is stopped in order.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        facts = _run(scenario, redis_url, prefix, seed, path)
    except DemoError as error:
        click.echo(f"godot_demo: {error}", err=True)
        sys.exit(1)
    if as_json:
        click.echo(json.dumps(facts.to_dict(), indent=2))
    else:
        click.echo(f"{len(facts.calls)} calls, {len(facts.trace_ids)} traces")


def _run(scenario: str, redis_url: str, prefix: str, seed: int, path: Path | None) -> DemoRun:
    def tell(line: str) -> None:
        click.echo(line, err=True)

    if path is not None:
        return capture(scenario, path, redis_url=redis_url, seed=seed, progress=tell)
    return run(scenario, redis_url=redis_url, prefix=prefix, seed=seed, progress=tell)


if __name__ == "__main__":
    main()
