"""The client: starts the relay as its child, as Claude Code does, and makes the calls that it is told to."""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import anyio
import mcp_types as types
from mcp.client.session import ClientSession, IncomingMessage
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError

from godot_demo.lifetime import Orders, logging_as, report, run
from godot_demo.listing import all_tools
from godot_demo.streams import RecordedReader, RecordedWriter
from godot_demo.variants import variant
from godot_demo.wire import Wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from godot_loglib import ICCMLogger

PREFIX = "mcp__iccm__"
_CONNECT_SECONDS = 20.0


class Host:
    """What stands between a model and an MCP server: prefixed names, and refusal of what is not listed."""

    def __init__(self, session: ClientSession | None, logger: ICCMLogger, patience: float | None) -> None:
        self.session = session
        self.logger = logger
        self.patience = patience
        self.offered: set[str] = set()

    async def offer(self) -> int:
        """List the tools and offer them to the model under their prefixed names."""
        listed = [] if self.session is None else await all_tools(self.session)
        chosen = self.choose(listed)
        self.offered = {tool.name for tool in chosen}
        names = [PREFIX + tool.name for tool in chosen]
        self.logger.info("tools offered to the model", {"count": len(names), "names": names} | self.remarks())
        return len(names)

    def choose(self, tools: Sequence[types.Tool]) -> Sequence[types.Tool]:
        """Which of the listed tools the model gets: here, all of them."""
        return tools

    def remarks(self) -> dict[str, Any]:
        """What else there is to say of the choice."""
        return {}

    def refuse(self, tool: str) -> str:
        """Refuse a call; returns the text that the model gets."""
        text = f"No such tool available: {PREFIX}{tool}"
        self.logger.error(text, {"tool_name": PREFIX + tool})
        return text

    def spell(self, tool: str, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Name and arguments as they go to the server: here, as the model has them."""
        return tool, arguments

    async def call(
        self, tool: str, arguments: dict[str, Any], *, refuse_unlisted: bool, trace_log: bool = False
    ) -> tuple[str, str | None]:
        """Make a call for the model; returns its outcome and, when it did not work, the text of the error."""
        if self.session is None or (refuse_unlisted and tool not in self.offered):
            return "refused", self.refuse(tool)
        meta: Any = {"x-trace-log": "true"} if trace_log else None
        try:
            result = await self.session.call_tool(
                *self.spell(tool, arguments),
                read_timeout_seconds=self.patience,
                meta=meta,
            )
        except MCPError as error:
            return "error", error.error.message
        except RuntimeError as error:  # a result unlike its output schema
            facts = {"tool_name": tool, "error": str(error)}
            self.logger.error(f"The result of {tool} cannot be used", facts)
            return "error", str(error)
        if result.is_error:
            first = result.content[0] if result.content else None
            return "tool_error", first.text if isinstance(first, types.TextContent) else ""
        return "result", None


class Session:
    """One session with a relay of its own, from its start to its end."""

    def __init__(self, script: dict[str, Any], number: int, logger: ICCMLogger) -> None:
        self._script = script
        self._name = f"stdio-{number}"
        self._logger = logger
        self._changed = False

    async def run(self, orders: Orders, relay_stderr: TextIO) -> bool:
        """Make the calls that are ordered; returns whether another session is to follow."""
        host_type = variant("client", self._script["variant"]) or Host
        async with self._connected(relay_stderr) as session:
            host = host_type(session, self._logger, self._script["patience"])
            report("offered", count=await host.offer(), instance=self._logger.instance)
            while "tool" in (order := await orders.next()):
                if self._changed:
                    self._changed = False
                    await host.offer()
                outcome, error = await host.call(
                    order["tool"],
                    order["arguments"],
                    refuse_unlisted=order["refuse_unlisted"],
                    trace_log=order["trace_log"],
                )
                report("call", tool=order["tool"], outcome=outcome, error=error)
        return "again" in order

    @asynccontextmanager
    async def _connected(self, relay_stderr: TextIO) -> AsyncIterator[ClientSession | None]:
        """The session, or none when the relay does not greet back."""
        relay = StdioServerParameters(
            command=sys.executable,
            args=["-m", "godot_demo.relay", "--session", self._name, *self._script["relay_arguments"]],
            env=dict(os.environ),
        )
        wire = Wire(self._logger, peer="relay", transport="stdio", session=self._name)
        async with (
            stdio_client(relay, errlog=relay_stderr) as (reader, writer),
            ClientSession(
                RecordedReader(reader, wire),
                RecordedWriter(writer, wire),
                client_info=types.Implementation(name="client", version="1.0.0"),
                message_handler=self._notice,
            ) as session,
        ):
            try:
                with anyio.fail_after(_CONNECT_SECONDS):
                    await session.initialize()
            except TimeoutError:
                facts = {"error": f"no answer to initialize after {_CONNECT_SECONDS:.0f} s"}
                self._logger.error("Connection to the relay failed", facts)
                yield None
            else:
                yield session

    async def _notice(self, message: IncomingMessage) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self._changed = True


async def run_client(
    script: dict[str, Any], orders: Orders, relay_stderr: TextIO, logger: ICCMLogger
) -> None:
    """One session after the other."""
    number = 1
    while await Session(script, number, logger).run(orders, relay_stderr):
        number += 1


def main() -> None:
    """Command line; the calls come on stdin, each when the one before is done."""
    parser = argparse.ArgumentParser(prog="client")
    parser.add_argument(
        "script", type=Path, help="JSON: relay_arguments, relay_stderr (a path), patience (s), variant"
    )
    options = parser.parse_args()
    script = json.loads(options.script.read_text(encoding="utf-8"))
    orders = Orders()
    with (
        Path(script["relay_stderr"]).open("w", encoding="utf-8") as relay_stderr,
        logging_as("client") as logger,
    ):
        run(run_client(script, orders, relay_stderr, logger), orders)


if __name__ == "__main__":
    main()
