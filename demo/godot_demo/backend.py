"""A Python backend: tools served as MCP over WebSocket, logged as the original backends do."""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from websockets.asyncio.server import serve

from godot_demo.lifetime import logging_as, report, until_stopped
from godot_demo.tools import Tool, ToolError, text_result
from godot_demo.variants import variant
from godot_demo.websocket import streams
from godot_demo.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mcp.server.context import ServerRequestContext
    from mcp.server.models import InitializationOptions
    from websockets.asyncio.server import ServerConnection

    from godot_demo.websocket import WebSocketReader, WebSocketWriter
    from godot_loglib import ICCMLogger


class McpBackend:
    """One backend: its tools, served on every connection that is opened to it."""

    wire: ClassVar[type[Wire]] = Wire

    def __init__(self, name: str, tools: Sequence[Tool], logger: ICCMLogger) -> None:
        self.name = name
        self.tools = list(tools)
        self.logger = logger

    def server(self) -> Server[Any]:
        """The MCP side of one connection."""
        return Server(self.name, version="1.0.0", on_list_tools=self.list_tools, on_call_tool=self.call_tool)

    async def list_tools(
        self, _context: ServerRequestContext[Any], _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        """Every tool."""
        return types.ListToolsResult(tools=self.listed())

    def listed(self) -> list[types.Tool]:
        """The tools as `tools/list` shows them."""
        return [tool.listed() for tool in self.tools]

    async def call_tool(
        self, _context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        """Run a tool; what it cannot do is a result that says so."""
        tool = next((tool for tool in self.tools if tool.name == params.name), None)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {params.name}")
        arguments = params.arguments or {}
        self.logger.trace("Tool call started", {"tool_name": tool.name, "has_args": bool(arguments)})
        try:
            result = self.run(tool, arguments)
        except ToolError as error:
            self.logger.error("Tool error", {"tool_name": tool.name, "error": str(error)})
            return text_result(str(error), is_error=True)
        self.logger.trace("Tool call completed", {"tool_name": tool.name, "success": True})
        return result

    def run(self, tool: Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        """What a tool answers; raises `ToolError` when it cannot."""
        tool.check(arguments)
        return text_result(tool.run(**arguments))

    def options(self, server: Server[Any]) -> InitializationOptions:
        """What the answer to `initialize` declares."""
        return server.create_initialization_options()

    def streams(self, connection: ServerConnection) -> tuple[WebSocketReader, WebSocketWriter]:
        """What a connection is to the SDK."""
        return streams(connection, self.logger, is_client=False, wire_type=self.wire)

    async def converse(self, connection: ServerConnection) -> None:
        """Serve one connection to its end."""
        server = self.server()
        await server.run(*self.streams(connection), self.options(server))

    def announce(self, host: str, port: int, *, url: str) -> None:
        """Tell that it listens: the log, and the runner."""
        title = self.name.capitalize()
        self.logger.info(f"{title} MCP server starting", {"host": host, "port": port})
        self.logger.info(f"{title} MCP server running", {"status": "operational"})
        report("listening", port=port, url=url, instance=self.logger.instance)

    async def serve(self, *, host: str, port: int) -> None:
        """Listen until told to stop."""

        async def handle(connection: ServerConnection) -> None:
            self.logger.info("Client connected", {"client": "{}:{}".format(*connection.remote_address[:2])})
            await self.converse(connection)

        async with until_stopped() as stop, serve(handle, host, port, max_size=None) as listener:
            chosen: int = next(iter(listener.sockets)).getsockname()[1]
            self.announce(host, chosen, url=f"ws://{host}:{chosen}")
            await stop.wait()


def main(name: str, make_tools: Callable[[int], Sequence[Tool]]) -> None:
    """Command line of every Python backend."""
    parser = argparse.ArgumentParser(prog=name)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--variant", help="how it differs from what it should be")
    options = parser.parse_args()
    kind = variant("backend", options.variant) or McpBackend
    with logging_as(name) as logger:
        backend = kind(name, make_tools(options.seed), logger)
        asyncio.run(backend.serve(host=options.host, port=options.port))
