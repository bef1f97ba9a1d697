"""One call as rules read it: who asked whom for what, how it ended, and the legs that it caused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from godot_analysis.reading.classify import Reading, classify

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ANSWERED", "FAILED", "HANDSHAKES", "LIST", "TOOL_CALL", "UNFINISHED", "Call"]

TOOL_CALL: Final = "tools/call"
LIST: Final = "tools/list"
HANDSHAKES: Final = ("initialize", "server/discover")
UNFINISHED: Final = frozenset({"pending", "lost", "timed_out"})
ANSWERED: Final = frozenset({"answered", "error", "tool_error"})
FAILED: Final = frozenset({"error", "tool_error", "cancelled"}) | UNFINISHED


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
    def reading(self) -> Reading:
        """What its error tells, by its code and its words."""
        return classify(self.error_text, self.error_code)

    def tells(self, *kinds: str) -> bool:
        """Whether its error tells of one of these kinds."""
        return self.reading.tells(*kinds)

    @property
    def failed(self) -> bool:
        """Whether it did not end well, or not at all."""
        return self.status in FAILED

    @property
    def answered(self) -> bool:
        """Whether any answer came, good or bad."""
        return self.status in ANSWERED

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
