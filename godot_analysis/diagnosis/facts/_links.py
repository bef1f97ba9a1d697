"""The connections: who was greeted when, in which life of the relay, and what troubled it."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import numpy as np
import pandas as pd

from godot_analysis.diagnosis.facts._calls import HANDSHAKES, UNFINISHED, Call
from godot_analysis.diagnosis.facts._epochs import Epoch, epochs
from godot_analysis.diagnosis.facts._rows import records
from godot_analysis.diagnosis.facts._signals import Trouble, link_trouble
from godot_analysis.diagnosis.facts._table import Calls, micros
from godot_analysis.diagnosis.facts._views import LEEWAY
from godot_analysis.diagnosis.facts._wire import WireFacts
from godot_analysis.normal_form.about import Speech
from godot_analysis.normal_form.jsonrpc import params_of, version_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from godot_analysis.diagnosis.facts._exchanges import HttpExchange
    from godot_analysis.diagnosis.facts._lists import Arrival
    from godot_analysis.diagnosis.facts._management import Management
    from godot_analysis.diagnosis.facts._signals import Connection, TimeOut

__all__ = ["WAITED", "WORD", "LinkFacts"]

_AT_ONCE: Final = 200  # more requests are not under way at a time, only without an end
_OF_A_REQUEST: Final = re.compile(r"\b(?:request|response|answer|call|tools?|initialize)\b", re.IGNORECASE)
WORD: Final = re.compile(r"(?<![\w.\-/])[\w.\-/]*\w")
_NO_SUCCESS: Final = 300  # HTTP's first status that is none
WAITED: Final = pd.Timedelta(minutes=2)
"""So long ago a request was sent that is refused now."""


@dataclass
class LinkFacts(WireFacts):
    """What is known about connections and what travelled on them."""

    def server_of(self, exchange: HttpExchange) -> str | None:
        """Whom an HTTP request went to: named beside it, in its URL, or asked at that moment."""
        if exchange.peer is not None:
            return exchange.peer
        host = urlsplit(exchange.url or "").hostname
        if host in self._servers and host != exchange.component:
            return host
        near = self.under_way(exchange.component, exchange.time, failed=exchange.status >= _NO_SUCCESS)
        if near is not None:
            return near.callee
        return exchange.component if exchange.component in self.backends else None

    def same_process(self, record: str, calls: Calls) -> bool:
        """Whether the process that wrote a record shows one of the calls, too."""
        logs = self.flow.logs
        writers = logs.loc[logs["id"] == record, "instance"].dropna()
        own = logs.loc[logs["instance"].isin(writers), "id"]
        return next(calls.shown_by(own), None) is not None

    @cached_property
    def _servers(self) -> frozenset[str]:
        return (frozenset(self.components) | self.backends) - self.roles.clients

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
    def strangers(self) -> list[Connection]:
        """Connections by nobody known: opened at a server that names its sessions, and never greeted on."""
        messages = self.flow.observed
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

    @cached_property
    def troubles(self) -> list[Trouble]:
        """Connections that could not be made or used, in order of time."""
        return sorted([*self.signals.troubles, *self._told_troubles()], key=_time)

    def _told_troubles(self) -> Iterator[Trouble]:
        """Those that name their server in words only: `GET http://gates:9051/mcp failed: cannot connect`."""
        asked = self.requests.counts("caller", "callee") if self.signals.complaints else {}
        for item in self.signals.complaints:
            kind = link_trouble(item.said)
            if kind is None:
                continue
            named = self.speech.about(item.said, {})
            servers = [server for server in named.servers if (item.component, server) in asked]
            if len(servers) == 1:
                base = item.time, item.component, item.record, item.trace
                yield Trouble(
                    *base,
                    backend=servers[0],
                    kind=kind,
                    text=item.text,
                    said=item.said,
                    url=None,
                    tool=min(named.tools, default=None),
                )

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
        backend = self.backend_of(call.last)
        found = _between(self._untraced_at.get(backend or "", []), call.started, end)
        for trace in call.traces:
            own = self._troubles_in.get(trace, [])
            if trace in self._shared_traces:  # which ties nothing: the server and the time must fit
                asked = call.last.callee
                own = [
                    trouble
                    for trouble in _between(own, call.started, end)
                    if trouble.backend == (backend or asked) or (not backend and trouble.component == asked)
                ]
            found += own
        return sorted(found, key=_time)

    @cached_property
    def _shared_traces(self) -> frozenset[str]:
        """The traces that hold several operations, as when a host keeps one for all that it does."""
        counts = self.operations.counts("trace_id")
        return frozenset(trace for (trace,), number in counts.items() if trace and number > 1)

    @cached_property
    def _untraced_at(self) -> dict[str, list[Trouble]]:
        return {
            backend: [trouble for trouble in troubles if trouble.trace is None]
            for backend, troubles in self._troubles_at.items()
        }

    @cached_property
    def troubled(self) -> Calls:
        """The operations that `troubles_under` may have troubles for."""
        table, shared = self.table, self._troubles_in.keys() & self._shared_traces
        hit = table.families(table.mask("trace_id", *self._troubles_in.keys() - shared))
        codes, names = self.backend_codes
        of_last = codes[table.lasts]
        ended = np.where(table.is_open, micros(self.end), table.ended)

        def under(troubles: list[Trouble], places: NDArray[np.int64]) -> NDArray[np.int64]:
            times = np.array([micros(trouble.time) for trouble in troubles], dtype=np.int64)
            begun = np.searchsorted(times, table.started[places])
            return places[begun < np.searchsorted(times, ended[places], "right")]

        for backend in self._untraced_at.keys() & set(names):
            hit[under(self._untraced_at[backend], np.flatnonzero(of_last == names.index(backend)))] = True
        traces, ids = table.codes("trace_id")
        own = np.flatnonzero(table.mask("trace_id", *shared)) if shared else np.array([], dtype=np.int64)
        own = own[np.argsort(traces[own], kind="stable")]
        for of_one in np.split(own, np.flatnonzero(np.diff(traces[own])) + 1) if len(own) else ():
            hit[under(self._troubles_in[ids[traces[of_one[0]]]], table.tops[of_one])] = True
        return self.operations.only(hit)

    def losses_under(self, call: Call) -> list[Trouble]:
        """Those of the troubles that tell of a lost connection."""
        return [trouble for trouble in self.troubles_under(call) if trouble.kind not in {"other", "late"}]

    @cached_property
    def given_up(self) -> dict[int, TimeOut]:
        """The requests that their sender would wait no longer for, by number, each with its word."""
        found: dict[int, TimeOut] = {}
        for item in self.signals.time_outs:
            call = self._waited_for(item)
            if call is not None:
                found.setdefault(call.number, item)
        return found

    def _waited_for(self, item: TimeOut) -> Call | None:
        """The request that a time-out is of: the one that it names, else the only one it can be of."""
        own, now = self._asked_by.get(item.component), micros(item.time)
        if own is None:
            return None
        begun, ended = self.table.started[own.places] < now, self.table.ended[own.places]
        waited = self._never_ended[own.places] | (ended > now)
        waiting = list(Calls(self.table, own.places[begun & waited])[-_AT_ONCE:])
        if item.trace is not None:
            waiting = [call for call in waiting if call.trace == item.trace] or waiting
        if item.peer is not None:
            waiting = [call for call in waiting if call.callee in {None, item.peer}]
        named_in = self.speech.about(item.said, {"tool": item.tool, "peer": item.peer})
        waiting = [call for call in waiting if named_in.is_of(call.tool, call.callee)]
        words = frozenset(WORD.findall(item.said))
        for named in (
            [call for call in waiting if item.asked is not None and call.rpc_id == item.asked],
            [call for call in waiting if call.tool in (named_in.tools or words)],
            [call for call in waiting if any(word.endswith(f"_{call.tool}") for word in words)],
        ):
            if named:
                return named[-1]
        if item.tool is not None or item.asked is not None or len(waiting) != 1:
            return None
        # Any error may come while a call is under way; a time-out takes its time, and says of what.
        only = waiting[0]
        told = item.peer or only.callee in words or _OF_A_REQUEST.search(item.said)
        return only if told and item.time - only.started >= LEEWAY else None

    @cached_property
    def speech(self) -> Speech:
        """Reads whom a record speaks of."""
        return Speech(self.table.codes("tool")[1], {*self.components, *self.table.codes("callee")[1]})

    @cached_property
    def _never_ended(self) -> NDArray[np.bool_]:
        """The requests that their sender got no answer to."""
        return self.table.is_open | self.table.mask("status", "lost")

    @cached_property
    def _asked_by(self) -> dict[str, Calls]:
        return self.requests.groups(*self.table.codes("caller")) if self.signals.time_outs else {}

    @cached_property
    def list_changes(self) -> list[tuple[pd.Timestamp, str]]:
        """When a client received word that a list of tools had changed: time and row."""
        messages = self.flow.observed
        told = messages[messages["method"] == "notifications/tools/list_changed"]
        told = told[~told["observer"].isin(self.roles.relays) | (told["direction"] == "sent")]
        # What a backend tells its relay, no client has heard.
        told = told[~told["receiver"].isin(self.roles.relays - self.roles.hosts)]
        return [(row["time"], row["record"]) for row in records(told)]


def _time(item: Trouble | Arrival) -> pd.Timestamp:
    return item.time


def _between(troubles: list[Trouble], start: pd.Timestamp, end: pd.Timestamp) -> list[Trouble]:
    """Those of some troubles in order of time that fall into this span."""
    return troubles[bisect_left(troubles, start, key=_time) : bisect_right(troubles, end, key=_time)]
