"""Which function finds the matches of which code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from godot_analysis.diagnosis.facts import Facts
    from godot_analysis.diagnosis.matches import Match

    Find = Callable[[Facts], Iterable[Match]]
    FindRest = Callable[[Facts, frozenset[str]], Iterable[Match]]

__all__ = ["LEFTOVERS", "RULES", "leftover", "rule"]

RULES: Final[dict[str, Find]] = {}
"""The function of each code."""

LEFTOVERS: Final[dict[str, FindRest]] = {}
"""Those that look at what is left: they get the rows that all other findings go by, too."""


def rule(code: str) -> Callable[[Find], Find]:
    """Register the decorated function as the one that finds the matches of an entry of the catalogue."""

    def register(find: Find) -> Find:
        if code in RULES:
            raise ValueError(f"two rules have the code {code}")
        RULES[code] = find
        return find

    return register


def leftover(code: str) -> Callable[[FindRest], FindRest]:
    """Register a function that is asked after all others, with the rows that their findings go by."""

    def register(find: FindRest) -> FindRest:
        LEFTOVERS[code] = find
        return find

    return register
