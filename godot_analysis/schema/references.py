"""`$ref`: finds what a schema refers to, and says when it is not there."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import unquote

from godot_analysis.schema.keywords import DEFINITIONS, members
from godot_analysis.schema.pointers import MISSING, follow

__all__ = ["Resolved", "is_local", "reference_of", "resolve"]

_LONGEST_CHAIN: Final = 32


class Resolved:
    """A schema with its reference followed; `dangling` is the reference that leads nowhere."""

    __slots__ = ("dangling", "schema")

    def __init__(self, schema: Any, dangling: str | None = None) -> None:
        self.schema = schema
        self.dangling = dangling

    @property
    def complete(self) -> bool:
        """Whether nothing is left to follow: no reference leads nowhere, or out of the document."""
        return self.dangling is None and reference_of(self.schema) is None


def reference_of(schema: Any) -> str | None:
    """The `$ref` of a schema, None where it has none."""
    reference = schema.get("$ref") if isinstance(schema, dict) else None
    return reference if isinstance(reference, str) else None


def is_local(reference: str) -> bool:
    """Whether it points into its own document; hosts do not fetch others."""
    return reference.startswith("#")


def resolve(schema: Any, root: Any, *, beside: bool = True) -> Resolved:
    """Follow the `$ref` of a schema through its document.

    Keywords beside it stay in force, as since draft 2019-09, unless `beside` is false, as before it.

    >>> resolve({"$ref": "#/$defs/X", "minLength": 1}, {"$defs": {"X": {"type": "string"}}}).schema
    {'type': 'string', 'minLength': 1}
    >>> resolve({"$ref": "#/$defs/Y"}, {"$defs": {}}).dangling
    '#/$defs/Y'
    """
    followed: set[str] = set()
    while (reference := reference_of(schema)) is not None and is_local(reference):
        target = _find(unquote(reference[1:]), root)
        if target is MISSING or reference in followed or len(followed) > _LONGEST_CHAIN:
            return Resolved(schema, reference)
        followed.add(reference)
        kept = {key: value for key, value in schema.items() if key != "$ref"} if beside else {}
        schema = {**target, **kept} if kept and isinstance(target, dict) else target
    return Resolved(schema)


def _find(fragment: str, root: Any) -> Any:
    """What a fragment names: a place by its pointer, or a definition by its anchor."""
    if not fragment or fragment.startswith("/"):
        return follow(fragment, root)
    held = (schema for place in DEFINITIONS for schema in members(root, place).values())
    named = (schema for schema in held if isinstance(schema, dict) and schema.get("$anchor") == fragment)
    return next(named, MISSING)
