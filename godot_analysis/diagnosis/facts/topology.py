"""Who takes part, and in which role: relays, backends, clients, hosts, and what was ordered of them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from godot_analysis.diagnosis.facts._lists import arrivals_of
from godot_analysis.diagnosis.facts._management import management_of
from godot_analysis.diagnosis.facts.call import HANDSHAKES, LIST, TOOL_CALL
from godot_analysis.diagnosis.facts.roles import roles

if TYPE_CHECKING:
    import pandas as pd

    from godot_analysis.diagnosis.facts.calls import CallTable
    from godot_analysis.reading.events import Events
    from godot_analysis.reconstruction.flow import Flow

__all__ = ["Topology"]

_CLIENT: Final = "client"
_RELAY: Final = "relay"


class Topology:
    """What is known of the components and their parts.

    `expected` are backends that the reader of the diagnosis named: their silence counts as evidence even if
    the log never mentions them.
    """

    def __init__(self, flow: Flow, events: Events, table: CallTable, expected: frozenset[str]) -> None:
        self._flow, self._table = flow, table
        self.expected = expected
        calls = table.all(TOOL_CALL)
        self._roots = calls.only(table.roots)
        self.roles = roles(events, calls, arrivals_of(table.all(*HANDSHAKES)))
        self.commands = management_of(self._roots, self.roles.relays)

    @cached_property
    def components(self) -> dict[str, tuple[pd.Timestamp, pd.Timestamp]]:
        """Each component that logged, with its first and last record."""
        times = self._flow.logs.groupby("component", observed=True)["event_created_at"].agg(["min", "max"])
        return {str(name): (first, last) for name, first, last in times.itertuples()}

    @cached_property
    def backends(self) -> frozenset[str]:
        """All backends that the log or the reader names."""
        named = {item.name for item in self.commands if item.name}
        return self.roles.backends | named | self.expected

    @cached_property
    def participants(self) -> frozenset[str]:
        """Who sent or got a request of any kind."""
        columns = (self._table.codes(column)[1] for column in ("caller", "callee"))
        return frozenset(name for names in columns for name in names)

    @property
    def unlogged_backends(self) -> frozenset[str]:
        """Backends that calls or commands name and that logged nothing themselves."""
        return self.backends - set(self.components)

    @cached_property
    def client(self) -> str:
        """The name of the first sender, or just `client`."""
        named = [caller for (caller,) in self._roots.counts("caller") if caller]
        first = next((name for name in named if name not in self.roles.relays), None)
        told = first or min(self.roles.clients or self.roles.hosts, default=None)
        return told or next(iter([*named, *self._asking]), _CLIENT)

    @cached_property
    def relay(self) -> str:
        """The relay's name; the client's where none stands between, and `relay` if the log names neither."""
        known = self.roles.clients or self._asking
        return self.roles.relay or (self.client if known else _RELAY)

    @cached_property
    def _asking(self) -> list[str]:
        """Who sent a request of any kind, and serves nobody."""
        others = self.roles.relays | self.roles.backends
        asking = (caller for (caller,) in self._table.all(TOOL_CALL, LIST, *HANDSHAKES).counts("caller"))
        return [caller for caller in asking if caller and caller not in others]
