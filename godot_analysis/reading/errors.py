"""Reads what error texts name: arguments, tools, keywords, limits, addresses, versions."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from godot_analysis.reading.classify import classify

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = [
    "WORD",
    "address_in",
    "dates_in",
    "keyword_in",
    "lacking_argument",
    "leaves_model_without",
    "makes_names_unique",
    "named_tool",
    "names_duration",
    "names_exception",
    "names_only_its_code",
    "paths_in",
    "place_in_list",
    "quoted_in",
    "refused_header",
    "tool_limit",
    "without_variables",
]

WORD: Final = re.compile(r"(?<![\w.\-/])[\w.\-/]{0,200}\w")
"""A word as names of components, tools and ids may be written."""

_LACKING: Final = re.compile(
    r"(?:KeyError: *|missing \d+ required (?:positional|keyword-only) arguments?: *"
    r"|missing required (?:argument|parameter|field|property):? *)"
    r"['\"]?(\w{1,100})",
    re.IGNORECASE,
)
_QUOTED: Final = re.compile(r"['\"`]([^'\"`\n]{1,200})['\"`]")
_PATH: Final = re.compile(
    r"(?<![\w/:.])(?:[A-Za-z]:)?(?:\.{0,2}[\\/])?[\w.@ -]{0,80}(?:[\\/][\w.@-]{1,80}){1,20}"
)
_URL: Final = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s\"'<>]{1,2000}")
_TIME: Final = re.compile(r"\b(\d{1,9}(?:\.\d{1,6})?) ?(ms|mil|s|min)(?:[a-z]{1,10})?\b")
_SECONDS: Final = {"ms": 0.001, "mil": 0.001, "s": 1.0, "min": 60.0}
_ABOUT: Final = 0.1  # of a time that a text names
_FILE: Final = re.compile(r"(?<![\w/])[\w-]{1,80}\.[A-Za-z]{1,5}\b")
# What the codes of JSON-RPC are called, in the words of the specification and of the SDKs.
_CODE_WORDS: Final = re.compile(
    r"(?:\b(?:invalid|bad|request|param(?:eter)?s?|arguments?|error|mcp|json|rpc|protocol|message|tools?|call"
    r"|the|for|of|in|input|received|before|initialization|was|complete)\b|\W){0,40}",
    re.IGNORECASE,
)
_VARIABLE: Final = re.compile(
    r"'[^']{0,200}'|\"[^\"]{0,200}\"|\b[0-9a-f]{8,64}(?:-[0-9a-f]{1,12}){0,4}\b|\d+"
)
_EXCEPTION: Final = re.compile(r"\w(?:Error|Exception)\b")
_DATE: Final = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_LIMIT: Final = re.compile(
    r"\b(?:max\w{0,4}|limit\w{0,3}|most|than|exceed\w{0,3}|allowed|allows|up to|first)\b\D{0,40}?(\d{1,5})\b",
    re.IGNORECASE,
)
_NUMBER: Final = re.compile(r"\b(\d{1,5})\b")
_NAMED_TOOL: Final = re.compile(r"(?:function|tool)\W{1,3}['\"`]([\w.\-/]{1,200})['\"`]", re.IGNORECASE)
# Where in the list a provider says the tool is: Gemini wraps all of them into the first of its own.
_PLACES: Final = (
    re.compile(r"function_?declarations[.\[](\d{1,5})", re.IGNORECASE),
    re.compile(r"\btools[.\[](\d{1,5})"),
)
_KEYWORD: Final = re.compile(r"(?:\bkeywords?:? |['\"`])['\"`]?(\$?\w{1,100})", re.IGNORECASE)
_RESOLVED: Final = re.compile(r"renam|prefix|namespac|qualif|disambigu", re.IGNORECASE)
_MODEL_WITHOUT: Final = re.compile(
    r"\b(?:agent|model|assistant|llm)s?\b.{0,20}(?:\bnot\b|n't|\bno\b|\bnone\b|\bnever\b|without)",
    re.IGNORECASE,
)
_HEADER: Final = re.compile(r"\b(?:origin|host)(?: header)?[:=]? {0,3}([\w.:/-]{1,200})", re.IGNORECASE)
_ADDRESSES: Final = (
    re.compile(r"(?:wss?|https?|tcp)://[^\s\"'<>,;)]{1,500}"),
    re.compile(r"\('(?P<host>[^']{1,200})', (?P<port>\d{2,5})\b"),  # as Python shows a socket's address
    re.compile(
        r"(?P<host>(?:\d{1,3}\.){3}\d{1,3}|localhost|\[[\da-f:]{1,50}\]|[a-z][\w-]{0,60}):(?P<port>\d{2,5})\b"
    ),
    re.compile(r"\bport\b[ :=]{0,3}(?P<port>\d{2,5})\b"),
)


def lacking_argument(text: str) -> str | None:
    """The argument that an error says is missing.

    >>> lacking_argument("KeyError: 'path'"), lacking_argument("path not found")
    ('path', None)
    """
    found = _LACKING.search(text)
    return found[1] if found else None


def quoted_in(text: str) -> list[str]:
    """What stands in quotes in a text."""
    return _QUOTED.findall(text)


def paths_in(text: str) -> list[str]:
    """The files and paths that a text names.

    >>> paths_in("no such file or directory: /var/lib/app.db"), paths_in("dial unix /run/a.sock: http://b/c")
    (['/var/lib/app.db'], ['/run/a.sock'])
    """
    files = _URL.sub(" ", text)
    found = [path[max(path.find(" /"), 0) :].strip() for path in _PATH.findall(files)]
    return found or _FILE.findall(files)


@lru_cache(maxsize=1 << 10)
def names_only_its_code(text: str) -> bool:
    """Whether an error only words its code, and names nothing that was wrong with this very call.

    >>> names_only_its_code("Invalid request parameters"), names_only_its_code("conversation_id is required")
    (True, False)
    """
    return _CODE_WORDS.fullmatch(text[:400]) is not None


def names_duration(text: str, seconds: float) -> bool:
    """Whether a text names about this time.

    >>> names_duration("no signal within 20000ms", 20.1), names_duration("gave up after 30 s", 20.1)
    (True, False)
    """
    told = (float(number) * _SECONDS[unit] for number, unit in _TIME.findall(text))
    return any(time > 0 and abs(time - seconds) <= _ABOUT * seconds for time in told)


def without_variables(text: str) -> str:
    """A text without numbers, ids and what stands in quotes, to see that several errors are one."""
    return _VARIABLE.sub("…", text).strip().lower()


def names_exception(text: str) -> bool:
    """Whether a text names the type of an error that was raised."""
    return _EXCEPTION.search(text) is not None


def dates_in(text: str) -> list[str]:
    """The protocol versions that a text names: they are dates."""
    return _DATE.findall(text)


_MOST: Final = re.compile(
    r"\b(?:only (?:the )?first|at most|no more than|more than|max(?:imum)?(?: of| is)?:?|up to) (\d{1,6})\b",
    re.IGNORECASE,
)


@lru_cache(maxsize=1 << 10)
def tool_limit(text: str) -> int | None:
    """The limit on the number of tools that a text says was exceeded.

    >>> tool_limit("Cannot have more than 128 tools per request."), tool_limit("128 tools loaded")
    (128, None)
    """
    reading = classify(text)
    if not reading.tells("limit.tools"):
        return None
    own = reading.words[reading.kinds.index("limit.tools")]
    found = _MOST.search(text) or _LIMIT.search(own) or _LIMIT.search(text) or _NUMBER.search(own)
    return int(found[1]) if found else None


def named_tool(text: str) -> str | None:
    """The tool that a provider names in quotes."""
    found = _NAMED_TOOL.search(text)
    return found[1] if found else None


def place_in_list(text: str) -> int | None:
    """Where in the list of tools a provider says that the fault is."""
    found = (pattern.search(text) for pattern in _PLACES)
    first = next(filter(None, found), None)
    return None if first is None else int(first[1])


def keyword_in(text: str, used: Collection[str]) -> str | None:
    """Which of the keywords in use a complaint names.

    A keyword may be a common word (`default`): surest is what stands after "keyword", or in quotes.
    """
    told = [found[1] for found in _KEYWORD.finditer(text)]
    return next((word for word in [*told, *re.findall(r"\$?\w{1,100}", text)] if word in used), None)


def makes_names_unique(text: str) -> bool:
    """Whether somebody says that equal names were told apart."""
    return _RESOLVED.search(text) is not None


def leaves_model_without(text: str) -> bool:
    """Whether a text says that the model gets nothing."""
    return _MODEL_WITHOUT.search(text) is not None


def refused_header(text: str) -> str | None:
    """The host or origin that a guard says it does not know."""
    found = _HEADER.search(text)
    return found[1] if found else None


def address_in(text: str) -> str | None:
    """The address that an error names.

    >>> address_in("[Errno 111] Connect call failed ('127.0.0.1', 9050)"), address_in("no route")
    ('127.0.0.1:9050', None)
    """
    for pattern in _ADDRESSES:
        if found := pattern.search(text):
            named = found.groupdict()
            if "port" not in named:
                return found[0]
            return f"{named['host']}:{named['port']}" if named.get("host") else f"port {named['port']}"
    return None
