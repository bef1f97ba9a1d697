"""Which match explains which: the one above it in the catalogue, on the same server, tool or call."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godot_analysis.diagnosis.catalogue import Entry
    from godot_analysis.diagnosis.findings import Severity
    from godot_analysis.diagnosis.matches import Match

__all__ = ["Cause", "Causes"]

_MOST_EVIDENCE: Final = 200  # more rows convince nobody more, and a call that fails all day has thousands
_OF_ONE_TOOL: Final = "call"
"""The layer whose findings are about one tool: they explain nothing of another one of the same server."""


@dataclass
class Cause:
    """A match that stands, with the symptoms that it explains."""

    entry: Entry
    match: Match
    calls: set[int] = field(default_factory=set)
    rows: dict[str, None] = field(default_factory=dict)
    repeats: int = 0

    @property
    def severity(self) -> Severity:
        """The severity of the match, that of its kind unless it has one of its own."""
        return self.match.severity or self.entry.severity

    @property
    def remark(self) -> bool:
        """Whether it is no fault."""
        return self.severity == "info"

    def take(self, entry: Entry, match: Match) -> None:
        """Take over the rows and the calls of a match, its own or one that it explains."""
        self.calls |= match.calls
        if len(self.rows) < _MOST_EVIDENCE:
            self.rows |= dict.fromkeys(match.records)
        self.repeats += entry is self.entry and match is not self.match

    def explains(self, entry: Entry, match: Match) -> bool:
        """Whether a match on the same server, tool or call is only a symptom of this one."""
        if entry.rank <= self.entry.rank or entry.stands or self.remark:
            return False
        if not self.entry.explains and (match.tool is None or match.tool != self.match.tool):
            return False
        apart = {self.match.tool, match.tool} - {None}
        return self.entry.layer != _OF_ONE_TOOL or len(apart) < 2 or not match.calls.isdisjoint(self.calls)  # noqa: PLR2004 - two tools


class Causes:
    """The matches that stand so far, found quickly by what they have in common with another one."""

    def __init__(self) -> None:
        self.kept: list[Cause] = []
        self._same: dict[tuple[str, str | None, str | None, bool], Cause] = {}
        self._of_component: dict[str | None, list[Cause]] = defaultdict(list)
        self._of_tool: dict[str, list[Cause]] = defaultdict(list)
        self._of_call: dict[int, Cause] = {}

    @property
    def rows(self) -> frozenset[str]:
        """The rows that the faults found so far go by."""
        return frozenset[str]().union(*(cause.rows for cause in self.kept if not cause.remark))

    def add(self, entry: Entry, match: Match) -> None:
        """Keep a match, or give it to the one that explains it; in the order of the catalogue."""
        own = Cause(entry, match)
        place = (entry.code, match.component, match.tool if entry.each_tool else None, own.remark)
        cause = self._same.get(place) or self._cause_of(own)
        if cause is None:
            self.kept.append(cause := own)
            self._same[place] = own
            self._of_component[match.component].append(own)
            if match.tool is not None:
                self._of_tool[match.tool].append(own)
        cause.take(entry, match)
        for call in match.calls:
            if call not in self._of_call or (self._of_call[call].remark and not cause.remark):
                self._of_call[call] = cause

    def _cause_of(self, own: Cause) -> Cause | None:
        match = own.match
        sharing = list(self._sharing(own))
        alike = self._of_tool[match.tool] if match.tool is not None else []
        for cause in (*self._of_component[match.component], *alike, *sharing):
            if cause.explains(own.entry, match):
                return cause
        # What has explained all failed calls of a match leaves nothing of it to tell.
        return sharing[0] if sharing and len(sharing) == len(match.calls) else None

    def _sharing(self, own: Cause) -> Iterator[Cause]:
        """The causes that account for calls of a match; a remark accounts for remarks alone."""
        for call in own.match.calls:
            cause = self._of_call.get(call)
            if cause is not None and (own.remark or not cause.remark):
                yield cause
