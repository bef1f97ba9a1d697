"""Recognises JSON Schemas, so that a tool's parameter called `password` stays described in the log."""

from typing import Any, Final

TYPES: Final = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})
COMBINERS: Final = ("anyOf", "oneOf", "allOf")
VALUES: Final = frozenset({"default", "const", "enum", "examples", "example"})
"""Keywords whose content is a value and may itself be the secret."""

_KEYWORDS: Final = VALUES | frozenset(COMBINERS) | {
    "type", "title", "description", "format", "pattern", "minLength", "maxLength", "minimum", "maximum",
    "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "items", "prefixItems", "minItems", "maxItems",
    "uniqueItems", "contains", "minContains", "maxContains", "properties", "required", "additionalProperties",
    "patternProperties", "minProperties", "maxProperties", "propertyNames", "nullable", "deprecated",
    "readOnly", "writeOnly", "contentEncoding", "contentMediaType", "contentSchema", "not", "if", "then",
    "else",
    "dependentRequired", "dependentSchemas", "unevaluatedProperties", "unevaluatedItems", "definitions",
    "markdownDescription", "enumNames", "enumDescriptions", "errorMessage", "discriminator", "externalDocs",
    "sensitive", "optional",
}  # fmt: skip
_TELLING: Final = frozenset({"type", "$ref", "$dynamicRef", *COMBINERS, "not", "if", "enum", "const"})
_DEPTH: Final = 100


def is_schema(value: object, depth: int = 0) -> bool:
    """Whether a value is a JSON Schema and nothing else: known keywords, `$…`, `x-…`; and one that tells."""
    if type(value) is not dict or not value or depth > _DEPTH:
        return False
    if not all(type(key) is str and (key in _KEYWORDS or key[:1] == "$" or key[:2] == "x-") for key in value):
        return False
    if value.keys().isdisjoint(_TELLING):
        return False
    kinds: Any = value.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if not isinstance(kinds, list) or not all(isinstance(kind, str) and kind in TYPES for kind in kinds):
        return False
    if not all(isinstance(value.get(name, ""), str) for name in ("$ref", "title", "description", "format")):
        return False
    members = [value[name] for name in COMBINERS if name in value]
    return all(isinstance(each, list) and all(is_schema(one, depth + 1) for one in each) for each in members)
