"""Streams for the official SDK that record what passes: their common part, and those around its own stdio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import anyio
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCMessage, jsonrpc_message_adapter
from pydantic import ValidationError

if TYPE_CHECKING:
    import contextvars
    from types import TracebackType

    from mcp.client._transport import ReadStream, WriteStream

    from godot_demo.wire import Message, Wire

Item = SessionMessage | Exception


def as_dict(message: JSONRPCMessage) -> Message:
    """The message as the SDK writes it."""
    return message.model_dump(by_alias=True, mode="json", exclude_unset=True)


def as_item(text: str) -> Item:
    """What the SDK expects for a text that was read: a message, or the reason why it is none."""
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(text, by_name=False))
    except ValidationError as error:
        return error


class Closing:
    """What both directions of a stream share: leaving them closes them."""

    async def aclose(self) -> None:
        """Close the connection."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class Reader(Closing):
    """A read stream that hands each message to the SDK together with the context of its trace.

    The SDK runs a handler in the `last_context` of the stream that its message came from.
    """

    last_context: contextvars.Context | None = None

    async def receive(self) -> Item:
        """Read the next message; raises `anyio.EndOfStream` after the last one."""
        raise NotImplementedError

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None


class RecordedReader(Reader):
    """Records what another stream of the SDK reads."""

    def __init__(self, inner: ReadStream[Item], wire: Wire) -> None:
        self._inner = inner
        self._wire = wire

    async def receive(self) -> Item:
        """Read the next message of the inner stream."""
        item = await self._inner.receive()
        read = _unread(item) if isinstance(item, Exception) else as_dict(item.message)
        self.last_context = self._wire.incoming(read)
        return item

    async def aclose(self) -> None:
        """Close the inner stream."""
        await self._inner.aclose()


class RecordedWriter(Closing):
    """Records what is written to another stream of the SDK."""

    def __init__(self, inner: WriteStream[SessionMessage], wire: Wire) -> None:
        self._inner = inner
        self._wire = wire

    async def send(self, item: SessionMessage, /) -> None:
        """Write a message to the inner stream."""
        message = jsonrpc_message_adapter.validate_python(self._wire.outgoing(as_dict(item.message)))
        await self._inner.send(SessionMessage(message, item.metadata))

    async def aclose(self) -> None:
        """Close the inner stream."""
        await self._inner.aclose()


def _unread(error: Exception) -> str:
    """The text that the SDK could not parse, as far as its exception still has it."""
    if isinstance(error, ValidationError):
        return str(error.errors(include_url=False)[0]["input"])
    return str(error)
