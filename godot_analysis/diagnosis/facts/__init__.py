"""What the rules reason about, computed once: roles, connections, lives of the relay, tool tables, calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from godot_analysis.diagnosis.facts._calls import HANDSHAKES, LIST, TOOL_CALL, UNFINISHED, Call
from godot_analysis.diagnosis.facts._epochs import Epoch
from godot_analysis.diagnosis.facts._exchanges import HttpExchange
from godot_analysis.diagnosis.facts._exits import EXIT_KEYS
from godot_analysis.diagnosis.facts._given import Gap
from godot_analysis.diagnosis.facts._lists import Arrival, Listing, arrivals_of, listings_of
from godot_analysis.diagnosis.facts._management import Management, management_of
from godot_analysis.diagnosis.facts._names import family, nearest, normalised
from godot_analysis.diagnosis.facts._refusals import refuses
from godot_analysis.diagnosis.facts._roles import Roles, roles
from godot_analysis.diagnosis.facts._scan import scan
from godot_analysis.diagnosis.facts._signals import (
    Complaint,
    Connection,
    Exit,
    Offer,
    Registered,
    Remark,
    Route,
    Signals,
    Start,
    TimeOut,
    Trouble,
)
from godot_analysis.diagnosis.facts._table import Calls, CallTable
from godot_analysis.diagnosis.facts._tables import Facts, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from godot_analysis.reconstruction.flow import Flow

__all__ = [
    "EXIT_KEYS",
    "TOOL_CALL",
    "UNFINISHED",
    "Arrival",
    "Call",
    "Calls",
    "Complaint",
    "Connection",
    "Epoch",
    "Exit",
    "Facts",
    "Gap",
    "HttpExchange",
    "Listing",
    "Management",
    "Offer",
    "Refused",
    "Registered",
    "Remark",
    "Roles",
    "Route",
    "Signals",
    "Start",
    "TimeOut",
    "Trouble",
    "family",
    "gather",
    "nearest",
    "normalised",
    "refuses",
]


def gather(flow: Flow, *, expected: Iterable[str] = (), live: bool = False) -> Facts:
    """Compute the facts of one flow."""
    signals = scan(flow.others)
    table = CallTable(flow)
    calls = table.all(TOOL_CALL)
    arrivals = arrivals_of(table.all(*HANDSHAKES))
    parts = roles(signals, calls, arrivals)
    counts = [(item.time, item.component, item.count, item.record) for item in signals.tool_counts]
    return Facts(
        flow=flow,
        signals=signals,
        table=table,
        calls=calls,
        roles=parts,
        arrivals=arrivals,
        listings=listings_of(table.all(LIST), flow, counts),
        management=management_of(calls.only(table.roots), parts.relays),
        expected=frozenset(expected),
        live=live,
        _lines=flow.logs.attrs.get("lines", {}),
    )
