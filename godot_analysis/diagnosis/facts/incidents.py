"""What went wrong besides the messages: connections, time-outs, refused HTTP, errors that were logged."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import numpy as np

from godot_analysis.diagnosis.facts.calls import Calls, micros
from godot_analysis.diagnosis.facts.timeline import LEEWAY, Timelines, grouped
from godot_analysis.reading.errors import WORD, names_duration
from godot_analysis.reading.events import link_of
from godot_analysis.reading.names import Speech, mentions
from godot_analysis.reading.told import is_about_mcp

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from numpy.typing import NDArray

    from godot_analysis.diagnosis.facts.call import Call
    from godot_analysis.diagnosis.facts.log import Log
    from godot_analysis.diagnosis.facts.operations import Operations
    from godot_analysis.diagnosis.facts.topology import Topology
    from godot_analysis.reading.events import Event, Events

__all__ = ["Incidents"]

_AT_ONCE: Final = 200  # more requests are not under way at a time, only without an end
_OF_A_REQUEST: Final = frozenset(
    {"request", "Request", "response", "Response", "answer", "call", "tool", "tools", "Tool", "initialize"}
)
_NO_SUCCESS: Final = 300  # HTTP's first status that is none
_ERRORS: Final = 400  # … and its first that is an error
_OF_SESSIONS: Final = ("session.unknown", "session.missing", "header.mismatch", "version.unsupported")


class Incidents:
    """What is known of troubles, and of the calls that they hit."""

    def __init__(self, events: Events, log: Log, topology: Topology, operations: Operations) -> None:
        self._events, self._log = events, log
        self._topology, self._operations = topology, operations
        self._spoken_of: dict[str, bool] = {}

    @cached_property
    def notification_errors(self) -> dict[str, list[tuple[str, str]]]:
        """Errors about notifications, which nobody waits for: by component, the method and the row."""
        errors = self._events.of("notification error")
        return grouped((item.component, (item.method or "", item.record)) for item in errors)

    def first_complaint(self, component: str, since: pd.Timestamp) -> Event | None:
        """The first error that a component logged at `since` or later."""
        return self._complaints[component].since(since)

    def complaints_during(self, call: Call, component: str) -> list[Event]:
        """Errors that a component logged while a call was under way, or just after."""
        end = call.ended if call.ended is not None else call.started + 10 * LEEWAY
        return self._complaints[component].between(call.started - LEEWAY, end + LEEWAY)

    @cached_property
    def _complaints(self) -> Timelines[str, Event]:
        return Timelines((item.component, item) for item in self.complaints)

    def server_of(self, exchange: Event) -> str | None:
        """Whom an HTTP request went to: named beside it, in its words or URL, or asked at that moment."""
        if exchange.server is not None:
            return exchange.server
        host = urlsplit(exchange.url or "").hostname
        if host in self._servers and host != exchange.component:
            return host
        if host is not None:  # a request that the component itself made
            others = self._servers - {exchange.component}
            named = [name for name in others if mentions(exchange.said, name)]
            if len(named) == 1:
                return named[0]
        near = self._operations.under_way(
            exchange.component, exchange.time, failed=exchange.status >= _NO_SUCCESS
        )
        if near is not None:
            return near.callee
        return exchange.component if exchange.component in self._topology.backends else None

    @cached_property
    def _servers(self) -> frozenset[str]:
        return (frozenset(self._topology.components) | self._topology.backends) - self._topology.roles.clients

    @cached_property
    def failed_exchanges(self) -> dict[str | None, list[Event]]:
        """The HTTP requests that did not succeed, by the server that they went to."""
        failed = (item for item in self._events.of("http") if item.status >= _NO_SUCCESS)
        return grouped((self.server_of(item), item) for item in failed)

    def spoken_of(self, server: str) -> bool:
        """Whether records that are no complaint speak of it as a server, too."""
        if server not in self._spoken_of:
            self._spoken_of[server] = any(
                said.record not in self._bad
                and (is_about_mcp(said.text) or "server" in said.text.lower() or "start" in said.text.lower())
                for said in self._log.remarks_on(server)
            )
        return self._spoken_of[server]

    @cached_property
    def _bad(self) -> frozenset[str]:
        """The records of all warnings and errors."""
        return frozenset(item.record for item in self.failures)

    @cached_property
    def of_http(self) -> frozenset[str]:
        """The records that tell of a request of HTTP."""
        return frozenset(item.record for item in self._events.of("http"))

    @cached_property
    def ended_by_http(self) -> dict[int, Event]:
        """The requests that HTTP refused and nobody answered, by number, with the exchange that says so."""
        found: dict[int, Event] = {}
        for server, items in self.failed_exchanges.items():
            for item in items:
                if item.status < _ERRORS or item.verb not in {"POST", None} or item.tells(*_OF_SESSIONS):
                    continue
                if item.component == server and (item.url or "").startswith("http"):
                    continue  # a request that the server made itself
                call = self._operations.under_way(item.component, item.time, failed=True)
                if call is not None and call.callee == server and not call.answered:
                    found.setdefault(call.number, item)
        return found

    @cached_property
    def troubles(self) -> list[Event]:
        """Connections that could not be made or used, in order of time."""
        return sorted([*self.reported, *self._told_troubles()], key=_time)

    @cached_property
    def reported(self) -> list[Event]:
        """Those of the troubles whose records name their server."""
        return [item for item in self._events.of("failure") if item.link is not None]

    @cached_property
    def complaints(self) -> list[Event]:
        """Warnings and errors that tell of no connection to a server that they name."""
        return [item for item in self._events.of("failure") if item.link is None]

    @cached_property
    def failures(self) -> list[Event]:
        """All warnings and errors but for refused tools and notifications, in order of time."""
        return sorted([*self.complaints, *self.troubles], key=_time)

    @cached_property
    def _time_outs(self) -> list[Event]:
        """That somebody would wait no longer for an answer; a connection that failed is another matter."""
        told = [*self._events.of("failure"), *self._events.of("refusal")]
        return [
            item
            for item in told
            if item.tells("request.timeout")
            and link_of(item.kinds) == "late"
            and item.record not in self.of_http
        ]

    def _told_troubles(self) -> Iterator[Event]:
        """Those that name their server in words only: `GET http://gates:9051/mcp failed: cannot connect`."""
        asked = self._operations.requests.counts("caller", "callee") if self.complaints else {}
        for item in self.complaints:
            link = link_of(item.kinds)
            if link not in {"refused", "lost"}:
                continue
            named = self.speech.about(item.said, {})
            servers = [server for server in named.servers if (item.component, server) in asked]
            if len(servers) == 1:
                tool = min(named.tools, default=None)
                yield replace(item, server=servers[0], link=link, tool=tool)

    @cached_property
    def troubles_at(self) -> Timelines[str, Event]:
        """The same by the backend that they name."""
        return Timelines((trouble.server or "", trouble) for trouble in self.troubles)

    @cached_property
    def _troubles_in(self) -> Timelines[str, Event]:
        return Timelines((item.trace, item) for item in self.troubles if item.trace is not None)

    def troubles_under(self, call: Call) -> list[Event]:
        """Troubles with a connection while a call was under way, in its own trace or at its backend."""
        if not self.troubles:
            return []
        end = call.ended if call.ended is not None else self._log.end
        backend = self._operations.backend_of(call.last)
        found = self._untraced_at[backend or ""].between(call.started, end)
        for trace in call.traces:
            own = self._troubles_in[trace].items
            if trace in self._shared_traces:  # which ties nothing: the server and the time must fit
                asked = call.last.callee
                own = [
                    trouble
                    for trouble in self._troubles_in[trace].between(call.started, end)
                    if trouble.server == (backend or asked) or (not backend and trouble.component == asked)
                ]
            found += own
        return sorted(found, key=_time)

    @cached_property
    def _shared_traces(self) -> frozenset[str]:
        """The traces that hold several operations, as when a host keeps one for all that it does."""
        counts = self._operations.roots.counts("trace_id")
        return frozenset(trace for (trace,), number in counts.items() if trace and number > 1)

    @cached_property
    def _untraced_at(self) -> Timelines[str, Event]:
        return Timelines((item.server or "", item) for item in self.troubles if item.trace is None)

    @cached_property
    def troubled(self) -> Calls:
        """The operations that `troubles_under` may have troubles for."""
        table, shared = self._operations.table, self._troubles_in.keys() & self._shared_traces
        hit = table.families(table.mask("trace_id", *self._troubles_in.keys() - shared))
        codes, names = self._operations.backend_codes
        of_last = codes[table.lasts]
        ended = np.where(table.is_open, micros(self._log.end), table.ended)

        def under(troubles: list[Event], places: NDArray[np.int64]) -> NDArray[np.int64]:
            times = np.array([micros(trouble.time) for trouble in troubles], dtype=np.int64)
            begun = np.searchsorted(times, table.started[places])
            return places[begun < np.searchsorted(times, ended[places], "right")]

        for backend in self._untraced_at.keys() & set(names):
            hit[under(self._untraced_at[backend].items, np.flatnonzero(of_last == names.index(backend)))] = (
                True
            )
        traces, ids = table.codes("trace_id")
        own = np.flatnonzero(table.mask("trace_id", *shared)) if shared else np.array([], dtype=np.int64)
        own = own[np.argsort(traces[own], kind="stable")]
        for of_one in np.split(own, np.flatnonzero(np.diff(traces[own])) + 1) if len(own) else ():
            hit[under(self._troubles_in[ids[traces[of_one[0]]]].items, table.tops[of_one])] = True
        return self._operations.roots.only(hit)

    def losses_under(self, call: Call) -> list[Event]:
        """Those of the troubles that tell of a lost connection."""
        return [trouble for trouble in self.troubles_under(call) if trouble.link not in {"other", "late"}]

    @cached_property
    def given_up(self) -> dict[int, Event]:
        """The requests that their sender would wait no longer for, by number, each with its word."""
        found: dict[int, Event] = {}
        for item in self._time_outs:
            call = self._waited_for(item)
            if call is not None:
                found.setdefault(call.number, item)
        return found

    def _waited_for(self, item: Event) -> Call | None:
        """The request that a time-out is of: the one that it names, else the only one it can be of."""
        own, now = self._asked_by.get(item.component), micros(item.time)
        if own is None:
            return None
        begun, ended = (
            self._operations.table.started[own.places] < now,
            self._operations.table.ended[own.places],
        )
        waited = self._never_ended[own.places] | (ended > now)
        waiting = list(Calls(self._operations.table, own.places[begun & waited])[-_AT_ONCE:])
        if item.trace is not None:
            waiting = [call for call in waiting if call.trace == item.trace] or waiting
        if item.server is not None:
            waiting = [call for call in waiting if call.callee in {None, item.server}]
        named_in = self.speech.about(item.said, {"tool": item.tool, "peer": item.server})
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
        took = (item.time - only.started).total_seconds()
        told = item.server or only.callee in words or any(word in _OF_A_REQUEST for word in words)
        told = told or names_duration(item.said, took)
        return only if told and item.time - only.started >= LEEWAY else None

    @cached_property
    def speech(self) -> Speech:
        """Reads whom a record speaks of."""
        return Speech(
            self._operations.table.codes("tool")[1],
            {*self._topology.components, *self._operations.table.codes("callee")[1]},
        )

    @cached_property
    def _never_ended(self) -> NDArray[np.bool_]:
        """The requests that their sender got no answer to."""
        return self._operations.table.is_open | self._operations.table.mask("status", "lost")

    @cached_property
    def _asked_by(self) -> dict[str, Calls]:
        return (
            self._operations.requests.groups(*self._operations.table.codes("caller"))
            if self._time_outs
            else {}
        )


def _time(item: Event) -> pd.Timestamp:
    return item.time
