"""A small original system on paper: tells what happened, and gets the log that its components would have written."""

from __future__ import annotations

import json
import random
import uuid
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from godot_analysis.columns import LOGS
from godot_analysis.diagnosis.diagnose import diagnose
from godot_analysis.loading.frames import frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from godot_analysis.diagnosis.findings import Diagnosis, Finding

TOOLS = {
    "gates": ["gates_create_document", "gates_list_capabilities", "gates_validate_markdown"],
    "dewey": ["dewey_begin_conversation", "dewey_list_conversations", "dewey_search"],
    "fiedler": ["fiedler_list_models", "fiedler_send"],
    "marco": ["browser_navigate", "browser_tabs", "browser_close"],
}
PORTS = {"gates": 9051, "dewey": 9022, "fiedler": 9012, "marco": 9031}


class Story:
    """Events in the order of a plot; each `tell` is one log record, a few milliseconds after the last one."""

    def __init__(
        self, relay: str = "mcp-relay", backends: Iterable[str] = ("gates", "dewey", "fiedler")
    ) -> None:
        self.relay = relay
        self.backends = list(backends)
        self.time = pd.Timestamp("2026-11-21T21:00:00Z")
        self.records: list[dict[str, Any]] = []
        self.table: dict[str, str] = {}
        self._random = random.Random(13)

    # Writing

    def tell(
        self,
        component: str,
        level: str,
        message: str,
        data: Any = None,
        trace: str | None = None,
        **more: Any,
    ) -> str:
        self.wait(0.003)
        record = {
            "id": str(uuid.UUID(int=self._random.getrandbits(128), version=4)),
            "component": component,
            "level": level,
            "message": message,
            "data": data,
            "trace_id": trace,
            "event_created_at": self.time,
            **more,
        }
        self.records.append(record)
        return record["id"]

    def wait(self, seconds: float) -> None:
        self.time += pd.Timedelta(seconds=seconds)

    def trace(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    # What happens in the system

    def start_relay(self, reaches: Iterable[str] | None = None) -> None:
        self.wait(0.5)
        self.table = {}
        for backend in self.backends if reaches is None else reaches:
            self.connect(backend)

    def connect(self, backend: str, *, tools: int | None = None) -> None:
        """The relay connects to a backend and learns its tools."""
        self.request(backend, "initialize", 1)
        self.tell(
            backend, "TRACE", "MCP request received", {"method": "notifications/initialized", "id": None}
        )
        self.request(backend, "tools/list", 2)
        known = TOOLS.get(backend, [])[:tools] if tools is not None else TOOLS.get(backend, [])
        self.tell(backend, "TRACE", "Handling tools/list request", {"tool_count": len(known)})
        self.answer(backend, "tools/list", 2)
        self.table |= dict.fromkeys(known, backend)

    def request(self, backend: str, method: str, rpc_id: int) -> None:
        self.tell(backend, "TRACE", "MCP request received", {"method": method, "id": rpc_id})

    def answer(self, backend: str, method: str, rpc_id: int, error: bool = False) -> None:
        self.tell(backend, "TRACE", "MCP response sent", {"method": method, "id": rpc_id, "has_error": error})

    def call(
        self,
        tool: str,
        arguments: dict[str, Any] | None = None,
        *,
        result: Any = None,
        error: dict[str, Any] | None = None,
        response: Any = None,
        silent: bool = False,
        answered: bool = True,
        at_backend: Callable[[], None] | None = None,
    ) -> str:
        """A call through the relay; unknown tools are refused. Returns the relay's trace id."""
        self.wait(0.25)
        trace = self.trace()
        arguments = arguments or {}
        self.tell(
            self.relay,
            "TRACE",
            f"Tool call received: {tool}",
            {"tool_name": tool, "arguments": arguments},
            trace,
        )
        if tool.startswith("relay_"):
            return trace
        backend = self.table.get(tool)
        if backend is None:
            data = {"tool_name": tool, "available_tools": list(self.table)}
            self.tell(self.relay, "ERROR", f"Unknown tool: {tool}", data, trace)
            return trace
        self.route(tool, backend, arguments, trace)
        if not silent:
            self.request(backend, "tools/call", 3)
            self.tell(backend, "TRACE", "Tool call started", {"tool_name": tool, "has_args": bool(arguments)})
        if at_backend is not None:
            at_backend()
        if not answered:
            return trace
        if not silent:
            self.tell(backend, "TRACE", "Tool call completed", {"tool_name": tool, "success": error is None})
        if response is None:
            body = {"error": error} if error is not None else {"result": result or text({"ok": True})}
            response = {"jsonrpc": "2.0", **body, "id": 3}
        self.respond(backend, response, trace)
        return trace

    def route(self, tool: str, backend: str, arguments: dict[str, Any], trace: str) -> None:
        url = f"ws://localhost:{PORTS.get(backend, 9099)}"
        self.tell(
            self.relay,
            "TRACE",
            f"Routing tool to backend: {backend}",
            {"tool_name": tool, "backend": backend, "backend_url": url},
            trace,
        )
        request = {
            "jsonrpc": "2.0",
            "method": "tools/call",
            "params": {"name": tool, "arguments": arguments},
            "id": 3,
        }
        self.tell(self.relay, "TRACE", f"Sending request to backend: {backend}", {"request": request}, trace)

    def respond(self, backend: str, response: Any, trace: str) -> None:
        data = {"response": response, "has_error": "error" in response}
        self.tell(self.relay, "TRACE", f"Received response from backend: {backend}", data, trace)

    def message(self, component: str, direction: str, peer: str, payload: Any, **mcp: Any) -> str:
        """A message record as Godot's own clients write it."""
        data = {
            "mcp": {"direction": direction, "peer": peer, "transport": "websocket", "payload": payload, **mcp}
        }
        return self.tell(component, "TRACE", f"{direction} {peer}", data)

    def exchange(self, sender: str, receiver: str, payload: Any, **mcp: Any) -> None:
        """A message seen by both ends."""
        self.message(sender, "sent", receiver, payload, **mcp)
        self.message(receiver, "received", sender, payload, **mcp)

    # Reading

    @property
    def logs(self) -> pd.DataFrame:
        columns = {name: [record.get(name) for record in self.records] for name in LOGS}
        logs = frame(columns, LOGS)
        logs.attrs["lines"] = {record["id"]: number for number, record in enumerate(self.records, 1)}
        return logs

    def diagnose(self, **options: Any) -> Diagnosis:
        return diagnose(self.logs, **options)

    def codes(self, **options: Any) -> list[str]:
        """The codes of everything above info."""
        return [finding.code for finding in self.diagnose(**options).ranked if finding.severity != "info"]

    def only(self, **options: Any) -> Finding:
        """The one finding above info; anything else fails the test."""
        found = self.diagnose(**options)
        loud = [finding for finding in found.ranked if finding.severity != "info"]
        assert len(loud) == 1, f"expected one finding, got {[(f.code, f.component, f.summary) for f in loud]}"
        return loud[0]


def text(value: Any) -> dict[str, Any]:
    """A tool's result as the backends give it: JSON as text."""
    told = value if isinstance(value, str) else json.dumps(value)
    return {"content": [{"type": "text", "text": told}]}


@pytest.fixture
def story() -> Story:
    """The system in its usual shape: one relay, three backends, nothing has happened yet."""
    return Story()


@pytest.fixture
def new_story() -> type[Story]:
    """For a system of another shape."""
    return Story


@pytest.fixture
def as_text() -> Callable[[Any], dict[str, Any]]:
    """Makes the result of a tool out of a value."""
    return text
