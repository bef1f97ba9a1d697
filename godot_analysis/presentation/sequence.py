"""Lay a flow out as a sequence: which rows, what is folded, what is left out. Draws nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from godot_analysis.presentation import labels
from godot_analysis.presentation.scene import interleave, lanes_of, messages_of, notes_of
from godot_analysis.reconstruction.reconstruct import as_flow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from godot_analysis.reconstruction.flow import Flow

__all__ = ["Block", "Layout", "Row", "lay_out"]

_FEWEST_REPEATS: Final = 3  # two in a row are read faster than a bracket around them
_LONGEST_UNIT: Final = 12  # a call through two relays is six messages; twice that leaves room for notes


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the picture: a message, something a component said, or a stretch left out."""

    kind: str
    """request, response, error, notification, invalid; note; loss; or gap."""
    source: int = 0
    """Lane of the sender, or of whom a note is about."""
    target: int = 0
    time: pd.Timestamp | None = None
    label: str = ""
    detail: str = ""
    status: str = ""
    """How the call ended, on the message that shows it: the answer, or a request without one."""
    lost_at: str = ""
    """sender, wire, receiver or logger, on the message that did not arrive."""
    seen: str = "both"
    hop: int = -1
    answers: int = -1
    """Hop of the request that this message answers."""
    level: str = ""
    problem: bool = False
    """Whether the row must not be overlooked."""


@dataclass(frozen=True, slots=True)
class Block:
    """Rows that belong together; `times` above 1 says that they happened so often in a row."""

    rows: tuple[Row, ...]
    times: int = 1
    until: pd.Timestamp | None = None
    """When the last repeat was."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A flow as lanes and rows, with an honest count of what is not drawn one by one."""

    lanes: tuple[str, ...]
    blocks: tuple[Block, ...]
    messages: int
    drawn: int
    folded: int

    @property
    def rows(self) -> list[Row]:
        """All rows from top to bottom."""
        return [row for block in self.blocks for row in block.rows]

    @property
    def note(self) -> str:
        """What a reader must know about messages that are not drawn; empty when all are."""
        left_out = self.messages - self.drawn - self.folded
        if not self.folded and not left_out:
            return ""
        more = [f"{self.folded:,} folded as repeats"] if self.folded else []
        more += [f"{left_out:,} left out"] if left_out else []
        return f"showing {self.drawn:,} of {self.messages:,} messages ({', '.join(more)})"


@dataclass(frozen=True, slots=True)
class _Unit:
    """A stretch of rows from `start`, `length` long, that happens `times` times."""

    start: int
    length: int = 1
    times: int = 1

    @property
    def stop(self) -> int:
        return self.start + self.length * self.times


def lay_out(flow: pd.DataFrame | Flow, most: int = 200, *, fold: bool = True) -> Layout:
    """Lay out a flow in causal order, in about `most` rows at most.

    Repeats are folded first. If that is not enough, what went wrong stays, then its context, then the first
    message of each sort, then the beginning; every stretch left out becomes a row that says so.

    Parameters
    ----------
    flow
        What `reconstruct` returned, or a log frame for it.
    most
        How many rows to draw.
    fold
        Fold what happened three or more times in a row.
    """
    flow = as_flow(flow)
    messages, notes = messages_of(flow), notes_of(flow)
    order = interleave(messages, notes)
    codes = _codes(messages, notes)[order]
    units = _repeats(codes.tolist()) if fold else [_Unit(start) for start in range(len(order))]
    if sum(unit.length for unit in units) > most:
        units = _choose(units, _ranks(messages, notes, order, codes), most)
    lanes = lanes_of(flow, messages)
    return _assemble(units, order, _Rows(messages, notes, lanes))


class _Rows:
    """Makes the row of a message or note; messages are numbered from 0, notes go on from there."""

    def __init__(self, messages: pd.DataFrame, notes: pd.DataFrame, lanes: tuple[str, ...]) -> None:
        self.lanes = lanes
        self.messages = len(messages)
        self._lane = {name: number for number, name in enumerate(lanes)}
        self._hops, self._notes = messages, notes
        self._durations = messages["duration_ms"].to_numpy()

    def row(self, items: NDArray[np.int64]) -> Row:
        """The row of `items[0]`, which stands for all of them."""
        if items[0] >= self.messages:
            return self._note(int(items[0]) - self.messages)
        hop = self._hop(int(items[0]))
        took = labels.span(self._durations[items])
        return Row(
            kind=hop.kind,
            source=self._lane[hop.sender],
            target=self._lane[hop.receiver],
            time=_time(hop.time),
            label=labels.label(hop.kind, hop.method, hop.tool, hop.rpc_id if len(items) == 1 else ""),
            detail=" · ".join(part for part in (labels.outcome(hop), took) if part),
            status=hop.status,
            lost_at=hop.lost_at,
            seen=hop.seen,
            hop=int(hop.hop),
            answers=int(hop.answers),
            problem=bool(hop.problem),
        )

    def _hop(self, number: int) -> Any:
        return next(self._hops.iloc[number : number + 1].itertuples(index=False))

    def time(self, item: int) -> pd.Timestamp | None:
        """When the item happened."""
        is_note = item >= self.messages
        times = self._notes["time"] if is_note else self._hops["time"]
        return _time(times.iloc[item - self.messages if is_note else item])

    def _note(self, number: int) -> Row:
        note = self._notes.iloc[number]
        lane = self._lane[note["component"]]
        return Row(
            kind=note["kind"],
            source=lane,
            target=lane,
            time=_time(note["time"]),
            label=labels.said(note["text"]),
            level=note["level"],
            problem=bool(note["problem"]),
        )


