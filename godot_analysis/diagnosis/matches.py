"""What a rule yields: a match, and the clues that convince of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Protocol

    from godot_analysis.diagnosis.facts import Call, Remark
    from godot_analysis.diagnosis.findings import Severity
    from godot_analysis.reading.events import Event

    class _WithCalls(Protocol):
        @property
        def calls(self) -> frozenset[int]: ...


__all__ = ["Clue", "Match", "calls_of", "logged", "only_tool", "rows_of"]

_CERTAIN: Final = 0.99  # a log never proves: it may lie, and it may be incomplete


@dataclass(frozen=True, slots=True)
class Clue:
    """One piece of evidence.

    `weight` is how far this clue alone would convince, 0 to 1; a negative weight is a doubt: how much of the
    confidence it takes away. `text` continues the sentence "we think so because …".
    """

    text: str
    weight: float
    records: tuple[str, ...] = ()


@dataclass(frozen=True)
class Match:
    """One place where a rule applies.

    `component` is the one that suffers, `cause_in` where the fault lies. `calls` are the failed calls that it
    accounts for: what one match has explained, a less specific rule does not report again. `words` fill the
    templates of the catalogue. `severity` overrides the catalogue's; `variant` names words of it.
    """

    component: str | None
    cause_in: str | None
    clues: Sequence[Clue]
    tool: str | None = None
    calls: frozenset[int] = frozenset()
    words: Mapping[str, object] = field(default_factory=dict)
    severity: Severity | None = None
    variant: str = ""

    @property
    def confidence(self) -> float:
        """Noisy-or of the clues, less the doubts, at most 0.99: told in `godot_analysis.diagnosis.rules`."""
        unconvinced = math.prod(1 - clue.weight for clue in self.clues if clue.weight > 0)
        doubts = math.prod(1 + clue.weight for clue in self.clues if clue.weight < 0)
        return min(_CERTAIN, (1 - unconvinced) * doubts)

    @property
    def records(self) -> tuple[str, ...]:
        """The log rows behind all clues, the weightiest clue first, each row once."""
        ordered = sorted(self.clues, key=lambda clue: -clue.weight)
        return tuple(dict.fromkeys(record for clue in ordered for record in clue.records))


def logged(item: Event | Remark, weight: float, rows: tuple[str, ...] = ()) -> Clue:
    """That a component logged something; `rows` where it stands not only in its own record."""
    return Clue(f"{item.component} logged: {item.text[:160]}", weight, rows or (item.record,))


def rows_of(items: Iterable[Event]) -> tuple[str, ...]:
    """The first records of these events."""
    return tuple(item.record for item in islice(items, 10))


def only_tool(calls: Iterable[Call]) -> str | None:
    """The tool that all these calls are of, None where they are of several."""
    tools = {call.tool for call in calls}
    return tools.pop() if len(tools) == 1 else None


def calls_of(items: Iterable[_WithCalls]) -> frozenset[int]:
    """The failed calls that these tell of."""
    return frozenset[int]().union(*(item.calls for item in items))
