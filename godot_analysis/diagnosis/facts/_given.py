"""What is known before any reasoning: the parts of the facts, the log's own rows, and its gaps."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from godot_analysis.diagnosis.facts._rows import records

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from godot_analysis.diagnosis.facts._lists import Arrival, Listing
    from godot_analysis.diagnosis.facts._management import Management
    from godot_analysis.diagnosis.facts._roles import Roles
    from godot_analysis.diagnosis.facts._signals import Signals
    from godot_analysis.diagnosis.facts._table import Calls, CallTable
    from godot_analysis.reconstruction.flow import Flow

__all__ = ["Gap", "Given"]

# A loss record is a statement, a gap in numbers a proof, a silence a conclusion.
_CERTAINTY: Final = {"loss record": 0.95, "sequence gap": 0.9, "silence": 0.6}


@dataclass(frozen=True, slots=True)
class Gap:
    """A span in which the log of `component` (`*`: of all) is incomplete."""

    component: str
    begin: pd.Timestamp | None
    end: pd.Timestamp | None
    why: str
    weight: float
    records: tuple[str, ...]


@dataclass
class Given:
    """The material of the facts.

    `expected` are backends that the reader of the diagnosis named: their silence counts as evidence even if
    the log never mentions them. `live` says that the log goes on: what is open at its end may still end.
    `memo` keeps what several rules conclude alike.
    """

    flow: Flow
    signals: Signals
    table: CallTable
    calls: Calls
    roles: Roles
    arrivals: list[Arrival]
    listings: list[Listing]
    management: list[Management]
    expected: frozenset[str] = frozenset()
    live: bool = False
    memo: dict[str, Any] = field(default_factory=dict, repr=False)
    named: set[str] = field(default_factory=set, repr=False)
    """The records that a fault found so far goes by."""
    _lines: dict[str, int] = field(default_factory=dict, repr=False)

    @cached_property
    def components(self) -> dict[str, tuple[pd.Timestamp, pd.Timestamp]]:
        """Each component that logged, with its first and last record."""
        times = self.flow.logs.groupby("component", observed=True)["event_created_at"].agg(["min", "max"])
        return {str(name): (row["min"], row["max"]) for name, row in times.iterrows()}

    @cached_property
    def backends(self) -> frozenset[str]:
        """All backends that the log or the reader names."""
        named = {item.name for item in self.management if item.name}
        return self.roles.backends | named | self.expected

    @property
    def unlogged_backends(self) -> frozenset[str]:
        """Backends that calls or commands name and that logged nothing themselves."""
        return self.backends - set(self.components)

    @cached_property
    def start(self) -> pd.Timestamp:
        """The first moment of the log."""
        return pd.Timestamp(self.flow.logs["event_created_at"].min())

    @cached_property
    def end(self) -> pd.Timestamp:
        """The last moment of the log."""
        return pd.Timestamp(self.flow.logs["event_created_at"].max())

    def rows_among(self, ids: Iterable[str]) -> frozenset[str]:
        """Those of the records that are rows of this log."""
        own = self.flow.logs["id"]
        return frozenset(own[own.isin(set(ids))])

    def line_numbers(self, ids: Sequence[str]) -> tuple[int, ...]:
        """The lines of the file that the records came from; empty when they came from no file."""
        return tuple(self._lines[record] for record in ids) if self._lines else ()

    @cached_property
    def gaps(self) -> list[Gap]:
        """Where the log is known to be incomplete."""
        return [
            Gap(
                component=row["component"] if isinstance(row["component"], str) else "*",
                begin=None if pd.isna(row["from"]) else row["from"],
                end=None if pd.isna(row["to"]) else row["to"],
                why=str(row["reason"]),
                weight=_CERTAINTY.get(str(row["source"]), 0.6),
                records=tuple(row["evidence"] or ()),
            )
            for row in records(self.flow.losses)
        ]

    @cached_property
    def notification_errors(self) -> dict[str, list[tuple[str, str]]]:
        """Errors about notifications, which nobody waits for: by component, the method and the row."""
        found: dict[str, list[tuple[str, str]]] = {}
        for item in self.signals.shrugs:
            found.setdefault(item.component, []).append((item.method or "", item.record))
        return found
