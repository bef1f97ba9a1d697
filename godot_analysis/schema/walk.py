"""Walks a schema and all schemas in it, within a budget of work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from godot_analysis.schema.keywords import LISTS, MAPS, SUBSCHEMAS
from godot_analysis.schema.pointers import join

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Budget", "subschemas"]

_MOST_SUBSCHEMAS: Final = 20_000


class Budget:
    """How much work is left; what exceeds it is said, never silently cut."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    @property
    def spent(self) -> bool:
        """Whether something had to be left out."""
        return self._left < 0

    def take(self) -> bool:
        """Use one step; False when there is none left."""
        self._left -= 1
        return self._left >= 0


def subschemas(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """A schema and all schemas in it, each with its path; cycles end, and depth does not matter.

    >>> [path for path, _ in subschemas({"properties": {"a": {"anyOf": [{}, {}]}}})]
    ['', 'properties/a', 'properties/a/anyOf/1', 'properties/a/anyOf/0']
    """
    todo = [(path, schema)]
    seen: set[int] = set()
    budget = Budget(_MOST_SUBSCHEMAS)
    while todo and budget.take():
        here, found = todo.pop()
        if not isinstance(found, dict) or id(found) in seen:
            continue
        seen.add(id(found))
        yield here, found
        for key, held in found.items():
            if isinstance(held, dict) and key in SUBSCHEMAS:
                todo.append((join(here, key), held))
            elif isinstance(held, dict) and key in MAPS:
                todo += [(join(here, key, str(name)), value) for name, value in held.items()]
            elif isinstance(held, list) and key in LISTS:
                todo += [(join(here, key, number), value) for number, value in enumerate(held)]
