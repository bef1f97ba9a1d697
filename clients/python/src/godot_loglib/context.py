"""The current trace: kept across await, read from and written into MCP messages and HTTP headers."""

import json
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Final, Self

from godot_loglib.ids import canonical_trace_id, new_trace_id

_TRACEPARENT: Final = re.compile(
    r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL
)
_CARRIED: Final = ("tracestate", "baggage")
_TRUE: Final = frozenset({"true", "1", "yes", "on"})
_LOG_ALL: Final = "x-trace-log"
_LENGTH: Final = 8192  # of a header value worth reading


class Trace(str):
    """A trace id that remembers what came along with it.

    Attributes
    ----------
    flags
        The W3C trace flags, two hex digits.
    carried
        `tracestate` and `baggage`, to be passed on unchanged.
    log_all
        The request asked to be logged at TRACE (`X-Trace-Log: true`).
    """

    __slots__ = ("_alive", "carried", "flags", "log_all")

    flags: str
    carried: Mapping[str, str]
    log_all: bool
    _alive: object

    def __new__(
        cls,
        trace_id: str,
        *,
        flags: str = "01",
        carried: Mapping[str, str] | None = None,
        log_all: bool = False,
    ) -> Self:
        """Bind what came along to the id."""
        trace = super().__new__(cls, trace_id)
        trace.flags, trace.carried, trace.log_all = flags, dict(carried or {}), log_all
        if log_all:
            trace._alive = _Loud()
        return trace

    def __reduce__(self) -> Any:
        """Into another process with all of it."""
        return _trace, (str(self), self.flags, dict(self.carried), self.log_all)


def _trace(trace_id: str, flags: str, carried: dict[str, str], log_all: bool) -> Trace:
    return Trace(trace_id, flags=flags, carried=carried, log_all=log_all)


# What lives as long as a trace that is to be logged at TRACE. While there is one, no call may be filtered by
# its level alone. A dict, since its single operations need no lock, in a finaliser neither.
loud: Final[dict[int, None]] = {}
on_loud: Final[list[Callable[[], None]]] = []


class _Loud:
    __slots__ = ()

    def __init__(self) -> None:
        loud[id(self)] = None
        if len(loud) == 1:
            _tell()

    def __del__(self) -> None:
        loud.pop(id(self), None)
        if not loud:
            _tell()


def _tell() -> None:
    for listener in on_loud:
        listener()


# The sender's own thread, and a log call that is inside of the application's __str__ or __repr__, run under
# this mark: whatever is logged there would lead back to itself.
SILENT: Final = Trace("")
CURRENT: Final[ContextVar[Any]] = ContextVar("godot_trace", default=None)


def current_trace_id() -> str | None:
    """The trace id that a log call made here would get; None outside any trace."""
    trace = CURRENT.get()
    return None if trace is None or trace is SILENT else str(trace)


class TraceContext:
    """Makes a trace current for a `with` block: in this thread or task, and in the tasks it starts."""

    __slots__ = ("_token", "_trace")

    def __init__(self, trace: object) -> None:
        self._trace = trace
        self._token: Token[Any] | None = None

    def __enter__(self) -> Any:
        self._token = CURRENT.set(self._trace)
        return self._trace

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        token, self._token = self._token, None
        if token is not None:
            # A generator may be closed in another context than it was started in: nothing to undo there.
            with suppress(ValueError):
                CURRENT.reset(token)


def inject(carrier: Any) -> Any:
    """A copy of an MCP message (dict or JSON text) or of HTTP headers that carries the current trace.

    Messages get bare W3C keys in `params._meta`. Answers, and anything else that cannot carry a trace, come
    back as they are; so does everything outside of a trace.
    """
    trace = CURRENT.get()
    digits = canonical_trace_id(str(trace)) if isinstance(trace, str) else None
    if digits is None:
        return carrier
    if not isinstance(trace, Trace):
        trace = Trace(digits)
    parent = f"00-{digits.replace('-', '')}-{secrets.randbits(64) or 1:016x}-{trace.flags}"
    if isinstance(carrier, str):
        return _inject_text(carrier, parent, trace)
    if not isinstance(carrier, Mapping):
        return carrier
    if _is_message(carrier):
        return _inject_message(carrier, parent, trace)
    ours = {"traceparent", "x-trace-id"} | ({_LOG_ALL} if trace.log_all else set()) | trace.carried.keys()
    headers = {key: value for key, value in carrier.items() if str(key).lower() not in ours}
    headers |= {"traceparent": parent, "X-Trace-ID": digits} | dict(trace.carried)
    return headers | {"X-Trace-Log": "true"} if trace.log_all else headers


