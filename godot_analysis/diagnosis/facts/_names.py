"""Which backend runs which tool, as its calls, its lists and the names of its tools tell."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from godot_analysis.reading.names import family, nearest, normalised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Owners", "count_families", "family", "nearest", "normalised", "split_front"]


class Owners:
    """Which backend runs which tool, learned from every call and list seen."""

    def __init__(self) -> None:
        self._tools: dict[str, Counter[str]] = {}
        self._families: dict[str, Counter[str]] = {}

    def learn(self, tool: str, backend: str, times: int = 1) -> None:
        """`backend` was seen to own `tool`, as many times."""
        self._tools.setdefault(tool, Counter())[backend] += times
        if (name := family(tool)) is not None:
            self._families.setdefault(name.lower(), Counter())[backend] += times

    def of(self, tool: str) -> str | None:
        """The backend of `tool`: seen with this very tool, else with its family."""
        counts = self._tools.get(tool) or self._families.get((family(tool) or "").lower())
        return counts.most_common(1)[0][0] if counts else None

    def tools_of(self, backend: str) -> frozenset[str]:
        """The tools seen at `backend`."""
        return frozenset(tool for tool, counts in self._tools.items() if counts[backend])


def count_families(tools: Iterable[str]) -> Counter[str]:
    """How many of these tools are of each family, by its lower-case name."""
    return Counter(found.lower() for tool in tools if (found := family(tool)) is not None)


def split_front(
    tool: str, servers: Iterable[str], held: Callable[[str], frozenset[str]]
) -> tuple[str, str | None]:
    """A tool as its server names it, and the server whose name stands in front; `held` are its tools."""
    for name in sorted(servers, key=len, reverse=True):
        for front in (f"mcp_{name}_", f"{name}__", f"mcp-{name}-", f"{name}."):
            if tool.startswith(front) and len(tool) > len(front):
                return tool.removeprefix(front), name
        for front in (f"{name}_", f"{name}-"):  # so may the name itself begin
            if tool.startswith(front) and tool.removeprefix(front) in held(name):
                return tool.removeprefix(front), name
    return tool, None
