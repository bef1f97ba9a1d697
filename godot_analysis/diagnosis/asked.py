"""What a diagnosis was asked for: which findings and calls concern it, and whether the log knows it."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from godot_analysis.columns import STATUSES
from godot_analysis.printable import line
from godot_analysis.reading.names import family, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from godot_analysis.diagnosis.facts import Calls, Facts
    from godot_analysis.diagnosis.judge import Judgement

__all__ = ["Asked"]


class Asked:
    """The trace, the component and the tool that were asked for; None leaves each of them open."""

    def __init__(self, facts: Facts, trace_id: str | None, component: str | None, tool: str | None) -> None:
        logs = facts.flow.logs
        self._facts = facts
        self._trace, self._component, self._tool = trace_id, component, tool
        self._rows = None if trace_id is None else set(logs.loc[logs["trace_id"] == trace_id, "id"])
        self._own = set() if component is None else set(logs.loc[logs["component"] == component, "id"])
        self._owner = None if tool is None else facts.tools.owners.of(tool) or family(tool)

    @property
    def scope(self) -> str:
        """The component and the tool in words; empty when everything was asked for."""
        given = {"component": self._component, "tool": self._tool}
        return " and ".join(f"{what} {line(name, 80)}" for what, name in given.items() if name is not None)

    def concerns(self, judged: Judgement) -> bool:
        """Whether a judgement is about what was asked for."""
        return self._in_trace(judged) and self._of_component(judged) and self._of_tool(judged)

    def count(self) -> dict[str, int]:
        """The operations asked for by their end, as `Flow.count_operations` counts those of all."""
        if self._trace is None and not self.scope:
            return self._facts.flow.count_operations()
        ends = self._operations().counts("status")
        return {"total": sum(ends.values()), **{status: ends.get((status,), 0) for status in STATUSES}}

    def notes(self) -> tuple[str, ...]:
        """That the log does not know a name, with the one that may have been meant."""
        notes = []
        if self._component is not None and self._component not in (known := self._known_components()):
            close = get_close_matches(self._component, known, n=1)
            notes.append(_unknown("component", self._component, close[0] if close else None))
        if self._tool is not None and self._tool not in (tools := self._known_tools()):
            notes.append(_unknown("tool", self._tool, nearest(self._tool, tools)))
        return tuple(notes)

    def missing(self, judged: Iterable[Judgement]) -> tuple[str, ...]:
        """Why nothing can be said of what was asked for, where the log holds nothing of it."""
        if self._trace is None and not self.scope:
            return ()
        if self.notes():
            return ("the log holds nothing of what was asked for",)
        loud = [one for one in judged if not one.cause.remark]
        if loud and not any(map(self.concerns, loud)) and not self.count()["answered"]:
            what = self.scope or "this trace"
            return (
                (
                    f"no call of {what} was seen to succeed, and other things failed in this log: "
                    "`godot diagnose` without a filter tells them"
                ),
            )
        return ()

    def _in_trace(self, judged: Judgement) -> bool:
        if self._rows is None or not self._rows.isdisjoint(judged.finding.evidence):
            return True
        return any(call.trace == self._trace for call in self._facts.operations.numbered(judged.cause.calls))

    def _of_component(self, judged: Judgement) -> bool:
        finding = judged.finding
        if self._component is None or self._component in {finding.component, finding.cause_in}:
            return True
        return not self._own.isdisjoint(finding.evidence)

    def _of_tool(self, judged: Judgement) -> bool:
        if self._tool is None:
            return True
        tools = {call.tool for call in self._facts.operations.numbered(judged.cause.calls)}
        if self._tool in tools | {judged.finding.tool}:
            return True
        return judged.finding.tool is None and judged.finding.component == self._owner

    def _operations(self) -> Calls:
        """The operations that have a leg in the trace, one at the component and one of the tool."""
        table, found = self._facts.operations.table, self._facts.operations.roots
        if self._trace is not None:
            found = found.with_any(table.mask("trace_id", self._trace))
        if self._component is not None:
            ends = table.mask("caller", self._component) | table.mask("callee", self._component)
            found = found.with_any(ends)
        return found if self._tool is None else found.with_any(table.mask("tool", self._tool))

    def _known_tools(self) -> set[str]:
        facts = self._facts
        names = {tool for (tool,) in facts.operations.calls.counts("tool") if tool}
        names |= {item.tool for item in facts.tools.refused}
        for listing in facts.tools.listings:
            names |= listing.names or frozenset()
        return names.union(*(table for _, table in facts.tools.tables))

    def _known_components(self) -> set[str]:
        facts = self._facts
        known = {
            *facts.flow.components,
            *facts.topology.roles.relays,
            *facts.topology.roles.clients,
            *facts.topology.roles.backends,
            *(facts.topology.backends - facts.topology.expected),
        }
        families: Iterable[str | None] = map(family, self._known_tools())
        return known | {name for name in families if name is not None}


def _unknown(what: str, name: str, close: str | None) -> str:
    hint = "" if close is None else f" Did you mean {line(close, 80)}?"
    return f"The log does not know any {what} {line(name, 80)}.{hint}"
