"""Message records: every JSON-RPC message of one connection, logged as it is on the wire, under its trace."""

from __future__ import annotations

import contextvars
import json
from typing import TYPE_CHECKING, Any, Literal, Self

import anyio
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCMessage, jsonrpc_message_adapter
from pydantic import ValidationError

from godot_loglib import ICCMLogger, new_trace_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from mcp.shared._stream_protocols import ReadStream, WriteStream

Item = SessionMessage | Exception
Transport = Literal["stdio", "websocket"]
Message = dict[str, Any]


class Wire:
    """What one connection looks like in the log.

    A request is logged under the trace that it carries, an answer under that of its request. Only the entry
    point makes up a trace, for each request that came without one.
    """

    def __init__(
        self,
        logger: ICCMLogger,
        *,
        peer: str = "",
        transport: Transport,
        session: str,
        on_entry: Callable[[Message, str], None] | None = None,
    ) -> None:
        self.logger = logger
        self.peer = peer
        self.transport: Transport = transport
        self.session = session
        self._on_entry = on_entry
        self._asked: dict[str, str | None] = {}

    def outgoing(self, message: Message) -> Message:
        """Log a message that is about to leave; returns it with the current trace inside."""
        message = self.logger.inject(message)
        if _is_request(message):
            self._asked[json.dumps(message["id"])] = self.logger.extract(message)
        self.logger.sent(self.peer, message, transport=self.transport, session=self.session)
        return message

    def incoming(self, message: Message | str) -> contextvars.Context:
        """Log what was read; returns the context, with the message's trace, that its handler is to run in."""
        trace = self._trace_of(message) if isinstance(message, dict) else None
        with self.logger.trace_context(trace):
            self.logger.received(
                self.peer or "client", message, transport=self.transport, session=self.session
            )
            return contextvars.copy_context()

    def _trace_of(self, message: Message) -> str | None:
        if "method" not in message:
            return self._asked.pop(json.dumps(message.get("id")), None)
        if not self.peer and message["method"] == "initialize":
            self.peer = message.get("params", {}).get("clientInfo", {}).get("name", "client")
        trace = self.logger.extract(message)
        if trace is None and self._on_entry is not None and _is_request(message):
            trace = new_trace_id()
            self._on_entry(message, trace)
        return trace


def _is_request(message: Message) -> bool:
    return "method" in message and message.get("id") is not None


def as_dict(message: JSONRPCMessage) -> Message:
    """The message as the SDK writes it."""
    return message.model_dump(by_alias=True, mode="json", exclude_unset=True)


def as_item(text: str) -> Item:
    """What the SDK expects for a text that was read: a message, or the reason why it is none."""
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(text, by_name=False))
    except ValidationError as error:
        return error


class _Closing:
    """What both directions of a stream share: leaving them closes them."""

    async def aclose(self) -> None:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class Reader(_Closing):
    """A read stream that hands each message to the SDK together with the context of its trace.

    The SDK runs a handler in `last_context` of the stream that its message came from.
    """

    last_context: contextvars.Context | None = None

    async def receive(self) -> Item:
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
        item = await self._inner.receive()
        self.last_context = self._wire.incoming(
            _unread(item) if isinstance(item, Exception) else as_dict(item.message)
        )
        return item

    async def aclose(self) -> None:
        await self._inner.aclose()


class RecordedWriter(_Closing):
    """Records what is written to another stream of the SDK."""

    def __init__(self, inner: WriteStream[SessionMessage], wire: Wire) -> None:
        self._inner = inner
        self._wire = wire

    async def send(self, item: SessionMessage, /) -> None:
        message = self._wire.outgoing(as_dict(item.message))
        await self._inner.send(
            SessionMessage(jsonrpc_message_adapter.validate_python(message), item.metadata)
        )

    async def aclose(self) -> None:
        await self._inner.aclose()


def _unread(error: Exception) -> str:
    """The text that the SDK could not parse, as far as its exception still has it."""
    if isinstance(error, ValidationError):
        return str(error.errors(include_url=False)[0]["input"])
    return str(error)
