"""What a log shows of one component: how it was greeted, what it listed, how calls to it ended."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from godot_analysis.reading.names import family

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from godot_analysis.reconstruction.flow import Flow

__all__ = ["Exchange", "Log", "Observed"]

_HANDSHAKES: Final = ("initialize", "server/discover")
_LIST: Final = "tools/list"
_CALL: Final = "tools/call"
_ANSWERED: Final = frozenset({"answered", "error", "tool_error"})


@dataclass(frozen=True)
class Exchange:
    """One request and how it ended."""

    caller: str | None
    callee: str | None
    method: str
    tool: str | None
    status: str
    session: str | None
    params: Mapping[str, Any]
    result: Any
    transport: str | None
    evidence: tuple[str, ...]

    @property
    def well(self) -> bool:
        """Whether it was answered with a result."""
        return self.status == "answered"


@dataclass(frozen=True)
class Listing:
    """The tools that a component listed, all pages of one reading."""

    tools: tuple[dict[str, Any], ...]
    evidence: tuple[str, ...]
    complete: bool


@dataclass(frozen=True)
class Observed:
    """What is known of one component."""

    name: str
    logged: int
    handshake: Exchange | None = None
    list_asked: Exchange | None = None
    listing: Listing | None = None
    statuses: Counter[str] = field(default_factory=Counter)
    refused: tuple[Exchange, ...] = ()  # calls of its tools that never got to it

    @property
    def reached(self) -> bool:
        """Whether anybody is seen to have sent it anything."""
        return bool(self.handshake or self.list_asked or self.statuses)

    @property
    def works(self) -> bool:
        """Whether a call to it succeeded."""
        return self.statuses["answered"] > 0


class Log:
    """The exchanges of one flow, and what they tell of each component."""

    def __init__(self, flow: Flow) -> None:
        self._logged: Counter[str] = Counter(flow.logs["component"].dropna().astype(str).tolist())
        self._exchanges = list(_exchanges(flow))
        self.names = set(flow.components) | {
            name for item in self._exchanges if item.tool and (name := family(item.tool)) is not None
        }

    def observed(self, name: str) -> Observed:
        """Everything the log shows of `name`, the latest handshake and list first."""
        mine = [item for item in self._exchanges if item.callee == name]
        hands = [item for item in mine if item.method in _HANDSHAKES]
        lists = [item for item in mine if item.method == _LIST]
        served = [item for item in mine if item.method == _CALL]
        return Observed(
            name,
            self._logged[name],
            _best(hands),
            _best(lists),
            _latest_listing(lists),
            Counter(item.status for item in served),
            tuple(
                item
                for item in self._exchanges
                if item.tool
                and item.callee != name
                and item.status in {"error", "lost"}
                and not served
                and family(item.tool) == name
            ),
        )

    def passes_on(self, server: str, relay: str) -> bool:
        """Whether `relay` read the list of `server` and offers a list to others."""
        lists = [item for item in self._exchanges if item.method == _LIST]
        reads = any(item.callee == server and item.caller == relay for item in lists)
        return reads and any(item.callee == relay for item in lists)

    def listed_elsewhere(self, *but: str) -> set[str]:
        """Names of the tools that all others list."""
        servers = {item.callee for item in self._exchanges if item.method == _LIST and item.callee}
        return {
            str(tool.get("name"))
            for server in servers - set(but)
            if (listing := self.observed(server).listing) is not None
            for tool in listing.tools
        }


def _best(found: list[Exchange]) -> Exchange | None:
    """The latest that went well, else the latest."""
    return next((item for item in reversed(found) if item.well), found[-1] if found else None)


def _latest_listing(lists: Iterable[Exchange]) -> Listing | None:
    """The pages of the latest reading, joined: each one asks with the cursor of the one before."""
    readings: list[tuple[list[Any], list[str], str | None]] = []
    for item in lists:
        tools = item.result.get("tools") if item.well and isinstance(item.result, dict) else None
        if not isinstance(tools, list):
            continue
        cursor, following = item.params.get("cursor"), item.result.get("nextCursor")
        before = next((reading for reading in reversed(readings) if reading[2] == cursor), None)
        if cursor is not None and before is not None:
            readings.remove(before)
            readings.append(([*before[0], *tools], [*before[1], *item.evidence], following))
        elif cursor is None:
            readings.append((list(tools), list(item.evidence), following))
    if not readings:
        return None
    found, evidence, following = readings[-1]
    return Listing(
        tuple(tool for tool in found if isinstance(tool, dict)),
        tuple(dict.fromkeys(evidence)),
        complete=following is None,
    )


def _exchanges(flow: Flow) -> Iterable[Exchange]:
    wanted = flow.calls[flow.calls["method"].isin([*_HANDSHAKES, _LIST, _CALL])]
    payloads, transports = flow.hops["payload"].tolist(), flow.hops["transport"].tolist()
    for row in rows(wanted):
        asked = row["request_hop"]
        payload = None if asked is None else payloads[int(asked)]
        transport = None if asked is None else transports[int(asked)]
        params = payload.get("params") if isinstance(payload, dict) else None
        yield Exchange(
            row["caller"],
            row["callee"],
            row["method"],
            row["tool"],
            str(row["status"]),
            row["session"],
            params if isinstance(params, dict) else {},
            row["result"],
            transport if isinstance(transport, str) else None,
            tuple(row["evidence"] or ()),
        )


def rows(frame: pd.DataFrame) -> Iterable[dict[str, Any]]:
    """The rows as dicts, missing values as None."""
    names = [str(name) for name in frame.columns]
    columns = []
    for name in names:
        column = frame[name]
        columns.append(column.astype(object).where(column.notna(), None).tolist())
    for row in zip(*columns, strict=True):
        yield dict(zip(names, row, strict=True))
