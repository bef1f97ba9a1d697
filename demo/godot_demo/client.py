"""The client: starts the relay as its child, as Claude Code does, and makes the calls of a script."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import mcp_types as types
from mcp.client.session import ClientSession, IncomingMessage
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError

from godot_demo.lifetime import logging_as, report, run
from godot_demo.listing import all_tools
from godot_demo.streams import RecordedReader, RecordedWriter
from godot_demo.wire import Wire

if TYPE_CHECKING:
    from godot_loglib import ICCMLogger

_PREFIX = "mcp__iccm__"
_SESSION = "stdio-1"


class Host:
    """What stands between a model and an MCP server: prefixed names, and refusal of what is not listed."""

    def __init__(self, session: ClientSession, logger: ICCMLogger) -> None:
        self._session = session
        self._logger = logger
        self._listed: set[str] = set()

    async def offer(self) -> int:
        """List the tools and offer them to the model under their prefixed names."""
        tools = await all_tools(self._session)
        self._listed = {tool.name for tool in tools}
        names = [_PREFIX + tool.name for tool in tools]
        self._logger.info("tools offered to the model", {"count": len(names), "names": names})
        return len(names)

    async def call(
        self, tool: str, arguments: dict[str, Any], *, refuse_unlisted: bool
    ) -> tuple[str, str | None]:
        """Make a call for the model; returns its outcome and, when it did not work, the text of the error."""
        if refuse_unlisted and tool not in self._listed:
            text = f"No such tool available: {_PREFIX}{tool}"
            self._logger.error(text, {"tool_name": _PREFIX + tool})
            return "refused", text
        try:
            result = await self._session.call_tool(tool, arguments)
        except MCPError as error:
            return "error", error.error.message
        if result.is_error:
            first = result.content[0] if result.content else None
            return "tool_error", first.text if isinstance(first, types.TextContent) else ""
        return "result", None


async def make_calls(
    session: ClientSession, calls: list[dict[str, Any]], changed: asyncio.Event, logger: ICCMLogger
) -> None:
    """Offer the tools, then make the calls; offer again whenever the server says that its list changed."""
    host = Host(session, logger)
    report("offered", count=await host.offer(), instance=logger.instance)
    for call in calls:
        if changed.is_set():
            changed.clear()
            await host.offer()
        outcome, error = await host.call(
            call["tool"], call["arguments"], refuse_unlisted=call["refuse_unlisted"]
        )
        report("call", tool=call["tool"], outcome=outcome, error=error)


async def run_client(
    relay_arguments: list[str], relay_stderr: TextIO, calls: list[dict[str, Any]], logger: ICCMLogger
) -> None:
    """One session with a relay of its own."""
    relay = StdioServerParameters(
        command=sys.executable,
        args=["-m", "godot_demo.relay", "--session", _SESSION, *relay_arguments],
        env=dict(os.environ),
    )
    wire = Wire(logger, peer="relay", transport="stdio", session=_SESSION)
    changed = asyncio.Event()

    async def notice(message: IncomingMessage) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            changed.set()

    async with (
        stdio_client(relay, errlog=relay_stderr) as (reader, writer),
        ClientSession(
            RecordedReader(reader, wire),
            RecordedWriter(writer, wire),
            client_info=types.Implementation(name="client", version="1.0.0"),
            message_handler=notice,
        ) as session,
    ):
        await session.initialize()
        await make_calls(session, calls, changed, logger)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="client")
    parser.add_argument("script", type=Path, help="JSON: relay_arguments, relay_stderr (a path), calls")
    options = parser.parse_args()
    script = json.loads(options.script.read_text(encoding="utf-8"))
    with (
        Path(script["relay_stderr"]).open("w", encoding="utf-8") as relay_stderr,
        logging_as("client") as logger,
    ):
        run(run_client(script["relay_arguments"], relay_stderr, script["calls"], logger))


if __name__ == "__main__":
    main()
