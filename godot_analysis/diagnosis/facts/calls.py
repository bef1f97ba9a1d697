"""The calls of a flow by columns: rules choose among them there, and only a chosen one becomes a `Call`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np
import pandas as pd

from godot_analysis.diagnosis.facts.call import ANSWERED, FAILED, Call
from godot_analysis.loading.frames import objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from godot_analysis.reconstruction.flow import Flow

    Positions = NDArray[np.intp]
    Mask = NDArray[np.bool_]

__all__ = ["CallTable", "Calls", "micros"]

_Told = TypeVar("_Told")


class Calls(Sequence[Call]):
    """Some calls of one flow, in the order of `flow.calls`: a selection, cheap to narrow down further."""

    def __init__(self, table: CallTable, at: Positions) -> None:
        self.table = table
        self.places = at
        self._ended: dict[frozenset[str], Calls] = {}

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, place: int) -> Call: ...
    @overload
    def __getitem__(self, place: slice) -> Calls: ...
    def __getitem__(self, place: int | slice) -> Call | Calls:
        return (
            Calls(self.table, self.places[place])
            if isinstance(place, slice)
            else self.table.call(self.places[place])
        )

    def __iter__(self) -> Iterator[Call]:
        return map(self.table.call, self.places.tolist())

    def only(self, mask: Mask) -> Calls:
        """Those for which `mask`, which has a place for every call of the flow, is set."""
        return Calls(self.table, self.places[mask[self.places]])

    def where(self, column: str, *names: str | None) -> Calls:
        """Those that have one of these names in a column of `flow.calls`; None stands for no name."""
        return self.only(self.table.mask(column, *names))

    def ended(self, *statuses: str) -> Calls:
        """Those that ended in one of these ways."""
        key = frozenset(statuses)
        if key not in self._ended:
            self._ended[key] = self.where("status", *statuses)
        return self._ended[key]

    @property
    def answered(self) -> Calls:
        """Those that got any answer, good or bad."""
        return self.ended(*ANSWERED)

    @property
    def served(self) -> Calls:
        """Those that got a result, be it one in which the tool says no."""
        return self.ended("answered", "tool_error")

    @property
    def erred(self) -> Calls:
        """Those that were answered with an error, of the protocol or of the tool."""
        return self.ended("error", "tool_error")

    @property
    def failed(self) -> Calls:
        """Those that did not end well, or not at all."""
        return self.ended(*FAILED)

    def with_any(self, mask: Mask) -> Calls:
        """Those for which `mask` is set, or for one of whose legs, or the legs of these."""
        return self.only(self.table.families(mask))

    def shown_by(self, records: Iterable[str]) -> Iterator[Call]:
        """Those that some of these log rows show."""
        shown = frozenset(records)
        told = self.telling("evidence", lambda own: None if shown.isdisjoint(own) else True)
        return (call for call, _ in told)

    @property
    def leaves(self) -> Calls:
        """Those that caused no further call of their kind."""
        return self.only(self.table.leaves)

    def after(self, time: pd.Timestamp) -> Calls:
        """Those that began later than `time`."""
        return self.only(self.table.started > micros(time))

    def since(self, time: pd.Timestamp) -> Calls:
        """Those that began at `time` or later."""
        return self.only(self.table.started >= micros(time))

    def before(self, time: pd.Timestamp) -> Calls:
        """Those that began earlier than `time`."""
        return self.only(self.table.started < micros(time))

    def by_time(self) -> Calls:
        """The same in the order in which they began."""
        return Calls(self.table, self.places[np.argsort(self.table.started[self.places], kind="stable")])

    def nearest(self, time: pd.Timestamp) -> Call | None:
        """The one that began closest to `time`, the first of several."""
        away = np.abs(self.table.started[self.places] - micros(time))
        return self[int(away.argmin())] if len(away) else None

    def counts(self, *columns: str) -> dict[tuple[str | None, ...], int]:
        """How many there are of each combination of names, by first appearance."""
        known = [self.table.codes(column) for column in columns]
        key = np.zeros(len(self.places), dtype=np.int64)
        for codes, names in known:
            key = key * (len(names) + 1) + codes[self.places] + 1
        _, first, numbers = np.unique(key, return_index=True, return_counts=True)
        order = np.argsort(first, kind="stable")
        return {
            tuple(names[code] if (code := codes[place]) >= 0 else None for codes, names in known): number
            for place, number in zip(self.places[first[order]].tolist(), numbers[order].tolist(), strict=True)
        }

    def groups(self, codes: Positions, names: Sequence[str]) -> dict[str, Calls]:
        """The calls by name, by first appearance; `codes` numbers the name of every call of the flow."""
        own = codes[self.places]
        order = np.argsort(own, kind="stable")
        order = order[np.searchsorted(own[order], 0) :]  # -1 is no name
        bounds = np.flatnonzero(np.diff(own[order])) + 1
        parts = sorted((part for part in np.split(order, bounds) if len(part)), key=lambda part: part[0])
        return {names[own[part[0]]]: Calls(self.table, self.places[part]) for part in parts}

    def telling(self, column: str, judge: Callable[[Any], _Told | None]) -> Iterator[tuple[Call, _Told]]:
        """Those of whose value in an object column `judge` tells something, with what it tells."""
        values = self.table.objects(column)
        for place in self.places.tolist():
            if (told := judge(values[place])) is not None:
                yield self.table.call(place), told


class CallTable:
    """The columns of `flow.calls` in the forms that selections need, each made when first asked for."""

    def __init__(self, flow: Flow) -> None:
        self._frame = flow.calls
        self._hops = flow.hops
        self._codes: dict[str, tuple[Positions, list[str]]] = {}
        self._objects: dict[str, NDArray[Any]] = {}
        self.made: dict[int, Call] = {}

    def __len__(self) -> int:
        return len(self._frame)

    def all(self, *methods: str) -> Calls:
        """The calls of these methods."""
        return Calls(self, np.flatnonzero(self.mask("method", *methods)))

    def mask(self, column: str, *names: str | None) -> Mask:
        """Where a column holds one of these names; None stands for no name."""
        codes, known = self.codes(column)
        chosen = frozenset(names)
        wanted = np.array([*(name in chosen for name in known), None in chosen])
        return wanted[codes]  # -1, for none, finds the last place

    def codes(self, column: str) -> tuple[Positions, list[str]]:
        """A column of names as numbers into the list of those that occur, -1 for none."""
        if column not in self._codes:
            codes, names = pd.factorize(self._frame[column])
            known = [str(name) for name in names]
            if "" in known:
                codes = np.where(codes == known.index(""), -1, codes)
            self._codes[column] = codes, known
        return self._codes[column]

    def objects(self, column: str) -> NDArray[Any]:
        """A column as Python objects, None for a missing one."""
        if column not in self._objects:
            values = self._frame[column]
            self._objects[column] = values.to_numpy() if values.dtype == object else objects(values)
        return self._objects[column]

    @cached_property
    def started(self) -> NDArray[np.int64]:
        """When each call began, in microseconds since 1970."""
        return self._frame["started_at"].to_numpy("datetime64[us]").astype(np.int64)

    @cached_property
    def ended(self) -> NDArray[np.int64]:
        """When each call ended; where it did not, the earliest of all times."""
        return self._frame["ended_at"].to_numpy("datetime64[us]").astype(np.int64)

    @cached_property
    def is_open(self) -> Mask:
        """Which calls have no end in the log."""
        return self._frame["ended_at"].isna().to_numpy()

    @cached_property
    def parents(self) -> Positions:
        """The place of the call of the same method that caused each call, -1 for none."""
        numbers = pd.Index(self._frame["call"])
        places = numbers.get_indexer(self._frame["parent"].to_numpy("int64", na_value=-1))
        methods, _ = self.codes("method")
        return np.where((places >= 0) & (methods[places] == methods), places, -1)

    @cached_property
    def roots(self) -> Mask:
        """Which calls no other call of the log caused."""
        return self._frame["parent"].isna().to_numpy()

    @cached_property
    def tops(self) -> Positions:
        """The place of the first call of the family that each call is of."""
        tops = np.arange(len(self.parents))
        while (above := self.parents[tops]).max(initial=-1) >= 0:
            tops = np.where(above >= 0, above, tops)
        return tops

    def families(self, mask: Mask) -> Mask:
        """Which calls are the first of a family that has a member for which `mask` is set."""
        found = np.zeros(len(mask), dtype=bool)
        found[self.tops[mask]] = True
        return found

    @cached_property
    def lasts(self) -> Positions:
        """The place of the leg of each call that is furthest from its first sender."""
        legs = np.full(len(self.parents), -1)
        inner = np.flatnonzero(self.parents >= 0)
        legs[self.parents[inner]] = inner  # of several, the last is written last
        lasts = np.arange(len(legs))
        while (below := legs[lasts]).max(initial=-1) >= 0:
            lasts = np.where(below >= 0, below, lasts)
        return lasts

    @cached_property
    def leaves(self) -> Mask:
        """Which calls have no legs."""
        return ~self.with_legs(np.ones(len(self.parents), dtype=bool))

    def with_legs(self, mask: Mask) -> Mask:
        """Which calls have a leg for which `mask` is set."""
        found = np.zeros(len(self.parents), dtype=bool)
        found[self.parents[mask & (self.parents >= 0)]] = True
        return found

    @cached_property
    def passing_on(self) -> Mask:
        """Which calls have a leg of the very same tool."""
        tools, _ = self.codes("tool")
        return self.with_legs(tools[self.parents] == tools)

    def request(self, call: Call) -> Any:
        """The message that a call began with, None where nobody logged it."""
        place = self.place_of(call.number)
        hop = self._request_hops[place] if place is not None else -1
        return self._hops["payload"].iloc[hop] if hop >= 0 else None

    @cached_property
    def _request_hops(self) -> NDArray[np.int64]:
        return self._frame["request_hop"].to_numpy("int64", na_value=-1)

    def place_of(self, number: int) -> int | None:
        """Where the call of this number stands."""
        return self._places.get(number)

    @cached_property
    def _places(self) -> dict[int, int]:
        return {number: place for place, number in enumerate(self._frame["call"].tolist())}

    @cached_property
    def _legs(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        inner = np.flatnonzero(self.parents >= 0)
        for place, parent in zip(inner.tolist(), self.parents[inner].tolist(), strict=True):
            found.setdefault(parent, []).append(place)
        return found

    @cached_property
    def _seen(self) -> dict[str, NDArray[Any]]:
        """Who saw the request and the answer of each call, by the column that names its hop."""
        seen = pd.Series(self._hops["seen"].astype(object).to_numpy(), index=self._hops["hop"].to_numpy())
        return {
            column: seen.reindex(self._frame[column].to_numpy("int64", na_value=-1)).to_numpy()
            for column in ("request_hop", "response_hop")
        }

    @cached_property
    def heard(self) -> Mask:
        """Which calls' answers are seen to have reached their callers."""
        return pd.Series(self._seen["response_hop"]).isin(["both", "receiver"]).to_numpy()

    @cached_property
    def unanswered(self) -> Mask:
        """Which calls have no answer in the log, whatever else tells how they ended."""
        return self._frame["response_hop"].isna().to_numpy()

    @cached_property
    def _times(self) -> tuple[Any, Any]:
        return self._frame["started_at"].array, self._frame["ended_at"].array

    def call(self, place: int) -> Call:
        """The call at a place, the same object every time."""
        made = self.made.get(place)
        if made is None:
            made = self.made[place] = self._make(int(place))
        return made

    def _make(self, place: int) -> Call:
        def text(column: str) -> str | None:
            codes, names = self.codes(column)
            return names[code] if (code := codes[place]) >= 0 else None

        def value(column: str) -> Any:
            return self.objects(column)[place]

        began, end = self._times
        asked, answered = self._seen["request_hop"][place], self._seen["response_hop"][place]
        arguments = value("arguments")
        return Call(
            number=value("call"),
            parent=value("parent"),
            caller=text("caller"),
            callee=text("callee"),
            method=value("method"),
            tool=text("tool"),
            trace=value("trace_id") or None,
            arguments=arguments if isinstance(arguments, dict) else None,
            started=began[place],
            ended=None if end[place] is pd.NaT else end[place],
            status=text("status") or "",
            lost_at=text("lost_at"),
            attempts=value("attempts"),
            result=value("result"),
            error_code=value("error_code"),
            error_text=value("error_text") or "",
            evidence=tuple(value("evidence") or ()),
            note=text("note") or "",
            sent=asked in {"both", "sender"},
            received=asked in {"both", "receiver"},
            answer_seen=answered if isinstance(answered, str) else None,
            session=value("session") or None,
            rpc_id=value("rpc_id") or None,
            legs=[self.call(leg) for leg in self._legs.get(place, ())],
        )


def micros(time: pd.Timestamp) -> int:
    """A time as the columns of a table hold it: microseconds since 1970."""
    return time.value // 1000
