"""Whom an ordinary record speaks of: the tools and the servers that it names."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from godot_analysis.normal_form.conventions.wording import SERVER_KEYS, TOOL_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["TOOL_NAME", "About", "Speech", "is_one"]

# The way in which hosts write whose tool it is: `mcp__gates__open`.
_PREFIXED: Final = re.compile(r"\bmcp__(?P<server>[\w.\-]{1,100}?)__(?P<tool>[A-Za-z0-9][\w\-./:]*)")
TOOL_NAME: Final = re.compile(r"(?<![A-Za-z0-9])[A-Za-z][A-Za-z0-9]*(?:[_\-./:]+[A-Za-z0-9]+)+")
_HOST: Final = re.compile(r"\b(?:https?|wss?|tcp)://([\w.\-]+)")
_APART: Final = re.compile(r"[\W_]+")


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
        tools = {value for key in TOOL_KEYS if isinstance(value := held.get(key), str) and value}
        servers = {
            value
            for key in SERVER_KEYS
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
    one, two = (_APART.sub("_", text.casefold()).strip("_") for text in (name, other))
    if not (one and two):
        return name == other
    return one == two or one.endswith(f"_{two}") or two.endswith(f"_{one}")


def _may_be(name: str | None, named: frozenset[str]) -> bool:
    return name is None or not named or any(is_one(name, other) for other in named)
