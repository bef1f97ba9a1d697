"""The connections: who was greeted when, in which life of the relay, and what troubled it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import numpy as np

from godot_analysis.diagnosis.facts._calls import HANDSHAKES, LIST, UNFINISHED, Call
from godot_analysis.diagnosis.facts._epochs import Epoch, epochs
from godot_analysis.diagnosis.facts._rows import records, repeated
from godot_analysis.diagnosis.facts._table import Calls, micros
from godot_analysis.diagnosis.facts._views import LEEWAY, CallFacts

if TYPE_CHECKING:
    import pandas as pd

    from godot_analysis.diagnosis.facts._exchanges import HttpExchange
    from godot_analysis.diagnosis.facts._lists import Arrival
    from godot_analysis.diagnosis.facts._management import Management
    from godot_analysis.diagnosis.facts._signals import Connection, Trouble

__all__ = ["LinkFacts"]

_TWICE: Final = 2
_NO_SUCCESS: Final = 300  # HTTP's first status that is none
_WHOLE: Final = ("message", "arrow")
"""The conventions that show every message word for word."""


@dataclass
class LinkFacts(CallFacts):
    """What is known about connections and what travelled on them."""

    @cached_property
    def handshakes(self) -> Calls:
        """The first requests of all connections, answered or not."""
        return self.table.all(*HANDSHAKES)

    @cached_property
    def setups(self) -> Calls:
        """The handshakes and the lists asked for, in order of time."""
        both = np.concatenate([self.handshakes.places, self.table.all(LIST).places])
        return Calls(self.table, both).by_time()

    @cached_property
    def unasked(self) -> list[dict[str, Any]]:
        """Answers, logged word for word, that answer no request: their id is null, missing, or used up."""
        messages = self.flow.messages
        answers = messages[messages["kind"].isin(["response", "error"]) & messages["convention"].isin(_WHOLE)]
        null = (answers["rpc_id"].isna() | (answers["rpc_id"] == "null")).to_numpy()
        again = repeated(
            answers, ["observer", "direction", "sender", "receiver", "session", "instance", "rpc_id"]
        )
        rows = answers[null | again]
        ids = set(rows["rpc_id"].dropna()) - {"null"}
        asked = messages[(messages["kind"] == "request") & messages["rpc_id"].isin(ids)]
        times = Counter(zip(asked["observer"], asked["rpc_id"], strict=True))
        # What was asked again is answered again.
        fresh = [times[key] < _TWICE for key in zip(rows["observer"], rows["rpc_id"], strict=True)]
        return records(rows[fresh])

    def server_of(self, exchange: HttpExchange) -> str | None:
        """Whom an HTTP request went to: named beside it, in its URL, or asked at that moment."""
        if exchange.peer is not None:
            return exchange.peer
        host = urlsplit(exchange.url or "").hostname
        if host in self._servers and host != exchange.component:
            return host
        near = self._under_way(exchange.component, exchange.time)
        if near is not None:
            return near.callee
        return exchange.component if exchange.component in self.backends else None

    def stateless(self, server: str) -> bool:
        """Whether somebody speaks to a server in the stateless era, where no handshake is needed."""
        return server in self._stateless

    @cached_property
    def _stateless(self) -> frozenset[str]:
        messages = self.flow.messages
        return frozenset(messages.loc[messages["era"] == "stateless", "receiver"].dropna().astype(object))

    def same_process(self, record: str, calls: Calls) -> bool:
        """Whether the process that wrote a record shows one of the calls, too."""
        logs = self.flow.logs
        writers = logs.loc[logs["id"] == record, "instance"].dropna()
        own = logs.loc[logs["instance"].isin(writers), "id"]
        return next(calls.shown_by(own), None) is not None

    @cached_property
    def _servers(self) -> frozenset[str]:
        return (frozenset(self.components) | self.backends) - self.roles.clients

    def _under_way(self, component: str, time: pd.Timestamp) -> Call | None:
        """The request by or to a component that was under way; of several the one begun closest to `time`."""
        if component not in self._requests_of:
            both = Calls(self.table, np.concatenate([self.setups.places, self.calls.places]))
            ends = self.table.mask("caller", component) | self.table.mask("callee", component)
            self._requests_of[component] = both.only(ends & ~self.table.mask("callee", None))
        own, now, leeway = self._requests_of[component], micros(time), LEEWAY.value // 1000
        begun, ended = self.table.started[own.places] - leeway <= now, self.table.ended[own.places]
        open_ = self.table.is_open[own.places]
        return Calls(self.table, own.places[begun & (open_ | (now <= ended + leeway))]).nearest(time)

    @cached_property
    def _requests_of(self) -> dict[str, Calls]:
        return {}

    @cached_property
    def failed_exchanges(self) -> dict[str | None, list[HttpExchange]]:
        """The HTTP requests that did not succeed, by the server that they went to."""
        found: dict[str | None, list[HttpExchange]] = {}
        for item in self.signals.exchanges:
            if item.status >= _NO_SUCCESS:
                found.setdefault(self.server_of(item), []).append(item)
        return found

    @cached_property
    def unheeded(self) -> list[Call]:
        """The relay's handshakes that nobody is seen to have received or answered."""
        return [
            call
            for call in self.handshakes
            if call.caller in self.roles.relays and call.sent and not (call.received or call.answered)
        ]

    @cached_property
    def confirmed(self) -> frozenset[str]:
        """The servers that were told `notifications/initialized`."""
        messages = self.flow.messages
        told = messages[messages["method"] == "notifications/initialized"]
        return frozenset(told["receiver"].dropna()) | frozenset(
            told.loc[told["direction"] == "received", "observer"].astype(object)
        )

    def verbatim(self, *names: str) -> bool:
        """Whether one of the components records its messages in full, so that a missing one was not sent."""
        return not self._verbatim.isdisjoint(names)

    @cached_property
    def _verbatim(self) -> frozenset[str]:
        messages = self.flow.messages
        whole = messages["convention"].isin(_WHOLE)
        return frozenset(messages.loc[whole, "observer"].astype(object))

    @cached_property
    def strangers(self) -> list[Connection]:
        """Connections by nobody known: opened at a server that names its sessions, and never greeted on."""
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
    def relay_arrivals(self) -> list[Arrival]:
        """The relay's handshakes at its backends, without those that another backend made."""
        others = self.roles.backends | self.roles.clients
        return [
            arrival
            for arrival in self.arrivals
            if arrival.backend not in self.roles.relays
            and (arrival.caller is None or arrival.caller not in others)
        ]

    @cached_property
    def epochs(self) -> list[Epoch]:
        """The lives of the relay, in order of time; at least one."""
        # Several hosts, or relays in a row, are lives apart: told are those of the busiest one.
        hands = Counter(one.caller for one in self.relay_arrivals if one.caller)
        main = (
            self.roles.relay
            if self.roles.relay in hands
            else max(hands, key=lambda name: hands[name], default=None)
        )
        mine = [one for one in self.relay_arrivals if one.caller in {None, main}]
        greeted = [arrival for arrival in self.arrivals if arrival.backend in self.roles.relays]
        # Another client that comes later finds a relay that runs.
        first = {one.backend: one.caller for one in reversed(greeted)}
        starts = [one.time for one in greeted if one.caller in {None, first[one.backend]}]
        starts += [start.time for start in self.signals.starts if start.component in self.roles.relays]
        return epochs(mine, [arrival for arrival in mine if self.why_reconnected(arrival)], starts)

    def epoch_at(self, time: pd.Timestamp) -> Epoch:
        """The life of the relay that `time` falls into."""
        before = len(self.epochs) - len(self._begins)  # what came before the first start has no begin
        return self.epochs[max(bisect_right(self._begins, time) + before - 1, 0)]

    @cached_property
    def _begins(self) -> list[pd.Timestamp]:
        return [epoch.begin for epoch in self.epochs if epoch.begin is not None]

    def why_reconnected(self, arrival: Arrival) -> str | None:
        """What in the log explains a handshake that is not part of a start of the relay."""
        times = self._hands.get(arrival.backend, [])
        before = bisect_left(times, arrival.time)
        since = times[before - 1] if before else self.start
        troubles = self._troubles_at.get(arrival.backend, [])
        first = bisect_left(troubles, since, key=_time)
        if first < len(troubles) and troubles[first].time <= arrival.time:
            return "the connection was lost"
        # Entries travel alone: the command may be logged a little after what it caused.
        until = arrival.time + LEEWAY
        for item in self.joined(arrival.backend):
            if since <= item.time <= until:
                return f"{item.call.tool} was called"
        return None

    def joined(self, backend: str | None) -> list[Management]:
        """The commands that were to connect `backend`, in order of time."""
        return self._joined.get(backend or "", [])

    @cached_property
    def _joined(self) -> dict[str, list[Management]]:
        found: dict[str, list[Management]] = {}
        for item in self.management:
            if item.name and item.verb in {"add", "reconnect"}:
                found.setdefault(item.name, []).append(item)
        return found

    def arrival_after(self, backend: str, time: pd.Timestamp) -> Arrival | None:
        """The first handshake at `backend` later than `time`."""
        own = self.arrivals_at(backend)
        first = bisect_right(own, time, key=_time)
        return own[first] if first < len(own) else None

    def arrivals_at(self, backend: str) -> list[Arrival]:
        """The handshakes that reached `backend`, in order of time."""
        return self._arrivals_at.get(backend, [])

    @cached_property
    def _arrivals_at(self) -> dict[str, list[Arrival]]:
        found: dict[str, list[Arrival]] = {}
        for arrival in self.arrivals:
            found.setdefault(arrival.backend, []).append(arrival)
        return found

    @cached_property
    def _hands(self) -> dict[str, list[pd.Timestamp]]:
        found: dict[str, list[pd.Timestamp]] = {}
        for arrival in self.relay_arrivals:
            found.setdefault(arrival.backend, []).append(arrival.time)
        return found

    def served_in(self, backend: str, epoch: Epoch) -> Calls:
        """Calls that `backend` answered in one life of the relay."""
        served = self.sent_to_backend(backend).answered
        since = served if epoch.begin is None else served.since(epoch.begin)
        return since if epoch.end is None else since.before(epoch.end)

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
        at_backend = self._untraced_at.get(self.backend_of(call.last) or "", [])
        around = at_backend[
            bisect_left(at_backend, call.started, key=_time) : bisect_right(at_backend, end, key=_time)
        ]
        own = [trouble for trace in call.traces for trouble in self._troubles_in.get(trace, ())]
        return sorted([*own, *around], key=_time)

    @cached_property
    def _untraced_at(self) -> dict[str, list[Trouble]]:
        return {
            backend: [trouble for trouble in troubles if trouble.trace is None]
            for backend, troubles in self._troubles_at.items()
        }

    @cached_property
    def troubled(self) -> Calls:
        """The operations that `troubles_under` has troubles for."""
        table = self.table
        hit = table.families(table.mask("trace_id", *self._troubles_in))
        codes, names = self.backend_codes
        of_last = codes[table.lasts]
        ended = np.where(table.is_open, micros(self.end), table.ended)
        for backend in self._untraced_at.keys() & set(names):
            times = np.array([micros(trouble.time) for trouble in self._untraced_at[backend]], dtype=np.int64)
            first, last = np.searchsorted(times, table.started), np.searchsorted(times, ended, "right")
            hit |= (of_last == names.index(backend)) & (first < last)
        return self.operations.only(hit)

    def losses_under(self, call: Call) -> list[Trouble]:
        """Those of the troubles that tell of a lost connection."""
        return [trouble for trouble in self.troubles_under(call) if trouble.kind != "other"]

    @cached_property
    def list_changes(self) -> list[tuple[pd.Timestamp, str]]:
        """When a client received word that a list of tools had changed: time and row."""
        messages = self.flow.messages
        told = messages[messages["method"] == "notifications/tools/list_changed"]
        told = told[~told["observer"].isin(self.roles.relays) | (told["direction"] == "sent")]
        return [(row["time"], row["record"]) for row in records(told)]

    @cached_property
    def told_changes(self) -> list[tuple[str, str, pd.Timestamp, str]]:
        """Each word that a server's list had changed: server, client, time and row."""
        messages = self.flow.messages
        told = messages[messages["method"] == "notifications/tools/list_changed"]
        return [
            (row["sender"], row["receiver"], row["time"], row["record"])
            for row in records(told)
            if row["sender"] and row["receiver"] and row["direction"] == "received"
        ]

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
    def retyped(self) -> list[tuple[Call, dict[str, Any]]]:
        """Requests without an answer, each with an answer whose id differs from theirs only in its type."""
        waiting = [
            call
            for calls in (self.calls, self.handshakes)
            for call in calls.ended(*UNFINISHED)
            if call.rpc_id is not None
        ]
        if not waiting:
            return []
        messages = self.flow.messages
        answers = messages[
            messages["rpc_id"].isin({_other_type(call.rpc_id or "") for call in waiting})
            & messages["kind"].isin(["response", "error"])
            & messages["payload"].notna()
            & messages["convention"].isin(_WHOLE)
        ]
        by_id: dict[str, list[dict[str, Any]]] = {}
        for row in records(answers):
            by_id.setdefault(row["rpc_id"], []).append(row)
        found = []
        for call in waiting:
            for row in by_id.get(_other_type(call.rpc_id or ""), ()):
                same_pair = {row["sender"], row["receiver"]} <= {call.callee, call.caller, None}
                if row["time"] >= call.started and same_pair:
                    found.append((call, row))
                    break
        return found


def _time(item: Trouble | Arrival) -> pd.Timestamp:
    return item.time


def _other_type(rpc_id: str) -> str:
    """The JSON text of an id with its quotes taken off, or with quotes where it had none."""
    bare = rpc_id.strip('"')
    return bare if bare != rpc_id else f'"{bare}"'
