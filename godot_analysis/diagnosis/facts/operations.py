"""The calls as rules ask for them: by operation, by backend, by what came later."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from godot_analysis.diagnosis.facts.call import FAILED, HANDSHAKES, LIST, TOOL_CALL, UNFINISHED
from godot_analysis.diagnosis.facts.calls import Calls, CallTable, micros
from godot_analysis.diagnosis.facts.timeline import LEEWAY, WAITED
from godot_analysis.normal_form.jsonrpc import params_of, version_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from godot_analysis.diagnosis.facts.call import Call
    from godot_analysis.diagnosis.facts.log import Log
    from godot_analysis.diagnosis.facts.topology import Topology
    from godot_analysis.reading.events import Events
    from godot_analysis.reconstruction.flow import Flow

__all__ = ["Operations"]

_MANY: Final = 10
_SOON: Final = pd.Timedelta(seconds=5)
_PROVEN: Final = 0.9  # a gap that numbers or a loss record tell of


class Operations:
    """What is known of requests, calls of tools above all."""

    def __init__(self, flow: Flow, events: Events, log: Log, topology: Topology, table: CallTable) -> None:
        self._flow, self._events, self._log, self._topology = flow, events, log, topology
        self.table = table
        self.calls = table.all(TOOL_CALL)
        self._alike: dict[tuple[str | None, str | None], tuple[Calls, NDArray[np.int64]]] = {}
        self._reporting: dict[str | None, bool] = {}
        self._requests_of: dict[str, Calls] = {}

    @cached_property
    def roots(self) -> Calls:
        """The `tools/call` operations as their first sender sees them."""
        return self.calls.only(self.table.roots)

    def numbered(self, numbers: Iterable[int]) -> Iterator[Call]:
        """The calls of these numbers."""
        places = (self.table.place_of(number) for number in numbers)
        return (self.table.call(place) for place in places if place is not None)

    @cached_property
    def every(self) -> Calls:
        """All requests, of whatever method."""
        return Calls(self.table, np.arange(len(self.table)))

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

    def only_server_of(self, client: str) -> str | None:
        """The one server that a component sends requests to, None where there are several."""
        asked = {callee for caller, callee in self.every.counts("caller", "callee") if caller == client}
        return next(iter(asked)) if len(asked) == 1 else None

    def sent_to_backend(self, backend: str) -> Calls:
        """`by_backend` of one backend, none for one that no call went to."""
        return self.by_backend.get(backend, self.calls[:0])

    def backend_of(self, call: Call) -> str | None:
        """The backend that a call went to, from its callee or from the route chosen for it."""
        if call.callee and call.callee not in self._topology.roles.relays:
            return call.callee
        routed = self._routed.get(call.trace or "") if not call.legs else None
        return None if routed in self._topology.roles.relays else routed

    @cached_property
    def backend_codes(self) -> tuple[NDArray[np.intp], list[str]]:
        """`backend_of` for all calls, as numbers into a list of names, -1 for none."""
        codes, names = self.table.codes("callee")
        codes = np.where(self.table.mask("callee", *self._topology.roles.relays), -1, codes)
        numbers = {name: number for number, name in enumerate(names)}
        if self._routed:
            traces, ids = self.table.codes("trace_id")
            for place in np.flatnonzero((codes < 0) & (traces >= 0) & self.table.leaves).tolist():
                backend = self._routed.get(ids[traces[place]])
                if backend is not None and backend not in self._topology.roles.relays:
                    codes[place] = numbers.setdefault(backend, len(numbers))
        return codes, list(numbers)

    @cached_property
    def _routed(self) -> dict[str, str]:
        return {
            route.trace: route.server for route in self._events.of("route") if route.trace and route.server
        }

    def operation_of(self, call: Call) -> Call:
        """The operation that a call is a leg of."""
        while call.parent is not None:
            above = self.table.place_of(call.parent)
            if above is None or self.table.call(above).method != TOOL_CALL:
                break
            call = self.table.call(above)
        return call

    def families(self, calls: Iterable[Call]) -> frozenset[int]:
        """The numbers of all calls of the operations that these calls are legs of."""
        return frozenset[int]().union(*(self.operation_of(call).family for call in calls))

    def overtaken(self, call: Call) -> bool:
        """Whether the system went on to something later: then the call did end, and only that is not logged.

        A callee that answered a later call was not stuck. Who sent what only its callee saw is unknown:
        there any later answer will do.
        """
        whom = call.callee if call.last.sent or call.callee in self._topology.roles.relays else None
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
            for gap in self._log.gaps
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
        tools = self.roots.ended("answered").groups(*self.table.codes("tool"))
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

    def reports_ends(self, caller: str | None) -> bool:
        """Whether a caller's records tell of any end, or of so few calls that none may have come to one."""
        if caller not in self._reporting:
            own = self.calls.where("caller", caller)
            self._reporting[caller] = len(own) < _MANY or bool(own.answered)
        return self._reporting[caller]

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

    def times_received(self, call: Call, backend: str) -> int:
        """How often `backend` received the call: more than once when it was repeated."""
        times, tools = self._received.get(backend, ([], []))
        end = (call.ended if call.ended is not None else self._log.end) + LEEWAY
        meant = tools[bisect_left(times, micros(call.started)) : bisect_right(times, micros(end))]
        return sum(tool == call.tool or not isinstance(tool, str) for tool in meant)

    @cached_property
    def _received(self) -> dict[str, tuple[list[int], list[Any]]]:
        """When which tool was asked for, by who received the request, in order of time."""
        messages = self._flow.observed
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
        took = self._flow.calls.loc[self._flow.calls["status"] == "answered", "duration_ms"].dropna()
        return pd.Timedelta(milliseconds=float(took.median())) if len(took) else pd.Timedelta(0)

    @cached_property
    def handshakes(self) -> Calls:
        """The first requests of all connections, answered or not."""
        return self.table.all(*HANDSHAKES)

    @cached_property
    def setups(self) -> Calls:
        """The handshakes and the lists asked for, in order of time."""
        both = np.concatenate([self.handshakes.places, self.table.all(LIST).places])
        return Calls(self.table, both).by_time()

    def under_way(self, component: str, time: pd.Timestamp, *, failed: bool = False) -> Call | None:
        """The request by or to a component that was under way; of several the one begun closest to `time`.

        For what failed it is rather one that was not answered well, among others that were.
        """
        if component not in self._requests_of:
            both = Calls(self.table, np.concatenate([self.setups.places, self.calls.places]))
            ends = self.table.mask("caller", component) | self.table.mask("callee", component)
            self._requests_of[component] = both.only(ends & ~self.table.mask("callee", None))
        own, now, leeway = self._requests_of[component], micros(time), LEEWAY.value // 1000
        begun, ended = self.table.started[own.places] - leeway <= now, self.table.ended[own.places]
        open_ = self.table.is_open[own.places]
        found = Calls(self.table, own.places[begun & (open_ | (now <= ended + leeway))])
        hurt = found.ended("error", *UNFINISHED).since(time - WAITED).nearest(time) if failed else None
        return hurt or found.nearest(time)

    def version_of(self, call: Call) -> str | None:
        """The protocol version that a request of the stateless era names in its body."""
        return version_of(self.asked(call))

    def asked(self, call: Call) -> dict[str, Any]:
        """The parameters of a request, empty when it has none or nobody logged them."""
        return params_of(self.table.request(call))


def _same(call: Call) -> tuple[str | None, str | None, str]:
    """What two calls have in common that ask for the very same."""
    return call.caller, call.tool, json.dumps(call.arguments, sort_keys=True, default=str)
