"""Tells messages that every official schema of the handshake era surely allows, without loading one.

Most messages are of the simplest form: text in, text out. Only what is not needs the schema itself, which is
right about everything; what is plain here is sound there, as a test with random messages holds.
"""

from __future__ import annotations

from typing import Any, Final

__all__ = ["plain_answer", "plain_request"]

_ABLE: Final = frozenset({"tools", "resources", "prompts", "logging", "completions"})


def plain_request(method: str, request: dict[str, Any]) -> bool:
    """Whether a request is surely sound."""
    params = request.get("params", {})
    if not isinstance(params, dict) or not _plain_meta(params.get("_meta", {})):
        return False
    if method == "initialize":
        return (
            params.keys() <= {"protocolVersion", "capabilities", "clientInfo"}
            and isinstance(params.get("protocolVersion"), str)
            and params.get("capabilities") == {}
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
            result.keys() <= {"protocolVersion", "capabilities", "serverInfo"}
            and isinstance(result.get("protocolVersion"), str)
            and _plain_abilities(result.get("capabilities"))
            and _plain_name(result.get("serverInfo"))
        )
    if method == "tools/list":
        tools = result.get("tools")
        return result.keys() <= {"tools"} and isinstance(tools, list) and all(map(_plain_tool, tools))
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
    return isinstance(meta, dict) and meta.keys() <= {"traceparent"} and _texts(meta)


def _plain_name(info: Any) -> bool:
    return isinstance(info, dict) and info.keys() == {"name", "version"} and _texts(info)


def _plain_abilities(able: Any) -> bool:
    return isinstance(able, dict) and able.keys() <= _ABLE and all(map(_plain_ability, able.values()))


def _plain_ability(ability: Any) -> bool:
    return isinstance(ability, dict) and (
        not ability or (ability.keys() == {"listChanged"} and _flags(ability))
    )


def _plain_tool(tool: Any) -> bool:
    if not isinstance(tool, dict) or not tool.keys() <= {"name", "description", "inputSchema"}:
        return False
    schema = tool.get("inputSchema")
    texts = isinstance(tool.get("name"), str) and isinstance(tool.get("description", ""), str)
    return texts and isinstance(schema, dict) and _plain_schema(schema)


def _plain_schema(schema: dict[str, Any]) -> bool:
    properties, required = schema.get("properties", {}), schema.get("required", [])
    return (
        schema.get("type") == "object"
        and schema.keys() <= {"type", "properties", "required", "additionalProperties"}
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
