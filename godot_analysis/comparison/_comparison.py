"""What a comparison hands out: the differences, the first divergence, and whether anything breaks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from godot_analysis.comparison._difference import difference_frame
from godot_analysis.comparison._judgement import JUDGEMENTS

if TYPE_CHECKING:
    import pandas as pd

    from godot_analysis.comparison._difference import Difference

__all__ = ["Comparison"]


@dataclass(frozen=True, repr=False, eq=False)
class Comparison:
    """Two things compared: what is different, whom it breaks, and where it began.

    Attributes
    ----------
    left, right : str
        What was compared, by name.
    about : str
        `components`, `hops` of one list, `traces` or `tool lists`.
    ranked : tuple of Difference
        The differences: what breaks somebody first, each group in its own order, which for traces is time.
    remarks : tuple of str
        What to know when reading them.
    compared : tuple of str or None
        What both sides showed, where it was less than what was asked for, so that finding no difference means
        less; empty when there was nothing to compare.

    Examples
    --------
    >>> import godot_analysis as ga
    >>> old = {"type": "object", "properties": {}}
    >>> new = {"type": "object", "properties": {"path": {}}, "required": ["path"]}
    >>> comparison = ga.compare(*([{"name": "open", "inputSchema": schema}] for schema in (old, new)))
    >>> comparison
    <Comparison: left and right, 2 differences, 1 breaking>
    >>> comparison.first.message, comparison.first.affects
    ('open: path is required on the right only', 'caller')
    """

    left: str
    right: str
    about: str
    ranked: tuple[Difference, ...] = ()
    remarks: tuple[str, ...] = ()
    compared: tuple[str, ...] | None = None

    @property
    def breaking(self) -> bool:
        """Whether any difference breaks a caller, a callee or a host."""
        return bool(self.ranked) and self.ranked[0].breaking

    @property
    def first(self) -> Difference | None:
        """The first difference that breaks somebody, else the first of any; None where there is none."""
        return self.ranked[0] if self.ranked else None

    @cached_property
    def differences(self) -> pd.DataFrame:
        """One row per difference in the order of `ranked`, with the columns of `comparison.DIFFERENCES`."""
        return difference_frame(self.ranked)

    @property
    def counts(self) -> dict[str, int]:
        """How many differences are breaking, compatible and cosmetic."""
        counted = Counter(item.judgement for item in self.ranked)
        return {judgement: counted[judgement] for judgement in JUDGEMENTS}

    @property
    def summary(self) -> str:
        """The comparison in one sentence."""
        if self.first is None:
            if self.compared is None:
                return f"No difference between {self.left} and {self.right}."
            if not self.compared:
                return f"Nothing to compare between {self.left} and {self.right}."
            seen = " and ".join(self.compared)
            return (
                f"No difference between {self.left} and {self.right} in {seen}, which is all that both show."
            )
        found = ", ".join(f"{count} {name}" for name, count in self.counts.items() if count)
        began = "first " if self.about == "traces" else ""
        return f"{found} between {self.left} and {self.right}; {began}{self.first.message}."

    def to_dict(self) -> dict[str, Any]:
        """The comparison as the one JSON object that `godot compare --json` prints."""
        return {
            "left": self.left,
            "right": self.right,
            "about": self.about,
            "breaking": self.breaking,
            "summary": self.summary,
            "counts": self.counts,
            "first": None if self.first is None else self.first.to_dict(),
            "differences": [item.to_dict() for item in self.ranked],
            "remarks": list(self.remarks),
        }

    def __repr__(self) -> str:
        total = f"{len(self.ranked)} difference{'' if len(self.ranked) == 1 else 's'}"
        breaking = f", {self.counts['breaking']} breaking" if self.ranked else ""
        return f"<Comparison: {self.left} and {self.right}, {total}{breaking}>"

    def __str__(self) -> str:
        from godot_analysis.presentation.comparison import as_text  # noqa: PLC0415 - drawn when it is shown

        return as_text(self)

    def _repr_html_(self) -> str:
        from godot_analysis.presentation.comparison import as_html  # noqa: PLC0415 - drawn when it is shown

        return as_html(self)
