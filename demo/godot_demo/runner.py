"""Runs a scenario: starts every component, lets the client make its calls, stops all, tells the facts."""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from godot_demo import node
from godot_demo.errors import DemoError
from godot_demo.processes import Components
from godot_demo.scenarios import SCENARIOS, Scenario

_HOST = "127.0.0.1"
_TRACES, _RELAY_STDERR = "traces.jsonl", "relay.stderr"
_PYTHON_BACKENDS = ("playfair", "dewey", "fiedler")
_ROUTES = ("playfair", "gates", "dewey", "fiedler")
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class CallFact:
    """What became of one call of the client."""

    tool: str
    outcome: str
    """`result`, `tool_error`, `error` (from the relay or a backend), or `refused` by the client itself."""
    error: str | None


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
    timeout: float = 60.0,
    progress: Progress | None = None,
) -> DemoRun:
    """Run a scenario against a Redis and return what happened.

    Every component runs as a process of its own at level TRACE and logs to `redis_url`. All of them have
    ended when this returns or raises.

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
    logging = {"GODOT_REDIS_URL": redis_url, "GODOT_PREFIX": prefix, "GODOT_LEVEL": "TRACE"}
    # The stdout of every component is a channel, so the fallback may not go there.
    environment = os.environ | logging | {"GODOT_FALLBACK": "stderr", "LOGGING_ENABLED": "true"}
    started = datetime.now(UTC)
    deadline = time.monotonic() + timeout
    with (
        tempfile.TemporaryDirectory(prefix="godot-demo-") as folder,
        closed_port() as old_port,
        Components(environment, Path(folder), deadline) as components,
    ):
        urls = _start_backends(components, seed, tell)
        told = {name: f"ws://{_HOST}:{old_port}" if name in plan.moved else urls[name] for name in _ROUTES}
        calls = _run_client(components, plan, told, tell)
        lines = (components.directory / _TRACES).read_text(encoding="utf-8").splitlines()
        relay_stderr = (components.directory / _RELAY_STDERR).read_text(encoding="utf-8")
    traces = [json.loads(line) for line in lines]
    return DemoRun(
        scenario=scenario,
        trace_ids=tuple(trace["trace_id"] for trace in traces),
        calls=calls,
        instances=components.instances | {"relay": traces[0]["instance"]},
        started=started,
        ended=datetime.now(UTC),
        relay_stderr=relay_stderr,
    )


@contextmanager
def closed_port() -> Iterator[int]:
    """A port where connections are refused, and that nobody else can take in the meantime."""
    with socket.socket() as held:
        held.bind((_HOST, 0))
        yield held.getsockname()[1]


def _start_backends(components: Components, seed: int, tell: Progress) -> dict[str, str]:
    """Start all backends; returns where each really listens."""
    for name in _PYTHON_BACKENDS:
        components.start(
            name, [sys.executable, "-m", f"godot_demo.{name}", "--host", _HOST, "--seed", str(seed)]
        )
    urls = {name: _url(components, name) for name in _PYTHON_BACKENDS}
    gates = [
        node.node_program(),
        str(node.GATES / "main.js"),
        "--host",
        _HOST,
        "--playfair",
        urls["playfair"],
    ]
    components.start("gates", gates)
    urls["gates"] = _url(components, "gates")
    for name, url in urls.items():
        tell(f"{name} listens at {url}")
    return urls


def _url(components: Components, name: str) -> str:
    return f"ws://{_HOST}:{components.expect(name, 'listening')['port']}"


def _run_client(
    components: Components, plan: Scenario, urls: Mapping[str, str], tell: Progress
) -> tuple[CallFact, ...]:
    """Let the client, which starts the relay, make all calls of the scenario."""
    directory = components.directory
    backends = directory / "backends.yaml"
    backends.write_text(yaml.safe_dump(dict(urls), sort_keys=False), encoding="utf-8")
    script = directory / "script.json"
    content = {
        "relay_arguments": ["--backends", str(backends), "--traces", str(directory / _TRACES)],
        "relay_stderr": str(directory / _RELAY_STDERR),
        "calls": [asdict(call) for call in plan.calls],
    }
    script.write_text(json.dumps(content), encoding="utf-8")
    components.start("client", [sys.executable, "-m", "godot_demo.client", str(script)])
    tell(f"client: {components.expect('client', 'offered')['count']} tools offered to the model")
    calls = []
    for _ in plan.calls:
        told = components.expect("client", "call")
        calls.append(CallFact(told["tool"], told["outcome"], told["error"]))
        tell(f"client: {told['tool']} → {told['error'] or told['outcome']}")
    components.wait("client")
    return tuple(calls)
