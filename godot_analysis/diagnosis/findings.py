"""What a diagnosis is: findings ranked root cause first, the counts of calls, and the gaps."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

import pandas as pd

from godot_analysis.columns import FINDINGS
from godot_analysis.loading.frames import frame
from godot_analysis.printable import line

__all__ = ["Diagnosis", "Finding", "Severity", "Verdict"]

Severity = Literal["error", "warning", "info"]
Verdict = Literal["fault", "healthy", "unclear"]


_EVIDENCE_COLUMNS: Final = ("id", "line", "event_created_at", "component", "level", "message")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the log says is wrong, or only looks wrong, with the rows that show it.

    `component` is the one that suffers, `cause_in` where the fault lies as far as the log can tell.
    `confidence` is computed as told in `godot_analysis.diagnosis.rules`. `evidence` names log rows, the most
    telling first; `lines` are their line numbers when the log came from a file, else empty.
    """

    code: str
    severity: Severity
    title: str
    component: str | None
    cause_in: str | None
    tool: str | None
    confidence: float
    summary: str
    explanation: str
    fix: str
    evidence: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    lines: tuple[int, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The finding as the JSON object that `godot diagnose --json` prints."""
        plain: dict[str, Any] = {
            name: _plain(value) for name, value in asdict(self).items() if name != "lines"
        }
        if self.lines:
            plain["line"] = list(self.lines)
        return plain


@dataclass(frozen=True, repr=False)
class Diagnosis:
    """All that `diagnose` found in one log.

    Attributes
    ----------
    ranked : tuple of Finding
        The findings, the root cause first.
    calls : dict
        How many `tools/call` operations there were, as their first sender sees them, by their end.
    gaps : list of dict
        Spans in which the log is incomplete, as `{"component", "from", "to", "why"}`.
    cited : DataFrame
        The log rows that the findings cite: `id, line, event_created_at, component, level, message`.
    records : int or None
        How many records there were to judge by; None when that is not known.
    scope : str
        The component or tool that was asked for, in words; empty when everything was.
    notes : tuple of str
        What to know when reading it: names that the log does not know.
    seen : dict
        The proof of work: how many `servers` the log speaks of, `handshakes` and `lists` that succeeded,
        `operations` (requests other than handshakes) that did, and `errors_unknown`, errors whose words
        nobody understood.
    errors : int
        How many texts of errors there are, of records and of calls.
    missing : tuple of str
        Why it is unclear: what was not seen, and which log would settle it.
    unexplained : tuple of str
        The ids of the records that may tell of a failure and that no finding explains.
    source : dict
        What was read: `format`, `files`, `lines`, `records`, `unparsed` lines, and the components that are
        `one_sided`: they saw only their own end.
    """

    ranked: tuple[Finding, ...]
    calls: dict[str, int] = field(default_factory=dict)
    gaps: list[dict[str, Any]] = field(default_factory=list)
    cited: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=list(_EVIDENCE_COLUMNS)), repr=False
    )
    records: int | None = None
    scope: str = ""
    notes: tuple[str, ...] = ()
    seen: dict[str, int] = field(default_factory=dict)
    errors: int = 0
    missing: tuple[str, ...] = ()
    unexplained: tuple[str, ...] = ()
    source: dict[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """`fault`: an error or a warning; `healthy`: work is proven, no failure is left; else `unclear`."""
        if any(finding.severity != "info" for finding in self.ranked):
            return "fault"
        return "unclear" if self.missing else "healthy"

    @property
    def healthy(self) -> bool:
        """Whether the verdict is `healthy`."""
        return self.verdict == "healthy"

    @property
    def root_cause(self) -> Finding | None:
        """The first finding; None unless the verdict is `fault`."""
        return self.ranked[0] if self.verdict == "fault" else None

    @property
    def findings(self) -> pd.DataFrame:
        """One row per finding, ranked, the root cause first, with the columns of `columns.FINDINGS`."""
        return frame(
            {name: [getattr(finding, name) for finding in self.ranked] for name in FINDINGS}, FINDINGS
        )

    def to_dict(self) -> dict[str, Any]:
        """The diagnosis as the one JSON object that `godot diagnose --json` prints."""
        root = self.root_cause
        return {
            "verdict": self.verdict,
            "healthy": self.healthy,
            "source": dict(self.source),
            "seen": dict(self.seen),
            "missing": list(self.missing),
            "unexplained": list(self.unexplained),
            "root_cause": None if root is None else root.to_dict(),
            "findings": [finding.to_dict() for finding in self.ranked],
            "calls": dict(self.calls),
            "gaps": [dict(gap) for gap in self.gaps],
        }

    def __repr__(self) -> str:
        """One line: a notebook shows the HTML, `print` the whole text."""
        root = self.root_cause
        found = (
            self.verdict
            if root is None
            else f"{root.code} in {root.cause_in or root.component}: {root.title}"
        )
        return f"<Diagnosis: {line(found)}; {len(self.ranked)} findings, {self.calls.get('total', 0)} calls>"

    def __str__(self) -> str:
        from godot_analysis.presentation.diagnosis import as_text  # noqa: PLC0415 - drawn when it is shown

        return as_text(self)

    def _repr_html_(self) -> str:
        from godot_analysis.presentation.diagnosis import as_html  # noqa: PLC0415 - drawn when it is shown

        return as_html(self)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return round(value, 2) if isinstance(value, float) else value
