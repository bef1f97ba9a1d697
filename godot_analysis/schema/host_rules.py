"""The checks that the rules of `hosts.json` name: each yields where a tool breaks the rule, and the facts."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from godot_analysis.schema.keywords import members, named_types
from godot_analysis.schema.pointers import join
from godot_analysis.schema.references import is_local, reference_of, resolve
from godot_analysis.schema.walk import subschemas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["LIST_CHECKS", "TOOL_CHECKS", "Broken", "Tool"]


class Broken(NamedTuple):
    """Where a rule is broken, and the facts that its message names."""

    path: str
    facts: dict[str, Any] = {}  # noqa: RUF012 - a NamedTuple's default, never changed


_SCHEMAS: Final = ("inputSchema", "outputSchema")


class Tool:
    """One tool of a list, walked once for all checks."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.told = told
        name, schema = told.get("name"), told.get("inputSchema")
        self.name: str = name if isinstance(name, str) else ""
        self.input: dict[str, Any] = schema if isinstance(schema, dict) else {}

    @cached_property
    def schemas(self) -> list[tuple[str, dict[str, Any], Any]]:
        """Every schema of the tool, with its path and the root that its references start from."""
        return [
            (path, schema, self.told.get(member))
            for member in _SCHEMAS
            for path, schema in subschemas(self.told.get(member), member)
        ]

    @cached_property
    def inputs(self) -> list[tuple[str, dict[str, Any]]]:
        """The schemas of its arguments, which alone are shown to the model."""
        return [(path, schema) for path, schema, _ in self.schemas if path.startswith(_SCHEMAS[0])]


def has_name(tool: Tool, _: Mapping[str, Any]) -> Iterator[Broken]:
    if not tool.name:
        yield Broken("name")


def name_matches(tool: Tool, given: Mapping[str, Any]) -> Iterator[Broken]:
    if tool.name and not re.fullmatch(given["pattern"], tool.name):
        yield Broken("name")


def name_does_not_begin(tool: Tool, given: Mapping[str, Any]) -> Iterator[Broken]:
    if tool.name.startswith(given["with"]):
        yield Broken("name")


def name_length(tool: Tool, given: Mapping[str, Any]) -> Iterator[Broken]:
    full = given["prefix"].format(server=given["server"]) + tool.name
    if len(full) > given["limit"]:
        yield Broken("name", {"length": len(full), "full": full})


def root_is_object(tool: Tool, _: Mapping[str, Any]) -> Iterator[Broken]:
    if tool.input.get("type") != "object":
        yield Broken("inputSchema/type")


def no_root_keyword(tool: Tool, given: Mapping[str, Any]) -> Iterator[Broken]:
    for keyword in given["keywords"]:
        if keyword in tool.input:
            yield Broken(join("inputSchema", keyword), {"keyword": keyword})


def root_has_properties(tool: Tool, _: Mapping[str, Any]) -> Iterator[Broken]:
    if tool.input.get("type") == "object" and not isinstance(tool.input.get("properties"), dict):
        yield Broken("inputSchema/properties")


def no_empty_additional_properties(tool: Tool, _: Mapping[str, Any]) -> Iterator[Broken]:
    for path, schema, _root in tool.schemas:
        if schema.get("additionalProperties") == {}:
            yield Broken(join(path, "additionalProperties"))


def arrays_have_items(tool: Tool, _: Mapping[str, Any]) -> Iterator[Broken]:
    for path, schema, _root in tool.schemas:
        if "array" in (named_types(schema) or ()) and "items" not in schema and "prefixItems" not in schema:
            yield Broken(path)


def references_resolve(tool: Tool, _: Mapping[str, Any]) -> Iterator[Broken]:
    for path, schema, root in tool.schemas:
        dangling = resolve(schema, root).dangling
        if dangling is not None:
            yield Broken(path, {"reference": dangling})


def references_are_local(tool: Tool, _: Mapping[str, Any]) -> Iterator[Broken]:
    for path, schema, _root in tool.schemas:
        reference = reference_of(schema)
        if reference is not None and not is_local(reference):
            yield Broken(path, {"reference": reference})


