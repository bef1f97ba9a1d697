"""How components write down the messages they see: whole, by arrows, or as the original system does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from diagnosing.journal import Journal, Writer

__all__ = ["ROUTER_SAYS", "STYLES", "WHOLE", "Sight", "write"]

WHOLE: Final = ("verbatim", "arrow")
"""The styles that show handshakes and lists word for word."""

CALL: Final = "tools/call"

ROUTER_SAYS: Final = {
    "not_connected": "Failed to connect to backend {server}",
    "connection_lost": "Backend connection lost, reconnecting: {server}",
    "idle_connection_lost": "Backend connection lost: {server}",
    "call_failed": "Tool call failed: {tool}",
    "call_given_up": "Tool call failed",
}
"""What the original's relay says of its backends, in whichever words the others speak."""


@dataclass
class Sight:
    """One message as one of its ends sees it; `about` is the request that it is, or answers."""

    sent: bool
    peer: str
    payload: Any
    about: dict[str, Any]
    transport: str
    session: str | None
    trace: str | None
    marks: dict[str, Any] = field(default_factory=dict)  # what one component remembers of one connection

    @property
    def request(self) -> bool:
        """Whether it asks something, rather than answers or tells."""
        return isinstance(self.payload, dict) and "method" in self.payload and "id" in self.payload

    @property
    def answer(self) -> bool:
        """Whether it answers."""
        return isinstance(self.payload, dict) and "method" not in self.payload

    @property
    def error(self) -> str | None:
        """The error that it tells."""
        found = self.payload.get("error") if self.answer else None
        return found.get("message") if isinstance(found, dict) else None


def write(style: str, journal: Journal, writer: Writer, sight: Sight) -> None:
    """Let a component write down a message in its style."""
    STYLES[style](journal, writer, sight)


def _verbatim(journal: Journal, writer: Writer, sight: Sight) -> None:
    direction = "sent" if sight.sent else "received"
    mcp = {"direction": direction, "peer": sight.peer, "transport": sight.transport, "payload": sight.payload}
    if sight.session is not None:
        mcp["session"] = sight.session
    journal.tell(
        writer, "TRACE", f"{direction} {sight.about.get('method', 'text')}", {"mcp": mcp}, sight.trace
    )


def _arrow(journal: Journal, writer: Writer, sight: Sight) -> None:
    if not isinstance(sight.payload, dict):
        return
    arrow = "→" if sight.sent else "←"
    key = "response" if sight.answer else "request" if sight.request else "notification"
    journal.tell(writer, "TRACE", f"{arrow} {sight.peer}", {key: sight.payload}, sight.trace)


def _router(journal: Journal, writer: Writer, sight: Sight) -> None:
    if sight.about.get("method") != CALL or not isinstance(sight.payload, dict):
        return
    params = sight.about["params"]
    tool, trace = params["name"], sight.trace
    if sight.request and not sight.sent:
        told = {"tool_name": tool, "arguments": params.get("arguments")}
        journal.tell(writer, "TRACE", f"Tool call received: {tool}", told, trace)
    elif sight.request:
        told = {"tool_name": tool, "backend": sight.peer, "backend_url": sight.marks.get("url")}
        journal.tell(writer, "TRACE", f"Routing tool to backend: {sight.peer}", told, trace)
        sending = {"request": sight.payload}
        journal.tell(writer, "TRACE", f"Sending request to backend: {sight.peer}", sending, trace)
    elif sight.answer and not sight.sent:
        told = {"response": sight.payload, "has_error": "error" in sight.payload}
        journal.tell(writer, "TRACE", f"Received response from backend: {sight.peer}", told, trace)


def _gates(journal: Journal, writer: Writer, sight: Sight) -> None:
    if not isinstance(sight.payload, dict):
        return
    if sight.sent and sight.answer:
        _gates_answers(journal, writer, sight)
    elif not sight.sent and not sight.answer:
        _gates_receives(journal, writer, sight)


