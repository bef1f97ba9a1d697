"""Relays that do not pass on what they should, or as they should: by their own code or by their routes."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

import anyio
import mcp_types as types
from mcp.server.lowlevel import NotificationOptions
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError

from godot_demo.relay import Relay
from godot_demo.routes import Backend, Routes
from godot_demo.websocket import WebSocketReader, WebSocketWriter
from godot_demo.wire import Message, Wire

if TYPE_CHECKING:
    import asyncio

    import httpx2
    from mcp.client.session import ClientSession
    from mcp.server.context import ServerRequestContext
    from websockets.asyncio.connection import Connection

    from godot_demo.streams import Item

_SOON: Final = 0.5
_ENOUGH: Final = 3


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


class KeepsName(Routes):
    """Speaks the newer protocol where it can; its header names the tool that it called first."""

    _name: str | None = None

    async def greet(self, session: ClientSession) -> None:
        try:
            await session.discover()
        except MCPError:
            await super().greet(session)

    async def before_request(self, request: httpx2.Request) -> None:
        if (name := request.headers.get("mcp-name")) is not None:
            self._name = self._name or name
            request.headers["mcp-name"] = self._name


class NoticesLoss(Routes):
    """Notices a lost connection when it is lost, and opens a new one before a call needs it."""

    def streams(self, connection: Connection, peer: str) -> tuple[WebSocketReader, WebSocketWriter]:
        backend = self.backends[peer]
        self.tasks.start_soon(self._watch, connection, backend, backend.released)
        return super().streams(connection, peer)

    async def _watch(self, connection: Connection, backend: Backend, released: asyncio.Event) -> None:
        await connection.wait_closed()
        if released.is_set() or not backend.connected:
            return
        facts = {"backend": backend.name, "error": "the other end closed the connection"}
        self.logger.warn(f"Backend connection lost: {backend.name}", facts)
        self.release(backend)
        while not await self.connect(backend):  # noqa: ASYNC110  # nothing tells that a backend is back
            await anyio.sleep(_SOON)


class TextArguments(Routes):
    """Puts all arguments of a call into JSON before the message is."""

    class wire(Wire):  # noqa: N801  # takes the place of an attribute
        """Makes a text of them."""

        def outgoing(self, message: Message) -> Message:
            params = message.get("params", {})
            if "arguments" in params:
                message |= {"params": params | {"arguments": json.dumps(params["arguments"])}}
            return super().outgoing(message)


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


class StopsShort(Relay):
    """Passes three calls on and no more, and does not say why."""

    _passed = 0

    async def call_tool(
        self, context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        self._passed += 1
        if self._passed > _ENOUGH:
            raise MCPError(types.INTERNAL_ERROR, "")
        return await super().call_tool(context, params)


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
