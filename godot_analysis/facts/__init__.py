"""What the rules reason about, computed once from a flow and its logs: roles, connections, tool tables, calls."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from godot_analysis.facts._calls import (
    HANDSHAKES,
    UNFINISHED,
    Arrival,
    Call,
    Listing,
    Management,
    arrivals_of,
    calls_of,
    listings_of,
    management_of,
    records,
)
from godot_analysis.facts._epochs import Epoch, epochs
from godot_analysis.facts._names import Owners, family, nearest, normalised
from godot_analysis.facts._roles import Roles, roles
from godot_analysis.facts._scan import (
    Complaint,
    Connection,
    Recovery,
    Refusal,
    Route,
    Signals,
    Start,
    Trouble,
    refuses,
    scan,
    tool_in,
)

if TYPE_CHECKING:
    from godot_analysis.flow import Flow

__all__ = [
    "Arrival",
    "Call",
    "Complaint",
    "Connection",
    "Epoch",
    "Facts",
    "Gap",
    "Listing",
    "Management",
    "Recovery",
    "Refused",
    "Roles",
    "Route",
    "Signals",
    "Start",
    "Trouble",
    "family",
    "gather",
    "nearest",
    "normalised",
    "refuses",
]

_TOOL_CALL: Final = "tools/call"
# A loss record is a statement, a gap in numbers a proof, a silence a conclusion.
_CERTAINTY: Final = {"loss record": 0.95, "sequence gap": 0.9, "silence": 0.6}
_LEEWAY: Final = pd.Timedelta(seconds=1)
_RELAY: Final = "relay"
_CLIENT: Final = "client"


@dataclass(frozen=True, slots=True)
class Refused:
    """A tool that the relay, or the client by itself, said it does not know.

    `table` is what the one who refused knew at that moment, None where the log does not tell.
    """

    time: pd.Timestamp
    by: str
    tool: str
    table: frozenset[str] | None
    records: tuple[str, ...]
    calls: frozenset[int]


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
class Facts:
    """Everything the rules may ask of one log.

    `expected` are backends that the reader of the diagnosis named: their silence counts as evidence even if the
    log never mentions them. `live` says that the log goes on: what has no end at its end may still get one.
    """

    flow: Flow
    signals: Signals
    calls: list[Call]
    roles: Roles
    arrivals: list[Arrival]
    listings: list[Listing]
    management: list[Management]
    expected: frozenset[str] = frozenset()
    live: bool = False
    memo: dict[str, Any] = field(default_factory=dict, repr=False)
    _lines: dict[str, int] = field(default_factory=dict, repr=False)

    # Names

    @property
    def relay(self) -> str:
        """The relay's name, or just `relay` when the log does not tell it."""
        return self.roles.relay or _RELAY

    @property
    def client(self) -> str:
        """The name of the first sender, or just `client`."""
        named = [
            call.caller for call in self.operations if call.caller and call.caller not in self.roles.relays
        ]
        return named[0] if named else min(self.roles.clients, default=_CLIENT)

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

    # Calls

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
        return self._routed.get(call.trace or "") if not call.legs else None

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

    # Connections

    @cached_property
    def strangers(self) -> list[Connection]:
        """Connections whose owner is no relay: opened at a server that names its sessions, and never greeted on."""
        messages = self.flow.messages
        asked = messages[(messages["direction"] == "received") & messages["session"].notna()]
        greeted = asked[asked["method"].isin(HANDSHAKES)]
        greeting = set(zip(greeted["observer"].astype(object), greeted["session"], strict=True))
        servers = {server for server, _ in greeting}
        return [
            item
            for item in self.signals.connections
            if item.component in servers and item.session and (item.component, item.session) not in greeting
        ]

    @cached_property
    def epochs(self) -> list[Epoch]:
        """The lives of the relay, in order of time; at least one."""
        mine = self.relay_arrivals
        starts = [arrival.time for arrival in self.arrivals if arrival.backend in self.roles.relays]
        starts += [start.time for start in self.signals.starts if start.component in self.roles.relays]
        return epochs(mine, [arrival for arrival in mine if self.why_reconnected(arrival)], starts)

    @cached_property
    def relay_arrivals(self) -> list[Arrival]:
        """The relay's handshakes at its backends: those by another backend, or by a test, are not among them."""
        others = self.roles.backends | self.roles.clients
        return [
            arrival
            for arrival in self.arrivals
            if arrival.backend not in self.roles.relays
            and (arrival.caller is None or arrival.caller not in others)
        ]

    def why_reconnected(self, arrival: Arrival) -> str | None:
        """What in the log explains a handshake that is not part of a start of the relay."""
        times = self._hands.get(arrival.backend, [])
        before = bisect_left(times, arrival.time)
        since = times[before - 1] if before else self.start
        if any(since <= t.time <= arrival.time for t in self._troubles_at.get(arrival.backend, ())):
            return "the connection was lost"
        # Entries travel alone: the command may be logged a little after what it caused.
        until = arrival.time + _LEEWAY
        for item in self.management:
            if (
                item.name == arrival.backend
                and item.verb in {"add", "reconnect"}
                and since <= item.time <= until
            ):
                return f"{item.call.tool} was called"
        return None

    @cached_property
    def _hands(self) -> dict[str, list[pd.Timestamp]]:
        found: dict[str, list[pd.Timestamp]] = {}
        for arrival in self.relay_arrivals:
            found.setdefault(arrival.backend, []).append(arrival.time)
        return found

    def epoch_at(self, time: pd.Timestamp) -> Epoch:
        """The life of the relay that `time` falls into."""
        return next((epoch for epoch in reversed(self.epochs) if epoch.holds(time)), self.epochs[0])

    @property
    def troubles(self) -> list[Trouble]:
        """Connections that could not be made or used, in order of time."""
        return self.signals.troubles

    @cached_property
    def _troubles_at(self) -> dict[str, list[Trouble]]:
        found: dict[str, list[Trouble]] = {}
        for trouble in self.troubles:
            found.setdefault(trouble.backend, []).append(trouble)
        return found

    @cached_property
    def _troubles_in(self) -> dict[str, list[Trouble]]:
        found: dict[str, list[Trouble]] = {}
        for trouble in self.troubles:
            if trouble.trace is not None:
                found.setdefault(trouble.trace, []).append(trouble)
        return found

    def troubles_under(self, call: Call) -> list[Trouble]:
        """Troubles with a connection while a call was under way, in its own trace or at its backend."""
        if not self.troubles:
            return []
        end = call.ended if call.ended is not None else self.end
        at_backend = self._troubles_at.get(self.backend_of(call.last) or "", ())
        around = [t for t in at_backend if t.trace is None and call.started <= t.time <= end]
        return sorted(
            [*self._troubles_in.get(call.trace or "", ()), *around], key=lambda trouble: trouble.time
        )

    def losses_under(self, call: Call) -> list[Trouble]:
        """Those of the troubles that tell of a lost connection."""
        return [trouble for trouble in self.troubles_under(call) if trouble.kind != "other"]

    def overtaken(self, call: Call) -> bool:
        """Whether the same callee answered something later: then it was not stuck, only the end was not logged."""
        last = self._last_answered.get(call.callee)
        return last is not None and last > call.started

    @cached_property
    def _last_answered(self) -> dict[str | None, pd.Timestamp]:
        last: dict[str | None, pd.Timestamp] = {}
        for call in self.operations:
            if call.answered and (call.callee not in last or call.started > last[call.callee]):
                last[call.callee] = call.started
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

    def complaints_during(self, call: Call, component: str) -> list[Complaint]:
        """Errors that a component logged while a call was under way, with the leeway that lone entries need."""
        logged = self._complaints.get(component, [])
        end = call.ended if call.ended is not None else call.started + 10 * _LEEWAY
        times = self._complaint_times.get(component, [])
        return logged[bisect_left(times, call.started - _LEEWAY) : bisect_right(times, end + _LEEWAY)]

    @cached_property
    def _complaints(self) -> dict[str, list[Complaint]]:
        found: dict[str, list[Complaint]] = {}
        for item in self.signals.complaints:
            found.setdefault(item.component, []).append(item)
        return found

    @cached_property
    def _complaint_times(self) -> dict[str, list[pd.Timestamp]]:
        return {component: [item.time for item in items] for component, items in self._complaints.items()}

    def tells_ends(self, backend: str) -> bool:
        """Whether an end of any call to `backend` is in the log: one that never logs ends leaves all calls open."""
        return any(call.answered for call in self.by_backend.get(backend, ()))

    def arrivals_of(self, call: Call, backend: str) -> int:
        """How often `backend` received the call: more than once when it was repeated."""
        messages = self.flow.messages
        end = (call.ended if call.ended is not None else self.end) + _LEEWAY
        seen = messages[
            (messages["observer"] == backend)
            & (messages["method"] == _TOOL_CALL)
            & (messages["kind"] == "request")
            & (messages["direction"] == "received")
            & messages["time"].between(call.started, end)
        ]
        return int(((seen["tool"] == call.tool) | seen["tool"].isna()).sum())

    def served_in(self, backend: str, epoch: Epoch) -> list[Call]:
        """Calls that `backend` answered in one life of the relay."""
        return [
            call for call in self.by_backend.get(backend, ()) if call.answered and epoch.holds(call.started)
        ]

    # Tool tables

    @cached_property
    def tables(self) -> list[tuple[pd.Timestamp, frozenset[str], tuple[str, ...]]]:
        """What the relay knew, each time the log shows it: time, names, rows."""
        found = [
            (refusal.time, refusal.table, (refusal.record,))
            for refusal in self.signals.refusals
            if refusal.table is not None and refusal.component in self.roles.relays
        ]
        for listing in self.listings:
            if listing.server in self.roles.relays and listing.names is not None:
                found.append((listing.time, listing.names, listing.records))
        return sorted(found, key=lambda item: item[0])

    def table_at(self, time: pd.Timestamp) -> frozenset[str] | None:
        """The relay's tool table at `time`, from the last time it was shown in the same life of the relay."""
        at = bisect_right(self._table_times, time) - 1
        if at < 0 or not self.epoch_at(time).holds(self._table_times[at]):
            return None
        return self.tables[at][1]

    @cached_property
    def _table_times(self) -> list[pd.Timestamp]:
        return [time for time, _, _ in self.tables]

    def lists_of(self, server: str) -> list[Listing]:
        """What a server answered to `tools/list`, in order of time."""
        return self._lists.get(server, [])

    @cached_property
    def _lists(self) -> dict[str, list[Listing]]:
        found: dict[str, list[Listing]] = {}
        for listing in self.listings:
            found.setdefault(listing.server, []).append(listing)
        return found

    @cached_property
    def refused(self) -> list[Refused]:
        """Every tool that the relay or the client refused, from records and from answers, in order of time."""
        found = [self._refused_in(refusal) for refusal in self.signals.refusals]
        told = frozenset[int]().union(*(item.calls for item in found))
        for call in self.operations:
            at_relay = not call.legs and self.backend_of(call) is None
            if call.number in told or not call.tool or not at_relay or not refuses(call.error_text):
                continue
            table = self.table_at(call.started)
            by = call.callee or self.relay
            found.append(Refused(call.started, by, call.tool, table, call.rows, call.family))
        return sorted(found, key=lambda item: item.time)

    def _refused_in(self, refusal: Refusal) -> Refused:
        calls = [call for call in self._by_trace.get(refusal.trace or "", ()) if call.tool == refusal.tool]
        if not calls and refusal.component in self.roles.relays:
            near = [
                call
                for call in self.operations
                if call.tool == refusal.tool and call.failed and not call.legs
            ]
            calls = sorted(near, key=lambda call: abs(call.started - refusal.time))[:1]
        table = refusal.table if refusal.table is not None else self._known_by(refusal)
        rows = (refusal.record, *(row for call in calls for row in call.rows if row != refusal.record))
        numbers = frozenset[int]().union(*(call.family for call in calls))
        return Refused(refusal.time, refusal.component, refusal.tool, table, rows, numbers)

    def _known_by(self, refusal: Refusal) -> frozenset[str] | None:
        offers = [
            offer.names
            for offer in self.signals.offers
            if offer.component == refusal.component and offer.time <= refusal.time and offer.names is not None
        ]
        if offers:
            return frozenset(name.removeprefix(refusal.prefix) for name in offers[-1])
        return self.table_at(refusal.time)

    # Messages

    @cached_property
    def handshakes(self) -> list[Call]:
        """The first requests of all connections, answered or not."""
        return calls_of(self.flow, HANDSHAKES)

    @cached_property
    def invalid(self) -> list[dict[str, Any]]:
        """The messages that are no valid JSON-RPC, as rows of `messages`, with their sender."""
        messages = self.flow.messages
        rows = records(messages[messages["validity"].fillna("") != ""])
        for row in rows:
            row["sender"] = row["sender"] or (
                row["peer"] if row["direction"] == "received" else row["observer"]
            )
        return rows

    @cached_property
    def list_changes(self) -> list[tuple[pd.Timestamp, str]]:
        """When a client received word that a list of tools had changed: time and row."""
        messages = self.flow.messages
        told = messages[messages["method"] == "notifications/tools/list_changed"]
        told = told[~told["observer"].isin(self.roles.relays) | (told["direction"] == "sent")]
        return [(row["time"], row["record"]) for row in records(told)]

    @cached_property
    def retyped(self) -> list[tuple[Call, dict[str, Any]]]:
        """Requests without an answer, each with an answer whose id differs from theirs only in its type."""
        waiting = [
            call for call in (*self.calls, *self.handshakes) if call.status in UNFINISHED and call.rpc_id
        ]
        if not waiting:
            return []
        messages = self.flow.messages
        answers = messages[messages["kind"].isin(["response", "error"]) & messages["payload"].notna()]
        by_id: dict[str, list[dict[str, Any]]] = {}
        for row in records(answers[answers["convention"] == "message"]):
            if row["rpc_id"]:
                by_id.setdefault(row["rpc_id"].strip('"'), []).append(row)
        found = []
        for call in waiting:
            for row in by_id.get((call.rpc_id or "").strip('"'), ()):
                same_pair = {row["sender"], row["receiver"]} <= {call.callee, call.caller, None}
                if row["rpc_id"] != call.rpc_id and row["time"] >= call.started and same_pair:
                    found.append((call, row))
                    break
        return found

    @cached_property
    def notification_errors(self) -> dict[str, list[tuple[str, str]]]:
        """Errors about notifications, which nobody waits for: by component, the method and the row."""
        found: dict[str, list[tuple[str, str]]] = {}
        for item in self.signals.shrugs:
            found.setdefault(item.component, []).append((item.method or "", item.record))
        return found

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

    # Rows

    @cached_property
    def usual_duration(self) -> pd.Timedelta:
        """The median time that an answered call took."""
        took = self.flow.calls.loc[self.flow.calls["status"] == "answered", "duration_ms"].dropna()
        return pd.Timedelta(milliseconds=float(took.median())) if len(took) else pd.Timedelta(0)

    @cached_property
    def start(self) -> pd.Timestamp:
        """The first moment of the log."""
        return self.flow.logs["event_created_at"].min()

    @cached_property
    def end(self) -> pd.Timestamp:
        """The last moment of the log."""
        return self.flow.logs["event_created_at"].max()

    @cached_property
    def _ids(self) -> frozenset[str]:
        return frozenset(self.flow.logs["id"])

    def rows_among(self, ids: Iterable[str]) -> tuple[str, ...]:
        """The records that are rows of this log, each once, in the order given."""
        return tuple(dict.fromkeys(record for record in ids if record in self._ids))

    def line_numbers(self, ids: Sequence[str]) -> tuple[int, ...]:
        """The lines of the file that the records came from; empty when they came from no file."""
        return tuple(self._lines[record] for record in ids) if self._lines else ()


def gather(flow: Flow, *, expected: Iterable[str] = (), live: bool = False) -> Facts:
    """Compute the facts of one flow."""
    signals = scan(flow.logs)
    calls = calls_of(flow, (_TOOL_CALL,))
    arrivals = arrivals_of(flow)
    parts = roles(signals, calls, arrivals)
    counts = [(item.time, item.component, item.count, item.record) for item in signals.tool_counts]
    return Facts(
        flow=flow,
        signals=signals,
        calls=calls,
        roles=parts,
        arrivals=arrivals,
        listings=listings_of(flow, counts),
        management=management_of(calls, parts.relays),
        expected=frozenset(expected),
        live=live,
        _lines=flow.logs.attrs.get("lines", {}),
    )
