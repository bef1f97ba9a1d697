"""The processes of servers: which of them failed, and what of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from godot_analysis.diagnosis.facts._links import WAITED, LinkFacts
from godot_analysis.diagnosis.facts._views import LEEWAY

if TYPE_CHECKING:
    import pandas as pd

    from godot_analysis.diagnosis.facts._calls import Call
    from godot_analysis.diagnosis.facts._signals import Complaint, Exit

__all__ = ["ProcessFacts"]

_WORD: Final = re.compile(r"[\w.\-/]*\w")


@dataclass
class ProcessFacts(LinkFacts):
    """What is known about the ends of processes."""

    def exits_under(self, call: Call) -> list[Exit]:
        """That the process of the backend failed while a call was under way."""
        backend = self.backend_of(call.last) or call.last.callee
        until = call.ended if call.ended is not None else call.started + WAITED
        return [
            item
            for item in self.signals.exits
            if item.code
            and call.started <= item.time <= until
            and backend is not None
            and backend in self._ended_in(item)
        ]

    def _ended_in(self, item: Exit) -> frozenset[str]:
        """Whose process ended: whom the record names, else whoever wrote it."""
        if item.peer is not None:
            return frozenset({item.peer})
        said = frozenset(_WORD.findall(item.text))
        named = self.speech.about(item.text, {}).servers or said.intersection(self.table.codes("callee")[1])
        return named or frozenset({item.component})

    @cached_property
    def died_idle(self) -> list[tuple[str, Exit, Complaint]]:
        """Processes of servers that failed under no call, each with a call that was missed of it later."""
        exits = [item for item in self.signals.exits if item.code]
        failed = self.operations.failed if exits else ()
        under = {item.record for call in failed for item in self.exits_under(call)}
        found = []
        for item in exits:
            for server in self._ended_in(item) if item.record not in under else ():
                missed = self._missed_of(server, item.time)
                if missed is not None:
                    found.append((server, item, missed))
        return found

    def _missed_of(self, server: str, since: pd.Timestamp) -> Complaint | None:
        """The first error about a tool of a server that went away, until it was greeted anew."""
        greeted = [hand.time for hand in self.arrivals_at(server) if not hand.failed]
        if not greeted or greeted[0] > since:
            return None
        back = next((time for time in greeted if time > since), self.end + LEEWAY)
        for item in self.signals.complaints:
            if since <= item.time < back:
                named = self.speech.about(item.said, {})
                if named.tools and server in named.servers:
                    return item
        return None
