"""The logger that components use: a call freezes one record into a buffer and returns."""

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from godot_loglib import context
from godot_loglib.announce import announce_once
from godot_loglib.context import CURRENT, SILENT, Trace, TraceContext
from godot_loglib.freeze import freeze, freeze_plain, interrupts, printable, thaw
from godot_loglib.habits import RESERVED, Call, as_tuple
from godot_loglib.levels import DEBUG, ERROR, INFO, NAMES, TRACE, WARN, parse_level
from godot_loglib.payload import Payloads
from godot_loglib.pipeline import pipeline_for
from godot_loglib.record import Source
from godot_loglib.redaction import Redactor
from godot_loglib.settings import read_settings

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

    def __init__(self, component: str | None = None, /, **settings: Any) -> None:
        if component is not None:
            settings["component"] = component
        chosen = read_settings(settings)
        for problem in chosen.problems:
            announce_once(problem)
        self._settings = chosen
        payloads = Payloads(dict(chosen.payloads), chosen.payload_bytes)
        self._source = Source(chosen.component, Redactor(chosen.redact_fields), payloads)
        self._pipeline = pipeline_for(chosen)
        self._put = self._pipeline.buffer.put
        self._own = chosen.level
        self._gate = self._pipeline.gate(self._source, chosen, chosen.level)

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
        """The lowest level that is logged: the one set centrally, if there is one, else its own."""
        return NAMES[self._gate.level]

    def set_level(self, level: str | int) -> None:
        """Log from this level on; an unknown level changes nothing and is told once on stderr.

        A level that is set centrally counts more, as long as it is set.
        """
        try:
            self._own = parse_level(level)
        except ValueError as error:
            announce_once(f"set_level: {error}")
            return
        self._gate.users -= 1
        self._gate = self._pipeline.gate(self._source, self._settings, self._own)

    @property
    def level_was_given(self) -> bool:
        """Whether somebody has chosen a level, by keyword or `GODOT_LEVEL`."""
        return self._settings.level_was_given

    def write(self, level: int, message: Any, arguments: Any, data: Any, created: float) -> None:
        """Log what another library has recorded: its text and arguments, and seconds since 1970."""
        current = _current()
        if current is SILENT or self._gate.threshold > level:
            return
        if level < self._gate.careful and not self._admits(level, current, {}):
            return
        at = int(created * 1_000_000) * 1000
        if type(message) is str and not arguments:
            with suppress(Exception):  # as below
                self._put(at, level, self._source, message, _dumps(data), current)
                return
        self._log_anything(level, message, as_tuple(arguments), {"data": data}, current, at)

    def is_enabled_for(self, level: str | int) -> bool:
        """Whether a call at this level would be logged here and now; for data that are dear to make."""
        try:
            number = parse_level(level)
        except ValueError:
            return False
        gate = self._gate
        return gate.threshold <= number and (number >= gate.careful or gate.admit(number, _current()))

    def bind(self, /, **fields: Any) -> "ICCMLogger":
        """A logger whose records all carry these fields in their data."""
        return _BoundLogger(self, thaw(freeze(fields)))

    def child(self, fields: Mapping[str, Any] | None = None, /, **more: Any) -> "ICCMLogger":
        """The same as `bind`, as it is called elsewhere."""
        return self.bind(**{**{str(key): value for key, value in dict(fields or {}).items()}, **more})

    # Positional alone, so that no keyword is one too many; all that is not plain (message, data, trace_id)
    # goes through `Call`.

    def trace(
        self, message: Any = "", data: Any = None, trace_id: Any = None, /, *more: Any, **fields: Any
    ) -> None:
        """Log at TRACE."""
        if self._gate.threshold <= TRACE:
            self._log(TRACE, message, data, trace_id, more, fields)

    def debug(
        self, message: Any = "", data: Any = None, trace_id: Any = None, /, *more: Any, **fields: Any
    ) -> None:
        """Log at DEBUG."""
        if self._gate.threshold <= DEBUG:
            self._log(DEBUG, message, data, trace_id, more, fields)

    def info(
        self, message: Any = "", data: Any = None, trace_id: Any = None, /, *more: Any, **fields: Any
    ) -> None:
        """Log at INFO."""
        if self._gate.threshold <= INFO:
            self._log(INFO, message, data, trace_id, more, fields)

    def warn(
        self, message: Any = "", data: Any = None, trace_id: Any = None, /, *more: Any, **fields: Any
    ) -> None:
        """Log at WARN."""
        if self._gate.threshold <= WARN:
            self._log(WARN, message, data, trace_id, more, fields)

    def error(
        self, message: Any = "", data: Any = None, trace_id: Any = None, /, *more: Any, **fields: Any
    ) -> None:
        """Log at ERROR."""
        if self._gate.threshold <= ERROR:
            self._log(ERROR, message, data, trace_id, more, fields)

    def exception(
        self, message: Any = "", data: Any = None, trace_id: Any = None, /, *more: Any, **fields: Any
    ) -> None:
        """Log at ERROR, with the exception that is being handled."""
        if self._gate.threshold <= ERROR:
            fields.setdefault("exc_info", True)
            self._log(ERROR, message, data, trace_id, more, fields)

    def log(
        self,
        level: Any,
        message: Any = "",
        data: Any = None,
        trace_id: Any = None,
        /,
        *more: Any,
        **fields: Any,
    ) -> None:
        """Log at a level given by name, or as `logging` numbers it; an unknown one is INFO."""
        try:
            number = parse_level(level)
        except ValueError:
            number = INFO
        if self._gate.threshold <= number:
            self._log(number, message, data, trace_id, more, fields)

    warning = warn
    critical = error
    fatal = error
    setLevel = set_level  # noqa: N815  as in `logging`
    isEnabledFor = is_enabled_for  # noqa: N815

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
        if self._gate.threshold <= TRACE:
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
        if self._gate.threshold <= TRACE:
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

    def extract(self, carrier: Any, *, create: bool = False) -> Trace | None:
        """The trace id that an MCP message or HTTP headers carry, or None; nothing is invented.

        With `create` a new one is made where none came along, for the one component where requests enter.
        """
        return context.extract(carrier, create=create)

    def flush(self, timeout: float = 2.0) -> bool:
        """Wait until everything logged so far has left the process; False after `timeout` seconds."""
        return self._pipeline.sender.flush(timeout)

    def close(self, timeout: float | None = None) -> None:
        """Flush within the deadline, write what is left to the fallback, and let go of the connection.

        It happens by itself at exit and on SIGTERM. Logging afterwards is fine: it starts everything again.
        """
        self._pipeline.close(timeout)

    def _log(  # noqa: PLR0917  keywords cost 0.1 µs
        self,
        level: int,
        message: Any,
        data: Any,
        trace_id: Any,
        more: tuple[Any, ...],
        fields: dict[str, Any],
    ) -> None:
        current = _current()
        if current is SILENT:
            return
        trace = current if trace_id is None else trace_id
        if level < self._gate.careful and not self._admits(level, trace, fields):
            return
        if type(message) is str and "%" not in message and not more:
            if fields:
                if data is not None or trace_id is not None or not RESERVED.isdisjoint(fields):
                    self._log_anything(level, message, (data, trace_id), fields, current)
                    return
                data = fields
            try:
                self._put(_now(), level, self._source, message, None if data is None else _dumps(data), trace)
            except Exception:  # noqa: BLE001, S110  data that is not plain JSON goes the slow way
                pass
            else:
                return
        given = None if data is fields else data
        self._log_anything(level, message, (given, trace_id, *more), fields, current)

    def _admits(self, level: int, trace: Any, fields: dict[str, Any]) -> bool:
        try:
            given = fields.get("trace_id")
            return self._gate.admit(level, trace if given is None else given)
        except Exception:  # noqa: BLE001  a trace id may be anything
            return level >= self._gate.level

    def _log_anything(  # noqa: PLR0917  as above
        self,
        level: int,
        message: Any,
        arguments: tuple[Any, ...],
        fields: dict[str, Any],
        current: Any,
        at: int = 0,
    ) -> None:
        at = at or _now()
        try:
            # Freezing may run the application's __str__ and __repr__; what they log would come back here.
            with TraceContext(SILENT):
                while arguments and arguments[-1] is None:
                    arguments = arguments[:-1]
                call = Call(message, arguments, dict(fields))
                text, frozen = printable(call.message), self._freeze(call.data)
            trace = current if call.trace_id is None else call.trace_id
            self._put(at, level, self._source, text, frozen, trace)
        except BaseException as error:  # out of memory or stack: the record is lost, and counted
            self._pipeline.buffer.losses.add(self._source.component, "unserialisable", at)
            if interrupts(error):
                raise

    def _freeze(self, data: Any) -> bytes | None:
        return None if data is None else freeze(data)

    def _message(  # noqa: PLR0917  the keywords of its two callers
        self, direction: str, peer: Any, message: Any, transport: Any, session: Any, trace_id: Any
    ) -> None:
        current = _current()
        if current is SILENT:
            return
        trace = current if trace_id is None else trace_id
        if self._gate.careful > TRACE:
            seen = context.extract(message) if trace is None else trace
            if not self._admits(TRACE, seen, {}):
                return
        mcp = {"direction": direction, "peer": peer, "payload": message}
        if transport is not None:
            mcp["transport"] = transport
        if session is not None:
            mcp["session"] = session
        at = _now()
        try:
            self._put(at, TRACE, self._source, None, _dumps({"mcp": mcp}), trace)
        except Exception:  # noqa: BLE001, S110  a model, or something stranger
            pass
        else:
            return
        try:
            with TraceContext(SILENT):
                frozen = freeze({"mcp": mcp})
            self._put(at, TRACE, self._source, None, frozen, trace)
        except BaseException as error:
            self._pipeline.buffer.losses.add(self._source.component, "unserialisable", at)
            if interrupts(error):
                raise


