"""The tools that the relay knew, and those that were refused: the last layer of the facts."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from godot_analysis.diagnosis.facts._links import LinkFacts
from godot_analysis.diagnosis.facts._scan import refuses

if TYPE_CHECKING:
    import pandas as pd

    from godot_analysis.diagnosis.facts._calls import Listing
    from godot_analysis.diagnosis.facts._scan import Refusal

__all__ = ["Facts", "Refused"]


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


@dataclass
class Facts(LinkFacts):
    """Everything the rules may ask of one log."""

    @cached_property
    def tables(self) -> list[tuple[pd.Timestamp, frozenset[str], tuple[str, ...]]]:
        """What the relay knew, each time the log shows it: time, names, rows."""
        found: list[tuple[pd.Timestamp, frozenset[str], tuple[str, ...]]] = [
            (refusal.time, refusal.table, (refusal.record,))
            for refusal in self.signals.refusals
            if refusal.table is not None and refusal.component in self.roles.relays
        ]
        found += [
            (listing.time, listing.names, listing.records)
            for listing in self.listings
            if listing.server in self.roles.relays and listing.names is not None
        ]
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
        """Every tool that was refused, by record or by answer, in order of time."""
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
