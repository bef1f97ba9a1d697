"""The calls of a flow as objects that rules can read: legs, listings, handshakes, management."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable

    from godot_analysis.reconstruction.flow import Flow

__all__ = [
    "Arrival",
    "Call",
    "Listing",
    "Management",
    "arrivals_of",
    "calls_of",
    "listings_of",
    "management_of",
]

Verb = Literal["add", "remove", "reconnect", "inspect"]

HANDSHAKES: Final = ("initialize", "server/discover")
UNFINISHED: Final = frozenset({"pending", "lost", "timed_out"})
FAILED: Final = frozenset({"error", "tool_error", "pending", "lost", "timed_out", "cancelled"})

_VERBS: Final[dict[Verb, frozenset[str]]] = {
    "reconnect": frozenset({"reconnect", "refresh", "reload", "restart", "retry"}),
    "add": frozenset({"add", "register", "attach", "enable", "connect", "mount", "create"}),
    "remove": frozenset(
        {"remove", "unregister", "detach", "disable", "disconnect", "drop", "delete", "unmount"}
    ),
    "inspect": frozenset({"list", "get", "show", "status"}),
}
_NOUNS: Final = frozenset({"server", "servers", "backend", "backends", "upstream", "upstreams", "status"})
_NAME_KEYS: Final = ("name", "server", "backend", "server_name", "backend_name")
_URL: Final = re.compile(r"(?:wss?|https?|tcp|stdio)://\S+")


@dataclass(slots=True)
class Call:
    """One row of `flow.calls`, with the legs that it caused further on."""

    number: int
    parent: int | None
    caller: str | None
    callee: str | None
    method: str
    tool: str | None
    trace: str | None
    arguments: dict[str, Any] | None
    started: pd.Timestamp
    ended: pd.Timestamp | None
    status: str
    lost_at: str | None
    attempts: int
    result: Any
    error_code: int | None
    error_text: str
    evidence: tuple[str, ...]
    note: str
    sent: bool
    received: bool
    answer_seen: str | None
    session: str | None
    rpc_id: str | None
    legs: list[Call]

    @property
    def failed(self) -> bool:
        """Whether it did not end well, or not at all."""
        return self.status in FAILED

    @property
    def answered(self) -> bool:
        """Whether any answer came, good or bad."""
        return self.status in {"answered", "error", "tool_error"}

    @property
    def last(self) -> Call:
        """The leg furthest from the first sender: where an end was decided."""
        return self.legs[-1].last if self.legs else self

    @property
    def rows(self) -> tuple[str, ...]:
        """The log rows of the call and all its legs."""
        rows = [*self.evidence, *(record for leg in self.legs for record in leg.rows)]
        return tuple(dict.fromkeys(rows))

    @property
    def traces(self) -> frozenset[str]:
        """The trace ids of the call and its legs; each component may have made its own."""
        own = frozenset({self.trace}) if self.trace else frozenset[str]()
        return own.union(*(leg.traces for leg in self.legs))

    @property
    def family(self) -> frozenset[int]:
        """The numbers of the call and all its legs."""
        return frozenset({self.number}).union(*(leg.family for leg in self.legs))


@dataclass(frozen=True, slots=True)
class Arrival:
    """A handshake that reached `backend`: proof of a connection."""

    time: pd.Timestamp
    backend: str
    caller: str | None
    failed: bool
    text: str
    result: Any
    records: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """A `tools/list` that `server` got: what it answered, as far as the log tells."""

    time: pd.Timestamp
    server: str
    caller: str | None
    failed: bool
    unanswered: bool
    told: bool
    text: str
    count: int | None
    tools: tuple[dict[str, Any], ...] | None
    cursor: str | None
    next_cursor: str | None
    records: tuple[str, ...]

    @property
    def names(self) -> frozenset[str] | None:
        """The names listed; None when only their number, or nothing, was logged."""
        if self.tools is None:
            return None
        return frozenset(str(tool.get("name")) for tool in self.tools)


@dataclass(frozen=True, slots=True)
class Management:
    """A call that asked the relay to change or show its connections."""

    time: pd.Timestamp
    relay: str | None
    verb: Verb
    name: str | None
    url: str | None
    call: Call


def calls_of(flow: Flow, methods: Iterable[str]) -> list[Call]:
    """The calls of these methods in the order of `flow.calls`, legs linked to what caused them."""
    frame = flow.calls
    wanted = frame[frame["method"].isin(list(methods))]
    seen = dict(zip(flow.hops["hop"].tolist(), flow.hops["seen"].astype(object).tolist(), strict=True))
    calls = [_call(row, seen) for row in records(wanted)]
    by_number = {call.number: call for call in calls}
    for call in calls:
        parent = None if call.parent is None else by_number.get(call.parent)
        if parent is not None and parent.method == call.method:
            parent.legs.append(call)
    return calls


def arrivals_of(flow: Flow) -> list[Arrival]:
    """Every handshake that its server logged or answered, in order of time."""
    found = [
        Arrival(
            call.started,
            call.callee,
            call.caller,
            failed=call.status == "error",
            text=call.error_text,
            result=call.result,
            records=call.evidence,
        )
        for call in calls_of(flow, HANDSHAKES)
        if call.callee and (call.received or call.answered)
    ]
    return sorted(found, key=lambda arrival: arrival.time)


def listings_of(flow: Flow, counts: Iterable[tuple[pd.Timestamp, str, int, str]]) -> list[Listing]:
    """Every `tools/list` that a server got; `counts` are the numbers that servers logged beside it."""
    by_server: dict[str, list[tuple[pd.Timestamp, int, str]]] = {}
    for time, server, count, record in counts:
        by_server.setdefault(server, []).append((time, count, record))
    cursors = _cursors(flow)
    found = []
    for call in calls_of(flow, ("tools/list",)):
        if call.callee is None or not (call.received or call.answered):
            continue
        result = call.result if isinstance(call.result, dict) else {}
        tools = result.get("tools")
        listed = tuple(tool for tool in tools if isinstance(tool, dict)) if isinstance(tools, list) else None
        told, noted = _nearest(by_server.get(call.callee, []), call.started)
        found.append(
            Listing(
                call.started,
                call.callee,
                call.caller,
                failed=call.status in {"error", "tool_error"},
                unanswered=call.status in UNFINISHED,
                told=call.answer_seen is not None,
                text=call.error_text,
                count=len(listed) if listed is not None else told,
                tools=listed,
                cursor=cursors.get(call.number),
                next_cursor=result.get("nextCursor"),
                records=call.evidence + noted,
            )
        )
    return sorted(found, key=lambda listing: listing.time)


def management_of(calls: Iterable[Call], relays: Iterable[str]) -> list[Management]:
    """The calls that a relay answered by itself to add, remove, reconnect or show its backends."""
    known = set(relays)
    found = []
    for call in calls:
        if (
            call.parent is not None
            or not call.tool
            or any(callee and callee not in known for callee in (call.callee, call.last.callee))
        ):
            continue
        words = set(re.split(r"[_\-./:]+", call.tool.lower()))
        verb = next((verb for verb, spellings in _VERBS.items() if words & spellings), None)
        if verb is None or not words & _NOUNS:
            continue
        arguments = call.arguments or {}
        name = next((arguments[key] for key in _NAME_KEYS if isinstance(arguments.get(key), str)), None)
        url = next((v for v in arguments.values() if isinstance(v, str) and _URL.fullmatch(v)), None)
        if verb == "inspect" or name is not None:
            found.append(Management(call.started, call.last.callee, verb, name, url, call))
    return sorted(found, key=lambda item: item.time)


def _cursors(flow: Flow) -> dict[int, str]:
    """The cursor that each `tools/list` asked to go on from, by call."""
    hops = flow.hops
    asked = hops[(hops["method"] == "tools/list") & (hops["kind"] == "request") & hops["call"].notna()]
    found = {}
    for call, payload in zip(asked["call"].tolist(), asked["payload"].tolist(), strict=True):
        params = payload.get("params") if isinstance(payload, dict) else None
        if isinstance(params, dict) and isinstance(params.get("cursor"), str):
            found[int(call)] = params["cursor"]
    return found


def _nearest(
    counts: list[tuple[pd.Timestamp, int, str]], time: pd.Timestamp
) -> tuple[int | None, tuple[str, ...]]:
    """The count logged closest to `time`; entries travel alone and may overtake the message itself."""
    close = [item for item in counts if abs(item[0] - time) < pd.Timedelta(seconds=5)]
    if not close:
        return None, ()
    best = min(close, key=lambda item: abs(item[0] - time))
    return best[1], (best[2],)


def _call(row: dict[str, Any], seen: dict[int, str]) -> Call:
    asked, answered = _int(row["request_hop"]), _int(row["response_hop"])
    return Call(
        number=row["call"],
        parent=_int(row["parent"]),
        caller=_str(row["caller"]),
        callee=_str(row["callee"]),
        method=row["method"],
        tool=_str(row["tool"]),
        trace=_str(row["trace_id"]),
        arguments=row["arguments"] if isinstance(row["arguments"], dict) else None,
        started=row["started_at"],
        ended=row["ended_at"],
        status=str(row["status"]),
        lost_at=_str(row["lost_at"]),
        attempts=row["attempts"],
        result=row["result"],
        error_code=_int(row["error_code"]),
        error_text=_str(row["error_text"]) or "",
        evidence=tuple(row["evidence"] or ()),
        note=_str(row["note"]) or "",
        sent=asked is not None and seen.get(asked) in {"both", "sender"},
        received=asked is not None and seen.get(asked) in {"both", "receiver"},
        answer_seen=None if answered is None else seen.get(answered),
        session=_str(row["session"]),
        rpc_id=_str(row["rpc_id"]),
        legs=[],
    )


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as dicts, missing values as None; several times faster than `to_dict` on mixed columns."""
    names = [str(name) for name in frame.columns]
    columns = []
    for name in names:
        column = frame[name]
        values = column.astype(object)
        columns.append(values.where(column.notna(), None).tolist())
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _int(value: Any) -> int | None:
    return None if value is None else int(value)


def _str(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
