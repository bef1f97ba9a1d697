"""Python backends that do with a handshake or a call what they should not."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio
import mcp_types as types
from mcp.shared.exceptions import MCPError

from godot_demo.backend import McpBackend
from godot_demo.tools import text_result
from godot_loglib import ICCMLogger

if TYPE_CHECKING:
    from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
    from mcp.server.lowlevel import Server

    from godot_demo.tools import Tool

_WORK_SECONDS: Final = 2.0


class ForgetsAtCall(McpBackend):
    """Lists its last tool from one registry, and looks it up in another, where it is not."""

    async def call_tool(
        self, context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        if params.name == self.tools[-1].name:
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {params.name}")
        return await super().call_tool(context, params)


class _Guarded(McpBackend):
    """Looks at every message before the SDK does."""

    def server(self) -> Server[Any]:
        server = super().server()
        server.middleware.append(self.guard)
        return server

    async def guard(self, ctx: ServerRequestContext[Any], call_next: CallNext) -> HandlerResult:
        """Raise `MCPError`, or go on."""
        return await call_next(ctx)


class RejectsVersion(_Guarded):
    """Knows only an old version of the protocol, and no way to agree on it."""

    async def guard(self, ctx: ServerRequestContext[Any], call_next: CallNext) -> HandlerResult:
        wanted = (ctx.params or {}).get("protocolVersion")
        if ctx.method == "initialize" and wanted != "2024-11-05":
            raise MCPError(types.INVALID_PARAMS, f"Unsupported protocol version: {wanted}")
        return await super().guard(ctx, call_next)


class CannotOpenStore(_Guarded):
    """Opens its store when a client introduces itself, and cannot create it."""

    async def guard(self, ctx: ServerRequestContext[Any], call_next: CallNext) -> HandlerResult:
        if ctx.method == "initialize":
            try:
                await anyio.Path("/proc/conversations").touch()
            except OSError as error:
                reason = f"Cannot open the store of conversations: {error.strerror}"
                self.logger.error(reason)
                raise MCPError(types.INTERNAL_ERROR, reason) from error
        return await super().guard(ctx, call_next)


class InsistsOnConfirmation(_Guarded):
    """Refuses requests until the handshake is confirmed, as servers on older SDKs do."""

    confirmed = False

    async def guard(self, ctx: ServerRequestContext[Any], call_next: CallNext) -> HandlerResult:
        self.confirmed = self.confirmed or ctx.method == "notifications/initialized"
        if not self.confirmed and ctx.method.startswith("tools/"):
            raise MCPError(types.INVALID_PARAMS, "Invalid request parameters", "")
        return await super().guard(ctx, call_next)


class Slow(McpBackend):
    """Works for some seconds, and cannot be interrupted."""

    async def call_tool(
        self, context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(_WORK_SECONDS)
        return await super().call_tool(context, params)


class AsksBack(McpBackend):
    """Asks the user before it runs its last tool, whether or not the client can pass that on."""

    async def call_tool(
        self, context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        if params.name == self.tools[-1].name:
            try:
                await context.session.elicit_form("Really?", {"type": "object", "properties": {}})
            except MCPError as error:
                return text_result(f"Error executing tool {params.name}: {error}", is_error=True)
        return await super().call_tool(context, params)


class NeverAnswers(McpBackend):
    """Takes a call and does not end it."""

    async def call_tool(
        self, context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        if params.name == self.tools[-1].name:
            await anyio.sleep_forever()
        return await super().call_tool(context, params)


class Dies(McpBackend):
    """Its process ends in the middle of a call of its last tool."""

    async def call_tool(
        self, context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        if params.name == self.tools[-1].name:
            self.logger.flush()
            os._exit(1)
        return await super().call_tool(context, params)


class HidesFailures(McpBackend):
    """Writes every message to a full disk, and tells of the failure in a result that looks like a success."""

    def run(self, tool: Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        try:
            if "content" in arguments:
                Path("/dev/full").write_text(arguments["content"], encoding="utf-8")
            return super().run(tool, arguments)
        except OSError as error:
            return text_result({"error": f"The message cannot be stored: {error.strerror}"})


class AnswersWithDates(McpBackend):
    """Puts a date into its result, for which JSON has no form."""

    def run(self, tool: Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        result = super().run(tool, arguments)
        if tool is self.tools[-1]:
            text_result({"deleted_at": datetime.now(UTC)})
        return result


class HasBug(McpBackend):
    """Breaks while it runs its last tool."""

    def run(self, tool: Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        if tool is self.tools[-1]:
            raise ZeroDivisionError("division by zero")
        return super().run(tool, arguments)


class LooksForMethods(McpBackend):
    """Takes the name of a tool for the name of a method."""

    async def call_tool(
        self, _context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        raise MCPError(types.METHOD_NOT_FOUND, f"Method not found: {params.name}")


class Mute(McpBackend):
    """Works, and does not log."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.logger = ICCMLogger(self.name, enabled=False)
