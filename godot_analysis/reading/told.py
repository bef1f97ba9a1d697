"""What a host says in words of the calls that it makes: a server, a tool, and that the call began or ended.

Hosts write a line when they call a tool of a server and one when the call is over, and some quote the
message itself: `[docs] Message from client: {…}`. Which server is meant stands at the head of the line or in
the data.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

__all__ = ["ToldCall", "is_about_mcp", "quoted_message", "server_at_head", "told_call"]

_ABOUT_MCP: Final = re.compile(
    r"\b(?:initiali[sz]\w{0,8}|handshake|MCP|stdio|transport|capabilities|tools?)\b"
)
_MOST: Final = 400  # characters in which a line says what it is about

_NAME: Final = r"[A-Za-z0-9_@][\w@./-]{0,127}"
_HEAD: Final = re.compile(
    rf"""(?:MCP\ )?server\ ["'`]?(?P<server>{_NAME})["'`]?:\s
      |  \[(?P<bracket>{_NAME})\]\s
      |  (?P<label>[A-Za-z_][\w.-]{{0,63}}):\s""",
    re.VERBOSE | re.IGNORECASE,
)
_TOOL: Final = r"""["'`]?(?P<tool>[A-Za-z_][\w.-]{0,127})["'`]?"""
_TIME: Final = r"(?P<time> (?:after|in|took) \d{1,9}(?:\.\d{1,9})? ?[a-zµ]{1,12})?"
_BEGUN: Final = re.compile(
    rf"(?:calling|invoking|executing|running|requesting)(?: the)?(?: mcp)? tool:? {_TOOL}(?=$|[\s,:;(.…])",
    re.IGNORECASE,
)
_ENDED: Final = re.compile(
    r"(?:successfully |done )?(?:called|invoked|executed|ran)(?: the)?(?: mcp)? tool:? "
    rf"{_TOOL}(?=$|[\s,:;(.])",
    re.IGNORECASE,
)
_VERBS: Final = (
    r"(?:(?P<begun>called|invoked|requested|started)"
    r"|(?P<over>ok|answered|completed|succeeded|finished|returned|done)"
    r"|(?P<failed>failed|error(?:ed)?|crashed|rejected|timed out)"
    r"|(?P<cancelled>cancell?ed|aborted|interrupted))"
)
_TOOL_VERB: Final = re.compile(
    rf"(?:mcp )?tool {_TOOL}(?: call)?(?: was| has)? {_VERBS}\b(?: successfully)?{_TIME}"
    r"(?::\s*(?P<why>.{1,4000}))?",
    re.IGNORECASE | re.DOTALL,
)
_SLASH_BEGUN: Final = re.compile(
    r"(?:call|invok|execut|run|request)\w{0,4} "
    rf"(?P<server>[A-Za-z_][\w.-]{{0,63}})/{_TOOL}(?=$|[\s,:;(.…])",
    re.IGNORECASE,
)
_SLASH_VERB: Final = re.compile(
    rf"(?P<server>[A-Za-z_][\w.-]{{0,63}})/{_TOOL} {_VERBS}\b{_TIME}(?::\s*(?P<why>.{{1,4000}}))?",
    re.IGNORECASE | re.DOTALL,
)
_NO_TOOLS: Final = frozenset(
    {"call", "calls", "execution", "list", "lists", "result", "results", "use", "was", "has"}
)
_NAMESPACES: Final = frozenset(
    {
        "tools", "resources", "prompts", "notifications", "logging", "completion", "roots", "sampling",
        "elicitation", "tasks", "server", "client", "src", "lib", "bin", "test", "tests", "build",
        "dist", "input", "output", "http", "https", "and", "or",
    }
)  # fmt: skip
_QUOTED: Final = re.compile(
    r"\b(?:messages?|requests?|responses?|notifications?)\b"
    r"[^{\n]{0,40}?\b(?P<way>from|to) (?:the )?(?P<end>client|server)"
    r"[^{\n]{0,40}(?P<json>\{)",
    re.IGNORECASE,
)


class ToldCall(NamedTuple):
    """One line about a call.

    `step` is `begun`, `over`, `cancelled` or `failed`; `why` is what it says of a failure.
    """

    step: str
    tool: str
    server: str | None
    why: str | None


def is_about_mcp(text: str) -> bool:
    """Whether a line speaks of the protocol, of a server's start or of its tools.

    >>> is_about_mcp("Using MCP server command: npx"), is_about_mcp("window focused")
    (True, False)
    """
    return _ABOUT_MCP.search(text[:_MOST]) is not None


def server_at_head(text: str) -> tuple[str | None, str]:
    """The server whose line this is, as its head says, and the rest of the line.

    >>> server_at_head('MCP server "docs": Calling MCP tool: find')
    ('docs', 'Calling MCP tool: find')
    """
    found = _HEAD.match(text)
    if found is None:
        return None, text
    return found["server"] or found["bracket"] or found["label"], text[found.end() :]


def told_call(text: str, known: str | None = None) -> ToldCall | None:
    """What a line says about a call of a tool; None where it says nothing of one.

    `known` is the server that the record names beside its text: then a plain `server/tool` is one, which else
    may be a path or a method.

    >>> told_call("docs/find failed after 12 ms: no such page")
    ToldCall(step='failed', tool='find', server='docs', why='no such page')
    >>> told_call("requesting tools/list"), told_call("src/app.py failed")
    (None, None)
    """
    server, rest = server_at_head(text)
    for step, expression in (("begun", _BEGUN), ("over", _ENDED)):
        told = expression.match(rest)
        if told is not None and told["tool"].lower() not in _NO_TOOLS:
            return ToldCall(step, told["tool"], server, None)
    told = _SLASH_BEGUN.match(rest)
    if told is not None and _is_pair(told, known):
        return ToldCall("begun", told["tool"], told["server"], None)
    told = _TOOL_VERB.match(rest)
    if told is None and (pair := _SLASH_VERB.match(rest)) is not None and _is_pair(pair, known):
        told = pair
    if told is None or told["tool"].lower() in _NO_TOOLS:
        return None
    step = next(name for name in ("begun", "over", "cancelled", "failed") if told[name])
    own = told.groupdict().get("server")
    why = (told["why"] or told[0]).strip() if step == "failed" else None
    return ToldCall(step, told["tool"], own or server, why)


def _is_pair(told: re.Match[str], known: str | None) -> bool:
    """Whether two words with a slash are a server and its tool, and no path or method."""
    server, tool = told["server"], told["tool"]
    if server == known:
        return True
    if server.lower() in _NAMESPACES or "." in tool:
        return False
    return bool(told.groupdict().get("time")) or "_" in tool


def quoted_message(text: str) -> tuple[str, str | None, dict[str, Any]] | None:
    """A message that a line quotes: from which end it came (`client` or `server`), which server, and itself.

    >>> quoted_message('[docs] Message from client: {"jsonrpc": "2.0", "method": "ping", "id": 1}')
    ('client', 'docs', {'jsonrpc': '2.0', 'method': 'ping', 'id': 1})
    """
    if "jsonrpc" not in text:
        return None
    found = _QUOTED.search(text[:_MOST])
    if found is None:
        return None
    try:
        message, _ = json.JSONDecoder().raw_decode(text, found.start("json"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict):
        return None
    client = (found["way"].lower() == "from") == (found["end"].lower() == "client")
    return "client" if client else "server", server_at_head(text)[0], message
