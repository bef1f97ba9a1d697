"""Message records: every JSON-RPC message of one connection, logged as it is on the wire, under its trace."""

from __future__ import annotations

import contextvars
import json
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from godot_loglib import ICCMLogger, Trace

Transport = Literal["stdio", "websocket", "http"]
Message = dict[str, Any]


class Wire:
    """What one connection looks like in the log.

    A request is logged under the trace that it carries, an answer under that of its request. Only the entry
    point makes up a trace, for each request that came without one.

    Parameters
    ----------
    logger
        Of the component at this end.
    peer
        The component at the other end; empty where it introduces itself with `initialize`.
    transport, session
        How the two are connected, and how both call this connection.
    on_entry
        Makes this end the entry point: called with each request that came without a trace, and its new one.
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
        self._logger = logger
        self._peer = peer
        self._transport = transport
        self._session = session
        self._on_entry = on_entry
        self._asked: dict[str, Trace | None] = {}

    def outgoing(self, message: Message) -> Message:
        """Log a message that is about to leave; returns it with the current trace inside."""
        message = self._logger.inject(message)
        if _is_request(message):
            self._asked[json.dumps(message["id"])] = self._logger.extract(message)
        self._logger.sent(self._peer, message, transport=self._transport, session=self._session)
        return message

    def incoming(self, message: Message | str) -> contextvars.Context:
        """Log what was read; returns the context, with the message's trace, that its handler is to run in."""
        trace = self._trace_of(message) if isinstance(message, dict) else None
        peer = self._peer or "unknown"
        with self._logger.trace_context(trace):
            self._logger.received(peer, message, transport=self._transport, session=self._session)
            return contextvars.copy_context()

    def _trace_of(self, message: Message) -> str | None:
        if "method" not in message:
            return self._asked.pop(json.dumps(message.get("id")), None)
        if not self._peer and message["method"] == "initialize":
            self._peer = message.get("params", {}).get("clientInfo", {}).get("name", "")
        trace = self._logger.extract(message)
        if trace is None and self._on_entry is not None and _is_request(message):
            trace = self._logger.extract(message, create=True)
            self._on_entry(message, str(trace))
        return trace


def _is_request(message: Message) -> bool:
    return "method" in message and message.get("id") is not None
