"""The keywords of JSON Schema: which there are of each sort, and what single ones say."""

from __future__ import annotations

from typing import Any, Final

__all__ = [
    "ALTERNATIVES",
    "ANNOTATIONS",
    "BRANCHES",
    "CONDITIONS",
    "DEFINITIONS",
    "LIMITS",
    "LISTS",
    "LOWER_LIMITS",
    "MAPS",
    "SUBSCHEMAS",
    "UPPER_LIMITS",
    "as_schema",
    "closed",
    "members",
    "named_types",
    "required_names",
]

LOWER_LIMITS: Final = frozenset(
    {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains"}
)
UPPER_LIMITS: Final = frozenset(
    {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains"}
)
LIMITS: Final = LOWER_LIMITS | UPPER_LIMITS | {"multipleOf", "pattern", "uniqueItems"}
BRANCHES: Final = ("anyOf", "oneOf")
"""Lists of schemas of which a value keeps one."""
ALTERNATIVES: Final = (*BRANCHES, "allOf")
DEFINITIONS: Final = ("$defs", "definitions")
SUBSCHEMAS: Final = frozenset(
    {
        "items",
        "additionalProperties",
        "contains",
        "not",
        "if",
        "then",
        "else",
        "propertyNames",
        "unevaluatedItems",
        "unevaluatedProperties",
    }
)
"""Keywords that hold one schema; `items` once held a list of them too."""
MAPS: Final = frozenset({"properties", "patternProperties", "dependentSchemas", *DEFINITIONS})
"""Keywords that hold schemas by name."""
LISTS: Final = frozenset({"prefixItems", "items", *ALTERNATIVES})
"""Keywords that hold a list of schemas."""
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
"""Keywords that put a further condition on what is accepted."""
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


def as_schema(value: Any) -> dict[str, Any] | None:
    """The schema as an object: `true` accepts everything, `false` nothing; None for what is no schema."""
    if isinstance(value, dict):
        return value
    if value is True:
        return {}
    return {"not": {}} if value is False else None


def members(schema: Any, keyword: str) -> dict[str, Any]:
    """The members of a keyword that holds an object, such as `properties`."""
    value = schema.get(keyword) if isinstance(schema, dict) else None
    return value if isinstance(value, dict) else {}


def required_names(schema: dict[str, Any]) -> dict[str, None]:
    """What is required, in the order written; an absent list and an empty one are the same."""
    value = schema.get("required")
    return dict.fromkeys(name for name in value if isinstance(name, str)) if isinstance(value, list) else {}


def closed(schema: dict[str, Any]) -> bool:
    """Whether members that are not described are refused."""
    return schema.get("additionalProperties") is False


def named_types(schema: dict[str, Any]) -> frozenset[str] | None:
    """The types that the keyword `type` names, None where it names none.

    >>> sorted(named_types({"type": ["string", "null"]})), named_types({"anyOf": [{"type": "string"}]})
    (['null', 'string'], None)
    """
    value = schema.get("type")
    if isinstance(value, str):
        return frozenset({value})
    if isinstance(value, list):
        return frozenset(item for item in value if isinstance(item, str))
    return None
