"""The relay's own tools: backends managed at run time, none of it written to the backends file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mcp_types as types
from mcp.shared.exceptions import MCPError

from godot_demo.routes import Backend, Routes
from godot_demo.tools import Tool, ToolError, text_result

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAME = {"name": {"type": "string", "description": "Name of the backend.", "minLength": 1}}
_URL = {"url": {"type": "string", "description": "Where it listens, ws://…", "pattern": "^wss?://"}}


class Management:
    """What the relay answers by itself."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes
        self.tools: Sequence[Tool] = (
            Tool("relay_add_server", "Connect to one more backend.", self.add, _NAME | _URL, ("name", "url")),
            Tool("relay_remove_server", "Disconnect a backend.", self.remove, _NAME, ("name",)),
            Tool("relay_reconnect_server", "Connect to a backend again.", self.reconnect, _NAME, ("name",)),
            Tool("relay_list_servers", "List the backends.", self.list_servers, {}),
            Tool("relay_get_status", "Tell how each backend is connected.", self.get_status, {}),
        )

    def find(self, name: str) -> Tool | None:
        """The management tool of this name."""
        return next((tool for tool in self.tools if tool.name == name), None)

    async def call(self, tool: Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        """Do what was asked."""
        try:
            tool.check(arguments)
        except ToolError as error:
            return text_result(str(error), is_error=True)
        return text_result(await tool.run(**arguments))

    async def add(self, name: str, url: str) -> dict[str, Any]:
        """Connect to one more backend, until the relay ends."""
        if name in self._routes.backends:
            raise MCPError(types.INTERNAL_ERROR, f"Server already exists: {name}")
        backend = self._routes.backends[name] = Backend(name, url)
        return {"name": name, "connected": await self._routes.connect(backend), "tools": len(backend.tools)}

    async def remove(self, name: str) -> dict[str, Any]:
        """Disconnect a backend and forget it."""
        self._routes.release(self._of(name))
        del self._routes.backends[name]
        return {"removed": name}

    async def reconnect(self, name: str) -> dict[str, Any]:
        """Connect to a backend again and take its list as it is now."""
        backend = self._of(name)
        self._routes.release(backend)
        return {"name": name, "connected": await self._routes.connect(backend), "tools": len(backend.tools)}

    async def list_servers(self) -> dict[str, Any]:
        """Names and addresses."""
        return {"servers": [{"name": b.name, "url": b.url} for b in self._routes.backends.values()]}

    async def get_status(self) -> dict[str, Any]:
        """How each backend is connected, as far as the relay knows."""
        return {
            "servers": [
                {"name": b.name, "connected": b.connected, "tools": [tool.name for tool in b.tools]}
                for b in self._routes.backends.values()
            ]
        }

    def _of(self, name: str) -> Backend:
        try:
            return self._routes.backends[name]
        except KeyError:
            raise MCPError(types.INTERNAL_ERROR, f"Unknown server: {name}") from None
