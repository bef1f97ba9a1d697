"""What is different, whom it breaks, and where it began: components, traces and lists of tools compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from godot_analysis.comparison._comparison import Comparison
from godot_analysis.comparison._difference import DIFFERENCES, Difference
from godot_analysis.comparison._entry import compare, lint
from godot_analysis.comparison._judgement import JUDGEMENTS, RULES
from godot_analysis.schema.lint import PROBLEMS, hosts

if TYPE_CHECKING:
    from godot_analysis.presentation.comparison import as_html, as_text

__all__ = [
    "DIFFERENCES",
    "JUDGEMENTS",
    "PROBLEMS",
    "RULES",
    "Comparison",
    "Difference",
    "as_html",
    "as_text",
    "compare",
    "hosts",
    "lint",
]


def __getattr__(name: str) -> Any:
    if name in {"as_html", "as_text"}:
        from godot_analysis.presentation import comparison  # noqa: PLC0415 - it draws what is made here

        return getattr(comparison, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
