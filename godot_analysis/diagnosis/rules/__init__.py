"""The knowledge of the diagnosis: one small declarative rule for each kind of fault.

Confidence is a noisy-or of the clues that a rule names: each clue has a weight, how far it alone would
convince (0.5: as likely as not), and independent clues together make `1 - (1 - w1)(1 - w2)…`. A doubt is a
clue with a negative weight and multiplies the result by `1 - |weight|`. It never exceeds 0.99, because a log
may lie and may be incomplete. The explanation of every finding lists its clues, so the figure can be judged.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

from godot_analysis.diagnosis.rules._judge import Judgement, judge
from godot_analysis.diagnosis.rules._rule import LAYERS, RULES, Clue, Match, Rule, rule

__all__ = ["LAYERS", "RULES", "Clue", "Judgement", "Match", "Rule", "judge", "rule"]

_MODULES: Final = (
    "wire",
    "unasked",
    "transport",
    "handshake",
    "versions",
    "connecting",
    "schema",
    "offering",
    "equal_names",
    "discovery",
    "routing",
    "naming",
    "alike",
    "process",
    "asking_back",
    "official",
    "arguments",
    "call",
    "breaking",
    "rest",
    "logging",
)
"""In this order the rules are tried: what carries before what is carried, the general after the specific."""

for _module in _MODULES:
    import_module(f"{__name__}.{_module}")
