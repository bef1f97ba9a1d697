"""Each component of the demo, spoken to directly over its real wire."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
import redis
from websockets.sync.client import ClientConnection, connect

from godot_demo import node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PYTHON = ("dewey", "fiedler", "playfair")
TRACE = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
PARENT = f"00-{TRACE.replace('-', '')}-b7ad6b7169203331-01"
INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "tester", "version": "1"},
}


class Started:
    """A component in its own process, as the runner starts it."""

    def __init__(self, command: list[str], redis_url: str) -> None:
        environment = os.environ | {
            "GODOT_REDIS_URL": redis_url,
            "GODOT_LEVEL": "TRACE",
            "GODOT_FALLBACK": "stderr",
        }
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
        )
        assert self.process.stdout is not None
        self.facts = json.loads(self.process.stdout.readline())
        self.url = f"ws://127.0.0.1:{self.facts['port']}"

    def stop(self) -> int:
        """Let it end as it does when its starter is gone."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            return self.process.wait(60)
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()


@pytest.fixture
def start(redis_url: str) -> Iterator[Callable[..., Started]]:
    node.ensure_packages(lambda _line: None)
    started: list[Started] = []

    def begin(name: str, *arguments: str) -> Started:
        gates = [node.node_program(), str(node.GATES / "main.js")]
        command = gates if name == "gates" else [sys.executable, "-m", f"godot_demo.{name}"]
        started.append(Started([*command, *arguments], redis_url))
        return started[-1]

    yield begin
    for component in started:
        if component.process.poll() is None:
            component.stop()


