"""The whole list of a server's tools, whatever number of pages it comes in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import mcp_types as types

if TYPE_CHECKING:
    from mcp.client.session import ClientSession

_MOST_PAGES: Final = 10


async def all_tools(session: ClientSession) -> list[types.Tool]:
    """Every page of `tools/list`, in order; a server whose cursor does not move on is left after some."""
    tools: list[types.Tool] = []
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = await session.list_tools(
            params=types.PaginatedRequestParams(cursor=cursor) if cursor else None
        )
        tools += page.tools
        cursor = page.next_cursor
        if cursor is None:
            break
    return tools
