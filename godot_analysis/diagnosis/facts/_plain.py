"""Tells messages that every official schema of the handshake era surely allows, without loading one.

Most messages are of the simplest form: text in, text out. Only what is not needs the schema itself, which is
right about everything; what is plain here is sound there, as a test with random messages holds.
"""

from __future__ import annotations

from typing import Any, Final

__all__ = ["plain_answer", "plain_request"]

_ABLE: Final = frozenset({"tools", "resources", "prompts", "logging", "completions", "experimental"})
_META: Final = frozenset({"traceparent", "progressToken"})  # other names may be those of the stateless era
_NAME: Final = frozenset({"name", "version", "title", "description", "websiteUrl"})
_TOOL: Final = frozenset(
    {"name", "title", "description", "inputSchema", "outputSchema", "annotations", "_meta"}
)
_HINTS: Final = frozenset({"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"})
_SCHEMA: Final = frozenset(
    {"type", "properties", "required", "additionalProperties", "title", "$schema", "$defs"}
)


def plain_request(method: str, request: dict[str, Any]) -> bool:
    """Whether a request is surely sound."""
    params = request.get("params", {})
    if not isinstance(params, dict) or not _plain_meta(params.get("_meta", {})):
        return False
    if method == "initialize":
        return (
            params.keys() <= {"protocolVersion", "capabilities", "clientInfo", "_meta"}
            and isinstance(params.get("protocolVersion"), str)
            and _plain_wishes(params.get("capabilities"))
            and _plain_name(params.get("clientInfo"))
        )
    if method == "tools/list":
        return params.keys() <= {"cursor", "_meta"} and isinstance(params.get("cursor", ""), str)
    return (
        method == "tools/call"
        and params.keys() <= {"name", "arguments", "_meta"}
        and isinstance(params.get("name"), str)
        and isinstance(params.get("arguments", {}), dict)
    )


def plain_answer(method: str, result: dict[str, Any]) -> bool:
    """Whether a result is surely sound."""
    if method == "initialize":
        return (
            result.keys() <= {"protocolVersion", "capabilities", "serverInfo", "instructions"}
            and isinstance(result.get("protocolVersion"), str)
            and isinstance(result.get("instructions", ""), str)
            and _plain_abilities(result.get("capabilities"))
            and _plain_name(result.get("serverInfo"))
        )
    if method == "tools/list":
        tools = result.get("tools")
        return (
            result.keys() <= {"tools", "nextCursor"}
            and isinstance(result.get("nextCursor", ""), str)
            and isinstance(tools, list)
            and all(map(_plain_tool, tools))
        )
    content = result.get("content")
    return (
        method == "tools/call"
        and result.keys() <= {"content", "isError", "structuredContent"}
        and isinstance(content, list)
        and all(map(_plain_text, content))
        and isinstance(result.get("isError", False), bool)
        and isinstance(result.get("structuredContent", {}), dict)
    )


def _plain_meta(meta: Any) -> bool:
    return (
        isinstance(meta, dict)
        and meta.keys() <= _META
        and all(type(value) in {str, int} for value in meta.values())
    )


def _plain_name(info: Any) -> bool:
    return isinstance(info, dict) and {"name", "version"} <= info.keys() <= _NAME and _texts(info)


def _plain_wishes(able: Any) -> bool:
    """What a client is able to."""
    return (
        isinstance(able, dict)
        and able.keys() <= {"roots", "sampling", "elicitation"}
        and able.get("sampling", {}) == able.get("elicitation", {}) == {}
        and _plain_ability(able.get("roots", {}))
    )


def _plain_abilities(able: Any) -> bool:
    """What a server is able to."""
    return (
        isinstance(able, dict)
        and able.keys() <= _ABLE
        and able.get("experimental", {}) == {}
        and all(map(_plain_ability, able.values()))
    )


def _plain_ability(ability: Any) -> bool:
    return isinstance(ability, dict) and ability.keys() <= {"listChanged", "subscribe"} and _flags(ability)


def _plain_tool(tool: Any) -> bool:
    return (
        isinstance(tool, dict)
        and tool.keys() <= _TOOL
        and isinstance(tool.get("name"), str)
        and isinstance(tool.get("title", ""), str)
        and isinstance(tool.get("description", ""), str)
        and _plain_schema(tool.get("inputSchema"))
        and ("outputSchema" not in tool or _plain_schema(tool["outputSchema"]))
        and _plain_hints(tool.get("annotations", {}))
        and isinstance(tool.get("_meta", {}), dict)
    )


def _plain_hints(hints: Any) -> bool:
    return isinstance(hints, dict) and hints.keys() <= _HINTS and _flags(hints)


def _plain_schema(schema: Any) -> bool:
    if not isinstance(schema, dict):
        return False
    properties, required = schema.get("properties", {}), schema.get("required", [])
    return (
        schema.get("type") == "object"
        and schema.keys() <= _SCHEMA
        and isinstance(schema.get("$schema", ""), str)
        and isinstance(properties, dict)
        and all(isinstance(part, dict) for part in properties.values())
        and isinstance(required, list)
        and all(isinstance(name, str) for name in required)
    )


def _plain_text(part: Any) -> bool:
    return (
        isinstance(part, dict) and part.keys() == {"type", "text"} and part["type"] == "text" and _texts(part)
    )


def _texts(value: dict[str, Any]) -> bool:
    return all(isinstance(text, str) for text in value.values())


def _flags(value: dict[str, Any]) -> bool:
    return all(isinstance(flag, bool) for flag in value.values())
