"""The calls as the rules ask for them: by operation, by backend, by what else happened at the time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import pandas as pd

from godot_analysis.diagnosis.facts._given import Given
from godot_analysis.diagnosis.facts._names import Owners

if TYPE_CHECKING:
    from godot_analysis.diagnosis.facts._calls import Call
    from godot_analysis.diagnosis.facts._scan import Complaint

__all__ = ["LEEWAY", "TOOL_CALL", "CallFacts"]

LEEWAY: Final = pd.Timedelta(seconds=1)
"""How much later than it happened a lone entry may have been received by the log store."""

TOOL_CALL: Final = "tools/call"
_CLIENT: Final = "client"
_SOON: Final = pd.Timedelta(seconds=5)
_PROVEN: Final = 0.9  # a gap that numbers or a loss record tell of


@dataclass
class CallFacts(Given):
    """What is known about calls."""

    @property
    def client(self) -> str:
        """The name of the first sender, or just `client`."""
        named = [
            call.caller for call in self.operations if call.caller and call.caller not in self.roles.relays
        ]
        return named[0] if named else min(self.roles.clients or self.roles.hosts, default=_CLIENT)

    @cached_property
    def operations(self) -> list[Call]:
        """The `tools/call` operations as their first sender sees them."""
        return [call for call in self.calls if call.parent is None]

    @cached_property
    def by_backend(self) -> dict[str, list[Call]]:
        """The calls that were sent to each backend; without those that failed of a further call they made."""
        found: dict[str, list[Call]] = {}
        for call in self.calls:
            backend = self.backend_of(call)
            if backend is not None and not any(leg.failed for leg in call.legs):
                found.setdefault(backend, []).append(call)
        return found

    def backend_of(self, call: Call) -> str | None:
        """The backend that a call went to, from its callee or from the route chosen for it."""
        if call.callee and call.callee not in self.roles.relays:
            return call.callee
        routed = self._routed.get(call.trace or "") if not call.legs else None
        return None if routed in self.roles.relays else routed

    @cached_property
    def _routed(self) -> dict[str, str]:
        return {route.trace: route.backend for route in self.signals.routes if route.trace}

    def operation_of(self, call: Call) -> Call:
        """The operation that a call is a leg of."""
        by_number = self._by_number
        while call.parent is not None and call.parent in by_number:
            call = by_number[call.parent]
        return call

    @cached_property
    def _by_number(self) -> dict[int, Call]:
        return {call.number: call for call in self.calls}

    @cached_property
    def _by_trace(self) -> dict[str, list[Call]]:
        found: dict[str, list[Call]] = {}
        for call in self.operations:
            if call.trace:
                found.setdefault(call.trace, []).append(call)
        return found

    @cached_property
    def owners(self) -> Owners:
        """Which backend runs which tool."""
        owners = Owners()
        for route in self.signals.routes:
            if route.tool:
                owners.learn(route.tool, route.backend)
        for call in self.calls:
            if call.tool and call.callee and call.callee not in self.roles.relays and not call.legs:
                owners.learn(call.tool, call.callee)
        for listing in self.listings:
            if listing.server not in self.roles.relays:
                for name in listing.names or ():
                    owners.learn(name, listing.server)
        return owners

    def overtaken(self, call: Call) -> bool:
        """Whether the system went on to something later: then the call did end, and only that is not logged.

        A callee that answered a later call was not stuck. Who sent what only its callee saw is unknown:
        there any later answer will do.
        """
        whom = call.callee if call.last.sent or call.callee in self.roles.relays else None
        last = self._last_answered.get(whom)
        return last is not None and last > call.started

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
    def _last_answered(self) -> dict[str | None, pd.Timestamp]:
        """When the last call began that was answered: by each callee, and (None) by anybody."""
        last: dict[str | None, pd.Timestamp] = {}
        for call in self.calls:
            if call.answered:
                for key in {call.callee, None}:
                    if key not in last or call.started > last[key]:
                        last[key] = call.started
        return last

    def well_answered(self, backend: str, tool: str | None = None) -> Call | None:
        """A call that `backend` answered without an error, of this tool if one is named."""
        return self._well_answered.get((backend, tool))

    @cached_property
    def _well_answered(self) -> dict[tuple[str, str | None], Call]:
        found: dict[tuple[str, str | None], Call] = {}
        for backend, calls in self.by_backend.items():
            for call in calls:
                if call.status == "answered":
                    found.setdefault((backend, None), call)
                    found.setdefault((backend, call.tool), call)
        return found

    def tells_ends(self, backend: str) -> bool:
        """Whether an end of any call to `backend` is in the log; some never log ends."""
        return any(call.answered for call in self.by_backend.get(backend, ()))

    def complaints_during(self, call: Call, component: str) -> list[Complaint]:
        """Errors that a component logged while a call was under way, or just after."""
        logged = self._complaints.get(component, [])
        end = call.ended if call.ended is not None else call.started + 10 * LEEWAY
        times = self._complaint_times.get(component, [])
        return logged[bisect_left(times, call.started - LEEWAY) : bisect_right(times, end + LEEWAY)]

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
        messages = self.flow.messages
        end = (call.ended if call.ended is not None else self.end) + LEEWAY
        seen = messages[
            (messages["observer"] == backend)
            & (messages["method"] == TOOL_CALL)
            & (messages["kind"] == "request")
            & (messages["direction"] == "received")
            & messages["time"].between(call.started, end)
        ]
        return int(((seen["tool"] == call.tool) | seen["tool"].isna()).sum())

    @cached_property
    def usual_duration(self) -> pd.Timedelta:
        """The median time that an answered call took."""
        took = self.flow.calls.loc[self.flow.calls["status"] == "answered", "duration_ms"].dropna()
        return pd.Timedelta(milliseconds=float(took.median())) if len(took) else pd.Timedelta(0)
