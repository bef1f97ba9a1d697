"""Relays that do not pass on what they should, or as they should: by their own code or by their routes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import anyio
import mcp_types as types
from mcp.server.lowlevel import NotificationOptions
from mcp.server.stdio import stdio_server

from godot_demo.relay import Relay
from godot_demo.routes import Backend, Routes
from godot_demo.websocket import WebSocketReader, WebSocketWriter

if TYPE_CHECKING:
    from mcp.client.session import ClientSession
    from mcp.server.context import ServerRequestContext
    from websockets.asyncio.connection import Connection

    from godot_demo.streams import Item


class StripsDefinitions(Routes):
    """Keeps of a schema only the keywords that it knows, and `$defs` is none of them."""

    async def list_tools(self, session: ClientSession) -> list[types.Tool]:
        tools = await super().list_tools(session)
        for tool in tools:
            tool.input_schema = {key: part for key, part in tool.input_schema.items() if key != "$defs"}
        return tools


class FirstPageOnly(Routes):
    """Takes the first page of a list for all of it."""

    async def list_tools(self, session: ClientSession) -> list[types.Tool]:
        return (await session.list_tools()).tools


class MisreadsLists(Routes):
    """Throws a list away when it has a field in it that is not expected: annotations."""

    async def list_tools(self, session: ClientSession) -> list[types.Tool]:
        tools = await super().list_tools(session)
        return [] if any(tool.annotations for tool in tools) else tools


class IgnoresChanges(Routes):
    """Does not hear that a list has changed."""

    async def refresh(self, backend: Backend, session: ClientSession) -> None:
        return


class NeverConfirms(Routes):
    """Takes the answer to `initialize` for the end of the handshake."""

    async def greet(self, session: ClientSession) -> None:
        request = types.InitializeRequest(
            params=types.InitializeRequestParams(
                protocol_version=types.LATEST_PROTOCOL_VERSION,
                capabilities=types.ClientCapabilities(),
                client_info=types.Implementation(name="relay", version="1.0.0"),
            )
        )
        session.adopt(await session.send_request(request, types.InitializeResult))


class NewEraOnly(Routes):
    """Knows `server/discover` and nothing to fall back to."""

    async def greet(self, session: ClientSession) -> None:
        await session.discover()


class GivesUp(Routes):
    """Sends a call once, whatever becomes of it."""

    async def call(self, backend: Backend, tool: str, arguments: dict[str, Any]) -> types.CallToolResult:
        return await self.send(backend, tool, arguments)


class StrictIds(Routes):
    """Throws an answer away when the type of its id is not that of the question: all of ours are numbers."""

    class _Reader(WebSocketReader):
        async def receive(self) -> Item:
            while True:
                item = await super().receive()
                if isinstance(item, Exception) or not isinstance(getattr(item.message, "id", None), str):
                    return item

    def streams(self, connection: Connection, peer: str) -> tuple[WebSocketReader, WebSocketWriter]:
        reader, writer = super().streams(connection, peer)
        return self._Reader(reader.connection, reader.wire), writer


class StrictAnswers(Routes):
    """Closes a connection on which an answer comes that nobody asked for."""

    def streams(self, connection: Connection, peer: str) -> tuple[WebSocketReader, WebSocketWriter]:
        reader, writer = super().streams(connection, peer)
        logger = self.logger

        class StrictReader(WebSocketReader):
            async def accept(self, message: Any, text: str) -> Item:
                if "method" not in message and message["id"] is None:
                    facts = {"backend": peer, "error": "connection closed after an answer with the id null"}
                    logger.error(f"Protocol error of {peer}", facts)
                    await connection.close()
                    raise anyio.EndOfStream
                return await super().accept(message, text)

        return StrictReader(connection, reader.wire), writer


class TellsNoChange(Relay):
    """Changes its list and does not say so."""

    notifications = NotificationOptions()

    async def tell_change(self) -> None:
        return


class Prints(Relay):
    """Was left with a print in it, from when somebody looked for a fault."""

    @staticmethod
    def stdio() -> Any:
        return stdio_server(stdout=anyio.wrap_file(sys.stdout))

    async def call_tool(
        self, context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        sys.stdout.write(f"DEBUG calling {params.name}\n")
        return await super().call_tool(context, params)


class ContentLength(Relay):
    """Frames what it writes as language servers do."""

    class _Framed:
        """A text file that puts a header in front of each message."""

        async def write(self, line: str) -> None:
            body = line.rstrip("\n")
            sys.stdout.write(f"Content-Length: {len(body.encode())}\r\n\r\n{body}")

        async def flush(self) -> None:
            sys.stdout.flush()

    @classmethod
    def stdio(cls) -> Any:
        return stdio_server(stdout=cls._Framed())  # type: ignore[arg-type]
