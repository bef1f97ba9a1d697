"""The relay: an MCP server for the client over stdio, and the way to every backend behind it."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import anyio
import mcp_types as types
import yaml
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError

from godot_demo.lifetime import logging_as
from godot_demo.management import Management
from godot_demo.routes import Routes
from godot_demo.streams import RecordedReader, RecordedWriter
from godot_demo.variants import variant
from godot_demo.wire import Message, Wire

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from mcp.client._transport import ReadStream, WriteStream
    from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
    from mcp.server.session import ServerSession
    from mcp.shared.message import SessionMessage

    from godot_demo.streams import Item
    from godot_loglib import ICCMLogger

_CHANGING = {"relay_add_server", "relay_remove_server", "relay_reconnect_server"}


class Relay:
    """Lists what the backends list, and routes each call to the backend that listed its tool."""

    notifications: ClassVar = NotificationOptions(tools_changed=True)

    def __init__(self, routes: Routes, logger: ICCMLogger) -> None:
        self._routes = routes
        self._logger = logger
        self._management = Management(routes)
        self._client: ServerSession | None = None
        routes.on_change = self.tell_change

    def server(self) -> Server[Any]:
        """The MCP side towards the client."""
        server = Server("relay", version="1.0.0", on_list_tools=self.list_tools, on_call_tool=self.call_tool)
        server.middleware.append(self._connect_at_initialize)
        return server

    async def _connect_at_initialize(
        self, ctx: ServerRequestContext[Any], call_next: CallNext
    ) -> HandlerResult:
        # The SDK asks for these names.
        if ctx.method == "initialize":
            self._client = ctx.session
            await self._routes.connect_all()
        return await call_next(ctx)

    async def tell_change(self) -> None:
        """Let the client know that the list is another one now."""
        if self._client is not None:
            await self._client.send_tool_list_changed()

    async def list_tools(
        self, _context: ServerRequestContext[Any], _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        """What the backends have listed, and the relay's own."""
        return types.ListToolsResult(
            tools=self._routes.tools + [own.listed() for own in self._management.tools]
        )

    async def call_tool(
        self, _context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        """Do it, or pass it on."""
        tool, arguments = params.name, params.arguments or {}
        self._logger.trace(f"Tool call received: {tool}", {"tool_name": tool, "arguments": arguments})
        own = self._management.find(tool)
        if own is not None:
            result = await self._management.call(own, arguments)
            if tool in _CHANGING:
                await self.tell_change()
            return result
        backend = self._routes.backend_of(tool)
        if backend is None:
            known = [listed.name for listed in self._routes.tools]
            self._logger.error(f"Unknown tool: {tool}", {"tool_name": tool, "available_tools": known})
            raise MCPError(types.INTERNAL_ERROR, f"Unknown tool: {tool}")
        route = {"tool_name": tool, "backend": backend.name, "backend_url": backend.url}
        self._logger.trace(f"Routing tool to backend: {backend.name}", route)
        try:
            return await self._routes.call(backend, tool, arguments)
        except MCPError as error:
            facts = {"tool_name": tool, "backend": backend.name, "error": error.error.message}
            self._logger.error(f"Tool call failed: {tool}", facts)
            raise

    @staticmethod
    def stdio() -> AbstractAsyncContextManager[tuple[ReadStream[Item], WriteStream[SessionMessage]]]:
        """The client's end."""
        return stdio_server()


async def run_relay(
    urls: dict[str, str],
    logger: ICCMLogger,
    *,
    session: str,
    traces: Path | None,
    kind: type[Relay | Routes] | None,
) -> None:
    """Serve one client over stdio until it closes our stdin."""

    def remember(request: Message, trace: str) -> None:
        if traces is not None:
            facts = {"method": request["method"], "trace_id": trace, "instance": logger.instance}
            with traces.open("a", encoding="utf-8") as file:
                file.write(json.dumps(facts) + "\n")

    wire = Wire(logger, peer="client", transport="stdio", session=session, on_entry=remember)
    relay_type, routes_type = Relay, Routes
    if kind is not None and issubclass(kind, Routes):
        routes_type = kind
    elif kind is not None:
        relay_type = kind
    async with anyio.create_task_group() as tasks, relay_type.stdio() as (reader, writer):
        server = relay_type(routes_type(urls, logger, tasks), logger).server()
        options = server.create_initialization_options(relay_type.notifications)
        await server.run(RecordedReader(reader, wire), RecordedWriter(writer, wire), options)
        tasks.cancel_scope.cancel()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="relay")
    parser.add_argument("--backends", type=Path, required=True, help="YAML: name → url")
    parser.add_argument("--session", required=True, help="how the client calls this connection")
    parser.add_argument(
        "--traces", type=Path, help="append the trace made for each request, one JSON line each"
    )
    parser.add_argument("--variant", help="how it differs from what it should be")
    options = parser.parse_args()
    urls = yaml.safe_load(options.backends.read_text(encoding="utf-8"))
    kind = variant("relay", options.variant)
    with logging_as("relay") as logger:
        asyncio.run(run_relay(urls, logger, session=options.session, traces=options.traces, kind=kind))


if __name__ == "__main__":
    main()
