"""Python backends that list other tools than they should, or otherwise than they should."""

from __future__ import annotations

import dataclasses
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import mcp_types as types
from mcp.server.lowlevel import NotificationOptions
from mcp.shared.exceptions import MCPError

from godot_demo.backend import McpBackend

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp.server.context import ServerRequestContext
    from mcp.server.lowlevel import Server
    from mcp.server.models import InitializationOptions

    from godot_demo.tools import Tool

_PAGE: Final = 3


class _Changed(McpBackend):
    """Lists some of its tools with other fields than it should."""

    changes: Mapping[str, Mapping[str, Any]]
    """Tool → fields of its listing."""

    def listed(self) -> list[types.Tool]:
        return [tool.model_copy(update=dict(self.changes.get(tool.name, {}))) for tool in super().listed()]


class UnionRoot(_Changed):
    """Dewey searches for a text or in a session, and says so at the root of the schema."""

    changes = MappingProxyType(
        {
            "dewey_search": {
                "input_schema": {
                    "type": "object",
                    "properties": {"query": {"type": "string"}, "session_id": {"type": "string"}},
                    "oneOf": [{"required": ["query"]}, {"required": ["session_id"]}],
                }
            }
        }
    )


class SharedDefinitions(_Changed):
    """Dewey names the type of a message once, and refers to it."""

    changes = MappingProxyType(
        {
            "dewey_store_message": {
                "input_schema": {
                    "type": "object",
                    "properties": {
                        "session_id": {"type": "string"},
                        "role": {"$ref": "#/$defs/Role"},
                        "content": {"type": "string"},
                    },
                    "required": ["session_id", "role", "content"],
                    "additionalProperties": False,
                    "$defs": {"Role": {"type": "string", "enum": ["user", "assistant", "system", "tool"]}},
                }
            }
        }
    )


class ArrayWithoutItems(_Changed):
    """Fiedler does not say what its list of models holds."""

    changes = MappingProxyType(
        {
            "fiedler_set_models": {
                "input_schema": {"type": "object", "properties": {"models": {"type": "array"}}}
            }
        }
    )


class BareObject(_Changed):
    """A tool of Fiedler without arguments has a schema without properties."""

    changes = MappingProxyType({"fiedler_get_config": {"input_schema": {"type": "object"}}})


class OldDialect(_Changed):
    """Playfair names the dialect of a schema, and uses a keyword that few know."""

    changes = MappingProxyType(
        {
            "playfair_validate_syntax": {
                "input_schema": {
                    "$schema": "http://json-schema.org/draft-07/schema#",
                    "type": "object",
                    "properties": {"content": {"type": "string"}},
                    "patternProperties": {"^x-": {"type": "string"}},
                }
            }
        }
    )


class PromisesStructure(_Changed):
    """Fiedler declares what its configuration looks like, and answers with text alone."""

    changes = MappingProxyType(
        {
            "fiedler_get_config": {
                "output_schema": {
                    "type": "object",
                    "properties": {
                        "models": {"type": "array", "items": {"type": "string"}},
                        "total_available": {"type": "integer"},
                    },
                    "required": ["models", "total_available"],
                }
            }
        }
    )


class OpenSchema(_Changed):
    """Dewey takes arguments that it does not know, and ignores them."""

    changes = MappingProxyType(
        {
            "dewey_search": {
                "input_schema": {
                    "type": "object",
                    "properties": {"query": {"type": "string"}, "limit": {"type": "integer"}},
                    "required": ["query"],
                }
            }
        }
    )

    def run(self, tool: Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        return super().run(tool, {key: value for key, value in arguments.items() if key in tool.properties})


class _Renamed(McpBackend):
    """Calls one of its tools by another name."""

    names: Mapping[str, str]

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.tools = [
            dataclasses.replace(tool, name=self.names.get(tool.name, tool.name)) for tool in self.tools
        ]


class LongName(_Renamed):
    """Dewey describes a tool in its name."""

    names = MappingProxyType(
        {"dewey_list_conversations": "dewey_list_the_latest_conversations_of_all_sessions_newest_first"}
    )


class DottedName(_Renamed):
    """Dewey puts a dot between its name and the tool's."""

    names = MappingProxyType({"dewey_search": "dewey.search"})


class DashedName(_Renamed):
    """Dewey writes a name with dashes."""

    names = MappingProxyType({"dewey_search": "dewey-search"})


class PlainSearch(_Renamed):
    """Dewey calls its search just that."""

    names = MappingProxyType({"dewey_search": "search"})


class PlainSearchToo(_Renamed):
    """Fiedler calls the question to a model a search."""

    names = MappingProxyType({"fiedler_send": "search"})


class DeclaresNoTools(McpBackend):
    """Has tools and does not declare so."""

    def options(self, server: Server[Any]) -> InitializationOptions:
        options = super().options(server)
        return options.model_copy(
            update={"capabilities": types.ServerCapabilities(logging=types.LoggingCapability())}
        )


class ListsTooEarly(McpBackend):
    """Registers its tools only after it was asked for them the first time."""

    ready = False

    def listed(self) -> list[types.Tool]:
        found = super().listed() if self.ready else []
        self.ready = True
        return found


class CannotList(McpBackend):
    """Fails when it is asked for its tools."""

    def listed(self) -> list[types.Tool]:
        raise MCPError(types.INTERNAL_ERROR, "The registry of tools cannot be read")


class Grows(McpBackend):
    """Has one more tool after its first call, and says so."""

    announces = True
    _hidden: Tool | None = None

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._hidden = self.tools.pop()

    def options(self, server: Server[Any]) -> InitializationOptions:
        return server.create_initialization_options(NotificationOptions(tools_changed=True))

    async def call_tool(
        self, context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        result = await super().call_tool(context, params)
        if self._hidden is not None:
            self.tools.append(self._hidden)
            self._hidden = None
            if self.announces:
                await context.session.send_tool_list_changed()
        return result


class GrowsSilently(Grows):
    """Has one more tool after its first call, and does not say so."""

    announces = False


class Pages(McpBackend):
    """Lists its tools in pages."""

    async def list_tools(
        self, _context: ServerRequestContext[Any], params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        first = int(params.cursor) if params is not None and params.cursor else 0
        end = first + _PAGE
        return types.ListToolsResult(
            tools=self.listed()[first:end], next_cursor=str(end) if end < len(self.tools) else None
        )


class StuckCursor(McpBackend):
    """Lists its tools in pages, and forgets to move on."""

    async def list_tools(
        self, _context: ServerRequestContext[Any], _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=self.listed()[:_PAGE], next_cursor=str(_PAGE))
