"""What the rules reason about, computed once: roles, connections, lives of the relay, tool tables, calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from godot_analysis.diagnosis.facts._calls import (
    Arrival,
    Call,
    Listing,
    Management,
    arrivals_of,
    calls_of,
    listings_of,
    management_of,
)
from godot_analysis.diagnosis.facts._epochs import Epoch
from godot_analysis.diagnosis.facts._exchanges import HttpExchange
from godot_analysis.diagnosis.facts._given import Gap
from godot_analysis.diagnosis.facts._names import family, nearest, normalised
from godot_analysis.diagnosis.facts._roles import Roles, roles
from godot_analysis.diagnosis.facts._scan import (
    Complaint,
    Connection,
    Route,
    Signals,
    Start,
    Trouble,
    refuses,
    scan,
)
from godot_analysis.diagnosis.facts._schemas import takes, unknown_keys, violation
from godot_analysis.diagnosis.facts._tables import Facts, Refused
from godot_analysis.diagnosis.facts._views import TOOL_CALL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from godot_analysis.reconstruction.flow import Flow

__all__ = [
    "Arrival",
    "Call",
    "Complaint",
    "Connection",
    "Epoch",
    "Facts",
    "Gap",
    "HttpExchange",
    "Listing",
    "Management",
    "Refused",
    "Roles",
    "Route",
    "Signals",
    "Start",
    "Trouble",
    "family",
    "gather",
    "nearest",
    "normalised",
    "refuses",
    "takes",
    "unknown_keys",
    "violation",
]


def gather(flow: Flow, *, expected: Iterable[str] = (), live: bool = False) -> Facts:
    """Compute the facts of one flow."""
    signals = scan(flow.logs)
    calls = calls_of(flow, (TOOL_CALL,))
    arrivals = arrivals_of(flow)
    parts = roles(signals, calls, arrivals)
    counts = [(item.time, item.component, item.count, item.record) for item in signals.tool_counts]
    return Facts(
        flow=flow,
        signals=signals,
        calls=calls,
        roles=parts,
        arrivals=arrivals,
        listings=listings_of(flow, counts),
        management=management_of(calls, parts.relays),
        expected=frozenset(expected),
        live=live,
        _lines=flow.logs.attrs.get("lines", {}),
    )
