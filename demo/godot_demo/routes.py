"""The relay towards its backends: one long-lived connection each, and the way from tool to backend."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import mcp_types as types
from mcp.client.session import ClientSession, IncomingMessage
from mcp.shared.exceptions import MCPError

from godot_demo.listing import all_tools
from godot_demo.web import http_streams
from godot_demo.websocket import connected, streams
from godot_demo.wire import Wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    import httpx2
    from anyio.abc import TaskGroup, TaskStatus
    from mcp.client._transport import ReadStream, WriteStream
    from mcp.shared.message import SessionMessage
    from websockets.asyncio.connection import Connection

    from godot_demo.streams import Item
    from godot_demo.websocket import WebSocketReader, WebSocketWriter
    from godot_loglib import ICCMLogger

RECONNECT_SECONDS = 5.0


@dataclass(slots=True)
class Backend:
    """One backend: where the backends file says it is, and what it listed when it was reached."""

    name: str
    url: str
    tools: list[types.Tool] = field(default_factory=list)
    session: ClientSession | None = None
    released: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def connected(self) -> bool:
        """Whether the relay believes to have a connection: a lost one is noticed at the next call."""
        return self.session is not None


async def _nobody_told() -> None:
    """A change of the tools that is of no interest to anybody."""


class Routes:
    """All backends, in the order of the backends file."""

    wire: ClassVar[type[Wire]] = Wire

    def __init__(self, urls: Mapping[str, str], logger: ICCMLogger, tasks: TaskGroup) -> None:
        self.backends = {name: Backend(name, url) for name, url in urls.items()}
        self.logger = logger
        self.tasks = tasks
        self.turn = asyncio.Lock()
        self.on_change: Callable[[], Awaitable[None]] = _nobody_told

    def backend_of(self, tool: str) -> Backend | None:
        """The backend that listed a tool; the first one when several did."""
        return next((b for b in self.backends.values() if any(t.name == tool for t in b.tools)), None)

    @property
    def tools(self) -> list[types.Tool]:
        """Everything that can be routed."""
        return [tool for backend in self.backends.values() for tool in backend.tools]

    async def connect_all(self) -> None:
        """Try each backend once. One that refuses has no tools, and is not tried again by itself."""
        for backend in self.backends.values():
            await self.connect(backend)

    async def connect(self, backend: Backend) -> bool:
        """Connect and list the tools. A failure is told on stderr only, as the original relay does."""
        backend.released = asyncio.Event()
        try:
            await self.tasks.start(self._hold, backend)
        except Exception as error:  # noqa: BLE001  # refused, closed, or no MCP: in each case no tools
            sys.stderr.write(f"Failed to connect to {backend.name}: {error} ({backend.url})\n")
            return False
        return True

    def release(self, backend: Backend) -> None:
        """Let go of a connection and of the tools that came with it."""
        backend.released.set()
        backend.session = None
        backend.tools = []

    async def call(self, backend: Backend, tool: str, arguments: dict[str, Any]) -> types.CallToolResult:
        """Call a tool: one call at a time over all backends, without a time-out.

        A lost connection is noticed here and opened again, for as long as it takes. Then the call is sent
        again, although the backend may have run it before.
        """
        async with self.turn:
            try:
                return await self.send(backend, tool, arguments)
            except MCPError as error:
                if error.error.code != types.CONNECTION_CLOSED:
                    raise
                facts = {"backend": backend.name, "error": error.error.message}
                self.logger.warn(f"Backend connection lost, reconnecting: {backend.name}", facts)
            self.release(backend)
            while not await self.connect(backend):  # noqa: ASYNC110  # nothing tells that a backend is back
                await asyncio.sleep(RECONNECT_SECONDS)
            result = await self.send(backend, tool, arguments)
            self.logger.trace(
                f"Retry successful for tool: {tool}", {"tool_name": tool, "backend": backend.name}
            )
            return result

    async def send(self, backend: Backend, tool: str, arguments: dict[str, Any]) -> types.CallToolResult:
        """Send a call once."""
        if backend.session is None:
            raise MCPError(types.CONNECTION_CLOSED, "not connected")
        return await backend.session.call_tool(tool, arguments)

    async def _hold(self, backend: Backend, *, task_status: TaskStatus[None]) -> None:
        """Own one connection from its opening to its release, in one task as the SDK wants it."""
        released = backend.released

        async def notice(message: IncomingMessage) -> None:
            # The SDK reads nothing while it waits for this: the new list is fetched beside it.
            if isinstance(message, types.ToolListChangedNotification):
                self.tasks.start_soon(self.refresh, backend, session)

        async with (
            self.open(backend) as streams,
            ClientSession(
                *streams,
                client_info=types.Implementation(name="relay", version="1.0.0"),
                message_handler=notice,
            ) as session,
        ):
            await self.greet(session)
            backend.tools = await self.list_tools(session)
            backend.session = session
            task_status.started()
            await released.wait()

    @asynccontextmanager
    async def open(
        self, backend: Backend
    ) -> AsyncIterator[tuple[ReadStream[Item], WriteStream[SessionMessage]]]:
        """Connect, as the URL says."""
        if backend.url.startswith("http"):
            streams = http_streams(backend.url, self.logger, peer=backend.name, before=self.before_request)
            async with streams as both:
                yield both
        else:
            async with connected(backend.url) as connection:
                yield self.streams(connection, backend.name)

    def streams(self, connection: Connection, peer: str) -> tuple[WebSocketReader, WebSocketWriter]:
        """What a connection is to the SDK."""
        return streams(connection, self.logger, peer=peer, is_client=True, wire_type=self.wire)

    async def before_request(self, request: httpx2.Request) -> None:
        """A last look at an HTTP request before it leaves."""

    async def greet(self, session: ClientSession) -> None:
        """The handshake."""
        await session.initialize()

    async def list_tools(self, session: ClientSession) -> list[types.Tool]:
        """The tools of a server that says to have any."""
        declared = session.server_capabilities
        return await all_tools(session) if declared and declared.tools else []

    async def refresh(self, backend: Backend, session: ClientSession) -> None:
        """Take over a list that has changed, and pass on that it has."""
        backend.tools = await self.list_tools(session)
        await self.on_change()
