"""What the rules reason about, each question answered in one place and composed into `Facts`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from godot_analysis.diagnosis.facts._lists import Arrival, Listing
from godot_analysis.diagnosis.facts.absences import Missing, find_missing
from godot_analysis.diagnosis.facts.breaches import Breach, find_breaches
from godot_analysis.diagnosis.facts.call import Call
from godot_analysis.diagnosis.facts.calls import Calls, CallTable
from godot_analysis.diagnosis.facts.crashes import Crash, find_crashes
from godot_analysis.diagnosis.facts.declared import Declared, Held
from godot_analysis.diagnosis.facts.foreign import find_foreign_answers
from godot_analysis.diagnosis.facts.incarnations import Incarnation
from godot_analysis.diagnosis.facts.incidents import Incidents
from godot_analysis.diagnosis.facts.log import Gap, Log, Remark
from godot_analysis.diagnosis.facts.operations import Operations
from godot_analysis.diagnosis.facts.processes import Processes
from godot_analysis.diagnosis.facts.sessions import Sessions
from godot_analysis.diagnosis.facts.tools import Refused, Tools
from godot_analysis.diagnosis.facts.topology import Management, Topology
from godot_analysis.diagnosis.facts.wire import Wire
from godot_analysis.diagnosis.matches import calls_of
from godot_analysis.reading.events import Events, read_events

if TYPE_CHECKING:
    from collections.abc import Iterable

    from godot_analysis.reconstruction.flow import Flow

__all__ = ["Arrival", "Breach", "Call", "Calls", "Crash", "Facts", "Gap", "Held", "Incarnation", "Listing"]
__all__ += ["Management", "Missing", "Refused", "Remark", "gather"]


@dataclass
class Facts:
    """Everything that rules may ask of one log.

    Each part answers the questions of one subject, and is made of those above it: `log`, `topology` (who
    takes part), `operations` (calls), `wire` (messages as such), `incidents` (what went wrong besides),
    `sessions` (connections), `tools` (lists), `processes`.
    """

    flow: Flow
    events: Events
    live: bool
    """The log goes on: what is open at its end may still end."""
    log: Log
    topology: Topology
    operations: Operations
    wire: Wire
    incidents: Incidents
    sessions: Sessions
    tools: Tools
    processes: Processes
    declared: Declared

    @cached_property
    def missing(self) -> list[Missing]:
        """Every backend that the relay lacks, the refused ones first, then those conspicuous by silence."""
        return find_missing(self)

    def lacks_of(self, backend: str | None) -> list[Missing]:
        """When the relay lacked one backend, by its incarnations."""
        return [item for item in self.missing if item.backend == backend]

    @cached_property
    def crashes(self) -> list[Crash]:
        """The calls under which the process of their server ended of itself."""
        return find_crashes(self)

    @cached_property
    def crashed(self) -> frozenset[int]:
        """The numbers of these calls, and of those that failed because the server was not back yet."""
        return calls_of(self.crashes)

    @cached_property
    def breaches(self) -> list[Breach]:
        """What breaks the official schema of MCP, in the order of time."""
        return find_breaches(self)

    @cached_property
    def foreign_answers(self) -> dict[str, list[dict[str, Any]]]:
        """JSON without a frame of those who never said a word of JSON-RPC, by who sent it."""
        return find_foreign_answers(self)


def gather(flow: Flow, *, expected: Iterable[str] = (), live: bool = False) -> Facts:
    """Compute the facts of one flow; `expected` are backends that the reader of the diagnosis named."""
    table = CallTable(flow)
    asked, called = (frozenset(filter(None, table.codes(name)[1])) for name in ("callee", "tool"))
    events = read_events(flow.others, asked, called)
    log = Log(flow, flow.logs.attrs.get("lines", {}))
    topology = Topology(flow, events, table, frozenset(expected))
    operations = Operations(flow, events, log, topology, table)
    incidents = Incidents(events, log, topology, operations)
    sessions = Sessions(flow, events, log, topology, operations, incidents)
    tools = Tools(flow, events, topology, operations, sessions)
    return Facts(
        flow=flow,
        events=events,
        live=live,
        log=log,
        topology=topology,
        operations=operations,
        wire=Wire(flow, operations),
        incidents=incidents,
        sessions=sessions,
        tools=tools,
        processes=Processes(events, log, operations, incidents, sessions),
        declared=Declared(events, topology, operations, incidents, tools),
    )