def _gates_answers(journal: Journal, writer: Writer, sight: Sight) -> None:
    method, failed = sight.about.get("method"), sight.error is not None
    own, inner = sight.marks.pop(("traces", sight.about.get("id")), (None, None))
    size = len(str(sight.payload))
    if method == CALL:
        tool = sight.about["params"]["name"]
        if failed:
            journal.tell(writer, "ERROR", "Tool error", {"tool_name": tool, "error": sight.error}, inner)
        else:
            told = {"tool_name": tool, "result_size": size}
            journal.tell(writer, "TRACE", "Tool call completed successfully", told, inner)
    elif failed:
        wrong = {"method": method, "error": sight.error, "error_type": "Error"}
        journal.tell(writer, "ERROR", "MCP request failed", wrong, own)
    done = {"method": method, "response_size": size, "has_error": "error" in sight.payload}
    journal.tell(writer, "TRACE", "MCP request completed", done, own)


def _gates_receives(journal: Journal, writer: Writer, sight: Sight) -> None:
    method, number = sight.about.get("method"), sight.about.get("id")
    own, inner = journal.identity(), journal.identity()
    if not sight.request:
        journal.tell(writer, "TRACE", "MCP request received", {"method": method}, own)
        if method == "notifications/initialized":
            journal.tell(writer, "ERROR", "Unknown MCP method", {"method": method}, own)
            failed = {"method": method, "error": f"Unknown method: {method}", "error_type": "Error"}
            journal.tell(writer, "ERROR", "MCP request failed", failed, own)
        return
    sight.marks["traces", number] = own, inner
    told = {"method": method, "request_id": number}
    if method in {CALL, "initialize"}:
        told["params"] = sight.payload.get("params")
    journal.tell(writer, "TRACE", "MCP request received", told, own)
    if method == CALL:
        params = sight.payload["params"]
        handled = {"tool_name": params["name"], "has_arguments": bool(params.get("arguments"))}
        journal.tell(writer, "TRACE", "Handling tools/call request", handled, own)
        got = {"tool_name": params["name"], "arguments": params.get("arguments"), "queue_size": 0}
        journal.tell(writer, "TRACE", "Tool call received", got, inner)


def _brief(journal: Journal, writer: Writer, sight: Sight, *, named: bool) -> None:
    """What Dewey and Playfair write: method and id; Playfair names the connection and its answers, too."""
    if not isinstance(sight.payload, dict):
        return
    method, number = sight.about.get("method"), sight.about.get("id")
    client = {"client_id": sight.session} if named else {}
    call = sight.about["params"]["name"] if method == CALL else None
    if not sight.sent and not sight.answer:
        journal.tell(writer, "TRACE", "MCP request received", {**client, "method": method, "id": number})
        if call is not None:
            has = bool(sight.payload["params"].get("arguments"))
            journal.tell(writer, "TRACE", "Tool call started", {**client, "tool_name": call, "has_args": has})
    elif sight.sent and sight.answer:
        if call is not None:
            if sight.error is not None:
                told = {**client, "tool_name": call, "error": sight.error}
                journal.tell(writer, "ERROR", "Tool error", told)
            done = {**client, "tool_name": call, "success": sight.error is None}
            journal.tell(writer, "TRACE", "Tool call completed", done)
        elif sight.error is not None:
            told = {**client, "method": method, "error": sight.error}
            journal.tell(writer, "ERROR", "MCP request failed", told)
        if named:
            journal.tell(writer, "TRACE", "MCP response sent", {**client, "method": method, "id": number})


def _dewey(journal: Journal, writer: Writer, sight: Sight) -> None:
    _brief(journal, writer, sight, named=False)


def _playfair(journal: Journal, writer: Writer, sight: Sight) -> None:
    _brief(journal, writer, sight, named=True)


def _silent(journal: Journal, writer: Writer, sight: Sight) -> None:
    """Write nothing down."""


STYLES: Final[dict[str, Callable[[Journal, Writer, Sight], None]]] = {
    "verbatim": _verbatim,
    "arrow": _arrow,
    "router": _router,
    "gates": _gates,
    "dewey": _dewey,
    "playfair": _playfair,
    "silent": _silent,
}
