"""Runs all rules over the facts of one log and keeps one finding for each cause."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from godot_analysis.diagnosis.findings import SEVERITIES, Finding
from godot_analysis.diagnosis.rules._rule import LAYERS, RULES, Match, Rule
from godot_analysis.diagnosis.rules._words import count
from godot_analysis.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterable

    from godot_analysis.diagnosis.facts import Facts

__all__ = ["Judgement", "judge"]

_LIKELY: Final = 0.5
_MOST_EVIDENCE: Final = 200  # more rows convince nobody more, and a call that fails all day has thousands
_STOPS: Final = re.compile(r"(?<!\.)\.\.(?!\.)")
_NOBODY: Final = "somebody"
_REMARK: Final = "info"


@dataclass
class Judgement:
    """A match that stands, with the symptoms it explains, and the finding made of it."""

    rule: Rule
    match: Match
    calls: set[int]
    rows: dict[str, None]
    repeats: int = 0
    finding: Finding = field(init=False)

    @property
    def remark(self) -> bool:
        """Whether it is no fault."""
        return _is_remark(self.rule, self.match)

    def absorb(self, rule: Rule, match: Match) -> None:
        """Take over the rows and the calls of a match that this one explains."""
        self.repeats += rule is self.rule
        self.calls |= match.calls
        if len(self.rows) < _MOST_EVIDENCE:
            self.rows |= dict.fromkeys(match.records)


def judge(facts: Facts) -> list[Judgement]:
    """All findings, ranked, the root cause first.

    Rules run from the most specific to the least. A match only adds its rows to another one when the same
    rule has matched the same component and tool, when a rule that supersedes its own has matched the same
    component, tool or calls, or when all failed calls that it tells of are accounted for already. A remark
    (`info`) explains nothing but remarks. What is left is ranked by severity, then likely before unlikely,
    then by layer (a fault of the wire before the calls that it broke), then by confidence.
    """
    case = _Case()
    with Progress("diagnose", steps=len(RULES), records=len(facts.flow.logs)) as progress:
        for rule in _most_specific_first(RULES.values()):
            progress.begin(rule.code)
            for match in rule.find(facts):
                case.hear(rule, match)
                if not _is_remark(rule, match):
                    facts.named.update(match.records)
    rows = facts.rows_among(row for judged in case.kept for row in judged.rows)
    for judged in case.kept:
        judged.finding = _finding(judged, rows, facts)
    return sorted(case.kept, key=_rank)


class _Case:
    """The matches that stand so far, found quickly by what they have in common with another one."""

    def __init__(self) -> None:
        self.kept: list[Judgement] = []
        self._same: dict[tuple[str, str | None, str | None, bool], Judgement] = {}
        self._of_component: dict[str | None, list[Judgement]] = defaultdict(list)
        self._of_tool: dict[str, list[Judgement]] = defaultdict(list)
        self._of_call: dict[int, Judgement] = {}

    def hear(self, rule: Rule, match: Match) -> None:
        """Keep a match, or give it to the one that explains it."""
        judged = self._cause_of(rule, match)
        if judged is None:
            judged = Judgement(rule, match, set(match.calls), dict.fromkeys(match.records))
            self.kept.append(judged)
            self._same[_place(rule, match)] = judged
            self._of_component[match.component].append(judged)
            if match.tool is not None:
                self._of_tool[match.tool].append(judged)
        else:
            judged.absorb(rule, match)
        for call in match.calls:
            if call not in self._of_call or (self._of_call[call].remark and not judged.remark):
                self._of_call[call] = judged

    def _cause_of(self, rule: Rule, match: Match) -> Judgement | None:
        remark = _is_remark(rule, match)
        same = self._same.get(_place(rule, match))
        if same is not None:
            return same
        sharing = [
            judged
            for call in match.calls
            if (judged := self._of_call.get(call)) is not None and (remark or not judged.remark)
        ]
        alike = self._of_tool[match.tool] if match.tool is not None else []
        for judged in (*self._of_component[match.component], *alike, *sharing):
            if rule.code in _superseded_by(judged.rule) and (remark or not judged.remark):
                return judged
        return sharing[0] if sharing and len(sharing) == len(match.calls) else None


def _place(rule: Rule, match: Match) -> tuple[str, str | None, str | None, bool]:
    """Where one rule finds one fault, however often it shows."""
    tool = match.tool if rule.each_tool else None
    return rule.code, match.component, tool, _is_remark(rule, match)


def _is_remark(rule: Rule, match: Match) -> bool:
    return (match.severity or rule.severity) == _REMARK


@cache
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


def _plain(text: str) -> str:
    """On one line, whatever the log that is quoted holds, and with one full stop at the end of a sentence."""
    return _STOPS.sub(".", " ".join(text.split()))


def _finding(judged: Judgement, rows: frozenset[str], facts: Facts) -> Finding:
    rule, match = judged.rule, judged.match
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
        explanation += f" The log shows: {'; '.join(because)}."
    if judged.repeats:
        explanation += f" The same happened {count(judged.repeats, 'more time')}."
    records = tuple(row for row in judged.rows if row in rows)[:_MOST_EVIDENCE]
    return Finding(
        code=rule.code,
        severity=match.severity or rule.severity,
        title=_plain(rule.title.format(**words)),
        component=match.component,
        cause_in=match.cause_in,
        tool=match.tool,
        confidence=round(match.confidence, 2),
        summary=_plain(rule.summary.format(**words)),
        explanation=_plain(explanation),
        fix=_plain(rule.fix.format(**words)),
        evidence=records,
        references=rule.references,
        lines=facts.line_numbers(records),
    )
