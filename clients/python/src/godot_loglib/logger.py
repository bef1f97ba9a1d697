"""The logger that components use: a call freezes one record into a buffer and returns."""

import time
from typing import Any, Final

from godot_loglib import context
from godot_loglib.announce import announce_once
from godot_loglib.context import CURRENT, SILENT, Trace, TraceContext
from godot_loglib.freeze import freeze, freeze_plain, printable
from godot_loglib.levels import DEBUG, ERROR, INFO, NAMES, OFF, TRACE, WARN, parse_level
from godot_loglib.pipeline import pipeline_for
from godot_loglib.record import Source
from godot_loglib.redaction import Redactor
from godot_loglib.settings import read_settings

_IN_PAYLOAD: Final = object()  # the text of a message record is found in its payload, by the encoder
_now = time.time_ns
_current = CURRENT.get
_dumps = freeze_plain


class ICCMLogger:
    """Logs for one component. No call raises, blocks, or waits for Redis, whatever happens there.

    Parameters
    ----------
    component
        Name of the component, 1 to 64 characters; without it `GODOT_COMPONENT`.
    **settings
        Any setting of the README's table by its keyword; the rest comes from the environment. A value that
        cannot be used is told once on stderr, and the next best counts.

    Examples
    --------
    >>> logger = ICCMLogger("relay", level="DEBUG", enabled=False)
    >>> logger.info("server starting", {"port": 8080})
    >>> with logger.trace_context("7c9e6679-7425-40de-944b-e07fc1f90ae7"):
    ...     logger.inject({"jsonrpc": "2.0", "id": 1, "method": "ping"})["params"]["_meta"].keys()
    dict_keys(['traceparent'])
    """

    def __init__(self, component: str | None = None, **settings: Any) -> None:
        chosen = read_settings({"component": component, **settings})
        for problem in chosen.problems:
            announce_once(problem)
        self._settings = chosen
        self._source = Source(chosen.component, Redactor(chosen.redact_fields))
        self._pipeline = pipeline_for(chosen)
        self._put = self._pipeline.buffer.put
        self._level = chosen.level
        self._threshold = chosen.level if chosen.enabled else OFF

    def __repr__(self) -> str:
        return f"ICCMLogger({self.component!r}, level={self.level!r})"

    @property
    def component(self) -> str:
        """The component this logger is bound to."""
        return self._source.component

    @property
    def instance(self) -> str:
        """Which process its records name: host, pid and a nonce."""
        return self._pipeline.instance

    @property
    def level(self) -> str:
        """The lowest level that is logged."""
        return NAMES[self._level]

    def set_level(self, level: str) -> None:
        """Log from this level on; an unknown level changes nothing and is told once on stderr."""
        try:
            self._level = parse_level(level)
        except ValueError as error:
            announce_once(f"set_level: {error}")
            return
        if self._settings.enabled:
            self._threshold = self._level

    def trace(self, message: str, data: Any = None, trace_id: str | None = None) -> None:
        """Log at TRACE."""
        if self._threshold <= TRACE:
            self._log(TRACE, message, data, trace_id)

    def debug(self, message: str, data: Any = None, trace_id: str | None = None) -> None:
        """Log at DEBUG."""
        if self._threshold <= DEBUG:
            self._log(DEBUG, message, data, trace_id)

    def info(self, message: str, data: Any = None, trace_id: str | None = None) -> None:
        """Log at INFO."""
        if self._threshold <= INFO:
            self._log(INFO, message, data, trace_id)

    def warn(self, message: str, data: Any = None, trace_id: str | None = None) -> None:
        """Log at WARN."""
        if self._threshold <= WARN:
            self._log(WARN, message, data, trace_id)

    warning = warn

    def error(self, message: str, data: Any = None, trace_id: str | None = None) -> None:
        """Log at ERROR."""
        if self._threshold <= ERROR:
            self._log(ERROR, message, data, trace_id)

    def sent(
        self,
        peer: str,
        message: Any,
        *,
        transport: str | None = None,
        session: str | None = None,
        trace_id: str | None = None,
    ) -> None:
        """Record a JSON-RPC message as it was sent to `peer`, at TRACE.

        Parameters
        ----------
        peer
            The component at the other end.
        message
            The message: a dict, a model with `model_dump`, or the text or bytes that went out.
        transport
            stdio, websocket or http.
        session
            Names the connection, where there may be several to one peer.
        trace_id
            Without it the current trace, else the one that the message itself carries.
        """
        if self._threshold <= TRACE:
            self._message("sent", peer, message, transport, session, trace_id)

    def received(
        self,
        peer: str,
        message: Any,
        *,
        transport: str | None = None,
        session: str | None = None,
        trace_id: str | None = None,
    ) -> None:
        """Record a JSON-RPC message as it was received from `peer`, at TRACE; see `sent`.

        What is no JSON is recorded as the text that was read.
        """
        if self._threshold <= TRACE:
            self._message("received", peer, message, transport, session, trace_id)

    def trace_context(self, trace_id: str | None) -> TraceContext:
        """Make a trace current for a `with` block, also across `await`; with None there is none.

        Takes what `extract` returns. `new_trace_id()` is for the one component where requests enter.
        """
        return TraceContext(trace_id)

    def inject(self, carrier: Any) -> Any:
        """A copy of an MCP message (dict or JSON text) or of HTTP headers that carries the current trace."""
        try:
            return context.inject(carrier)
        except Exception:  # noqa: BLE001  a message that cannot carry a trace still must be sent
            return carrier

    def extract(self, carrier: Any) -> Trace | None:
        """The trace id that an MCP message or HTTP headers carry, or None; nothing is invented."""
        return context.extract(carrier)

    def flush(self, timeout: float = 2.0) -> bool:
        """Wait until everything logged so far has left the process; False after `timeout` seconds."""
        return self._pipeline.sender.flush(timeout)

    def close(self, timeout: float | None = None) -> None:
        """Flush within the deadline, write what is left to the fallback, and let go of the connection.

        It happens by itself at exit and on SIGTERM. Logging afterwards is fine: it starts everything again.
        """
        self._pipeline.close(timeout)

    def _log(self, level: int, message: Any, data: Any, trace_id: Any) -> None:
        current = _current()
        if current is SILENT:
            return
        trace = current if trace_id is None else trace_id
        if type(message) is str:
            try:
                self._put(_now(), level, self._source, message, None if data is None else _dumps(data), trace)
            except Exception:  # noqa: BLE001, S110  data that is not plain JSON goes the slow way
                pass
            else:
                return
        self._log_anything(level, message, data, trace)

    def _log_anything(self, level: int, message: Any, data: Any, trace: Any) -> None:
        at = _now()
        try:
            # Freezing may run the application's __str__ and __repr__; what they log would come back here.
            with TraceContext(SILENT):
                text = None if message is _IN_PAYLOAD else printable(message)
                frozen = None if data is None else freeze(data)
            self._put(at, level, self._source, text, frozen, trace)
        except Exception:  # noqa: BLE001  out of memory or stack: the record is lost, and counted
            self._pipeline.buffer.losses.add(self._source.component, "unserialisable", at)

    def _message(  # noqa: PLR0917  the keywords of its two callers
        self, direction: str, peer: Any, message: Any, transport: Any, session: Any, trace_id: Any
    ) -> None:
        current = _current()
        if current is SILENT:
            return
        mcp = {"direction": direction, "peer": peer, "payload": message}
        if transport is not None:
            mcp["transport"] = transport
        if session is not None:
            mcp["session"] = session
        trace = current if trace_id is None else trace_id
        try:
            self._put(_now(), TRACE, self._source, None, _dumps({"mcp": mcp}), trace)
        except Exception:  # noqa: BLE001  a model, or something stranger
            self._log_anything(TRACE, _IN_PAYLOAD, {"mcp": mcp}, trace)
