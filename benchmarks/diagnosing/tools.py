"""The tools of a random system: names, schemas, arguments that fit them, and results that are in order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from diagnosing.words import NOUNS, VERBS

if TYPE_CHECKING:
    import random

__all__ = ["OUTPUT", "Tool", "arguments_for", "make_tools", "result_of", "text"]

Tool = dict[str, Any]

OUTPUT: Tool = {
    "type": "object",
    "properties": {"total": {"type": "integer"}, "items": {"type": "array", "items": {"type": "string"}}},
    "required": ["total"],
}
_FILTER: Tool = {"type": "object", "properties": {"state": {"type": "string"}, "mine": {"type": "boolean"}}}
_PROPERTIES: dict[str, Tool] = {
    "query": {"type": "string", "description": "what to look for"},
    "limit": {"type": "integer", "minimum": 1},
    "path": {"type": "string"},
    "format": {"type": "string", "enum": ["json", "text", "html"]},
    "tags": {"type": "array", "items": {"type": "string"}},
    "filter": _FILTER,
    "dry_run": {"type": "boolean"},
    "since": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
    "price": {"type": ["number", "string"]},
    "payload": {},
    "owner": {"$ref": "#/$defs/Owner"},
}
_VALUES: dict[str, list[Any]] = {
    "query": ["status", "error 500", ""],
    "limit": [1, 3, 50],
    "path": ["/data/a.md", "notes/ü.txt"],
    "format": ["json", "text"],
    "tags": [[], ["a", "b"]],
    "filter": [{}, {"state": "open"}],
    "dry_run": [True, False],
    "since": [None, "2026-11-01"],
    "price": [3, 2.5, "12.80"],
    "payload": [1, "x", {"any": ["thing"]}, '{"text": "of json"}'],
    "owner": [{"name": "ada"}],
}


def make_tools(chance: random.Random, server: str, number: int, naming: str, taken: set[str]) -> list[Tool]:
    """So many tools of one server, none of whose names is taken."""
    found: list[Tool] = []
    while len(found) < number:
        name = _named(chance.choice(VERBS), chance.choice(NOUNS), server, naming)
        if name not in taken:
            taken.add(name)
            found.append(_tool(chance, name))
    return found


def _named(verb: str, noun: str, server: str, naming: str) -> str:
    family = server.lower().replace("-mcp", "").replace("-server", "").replace("-", "_")
    return {
        "prefixed": f"{family}_{verb}_{noun}",
        "plain": f"{verb}_{noun}",
        "camel": f"{verb}{noun.capitalize()}",
        "dashed": f"{verb}-{noun}",
    }[naming]


def _tool(chance: random.Random, name: str) -> Tool:
    chosen = chance.sample(list(_PROPERTIES), chance.randint(0, 5))
    schema: Tool = {"type": "object", "properties": {key: _PROPERTIES[key] for key in chosen}}
    required = [key for key in chosen if chance.random() < 0.4]
    if required or chance.random() < 0.2:
        schema["required"] = required
    if "owner" in chosen:
        schema["$defs"] = {"Owner": {"type": "object", "properties": {"name": {"type": "string"}}}}
    if (closed := chance.choice([None, None, False, True])) is not None:
        schema["additionalProperties"] = closed
    if chance.random() < 0.15:
        schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    if not chosen and chance.random() < 0.3:
        del schema["properties"]  # legal, and nobody minds
    tool: Tool = {"name": name, "description": name.replace("_", " "), "inputSchema": schema}
    if chance.random() < 0.2:
        tool["outputSchema"] = OUTPUT
    if chance.random() < 0.2:
        tool["annotations"] = {"readOnlyHint": True}
    return tool


def arguments_for(chance: random.Random, tool: Tool) -> dict[str, Any]:
    """Arguments that the tool takes: all that is required, some of the rest, more where more is welcome."""
    schema = tool["inputSchema"]
    found = {
        key: chance.choice(_VALUES[key])
        for key in schema.get("properties", {})
        if key in _VALUES and (key in schema.get("required", ()) or chance.random() < 0.5)
    }
    if schema.get("additionalProperties") is True and chance.random() < 0.3:
        found["note"] = "anything goes"
    return found


def result_of(chance: random.Random, tool: Tool, texts: list[str]) -> dict[str, Any]:
    """A result that is in order, whatever it speaks of."""
    if "outputSchema" in tool:
        held = {"total": chance.randint(0, 3), "items": ["error", "b"]}
        return {"content": [{"type": "text", "text": json.dumps(held)}], "structuredContent": held}
    said = chance.random()
    if said < 0.1:
        return {"content": []}
    if said < 0.2:
        return {"content": [{"type": "image", "data": "aGk=", "mimeType": "image/png"}]}
    found = text(chance.choice(texts))
    return found | {"isError": False} if chance.random() < 0.3 else found


def text(said: str) -> dict[str, Any]:
    """A result that is one text."""
    return {"content": [{"type": "text", "text": said}]}
