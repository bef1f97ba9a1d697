"""`$ref`: finds what a schema refers to, and says when it is not there."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import unquote

__all__ = ["Resolved", "is_local", "resolve"]

_LONGEST_CHAIN: Final = 32
_LONGEST_INDEX: Final = 10
_MISSING: Final = object()


class Resolved:
    """A schema with its reference followed; `dangling` is the reference that leads nowhere."""

    __slots__ = ("dangling", "schema")

    def __init__(self, schema: Any, dangling: str | None = None) -> None:
        self.schema = schema
        self.dangling = dangling


def is_local(reference: str) -> bool:
    """Whether it points into its own document; hosts do not fetch others."""
    return reference.startswith("#")


def resolve(schema: Any, root: Any) -> Resolved:
    """Follow the `$ref` of a schema through its document; keywords beside it stay in force.

    >>> resolve({"$ref": "#/$defs/X"}, {"$defs": {"X": {"type": "string"}}}).schema
    {'type': 'string'}
    >>> resolve({"$ref": "#/$defs/Y"}, {"$defs": {}}).dangling
    '#/$defs/Y'
    """
    followed: set[str] = set()
    while isinstance(schema, dict) and isinstance(reference := schema.get("$ref"), str):
        if not is_local(reference):
            return Resolved(schema)
        target = _find(reference, root)
        if target is _MISSING or reference in followed or len(followed) > _LONGEST_CHAIN:
            return Resolved(schema, reference)
        followed.add(reference)
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**target, **beside} if beside and isinstance(target, dict) else target
    return Resolved(schema)


def _find(reference: str, root: Any) -> Any:
    pointer = unquote(reference[1:])
    if pointer and not pointer.startswith("/"):
        return _anchored(pointer, root)
    found = root
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and key in found:
            found = found[key]
        elif (
            isinstance(found, list)
            and key.isdecimal()
            and len(key) < _LONGEST_INDEX
            and int(key) < len(found)
        ):
            found = found[int(key)]
        else:
            return _MISSING
    return found


def _anchored(name: str, root: Any) -> Any:
    for place in ("$defs", "definitions"):
        held = root.get(place) if isinstance(root, dict) else None
        for schema in held.values() if isinstance(held, dict) else ():
            if isinstance(schema, dict) and schema.get("$anchor") == name:
                return schema
    return _MISSING
