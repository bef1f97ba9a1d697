"""Python backends that are served over Streamable HTTP, where the SDK leaves no room to record messages."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, ClassVar

import anyio
import uvicorn
from mcp.server.auth.settings import AuthSettings
from mcp.server.transport_security import TransportSecuritySettings

from godot_demo.backend import McpBackend
from godot_demo.lifetime import until_stopped

if TYPE_CHECKING:
    from mcp.server.auth.provider import AccessToken, TokenVerifier


class OverHttp(McpBackend):
    """Is what it should be, over Streamable HTTP."""

    security: ClassVar[TransportSecuritySettings | None] = None
    auth: ClassVar[AuthSettings | None] = None
    tokens: ClassVar[TokenVerifier | None] = None

    async def serve(self, *, host: str, port: int) -> None:
        app = self.server().streamable_http_app(
            json_response=True,
            transport_security=self.security,
            auth=self.auth,
            token_verifier=self.tokens,
            host=host,
        )

        with socket.create_server((host, port)) as listening:
            chosen = listening.getsockname()[1]
            server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
            async with until_stopped() as stop, anyio.create_task_group() as tasks:
                tasks.start_soon(server._serve, [listening])  # noqa: SLF001  # `serve` would take the signals
                self.announce(host, chosen, url=f"http://{host}:{chosen}/mcp")
                await stop.wait()
                server.should_exit = True


class GuardsHost(OverHttp):
    """Knows itself under another name than that by which the relay calls it, as in a container."""

    security = TransportSecuritySettings(allowed_hosts=["dewey:*"])


class _NoTokens:
    """Knows no token as valid."""

    async def verify_token(self, token: str) -> AccessToken | None:  # as the SDK calls it
        return None


class WantsToken(OverHttp):
    """Serves only who brings a token, which nobody has given to the relay."""

    auth = AuthSettings.model_validate({"issuer_url": "http://localhost/tokens", "resource_server_url": None})
    tokens = _NoTokens()
