"""What a host says in words of the calls that it makes: a server, a tool, and that the call began or ended.

Hosts write a line when they call a tool of a server and one when the call is over. Which server is meant
stands at the head of the line or in the data.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ToldCall", "is_about_mcp", "server_at_head", "told_call"]

_NOBODY: Final[Mapping[str, str]] = MappingProxyType({})

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
_SERVER: Final = r"(?P<server>[A-Za-z_][\w.-]{0,63})"
_TIME: Final = r"(?P<time>,?(?: (?:after|in|took))? \(?\d{1,9}(?:\.\d{1,9})? ?[a-zµ]{1,12}\)?)?"
_VERBS: Final = (
    r"(?:(?P<begun>called|invoked|requested|started)"
    r"|(?P<over>ok|answered|completed|succeeded|finished|returned|done)"
    r"|(?P<failed>failed|error(?:ed)?|crashed|rejected|timed out|(?:gave|returned|ended with) an error)"
    r"|(?P<cancelled>cancell?ed|aborted|interrupted))"
)
_WHY: Final = r"(?::\s*(?P<why>.{1,4000}))?"
_OUTCOME: Final = rf"(?: call)?(?: was| has)? {_VERBS}\b(?: successfully)?{_TIME}{_WHY}"
_CALLING: Final = r"(?:call|invok|execut|run|request)\w{0,4}"
_A_TOOL: Final = r"(?:the )?(?:mcp )?(?:tool )?"
_A_SERVER: Final = r"(?:the )?(?:mcp )?(?:server )?"
_ENDS: Final = r"(?=$|[\s,:;(.…])"
# What begins a call; with a server in it, or of the server at the head of the line.
_BEGUN: Final = tuple(
    re.compile(expression, re.IGNORECASE)
    for expression in (
        rf"(?:calling|invoking|executing|running|requesting)(?: the)?(?: mcp)? tool:? {_TOOL}{_ENDS}",
        rf"(?:→|⇒|-{{1,2}}>|=>|>>) ?{_TOOL}(?=\s*$|\s*[({{\[])",
        rf"{_CALLING} {_A_TOOL}{_TOOL} (?:on|at|of|from|via) {_A_SERVER}{_SERVER}(?= with\b| ?[{{(])",
        rf"tools/call {_SERVER}/{_TOOL}(?=\s*$|\s*[({{\[])",
    )
)
_ENDED: Final = re.compile(
    rf"(?:successfully |done )?(?:called|invoked|executed|ran)(?: the)?(?: mcp)? tool:? {_TOOL}"
    r"(?=$|[\s,:;(.])",
    re.IGNORECASE,
)
# What ends a call, or begins it, as a verb behind the tool says.
_TOLD: Final = tuple(
    re.compile(expression, re.IGNORECASE | re.DOTALL)
    for expression in (
        rf"(?:mcp )?tool {_TOOL}{_OUTCOME}",
        rf"(?:←|⇐|<-{{1,2}}|<=|<<) ?{_TOOL} {_VERBS}\b{_TIME}(?:[:\s]\s*(?P<why>.{{1,4000}}))?",
        rf"tools/call {_SERVER}/{_TOOL}{_OUTCOME}",
    )
)
_SLASH_BEGUN: Final = re.compile(rf"{_CALLING} {_SERVER}/{_TOOL}{_ENDS}", re.IGNORECASE)
_SLASH_VERB: Final = re.compile(rf"{_SERVER}/{_TOOL} {_VERBS}\b{_TIME}{_WHY}", re.IGNORECASE | re.DOTALL)
_BARE: Final = re.compile(rf"{_TOOL}{_OUTCOME}", re.IGNORECASE | re.DOTALL)
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


def told_call(text: str, known: str | None = None, called: Mapping[str, str] = _NOBODY) -> ToldCall | None:
    """What a line says about a call of a tool; None where it says nothing of one.

    `known` is the server that the record names beside its text: then a plain `server/tool` is one, which else
    may be a path or a method. `called` are the tools that its component has begun to call, each with its
    server: then the tool's name and a verb are enough.

    >>> told_call("docs/find_page failed after 12 ms: no such page")
    ToldCall(step='failed', tool='find_page', server='docs', why='no such page')
    >>> told_call("find returned in 12 ms: 3 pages", called={"find": "docs"})
    ToldCall(step='over', tool='find', server='docs', why=None)
    >>> told_call("requesting tools/list"), told_call("src/app.py failed")
    (None, None)
    """
    head, rest = server_at_head(text)
    told = next((found for one in _BEGUN if (found := one.match(rest))), None)
    if told is None and (slash := _SLASH_BEGUN.match(rest)) and _is_pair(slash, known):
        told = slash
    if told is not None:
        return _call("begun", told, head)
    ended = _ENDED.match(rest)
    if ended is not None:
        return _call("over", ended, head)
    told = next((found for one in _TOLD if (found := one.match(rest))), None)
    if told is None and (slash := _SLASH_VERB.match(rest)) and _is_pair(slash, known):
        told = slash
    if told is None and called:
        told = next((found for part in (text, rest) if (found := _BARE.match(part))), None)
        if told is None or told["tool"] not in called:
            return None
        head = called[told["tool"]]
    if told is None:
        return None
    return _call(next(name for name in ("begun", "over", "cancelled", "failed") if told[name]), told, head)


def _call(step: str, told: re.Match[str], head: str | None) -> ToldCall | None:
    if told["tool"].lower() in _NO_TOOLS:
        return None
    said = told.groupdict()
    why = (said["why"] or told[0]).strip() if step == "failed" else None
    return ToldCall(step, told["tool"], said.get("server") or head, why)


def _is_pair(told: re.Match[str], known: str | None) -> bool:
    """Whether two words with a slash are a server and its tool, and no path or method."""
    server, tool = told["server"], told["tool"]
    if server == known:
        return True
    if server.lower() in _NAMESPACES or "." in tool:
        return False
    return bool(told.groupdict().get("time")) or "_" in tool
