"""MCP over Streamable HTTP for the relay: the transport of the official SDK, recorded, and its refusals."""

from __future__ import annotations

import itertools
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from godot_demo.streams import RecordedReader, RecordedWriter
from godot_demo.wire import Wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import httpx2

    from godot_loglib import ICCMLogger

_REDIRECTS: Final = 300
_numbers = itertools.count(1)


@asynccontextmanager
async def http_streams(
    url: str, logger: ICCMLogger, *, peer: str, before: Callable[[httpx2.Request], Awaitable[None]]
) -> AsyncIterator[tuple[RecordedReader, RecordedWriter]]:
    """Both directions of a connection to an MCP server; a request that HTTP refuses is logged.

    `before` sees every HTTP request before it leaves.
    """

    async def note(response: httpx2.Response) -> None:
        if response.status_code >= _REDIRECTS:
            await response.aread()
            facts = {
                "backend": peer,
                "method": response.request.method,
                "url": str(response.request.url),
                "status": response.status_code,
                "headers": {
                    name: value
                    for name, value in response.request.headers.items()
                    if name.startswith(("mcp-", "host"))
                },
                "body": response.text,
            }
            logger.warn("HTTP request failed", facts)

    async with create_mcp_http_client() as client:
        client.event_hooks = {"request": [before], "response": [note]}
        async with streamable_http_client(url, http_client=client) as (reader, writer):
            wire = Wire(logger, peer=peer, transport="http", session=f"http-{next(_numbers)}")
            yield RecordedReader(reader, wire), RecordedWriter(writer, wire)
