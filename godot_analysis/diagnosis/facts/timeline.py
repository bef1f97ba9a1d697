"""Things by name and in the order of time, looked up instead of searched."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["LEEWAY", "WAITED", "Timeline", "Timelines", "grouped"]

LEEWAY: Final = pd.Timedelta(seconds=1)
"""How much later than it happened a lone entry may have been received by the log store."""

WAITED: Final = pd.Timedelta(minutes=2)
"""So long ago a request was sent that is refused now."""

_Key = TypeVar("_Key")
_Item = TypeVar("_Item")


def grouped(pairs: Iterable[tuple[_Key, _Item]]) -> dict[_Key, list[_Item]]:
    """The second of each pair by the first, both by first appearance.

    >>> grouped([("a", 1), ("b", 2), ("a", 3)])
    {'a': [1, 3], 'b': [2]}
    """
    found: dict[_Key, list[_Item]] = {}
    for key, item in pairs:
        found.setdefault(key, []).append(item)
    return found


class Timeline(Generic[_Item]):
    """Things that are in the order of time already; `time` says when each was."""

    def __init__(
        self, items: Iterable[_Item], time: Callable[[_Item], pd.Timestamp] = attrgetter("time")
    ) -> None:
        self.items = list(items)
        self._times: list[Any] = [time(item) for item in self.items]

    def until(self, time: pd.Timestamp) -> _Item | None:
        """The last one at `time` or earlier."""
        at = bisect_right(self._times, time)
        return self.items[at - 1] if at else None

    def since(self, time: pd.Timestamp) -> _Item | None:
        """The first one at `time` or later."""
        return next(iter(self.items[(at := bisect_left(self._times, time)) : at + 1]), None)

    def after(self, time: pd.Timestamp) -> _Item | None:
        """The first one later than `time`."""
        return next(iter(self.items[(at := bisect_right(self._times, time)) : at + 1]), None)

    def between(self, start: pd.Timestamp, end: pd.Timestamp) -> list[_Item]:
        """Those from `start` to `end`, both included."""
        return self.items[bisect_left(self._times, start) : bisect_right(self._times, end)]


class Timelines(dict[_Key, Timeline[_Item]]):
    """A timeline for each name, an empty one for any other."""

    def __init__(self, pairs: Iterable[tuple[_Key, _Item]]) -> None:
        super().__init__({key: Timeline(items) for key, items in grouped(pairs).items()})

    def __missing__(self, key: _Key) -> Timeline[_Item]:
        return Timeline(())
