"""The knowledge of the diagnosis: for each code of the catalogue, how its matches are found.

Confidence is a noisy-or of the clues that a rule names: each clue has a weight, how far it alone would
convince (0.5: as likely as not), and independent clues together make `1 - (1 - w1)(1 - w2)…`. A doubt is a
clue with a negative weight and multiplies the result by `1 - |weight|`. It never exceeds 0.99, because a log
may lie and may be incomplete. The explanation of every finding lists its clues, so the figure can be judged.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from godot_analysis.diagnosis.rules._registry import LEFTOVERS, RULES, leftover, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LEFTOVERS", "RULES", "leftover", "rule"]


def _modules() -> Iterator[str]:
    return (module.name for module in iter_modules(__path__) if not module.name.startswith("_"))


for _name in _modules():
    import_module(f"{__name__}.{_name}")