def no_references(tool: Tool, _: Mapping[str, Any]) -> Iterator[Broken]:
    for path, schema, _root in tool.schemas:
        reference = reference_of(schema)
        if reference is not None:
            yield Broken(path, {"reference": reference})


def property_names_match(tool: Tool, given: Mapping[str, Any]) -> Iterator[Broken]:
    for path, schema in tool.inputs:
        for name in members(schema, "properties"):
            if not re.fullmatch(given["pattern"], str(name)):
                yield Broken(join(path, "properties", str(name)))


def required_is_described(tool: Tool, _: Mapping[str, Any]) -> Iterator[Broken]:
    for path, schema, _root in tool.schemas:
        properties, required = schema.get("properties"), schema.get("required")
        if isinstance(properties, dict) and isinstance(required, list):
            for name in required:
                if not isinstance(name, str) or name not in properties:
                    yield Broken(join(path, "required"), {"name": name})


def no_keyword(tool: Tool, given: Mapping[str, Any]) -> Iterator[Broken]:
    for path, schema in tool.inputs:
        for keyword in given["keywords"]:
            if keyword in schema:
                yield Broken(join(path, keyword), {"keyword": keyword})


def dialect_is(tool: Tool, given: Mapping[str, Any]) -> Iterator[Broken]:
    for member in _SCHEMAS:
        schema = tool.told.get(member)
        dialect = schema.get("$schema") if isinstance(schema, dict) else None
        if isinstance(dialect, str) and dialect.rstrip("#") != given["dialect"]:
            yield Broken(join(member, "$schema"), {"dialect": dialect})


def root_is_closed(tool: Tool, _: Mapping[str, Any]) -> Iterator[Broken]:
    if tool.input and tool.input.get("additionalProperties", True) in (True, {}):
        yield Broken("inputSchema/additionalProperties")


def output_is_object(tool: Tool, _: Mapping[str, Any]) -> Iterator[Broken]:
    schema = tool.told.get("outputSchema")
    if schema is not None and not (isinstance(schema, dict) and schema.get("type") == "object"):
        yield Broken("outputSchema/type")


def has_description(tool: Tool, _: Mapping[str, Any]) -> Iterator[Broken]:
    if not tool.told.get("description"):
        yield Broken("description")


def description_length(tool: Tool, given: Mapping[str, Any]) -> Iterator[Broken]:
    length = len(str(tool.told.get("description") or ""))
    if length > given["limit"]:
        yield Broken("description", {"length": length})


def unique_name(tools: list[Tool], _: Mapping[str, Any]) -> Iterator[tuple[str | None, Broken]]:
    seen: set[str] = set()
    for tool in tools:
        name = tool.name
        if name and name in seen:
            yield name, Broken("name")
        seen.add(name)


def count(tools: list[Tool], given: Mapping[str, Any]) -> Iterator[tuple[str | None, Broken]]:
    if len(tools) > given["limit"]:
        yield None, Broken("", {"count": len(tools)})


TOOL_CHECKS: Final[dict[str, Callable[[Tool, Mapping[str, Any]], Iterator[Broken]]]] = {
    check.__name__: check
    for check in (
        has_name,
        name_matches,
        name_does_not_begin,
        name_length,
        root_is_object,
        no_root_keyword,
        root_has_properties,
        no_empty_additional_properties,
        arrays_have_items,
        references_resolve,
        references_are_local,
        no_references,
        property_names_match,
        required_is_described,
        no_keyword,
        dialect_is,
        root_is_closed,
        output_is_object,
        has_description,
        description_length,
    )
}
"""Checks of one tool, by the name that `hosts.json` uses."""
LIST_CHECKS: Final[
    dict[str, Callable[[list[Tool], Mapping[str, Any]], Iterator[tuple[str | None, Broken]]]]
] = {check.__name__: check for check in (unique_name, count)}
"""Checks of the whole list, which name the tool concerned themselves."""
