"""The connections: who was greeted when, in which life of the relay, and what troubled it."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from godot_analysis.diagnosis.facts._calls import HANDSHAKES, UNFINISHED, Arrival, Call, calls_of, records
from godot_analysis.diagnosis.facts._epochs import Epoch, epochs
from godot_analysis.diagnosis.facts._views import LEEWAY, CallFacts

if TYPE_CHECKING:
    import pandas as pd

    from godot_analysis.diagnosis.facts._exchanges import HttpExchange
    from godot_analysis.diagnosis.facts._scan import Connection, Trouble

__all__ = ["LinkFacts"]

_WHOLE = ("message", "arrow")
"""The conventions that show every message word for word."""


@dataclass
class LinkFacts(CallFacts):
    """What is known about connections and what travelled on them."""

    @cached_property
    def handshakes(self) -> list[Call]:
        """The first requests of all connections, answered or not."""
        return calls_of(self.flow, HANDSHAKES)

    @cached_property
    def setups(self) -> list[Call]:
        """The handshakes and the lists asked for, in order of time."""
        return sorted(
            [*self.handshakes, *calls_of(self.flow, ("tools/list",))], key=lambda call: call.started
        )

    @cached_property
    def unasked(self) -> list[dict[str, Any]]:
        """Answers, logged word for word, that answer no request: their id is null, missing, or used up."""
        messages = self.flow.messages
        answers = messages[messages["kind"].isin(["response", "error"]) & messages["convention"].isin(_WHOLE)]
        used = answers["rpc_id"].notna() & answers.duplicated(
            ["observer", "direction", "sender", "receiver", "session", "instance", "rpc_id"]
        )
        asked = messages[(messages["kind"] == "request") & messages["rpc_id"].notna()]
        times = asked.groupby(["observer", "rpc_id"], observed=True).size()
        null = answers["rpc_id"].isna() | (answers["rpc_id"] == "null")
        return [
            row
            for row in records(answers[null | used])
            if row["rpc_id"] in {None, "null"} or times.get((row["observer"], row["rpc_id"]), 0) < 2  # noqa: PLR2004 - asked again, answered again
        ]

    def server_of(self, exchange: HttpExchange) -> str | None:
        """Whom an HTTP request went to: named beside it, in its URL, or asked at that moment."""
        if exchange.peer is not None:
            return exchange.peer
        servers = (set(self.components) | self.backends) - self.roles.clients
        host = urlsplit(exchange.url or "").hostname
        if host in servers and host != exchange.component:
            return host
        near = [
            call
            for call in (*self.setups, *self.calls)
            if call.callee
            and exchange.component in {call.caller, call.callee}
            and call.started - LEEWAY <= exchange.time
            and (call.ended is None or exchange.time <= call.ended + LEEWAY)
        ]
        if near:
            return min(near, key=lambda call: abs(call.started - exchange.time)).callee
        return exchange.component if exchange.component in self.backends else None

    def stateless(self, server: str) -> bool:
        """Whether somebody speaks to a server in the stateless era, where no handshake is needed."""
        return server in self._stateless

    @cached_property
    def _stateless(self) -> frozenset[str]:
        messages = self.flow.messages
        return frozenset(messages.loc[messages["era"] == "stateless", "receiver"].dropna().astype(object))

    def instance_of(self, record: str) -> str | None:
        """The process that wrote a record; None when it does not say."""
        return self._processes.get(record)

    def instances_of(self, calls: list[Call]) -> frozenset[str]:
        """The processes that wrote the records of the calls."""
        rows = {row for call in calls for row in call.evidence}
        return frozenset(self._processes[row] for row in rows if row in self._processes)

    @cached_property
    def _processes(self) -> dict[str, str]:
        logs = self.flow.logs
        named = logs.loc[logs["instance"].notna(), ["id", "instance"]]
        return dict(zip(named["id"], named["instance"], strict=True))

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
        return next((epoch for epoch in reversed(self.epochs) if epoch.holds(time)), self.epochs[0])

    def why_reconnected(self, arrival: Arrival) -> str | None:
        """What in the log explains a handshake that is not part of a start of the relay."""
        times = self._hands.get(arrival.backend, [])
        before = bisect_left(times, arrival.time)
        since = times[before - 1] if before else self.start
        if any(since <= t.time <= arrival.time for t in self._troubles_at.get(arrival.backend, ())):
            return "the connection was lost"
        # Entries travel alone: the command may be logged a little after what it caused.
        until = arrival.time + LEEWAY
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

    def served_in(self, backend: str, epoch: Epoch) -> list[Call]:
        """Calls that `backend` answered in one life of the relay."""
        return [
            call for call in self.by_backend.get(backend, ()) if call.answered and epoch.holds(call.started)
        ]

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
        own = [trouble for trace in call.traces for trouble in self._troubles_in.get(trace, ())]
        return sorted([*own, *around], key=lambda trouble: trouble.time)

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
            call for call in (*self.calls, *self.handshakes) if call.status in UNFINISHED and call.rpc_id
        ]
        if not waiting:
            return []
        messages = self.flow.messages
        answers = messages[messages["kind"].isin(["response", "error"]) & messages["payload"].notna()]
        by_id: dict[str, list[dict[str, Any]]] = {}
        for row in records(answers[answers["convention"].isin(_WHOLE)]):
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
