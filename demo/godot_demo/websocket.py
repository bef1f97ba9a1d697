"""MCP over WebSocket for the official SDK, which brings stdio and HTTP only."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from godot_demo.streams import Closing, Item, Reader, as_dict, as_item
from godot_demo.wire import Wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mcp.shared.message import SessionMessage
    from websockets.asyncio.connection import Connection

    from godot_loglib import ICCMLogger


class WebSocketReader(Reader):
    """One message per frame, as text."""

    def __init__(self, connection: Connection, wire: Wire) -> None:
        self.connection = connection
        self.wire = wire

    async def receive(self) -> Item:
        """Read the next frame; a closed connection is the end of the stream."""
        try:
            text = await self.connection.recv(decode=True)
        except ConnectionClosed:
            raise anyio.EndOfStream from None
        try:
            message = json.loads(text)
        except ValueError:
            message = text
        self.last_context = self.wire.incoming(message if isinstance(message, dict) else text)
        return await self.accept(message, text)

    async def accept(self, _message: Any, text: str) -> Item:
        """What the SDK gets of a frame."""
        return as_item(text)

    async def aclose(self) -> None:
        """Close the connection, with both directions."""
        await self.connection.close()


class WebSocketWriter(Closing):
    """The other direction."""

    def __init__(self, connection: Connection, wire: Wire) -> None:
        self.connection = connection
        self.wire = wire

    async def send(self, item: SessionMessage, /) -> None:
        """Write one message."""
        message = self.wire.outgoing(as_dict(item.message))
        await self.write(json.dumps(message, ensure_ascii=False, separators=(",", ":")))

    async def write(self, text: str) -> None:
        """Write one frame."""
        try:
            await self.connection.send(text)
        except ConnectionClosed:
            raise anyio.ClosedResourceError from None

    async def aclose(self) -> None:
        """Close the connection, with both directions."""
        await self.connection.close()


def streams(
    connection: Connection,
    logger: ICCMLogger,
    *,
    peer: str = "",
    is_client: bool,
    wire_type: type[Wire] = Wire,
) -> tuple[WebSocketReader, WebSocketWriter]:
    """Both directions of a connection, recorded; its two ports name the session at both ends alike."""
    local, remote = connection.local_address[1], connection.remote_address[1]
    session = f"{local}>{remote}" if is_client else f"{remote}>{local}"
    wire = wire_type(logger, peer=peer, transport="websocket", session=session)
    return WebSocketReader(connection, wire), WebSocketWriter(connection, wire)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """A connection to a server; raises OSError when nobody listens."""
    # A message may be as large as it likes: frames of the original system had no limit either.
    async with connect(url, max_size=None, proxy=None, open_timeout=10) as connection:
        yield connection