def extract(carrier: Any, *, create: bool = False) -> Trace | None:
    """The trace that a message (dict, JSON text, model), headers or an ASGI header list carry, or None.

    A valid `traceparent` wins over `X-Trace-ID`. Nothing is invented: what carries no trace gives None,
    unless `create` asks for a new one, which then is logged at TRACE if the request says so (`X-Trace-Log`).
    """
    fields = _fields_of(carrier)
    found = _from_fields(fields)
    if found is None and create:
        return Trace(new_trace_id(), carried=_carried(fields), log_all=_log_all(fields))
    return found


def _fields_of(carrier: Any) -> Mapping[str, str]:
    with suppress(Exception):
        if isinstance(carrier, str | bytes):
            carrier = json.loads(carrier)
        elif callable(dump := getattr(carrier, "model_dump", None)):
            carrier = dump(mode="json", by_alias=True, exclude_none=True)
        if isinstance(carrier, Mapping) and _is_message(carrier):
            return _meta_fields(carrier)
        items = carrier.items() if hasattr(carrier, "items") else carrier
        return {_text(key).lower(): _text(value) for key, value in _pairs(items)}
    return {}


def trace_of(message: Mapping[str, Any]) -> Trace | None:
    """The trace in `params._meta` of an MCP message."""
    return _from_fields(_meta_fields(message))


def _meta_fields(message: Mapping[str, Any]) -> Mapping[str, str]:
    params = message.get("params")
    meta = params.get("_meta") if isinstance(params, Mapping) else None
    if not isinstance(meta, Mapping):
        return {}
    fields = {}
    for key, value in meta.items():
        if isinstance(key, str) and isinstance(value, str):
            fields[_LOG_ALL if key.lower() == _LOG_ALL else key] = value
        elif value is True and isinstance(key, str) and key.lower() == _LOG_ALL:
            fields[_LOG_ALL] = "true"
    return fields


def _carried(fields: Mapping[str, str]) -> dict[str, str]:
    return {key: fields[key] for key in _CARRIED if fields.get(key)}


def _log_all(fields: Mapping[str, str]) -> bool:
    return fields.get(_LOG_ALL, "").strip().lower() in _TRUE


def _from_fields(fields: Mapping[str, str]) -> Trace | None:
    carried, log_all = _carried(fields), _log_all(fields)
    match = _TRACEPARENT.fullmatch(fields.get("traceparent", "").strip().lower()[:_LENGTH])
    if (
        match
        and match[1] != "ff"
        and int(match[2], 16)
        and int(match[3], 16)
        and not (match[1] == "00" and match[5])
    ):
        return Trace(canonical_trace_id(match[2]) or "", flags=match[4], carried=carried, log_all=log_all)
    trace_id = canonical_trace_id(fields.get("x-trace-id", "").strip())
    return Trace(trace_id, carried=carried, log_all=log_all) if trace_id else None


def _is_message(carrier: Mapping[Any, Any]) -> bool:
    return "jsonrpc" in carrier or ("method" in carrier and "params" in carrier)


def _inject_message(message: Mapping[Any, Any], parent: str, trace: Trace) -> Any:
    params = message.get("params", {})
    if "method" not in message or not isinstance(params, Mapping):
        return message
    meta = params.get("_meta")
    own = meta if isinstance(meta, Mapping) else {}
    ours = {"traceparent": parent} | ({_LOG_ALL: "true"} if trace.log_all else {})
    return {**message, "params": {**params, "_meta": {**trace.carried, **own, **ours}}}


def _inject_text(text: str, parent: str, trace: Trace) -> str:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if not isinstance(message, dict) or not _is_message(message):
        return text
    changed = _inject_message(message, parent, trace)
    return text if changed is message else json.dumps(changed, ensure_ascii=False, separators=(",", ":"))


def _pairs(items: Iterable[Any]) -> Iterable[tuple[Any, Any]]:
    for key, value in items:
        yield key, value[0] if isinstance(value, list | tuple) and value else value


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
