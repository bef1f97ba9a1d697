"""The calls as the rules ask for them: by operation, by backend, by what else happened at the time."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from godot_analysis.diagnosis.facts._calls import FAILED, HANDSHAKES, LIST, TOOL_CALL
from godot_analysis.diagnosis.facts._given import Given
from godot_analysis.diagnosis.facts._names import Owners
from godot_analysis.diagnosis.facts._signals import Remark
from godot_analysis.diagnosis.facts._table import Calls, micros

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from godot_analysis.diagnosis.facts._calls import Call
    from godot_analysis.diagnosis.facts._signals import Complaint

__all__ = ["LEEWAY", "CallFacts"]

LEEWAY: Final = pd.Timedelta(seconds=1)
"""How much later than it happened a lone entry may have been received by the log store."""

_CLIENT: Final = "client"
_RELAY: Final = "relay"
_SOON: Final = pd.Timedelta(seconds=5)
_PROVEN: Final = 0.9  # a gap that numbers or a loss record tell of


@dataclass
class CallFacts(Given):
    """What is known about calls."""

    @cached_property
    def client(self) -> str:
        """The name of the first sender, or just `client`."""
        named = [caller for (caller,) in self.operations.counts("caller") if caller]
        first = next((name for name in named if name not in self.roles.relays), None)
        told = first or min(self.roles.clients or self.roles.hosts, default=None)
        return told or next(iter([*named, *self._asking]), _CLIENT)

    @cached_property
    def relay(self) -> str:
        """The relay's name; the client's where none stands between, and `relay` if the log names neither."""
        known = self.roles.clients or self._asking
        return self.roles.relay or (self.client if known else _RELAY)

    @cached_property
    def _asking(self) -> list[str]:
        """Who sent a request of any kind, and serves nobody."""
        others = self.roles.relays | self.roles.backends
        asking = (caller for (caller,) in self.requests.counts("caller"))
        return [caller for caller in asking if caller and caller not in others]

    @cached_property
    def operations(self) -> Calls:
        """The `tools/call` operations as their first sender sees them."""
        return self.calls.only(self.table.roots)

    def numbered(self, numbers: Iterable[int]) -> Iterator[Call]:
        """The calls of these numbers."""
        places = (self.table.place_of(number) for number in numbers)
        return (self.table.call(place) for place in places if place is not None)

    @cached_property
    def requests(self) -> Calls:
        """The calls, the handshakes and the lists asked for."""
        return self.table.all(TOOL_CALL, LIST, *HANDSHAKES)

    @cached_property
    def by_backend(self) -> dict[str, Calls]:
        """The calls that were sent to each backend; without those that failed of a further call they made."""
        hit = self.table.with_legs(self.table.mask("status", *FAILED))
        return self.calls.only(~hit).groups(*self.backend_codes)

    def sent_to(self, server: str) -> Calls:
        """The requests that a server got, or that were routed to it."""
        codes, names = self.backend_codes
        routed = codes == (names.index(server) if server in names else len(names))
        return self.requests.only(routed | self.table.mask("callee", server))

    def sent_to_backend(self, backend: str) -> Calls:
        """`by_backend` of one backend, none for one that no call went to."""
        return self.by_backend.get(backend, self.calls[:0])

    def backend_of(self, call: Call) -> str | None:
        """The backend that a call went to, from its callee or from the route chosen for it."""
        if call.callee and call.callee not in self.roles.relays:
            return call.callee
        routed = self._routed.get(call.trace or "") if not call.legs else None
        return None if routed in self.roles.relays else routed

    @cached_property
    def backend_codes(self) -> tuple[NDArray[np.intp], list[str]]:
        """`backend_of` for all calls, as numbers into a list of names, -1 for none."""
        codes, names = self.table.codes("callee")
        codes = np.where(self.table.mask("callee", *self.roles.relays), -1, codes)
        numbers = {name: number for number, name in enumerate(names)}
        if self._routed:
            traces, ids = self.table.codes("trace_id")
            for place in np.flatnonzero((codes < 0) & (traces >= 0) & self.table.leaves).tolist():
                backend = self._routed.get(ids[traces[place]])
                if backend is not None and backend not in self.roles.relays:
                    codes[place] = numbers.setdefault(backend, len(numbers))
        return codes, list(numbers)

    @cached_property
    def _routed(self) -> dict[str, str]:
        return {route.trace: route.backend for route in self.signals.routes if route.trace}

    def operation_of(self, call: Call) -> Call:
        """The operation that a call is a leg of."""
        while call.parent is not None:
            above = self.table.place_of(call.parent)
            if above is None or self.table.call(above).method != TOOL_CALL:
                break
            call = self.table.call(above)
        return call

    @cached_property
    def owners(self) -> Owners:
        """Which backend runs which tool."""
        owners = Owners()
        routes = Counter((route.tool, route.backend) for route in self.signals.routes)
        for (routed, backend), number in routes.items():
            if routed and backend not in self.roles.relays:
                owners.learn(routed, backend, number)
        for (tool, callee), number in self.calls.leaves.counts("tool", "callee").items():
            if tool and callee and callee not in self.roles.relays:
                owners.learn(tool, callee, number)
        lists = Counter((listing.names, listing.server) for listing in self.listings if listing.names)
        for (names, server), number in lists.items():
            if server not in self.roles.relays:
                for name in names or ():
                    owners.learn(name, server, number)
        return owners

    def overtaken(self, call: Call) -> bool:
        """Whether the system went on to something later: then the call did end, and only that is not logged.

        A callee that answered a later call was not stuck. Who sent what only its callee saw is unknown:
        there any later answer will do.
        """
        whom = call.callee if call.last.sent or call.callee in self.roles.relays else None
        last = self._last_answered.get(whom)
        return last is not None and last > micros(call.started)

    def end_unlogged(self, call: Call) -> bool:
        """Whether records that would have told the end of a call are known to be missing."""
        ends = {name for leg in (call, call.last) for name in (leg.caller, leg.callee)}
        until = call.started + max(_SOON, 20 * self.usual_duration)
        return any(
            gap.weight >= _PROVEN
            and gap.component in ends
            and (gap.begin is None or gap.begin <= until)
            and (gap.end is None or gap.end >= call.started)
            for gap in self.gaps
        )

    @cached_property
    def _last_answered(self) -> dict[str | None, int]:
        """When the last call began that was answered: by each callee, and (None) by anybody."""
        answered = self.calls.answered
        groups = [*answered.groups(*self.table.codes("callee")).items(), (None, answered)]
        return {name: int(self.table.started[some.places].max()) for name, some in groups if some}

    def well_answered(self, backend: str, tool: str | None = None) -> Call | None:
        """A call that `backend` answered without an error, of this tool if one is named."""
        place = self._well_answered.get((backend, tool))
        return None if place is None else self.table.call(place)

    def answered_around(self, caller: str, tool: str, time: pd.Timestamp) -> bool:
        """Whether calls of a tool by `caller` were answered without an error before and after a time."""
        first, last = self._answered_from_to.get((caller, tool), (0, 0))
        return first < micros(time) < last

    @cached_property
    def _answered_from_to(self) -> dict[tuple[str, str], tuple[int, int]]:
        started, found = self.table.started, {}
        tools = self.operations.ended("answered").groups(*self.table.codes("tool"))
        for tool, calls in tools.items():
            for caller, own in calls.groups(*self.table.codes("caller")).items():
                times = started[own.places]
                found[caller, tool] = int(times.min()), int(times.max())
        return found

    @cached_property
    def _well_answered(self) -> dict[tuple[str, str | None], int]:
        found: dict[tuple[str, str | None], int] = {}
        tools = self.table.codes("tool")
        for backend, calls in self.by_backend.items():
            good = calls.ended("answered")
            for tool, some in good.groups(*tools).items():
                found[backend, tool] = int(some.places[0])
            if good:
                found[backend, None] = int(good.places[0])
        return found

    def tells_ends(self, backend: str) -> bool:
        """Whether an end of any call to `backend` is in the log; some never log ends."""
        return bool(self.sent_to_backend(backend).answered)

    def first_complaint(self, component: str, since: pd.Timestamp) -> Complaint | None:
        """The first error that a component logged at `since` or later."""
        first = bisect_left(self._complaint_times.get(component, []), since)
        return next(iter(self._complaints.get(component, [])[first : first + 1]), None)

    def complaints_during(self, call: Call, component: str) -> list[Complaint]:
        """Errors that a component logged while a call was under way, or just after."""
        logged = self._complaints.get(component, [])
        end = call.ended if call.ended is not None else call.started + 10 * LEEWAY
        times = self._complaint_times.get(component, [])
        return logged[bisect_left(times, call.started - LEEWAY) : bisect_right(times, end + LEEWAY)]

    def calls_like(self, call: Call) -> Iterator[Call]:
        """The later calls of the same tool by the same caller."""
        key = (call.tool, call.caller)
        if key not in self._alike:
            own = self.calls.where("tool", call.tool).where("caller", call.caller).by_time()
            self._alike[key] = own, self.table.started[own.places]
        own, starts = self._alike[key]
        at = int(np.searchsorted(starts, micros(call.started), "right"))
        return iter(own[at:])

    def put_right(self, call: Call) -> bool:
        """Whether the caller, told of a mistake, made the call again with other arguments, and well."""
        later = next(self.calls_like(call), None) if call.answered else None
        return later is not None and later.status == "answered" and later.arguments != call.arguments

    def succeeded_later(self, call: Call) -> bool:
        """Whether the very same call, made again by the same caller, was answered well."""
        last = self._last_good.get(_same(call))
        return last is not None and last > call.started

    @cached_property
    def _last_good(self) -> dict[tuple[str | None, str | None, str], pd.Timestamp]:
        """When each call, by caller, tool and arguments, was made last of those that were answered well."""
        return {_same(call): call.started for call in self.calls.ended("answered").by_time()}

    @cached_property
    def _alike(self) -> dict[tuple[str | None, str | None], tuple[Calls, NDArray[np.int64]]]:
        return {}

    def remarks_on(self, tool: str) -> list[Remark]:
        """The ordinary records that name a tool, in the order of the log."""
        if tool not in self._remarks:
            others = self.flow.others
            named = others[others["message"].str.contains(tool, regex=False, na=False)]
            told = named[["event_created_at", "component", "id", "message"]].itertuples(
                index=False, name=None
            )
            self._remarks[tool] = list(map(Remark._make, told))
        return self._remarks[tool]

    @cached_property
    def _remarks(self) -> dict[str, list[Remark]]:
        return {}

    @cached_property
    def _complaints(self) -> dict[str, list[Complaint]]:
        found: dict[str, list[Complaint]] = {}
        for item in self.signals.complaints:
            found.setdefault(item.component, []).append(item)
        return found

    @cached_property
    def _complaint_times(self) -> dict[str, list[pd.Timestamp]]:
        return {component: [item.time for item in items] for component, items in self._complaints.items()}

    def arrivals_of(self, call: Call, backend: str) -> int:
        """How often `backend` received the call: more than once when it was repeated."""
        times, tools = self._received.get(backend, ([], []))
        end = (call.ended if call.ended is not None else self.end) + LEEWAY
        meant = tools[bisect_left(times, micros(call.started)) : bisect_right(times, micros(end))]
        return sum(tool == call.tool or not isinstance(tool, str) for tool in meant)

    @cached_property
    def _received(self) -> dict[str, tuple[list[int], list[Any]]]:
        """When which tool was asked for, by who received the request, in order of time."""
        messages = self.flow.observed
        asked = messages.loc[
            (messages["method"] == TOOL_CALL)
            & (messages["kind"] == "request")
            & (messages["direction"] == "received"),
            ["observer", "time", "tool"],
        ].sort_values("time", kind="stable")
        return {
            str(observer): (rows["time"].astype("int64").tolist(), rows["tool"].tolist())
            for observer, rows in asked.groupby("observer", observed=True)
        }

    @cached_property
    def usual_duration(self) -> pd.Timedelta:
        """The median time that an answered call took."""
        took = self.flow.calls.loc[self.flow.calls["status"] == "answered", "duration_ms"].dropna()
        return pd.Timedelta(milliseconds=float(took.median())) if len(took) else pd.Timedelta(0)


def _same(call: Call) -> tuple[str | None, str | None, str]:
    """What two calls have in common that ask for the very same."""
    return call.caller, call.tool, json.dumps(call.arguments, sort_keys=True, default=str)
