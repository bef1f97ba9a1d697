"""Hosts with ways of their own: what they refuse, hide or rewrite. None of them tells the server."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from godot_demo.client import PREFIX, Host

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import mcp_types as types

_LONGEST: Final = 64
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]+")
_UNIONS: Final = frozenset({"oneOf", "anyOf", "allOf"})
_PLAIN: Final = frozenset({"type", "properties", "required", "additionalProperties", "description", "$defs"})


class DropsUnions(Host):
    """Leaves out every tool whose schema is a choice at its root, as Claude Code does."""

    def choose(self, tools: Sequence[types.Tool]) -> Sequence[types.Tool]:
        return [tool for tool in tools if not _UNIONS & tool.input_schema.keys()]


class _Provider(Host):
    """Hands the whole list to its model's provider, which refuses it as a whole for one bad tool."""

    problem: Callable[[types.Tool], str | None]
    _refusal: str | None = None

    def choose(self, tools: Sequence[types.Tool]) -> Sequence[types.Tool]:
        for number, tool in enumerate(tools):
            problem = type(self).problem(tool)
            if problem is not None:
                self._refusal = f"400 invalid_request_error: tools.{number}: {problem}"
                self.logger.error("The provider refused the request", {"error": self._refusal})
                return []
        return tools

    def refuse(self, tool: str) -> str:
        if self._refusal is None:
            return super().refuse(tool)
        self.logger.error("No answer from the provider", {"error": self._refusal})
        return self._refusal


class OpenAiProvider(_Provider):
    """With the rules of one whose names and schemas have to be of a certain form."""

    @staticmethod
    def problem(tool: types.Tool) -> str | None:
        name = PREFIX + tool.name
        schema = tool.input_schema
        if len(name) > _LONGEST:
            return (
                f"Invalid 'tools[].function.name': string too long. Expected a string with maximum length "
                f"{_LONGEST}, but got a string with length {len(name)} instead. (string_above_max_length)"
            )
        if not _NAME.fullmatch(name):
            return "Invalid 'tools[].function.name': string does not match pattern '^[a-zA-Z0-9_-]+$'."
        if schema.get("type") == "object" and "properties" not in schema:
            return f"Invalid schema for function '{name}': object schema missing properties."
        for key, part in schema["properties"].items():
            if part.get("type") == "array" and "items" not in part:
                return f"Invalid schema for function '{name}': In '{key}', array schema missing items."
        return None


class StrictProvider(_Provider):
    """With rules that know a few keywords and no others."""

    @staticmethod
    def problem(tool: types.Tool) -> str | None:
        unknown = sorted(tool.input_schema.keys() - _PLAIN)
        return f"Unsupported keyword in the schema of {PREFIX}{tool.name}: {unknown[0]}" if unknown else None


class TakesSixteen(Host):
    """Takes so many tools of all servers together, and no more."""

    limit: Final = 16

    def choose(self, tools: Sequence[types.Tool]) -> Sequence[types.Tool]:
        return tools[: self.limit]

    def remarks(self) -> dict[str, Any]:
        return {"limit": self.limit}


class AllowsSome(Host):
    """Has a list of what is allowed in its settings, from before Dewey was there."""

    def choose(self, tools: Sequence[types.Tool]) -> Sequence[types.Tool]:
        return [tool for tool in tools if not tool.name.startswith("dewey_")]


class PlanMode(Host):
    """Hides in this mode what changes something."""

    def choose(self, tools: Sequence[types.Tool]) -> Sequence[types.Tool]:
        return [tool for tool in tools if not tool.name.startswith(("dewey_store", "dewey_delete"))]

    def refuse(self, tool: str) -> str:
        text = f"unknown tool name: {tool}"
        self.logger.error(text, {"tool_name": tool, "mode": "plan", "visibility": "hidden"})
        return text


class RewritesDashes(Host):
    """Offers names in a form that its model likes better, and calls the tool by that."""

    def choose(self, tools: Sequence[types.Tool]) -> Sequence[types.Tool]:
        return [tool.model_copy(update={"name": tool.name.replace("-", "_")}) for tool in tools]


class EncodesTwice(Host):
    """Puts an argument that is an object into JSON before the message is."""

    def spell(self, tool: str, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return tool, {
            key: json.dumps(value) if isinstance(value, dict) else value for key, value in arguments.items()
        }
