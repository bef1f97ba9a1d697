"""Show a widget in any browser, without Jupyter: for tests and benchmarks."""

from __future__ import annotations

import base64
import json
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from godot_analysis.widgets._base import Widget

__all__ = ["WidgetHost"]

# The contract between anywidget and a front end (https://anywidget.dev/en/afm/), as small as it can be.
_PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,"><title>widget</title>
<link rel="stylesheet" href="widget.css"><body><div id="widget"></div><script type="module">
const post = async (path, body) =>
  (await fetch(path, { method: "POST", body: JSON.stringify(body) })).json();
const decode = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
const revive = (key, value) => (value?.$bytes === undefined ? value : decode(value.$bytes));
const listeners = new Map();
const heard = (event) => listeners.get(event) ?? [];
const changed = {};
const model = {
  get: (name) => state[name],
  set: (name, value) => { state[name] = changed[name] = value; emit(`change:${name}`); },
  save_changes: () => { post("state", changed); for (const name in changed) delete changed[name]; },
  on: (event, callback) => listeners.set(event, [...heard(event), callback]),
  off: (event, callback) => listeners.set(event, heard(event).filter((one) => one !== callback)),
  send: async (content) => {
    for (const { content: reply, buffers } of await post("message", content)) {
      emit("msg:custom", reply, buffers.map(decode));
    }
  },
};
const emit = (event, ...told) => heard(event).forEach((callback) => callback(...told));
const state = JSON.parse(await (await fetch("state")).text(), revive);
const { default: widget } = await import("./widget.js");
const began = performance.now();
const cleanup = await widget.render({ model, el: document.querySelector("#widget") });
requestAnimationFrame(() => setTimeout(() => {
  Object.assign(window, { model, listeners, cleanup, shownAfterMs: performance.now() - began });
}));
</script></body></html>
"""


class WidgetHost:
    """Serve one widget on a free port of the loopback interface; use it as a context manager.

    The page runs the widget's own script and style; what it sends reaches the widget in this process.
    """

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(widget))
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(widget: Any) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.strip("/")
            files: dict[str, tuple[str, Callable[[], str]]] = {
                "": ("text/html", lambda: _PAGE),
                "widget.js": ("text/javascript", lambda: str(widget._esm)),  # noqa: SLF001
                "widget.css": ("text/css", lambda: str(widget._css)),  # noqa: SLF001
                "state": ("application/json", lambda: json.dumps(widget.get_state(), default=_encode)),
            }
            if name not in files:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            kind, make = files[name]
            self._reply(kind, make())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path.strip("/") == "state":
                widget.set_state(body)
                self._reply("application/json", "null")
            else:
                self._reply("application/json", json.dumps(_replies(widget, body)))

        def _reply(self, kind: str, text: str) -> None:
            content = text.encode("utf-8")
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    return Handler


def _replies(widget: Any, content: dict[str, Any]) -> list[dict[str, Any]]:
    """What the widget sends when the page has sent `content`."""
    sent: list[dict[str, Any]] = []

    def send(reply: Any, buffers: list[bytes] | None = None) -> None:
        sent.append(
            {"content": reply, "buffers": [base64.b64encode(each).decode() for each in buffers or []]}
        )

    widget.send = send
    try:
        widget._handle_custom_msg(content, [])  # noqa: SLF001
    finally:
        del widget.send
    return sent


def _encode(value: object) -> dict[str, str] | str:
    if isinstance(value, bytes | memoryview):
        return {"$bytes": base64.b64encode(value).decode()}
    return str(value)
