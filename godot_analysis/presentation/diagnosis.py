"""Shows a diagnosis to a person: as text for a terminal, as escaped HTML for a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from godot_analysis.presentation.prose import plain, wrapped
from godot_analysis.printable import clip, line
from godot_analysis.theme import fragment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from godot_analysis.diagnosis.findings import Diagnosis, Finding
    from godot_analysis.presentation.prose import Style

__all__ = ["as_html", "as_text"]

_MOST_EVIDENCE: Final = 8
_LABEL: Final = 9
_WIDEST: Final = 16
_SIGNS: Final = {"error": "✗", "warning": "!", "info": "·"}
_CSS: Final = """
& { font: 13px/1.45 system-ui, sans-serif; color: var(--godot-ink);
  background: var(--godot-ground); max-width: 60em; padding: .6em .9em; }
& h3 { margin: .2em 0 .4em; font-size: 1.1em; }
& section { border-left: 4px solid var(--godot-line); padding: .1em .9em .4em;
  margin: .8em 0; }
& section.error { border-color: var(--godot-error); }
& section.warning { border-color: var(--godot-warn); }
& dl { display: grid; grid-template-columns: max-content 1fr; gap: .15em .8em;
  margin: .4em 0; }
& :is(dt, dd) { width: auto; font-weight: inherit; margin: 0; }
& dt { color: var(--godot-quiet); }
& table { border-collapse: collapse; font: 12px/1.4 ui-monospace, monospace; }
& tr { background: none; }
& td { padding: .1em .7em .1em 0; vertical-align: top; text-align: left;
  white-space: pre-wrap; }
