"""Runs a scenario: starts every component, lets the client make its calls, stops all, tells the facts."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import redis

from godot_demo import node
from godot_demo.errors import DemoError
from godot_demo.processes import Components
from godot_demo.scenarios import SCENARIOS
from godot_demo.system import CallFact, System, closed_port

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class DemoRun:
    """The facts of one run, against which a diagnosis can be checked."""

    scenario: str
    trace_ids: tuple[str, ...]
    """The trace that the relay made for each request of the client, in order."""
    calls: tuple[CallFact, ...]
    instances: Mapping[str, str]
    """Component → the `instance` in its records: host, pid and a nonce."""
    started: datetime
    ended: datetime
    relay_stderr: str
    """What only the relay's terminal showed, such as a refused connection."""

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON data."""
        return asdict(self) | {"started": self.started.isoformat(), "ended": self.ended.isoformat()}


def run(
    scenario: str,
    *,
    redis_url: str,
    prefix: str = "logs:",
    seed: int = 13,
    timeout: float = 120.0,
    progress: Progress | None = None,
) -> DemoRun:
    """Run a scenario against a Redis and return what happened.

    Every component runs as a process of its own, as a rule at level TRACE, and logs to `redis_url`. All of
    them have ended when this returns or raises.

    Parameters
    ----------
    scenario
        A name of `SCENARIOS`.
    redis_url, prefix
        Where the components log to.
    seed
        What ids made by the backends are derived from.
    timeout
        Seconds for the whole run.
    progress
        Called with a line for people whenever something happens.

    Raises
    ------
    DemoError
        The scenario is unknown, or the system itself did not work; with the end of the culprit's stderr.
    """
    plan = SCENARIOS.get(scenario)
    if plan is None:
        raise DemoError(f"There is no scenario {scenario!r}.", hint=f"Choose from: {', '.join(SCENARIOS)}")
    tell = progress or (lambda _line: None)
    node.ensure_packages(tell)
    logging = {"GODOT_REDIS_URL": redis_url, "GODOT_PREFIX": prefix, "GODOT_LEVEL": plan.level}
    # The stdout of every component is a channel, so the fallback may not go there.
    environment = os.environ | logging | {"GODOT_FALLBACK": "stderr", "LOGGING_ENABLED": "true"}
    started = datetime.now(UTC)
    deadline = time.monotonic() + timeout
    with (
        tempfile.TemporaryDirectory(prefix="godot-demo-") as folder,
        closed_port() as old_port,
        Components(environment, Path(folder), deadline) as components,
    ):
        system = System(plan, components, seed, tell, partial(_set_level, redis_url, f"{prefix}levels"))
        system.start_backends()
        system.start_client(old_port)
        calls = system.play()
        traces, relay_stderr = system.traces(), system.relay_stderr()
    return DemoRun(
        scenario=scenario,
        trace_ids=tuple(trace["trace_id"] for trace in traces),
        calls=calls,
        instances=components.instances | {"relay": traces[-1]["instance"]},
        started=started,
        ended=datetime.now(UTC),
        relay_stderr=relay_stderr,
    )


def _set_level(redis_url: str, key: str, component: str, level: str | None) -> None:
    """What `godot level set` and `reset` tell the clients; see clients/wire."""
    with redis.Redis.from_url(redis_url) as client:
        if level is None:
            client.hdel(key, component)
        else:
            client.hset(key, component, json.dumps({"level": level, "expires_at": None}))