def _codes(messages: pd.DataFrame, notes: pd.DataFrame) -> NDArray[np.int64]:
    """Equal numbers for rows that a reader would call the same."""
    same = ["kind", "sender", "receiver", "method", "tool", "status", "lost_at", "seen", "error_text"]
    hops = messages.groupby([*same, "error_code"], sort=False, dropna=False).ngroup().to_numpy(dtype="int64")
    said = notes.groupby(["kind", "component", "level", "text"], sort=False).ngroup().to_numpy(dtype="int64")
    return np.concatenate([hops, -1 - said])


def _repeats(codes: list[int]) -> list[_Unit]:
    """Split into units, each the shortest one that covers the most in a row from where it starts."""
    units = []
    start = 0
    while start < len(codes):
        best = _Unit(start)
        for length in range(1, _LONGEST_UNIT + 1):
            unit = codes[start : start + length]
            times = 1
            while codes[start + times * length : start + (times + 1) * length] == unit:
                times += 1
            if times >= _FEWEST_REPEATS and times * length > best.stop - start:
                best = _Unit(start, length, times)
        units.append(best)
        start = best.stop
    return units


def _ranks(
    messages: pd.DataFrame, notes: pd.DataFrame, order: NDArray[np.int64], codes: NDArray[np.int64]
) -> NDArray[np.int64]:
    """How dispensable a row is: 0 a problem, 1 its call, 2 first of its sort, 3 beside one, 4 the rest."""
    problem = np.concatenate([messages["problem"], notes["problem"]]).astype(bool)[order]
    call = np.concatenate([messages["call"], np.full(len(notes), -1)])[order]
    first = np.zeros(len(order), dtype=bool)
    first[np.unique(codes, return_index=True)[1]] = True
    beside = np.zeros(len(order), dtype=bool)
    beside[1:] |= problem[:-1]
    beside[:-1] |= problem[1:]
    troubled = np.isin(call, call[problem & (call >= 0)])
    return np.select([problem, troubled, first, beside], [0, 1, 2, 3], 4)


def _choose(units: list[_Unit], ranks: NDArray[np.int64], most: int) -> list[_Unit]:
    """The units least dispensable, in their old order."""
    rank = [int(ranks[unit.start : unit.start + unit.length].min()) for unit in units]
    kept: list[int] = []
    room = most
    for number in sorted(range(len(units)), key=lambda number: (rank[number], number)):
        # Each unit that stands alone brings a row for the stretch left out before it.
        cost = units[number].length + (number - 1 not in kept[-1:])
        if cost > room:
            break
        room -= cost
        kept.append(number)
    return [units[number] for number in sorted(kept)]


def _assemble(units: list[_Unit], order: NDArray[np.int64], rows: _Rows) -> Layout:
    blocks: list[Block] = []
    drawn = folded = position = 0
    for unit in [*units, _Unit(len(order), 0)]:
        left_out = int((order[position : unit.start] < rows.messages).sum())
        if unit.start > position:
            blocks.append(_gap(left_out, unit.start - position - left_out, rows.time(int(order[position]))))
        position = unit.stop
        if not unit.length:
            break
        items = order[unit.start : unit.stop].reshape(unit.times, unit.length)
        shown = int((items[0] < rows.messages).sum())
        drawn += shown
        folded += shown * (unit.times - 1)
        until = rows.time(int(items[-1, -1])) if unit.times > 1 else None
        blocks.append(Block(tuple(rows.row(column) for column in items.T), unit.times, until))
    return Layout(rows.lanes, tuple(blocks), rows.messages, drawn, folded)


def _gap(messages: int, notes: int, since: pd.Timestamp | None) -> Block:
    parts = [f"{messages:,} message{'s' * (messages != 1)}"] if messages else []
    parts += [f"{notes:,} note{'s' * (notes != 1)}"] if notes else []
    return Block((Row("gap", label=f"{' and '.join(parts)} left out", time=since),))


def _time(value: pd.Timestamp) -> pd.Timestamp | None:
    return None if pd.isna(value) else value
