"""Python backends whose messages or frames are not what the protocol says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from websockets.exceptions import ConnectionClosed

from godot_demo.backend import McpBackend
from godot_demo.websocket import WebSocketReader, WebSocketWriter
from godot_demo.wire import Message, Wire

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

    from godot_demo.streams import Item

_BUFFER: Final = 4096


class BareResults(McpBackend):
    """Answers a call with the result alone, without the frame around it."""

    class wire(Wire):  # noqa: N801  # takes the place of an attribute
        """Takes the frame off."""

        def outgoing(self, message: Message) -> Message:
            result = message.get("result", {})
            return super().outgoing(result if "content" in result else message)


class TextIds(McpBackend):
    """Answers a call under its id as text."""

    class wire(Wire):  # noqa: N801  # takes the place of an attribute
        """Makes a text of the id of an answer."""

        def outgoing(self, message: Message) -> Message:
            answers_call = "content" in message.get("result", {})
            return super().outgoing(message | {"id": str(message["id"])} if answers_call else message)


class ShapelessTool(McpBackend):
    """Lists its last tool without a schema, which MCP demands."""

    class wire(Wire):  # noqa: N801  # takes the place of an attribute
        """Leaves the schema out."""

        def outgoing(self, message: Message) -> Message:
            tools = message.get("result", {}).get("tools", [])
            for tool in tools[-1:]:
                del tool["inputSchema"]
            return super().outgoing(message)


class ShapelessResult(McpBackend):
    """Answers a call with text that does not say that it is text."""

    class wire(Wire):  # noqa: N801  # takes the place of an attribute
        """Leaves the type out."""

        def outgoing(self, message: Message) -> Message:
            for part in message.get("result", {}).get("content", []):
                del part["type"]
            return super().outgoing(message)


class CutsFrames(McpBackend):
    """Writes no more than its buffer holds."""

    class _Writer(WebSocketWriter):
        async def write(self, text: str) -> None:
            await super().write(text[:_BUFFER])

    def streams(self, connection: ServerConnection) -> tuple[WebSocketReader, WebSocketWriter]:
        reader, writer = super().streams(connection)
        return reader, self._Writer(writer.connection, writer.wire)


class AnswersNotifications(McpBackend):
    """Answers also what asks for no answer, with an error and the id null."""

    class _Reader(WebSocketReader):
        async def accept(self, message: Any, text: str) -> Item:
            if "method" in message and "id" not in message:
                error = {"code": -32601, "message": f"Method not found: {message['method']}"}
                answer = self.wire.outgoing({"jsonrpc": "2.0", "id": None, "error": error})
                await self.connection.send(json.dumps(answer))
            return await super().accept(message, text)

    def streams(self, connection: ServerConnection) -> tuple[WebSocketReader, WebSocketWriter]:
        reader, writer = super().streams(connection)
        return self._Reader(reader.connection, reader.wire), writer


class SpeaksNoMcp(McpBackend):
    """Has a JSON-RPC interface of its own, and no MCP."""

    async def converse(self, connection: ServerConnection) -> None:
        reader, writer = self.streams(connection)
        try:
            while True:
                message = json.loads(await connection.recv(decode=True))
                reader.wire.incoming(message)
                error = {"code": -32601, "message": f"Method not found: {message['method']}"}
                answer = {"jsonrpc": "2.0", "id": message.get("id"), "error": error}
                await writer.write(json.dumps(writer.wire.outgoing(answer)))
        except ConnectionClosed:
            return
