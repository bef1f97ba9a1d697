"""What names tell: the family of a tool, whether two names are of one thing, and whom a text is about."""

from __future__ import annotations

import re
from difflib import SequenceMatcher, get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from godot_analysis.reading.fields import SERVER, TOOL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "HOST_PREFIX",
    "TOOL_NAME",
    "About",
    "Speech",
    "family",
    "is_address",
    "is_one",
    "mentions",
    "nearest",
    "normalised",
    "parts_of",
    "plain_name",
    "server_in",
    "tool_in",
]

_SEPARATOR: Final = re.compile(r"[_\-./:]+")
_ADDRESS: Final = re.compile(r"(?:wss?|https?|tcp|stdio)://\S{1,500}")
_ALIKE: Final = 0.75
# Tools such as `create_document` carry no family: the word in front is what they do.
_VERBS: Final = frozenset(
    {
        "add", "append", "begin", "build", "call", "cancel", "check", "clear", "close", "convert",
        "copy", "count", "create", "delete", "describe", "do", "download", "edit", "execute", "export",
        "fetch", "find", "generate", "get", "import", "insert", "inspect", "list", "load", "lookup",
        "make", "move", "open", "ping", "post", "put", "query", "read", "remove", "rename", "render",
        "reset", "resolve", "retrieve", "run", "save", "search", "send", "set", "show", "start", "stop",
        "store", "sync", "test", "transform", "update", "upload", "validate", "view", "wait", "write",
    }
)  # fmt: skip

# The way in which hosts write whose tool it is: `mcp__gates__open`.
_PREFIXED: Final = re.compile(r"\bmcp__(?P<server>[\w.\-]{1,100}?)__(?P<tool>[A-Za-z0-9][\w\-./:]*)")
TOOL_NAME: Final = re.compile(r"(?<![A-Za-z0-9])[A-Za-z][A-Za-z0-9]*(?:[_\-./:]+[A-Za-z0-9]+)+")
_HOST: Final = re.compile(r"\b(?:https?|wss?|tcp)://([\w.\-]+)")
_APART: Final = re.compile(r"[\W_]+")
_TOLD_TOOL: Final = re.compile(
    r"\btool:? +['\"`](?P<quoted>[\w\-./:]+)['\"`]"
    r"|\b(?:no such|unknown|unrecogni[sz]ed) tool(?: name| available)?[:=] ?['\"`]?"
    r"(?P<told>[A-Za-z][\w\-./:]*)"
    r"|\btool (?!(?:is|was|does|names?|calls?|server|list)\b)(?P<lacking>[A-Za-z][\w\-./:]*) (?:(?:is|was) )?"
    r"(?:not (?:found|available|known|registered)|does(?:n't| not) exist)",
    re.IGNORECASE,
)
HOST_PREFIX: Final = re.compile(r"^mcp__.+?__")
_HOSTS_FRONT: Final = re.compile(r"(?<![\w-])(?:mcp_[\w-]*_|mcp_|[a-z][\w-]*__)$", re.ASCII)
_LONGEST: Final = 64  # characters before a name that may be its prefix
# How hosts name a server in words alone: `MCP server "gates": …`, `[gates] …`.
_SERVER_NAME: Final = r"[A-Za-z0-9@][\w.@/\-]{0,63}"
_SERVER_IN_WORDS: Final = re.compile(
    rf"\b(?:MCP )?server[ :]{{1,2}}['\"“`](?P<quoted>{_SERVER_NAME})['\"”`]"
    rf"|\bMCP (?:server|client(?: for)?) ['\"“`]?(?P<plain>{_SERVER_NAME})['\"”`]?"
    r"(?=:(?:\s|$)| (?:timed out|failed|could not|cannot|was|is|has|exited|crashed|stopped|did)\b)"
    rf"|\b[Cc]ommand ['\"“`]?(?P<command>{_SERVER_NAME})['\"”`]? (?=exited|crashed|was killed)"
    rf"|\b(?:upstream|backend)(?: server)? ['\"“`]?(?P<upstream>{_SERVER_NAME})['\"”`]?:(?=\s|$)"
    rf"|^\[?(?:Plugin|server|mcp)[ (:/]{{1,2}}(?:mcp[/:])?(?P<plugin>{_SERVER_NAME})\)?\]"
    rf"|^(?:\[error\] |\[info\] )?\[(?:MCP[: ]{{1,2}}|mcp-server-)?(?P<bracket>{_SERVER_NAME})\] ",
    re.IGNORECASE,
)


class About(NamedTuple):
    """The tools and the servers that a record names; none where it leaves that open."""

    tools: frozenset[str]
    servers: frozenset[str]

    def is_of(self, tool: str | None, server: str | None) -> bool:
        """Whether a request, for `tool` or to `server` as far as these are known, may be the one meant."""
        return _may_be(tool, self.tools) and _may_be(server, self.servers)


