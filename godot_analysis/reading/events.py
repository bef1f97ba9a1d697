"""What ordinary records tell: one event for each thing that a record says around the messages.

A record is recognised by the facts in its `data` first (a tool that is not in the list beside it, a backend
with a URL, a port) and by its words, as the lexicon reads them, where facts leave a choice.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

import numpy as np

from godot_analysis.reading import fields, http
from godot_analysis.reading._servers import known_server, named_servers
from godot_analysis.reading._telling import BAD, may_end, may_tell, own_level, reading_of, said_of, tells_end
from godot_analysis.reading.classify import UNKNOWN, Reading, bounded, classify, ordinary
from godot_analysis.reading.names import HOST_PREFIX, server_in, tool_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

__all__ = ["Event", "Events", "Link", "What", "link_of", "read_events"]

What = Literal[
    "failure",  # a warning or an error: `kinds` says of what
    "refusal",  # a tool that somebody said it does not know; `names` is what it knew
    "notification error",  # about a notification, which nobody waits for
    "route",  # a server (at `url`) was chosen for a call
    "start",  # a component starts or listens, perhaps on `port`
    "connection",  # somebody opened a connection to the component
    "end",  # a connection, or what it was for, ended
    "exit",  # a process ended, with `code`
    "http",  # a request of HTTP and its `status`
    "tools counted",  # `tools/list` was answered with so many
    "tools registered",  # a component has got so many
    "tools offered",  # these were offered to the model
]

_URL: Final = re.compile(r"(?:wss?|https?|tcp)://[^\s\"'<>]{1,500}")
_TOOLS_COUNTED: Final = re.compile(r"\b(\d{1,9}) (?:MCP )?tools?\b", re.IGNORECASE)
_COUNTED: Final = re.compile(r"\b(\d{1,9})\b")
_CODE: Final = re.compile(
    r"\bcode[:=]? ?(?P<code>-?\d{1,10})\b|\b(?:status|with) (?P<status>\d{1,3})\b"
    r"|\bSIG(?P<signal>ABRT|BUS|FPE|HUP|ILL|INT|KILL|SEGV|TERM)\b",
    re.IGNORECASE | re.ASCII,
)
_SIGNALS: Final = {
    "HUP": 1, "INT": 2, "ILL": 4, "ABRT": 6, "BUS": 7, "FPE": 8, "KILL": 9, "SEGV": 11, "TERM": 15,
}  # fmt: skip
_REMARKS: Final = ("visibility", "mode", "hidden", "deferred", "enabled", "permission", "allowed")
_MESSAGE_KEYS: Final = frozenset({"request", "response", "message"})
Link = Literal["refused", "lost", "timeout", "late", "other"]
"""`timeout`: no connection came about in time; `late`: it is there, and an answer did not come in time."""

_LINKS: Final[dict[Link, frozenset[str]]] = {
    "refused": frozenset({"connect.refused", "connect.unresolved", "connect.unreachable", "connect.tls"}),
    "timeout": frozenset({"connect.timeout"}),
    "lost": frozenset({"connect.lost"}),
    "late": frozenset({"request.timeout"}),
}
_VISIT: Final = frozenset({"client", "client_id", "ip", "total_clients"})


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that a record tells. What does not belong to its kind of event is None or empty.

    `text` is what went wrong, else the message; `said` is all that the record says, as far as it is read;
    `kinds` are those of the lexicon, the one that counts first, and `words` what told each of them.
    """

    what: What
    time: pd.Timestamp
    component: str
    record: str
    trace: str | None
    level: str
    text: str
    said: str
    kinds: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    server: str | None = None
    link: Link | None = None  # what a failure tells of the connection to `server`
    tool: str | None = None
    method: str | None = None
    asked: str | None = None  # the id of the request that it is about
    url: str | None = None
    port: int | None = None
    session: str | None = None
    address: str | None = None
    count: int | None = None
    limit: int | None = None
    names: frozenset[str] | None = None
    prefix: str = ""
    remark: str = ""
    code: int | None = None
    status: int = 0
    verb: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The kind that counts; `unknown` where nobody understood the words."""
        return self.kinds[0] if self.kinds else UNKNOWN

    @property
    def serves(self) -> bool:
        """Whether a component that starts says so as a server."""
        return self.port is not None or "mcp server" in self.text.lower()

    @property
    def path(self) -> str:
        """The path that a request of HTTP asked for, `the address` when it was not logged."""
        return urlsplit(self.url or "").path or "the address"

    @property
    def version(self) -> str | None:
        """The protocol version that a header names."""
        return self.headers.get("mcp-protocol-version")

    def tells(self, *kinds: str) -> bool:
        """Whether its words tell of one of these kinds."""
        return not frozenset(kinds).isdisjoint(self.kinds)


class Events:
    """Everything that the records of a log tell, each sort in the order of time."""

    def __init__(self) -> None:
        self.all: list[Event] = []
        self._of: dict[str, list[Event]] = defaultdict(list)

    def add(self, event: Event) -> None:
        """Append an event."""
        self.all.append(event)
        self._of[event.what].append(event)

    def of(self, what: What) -> list[Event]:
        """The events of one sort."""
        return self._of[what]


@dataclass(slots=True)
class _Row:
    """A record on its way to become events."""

    base: tuple[pd.Timestamp, str, str, str | None, str]
    level: str
    message: str
    data: Mapping[str, Any]
    said: str
    reading: Reading
    server: str | None
    tool: str | None

    def event(self, what: What, text: str | None = None, **more: Any) -> Event:
        """An event of this record."""
        told = {"kinds": self.reading.kinds, "words": self.reading.words, "server": self.server, **more}
        return Event(what, *self.base, text if text is not None else self.message, self.said, **told)


def read_events(
    logs: pd.DataFrame, servers: frozenset[str] = frozenset(), tools: frozenset[str] = frozenset()
) -> Events:
    """Recognise every record of a log frame that tells something; messages themselves are left out.

    `servers` are those that messages were sent to, `tools` those that were called: no line is about a server
    of that name.
    """
    events = Events()
    for row in _rows(logs, servers, tools - servers):
        for event in _read(row):
            events.add(event)
    return events


def _rows(logs: pd.DataFrame, servers: frozenset[str], tools: frozenset[str]) -> Iterator[_Row]:
    """The records that may tell something, in the order of time: the others need not be looked at closely."""
    known = named_servers(logs) - tools
    words = zip(logs["level"].isin(BAD), logs["message"].tolist(), logs["data"].tolist(), strict=True)
    telling = np.fromiter((may_tell(*row) for row in words), dtype=bool, count=len(logs))
    ordered = logs[telling].sort_values("event_created_at", kind="stable")
    columns = [
        ordered[name].astype(object).tolist()
        for name in ("event_created_at", "component", "id", "trace_id", "level", "message")
    ]
    for time, component, record, trace, level, message, data in zip(
        *columns, ordered["data"].tolist(), strict=True
    ):
        held = fields.in_snake_case(data) if isinstance(data, dict) else {}
        text = bounded(message or "")
        said = said_of(text, held)
        yield _Row(
            (time, component, record, trace if isinstance(trace, str) else None, level),
            own_level(text, level),
            text,
            held,
            said,
            reading_of(level, text, said, held),
            fields.text_of(held, fields.SERVER)
            or server_in(text)
            or known_server(text, level, known - {component}, servers - {component}),
            fields.text_of(held, fields.TOOL),
        )


def _read(row: _Row) -> Iterator[Event]:
    exchange = _exchange(row)
    yield from (event for event in (_exit(row), _registered(row), exchange) if event is not None)
    data, bad = row.data, row.level in BAD
    told = ordinary(row.message)
    if told.tells("tools.offered") and not (bad and row.reading.tells("tool.unknown")):
        yield _offer(row)
    elif bad:
        yield _failure(row)
    elif row.server is not None and (url := _url(data)) is not None:
        yield row.event("route", tool=row.tool, url=url)
    elif isinstance(data.get("tool_count"), int):
        yield row.event("tools counted", count=data["tool_count"])
    elif "limit" in data and "names" in data:
        yield _offer(row)
    elif told.tells("connection.closed"):
        yield row.event("end")
    elif exchange is None and row.tool is None and "method" not in data:
        yield from _connection_or_start(row, told)


def _exit(row: _Row) -> Event | None:
    """The end of a process, in the code or the signal that the record names."""
    data = row.data
    if not (
        tells_end(row.said if row.level in BAD else row.message)
        or any(key in data for key in fields.EXIT)
        or (type(data.get("code")) is int and may_end(row.message))
    ):
        return None
    told = (data.get(key) for key in (*fields.EXIT, "code"))
    code = next((value for value in told if type(value) is int), None)
    if code is None and type(signal := data.get("signal")) is int:
        code = -signal
    if code is None and (named := _CODE.search(f"{row.message} {data.get('signal') or ''}")):
        if named["signal"]:
            code = -_SIGNALS[named["signal"].upper()]
        else:
            code = int(named["code"] or named["status"])
    return row.event("exit", code=code)


def _registered(row: _Row) -> Event | None:
    """The number of tools that a record says its component has got."""
    reading = ordinary(row.message)
    if not reading.tells("tools.registered", "server.connected"):
        return None
    told = row.data.get("tool_count")
    if not isinstance(told, int):
        found = (_COUNTED if reading.tells("tools.registered") else _TOOLS_COUNTED).search(row.message)
        told = int(found[1]) if found else None
    return None if told is None else row.event("tools registered", count=told)


def _exchange(row: _Row) -> Event | None:
    """The request of HTTP that a record tells of: without a status it tells of none."""
    status = http.status_of(row.message, row.data)
    if status is None:
        return None
    verb, url = http.verb_of(row.message, row.data), http.address_of(row.message, row.data)
    if verb is None and url is None and not http.is_about_http(row.message):
        return None
    body = bounded(f"{row.message} {fields.whole_of(row.data, fields.BODY)}".strip())
    reading = classify(body, status=status)
    return row.event(
        "http",
        body,
        verb=verb,
        url=url,
        status=status,
        headers=http.headers_of(row.data),
        server=fields.text_of(row.data, ("peer", "server", "server_name", "backend", "target", "upstream"))
        or (row.server if "upstream" in row.message.lower() else None),
        kinds=reading.kinds,
        words=reading.words,
    )


def _offer(row: _Row) -> Event:
    names, count, limit = fields.tool_names_of(row.data), row.data.get("count"), row.data.get("limit")
    if not isinstance(count, int):
        count = None if names is None else len(names)
    return row.event(
        "tools offered", count=count, names=names, limit=limit if isinstance(limit, int) else None
    )


def _failure(row: _Row) -> Event:
    """What a warning or an error tells."""
    data = row.data
    if (refusal := _refusal(row)) is not None:
        return refusal
    method = data.get("method") if isinstance(data.get("method"), str) else None
    asked = next((data[key] for key in fields.REQUEST if isinstance(data.get(key), (str, int))), None)
    nobody_waits = method is not None and method.startswith("notifications/")
    error = fields.error_of(data)
    return row.event(
        "notification error" if nobody_waits else "failure",
        error or row.message,
        link=None if nobody_waits else _link(row, error),
        tool=row.tool,
        method=method,
        asked=None if asked is None else str(asked),
        url=_url(data),
    )


def link_of(kinds: tuple[str, ...]) -> Link | None:
    """What the kinds of a text tell of a connection, None where they tell of none.

    >>> link_of(("connect.refused",)), link_of(("request.timeout",)), link_of(("defect",))
    ('refused', 'late', None)
    """
    return next((link for link, told in _LINKS.items() if not told.isdisjoint(kinds)), None)


def _link(row: _Row, error: str) -> Link | None:
    """What a failure tells of the connection to the server that it names."""
    if row.server is None or _MESSAGE_KEYS & set(row.data):
        return None
    link = link_of(row.reading.kinds)
    if link is None and row.tool is None and error:
        return "lost" if row.level == "WARN" else "other"
    return link


def _refusal(row: _Row) -> Event | None:
    """That somebody does not know a tool: in so many words, or by the list beside its name."""
    data, tool, names = row.data, row.tool, fields.tool_names_of(row.data)
    text = f"{row.message} {fields.error_of(data)}".strip()
    worded, prefix = classify(text).tells("tool.unknown"), ""
    if tool is None and worded:
        found = tool_in(text)
        if found is None:
            return None
        tool, prefix = found
    if tool is None or not (worded or (names is not None and tool not in names)):
        return None
    if "backend" in data and names is None and not classify(row.message).tells("tool.unknown"):
        return None  # the backend's own error, passed on
    if (found_prefix := HOST_PREFIX.match(tool)) is not None:
        prefix = found_prefix[0]
        tool = tool.removeprefix(prefix)
    remark = ", ".join(f"{key}: {data[key]}" for key in _REMARKS if key in data)
    return row.event("refusal", text, tool=tool, names=names, prefix=prefix, remark=remark)


def _connection_or_start(row: _Row, told: Reading) -> Iterator[Event]:
    data = row.data
    session = fields.text_of(data, fields.VISITOR)
    address = fields.text_of(data, fields.ADDRESS)
    if session or address:
        if not told.tells("connection.closed") and (told.tells("connection.opened") or set(data) <= _VISIT):
            yield row.event("connection", session=session, address=address)
        return
    named = str(data.get("port", ""))
    port = int(named) if named.isdecimal() else None
    if port is not None or told.tells("server.started"):
        yield row.event("start", port=port)


def _url(data: Mapping[str, Any]) -> str | None:
    for value in data.values():
        if isinstance(value, str) and _URL.fullmatch(value):
            return value
    return None
