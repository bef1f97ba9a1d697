"""The demo system as processes: starts the backends and the client, and does the steps of a scenario."""

from __future__ import annotations

import json
import socket
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin, urlsplit

import yaml

from godot_demo import node
from godot_demo.scenarios import Again, Call, Scenario, SetLevel, Start, Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from godot_demo.processes import Components

HOST: Final = "127.0.0.1"
BACKENDS: Final = ("playfair", "dewey", "fiedler", "gates")
_ROUTES: Final = ("playfair", "gates", "dewey", "fiedler")
_LEVEL_SECONDS: Final = 1.0  # what a client may take that logs
_TRACES, _RELAY_STDERR = "traces.jsonl", "relay.stderr"


@dataclass(frozen=True, slots=True)
class CallFact:
    """What became of one call of the client."""

    tool: str
    outcome: str
    """`result`, `tool_error`, `error` (from the relay or a backend), `refused` by the client itself, or
    `abandoned`."""
    error: str | None


@contextmanager
def closed_port() -> Iterator[int]:
    """A port where connections are refused, and that nobody else can take in the meantime."""
    with socket.socket() as held:
        held.bind((HOST, 0))
        yield held.getsockname()[1]


class System:
    """All components of one run."""

    def __init__(
        self,
        plan: Scenario,
        components: Components,
        seed: int,
        tell: Callable[[str], None],
        set_level: Callable[[str, str | None], None],
    ) -> None:
        self._plan = plan
        self._set_level = set_level
        self._components = components
        self._seed = seed
        self._tell = tell
        self._urls: dict[str, str] = {}
        self._reserved: dict[str, ExitStack] = {}

    def start_backends(self) -> None:
        """Start all that are there from the beginning."""
        late = self._plan.late
        for name in late:
            self._reserved[name] = ExitStack()
            self._urls[name] = f"ws://{HOST}:{self._reserved[name].enter_context(closed_port())}"
        there = [name for name in BACKENDS if name not in late]
        first = (
            [name for name in there if name in {"playfair", *self._plan.first}] if self._plan.first else []
        )
        self._start_together(first)
        self._start_together([name for name in there if name not in first])

    def start_client(self, old_port: int) -> None:
        """Start the client, and with it the relay, which is told where the backends are, or were."""
        directory, plan = self._components.directory, self._plan
        told = {
            name: f"ws://{HOST}:{old_port}"
            if name in plan.moved
            else urljoin(self._urls[name], plan.paths.get(name, ""))
            for name in _ROUTES
        }
        backends = directory / "backends.yaml"
        backends.write_text(yaml.safe_dump(told, sort_keys=False), encoding="utf-8")
        arguments = ["--backends", str(backends), "--traces", str(directory / _TRACES)]
        script = directory / "script.json"
        content = {
            "relay_arguments": arguments + _chosen(plan.variants.get("relay")),
            "relay_stderr": str(directory / _RELAY_STDERR),
            "patience": plan.patience,
            "variant": plan.variants.get("client"),
        }
        script.write_text(json.dumps(content), encoding="utf-8")
        self._components.start("client", [sys.executable, "-m", "godot_demo.client", str(script)])
        self._expect_offer()

    def play(self) -> tuple[CallFact, ...]:
        """Do the steps of the scenario, one after the other."""
        calls = []
        for step in self._plan.steps:
            match step:
                case Call():
                    calls.append(self._call(step))
                    if calls[-1].outcome == "abandoned":
                        return tuple(calls)
                case Start():
                    self._start(step)
                case Stop():
                    self._components.stop(step.backend)
                    self._tell(f"{step.backend} is stopped")
                case SetLevel():
                    self._set_level(step.component, step.level)
                    self._tell(f"{step.component} is to log at {step.level or 'its own level'}")
                    time.sleep(_LEVEL_SECONDS)
                case Again():
                    self._components.order("client", {"again": True})
                    self._expect_offer()
        self._components.order("client", {"end": True})
        self._components.wait("client")
        return tuple(calls)

    def traces(self) -> list[dict[str, Any]]:
        """What the relay told about each request of the client, in order."""
        lines = (self._components.directory / _TRACES).read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def relay_stderr(self) -> str:
        """What only the relay's terminal showed."""
        return (self._components.directory / _RELAY_STDERR).read_text(encoding="utf-8")

    def _call(self, call: Call) -> CallFact:
        addresses = {f"{{{name}}}": url for name, url in self._urls.items()}
        arguments = {
            key: addresses.get(value, value) if isinstance(value, str) else value
            for key, value in call.arguments.items()
        }
        order = {"tool": call.tool, "arguments": arguments, "refuse_unlisted": call.refuse_unlisted}
        order["trace_log"] = call.trace_log
        self._components.order("client", order)
        if call.revives is not None:
            self._components.wait_for_death(call.revives)
            self._tell(f"{call.revives} died")
            self._start(Start(call.revives))
        told = self._components.expect("client", "call", patience=call.abandoned_after)
        if told is None:
            self._tell(f"client: {call.tool} → no answer; the user kills the terminal")
            self._components.kill("client", int(self.traces()[-1]["instance"].split(":")[1]))
            return CallFact(call.tool, "abandoned", None)
        self._tell(f"client: {call.tool} → {told['error'] or told['outcome']}")
        return CallFact(told["tool"], told["outcome"], told["error"])

    def _start_together(self, names: Sequence[str]) -> None:
        """Start backends and wait for them; Gates is told where Playfair is, which stands before it."""
        variants = self._plan.variants
        for name in names:
            if name != "gates":
                self._components.start(name, self._command(name, variant=variants.get(name)))
        for name in names:
            if name == "gates":
                self._components.start(name, self._command(name, variant=variants.get(name)))
            self._await(name, name)

    def _start(self, step: Start) -> None:
        """Start a backend in the course of the run."""
        if step.backend in self._reserved:
            self._reserved.pop(step.backend).close()
        key = f"{step.backend} 2" if step.elsewhere else step.backend
        port = urlsplit(self._urls[key]).port if key in self._urls else None
        self._components.start(key, self._command(step.backend, port=port or 0, variant=step.variant))
        self._await(key, step.backend)

    def _await(self, key: str, name: str) -> None:
        """Wait until a backend listens."""
        self._urls[key] = self._components.expect(key, "listening")["url"]
        self._tell(f"{name} listens at {self._urls[key]}")

    def _expect_offer(self) -> None:
        told = self._components.expect("client", "offered")
        self._tell(f"client: {told['count']} tools offered to the model")

    def _command(self, name: str, *, port: int = 0, variant: str | None = None) -> list[str]:
        place = ["--host", HOST, "--port", str(port), *_chosen(variant)]
        if name == "gates":
            program = [node.node_program(), str(node.GATES / "main.js")]
            return [*program, *place, "--playfair", self._urls["playfair"]]
        return [sys.executable, "-m", f"godot_demo.{name}", *place, "--seed", str(self._seed)]


def _chosen(variant: str | None) -> list[str]:
    return [] if variant is None else ["--variant", variant]
