"""Tells messages that every official schema of the handshake era surely allows, without loading one.

Most messages are of the simplest form: text in, text out. Only what is not needs the schema itself, which is
right about everything; what is plain here is sound there, as a test with random messages holds.
"""

from __future__ import annotations

from typing import Any, Final

__all__ = ["plain_answer", "plain_request"]

# A shape is a type, a value, a list of one shape, a choice of shapes (a tuple), or an object: its keys, those
# that may be missing with a `?`, no others. `*` stands for any key.
# Other names in it may be those of the stateless era.
_META: Final = {
    "traceparent?": (str, int),
    "progressToken?": (str, int),
}  # others may be of the stateless era
_NAME: Final = {"name": str, "version": str, "title?": str, "description?": str, "websiteUrl?": str}
_ABILITY: Final = {"listChanged?": bool, "subscribe?": bool}
_ABILITIES: Final = {
    f"{name}?": _ABILITY for name in ("tools", "resources", "prompts", "logging", "completions")
}
_SCHEMA: Final = {
    "type": "object",
    "properties?": {"*": dict},
    "required?": [str],
    "additionalProperties?": object,
    "title?": object,
    "$schema?": str,
    "$defs?": object,
}
_HINTS: Final = ("readOnlyHint?", "destructiveHint?", "idempotentHint?", "openWorldHint?")
_TOOL: Final = {
    "name": str,
    "title?": str,
    "description?": str,
    "inputSchema": _SCHEMA,
    "outputSchema?": _SCHEMA,
    "annotations?": dict.fromkeys(_HINTS, bool),
    "_meta?": dict,
}
_REQUESTS: Final[dict[str, Any]] = {
    "initialize": {
        "protocolVersion": str,
        "capabilities": {"roots?": _ABILITY, "sampling?": {}, "elicitation?": {}},
        "clientInfo": _NAME,
        "_meta?": _META,
    },
    "tools/list": {"cursor?": str, "_meta?": _META},
    "tools/call": {"name": str, "arguments?": dict, "_meta?": _META},
}
_ANSWERS: Final[dict[str, Any]] = {
    "initialize": {
        "protocolVersion": str,
        "capabilities": _ABILITIES | {"experimental?": {}},
        "serverInfo": _NAME,
        "instructions?": str,
    },
    "tools/list": {"tools": [_TOOL], "nextCursor?": str},
    "tools/call": {"content": [{"type": "text", "text": str}], "isError?": bool, "structuredContent?": dict},
}


def plain_request(method: str, request: dict[str, Any]) -> bool:
    """Whether a request is surely sound."""
    return method in _REQUESTS and _fits(request.get("params", {}), _REQUESTS[method])


def plain_answer(method: str, result: dict[str, Any]) -> bool:
    """Whether a result is surely sound."""
    return method in _ANSWERS and _fits(result, _ANSWERS[method])


def _fits(value: Any, shape: Any) -> bool:
    match shape:
        case tuple():
            return any(_fits(value, one) for one in shape)
        case [each]:
            return isinstance(value, list) and all(_fits(item, each) for item in value)
        case {"*": each}:
            return isinstance(value, dict) and all(_fits(item, each) for item in value.values())
        case dict():
            return isinstance(value, dict) and _has_parts(value, shape)
        case type():
            return isinstance(value, shape) and not (shape is int and isinstance(value, bool))
    return bool(value == shape)


def _has_parts(value: dict[str, Any], shape: dict[str, Any]) -> bool:
    parts = {name.removesuffix("?"): part for name, part in shape.items()}
    needed = parts.keys() & shape.keys()
    return needed <= value.keys() <= parts.keys() and all(
        _fits(part, parts[name]) for name, part in value.items()
    )
