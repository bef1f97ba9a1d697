"""Connections and sessions: who was greeted when, and in which incarnation of the relay."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING

from godot_analysis.diagnosis.facts._lists import arrivals_of
from godot_analysis.diagnosis.facts._rows import chosen
from godot_analysis.diagnosis.facts.call import HANDSHAKES
from godot_analysis.diagnosis.facts.incarnations import Incarnation, incarnations
from godot_analysis.diagnosis.facts.timeline import LEEWAY, Timeline, Timelines, grouped

if TYPE_CHECKING:
    import pandas as pd

    from godot_analysis.diagnosis.facts._lists import Arrival
    from godot_analysis.diagnosis.facts.call import Call
    from godot_analysis.diagnosis.facts.calls import Calls
    from godot_analysis.diagnosis.facts.incidents import Incidents
    from godot_analysis.diagnosis.facts.log import Log
    from godot_analysis.diagnosis.facts.operations import Operations
    from godot_analysis.diagnosis.facts.topology import Management, Topology
    from godot_analysis.reading.events import Event, Events
    from godot_analysis.reconstruction.flow import Flow

__all__ = ["Sessions"]


class Sessions:
    """What is known of handshakes and of what they began."""

    def __init__(  # noqa: PLR0917 - the parts that this one is made of, in their order
        self,
        flow: Flow,
        events: Events,
        log: Log,
        topology: Topology,
        operations: Operations,
        incidents: Incidents,
    ) -> None:
        self._flow, self._events, self._log = flow, events, log
        self._topology, self._operations, self._incidents = topology, operations, incidents
        self.arrivals = arrivals_of(operations.handshakes)

    @cached_property
    def initialized(self) -> frozenset[str]:
        """The servers that were told `notifications/initialized`."""
        messages = self._flow.observed
        told = messages[messages["method"] == "notifications/initialized"]
        return frozenset(told["receiver"].dropna()) | frozenset(
            told.loc[told["direction"] == "received", "observer"].astype(object)
        )

    @cached_property
    def list_changed_notifications(self) -> list[tuple[str, str, pd.Timestamp, str]]:
        """Each word of a changed list that arrived: server, client, when it was first seen, and row."""
        hops = self._flow.hops
        told = (hops["method"] == "notifications/tools/list_changed") & hops["received_at"].notna()
        return [
            (
                row["sender"],
                row["receiver"],
                min(row["sent_at"] or row["received_at"], row["received_at"]),
                row["received_record"],
            )
            for row in chosen(hops, told)
            if row["sender"] and row["receiver"]
        ]

    @cached_property
    def unanswered_handshakes(self) -> list[Call]:
        """The relay's handshakes that nobody is seen to have received or answered."""
        return [
            call
            for call in self._operations.handshakes
            if call.caller in self._topology.roles.relays
            and call.sent
            and not (call.received or call.answered)
        ]

    @cached_property
    def connections_without_handshake(self) -> list[Event]:
        """Connections by nobody known: opened at a server that names its sessions, and never greeted on."""
        if not self._events.of("connection"):
            return []
        messages = self._flow.observed
        asked = messages[(messages["direction"] == "received") & messages["session"].notna()]
        greeted = asked[asked["method"].isin(HANDSHAKES)]
        greeting = set(zip(greeted["observer"].astype(object), greeted["session"], strict=True))
        servers = {server for server, _ in greeting}
        return [
            item
            for item in self._events.of("connection")
            if item.component in servers and item.session and (item.component, item.session) not in greeting
        ]

    @cached_property
    def relay_arrivals(self) -> list[Arrival]:
        """The relay's handshakes at its backends, without those that another backend made."""
        others = self._topology.roles.backends | self._topology.roles.clients
        return [
            arrival
            for arrival in self.arrivals
            if arrival.backend not in self._topology.roles.relays
            and (arrival.caller is None or arrival.caller not in others)
        ]

    @cached_property
    def incarnations(self) -> list[Incarnation]:
        """The incarnations of the relay, in order of time; at least one."""
        # Several hosts, or relays in a row, are lives apart: told are those of the busiest one.
        hands = Counter(one.caller for one in self.relay_arrivals if one.caller)
        main = (
            self._topology.roles.relay
            if self._topology.roles.relay in hands
            else max(hands, key=lambda name: hands[name], default=None)
        )
        mine = [one for one in self.relay_arrivals if one.caller in {None, main}]
        greeted = [arrival for arrival in self.arrivals if arrival.backend in self._topology.roles.relays]
        # Another client that comes later finds a relay that runs.
        first = {one.backend: one.caller for one in reversed(greeted)}
        starts = [one.time for one in greeted if one.caller in {None, first[one.backend]}]
        starts += [
            start.time for start in self._events.of("start") if start.component in self._topology.roles.relays
        ]
        return incarnations(mine, [arrival for arrival in mine if self.why_reconnected(arrival)], starts)

    def incarnation_at(self, time: pd.Timestamp) -> Incarnation:
        """The incarnation of the relay that `time` falls into."""
        return self._begun.until(time) or self.incarnations[0]

    @cached_property
    def _begun(self) -> Timeline[Incarnation]:
        begun = (one for one in self.incarnations if one.begin is not None)
        return Timeline(begun, attrgetter("begin"))

    def why_reconnected(self, arrival: Arrival) -> str | None:
        """What in the log explains a handshake that is not part of a start of the relay."""
        times = self._hands.get(arrival.backend, [])
        before = bisect_left(times, arrival.time)
        since = times[before - 1] if before else self._log.start
        if self._incidents.troubles_at[arrival.backend].between(since, arrival.time):
            return "the connection was lost"
        # Entries travel alone: the command may be logged a little after what it caused.
        until = arrival.time + LEEWAY
        for item in self.connect_commands(arrival.backend):
            if since <= item.time <= until:
                return f"{item.call.tool} was called"
        return None

    def connect_commands(self, backend: str | None) -> list[Management]:
        """The commands that were to connect `backend`, in order of time."""
        return self._connect_commands.get(backend, [])

    @cached_property
    def _connect_commands(self) -> dict[str | None, list[Management]]:
        connecting = (item for item in self._topology.commands if item.verb in {"add", "reconnect"})
        return grouped((item.name, item) for item in connecting if item.name)

    def arrival_after(self, backend: str, time: pd.Timestamp) -> Arrival | None:
        """The first handshake at `backend` later than `time`."""
        return self._arrivals_at[backend].after(time)

    def arrivals_at(self, backend: str) -> list[Arrival]:
        """The handshakes that reached `backend`, in order of time."""
        return self._arrivals_at[backend].items

    @cached_property
    def _arrivals_at(self) -> Timelines[str, Arrival]:
        return Timelines((arrival.backend, arrival) for arrival in self.arrivals)

    @cached_property
    def _hands(self) -> dict[str, list[pd.Timestamp]]:
        return grouped((arrival.backend, arrival.time) for arrival in self.relay_arrivals)

    def served_in(self, backend: str, incarnation: Incarnation) -> Calls:
        """Calls that `backend` answered in one incarnation of the relay."""
        served = self._operations.sent_to_backend(backend).answered
        since = served if incarnation.begin is None else served.since(incarnation.begin)
        return since if incarnation.end is None else since.before(incarnation.end)
