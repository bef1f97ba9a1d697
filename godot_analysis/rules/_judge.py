"""Runs all rules over the facts of one log and keeps one finding for each cause."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from godot_analysis.findings import SEVERITIES, Finding
from godot_analysis.rules._rule import LAYERS, RULES, Match, Rule

if TYPE_CHECKING:
    from godot_analysis.facts import Facts

__all__ = ["Judgement", "judge"]

_LIKELY: Final = 0.5
_NOBODY: Final = "the backend"


@dataclass(frozen=True)
class Judgement:
    """A match that stands, the rule that found it, and the finding made of both."""

    rule: Rule
    match: Match
    finding: Finding


def judge(facts: Facts) -> list[Judgement]:
    """All findings, ranked, the root cause first.

    Rules run from the most specific to the least. A match only adds its rows to another one when the same rule has
    matched the same component and tool, when a rule that supersedes its own has matched the same component, or when
    all failed calls that it tells of are accounted for already. What is left is ranked by severity, then likely before unlikely, then by layer (a
    fault of the wire before the calls that it broke), then by confidence.
    """
    kept: list[tuple[Rule, Match]] = []
    for rule in _most_specific_first(RULES.values()):
        for match in rule.find(facts):
            cause = _cause_among(kept, rule, match)
            if cause is None:
                kept.append((rule, match))
            else:
                kept[cause] = (kept[cause][0], kept[cause][1].with_symptoms(match))
    judged = [Judgement(rule, match, _finding(rule, match, facts)) for rule, match in kept]
    return sorted(judged, key=_rank)


def _cause_among(kept: list[tuple[Rule, Match]], rule: Rule, match: Match) -> int | None:
    for index, (other, stronger) in enumerate(kept):
        if other is rule and (match.component, match.tool) == (stronger.component, stronger.tool):
            return index
        related = match.component == stronger.component or bool(match.calls & stronger.calls)
        if related and rule.code in _superseded_by(other):
            return index
    claimed = [index for index, (_, stronger) in enumerate(kept) if match.calls & stronger.calls]
    covered = frozenset[int]().union(*(kept[index][1].calls for index in claimed))
    return claimed[0] if match.calls and match.calls <= covered else None


def _superseded_by(rule: Rule) -> set[str]:
    found: set[str] = set()
    open_ = list(rule.supersedes)
    while open_:
        code = open_.pop()
        if code not in found:
            found.add(code)
            open_ += RULES[code].supersedes if code in RULES else ()
    return found


def _most_specific_first(rules: Iterable[Rule]) -> list[Rule]:
    """In the order of registration, but always after every rule that supersedes it."""
    waiting = list(rules)
    ordered: list[Rule] = []
    while waiting:
        open_ = {code for rule in waiting for code in rule.supersedes}
        ready = next((rule for rule in waiting if rule.code not in open_), None)
        if ready is None:
            raise ValueError(f"rules supersede each other in a circle: {[rule.code for rule in waiting]}")
        waiting.remove(ready)
        ordered.append(ready)
    return ordered


def _rank(judged: Judgement) -> tuple[int, bool, int, float, int]:
    finding = judged.finding
    return (
        SEVERITIES.index(finding.severity),
        finding.confidence < _LIKELY,
        LAYERS.index(judged.rule.layer),
        -finding.confidence,
        -len(finding.evidence),
    )


def _finding(rule: Rule, match: Match, facts: Facts) -> Finding:
    words: dict[str, Any] = {
        "component": match.component or _NOBODY,
        "cause_in": match.cause_in or "an unknown place",
        "tool": match.tool or "its tools",
        "relay": facts.relay,
        **match.words,
    }
    because = [clue.text for clue in sorted(match.clues, key=lambda clue: -clue.weight) if clue.text]
    explanation = rule.explanation.format(**words)
    if because:
        explanation += " The log shows: " + "; ".join(because) + "."
    records = facts.rows_among(match.records)
    return Finding(
        code=rule.code,
        severity=match.severity or rule.severity,
        title=rule.title.format(**words),
        component=match.component,
        cause_in=match.cause_in,
        tool=match.tool,
        confidence=round(match.confidence, 2),
        summary=rule.summary.format(**words),
        explanation=explanation,
        fix=rule.fix.format(**words),
        evidence=records,
        references=rule.references,
        lines=facts.line_numbers(records),
    )