class Peer:
    """A raw WebSocket, as the direct tests of Gates used it: no SDK on this side."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._id = 0
        self.call("initialize", INITIALIZE)
        self.socket.send(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}))

    def call(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        self._id += 1
        self.socket.send(
            json.dumps({"jsonrpc": "2.0", "id": self._id, "method": method, "params": params or {}})
        )
        answer: dict[str, Any] = json.loads(self.socket.recv(timeout=20))
        assert answer["id"] == self._id
        return answer

    def tool(self, name: str, /, **arguments: Any) -> Any:
        result = self.call("tools/call", {"name": name, "arguments": arguments})["result"]
        assert not result.get("isError"), result
        return json.loads(result["content"][0]["text"])


@pytest.fixture
def talk() -> Iterator[Callable[[str], Peer]]:
    with ExitStack() as stack:
        yield lambda url: Peer(stack.enter_context(connect(url, proxy=None)))


def records(redis_url: str) -> list[dict[str, Any]]:
    with redis.Redis.from_url(redis_url) as client:
        return [json.loads(entry) for entry in reversed(client.lrange("logs:queue", 0, -1))]


@pytest.mark.parametrize("name", [*PYTHON, "gates"])
def test_a_backend_lists_its_tools_and_logs_every_message_verbatim(
    name: str, start: Callable[..., Started], talk: Callable[[str], Peer], redis_url: str
) -> None:
    component = start(name)
    peer = talk(component.url)
    listed = peer.call("tools/list", {"_meta": {"traceparent": PARENT}})
    tools = listed["result"]["tools"]
    assert tools
    assert all(tool["name"].startswith(f"{name}_") for tool in tools)
    assert all(tool["inputSchema"]["additionalProperties"] is False for tool in tools)
    unknown = peer.call("tools/call", {"name": f"{name}_nothing", "arguments": {}})
    assert "error" in unknown or unknown["result"]["isError"]
    peer.socket.close()
    assert component.stop() == 0

    logged = records(redis_url)
    assert {record["component"] for record in logged} == {name}
    assert {record["instance"] for record in logged} == {component.facts["instance"]}
    said = [record["message"] for record in logged]
    assert f"{name.capitalize()} MCP server running" in said
    assert "Client connected" in said
    messages = [record for record in logged if "mcp" in (record["data"] or {})]
    assert [record["data"]["mcp"]["direction"] for record in messages[:2]] == ["received", "sent"]
    assert {record["data"]["mcp"]["peer"] for record in messages} == {"tester"}
    assert len({record["data"]["mcp"]["session"] for record in messages}) == 1
    answer = next(
        record
        for record in messages
        if record["data"]["mcp"]["payload"].get("id") == listed["id"]
        and record["data"]["mcp"]["direction"] == "sent"
    )
    assert answer["data"]["mcp"]["payload"] == listed
    assert answer["trace_id"] == TRACE


def test_dewey_keeps_conversations(start: Callable[..., Started], talk: Callable[[str], Peer]) -> None:
    peer = talk(start("dewey").url)
    peer.tool("dewey_begin_conversation", session_id="a", metadata={"topic": "x"})
    peer.tool("dewey_store_message", session_id="a", role="user", content="Hello there")
    assert peer.tool("dewey_get_conversation", session_id="a")["messages"][0]["content"] == "Hello there"
    assert peer.tool("dewey_search", query="THERE")["total"] == 1
    assert peer.tool("dewey_list_conversations")["conversations"] == [{"session_id": "a", "message_count": 1}]
    assert peer.tool("dewey_delete_conversation", session_id="a") == {"deleted": "a"}
    failed = peer.call("tools/call", {"name": "dewey_get_conversation", "arguments": {"session_id": "a"}})
    assert failed["result"]["isError"]
    wrong = peer.call("tools/call", {"name": "dewey_search", "arguments": {"qury": "x"}})
    assert wrong["result"]["isError"]


def test_fiedler_never_logs_the_key_that_it_keeps(
    start: Callable[..., Started], talk: Callable[[str], Peer], redis_url: str
) -> None:
    fiedler = start("fiedler")
    peer = talk(fiedler.url)
    peer.tool("fiedler_set_key", provider="example", api_key="hunter2hunter2")
    assert peer.tool("fiedler_list_keys") == {"providers": ["example"]}
    assert peer.tool("fiedler_send", prompt="One. Two.")["answers"][0]["text"] == "One."
    assert peer.tool("fiedler_set_models", models=["keywords"])["models"] == ["keywords"]
    assert peer.tool("fiedler_send", prompt="Blue sky, blue water.")["answers"][0]["text"] == "blue, water"
    peer.socket.close()
    fiedler.stop()
    assert "hunter2" not in json.dumps(records(redis_url))


def test_gates_has_its_diagrams_drawn_by_playfair_under_the_same_trace(
    start: Callable[..., Started], talk: Callable[[str], Peer], redis_url: str
) -> None:
    playfair = start("playfair")
    gates = start("gates", "--playfair", playfair.url)
    peer = talk(gates.url)
    markdown = "# Title\n\n| a | b |\n|---|---|\n| 1 | <2> |\n\n```playfair-dot\ndigraph { a -> b }\n```\n"
    call = {
        "name": "gates_create_document",
        "arguments": {"markdown": markdown},
        "_meta": {"traceparent": PARENT},
    }
    document = json.loads(peer.call("tools/call", call)["result"]["content"][0]["text"])
    assert "<svg" in document["html"]
    assert "&lt;2&gt;" in document["html"]
    assert document["statistics"]["diagram_count"] == 1
    broken = peer.call(
        "tools/call", {"name": "gates_create_document", "arguments": {"markdown": "```playfair-dot\nx\n```"}}
    )
    assert "Playfair cannot draw this" in broken["result"]["content"][0]["text"]
    peer.socket.close()
    gates.stop()
    playfair.stop()
    drawn = [
        record
        for record in records(redis_url)
        if record["component"] == "playfair" and record["message"] == "received tools/call from gates"
    ]
    assert drawn[0]["trace_id"] == TRACE


@pytest.mark.parametrize("name", ["dewey", "gates"])
def test_text_that_is_no_json_is_logged_as_it_was_read_and_the_connection_lives(
    name: str, start: Callable[..., Started], talk: Callable[[str], Peer], redis_url: str
) -> None:
    component = start(name)
    peer = talk(component.url)
    peer.socket.send("Listening on port 8030")
    assert "result" in peer.call("tools/list")
    peer.socket.close()
    component.stop()
    payloads = [
        record["data"]["mcp"]["payload"] for record in records(redis_url) if "mcp" in (record["data"] or {})
    ]
    assert "Listening on port 8030" in payloads


def test_a_component_says_why_it_cannot_start(tmp_path: Path) -> None:
    done = subprocess.run(
        [node.node_program(), str(node.GATES / "main.js"), "--host", "192.0.2.1"],
        env=os.environ | {"GODOT_FALLBACK": "off", "GODOT_REDIS_URL": "redis://127.0.0.1:1"},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "cannot listen on 192.0.2.1" in done.stderr
