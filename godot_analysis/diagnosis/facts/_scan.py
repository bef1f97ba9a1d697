"""Reads what ordinary log records tell around the messages: refusals, routes, troubles, starts, connections.

A record is recognised by the facts in its `data` first (a tool that is not in the list beside it, a backend
with a URL, a port) and by its wording only where facts leave a choice: components word things differently.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from godot_analysis.diagnosis.facts._exchanges import may_tell, read_exchange
from godot_analysis.diagnosis.facts._exits import EXIT_KEYS, EXITED, read_exit
from godot_analysis.diagnosis.facts._refusals import HOST_PREFIX, refuses, tool_in
from godot_analysis.diagnosis.facts._signals import (
    Complaint,
    Connection,
    Ended,
    Offer,
    Refusal,
    Registered,
    Route,
    Signals,
    Start,
    TimeOut,
    ToolCount,
    Trouble,
    TroubleKind,
)
from godot_analysis.normal_form.conventions.wording import SERVER_KEYS, TOOL_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

__all__ = ["scan"]

_ERROR_KEYS: Final = ("error", "err", "exception", "reason", "cause", "detail")
_URL: Final = re.compile(r"(?:wss?|https?|tcp)://[^\s\"'<>]+")
_REFUSED: Final = re.compile(
    r"refused|(?:cannot|can't|could not|failed to) connect|connect(?:ion)? (?:call )?failed"
    r"|unreachable|no route to host|enotfound|getaddrinfo|name or service not known|errno 111",
    re.IGNORECASE,
)
_LOST: Final = re.compile(
    r"connection (?:was )?lost|lost connection|closed|reset by peer|econnreset|epipe|broken pipe|disconnect"
    r"|close frame|going away|reconnect|hung up|\beof\b",
    re.IGNORECASE,
)
_TIMEOUT: Final = re.compile(r"timed? ?out|etimedout|deadline", re.IGNORECASE)
_NO_LINK: Final = re.compile(
    r"etimedout|connect(?:ion|ing)?[ _-]?(?:attempt |to \S+ )?timed? ?out"
    r"|(?:ping|keepalive|heartbeat|handshake|socket|idle) timed? ?out"
    r"|timed? ?out (?:while |during |in )?(?:the |opening )*(?:connect|handshak)",
    re.IGNORECASE,
)
_START: Final = re.compile(
    r"(?i)\b(?:starting|started|listening|listens|running on|server (?:ready|running)|booted|up on)\b"
)
_LEAVING: Final = re.compile(r"disconnect|closed|left|gone|ended", re.IGNORECASE)
_JOINING: Final = re.compile(r"connect|accept|opened|joined|attached", re.IGNORECASE)
_OFFER: Final = re.compile(
    r"tools? .*\b(?:offered|exposed|presented|shown|given)\b|\bto the model\b", re.IGNORECASE
)
_REGISTERED: Final = re.compile(
    r"\b(?:register|load|add)(?:ed)?:? (\d{1,9}) (?:\w+ )?tools?\b"
    r"|\b(\d{1,9}) (?:\w+ )?tools? (?:\w+ )?(?:registered|loaded|added)\b"
    r"|\btools? (?:registered|loaded|added):? (\d{1,9})\b",
    re.IGNORECASE,
)
_GOT_TOOLS: Final = re.compile(
    r"\btools? (?:registered|loaded|added)\b|\b(?:registered|loaded|added) tools\b", re.IGNORECASE
)
_ENDED: Final = re.compile(
    r"(?:connection|transport|session|stream|stdin|stdout|pipe|server process)\W+(?:was |is |has )?"
    r"(?:closed|ended|exited)"
    r"|\b(?:closed|exited) with\b",
    re.IGNORECASE,
)
_REMARK_KEYS: Final = ("visibility", "mode", "hidden", "deferred", "enabled", "permission", "allowed")
_BAD: Final = ("WARN", "ERROR")
_REQUEST_KEYS: Final = ("id", "request_id", "requestId", "rpc_id")
_SESSION_KEYS: Final = ("client_id", "session", "session_id", "connection", "client")
_ADDRESS_KEYS: Final = ("ip", "address", "remote", "remote_address", "client")
_TELLING_KEYS: Final = frozenset(
    {*SERVER_KEYS, *_SESSION_KEYS, *_ADDRESS_KEYS, *EXIT_KEYS, "tool_count", "limit", "port"}
)
_SCHEMA_WORDS: Final = frozenset({"request", "response", "message"})


@dataclass(slots=True)
class _Row:
    time: pd.Timestamp
    component: str
    record: str
    trace: str | None
    level: str
    message: str
    data: Mapping[str, Any]

    @property
    def bad(self) -> bool:
        return self.level in _BAD

    @property
    def base(self) -> tuple[pd.Timestamp, str, str, str | None]:
        return self.time, self.component, self.record, self.trace


def scan(logs: pd.DataFrame) -> Signals:
    """Recognise every record of a log frame that tells something a rule can use; messages are left out."""
    signals = Signals()
    for row in _rows(logs):
        if (ended := read_exit(row.base, row.message, row.data)) is not None:
            signals.exits.append(replace(ended, peer=_first(row.data, SERVER_KEYS)))
        if (count := _registered(row.message) or _told_beside(row)) is not None:
            signals.registered.append(Registered(*row.base, count=count, text=row.message))
        _classify(row, signals)
    return signals


def error_text(data: Mapping[str, Any]) -> str:
    """What a record says went wrong, as text; empty when it says nothing."""
    for key in _ERROR_KEYS:
        value = data.get(key)
        if isinstance(value, dict):
            value = value.get("message") or value.get("text") or str(value)
        if isinstance(value, str) and value:
            return value
    return ""


def _rows(logs: pd.DataFrame) -> Iterator[_Row]:
    """The records that may tell something, in the order of time: the others need not be looked at closely."""
    words = zip(logs["level"].isin(_BAD), logs["message"].tolist(), logs["data"].tolist(), strict=True)
    telling = np.fromiter((_may_tell(*row) for row in words), dtype=bool, count=len(logs))
    ordered = logs[telling].sort_values("event_created_at", kind="stable")
    columns = (
        ordered["event_created_at"].astype(object),
        ordered["component"].astype(object),
        ordered["id"].astype(object),
        ordered["trace_id"].astype(object),
        ordered["level"].astype(object),
        ordered["message"].astype(object),
        ordered["data"],
    )
    for time, component, record, trace, level, message, data in zip(*columns, strict=True):
        yield _Row(
            time,
            component,
            record,
            trace if isinstance(trace, str) else None,
            level,
            message or "",
            data if isinstance(data, dict) else {},
        )


def _may_tell(bad: bool, message: Any, data: Any) -> bool:
    """Whether a record is worth a closer look, by its level, its words and the keys of its data."""
    keys = tuple(data) if isinstance(data, dict) else ()
    return "mcp" not in keys and (bad or _telling(message or "", keys))


@lru_cache(maxsize=1 << 12)  # a system has few ways to word its records
def _telling(message: str, keys: tuple[str, ...]) -> bool:
    """Whether a record that is no warning can be more than a line of chatter."""
    if not _TELLING_KEYS.isdisjoint(keys) or may_tell(message, keys):
        return True
    if any(_says(sign, message) for sign in (_OFFER, _REGISTERED, _ENDED, EXITED)):
        return True
    return "method" not in keys and bool(_START.search(message))


@lru_cache(maxsize=1 << 12)
def _says(pattern: re.Pattern[str], message: str) -> bool:
    return pattern.search(message) is not None


def _classify(row: _Row, signals: Signals) -> None:
    tool = _first(row.data, TOOL_KEYS)
    backend = _first(row.data, SERVER_KEYS)
    exchange = read_exchange(row.base, row.message, row.data)
    if exchange is not None:
        signals.exchanges.append(exchange)
    if _says(_OFFER, row.message) and not (row.bad and refuses(row.message)):
        signals.offers.append(_offer(row))
    elif row.bad:
        _classify_bad(row, tool, backend, signals)
    elif backend is not None and (url := _url(row.data)) is not None:
        signals.routes.append(Route(*row.base, tool=tool, backend=backend, url=url))
    elif isinstance(row.data.get("tool_count"), int):
        signals.tool_counts.append(ToolCount(*row.base, count=row.data["tool_count"]))
    elif "limit" in row.data and "names" in row.data:
        signals.offers.append(_offer(row))
    elif _says(_ENDED, row.message):
        signals.ends.append(Ended(*row.base, peer=backend))
    elif exchange is not None:
        return
    elif tool is None and "method" not in row.data:
        _connection_or_start(row, signals)


def _classify_bad(row: _Row, tool: str | None, backend: str | None, signals: Signals) -> None:
    """What warnings and errors tell."""
    if (time_out := _time_out(row, backend, tool)) is not None:
        signals.time_outs.append(time_out)
    if (refusal := _refusal(row, tool)) is not None:
        signals.refusals.append(refusal)
    elif (trouble := _trouble(row, backend, tool)) is not None:
        signals.troubles.append(trouble)
    else:
        text = error_text(row.data) or row.message
        method = _text(row.data, "method")
        complaint = Complaint(
            *row.base, text=text, method=method, tool=tool, said=_said(row), backend=backend
        )
        (signals.shrugs if _answers_notification(row.data) else signals.complaints).append(complaint)


@lru_cache(maxsize=1 << 12)
def _registered(message: str) -> int | None:
    """How many tools a record says that its component has got."""
    found = _REGISTERED.search(message)
    return int(next(filter(None, found.groups()))) if found else None


def _told_beside(row: _Row) -> int | None:
    """The number of tools that stands beside words without one."""
    told = row.data.get("tool_count")
    return told if isinstance(told, int) and _GOT_TOOLS.search(row.message) else None


def _said(row: _Row) -> str:
    """All that a record says."""
    return " ".join(
        [row.message, *(str(value) for value in row.data.values() if isinstance(value, (str, dict)))]
    )


def _time_out(row: _Row, backend: str | None, tool: str | None) -> TimeOut | None:
    """That somebody would wait no longer for an answer; a connection that failed is another matter."""
    text = error_text(row.data) or row.message
    told = f"{row.message} {text}"
    if not _TIMEOUT.search(told) or any(sign.search(told) for sign in (_NO_LINK, _REFUSED, _LOST)):
        return None
    asked = next((row.data[key] for key in _REQUEST_KEYS if isinstance(row.data.get(key), (str, int))), None)
    return TimeOut(
        *row.base,
        text=text,
        said=_said(row),
        tool=tool,
        asked=None if asked is None else str(asked),
        peer=backend,
    )


def _offer(row: _Row) -> Offer:
    names, count, limit = _names(row.data), row.data.get("count"), row.data.get("limit")
    if not isinstance(count, int):
        count = None if names is None else len(names)
    return Offer(*row.base, count=count, names=names, limit=limit if isinstance(limit, int) else None)


def _connection_or_start(row: _Row, signals: Signals) -> None:
    data = row.data
    session = _first(data, _SESSION_KEYS)
    address = _first(data, _ADDRESS_KEYS)
    if (session or address) and not _LEAVING.search(row.message):
        if _JOINING.search(row.message) or set(data) <= {"client", "client_id", "ip", "total_clients"}:
            signals.connections.append(Connection(*row.base, session=session, address=address))
        return
    told = str(data.get("port", ""))
    port = int(told) if told.isdecimal() else None
    if port is not None or _START.search(row.message):
        serves = port is not None or "mcp server" in row.message.lower()
        signals.starts.append(Start(*row.base, port=port, serves=serves))


def _refusal(row: _Row, tool: str | None) -> Refusal | None:
    table = _names(row.data)
    text = f"{row.message} {error_text(row.data)}".strip()
    worded = refuses(text)
    prefix = ""
    if tool is None and worded:
        found = tool_in(text)
        if found is None:
            return None
        tool, prefix = found
    if tool is None or not (worded or (table is not None and tool not in table)):
        return None
    if "backend" in row.data and table is None and not refuses(row.message):
        return None  # the backend's own error, passed on
    if HOST_PREFIX.match(tool):
        prefix = HOST_PREFIX.match(tool).group()  # type: ignore[union-attr]
        tool = tool.removeprefix(prefix)
    remark = ", ".join(f"{key}: {row.data[key]}" for key in _REMARK_KEYS if key in row.data)
    return Refusal(*row.base, tool=tool, table=table, prefix=prefix, remark=remark)


def _trouble(row: _Row, backend: str | None, tool: str | None) -> Trouble | None:
    text = error_text(row.data)
    said = f"{row.message} {text}"
    if backend is None or _SCHEMA_WORDS & set(row.data):
        return None
    kind: TroubleKind
    if _REFUSED.search(said):
        kind = "refused"
    elif _LOST.search(said):
        kind = "lost"
    elif _TIMEOUT.search(said):
        kind = "timeout" if _NO_LINK.search(said) else "late"
    elif tool is None and text:
        kind = "lost" if row.level == "WARN" else "other"
    else:
        return None
    return Trouble(
        *row.base,
        backend=backend,
        kind=kind,
        text=text or row.message,
        said=_said(row),
        url=_url(row.data),
        tool=tool,
    )


def _answers_notification(data: Mapping[str, Any]) -> bool:
    """Whether the error is only that a notification is not known, which no one waits for."""
    return str(data.get("method", "")).startswith("notifications/")


def _names(data: Mapping[str, Any]) -> frozenset[str] | None:
    for key, value in data.items():
        if isinstance(value, list) and ("tool" in key.lower() or key in {"names", "available", "known"}):
            names = [item.get("name") if isinstance(item, dict) else item for item in value]
            known = frozenset(name for name in names if isinstance(name, str))
            if len(known) == len(set(map(str, names))):
                return known
    return None


def _url(data: Mapping[str, Any]) -> str | None:
    for value in data.values():
        if isinstance(value, str) and _URL.fullmatch(value):
            return value
    return None


def _first(data: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    for key in keys:
        value = data.get(key)
        if isinstance(value, str) and value:
            return value
    return None


def _text(data: Mapping[str, Any], key: str) -> str | None:
    value = data.get(key)
    return value if isinstance(value, str) else None
