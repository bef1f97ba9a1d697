"""What is different, whom it breaks, and where it began: components, traces and lists of tools compared."""

from __future__ import annotations

from godot_analysis.comparison._comparison import Comparison
from godot_analysis.comparison._difference import DIFFERENCES, Difference
from godot_analysis.comparison._entry import compare, lint
from godot_analysis.comparison._judgement import RULES
from godot_analysis.comparison._lint import PROBLEMS, hosts
from godot_analysis.comparison._report import as_html, as_text

__all__ = [
    "DIFFERENCES",
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