& .quiet { color: var(--godot-quiet); }
"""


def as_text(diagnosis: Diagnosis, *, width: int = 100, style: Style | None = None) -> str:
    """The diagnosis for a terminal of `width` columns: root cause first, evidence last.

    Parameters
    ----------
    diagnosis : Diagnosis
    width : int
        No line is longer.
    style : callable, optional
        Given a text and its role, returns it painted; nothing is painted without.
    """
    paint = style or plain
    blocks = [_verdict(diagnosis, paint)]
    loud = [finding for finding in diagnosis.ranked if finding.severity != "info"]
    quiet = [finding for finding in diagnosis.ranked if finding.severity == "info"]
    blocks += [_finding_text(finding, diagnosis, width, paint) for finding in loud]
    if diagnosis.verdict == "unclear":
        blocks.append("\n".join(_unclear_text(diagnosis, width, paint)))
    if quiet:
        notes = [paint("Harmless, but good to know:", "label")]
        notes += [
            wrapped(f"· {finding.code} {finding.summary}", width, "  ", hang="    ") for finding in quiet
        ]
        blocks.append("\n".join(notes))
    blocks.append("\n".join(_tail(diagnosis, width, paint)))
    return "\n\n".join(block for block in blocks if block)


def as_html(diagnosis: Diagnosis) -> str:
    """The diagnosis as a self-contained HTML fragment; every text that came from a log is escaped."""
    body = [f"<h3>{escape(_verdict(diagnosis, plain))}</h3>"]
    if diagnosis.verdict == "unclear":
        body.append(_unclear_html(diagnosis))
    body += [_finding_html(finding, diagnosis) for finding in diagnosis.ranked]
    notes = "<br>".join(escape(text) for text in _tail(diagnosis, 10_000, plain))
    body.append(f'<p class="quiet">{notes}</p>')
    return fragment("godot-diagnosis", _CSS, "".join(body))


def _verdict(diagnosis: Diagnosis, paint: Style) -> str:
    concerning = f" that concerns {diagnosis.scope}" if diagnosis.scope else ""
    if diagnosis.verdict == "unclear":
        return paint(f"? Unclear: no fault found{concerning}, and no proof that all is well.", "warning")
    if diagnosis.verdict == "healthy":
        return paint(f"✓ Healthy: no fault found{concerning}.", "healthy")
    counts = {"error": 0, "warning": 0}
    for finding in diagnosis.ranked:
        if finding.severity in counts:
            counts[finding.severity] += 1
    named = [f"{number} {name}{'s' if number > 1 else ''}" for name, number in counts.items() if number]
    return paint(f"✗ {' and '.join(named)} found, the root cause first.", "error")


def _finding_text(finding: Finding, diagnosis: Diagnosis, width: int, paint: Style) -> str:
    head = f"{_SIGNS[finding.severity]} {finding.code}  {line(finding.title)}"
    lines = [paint(clip(head, width), finding.severity)]
    for label, text in _entries(finding):
        body = wrapped(text, width, " " * (_LABEL + 2)).lstrip()
        lines.append(f"  {paint(label.ljust(_LABEL), 'label')}{body}")
    rows = list(_evidence(finding, diagnosis))
    for number, cells in enumerate(rows):
        label = "evidence" if number == 0 else ""
        lines.append(f"  {paint(label.ljust(_LABEL), 'label')}{clip('  '.join(cells), width - _LABEL - 2)}")
    if len(finding.evidence) > len(rows):
        lines.append(
            " " * (_LABEL + 2) + paint(f"… and {len(finding.evidence) - len(rows)} more rows", "quiet")
        )
    return "\n".join(lines)


def _entries(finding: Finding) -> Iterable[tuple[str, str]]:
    yield "what", finding.summary
    where = finding.component or "the system"
    if finding.cause_in and finding.cause_in != finding.component:
        where += f" suffers, the cause is in {finding.cause_in}"
    if finding.tool:
        where += f" (tool {finding.tool})"
    yield "where", where
    yield "how sure", f"{finding.confidence:.0%}"
    yield "why", finding.explanation
    yield "fix", finding.fix
    if finding.references:
        yield "see", ", ".join(finding.references)


def _evidence(finding: Finding, diagnosis: Diagnosis) -> Iterable[tuple[str, ...]]:
    return _rows(diagnosis, finding.evidence)


def _rows(diagnosis: Diagnosis, records: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
    cited = diagnosis.cited
    found = cited[cited["id"].isin(records[:_MOST_EVIDENCE])]
    rows = found.sort_values("event_created_at", kind="stable").to_dict("records")
    widest = max((len(line(row["component"], _WIDEST)) for row in rows), default=0)
    for row in rows:
        when = row["event_created_at"]
        clock = "" if pd.isna(when) else when.strftime("%H:%M:%S.%f")[:-3]
        where = f"line {row['line']}" if pd.notna(row["line"]) else str(row["id"])[:8]
        component = line(row["component"], _WIDEST).ljust(widest)
        yield f"{where:<8}", clock, component, f"{row['level']:<5}", line(row["message"])


def _finding_html(finding: Finding, diagnosis: Diagnosis) -> str:
    head = f"{_SIGNS[finding.severity]} {finding.code}  {line(finding.title)}"
    entries = "".join(f"<dt>{escape(label)}</dt><dd>{escape(text)}</dd>" for label, text in _entries(finding))
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
        for cells in _evidence(finding, diagnosis)
    )
    body = f"<h3>{escape(head)}</h3><dl>{entries}</dl><table>{rows}</table>"
    return f'<section class="{finding.severity}">{body}</section>'


def _unclear_text(diagnosis: Diagnosis, width: int, paint: Style) -> Iterable[str]:
    """What was seen, what is missing, and the rows that nobody could explain."""
    for label, text in _unclear(diagnosis):
        body = wrapped(text, width, " " * (_LABEL + 2)).lstrip()
        yield f"  {paint(label.ljust(_LABEL), 'label')}{body}"
    for number, cells in enumerate(_rows(diagnosis, diagnosis.unexplained)):
        label = "unclear" if number == 0 else ""
        yield f"  {paint(label.ljust(_LABEL), 'label')}{clip('  '.join(cells), width - _LABEL - 2)}"


def _unclear_html(diagnosis: Diagnosis) -> str:
    entries = "".join(
        f"<dt>{escape(label)}</dt><dd>{escape(text)}</dd>" for label, text in _unclear(diagnosis)
    )
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
        for cells in _rows(diagnosis, diagnosis.unexplained)
    )
    return f'<section class="warning"><dl>{entries}</dl><table>{rows}</table></section>'


def _unclear(diagnosis: Diagnosis) -> Iterable[tuple[str, str]]:
    seen = {name.replace("_", " "): number for name, number in diagnosis.seen.items()}
    if seen:
        names = {
            name: name if number != 1 else name.replace("s", "", 1) if name == "errors unknown" else name[:-1]
            for name, number in seen.items()
        }
        yield "seen", ", ".join(f"{number:,} {names[name]}" for name, number in seen.items()) + "."
    for number, sentence in enumerate(diagnosis.missing):
        text = sentence[:1].upper() + sentence[1:]
        yield "missing" if number == 0 else "", text if text.endswith(".") else f"{text}."


def _tail(diagnosis: Diagnosis, width: int, paint: Style) -> Iterable[str]:
    if unknown := diagnosis.seen.get("errors_unknown", 0):
        text = (
            f"{unknown:,} of {diagnosis.errors:,} error texts were not understood: "
            "`ga.events(logs)` shows them."
        )
        yield paint(wrapped(text, width, ""), "quiet")
    for note in diagnosis.notes:
        yield paint(wrapped(f"Note: {note}", width, "", hang="      "), "label")
    calls = diagnosis.calls
    if calls.get("total"):
        ends = ", ".join(
            f"{number} {name.replace('_', ' ')}"
            for name, number in calls.items()
            if number and name != "total"
        )
        yield paint(
            wrapped(f"{calls['total']} tool call{'' if calls['total'] == 1 else 's'}: {ends}.", width, ""),
            "quiet",
        )
    elif calls:
        yield paint(
            f"No tool call {f'concerns {diagnosis.scope}' if diagnosis.scope else 'in this log'}.", "quiet"
        )
    for gap in diagnosis.gaps:
        yield paint(wrapped(f"Gap: {_gap(gap)}", width, "", hang="     "), "quiet")


def _gap(gap: dict[str, Any]) -> str:
    span = f"{gap['from'] or 'the beginning'} to {gap['to'] or 'the end'}"
    return f"{line(gap['component'])}, {span}: {line(gap['why'])}"
