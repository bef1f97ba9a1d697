"""MCP over WebSocket for the official SDK, which brings stdio and HTTP only."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

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
        self._connection = connection
        self._wire = wire

    async def receive(self) -> Item:
        """Read the next frame; a closed connection is the end of the stream."""
        try:
            text = await self._connection.recv(decode=True)
        except ConnectionClosed:
            raise anyio.EndOfStream from None
        try:
            message = json.loads(text)
        except ValueError:
            message = text
        self.last_context = self._wire.incoming(message if isinstance(message, dict) else text)
        return as_item(text)

    async def aclose(self) -> None:
        """Close the connection, with both directions."""
        await self._connection.close()


class WebSocketWriter(Closing):
    """The other direction."""

    def __init__(self, connection: Connection, wire: Wire) -> None:
        self._connection = connection
        self._wire = wire

    async def send(self, item: SessionMessage, /) -> None:
        """Write one frame."""
        message = self._wire.outgoing(as_dict(item.message))
        try:
            await self._connection.send(json.dumps(message, ensure_ascii=False, separators=(",", ":")))
        except ConnectionClosed:
            raise anyio.ClosedResourceError from None

    async def aclose(self) -> None:
        """Close the connection, with both directions."""
        await self._connection.close()


def streams(
    connection: Connection, logger: ICCMLogger, *, peer: str = "", is_client: bool
) -> tuple[WebSocketReader, WebSocketWriter]:
    """Both directions of a connection, recorded; its two ports name the session at both ends alike."""
    local, remote = connection.local_address[1], connection.remote_address[1]
    session = f"{local}>{remote}" if is_client else f"{remote}>{local}"
    wire = Wire(logger, peer=peer, transport="websocket", session=session)
    return WebSocketReader(connection, wire), WebSocketWriter(connection, wire)


@asynccontextmanager
async def open_streams(
    url: str, logger: ICCMLogger, *, peer: str
) -> AsyncIterator[tuple[WebSocketReader, WebSocketWriter]]:
    """Connect to an MCP server; raises OSError when nobody listens."""
    # A message may be as large as it likes: frames of the original system had no limit either.
    async with connect(url, max_size=None, proxy=None, open_timeout=10) as connection:
        yield streams(connection, logger, peer=peer, is_client=True)
