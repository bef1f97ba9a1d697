"""The words on a message: what it is, how its call ended, how long that took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import pandas as pd

from godot_analysis import printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Hop", "clock", "duration", "label", "outcome", "said", "span", "summary"]

_MOST: Final = 160
_ENDS: Final = {
    "tool_error": "tool error",
    "cancelled": "cancelled",
    "timed_out": "timed out",
    "pending": "no answer yet",
}
_LOST: Final = {
    "sender": "lost: never left the sender",
    "wire": "lost on the wire",
    "receiver": "lost in the receiver",
    "logger": "not known: its log records were lost",
}
_SECOND_MS: Final = 1000.0
_MINUTE_MS: Final = 60_000.0
_TEN: Final = 10


class Hop(Protocol):
    """What the words need of a row of `scene.messages_of`."""

    kind: str
    status: str
    lost_at: str
    error_code: Any
    error_text: str
    payload: Any


def label(kind: str, method: str, tool: str, rpc_id: str) -> str:
    """What a message is about: its method, tool and id.

    >>> label("request", "tools/call", "gates_create_document", "3")
    'tools/call gates_create_document #3'
    """
    about = " ".join(part for part in (method, tool) if part) or kind
    number = f" #{rpc_id}" if rpc_id else ""
    return printable.line(f"{about}{number}", _MOST)


def said(text: object) -> str:
    """What a component said beside the messages, on one line."""
    return printable.line(text, _MOST)


def outcome(hop: Hop) -> str:
    """How a message turned out: the end of its call, the error, what the answer holds."""
    parts = [_end(hop.status, hop.lost_at), _error(hop.error_code, hop.error_text)]
    if hop.kind == "invalid" and not hop.error_text:
        parts.append(f"not JSON-RPC: {hop.payload}")
    parts.append(summary(hop.payload))
    return printable.line(" · ".join(part for part in parts if part), _MOST)


def span(durations: NDArray[np.float64]) -> str:
    """The shortest and the longest of the known durations, in milliseconds.

    >>> span(np.array([3.7, np.nan, 12.0]))
    '3.7 ms to 12 ms'
    """
    known = durations[~np.isnan(durations)]
    if not len(known):
        return ""
    shortest, longest = duration(known.min()), duration(known.max())
    return shortest if shortest == longest else f"{shortest} to {longest}"


def duration(milliseconds: float) -> str:
    """A duration in the unit that a person would choose.

    >>> duration(0.4213), duration(12.34), duration(2450), duration(90_000)
    ('0.42 ms', '12 ms', '2.5 s', '1.5 min')
    """
    if milliseconds < _TEN:
        return f"{milliseconds:.2g} ms"
    if milliseconds < _SECOND_MS:
        return f"{milliseconds:.0f} ms"
    if milliseconds < _MINUTE_MS:
        return f"{milliseconds / _SECOND_MS:.2g} s"
    return f"{milliseconds / _MINUTE_MS:.3g} min"


def clock(time: pd.Timestamp | None) -> str:
    """The time of day in UTC to the millisecond; empty when there is none.

    >>> clock(pd.Timestamp("2026-11-21 21:34:51.418818", tz="UTC"))
    '21:34:51.418'
    """
    return "" if time is None else f"{time:%H:%M:%S}.{time.microsecond // 1000:03d}"


def summary(payload: Any) -> str:
    """What an answer holds, where a few words can say it: how many tools, or who answered.

    >>> summary({"id": 2, "result": {"tools": [{"name": "echo"}]}})
    '1 tool'
    """
    result = payload.get("result") if isinstance(payload, dict) else None
    if not isinstance(result, dict):
        return ""
    tools, server = result.get("tools"), result.get("serverInfo")
    if isinstance(tools, list):
        return f"{len(tools):,} tool{'s' * (len(tools) != 1)}"
    return str(server["name"]) if isinstance(server, dict) and "name" in server else ""


def _end(status: str, lost_at: str) -> str:
    return _LOST.get(lost_at, "lost") if status == "lost" else _ENDS.get(status, "")


def _error(code: Any, text: str) -> str:
    parts = [] if pd.isna(code) else [str(code)]
    return ": ".join([*parts, text] if text else parts)
