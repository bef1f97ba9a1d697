"""How a refusal of a tool is worded: that it is not known, and which one that is."""

from __future__ import annotations

import re
from typing import Final

from godot_analysis.normal_form.about import TOOL_NAME

__all__ = ["HOST_PREFIX", "refuses", "tool_in"]

_TOLD_TOOL: Final = re.compile(
    r"\btool:? +['\"`](?P<quoted>[\w\-./:]+)['\"`]"
    r"|\b(?:no such|unknown|unrecogni[sz]ed) tool(?: name| available)?[:=] ?['\"`]?"
    r"(?P<told>[A-Za-z][\w\-./:]*)"
    r"|\btool (?!(?:is|was|does|names?|calls?|server|list)\b)(?P<lacking>[A-Za-z][\w\-./:]*) (?:(?:is|was) )?"
    r"(?:not (?:found|available|known|registered)|does(?:n't| not) exist)",
    re.IGNORECASE,
)
HOST_PREFIX: Final = re.compile(r"^mcp__.+?__")
_REFUSAL: Final = re.compile(
    r"no such tool|unknown tool|unrecogni[sz]ed tool"
    r"|tool (?:name )?[^:\n]{0,80}?(?:not (?:found|available|known|registered|exist)"
    r"|does(?:n't| not) exist|unavailable)|not an? (?:known|valid|available) tool",
    re.IGNORECASE,
)


def tool_in(text: str) -> tuple[str, str] | None:
    """The tool that `text` names, without the host's prefix, and that prefix.

    That is what stands in quotes after "tool", or is said to be unknown, else the last thing that looks like
    a tool's name.

    >>> tool_in("No such tool available: mcp__iccm__gates_create_document")
    ('gates_create_document', 'mcp__iccm__')
    """
    told, names = _TOLD_TOOL.search(text), TOOL_NAME.findall(text)
    if told and (told["lacking"] is None or not names):  # else a common word may stand before "not found"
        names = [told[told.lastgroup or 0]]
    if not names:
        return None
    tool = names[-1].rstrip(".:")
    prefix = HOST_PREFIX.match(tool)
    return tool.removeprefix(prefix.group()) if prefix else tool, prefix.group() if prefix else ""


def refuses(text: str) -> bool:
    """Whether a text says that a tool is not known.

    >>> refuses("Unknown tool: gates_create_document"), refuses("file not found")
    (True, False)
    """
    return bool(_REFUSAL.search(text))
