"""A Python backend: tools with their schemas, served as MCP over WebSocket and logged as the original ones do."""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import mcp_types as types
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from websockets.asyncio.server import Server as Listener
from websockets.asyncio.server import ServerConnection, serve

from godot_demo.lifetime import logging_as, report, until_stopped
from godot_demo.websocket import streams

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mcp.server.context import ServerRequestContext

    from godot_loglib import ICCMLogger

Schema = dict[str, Any]


class ToolError(Exception):
    """A tool could not do what it was asked; the text is for whoever asked."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool: its arguments as properties of an object schema, and what it does."""

    name: str
    description: str
    run: Callable[..., Any]
    properties: Schema
    required: tuple[str, ...] = ()

    @property
    def input_schema(self) -> Schema:
        """The schema as listed: closed, with explicit properties, so that every host accepts it."""
        schema: Schema = {"type": "object", "properties": self.properties}
        if self.required:
            schema["required"] = list(self.required)
        return schema | {"additionalProperties": False}


def text_result(value: Any, *, is_error: bool = False) -> types.CallToolResult:
    """A tool's answer as MCP wants it: text, indented JSON for anything that is none."""
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=is_error)


def mcp_server(name: str, tools: Sequence[Tool], logger: ICCMLogger) -> Server[Any]:
    """The MCP side of a backend; one serves all its connections."""
    by_name = {tool.name: tool for tool in tools}
    validators = {tool.name: Draft202012Validator(tool.input_schema) for tool in tools}

    async def list_tools(
        _context: ServerRequestContext[Any], _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(
            tools=[
                types.Tool(name=tool.name, description=tool.description, input_schema=tool.input_schema)
                for tool in tools
            ]
        )

    async def call_tool(
        _context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        tool = by_name.get(params.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {params.name}")
        arguments = params.arguments or {}
        logger.trace("Tool call started", {"tool_name": tool.name, "has_args": bool(arguments)})
        try:
            problem = best_match(validators[tool.name].iter_errors(arguments))
            if problem is not None:
                raise ToolError(f"Invalid arguments: {problem.message}")
            result = text_result(tool.run(**arguments))
        except ToolError as error:
            logger.error("Tool error", {"tool_name": tool.name, "error": str(error)})
            return text_result(str(error), is_error=True)
        logger.trace("Tool call completed", {"tool_name": tool.name, "success": True})
        return result

    return Server(name, version="1.0.0", on_list_tools=list_tools, on_call_tool=call_tool)


def listen(name: str, tools: Sequence[Tool], logger: ICCMLogger, *, host: str, port: int) -> serve:
    """A WebSocket listener that serves the tools on each of its connections."""
    server = mcp_server(name, tools, logger)

    async def handle(connection: ServerConnection) -> None:
        logger.info("Client connected", {"client": "{}:{}".format(*connection.remote_address[:2])})
        await server.run(
            *streams(connection, logger, is_client=False), server.create_initialization_options()
        )

    return serve(handle, host, port, max_size=None)


async def run_backend(name: str, tools: Sequence[Tool], logger: ICCMLogger, *, host: str, port: int) -> None:
    """Serve until told to stop."""
    async with until_stopped() as stop, listen(name, tools, logger, host=host, port=port) as listener:
        address = port_of(listener)
        logger.info(f"{name.capitalize()} MCP server starting", {"host": host, "port": address})
        logger.info(f"{name.capitalize()} MCP server running", {"status": "operational"})
        report("listening", port=address, instance=logger.instance)
        await stop.wait()


def port_of(listener: Listener) -> int:
    """The port that the system chose."""
    return cast("int", next(iter(listener.sockets)).getsockname()[1])


def main(name: str, make_tools: Callable[[int], Sequence[Tool]]) -> None:
    """Command line of every Python backend."""
    parser = argparse.ArgumentParser(prog=name)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=13)
    options = parser.parse_args()
    with logging_as(name) as logger:
        asyncio.run(run_backend(name, make_tools(options.seed), logger, host=options.host, port=options.port))
