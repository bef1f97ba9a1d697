"""What differs in manner between the tool lists of two different servers: keywords, names, conventions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from godot_analysis.comparison._difference import difference
from godot_analysis.reading.names import family
from godot_analysis.schema.keywords import closed
from godot_analysis.schema.pointers import join
from godot_analysis.schema.walk import subschemas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from godot_analysis.comparison._difference import Difference

__all__ = ["style_differences"]

_MOST_NAMED: Final = 5
_BARE: Final = frozenset({"name", "inputSchema"})

Traits = dict[str, list[str]]
"""Trait → the tools that have it."""


def style_differences(left: Sequence[Any], right: Sequence[Any], path: str = "style") -> list[Difference]:
    """The traits that only one of two lists has; none of them breaks anybody by itself."""
    found: list[Difference] = []
    for aspect, traits_of in _ASPECTS.items():
        mine, theirs = _collect(left, traits_of), _collect(right, traits_of)
        for trait in sorted(mine.keys() ^ theirs.keys()):
            one, two = mine.get(trait), theirs.get(trait)
            where = "right" if one is None else "left"
            named = one or two or []
            told = f"{aspect}: {trait}, on the {where} only, in {_named(named)}"
            found.append(
                difference(join(path, aspect, trait), "style", _few(one), _few(two), told, tool=named[0])
            )
    return found


def _collect(tools: Sequence[Any], traits_of: Callable[[dict[str, Any]], Iterable[str]]) -> Traits:
    found: Traits = {}
    for tool in tools:
        if isinstance(tool, dict):
            for trait in dict.fromkeys(traits_of(tool)):
                found.setdefault(trait, []).append(str(tool.get("name")))
    return found


def _keywords(tool: dict[str, Any]) -> Iterable[str]:
    for member in ("inputSchema", "outputSchema"):
        for _, schema in subschemas(tool.get(member), member):
            yield from map(str, schema)
            if isinstance(schema.get("type"), list):
                yield "type union"


def _members(tool: dict[str, Any]) -> Iterable[str]:
    return (str(member) for member in tool if member not in _BARE)


def _conventions(tool: dict[str, Any]) -> Iterable[str]:
    schema = tool.get("inputSchema")
    if not isinstance(schema, dict):
        yield "no input schema"
        return
    if not schema.get("required"):
        yield "required is an empty list" if "required" in schema else "required is left out"
    if not schema.get("properties"):
        yield "properties is empty" if "properties" in schema else "properties is left out"
    yield "further arguments are " + ("refused" if closed(schema) else "accepted")


def _names(tool: dict[str, Any]) -> Iterable[str]:
    name = str(tool.get("name"))
    for separator in re.findall(r"__|[^a-zA-Z0-9]", name):
        yield f"separated by {separator}"
    if re.search(r"[a-z][A-Z]", name):
        yield "in camelCase"
    if family(name) is None:
        yield "without the server's name in front"


_ASPECTS: Final[dict[str, Callable[[dict[str, Any]], Iterable[str]]]] = {
    "keyword": _keywords,
    "member": _members,
    "convention": _conventions,
    "name": _names,
}


def _few(tools: list[str] | None) -> list[str] | None:
    return None if tools is None else tools[:_MOST_NAMED]


def _named(tools: list[str]) -> str:
    more = len(tools) - _MOST_NAMED
    return ", ".join(tools[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
