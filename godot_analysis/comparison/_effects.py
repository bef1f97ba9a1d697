"""What it does to the set of accepted values that one keyword of a schema has another value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from godot_analysis.comparison._json import canonical
from godot_analysis.schema.keywords import LOWER_LIMITS, UPPER_LIMITS

if TYPE_CHECKING:
    from godot_analysis.comparison._judgement import Effect

__all__ = ["effect_of_limit", "effect_of_sets", "effect_of_types"]


def effect_of_types(left: frozenset[str] | None, right: frozenset[str] | None) -> Effect | None:
    """How the accepted types differ; every integer is a number too."""
    return effect_of_sets(_widened(left), _widened(right))


def effect_of_sets(left: frozenset[str] | None, right: frozenset[str] | None) -> Effect | None:
    """How two sets of accepted things differ, None for any thing."""
    if left == right:
        return None
    if left is None or (right is not None and right < left):
        return "narrower"
    if right is None or left < right:
        return "wider"
    return "changed"


def effect_of_limit(keyword: str, left: Any, right: Any) -> Effect | None:
    """How a limit differs; None stands for no limit."""
    if keyword == "uniqueItems":
        left, right = left or None, right or None
    if left is None or right is None:
        return None if left is right else ("narrower" if left is None else "wider")
    if canonical(left) == canonical(right):
        return None
    if not (_number(left) and _number(right)) or keyword not in LOWER_LIMITS | UPPER_LIMITS:
        return "changed"
    if left == right:
        return None
    return "narrower" if (right > left) == (keyword in LOWER_LIMITS) else "wider"


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _widened(types: frozenset[str] | None) -> frozenset[str] | None:
    if types is None or "number" not in types:
        return types
    return types | {"integer"}
