"""Which function finds the matches of which code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from godot_analysis.diagnosis.facts import Facts
    from godot_analysis.diagnosis.matches import Match

    Find = Callable[[Facts], Iterable[Match]]

__all__ = ["RULES", "rule"]

RULES: Final[dict[str, Find]] = {}
"""The function of each code."""


def rule(code: str) -> Callable[[Find], Find]:
    """Register the decorated function as the one that finds the matches of an entry of the catalogue."""

    def register(find: Find) -> Find:
        if code in RULES:
            raise ValueError(f"two rules have the code {code}")
        RULES[code] = find
        return find

    return register
