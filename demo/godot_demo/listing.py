"""The whole list of a server's tools, whatever number of pages it comes in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mcp_types as types

if TYPE_CHECKING:
    from mcp.client.session import ClientSession


async def all_tools(session: ClientSession) -> list[types.Tool]:
    """Every page of `tools/list`, in order."""
    tools: list[types.Tool] = []
    cursor: str | None = None
    while True:
        page = await session.list_tools(
            params=types.PaginatedRequestParams(cursor=cursor) if cursor else None
        )
        tools += page.tools
        cursor = page.next_cursor
        if cursor is None:
            return tools