class _BoundLogger(ICCMLogger):
    """A logger with fields of its own in every record; it shares all else with the one that it comes from."""

    def __init__(self, origin: ICCMLogger, fields: dict[str, Any]) -> None:
        self.__dict__.update(origin.__dict__)
        self._fields = {**getattr(origin, "_fields", {}), **fields}

    def _log(  # noqa: PLR0917  as above
        self,
        level: int,
        message: Any,
        data: Any,
        trace_id: Any,
        more: tuple[Any, ...],
        fields: dict[str, Any],
    ) -> None:
        current = _current()
        trace = current if trace_id is None else trace_id
        if current is SILENT or (level < self._gate.careful and not self._admits(level, trace, fields)):
            return
        if type(message) is str and "%" not in message and not more and trace_id is None:
            with suppress(Exception):  # as above
                if RESERVED.isdisjoint(fields):
                    every = {**self._fields, **({} if data is None else data), **fields}
                    self._put(_now(), level, self._source, message, _dumps(every), trace)
                    return
        self._log_anything(level, message, (data, trace_id, *more), fields, current)

    def _freeze(self, data: Any) -> bytes | None:
        if data is None:
            return freeze(self._fields)
        own = data if isinstance(data, Mapping) else {"value": data}
        return freeze({**self._fields, **own})
