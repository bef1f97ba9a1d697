"""The daemon's HTTP side for machines: /metrics, /healthz, /readyz."""

from __future__ import annotations

import json
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final

from prometheus_client.exposition import CONTENT_TYPE_LATEST

from godot_daemon.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable

_REQUEST_SECONDS: Final = 5.0
_JSON: Final = "application/json"


class Endpoint:
    """Serves until closed.

    Parameters
    ----------
    metrics
        The exposition for /metrics.
    unhealthy
        What is wrong so that a restart would help; empty when nothing is. For /healthz.
    unready
        What is missing so that records can be moved; empty when nothing is. For /readyz.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        metrics: Callable[[], bytes],
        unhealthy: Callable[[], list[str]],
        unready: Callable[[], list[str]],
    ) -> None:
        self._metrics = metrics
        self._checks = {"/healthz": unhealthy, "/readyz": unready}
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            timeout = _REQUEST_SECONDS
            server_version = "godot"
            sys_version = ""

            def do_GET(self) -> None:
                """Answer one of the three paths."""
                status, content_type, body = answer(self.path.partition("?")[0])
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing: scrapes are not events."""

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise SetupError(
                f"cannot listen on {host}:{port}: {error.strerror}",
                "choose another --metrics-port, 0 for any",
            ) from error
        self._server.daemon_threads = True
        self.url = f"http://{host}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, name="http", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, path: str) -> tuple[HTTPStatus, str, bytes]:
        if path == "/metrics":
            return HTTPStatus.OK, CONTENT_TYPE_LATEST, self._metrics()
        check = self._checks.get(path)
        if check is None:
            known = ["/metrics", *self._checks]
            return HTTPStatus.NOT_FOUND, _JSON, json.dumps({"error": "no such page", "pages": known}).encode()
        problems = check()
        status = HTTPStatus.SERVICE_UNAVAILABLE if problems else HTTPStatus.OK
        return status, _JSON, json.dumps({"ok": not problems, "problems": problems}).encode()
