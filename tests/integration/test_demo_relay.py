"""The relay, spoken to over its real stdin and stdout, in front of real backends that come and go."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import redis
import yaml

from godot_demo.system import closed_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "client", "version": "1"},
}


class Line:
    """Newline-delimited JSON-RPC with a process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.noticed: list[str] = []
        self._id = 0

    def call(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        self._id += 1
        self.send({"jsonrpc": "2.0", "id": self._id, "method": method, "params": params or {}})
        assert self.process.stdout is not None
        while True:
            answer: dict[str, Any] = json.loads(self.process.stdout.readline())
            if "id" in answer:
                assert answer["id"] == self._id
                return answer
            self.noticed.append(answer["method"])

    def send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def open(self) -> list[str]:
        """Shake hands; returns the names of the tools."""
        self.call("initialize", INITIALIZE)
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return self.tools()

    def tools(self) -> list[str]:
        return [tool["name"] for tool in self.call("tools/list")["result"]["tools"]]

    def tool(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        return self.call("tools/call", {"name": name, "arguments": arguments})

    def close(self) -> int:
        """As a client does: close stdin, and wait."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            return self.process.wait(60)
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()


class Bench:
    """Starts relays and backends of one test."""

    def __init__(self, redis_url: str, directory: Path) -> None:
        self.directory = directory
        self._environment = os.environ | {
            "GODOT_REDIS_URL": redis_url,
            "GODOT_LEVEL": "TRACE",
            "GODOT_FALLBACK": "stderr",
        }
        self._redis_url = redis_url
        self._processes: list[subprocess.Popen[str]] = []

    def backend(self, name: str, port: int = 0) -> tuple[str, subprocess.Popen[str]]:
        process = self._start([sys.executable, "-m", f"godot_demo.{name}", "--port", str(port)])
        assert process.stdout is not None
        return f"ws://127.0.0.1:{json.loads(process.stdout.readline())['port']}", process

    def relay(self, **urls: str) -> Line:
        file = self.directory / "backends.yaml"
        file.write_text(yaml.safe_dump(urls, sort_keys=False))
        stderr = (self.directory / "relay.stderr").open("w")
        with stderr:
            command = [sys.executable, "-m", "godot_demo.relay", "--backends", str(file), "--session", "s"]
            return Line(self._start(command, stderr=stderr))

    @property
    def relay_stderr(self) -> str:
        return (self.directory / "relay.stderr").read_text()

    def records(self, component: str) -> list[dict[str, Any]]:
        with redis.Redis.from_url(self._redis_url) as client:
            found = [json.loads(entry) for entry in reversed(client.lrange("logs:queue", 0, -1))]
        return [record for record in found if record["component"] == component]

    def _start(self, command: list[str], **options: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._environment,
            text=True,
            **options,
        )
        self._processes.append(process)
        return process

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None and not pipe.closed:
                    pipe.close()


@pytest.fixture
def bench(redis_url: str, tmp_path: Path) -> Iterator[Bench]:
    found = Bench(redis_url, tmp_path)
    yield found
    found.close()


def test_it_lists_and_routes_what_the_backends_list_and_its_own_tools(bench: Bench) -> None:
    dewey, _ = bench.backend("dewey")
    relay = bench.relay(dewey=dewey)
    names = relay.open()
    assert names[0] == "dewey_begin_conversation"
    assert "relay_get_status" in names
    assert not relay.tool("dewey_begin_conversation", session_id="s")["result"]["isError"]
    wrong = relay.tool("dewey_get_conversation", session_id="none")["result"]
    assert wrong["isError"]
    assert wrong["content"][0]["text"] == "No such conversation: none"
    assert relay.close() == 0
    logged = bench.records("relay")
    said = [record["message"] for record in logged]
    assert "Tool call received: dewey_begin_conversation" in said
    assert "Routing tool to backend: dewey" in said
    # Each request of the client has a trace of its own, and the backend logs under the same.
    traces = [
        record["trace_id"] for record in logged if record["message"] == "received tools/call from client"
    ]
    assert len(set(traces)) == 2
    assert traces[0] in {
        record["trace_id"] for record in bench.records("dewey") if record["message"] == "Tool call started"
    }


def test_a_backend_that_refuses_has_no_tools_is_told_on_stderr_only_and_is_not_tried_again(
    bench: Bench, closed_url: str
) -> None:
    dewey, _ = bench.backend("dewey")
    relay = bench.relay(gates=closed_url, dewey=dewey)
    assert not [name for name in relay.open() if name.startswith("gates_")]
    error = relay.tool("gates_validate_markdown", markdown="x")["error"]
    assert error == {"code": -32603, "message": "Unknown tool: gates_validate_markdown"}
    relay.close()
    assert bench.relay_stderr.count("Failed to connect to gates") == 1
    logged = bench.records("relay")
    assert not [record for record in logged if closed_url.rpartition(":")[2] in json.dumps(record["data"])]
    unknown = next(record for record in logged if record["level"] == "ERROR")
    assert unknown["message"] == "Unknown tool: gates_validate_markdown"
    assert all(name.startswith("dewey_") for name in unknown["data"]["available_tools"])


def test_backends_are_managed_at_run_time_and_nothing_of_it_is_kept(bench: Bench) -> None:
    fiedler, _ = bench.backend("fiedler")
    relay = bench.relay()
    assert all(name.startswith("relay_") for name in relay.open())
    added = json.loads(
        relay.tool("relay_add_server", name="fiedler", url=fiedler)["result"]["content"][0]["text"]
    )
    assert added == {"name": "fiedler", "connected": True, "tools": 6}
    assert "notifications/tools/list_changed" in relay.noticed
    assert "fiedler_send" in relay.tools()
    assert json.loads(relay.tool("relay_list_servers")["result"]["content"][0]["text"])["servers"] == [
        {"name": "fiedler", "url": fiedler}
    ]
    assert (
        relay.tool("relay_add_server", name="fiedler", url=fiedler)["error"]["message"]
        == "Server already exists: fiedler"
    )
    assert relay.tool("relay_add_server", name="x", url="http://x")["result"]["isError"]
    assert json.loads(relay.tool("relay_reconnect_server", name="fiedler")["result"]["content"][0]["text"])[
        "connected"
    ]
    relay.tool("relay_remove_server", name="fiedler")
    assert all(name.startswith("relay_") for name in relay.tools())
    assert relay.tool("relay_remove_server", name="fiedler")["error"]["message"] == "Unknown server: fiedler"
    relay.close()
    assert yaml.safe_load((bench.directory / "backends.yaml").read_text()) == {}


def test_a_lost_connection_is_noticed_at_the_next_call_and_the_call_sent_again(
    bench: Bench, eventually: Callable[..., Any]
) -> None:
    url, first = bench.backend("dewey")
    relay = bench.relay(dewey=url)
    relay.open()
    first.kill()
    first.wait()
    bench.backend("dewey", port=int(url.rpartition(":")[2]))
    assert not relay.tool("dewey_begin_conversation", session_id="s")["result"]["isError"]
    relay.close()
    logged = {record["message"]: record for record in bench.records("relay")}
    assert logged["Backend connection lost, reconnecting: dewey"]["level"] == "WARN"
    assert "Retry successful for tool: dewey_begin_conversation" in logged


@pytest.fixture
def closed_url() -> Iterator[str]:
    with closed_port() as port:
        yield f"ws://127.0.0.1:{port}"
