"""Runs all rules over the facts of one log, keeps one finding for each cause, and ranks them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from godot_analysis.diagnosis.catalogue import SEVERITIES, catalogue, layers
from godot_analysis.diagnosis.causes import Cause, Causes
from godot_analysis.diagnosis.findings import Finding
from godot_analysis.diagnosis.rules import LEFTOVERS, RULES
from godot_analysis.diagnosis.wording import count
from godot_analysis.progress import Progress
from godot_analysis.reading.entries import EntryError

if TYPE_CHECKING:
    from godot_analysis.diagnosis.facts import Facts

__all__ = ["Judgement", "judge"]

_LIKELY: Final = 0.5
_MOST_EVIDENCE: Final = 200
_STOPS: Final = re.compile(r"(?<!\.)\.\.(?!\.)")
_NOBODY: Final = "somebody"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A cause that stands, and the finding made of it."""

    cause: Cause
    finding: Finding


def judge(facts: Facts) -> list[Judgement]:
    """All findings, ranked, the root cause first.

    Rules run in the order of the catalogue. A match only adds its rows to another one when the same rule has
    matched the same component and tool, when a match above it on the same component, tool or call explains it
    (`causes`), or when all failed calls that it tells of are accounted for already. What is left is ranked by
    severity, then likely before unlikely, then by layer (a fault of the wire before the calls that it broke),
    then by confidence.
    """
    _agree()
    causes = Causes()
    with Progress("diagnose", steps=len(RULES), records=len(facts.flow.logs)) as progress:
        for code, entry in catalogue().items():
            progress.begin(code)
            if code in RULES:
                for match in RULES[code](facts):
                    causes.add(entry, match)
            else:
                for match in LEFTOVERS[code](facts, causes.rows):
                    causes.add(entry, match)
    rows = facts.log.rows_among(row for cause in causes.kept for row in cause.rows)
    return sorted((Judgement(cause, _finding(cause, rows, facts)) for cause in causes.kept), key=_rank)


@cache
def _agree() -> None:
    """Every rule has its entry in the catalogue, and every entry its rule."""
    rules = RULES.keys() | LEFTOVERS.keys()
    for code in sorted(rules - catalogue().keys()):
        raise EntryError(f"catalogue.toml: there is no entry for the rule {code}")
    for code in sorted(catalogue().keys() - rules):
        raise EntryError(f'catalogue.toml, {code}: no function is marked with @rule("{code}")')


def _filled(where: str, template: str, words: dict[str, Any]) -> str:
    try:
        return template.format(**words)
    except KeyError as lacking:
        raise EntryError(
            f"catalogue.toml, {where}: its match gives no word for {{{lacking.args[0]}}}"
        ) from None


def _rank(judged: Judgement) -> tuple[int, bool, int, float, int]:
    finding = judged.finding
    return (
        SEVERITIES.index(finding.severity),
        finding.confidence < _LIKELY,
        layers().index(judged.cause.entry.layer),
        -finding.confidence,
        -len(finding.evidence),
    )


def _plain(text: str) -> str:
    """On one line, whatever the log that is quoted holds, and with one full stop at the end of a sentence."""
    return _STOPS.sub(".", " ".join(text.split()))


def _finding(cause: Cause, rows: frozenset[str], facts: Facts) -> Finding:
    entry, match = cause.entry, cause.match
    words: dict[str, Any] = {
        "component": match.component or _NOBODY,
        "cause_in": match.cause_in or "an unknown place",
        "tool": match.tool or "its tools",
        "relay": facts.topology.relay,
        **match.words,
    }
    if match.variant:
        texts = entry.variants[match.variant]
        words |= {name: _filled(f"{entry.code}.{name}", text, words) for name, text in texts.items()}
    because = [clue.text for clue in sorted(match.clues, key=lambda clue: -clue.weight) if clue.text]
    title, summary, explanation, fix = (
        _filled(f"{entry.code}.{name}", getattr(entry, name), words)
        for name in ("title", "summary", "explanation", "fix")
    )
    if because:
        explanation += f" The log shows: {'; '.join(because)}."
    if cause.repeats:
        explanation += f" The same happened {count(cause.repeats, 'more time')}."
    records = tuple(row for row in cause.rows if row in rows)[:_MOST_EVIDENCE]
    return Finding(
        code=entry.code,
        severity=cause.severity,
        title=_plain(title),
        component=match.component,
        cause_in=match.cause_in,
        tool=match.tool,
        confidence=round(match.confidence, 2),
        summary=_plain(summary),
        explanation=_plain(explanation),
        fix=_plain(fix),
        evidence=records,
        references=entry.references,
        lines=facts.log.line_numbers(records),
    )
