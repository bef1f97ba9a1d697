"""Handshakes and lists of tools as their servers got and answered them, and tools that were refused."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from godot_analysis.diagnosis.facts.call import UNFINISHED
from godot_analysis.diagnosis.facts.timeline import grouped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from godot_analysis.diagnosis.facts.call import Call
    from godot_analysis.reconstruction.flow import Flow

__all__ = ["Arrival", "Listing", "Refused", "arrivals_of", "listings_of"]

_BESIDE: Final = pd.Timedelta(seconds=5)


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

    @property
    def capabilities(self) -> dict[str, Any] | None:
        """What the server declared that it is able to, None where its answer does not tell."""
        able = self.result.get("capabilities") if isinstance(self.result, dict) else None
        return able if isinstance(able, dict) else None

    @property
    def lacks_tools(self) -> bool:
        """Whether the server declared something, and no tools."""
        return bool(self.capabilities) and "tools" not in (self.capabilities or ())


@dataclass(frozen=True)
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

    @cached_property
    def names(self) -> frozenset[str] | None:
        """The names listed; None when only their number, or nothing, was logged."""
        if self.tools is None:
            return None
        return frozenset(str(tool.get("name")) for tool in self.tools)


@dataclass(frozen=True, slots=True)
class Refused:
    """A tool that the relay, or the client by itself, said it does not know.

    `table` is what the one who refused knew at that moment, None where the log does not tell. `server` is
    whom the host's prefix names. `own` is a refusal by the very server that would run the tool.
    """

    time: pd.Timestamp
    by: str
    tool: str
    table: frozenset[str] | None
    records: tuple[str, ...]
    calls: frozenset[int]
    server: str | None = None
    own: bool = False
    remark: str = ""


def arrivals_of(handshakes: Iterable[Call]) -> list[Arrival]:
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
        for call in handshakes
        if call.callee and (call.received or call.answered)
    ]
    return sorted(found, key=lambda arrival: arrival.time)


def listings_of(
    asked: Iterable[Call], flow: Flow, counts: Iterable[tuple[pd.Timestamp, str, int, str]]
) -> list[Listing]:
    """Every `tools/list` that a server got; `counts` are the numbers that servers logged beside it."""
    by_server = grouped((server, (time, count, record)) for time, server, count, record in counts)
    cursors = _cursors(flow)
    found = []
    for call in asked:
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
                next_cursor=None if (further := result.get("nextCursor")) is None else str(further),
                records=call.evidence + noted,
            )
        )
    return sorted(found, key=lambda listing: listing.time)


def _cursors(flow: Flow) -> dict[int, str]:
    """The cursor that each `tools/list` asked to go on from, by call."""
    hops = flow.hops
    asked = (hops["method"] == "tools/list") & (hops["kind"] == "request") & hops["call"].notna()
    found = {}
    for call, payload in zip(hops["call"][asked].tolist(), hops["payload"][asked].tolist(), strict=True):
        params = payload.get("params") if isinstance(payload, dict) else None
        if isinstance(params, dict) and isinstance(params.get("cursor"), str):
            found[int(call)] = params["cursor"]
    return found


def _nearest(
    counts: list[tuple[pd.Timestamp, int, str]], time: pd.Timestamp
) -> tuple[int | None, tuple[str, ...]]:
    """The count logged closest to `time`; entries travel alone and may overtake the message itself."""
    after = bisect_left(counts, time, key=lambda item: item[0])
    around = counts[after : after + 1]
    if after:
        around.insert(0, counts[bisect_left(counts, counts[after - 1][0], key=lambda item: item[0])])
    best = min(around, key=lambda item: abs(item[0] - time), default=None)
    if best is None or abs(best[0] - time) >= _BESIDE:
        return None, ()
    return best[1], (best[2],)
