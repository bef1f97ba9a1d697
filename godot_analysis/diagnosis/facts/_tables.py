"""The tools that the relay knew, and those that were refused: the last layer of the facts."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from godot_analysis.diagnosis.facts._links import LinkFacts
from godot_analysis.diagnosis.facts._names import family
from godot_analysis.diagnosis.facts._scan import refuses

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from godot_analysis.diagnosis.facts._calls import Call, Listing
    from godot_analysis.diagnosis.facts._scan import Refusal

__all__ = ["Facts", "Refused"]


_PREFIX: Final = re.compile(r"mcp__(.+?)__")
_OTHER_USES: Final = frozenset({"resources", "prompts", "completions", "tasks", "extensions", "experimental"})


@dataclass(frozen=True, slots=True)
class Refused:
    """A tool that the relay, or the client by itself, said it does not know.

    `table` is what the one who refused knew at that moment, None where the log does not tell. `server` is
    whom the host's prefix names. `own` is a refusal by the very server that would run the tool.
    """

    time: pd.Timestamp
    by: str
    tool: str
    table: frozenset[str] | None
    records: tuple[str, ...]
    calls: frozenset[int]
    server: str | None = None
    own: bool = False
    remark: str = ""


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
            last = call.last
            at_relay = self.backend_of(last) is None
            if call.number in told or not call.tool or not at_relay or not refuses(call.error_text):
                continue
            table = self.table_at(call.started)
            by = last.callee or self.relay
            found.append(Refused(call.started, by, call.tool, table, call.rows, call.family))
        found += self._refused_by_owner()
        return sorted(found, key=lambda item: item.time)

    @property
    def refused_by_host(self) -> list[Refused]:
        """The tools that a host refused by itself, before any call was made."""
        hosts = self.roles.hosts
        return [
            item
            for item in self.refused
            if not item.own and (item.by in hosts or item.by not in self.roles.relays)
        ]

    def _refused_by_owner(self) -> Iterator[Refused]:
        """Calls of a tool that their server has never listed, and says so."""
        for call in self.calls:
            if call.legs or not call.tool or not call.callee or call.callee in self.roles.relays:
                continue
            known = self.held(call.callee, call.started)
            if known and call.tool not in known and refuses(call.error_text):
                top = self.operation_of(call)
                yield Refused(
                    call.started, call.callee, call.tool, known, top.rows, top.family, call.callee, own=True
                )

    def held(self, server: str, time: pd.Timestamp) -> frozenset[str]:
        """The names of all pages of the last list that `server` gave before `time`."""
        names: frozenset[str] = frozenset()
        for listing in self.lists_of(server):
            if listing.time <= time and listing.names is not None:
                names = listing.names if listing.cursor is None else names | listing.names
        return names

    def described(self, server: str, tool: str | None, time: pd.Timestamp) -> dict[str, Any] | None:
        """What the last list of `server` before `time` says of a tool; None when it is not in it."""
        rows = self._descriptions.get((server, tool or ""), ())
        at = bisect_right(rows, time, key=lambda row: row[0]) - 1
        return rows[at][1] if at >= 0 else None

    @cached_property
    def _descriptions(self) -> dict[tuple[str, str], list[tuple[pd.Timestamp, dict[str, Any]]]]:
        found: dict[tuple[str, str], list[tuple[pd.Timestamp, dict[str, Any]]]] = {}
        for listing in self.listings:
            for told in listing.tools or ():
                found.setdefault((listing.server, str(told.get("name"))), []).append((listing.time, told))
        return found

    def last_before(self, time: pd.Timestamp) -> Call | None:
        """The last call that had ended by `time`."""
        ended = [
            call for call in self.calls if call.ended is not None and call.ended <= time and not call.legs
        ]
        return max(ended, key=lambda call: (call.ended, call.number), default=None)

    def owner_of(self, refusal: Refused) -> str | None:
        """The backend of a refused tool, as its prefix, calls, lists, or the name of an added server tell."""
        named = (family(refusal.tool) or "").lower()
        added = (item.name for item in self.management if item.name and item.name.lower() == named)
        only = next(iter(self.untold)) if len(self.untold) == 1 else None
        called = next(self._called_like(refusal.tool), None)
        return refusal.server or self.owners.of(refusal.tool) or next(added, None) or called or only

    def _called_like(self, tool: str) -> Iterator[str]:
        """Backends whose whole name begins the name of a tool."""
        plain = tool.lower().replace("-", "_")
        for name in sorted((self.backends | set(self.components)) - self.roles.relays - self.roles.clients):
            if plain.startswith(name.lower().replace("-", "_") + "_"):
                yield name

    @cached_property
    def untold(self) -> frozenset[str]:
        """Servers that may own what nobody lists: not all of their tools are known, though others' are."""
        told = {item.server for item in self.listings if item.names}
        pages = {item.cursor for item in self.listings}
        partly = {item.server for item in self.listings if item.next_cursor and item.next_cursor not in pages}
        if not told - self.roles.relays:
            return frozenset()
        servers = {call.callee for call in self.setups if call.callee} | {
            item.peer for item in self.signals.exchanges
        }
        unlisted = {
            server
            for server in servers - {None} - told
            if not any(self._uses(one.result) for one in self.arrivals if one.backend == server)
            and self.well_answered(str(server)) is None
        }
        return frozenset(filter(None, unlisted | partly)) - self.roles.relays - self.roles.clients

    @staticmethod
    def _uses(result: Any) -> bool:
        able = result.get("capabilities") if isinstance(result, dict) else None
        return isinstance(able, dict) and bool(able.keys() & _OTHER_USES) and "tools" not in able

    def _refused_in(self, refusal: Refusal) -> Refused:
        tool, owner = self._without_prefix(refusal)
        calls = [call for call in self._by_trace.get(refusal.trace or "", ()) if call.tool == tool]
        if not calls and refusal.component in self.roles.relays:
            near = [
                call
                for call in self.operations
                if call.tool == tool and call.failed and self.backend_of(call.last) is None
            ]
            calls = sorted(near, key=lambda call: abs(call.started - refusal.time))[:1]
        table = refusal.table if refusal.table is not None else self._known_by(refusal)
        rows = (refusal.record, *(row for call in calls for row in call.rows if row != refusal.record))
        numbers = frozenset[int]().union(*(call.family for call in calls))
        named = owner or (_PREFIX.match(refusal.prefix) or [None, None])[1]
        servers = (self.backends | set(self.components)) - self.roles.relays - self.roles.clients
        server = named if named in servers else None
        return Refused(
            refusal.time, refusal.component, tool, table, rows, numbers, server, remark=refusal.remark
        )

    def _without_prefix(self, refusal: Refusal) -> tuple[str, str | None]:
        """The refused tool as its server names it, and the server, if its host puts that in front."""
        tool = refusal.tool
        if (
            refusal.prefix
            or tool in self._listed_names
            or refusal.component in self.roles.relays - self.roles.hosts
        ):
            return tool, None
        for name in sorted({*self.components, *self.backends, *self.roles.relays}, key=len, reverse=True):
            for front in (f"mcp_{name}_", f"{name}__", f"mcp-{name}-", f"{name}."):
                if tool.startswith(front) and len(tool) > len(front):
                    return tool.removeprefix(front), name
        return tool, None

    @cached_property
    def _listed_names(self) -> frozenset[str]:
        return frozenset[str]().union(*(listing.names or () for listing in self.listings))

    def _known_by(self, refusal: Refusal) -> frozenset[str] | None:
        offers = [
            offer.names
            for offer in self.signals.offers
            if offer.component == refusal.component and offer.time <= refusal.time and offer.names is not None
        ]
        if offers:
            tool, _ = self._without_prefix(refusal)
            prefix = refusal.prefix or refusal.tool.removesuffix(tool)
            return frozenset(name.removeprefix(prefix) for name in offers[-1])
        return self.table_at(refusal.time)
