"""Whole runs of the demo system: the facts, the records, and that nothing stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import redis
from websockets.sync.client import connect

from godot_demo import SCENARIOS, DemoError, DemoRun, run
from godot_demo.node import GATES
from godot_demo.system import BACKENDS

if TYPE_CHECKING:
    from collections.abc import Callable

CAPTURES = GATES.parent / "captures"
COMPONENTS = {"client", "relay", "gates", "dewey", "fiedler", "playfair"}


def records(redis_url: str) -> list[dict[str, Any]]:
    with redis.Redis.from_url(redis_url) as client:
        return [json.loads(entry) for entry in reversed(client.lrange("logs:queue", 0, -1))]


def of_the_demo() -> list[str]:
    """Command lines of demo components that are children of this process, at any depth."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            line = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if "godot_demo" in line or "main.js" in line:
            found.append(line)
    return found


def test_healthy_every_family_is_listed_and_every_call_answered(redis_url: str) -> None:
    facts = run("healthy", redis_url=redis_url)
    assert [call.tool for call in facts.calls] == [call.tool for call in SCENARIOS["healthy"].calls]
    assert {call.outcome for call in facts.calls} == {"result"}
    assert set(facts.instances) == COMPONENTS
    assert facts.relay_stderr == ""
    assert of_the_demo() == []

    logged = records(redis_url)
    assert {record["component"]: record["instance"] for record in logged} == facts.instances
    assert not [record for record in logged if record["level"] in {"WARN", "ERROR"}]
    assert "sk-demo" not in json.dumps(logged)
    for instance in facts.instances.values():
        numbers = [record["seq"] for record in logged if record["instance"] == instance]
        assert sorted(numbers) == list(range(1, len(numbers) + 1))
    # One trace for each request of the client, and no component invents any.
    assert {record["trace_id"] for record in logged} - {None} == set(facts.trace_ids)
    assert len(facts.trace_ids) == len(facts.calls) + 2  # initialize and tools/list


def test_bug13_is_the_true_cause_and_direct_tests_of_gates_pass(redis_url: str) -> None:
    answers: list[dict[str, Any]] = []

    def look(line: str) -> None:
        if line.startswith("gates listens at "):
            with connect(line.removeprefix("gates listens at "), proxy=None) as socket:
                call = {"name": "gates_validate_markdown", "arguments": {"markdown": "# Plan"}}
                for number, (method, params) in enumerate((("initialize", _HELLO), ("tools/call", call))):
                    socket.send(
                        json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
                    )
                    answers.append(json.loads(socket.recv(timeout=10)))

    facts = run("bug13", redis_url=redis_url, progress=look)
    assert json.loads(answers[1]["result"]["content"][0]["text"])["valid"] is True
    outcomes = {call.tool: (call.outcome, call.error) for call in facts.calls}
    assert outcomes["gates_create_document"] == (
        "refused",
        "No such tool available: mcp__iccm__gates_create_document",
    )
    assert outcomes["gates_validate_markdown"] == ("error", "Unknown tool: gates_validate_markdown")
    assert {outcome for tool, (outcome, _) in outcomes.items() if not tool.startswith("gates_")} == {"result"}
    assert "Failed to connect to gates" in facts.relay_stderr
    assert of_the_demo() == []

    logged = records(redis_url)
    assert not [record for record in logged if "Failed to connect" in record["message"]]
    assert not [r for r in logged if r["component"] == "gates" and "relay" in r["message"]]
    offered = next(record for record in logged if record["message"] == "tools offered to the model")
    assert offered["data"]["count"] == len(offered["data"]["names"])
    assert not [name for name in offered["data"]["names"] if "gates" in name]


_HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "tester", "version": "1"},
}


@pytest.mark.parametrize("name", sorted(path.stem for path in CAPTURES.glob("*.jsonl")))
def test_the_capture_in_the_repository_is_of_this_scenario(name: str) -> None:
    path = CAPTURES / f"{name}.jsonl"
    assert path.stat().st_size < 200_000
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    silent = {component for component, chosen in SCENARIOS[name].variants.items() if "Mute" in chosen}
    assert {record["component"] for record in found} == COMPONENTS - silent
    assert {record["instance"].partition(":")[0] for record in found} == {"demo"}
    times = [record["event_created_at"] for record in found]
    assert times == sorted(times)
    called = [
        record["data"]["mcp"]["payload"]["params"]["name"]
        for record in found
        if record["component"] == "client" and record["message"] == "sent tools/call to relay"
    ]
    refused = [record for record in found if record["component"] == "client" and _refuses(record)]
    assert len(called) + len(refused) == len(SCENARIOS[name].calls)


def _refuses(record: dict[str, Any]) -> bool:
    return record["message"].startswith(("No such tool", "unknown tool name", "No answer from the provider"))


def test_every_scenario_has_its_capture() -> None:
    # The long one would be more than a megabyte, and the one about levels is about what is not recorded: they
    # are run instead.
    assert {path.stem for path in CAPTURES.glob("*.jsonl")} == set(SCENARIOS) - {"healthy-long", "levels"}


def test_an_unknown_scenario_names_those_there_are(redis_url: str) -> None:
    with pytest.raises(DemoError, match=r"bug13, .*, healthy"):
        run("bug14", redis_url=redis_url)


def test_a_component_that_fails_shows_its_stderr_and_the_others_are_stopped(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("godot_demo.system.BACKENDS", ("nothing", *BACKENDS))
    with pytest.raises(DemoError, match=r"No module named godot_demo\.nothing") as caught:
        run("bug13", redis_url=redis_url)
    assert caught.value.message.startswith("nothing ended before it was ready")
    assert of_the_demo() == []


def test_a_run_that_takes_too_long_is_given_up(redis_url: str) -> None:
    with pytest.raises(DemoError, match="did not answer in time"):
        run("bug13", redis_url=redis_url, timeout=0.05)
    assert of_the_demo() == []


def test_without_redis_the_run_works_all_the_same() -> None:
    facts: DemoRun = run("bug13", redis_url="redis://127.0.0.1:1/0")
    assert facts.calls[0].outcome == "result"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_the_runner_ends_everything(
    number: signal.Signals, redis_url: str, eventually: Callable[..., Any]
) -> None:
    command = [sys.executable, "-m", "godot_demo", "healthy", "--redis-url", redis_url]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        told: list[str] = []
        while not told or "tools offered" not in told[-1]:
            told.append(process.stderr.readline())
            assert told[-1], f"the runner ended before the client was ready: {''.join(told)}"
        started = psutil.Process(process.pid).children(recursive=True)
        assert len(started) >= len(COMPONENTS)
        os.kill(process.pid, number)
        process.communicate(timeout=30)
    eventually(
        lambda: (
            not [child for child in started if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
        ),
        why="a component goes on running",
    )
