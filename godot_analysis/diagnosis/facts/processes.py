"""The processes of servers: which of them failed, and what of it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from godot_analysis.diagnosis.facts.timeline import LEEWAY, WAITED, Timelines
from godot_analysis.reading.errors import WORD

if TYPE_CHECKING:
    import pandas as pd

    from godot_analysis.diagnosis.facts.call import Call
    from godot_analysis.diagnosis.facts.incidents import Incidents
    from godot_analysis.diagnosis.facts.log import Log
    from godot_analysis.diagnosis.facts.operations import Operations
    from godot_analysis.diagnosis.facts.sessions import Sessions
    from godot_analysis.reading.events import Event, Events

__all__ = ["Processes"]


class Processes:
    """What is known of the ends of processes."""

    def __init__(
        self, events: Events, log: Log, operations: Operations, incidents: Incidents, sessions: Sessions
    ) -> None:
        self._events, self._log, self._operations = events, log, operations
        self._incidents, self._sessions = incidents, sessions

    def exits_under(self, call: Call) -> list[Event]:
        """That the process of the backend failed while a call was under way."""
        backend = self._operations.backend_of(call.last) or call.last.callee
        until = call.ended if call.ended is not None else call.started + WAITED
        return self._failed_of[backend or ""].between(call.started, until)

    @cached_property
    def _failed_of(self) -> Timelines[str, Event]:
        """The ends with a code by whose process it was."""
        failed = (item for item in self._events.of("exit") if item.code)
        return Timelines((server, item) for item in failed for server in self._ended_in(item))

    def _ended_in(self, item: Event) -> frozenset[str]:
        """Whose process ended: whom the record names, else whoever wrote it."""
        if item.server is not None:
            return frozenset({item.server})
        said = frozenset(WORD.findall(item.text))
        named = self._incidents.speech.about(item.text, {}).servers or said.intersection(
            self._operations.table.codes("callee")[1]
        )
        return named or frozenset({item.component})

    @cached_property
    def died_idle(self) -> list[tuple[str, Event, Event]]:
        """Processes of servers that failed under no call, each with a call that was missed of it later."""
        failed = self._operations.roots.failed if self._failed_of else ()
        under = {item.record for call in failed for item in self.exits_under(call)}
        return [
            (server, item, missed)
            for server, exits in self._failed_of.items()
            for item in exits.items
            if item.record not in under and (missed := self._missed_of(server, item.time)) is not None
        ]

    def _missed_of(self, server: str, since: pd.Timestamp) -> Event | None:
        """The first error about a tool of a server that went away, until it was greeted anew."""
        greeted = [hand.time for hand in self._sessions.arrivals_at(server) if not hand.failed]
        if not greeted or greeted[0] > since:
            return None
        back = next((time for time in greeted if time > since), self._log.end + LEEWAY)
        told = self._about_tools_of[server].since(since)
        return told if told is not None and told.time < back else None

    @cached_property
    def _about_tools_of(self) -> Timelines[str, Event]:
        """The errors that name a tool and its server, by server."""
        named = ((item, self._incidents.speech.about(item.said, {})) for item in self._incidents.complaints)
        return Timelines((server, item) for item, about in named if about.tools for server in about.servers)
