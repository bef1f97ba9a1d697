"""What a tool is, for the Python backends and for the relay: its schema, its check, its answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import mcp_types as types
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

if TYPE_CHECKING:
    from collections.abc import Callable


class ToolError(Exception):
    """A tool could not do what it was asked; the text is for whoever asked."""


@dataclass(frozen=True)
class Tool:
    """One tool: its arguments as properties of an object schema, and what it does."""

    name: str
    description: str
    run: Callable[..., Any]
    properties: dict[str, Any]
    required: tuple[str, ...] = ()

    @cached_property
    def input_schema(self) -> dict[str, Any]:
        """The schema as listed: closed, with explicit properties, so that every host accepts it."""
        schema: dict[str, Any] = {"type": "object", "properties": self.properties}
        if self.required:
            schema["required"] = list(self.required)
        return schema | {"additionalProperties": False}

    def listed(self) -> types.Tool:
        """The tool as `tools/list` shows it."""
        return types.Tool(name=self.name, description=self.description, input_schema=self.input_schema)

    def check(self, arguments: dict[str, Any]) -> None:
        """Raise `ToolError` for arguments that do not fit the schema."""
        problem = best_match(Draft202012Validator(self.input_schema).iter_errors(arguments))
        if problem is not None:
            raise ToolError(f"Invalid arguments for tool {self.name}: {problem.message}")


def text_result(value: Any, *, is_error: bool = False) -> types.CallToolResult:
    """A tool's answer as MCP wants it: text, indented JSON for anything that is none."""
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=is_error)
