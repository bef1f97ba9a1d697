"""What a rule is: a named, declarative piece of knowledge, registered by a decorator."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from godot_analysis.diagnosis.facts import Facts
    from godot_analysis.diagnosis.findings import Severity

__all__ = ["LAYERS", "RULES", "Clue", "Match", "Rule", "rule"]

Layer = Literal["process", "wire", "handshake", "discovery", "routing", "naming", "call", "logging"]

LAYERS: Final[tuple[Layer, ...]] = (
    "process",
    "wire",
    "handshake",
    "discovery",
    "routing",
    "naming",
    "call",
    "logging",
)
"""From what carries to what is carried: a fault in an early layer causes symptoms in the later ones."""

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

    `calls` are the failed calls that it accounts for: what one match has explained, a less specific rule does
    not report again. `words` fill the templates of the rule. `severity` overrides the rule's.
    """

    component: str | None
    cause_in: str | None
    clues: tuple[Clue, ...]
    tool: str | None = None
    calls: frozenset[int] = frozenset()
    words: Mapping[str, object] = field(default_factory=dict)
    severity: Severity | None = None

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


@dataclass(frozen=True)
class Rule:
    """One kind of fault: how to recognise it, and what to tell a person about it."""

    code: str
    layer: Layer
    severity: Severity
    title: str
    summary: str
    explanation: str
    fix: str
    find: Callable[[Facts], Iterable[Match]]
    references: tuple[str, ...] = ()
    supersedes: tuple[str, ...] = ()
    each_tool: bool = True


RULES: Final[dict[str, Rule]] = {}
"""Every rule by its code, in the order of registration: more specific modules and rules first."""


def rule(
    code: str,
    *,
    layer: Layer,
    severity: Severity,
    title: str,
    summary: str,
    explanation: str,
    fix: str,
    references: tuple[str, ...] = (),
    supersedes: tuple[str, ...] = (),
    each_tool: bool = True,
) -> Callable[[Callable[[Facts], Iterable[Match]]], Callable[[Facts], Iterable[Match]]]:
    """Register the decorated function, which finds the matches, as a rule.

    Parameters
    ----------
    code : str
        Stable for ever: people and scripts refer to it.
    layer, severity : str
        Rank a finding: severity first, then the layer, early layers being causes of later ones.
    title, summary, explanation, fix : str
        Templates for `str.format`, filled from the match: `component`, `cause_in`, `tool` and its `words`.
    supersedes : tuple of str
        Codes whose findings on the same component are symptoms of this one.
    each_tool : bool
        Whether each tool that it hits is a fault of its own; otherwise all of a component are one.
    """

    def register(find: Callable[[Facts], Iterable[Match]]) -> Callable[[Facts], Iterable[Match]]:
        if code in RULES:
            raise ValueError(f"two rules have the code {code}")
        RULES[code] = Rule(
            code, layer, severity, title, summary, explanation, fix, find, references, supersedes, each_tool
        )
        return find

    return register