class Speech:
    """Reads records of a log in which these tools and these components occur."""

    def __init__(self, tools: Iterable[str], components: Iterable[str]) -> None:
        self._tools = frozenset(tools)
        self._components = frozenset(filter(None, components))
        names = "|".join(sorted(map(re.escape, self._components), key=len, reverse=True))
        # A name may be a common word (`time`), so it counts where a name is to be expected.
        self._named = re.compile(
            rf"(?:\b(?:server|backend|upstream|of|to|from|with)\s+['\"`]?|^\W*\[)({names})(?![\w\-])"
        )

    def about(self, text: str, data: Any) -> About:
        """The tools and servers that a record names in its data or its words."""
        held: Mapping[str, Any] = data if isinstance(data, dict) else {}
        tools = {value for key in TOOL if isinstance(value := held.get(key), str) and value}
        servers = {
            value
            for key in SERVER
            # A host's name, or the part of a program that wrote the record, is no server of this log.
            if isinstance(value := held.get(key), str) and self._is_known(value)
        }
        said = " ".join([text, *(value for value in held.values() if isinstance(value, str))])
        tools.update(name for name in TOOL_NAME.findall(text) if name.rstrip(".:") in self._tools)
        servers.update(self._named.findall(text) if self._components else ())
        servers.update(host for host in _HOST.findall(said) if host in self._components)
        for found in _PREFIXED.finditer(said):
            tools = {name for name in tools if not name.startswith(found[0])} | {found["tool"].rstrip(".:")}
            servers.add(found["server"])
        return About(frozenset(tools), frozenset(servers))

    def _is_known(self, name: str) -> bool:
        return any(is_one(name, component) for component in self._components)


@lru_cache(maxsize=1 << 12)
def is_one(name: str, other: str) -> bool:
    """Whether two names are of one thing: the same, or one of them with something in front.

    >>> is_one("gates_open", "open"), is_one("iccm-gates", "gates"), is_one("gates_open", "gates_close")
    (True, True, False)
    """
    one, two = (plain_name(text).strip("_") for text in (name, other))
    if not (one and two):
        return name == other
    return one == two or one.endswith(f"_{two}") or two.endswith(f"_{one}")


def _may_be(name: str | None, named: frozenset[str]) -> bool:
    return name is None or not named or any(is_one(name, other) for other in named)


def family(tool: str) -> str | None:
    """The part of a tool's name that names its backend, None where there is none.

    >>> family("gates_create_document"), family("create_document"), family("frobnicate")
    ('gates', None, None)
    """
    first, *rest = _SEPARATOR.split(tool)
    return first if rest and first and first.lower() not in _VERBS else None


def parts_of(tool: str) -> list[str]:
    """The words of a tool's name.

    >>> parts_of("relay_add-server")
    ['relay', 'add', 'server']
    """
    return _SEPARATOR.split(tool)


def is_address(text: str) -> bool:
    """Whether a text is the address of a server, and nothing else."""
    return _ADDRESS.fullmatch(text) is not None


def plain_name(name: str) -> str:
    """A name in lower case with one kind of separator.

    >>> plain_name("Gates-create.document")
    'gates_create_document'
    """
    return _APART.sub("_", name.casefold())


def normalised(tool: str) -> str:
    """The name without what hosts and models rewrite: separators, case, a doubled prefix.

    >>> normalised("Gates-create.document") == normalised("gates_gates_create_document")
    True
    """
    words = [word.lower() for word in _SEPARATOR.split(tool) if word]
    if len(words) > 1 and words[0] == "mcp":
        words = words[1:]
    return "".join(word for index, word in enumerate(words) if index == 0 or word != words[index - 1])


def nearest(tool: str, names: Iterable[str]) -> str | None:
    """The name most like `tool`, if any is alike enough to be what was meant.

    Another family is another backend, however alike the rest is.

    >>> nearest("dewy_search", ["dewey_search"]), nearest("gates_search", ["dewey_search"])
    ('dewey_search', None)
    """
    own = family(tool)
    kin = [name for name in sorted(names) if _alike(own, family(name))]
    found = get_close_matches(tool, kin, n=1, cutoff=0.75)
    return found[0] if found else None


def _alike(one: str | None, other: str | None) -> bool:
    if one is None or other is None:
        return one is other
    return SequenceMatcher(None, one.lower(), other.lower()).ratio() >= _ALIKE


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


def server_in(text: str) -> str | None:
    """The server that a text names as one, whoever else knows it.

    >>> server_in('MCP server "aspen": cannot start: spawn /opt/aspen/run ENOENT'), server_in("server is up")
    ('aspen', None)
    """
    found = _SERVER_IN_WORDS.search(text[:400])
    return found[found.lastgroup or 0].rstrip(".:") if found else None


def mentions(text: str, name: str) -> bool:
    """Whether a text has a name as a word of its own, or behind the prefix that a host gives to tools.

    >>> mentions("gates: closed", "gates"), mentions("floodgates: closed", "gates")
    (True, False)
    >>> mentions("tool mcp__gates__read_file: refused", "read_file"), mentions("mcp_gates_read", "gates_read")
    (True, True)
    """
    folded, sought = text.casefold(), name.casefold()
    at = folded.find(sought)
    while at >= 0:
        end = at + len(sought)
        begins = not _joined(folded[at - 1 : at]) or _HOSTS_FRONT.search(folded[max(at - _LONGEST, 0) : at])
        if begins and not _joined(folded[end : end + 1]):
            return True
        at = folded.find(sought, at + 1)
    return False


def _joined(character: str) -> bool:
    return character.isalnum() or character in {"_", "-"}
