"""What a reconstruction hands out: the hops, calls, losses and clocks of one log."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from godot_analysis.columns import STATUSES
from godot_analysis.normal_form.official import validated

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd


class Later:
    """A frame that is made when it is first asked for; then what it was made of is let go of."""

    def __init__(self, make: Callable[[], pd.DataFrame]) -> None:
        self._make: Callable[[], pd.DataFrame] | None = make
        self._made: pd.DataFrame

    def __call__(self) -> pd.DataFrame:
        """The frame."""
        make = self._make
        if make is not None:
            self._made, self._make = make(), None
        return self._made


@dataclass(frozen=True, repr=False, eq=False)
class Flow:
    """Who sent what to whom, and how it ended.

    Attributes
    ----------
    logs : DataFrame
        The log it was rebuilt from.
    others : DataFrame
        The rows of `logs` that are no plain message records: what components say in words, but also batches
        and messages of unusual form.
    hops : DataFrame
        `columns.HOPS`: one row per message that travelled, with the sightings of both ends, in causal order.
    calls : DataFrame
        `columns.CALLS`: one row per request and its end.
    losses : DataFrame
        `columns.LOSSES`: where the log itself has holes.
    clocks : DataFrame
        `columns.CLOCKS`: how far the components' clocks are apart, with the error.
    read : Later
        The frame of the messages, which takes as long as all that is told of them; see `messages`.

    Examples
    --------
    >>> import godot_analysis as ga
    >>> flow = ga.reconstruct(ga.from_records([]))
    >>> flow
    <Flow: 0 hops, 0 calls, no losses>
    """

    logs: pd.DataFrame
    others: pd.DataFrame
    hops: pd.DataFrame
    calls: pd.DataFrame
    losses: pd.DataFrame
    clocks: pd.DataFrame
    read: Later

    @cached_property
    def messages(self) -> pd.DataFrame:
        """`columns.MESSAGES`: one row per observed message, judged when they are first asked for.

        As `godot_analysis.messages` shows them, but names that follow from the reconstruction are filled in
        and marked in `inferred`. Judging by the official schema takes some 6 µs a message.
        """
        return validated(self.observed)

    @property
    def observed(self) -> pd.DataFrame:
        """The same messages before the official schema was asked: `validity` is that of JSON-RPC alone."""
        return self.read()

    @property
    def operations(self) -> pd.DataFrame:
        """The rows of `calls` that are operations: each `tools/call` as its first sender sees it.

        A call through a router is one operation, retries of it are the same one, and what a client refused by
        itself is none.
        """
        return self.calls[(self.calls["method"] == "tools/call") & self.calls["parent"].isna()]

    def count_operations(self) -> dict[str, int]:
        """Count the operations by status, as `godot diagnose --json` prints them under `calls`.

        Examples
        --------
        >>> import godot_analysis as ga
        >>> ga.reconstruct(ga.from_records([])).count_operations()["total"]
        0
        """
        counts = self.operations["status"].value_counts()
        return {"total": int(counts.sum()), **{status: int(counts.get(status, 0)) for status in STATUSES}}

    @property
    def components(self) -> list[str]:
        """Everyone who logged, sent or received, by name."""
        names = {
            str(name)
            for column in (self.logs["component"], self.hops["sender"], self.hops["receiver"])
            for name in column.dropna().unique()
        }
        return sorted(names)

    def _repr_html_(self) -> str:
        from godot_analysis.presentation.svg import sequence  # noqa: PLC0415 - drawn when it is shown

        return sequence(self)

    def __repr__(self) -> str:
        calls = self.calls["status"].value_counts()
        parts = [
            f"{int(calls[status])} {status.replace('_', ' ')}" for status in STATUSES if calls.get(status, 0)
        ]
        losses = f"{len(self.losses)} losses" if len(self.losses) else "no losses"
        told = f"{len(self.calls)} calls" + (f" ({', '.join(parts)})" if parts else "")
        return f"<Flow: {len(self.hops)} hops, {told}, {losses}>"
