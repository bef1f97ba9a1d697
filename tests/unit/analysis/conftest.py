"""A story told by hand: frames with exactly the hops, calls, notes and losses that a test of a picture needs."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from godot_analysis import columns
from godot_analysis.loading.frames import frame
from godot_analysis.loading.load import load_logs
from godot_analysis.reconstruction.flow import Flow, Later

if TYPE_CHECKING:
    from collections.abc import Callable

BEGIN = pd.Timestamp("2026-01-02 03:04:05", tz="UTC")


class Story:
    """Each thing told happens a millisecond after the one before."""

    def __init__(self) -> None:
        self._clock = itertools.count()
        self._hops: list[dict[str, Any]] = []
        self._calls: list[dict[str, Any]] = []
        self._logs: list[dict[str, Any]] = []
        self._losses: list[dict[str, Any]] = []

    def now(self) -> pd.Timestamp:
        return BEGIN + pd.Timedelta(milliseconds=next(self._clock))

    def hop(
        self, kind: str, sender: str | None, receiver: str | None, *, seen: str = "both", **told: Any
    ) -> int:
        number, at = len(self._hops), self.now()
        sent, received = seen != "receiver", seen != "sender"
        self._hops.append(
            {
                "hop": number,
                "kind": kind,
                "sender": sender,
                "receiver": receiver,
                "seen": seen,
                "sent_at": at if sent else None,
                "received_at": at if received else None,
                "sent_record": f"sent-{number}" if sent else None,
                "received_record": f"received-{number}" if received else None,
                **told,
            }
        )
        return number

    def call(
        self, caller: str, callee: str, tool: str | None = None, status: str = "answered", **told: Any
    ) -> Story:
        """A request and, unless the status says otherwise, its answer."""
        number = len(self._calls)
        about = {
            "method": told.pop("method", "tools/call"),
            "tool": tool,
            "rpc_id": told.pop("rpc_id", str(number)),
            "call": number,
        }
        lost_at = told.pop("lost_at", None)
        answer = {name: told.pop(name) for name in ("error_code", "error_text", "payload") if name in told}
        call = {
            **about,
            "attempts": 1,
            "caller": caller,
            "callee": callee,
            "status": status,
            "lost_at": lost_at,
        }
        self._calls.append(call)
        seen = "sender" if lost_at in {"sender", "wire", "receiver"} else "both"
        call["request_hop"] = self.hop(
            "request", caller, callee, seen=told.pop("seen", seen), **about, **told
        )
        if status in {"answered", "error", "tool_error"}:
            kind = "error" if status == "error" else "response"
            call["response_hop"] = self.hop(kind, callee, caller, **about, **answer)
            call["duration_ms"] = 1.0
        return self

    def says(self, component: str, message: str, level: str = "ERROR") -> Story:
        number = len(self._logs)
        self._logs.append(
            {
                "id": f"log-{number}",
                "component": component,
                "level": level,
                "message": message,
                "data": {"said": number},
                "event_created_at": self.now(),
            }
        )
        return self

    def loses(self, component: str, count: int | None, reason: str | None = "queue_full") -> Story:
        lost = {
            "component": component,
            "from": self.now(),
            "to": self.now(),
            "count": count,
            "reason": reason,
        }
        self._losses.append({**lost, "source": "loss record", "evidence": ["log-0"]})
        return self

    @property
    def flow(self) -> Flow:
        def table(rows: list[dict[str, Any]], schema: dict[str, str]) -> pd.DataFrame:
            return frame({name: [row.get(name) for row in rows] for name in schema}, schema)

        return Flow(
            logs=table(self._logs, columns.LOGS),
            others=table(self._logs, columns.LOGS),
            hops=table(self._hops, columns.HOPS),
            calls=table(self._calls, columns.CALLS),
            losses=table(self._losses, columns.LOSSES),
            clocks=table([], columns.CLOCKS),
            read=Later(lambda: table([], columns.MESSAGES)),
        )


@pytest.fixture
def story() -> Story:
    """An empty story: tell it what happened, then take its `flow`."""
    return Story()


@pytest.fixture
def new_story() -> Callable[[], Story]:
    """For tests that tell several."""
    return Story


@pytest.fixture
def hostile(story: Story) -> Flow:
    """Log text that would run, hide, reorder or break out if it were not made harmless."""
    evil = "<script>alert('x')</script>\"]]>&\x1b[2J\x00\r\n\u202egnp.exe\ud800"
    story.hop("notification", f"client{evil}", "relay", method=evil)
    story.call(
        f"client{evil}", "relay", evil, "error", error_code=-1, error_text=evil, payload={evil: [evil]}
    )
    story.hop("invalid", "relay", None, payload=evil, error_text=evil, seen="sender")
    story.says("relay", evil, "WARN")
    return story.flow


@pytest.fixture(scope="session")
def demo_capture() -> Callable[[str], pd.DataFrame]:
    """The log that the demo system wrote under a scenario: `demo_capture("bug13")`."""
    captures = Path(__file__).resolve().parents[3] / "demo" / "captures"
    return lambda scenario: load_logs(source=captures / f"{scenario}.jsonl")
