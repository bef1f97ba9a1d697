"""A Python backend: tools served as MCP over WebSocket, logged as the original backends do."""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING, Any

import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from websockets.asyncio.server import serve

from godot_demo.lifetime import logging_as, report, until_stopped
from godot_demo.tools import Tool, ToolError, text_result
from godot_demo.websocket import streams

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mcp.server.context import ServerRequestContext
    from websockets.asyncio.server import ServerConnection

    from godot_loglib import ICCMLogger


def mcp_server(name: str, tools: Sequence[Tool], logger: ICCMLogger) -> Server[Any]:
    """The MCP side of a backend; one serves all its connections."""
    by_name = {tool.name: tool for tool in tools}

    async def list_tools(
        _context: ServerRequestContext[Any], _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[tool.listed() for tool in tools])

    async def call_tool(
        _context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        tool = by_name.get(params.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {params.name}")
        arguments = params.arguments or {}
        logger.trace("Tool call started", {"tool_name": tool.name, "has_args": bool(arguments)})
        try:
            tool.check(arguments)
            result = text_result(tool.run(**arguments))
        except ToolError as error:
            logger.error("Tool error", {"tool_name": tool.name, "error": str(error)})
            return text_result(str(error), is_error=True)
        logger.trace("Tool call completed", {"tool_name": tool.name, "success": True})
        return result

    return Server(name, version="1.0.0", on_list_tools=list_tools, on_call_tool=call_tool)


async def serve_backend(
    name: str, tools: Sequence[Tool], logger: ICCMLogger, *, host: str, port: int
) -> None:
    """Listen until told to stop."""
    server = mcp_server(name, tools, logger)
    options = server.create_initialization_options()

    async def handle(connection: ServerConnection) -> None:
        logger.info("Client connected", {"client": "{}:{}".format(*connection.remote_address[:2])})
        await server.run(*streams(connection, logger, is_client=False), options)

    async with until_stopped() as stop, serve(handle, host, port, max_size=None) as listener:
        chosen: int = next(iter(listener.sockets)).getsockname()[1]
        logger.info(f"{name.capitalize()} MCP server starting", {"host": host, "port": chosen})
        logger.info(f"{name.capitalize()} MCP server running", {"status": "operational"})
        report("listening", port=chosen, instance=logger.instance)
        await stop.wait()


def main(name: str, make_tools: Callable[[int], Sequence[Tool]]) -> None:
    """Command line of every Python backend."""
    parser = argparse.ArgumentParser(prog=name)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=13)
    options = parser.parse_args()
    tools = make_tools(options.seed)
    with logging_as(name) as logger:
        asyncio.run(serve_backend(name, tools, logger, host=options.host, port=options.port))
