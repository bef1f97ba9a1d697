"""Calls: each question and its end, as its caller and its callee saw it; one of them, and all as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from godot_analysis.normal_form.table import Words, taken

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from godot_analysis.reconstruction.exchange import Exchange, Exchanges

REASONS: Final = ("", "trace", "id", "content", "method")
"""What made two views one call; the first for a call with one view."""


class Call(NamedTuple):
    """One call."""

    number: int
    outer: Exchange | None  # as the caller saw it
    inner: Exchange | None  # as the callee saw it
    caller: str | None
    callee: str | None

    @property
    def views(self) -> tuple[Exchange, ...]:
        """The caller's view, then the callee's."""
        return tuple(view for view in (self.outer, self.inner) if view is not None)

    def method_is(self, method: str) -> bool:
        """Whether either view names this method."""
        return any(view.method == method for view in self.views)

    @property
    def tool(self) -> str | None:
        """The tool that either view names."""
        return next((view.tool for view in self.views if view.tool is not None), None)


class Calls:
    """All calls as columns; a call that turns out to be an attempt of another one is kept, but not `whole`.

    Attributes
    ----------
    exchanges : Exchanges
        The views that the calls are made of.
    outer, inner : array of int
        The caller's view and the callee's, -1 for none.
    joined_by : array of int
        What made the two one, of `REASONS`.
    caller, callee : array of int
        Numbers of `exchanges.names`, -1 for an end without a name.
    caller_inferred, callee_inferred : array of bool
        Whether the name does not stand in the log with this call.
    parent : array of int
        The call that caused it, -1 for none.
    whole : array of bool
        Whether it is a call of its own.
    earlier : dict
        For calls with several attempts the earlier ones in order.
    notes : dict
        What is to be said of calls that were not simply read.
    """

    def __init__(
        self,
        exchanges: Exchanges,
        outer: NDArray[np.int64],
        inner: NDArray[np.int64],
        joined_by: NDArray[np.int64],
    ) -> None:
        self.exchanges = exchanges
        self.outer, self.inner, self.joined_by = outer, inner, joined_by
        observer, peer = exchanges.codes("observer"), exchanges.codes("peer")
        # Who logged is known best.
        self.caller = np.where(outer >= 0, taken(observer, outer), taken(peer, inner))
        self.callee = np.where(inner >= 0, taken(observer, inner), taken(peer, outer))
        self.caller_inferred = np.zeros(len(outer), dtype=bool)
        self.callee_inferred = np.zeros(len(outer), dtype=bool)
        self.parent = np.full(len(outer), -1)
        self.whole = np.ones(len(outer), dtype=bool)
        self.earlier: dict[int, tuple[int, ...]] = {}
        self.notes: dict[int, tuple[str, ...]] = {}

    def __len__(self) -> int:
        return len(self.outer)

    def __getitem__(self, number: int) -> Call:
        """One call."""
        views = (int(self.outer[number]), int(self.inner[number]))
        outer, inner = (None if place < 0 else self.exchanges[place] for place in views)
        return Call(number, outer, inner, self.name(self.caller[number]), self.name(self.callee[number]))

    @property
    def names(self) -> list[str]:
        """The names that `caller` and `callee` number."""
        return self.exchanges.names

    def name(self, code: int) -> str | None:
        """The name of a caller or callee."""
        return None if code < 0 else self.names[code]

    def number_of(self, name: str) -> int:
        """The number of a name, which is a new one for a name that nothing in the log bears."""
        if name not in self.names:
            self.names.append(name)
        return self.names.index(name)

    def known(self, name: str) -> Words:
        """A fact of the exchanges: as the caller's view knows it, else the callee's."""
        column = self.exchanges.words[name]
        mine = taken(column.codes, self.outer)
        return column._replace(codes=np.where(mine < 0, taken(column.codes, self.inner), mine))

    def starts(self) -> NDArray[np.int64]:
        """When each call began: as its caller saw it, else as its callee did."""
        return self.exchanges.start[np.where(self.outer < 0, self.inner, self.outer)]

    def method_is(self, method: str) -> NDArray[np.bool_]:
        """For each call whether either view names this method."""
        column = self.exchanges.words["method"]
        number = column.number(method)
        of_outer, of_inner = (taken(column.codes, view) == number for view in (self.outer, self.inner))
        either: NDArray[np.bool_] = of_outer | of_inner
        return either

    def attempts(self) -> NDArray[np.int64]:
        """How often each call was sent."""
        count = np.ones(len(self), dtype=np.int64)
        for number, earlier in self.earlier.items():
            count[number] += len(earlier)
        return count

    def add_note(self, number: int, note: str) -> None:
        """Say something of one call."""
        self.notes[number] = (*self.notes.get(number, ()), note)

    def add_attempt(self, number: int, earlier: int) -> None:
        """Make one call, with its own earlier attempts, an earlier attempt of another one."""
        self.earlier[number] = (*self.earlier.pop(earlier, ()), earlier, *self.earlier.get(number, ()))
        self.whole[earlier] = False
