"""What a value breaks in a schema, and which values it takes: what is sure, without guessing."""

from __future__ import annotations

import json
from itertools import takewhile
from typing import Any, Final

from godot_analysis.schema.keywords import (
    ALTERNATIVES,
    BRANCHES,
    closed,
    members,
    named_types,
    required_names,
)
from godot_analysis.schema.references import resolve

__all__ = ["Check", "takes", "unknown_keys"]

_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
    "integer": (int, float),
    "number": (int, float),
}
# What a value of exactly this type is without a closer look; 1.0 is an integer, and true is no number.
_EXACT: Final[dict[str, type]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "integer": int,
    "number": float,
}
_DEEPEST: Final = 16
_SILENCING: Final = ("patternProperties", *ALTERNATIVES, "if", "$ref", "unevaluatedProperties")


def takes(schema: Any, root: Any, depth: int = 0) -> frozenset[str]:
    """The JSON types that a schema allows, through references and branches; empty when it does not say.

    >>> nullable = {"anyOf": [{"$ref": "#/$defs/Name"}, {"type": "null"}]}
    >>> sorted(takes(nullable, {"$defs": {"Name": {"type": "string"}}})), takes({}, {})
    (['null', 'string'], frozenset())
    """
    schema = _sure(schema, root)
    if not isinstance(schema, dict) or depth > _DEEPEST:  # a branch may refer to the schema that it is in
        return frozenset()
    if (named := named_types(schema)) is not None:
        return named
    for key in BRANCHES:
        if isinstance(branches := schema.get(key), list):
            kinds = list(takewhile(bool, (takes(branch, root, depth + 1) for branch in branches)))
            return frozenset[str]().union(*kinds) if len(kinds) == len(branches) else frozenset()
    return frozenset()


def unknown_keys(arguments: dict[str, Any], schema: Any) -> list[str]:
    """Arguments that an object schema neither describes nor refuses, so that they are ignored.

    >>> unknown_keys({"temp": 20, "unit": "C"}, {"properties": {"temp": {"type": "number"}}})
    ['unit']
    """
    properties = members(schema, "properties")
    if not properties or any(key in schema for key in _SILENCING):
        return []
    if schema.get("additionalProperties") is not None:
        return []  # refused, described, or welcomed in so many words
    return [key for key in arguments if key not in properties and not key.startswith("_")]


class Check:
    """One schema, read once to judge many values: what in a value surely breaks it, in words, else None.

    >>> check = Check({"properties": {"temp": {"type": "number"}}, "required": ["temp"]})
    >>> check({"temp": 20.5}), check({"temp": "warm"}), check({})
    (None, 'temp is a string instead of number', 'temp is missing')
    """

    def __init__(self, schema: Any, root: Any = None, depth: int = 0) -> None:
        self._root = schema if root is None else root
        schema = _sure(schema, self._root)
        self._schema = schema if isinstance(schema, dict) and depth <= _DEEPEST else {}
        self._depth = depth
        self._allowed = takes(self._schema, self._root)
        self._surely = frozenset(_EXACT[kind] for kind in self._allowed if kind in _EXACT)
        self._parts: dict[str, Check] = {}
        self._properties = members(self._schema, "properties")
        self._required = required_names(self._schema)
        self._closed = closed(self._schema) and "patternProperties" not in self._schema

    def __call__(self, value: Any, path: str = "") -> str | None:
        """What breaks the schema, with the path to it; None when nothing surely does."""
        kinds = self._allowed
        if kinds and type(value) not in self._surely and not any(_is(value, kind) for kind in kinds):
            return f"{path or 'it'} is {_kind(value)} instead of {' or '.join(sorted(kinds))}"
        if isinstance(choices := self._schema.get("enum"), list) and value not in choices:
            return f"{path or 'it'} is none of {json.dumps(choices, ensure_ascii=False)[:80]}"
        if any(key in self._schema for key in BRANCHES):
            return None
        if isinstance(value, dict):
            return self._inside(value, f"{path}." if path else "")
        if isinstance(value, list) and isinstance(items := self._schema.get("items"), dict):
            part = self._part("items", items)
            found = (part(item, f"{path}[{number}]") for number, item in enumerate(value))
            return next(filter(None, found), None)
        return None

    def _inside(self, value: dict[str, Any], front: str) -> str | None:
        for name in self._required:
            if name not in value:
                return f"{front}{name} is missing"
        for name, schema in self._properties.items():
            if name in value:
                part = self._part(f"properties/{name}", schema)
                if found := part(value[name], f"{front}{name}"):
                    return found
        extra = next((name for name in value if name not in self._properties), None) if self._closed else None
        return None if extra is None else f"{front}{extra} is not allowed"

    def _part(self, name: str, schema: Any) -> Check:
        """The check of a part, made when a value first has it: a schema may hold itself."""
        if name not in self._parts:
            self._parts[name] = Check(schema, self._root, self._depth + 1)
        return self._parts[name]


def _sure(schema: Any, root: Any) -> Any:
    """The schema that a reference names; an empty one, which takes everything, where nobody knows it.

    Keywords beside a `$ref` are left out: which of them are in force depends on the draft.
    """
    found = resolve(schema, root, beside=False)
    return found.schema if found.complete else {}


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return kind not in _TYPES or isinstance(value, _TYPES[kind])


def _kind(value: Any) -> str:
    name = next(name for name in _TYPES if _is(value, name))
    return "null" if name == "null" else f"{'an' if name[0] in 'aio' else 'a'} {name}"
