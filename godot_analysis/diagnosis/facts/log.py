"""The log itself: when it begins and ends, where it is known to be incomplete, and what lone records say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

import pandas as pd

from godot_analysis.diagnosis.facts._rows import records
from godot_analysis.reading.told import is_about_mcp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from godot_analysis.diagnosis.facts.calls import Calls
    from godot_analysis.reconstruction.flow import Flow

__all__ = ["Gap", "Log", "Remark"]

_FIRST: Final = 50  # lines of a component tell what it is
_MOST_READ: Final = 200  # lines of one component around one moment
# A loss record is a statement, a gap in numbers a proof, a silence a conclusion.
_CERTAINTY: Final = {"loss record": 0.95, "sequence gap": 0.9, "silence": 0.6}


class Remark(NamedTuple):
    """`component` said something in an ordinary record."""

    time: pd.Timestamp
    component: str
    record: str
    text: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A span in which the log of `component` (`*`: of all) is incomplete."""

    component: str
    begin: pd.Timestamp | None
    end: pd.Timestamp | None
    why: str
    weight: float
    records: tuple[str, ...]


class Log:
    """What is known of the log as such."""

    def __init__(self, flow: Flow, lines: Mapping[str, int]) -> None:
        self._flow = flow
        self._lines = lines
        self._remarks: dict[str, list[Remark]] = {}

    @cached_property
    def start(self) -> pd.Timestamp:
        """The first moment of the log."""
        return pd.Timestamp(self._flow.logs["event_created_at"].min())

    @cached_property
    def end(self) -> pd.Timestamp:
        """The last moment of the log."""
        return pd.Timestamp(self._flow.logs["event_created_at"].max())

    def rows_among(self, ids: Iterable[str]) -> frozenset[str]:
        """Those of the records that are rows of this log."""
        own = self._flow.logs["id"]
        return frozenset(own[own.isin(set(ids))])

    def line_numbers(self, ids: Sequence[str]) -> tuple[int, ...]:
        """The lines of the file that the records came from; empty when they came from no file."""
        return tuple(self._lines[record] for record in ids if record in self._lines)

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
            for row in records(self._flow.losses)
        ]

    def same_process(self, record: str, calls: Calls) -> bool:
        """Whether the process that wrote a record shows one of the calls, too."""
        logs = self._flow.logs
        writers = logs.loc[logs["id"] == record, "instance"].dropna()
        own = logs.loc[logs["instance"].isin(writers), "id"]
        return next(calls.shown_by(own), None) is not None

    def said_by(self, component: str, since: pd.Timestamp, until: pd.Timestamp) -> Iterator[tuple[str, str]]:
        """The ordinary records of a component in a span, in order of time: row and words."""
        own = self._others_of.get(component)
        if own is not None:
            times = own["event_created_at"]
            part = own.iloc[times.searchsorted(since) : times.searchsorted(until, "right")].tail(_MOST_READ)
            yield from zip(part["id"].astype(str), part["message"].astype(str), strict=True)

    @cached_property
    def _others_of(self) -> dict[str, pd.DataFrame]:
        others = self._flow.others[["id", "component", "event_created_at", "message"]]
        ordered = others.sort_values("event_created_at", kind="stable")
        return {str(name): rows for name, rows in ordered.groupby("component", observed=True)}

    def speaks_of_mcp(self, component: str) -> bool:
        """Whether a component's ordinary records say that it serves, or connects by, MCP."""
        own = self._others_of.get(component)
        return own is not None and any(map(is_about_mcp, own["message"].astype(str).head(_FIRST)))

    def remarks_on(self, tool: str) -> list[Remark]:
        """The ordinary records that name a tool, in the order of the log."""
        if tool not in self._remarks:
            others = self._flow.others
            named = others[others["message"].str.contains(tool, regex=False, na=False)]
            told = named[["event_created_at", "component", "id", "message"]].itertuples(
                index=False, name=None
            )
            self._remarks[tool] = list(map(Remark._make, told))
        return self._remarks[tool]
