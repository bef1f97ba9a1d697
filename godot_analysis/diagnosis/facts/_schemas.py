"""The few checks of JSON Schema that a diagnosis needs: what surely breaks a schema, without guessing."""

from __future__ import annotations

import json
from typing import Any, Final

__all__ = ["resolved", "takes", "unknown_keys", "violation"]

_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
    "integer": (int, float),
    "number": (int, float),
}
_DEEPEST: Final = 16
_BRANCHES: Final = ("anyOf", "oneOf")
_SILENCING: Final = ("patternProperties", "anyOf", "oneOf", "allOf", "if", "$ref", "unevaluatedProperties")


def resolved(schema: Any, root: Any) -> Any:
    """The schema that a local `$ref` names; an empty one, which takes everything, where it leads nowhere."""
    for _ in range(_DEEPEST):
        if not isinstance(schema, dict) or not isinstance(reference := schema.get("$ref"), str):
            return schema
        found = root if reference.startswith("#") else {}
        for part in reference.lstrip("#").split("/")[1:]:
            found = (
                found.get(part.replace("~1", "/").replace("~0", "~"), {}) if isinstance(found, dict) else {}
            )
        schema = found
    return {}


def takes(schema: Any, root: Any) -> frozenset[str]:
    """The JSON types that a schema allows; empty when it does not say."""
    schema = resolved(schema, root)
    if not isinstance(schema, dict):
        return frozenset()
    told = schema.get("type")
    if isinstance(told, str):
        return frozenset({told})
    if isinstance(told, list):
        return frozenset(one for one in told if isinstance(one, str))
    for key in _BRANCHES:
        if isinstance(branches := schema.get(key), list):
            kinds = [takes(branch, root) for branch in branches]
            return frozenset[str]().union(*kinds) if all(kinds) else frozenset()
    return frozenset()


def unknown_keys(arguments: dict[str, Any], schema: Any) -> list[str]:
    """Arguments that an object schema neither describes nor refuses, so that they are ignored."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict) or not properties or any(key in schema for key in _SILENCING):
        return []
    if schema.get("additionalProperties") is not None:
        return []  # refused, described, or welcomed in so many words
    return [key for key in arguments if key not in properties and not key.startswith("_")]


def violation(  # noqa: PLR0911 - one return for each way to break a schema
    value: Any, schema: Any, root: Any = None, path: str = "", depth: int = 0
) -> str | None:
    """What in a value surely breaks a schema, in words; None when nothing does.

    >>> violation({"temp": "warm"}, {"type": "object", "properties": {"temp": {"type": "number"}}})
    'temp is a string instead of number'
    >>> violation({}, {"type": "object", "required": ["temp"]})
    'temp is missing'
    """
    root = schema if root is None else root
    schema = resolved(schema, root)
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return None
    here = path or "it"
    allowed = takes(schema, root)
    if allowed and not any(_is(value, kind) for kind in allowed):
        return f"{here} is {_kind(value)} instead of {' or '.join(sorted(allowed))}"
    if isinstance(choices := schema.get("enum"), list) and value not in choices:
        return f"{here} is none of {json.dumps(choices, ensure_ascii=False)[:80]}"
    if any(key in schema for key in _BRANCHES):
        return None
    if isinstance(value, dict):
        return _violation_inside(value, schema, root, path, depth)
    if isinstance(value, list) and isinstance(items := schema.get("items"), dict):
        for number, item in enumerate(value):
            if found := violation(item, items, root, f"{path}[{number}]", depth + 1):
                return found
    return None


def _violation_inside(
    value: dict[str, Any], schema: dict[str, Any], root: Any, path: str, depth: int
) -> str | None:
    front = f"{path}." if path else ""
    required = schema.get("required")
    for name in required if isinstance(required, list) else ():
        if isinstance(name, str) and name not in value:
            return f"{front}{name} is missing"
    properties = schema.get("properties")
    known = properties if isinstance(properties, dict) else {}
    for name, part in known.items():
        if name in value and (found := violation(value[name], part, root, f"{front}{name}", depth + 1)):
            return found
    extra = [name for name in value if name not in known]
    if extra and schema.get("additionalProperties") is False and "patternProperties" not in schema:
        return f"{front}{extra[0]} is not allowed"
    return None


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return kind not in _TYPES or isinstance(value, _TYPES[kind])


def _kind(value: Any) -> str:
    name = next(name for name in _TYPES if _is(value, name))
    return "null" if name == "null" else f"{'an' if name[0] in 'aio' else 'a'} {name}"
