"""One difference between two things, and the frame that holds them all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from godot_analysis.comparison._json import sample
from godot_analysis.comparison._judgement import BREAKING, JUDGEMENTS, RULES, verdict
from godot_analysis.loading.frames import frame
from godot_analysis.printable import written

if TYPE_CHECKING:
    from collections.abc import Iterable

    from godot_analysis.comparison._judgement import Effect, Side, Verdict, View

__all__ = ["DIFFERENCES", "Difference", "difference", "difference_frame", "ranked"]

DIFFERENCES: Final[dict[str, str]] = {
    "path": "str",  # where: parts separated by /, as in a JSON pointer
    "kind": "category",  # one of `RULES`
    "judgement": "category",  # breaking | compatible | cosmetic, ordered
    "affects": "str",  # caller, callee, host: comma-separated, empty for nobody
    "tool": "str",  # the tool concerned, missing for none
    "left": "object",  # the value on the left, None where there is none
    "right": "object",
    "message": "str",  # one sentence for a person
    "reference": "str",  # where the judgement comes from
    "evidence": "object",  # list of the ids of the log rows that show it
}
"""Columns of `Comparison.differences`."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference; the members are those of `DIFFERENCES`."""

    path: str
    kind: str
    judgement: str
    affects: str
    tool: str | None
    left: Any
    right: Any
    message: str
    reference: str = ""
    evidence: tuple[str, ...] = ()

    @property
    def breaking(self) -> bool:
        """Whether it breaks somebody."""
        return self.judgement == BREAKING

    def to_dict(self) -> dict[str, Any]:
        """The difference as JSON, empty members included."""
        return {name: getattr(self, name) for name in DIFFERENCES} | {"evidence": list(self.evidence)}


def difference(
    path: str,
    kind: str,
    left: Any,
    right: Any,
    message: str = "",
    *,
    effect: Effect | None = None,
    side: Side = "input",
    view: View = "versions",
    tool: str | None = None,
    judged: Verdict | None = None,
    reference: str | None = None,
    evidence: Iterable[str] = (),
) -> Difference:
    """Make a difference with the judgement and the reference of its rule."""
    rule = RULES[kind]
    judgement, affects = judged or verdict(kind, effect, side, view)
    return Difference(
        written(path),
        kind,
        judgement,
        affects,
        None if tool is None else written(tool),
        sample(left),
        sample(right),
        written(message or rule.why),
        rule.reference if reference is None else reference,
        tuple(dict.fromkeys(evidence)),
    )


def ranked(found: Iterable[Difference]) -> tuple[Difference, ...]:
    """The breaking ones first, each group in the order it was found."""
    return tuple(sorted(found, key=lambda item: JUDGEMENTS.index(item.judgement)))


def difference_frame(found: tuple[Difference, ...]) -> pd.DataFrame:
    """The differences as the documented frame."""
    columns: dict[str, list[Any]] = {
        name: [list(item.evidence) if name == "evidence" else getattr(item, name) for item in found]
        for name in DIFFERENCES
    }
    made = frame(columns, DIFFERENCES)
    made["judgement"] = pd.Categorical(columns["judgement"], categories=list(JUDGEMENTS), ordered=True)
    return made
