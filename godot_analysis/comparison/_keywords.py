"""What single keywords of JSON Schema say, and how two values of one keyword relate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from godot_analysis.comparison._json import canonical

if TYPE_CHECKING:
    from godot_analysis.comparison._judgement import Effect

__all__ = [
    "ALTERNATIVES",
    "ANNOTATIONS",
    "CONDITIONS",
    "DEFINITIONS",
    "LIMITS",
    "accepted_types",
    "as_schema",
    "closed",
    "effect_of_limit",
    "effect_of_sets",
    "effect_of_types",
    "members",
    "names",
]

_LOWER: Final = frozenset(
    {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains"}
)
_UPPER: Final = frozenset(
    {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains"}
)
LIMITS: Final = _LOWER | _UPPER | {"multipleOf", "pattern", "uniqueItems"}
ALTERNATIVES: Final = ("anyOf", "oneOf", "allOf")
CONDITIONS: Final = frozenset(
    {
        "not",
        "if",
        "then",
        "else",
        "contains",
        "propertyNames",
        "patternProperties",
        "dependentRequired",
        "dependentSchemas",
        "dependencies",
        "prefixItems",
        "additionalItems",
        "unevaluatedProperties",
        "unevaluatedItems",
    }
)
ANNOTATIONS: Final = frozenset(
    {
        "title",
        "description",
        "examples",
        "example",
        "$comment",
        "deprecated",
        "readOnly",
        "writeOnly",
        "$id",
        "$anchor",
    }
)
DEFINITIONS: Final = ("$defs", "definitions")


def as_schema(value: Any) -> dict[str, Any] | None:
    """The schema as an object: `true` accepts everything, `false` nothing; None for what is no schema."""
    if isinstance(value, dict):
        return value
    if value is True:
        return {}
    return {"not": {}} if value is False else None


def members(schema: dict[str, Any], keyword: str) -> dict[str, Any]:
    """The members of a keyword that holds an object, such as `properties`."""
    value = schema.get(keyword)
    return value if isinstance(value, dict) else {}


def names(schema: dict[str, Any]) -> dict[str, None]:
    """What is required, in the order written; an absent list and an empty one are the same."""
    value = schema.get("required")
    return dict.fromkeys(name for name in value if isinstance(name, str)) if isinstance(value, list) else {}


def closed(schema: dict[str, Any]) -> bool:
    """Whether members that are not described are refused."""
    return schema.get("additionalProperties") is False


def accepted_types(schema: dict[str, Any]) -> frozenset[str] | None:
    """The types that are accepted, None for any."""
    value = schema.get("type")
    if isinstance(value, str):
        return frozenset({value})
    if isinstance(value, list):
        return frozenset(item for item in value if isinstance(item, str))
    return None


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
    if not (_number(left) and _number(right)) or keyword not in _LOWER | _UPPER:
        return "changed"
    if left == right:
        return None
    return "narrower" if (right > left) == (keyword in _LOWER) else "wider"


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _widened(types: frozenset[str] | None) -> frozenset[str] | None:
    if types is None or "number" not in types:
        return types
    return types | {"integer"}
