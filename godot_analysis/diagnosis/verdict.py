"""Whether a log without a fault is healthy or unclear: proof of work, and what nothing explains."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from godot_analysis.diagnosis.facts.blame import answers_no
from godot_analysis.diagnosis.facts.call import HANDSHAKES, LIST
from godot_analysis.diagnosis.wording import count, listed
from godot_analysis.reading.classify import UNKNOWN
from godot_analysis.reading.names import mentions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from godot_analysis.diagnosis.facts import Call, Calls, Facts
    from godot_analysis.reading.events import Event

__all__ = ["Proof", "prove"]

_MUCH: Final = 0.2  # more unread lines than this may hide anything
_SHOWN: Final = 200
_LONG: Final = pd.Timedelta(seconds=30)
_MOMENT: Final = pd.Timedelta(seconds=1)
_ANSWERS: Final = frozenset({"entity.absent", "entity.exists", "user.declined"})
"""What is said of the world, and not of a failure."""
_LEAVING: Final = frozenset({"connect.lost", "connection.closed", "process.exit"})
"""What is said when all comes to its end, in good order, too."""
_IDLE: Final = pd.Timedelta(minutes=5)
"""A server of which nothing was wanted for so long is not judged."""


@dataclass(frozen=True)
class Proof:
    """What was seen to work, and what keeps a log from being called healthy."""

    seen: dict[str, int]
    errors: int  # texts of errors, of records and of calls
    missing: tuple[str, ...]
    unexplained: tuple[str, ...]


def prove(facts: Facts, explained: frozenset[str], source: dict[str, Any]) -> Proof:
    """Weigh a log in which no fault was found; `explained` are the rows that findings go by."""
    work = _Work(facts)
    errors, unknown = _error_texts(facts)
    open_ = list(_unexplained(work, explained))
    missing = [*_unread(source, facts), *_unanswered(work), *_unproven(work)]
    if open_:
        first = open_[0]
        missing.append(
            f"{count(len(open_), 'record')} may tell of a failure that nothing explains, "
            f"such as “{first[1][:160]}”: the messages around it, or the other end's log, would tell "
            "what it did"
        )
    return Proof(
        seen={
            "servers": len(work.servers),
            "handshakes": len(facts.operations.handshakes.ended("answered")),
            "lists": len(facts.operations.table.all(LIST).ended("answered")),
            "operations": work.operations,
            "errors_unknown": unknown,
        },
        errors=errors,
        missing=tuple(missing),
        unexplained=tuple(dict.fromkeys(row for row, _ in open_))[:_SHOWN],
    )


def _error_texts(facts: Facts) -> tuple[int, int]:
    """How many texts of errors there are, of records and of calls, and how many of them nobody understood."""
    kinds = [item.kind for item in facts.events.of("failure")]
    kinds += [call.reading.kind for call in facts.operations.calls.leaves.erred]
    return len(kinds), kinds.count(UNKNOWN)


class _Work:
    """What succeeded in a log, and when last, by whom."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        operations = facts.operations
        table = operations.table
        self._requests = operations.every
        self.good: Calls = self._requests.only(~table.mask("method", *HANDSHAKES)).served
        self.discovered = [
            item
            for item in facts.events.of("tools registered")
            if item.count and item.server not in {None, item.component}
        ]
        self.operations = len(self.good) + len(self.discovered)

    @cached_property
    def servers(self) -> frozenset[str]:
        """Those that somebody sent a request to, or that started as a server."""
        topology = self.facts.topology
        asked = {callee for (callee,) in self._requests.counts("callee") if callee}
        started = {item.component for item in self.facts.events.of("start") if item.serves}
        others = topology.roles.clients
        return frozenset((asked | started) - others)

    @cached_property
    def proven(self) -> frozenset[str]:
        """The servers that were seen to work."""
        found = {callee for (callee,) in self.good.counts("callee") if callee}
        found |= {item.component for item in self.discovered}
        found |= {item.server for item in self.discovered if item.server}
        if self.good:
            found |= (
                self.facts.sessions.initialized
            )  # a handshake that was answered and confirmed is work, too
        codes, names = self.facts.operations.backend_codes
        own = np.unique(codes[self.good.places])
        return frozenset(found | {names[code] for code in own.tolist() if code >= 0})

    @cached_property
    def listed(self) -> frozenset[str]:
        """The tools that any list names, but for names that are words like others."""
        names = (name for listing in self.facts.tools.listings for name in listing.names or ())
        return frozenset(name for name in names if not name.isalpha())

    @cached_property
    def _last_good(self) -> dict[str, pd.Timestamp]:
        """When each component last took part in what succeeded."""
        found: dict[str, pd.Timestamp] = {}
        table = self.facts.operations.table
        ended = np.where(table.is_open, table.started, table.ended)[self.good.places]
        for column in ("caller", "callee"):
            for name, calls in self.good.groups(*table.codes(column)).items():
                own = np.where(table.is_open, table.started, table.ended)[calls.places]
                time = pd.Timestamp(int(own.max()), unit="us", tz="UTC")
                found[name] = max(found.get(name, time), time)
        if len(ended):
            found[""] = pd.Timestamp(int(ended.max()), unit="us", tz="UTC")
        for item in self.discovered:
            for whom in filter(None, (item.component, item.server, "")):
                found[whom] = max(found.get(whom, item.time), item.time)
        return found

    @cached_property
    def participants(self) -> frozenset[str]:
        """Who takes part in MCP."""
        names = (name for column in ("caller", "callee") for (name,) in self._requests.counts(column))
        return frozenset(filter(None, names)) | self.servers

    def went_on(self, event: Event) -> bool:
        """Whether what a record is about worked after it: the server that it names, else its component."""
        if event.server is not None and event.server not in self.participants | set(
            self.facts.topology.components
        ):
            return False  # nobody ever reached it
        named = event.server if event.server in self.participants else None
        who: str = named or event.component
        if who not in self.participants:
            if event.kinds and self.facts.log.speaks_of_mcp(who):
                return False  # a server under a name that no message bears
            who = ""  # somebody beside the system: then it counts that the system went on
        last = self._last_good.get(who)
        return last is not None and last > event.time


def _unread(source: dict[str, Any], facts: Facts) -> Iterator[str]:
    """That too many lines were not understood to call anything healthy."""
    lines, unparsed = source.get("lines", 0), source.get("unparsed", 0)
    if unparsed > _MUCH * max(lines, 1):
        flow = facts.flow
        unparsed -= int(flow.others["id"].isin(flow.observed["record"]).sum())  # these hold messages
    if unparsed > _MUCH * max(lines, 1):
        yield (
            f"{unparsed:,} of {lines:,} lines are no records and were not understood: "
            "`ga.load_logs(source=FILE)` shows them; a log in JSON lines would be read whole"
        )


def _unproven(work: _Work) -> Iterator[str]:
    """Which work was not seen: of the whole system, or of one of its servers."""
    facts = work.facts
    if not len(facts.flow.logs):
        yield "there is no record to judge by"
        return
    if not work.operations:
        yield _no_work(work)
        return
    lacking = [name for name in sorted(work.servers - work.proven) if not _idle(name, facts)]
    if lacking:
        yield (
            f"nothing shows that {listed(lacking)} {'works' if len(lacking) == 1 else 'work'}: "
            "no request to it was seen to succeed; a call of one of its tools, or its own log, would tell"
        )


def _no_work(work: _Work) -> str:
    facts = work.facts
    hands = facts.operations.handshakes
    if hands.ended("answered"):
        names = listed(sorted({call.callee or "a server" for call in hands.ended("answered")}))
        if len(work.facts.operations.every) > len(hands):
            return f"the handshake with {names} succeeded, and no request after it was seen to succeed"
        return (
            f"the handshake with {names} succeeded, and nothing was asked of it after that in this log: "
            "a list of tools or a call would tell whether it works"
        )
    if hands:
        waited = (facts.log.end - hands[-1].started).total_seconds()
        return (
            f"the log ends {waited:.0f} s after the handshake with {hands[-1].callee or 'a server'} began, "
            "before it was answered: what was logged later would tell"
        )
    if work.participants:
        return (
            "no request was seen to succeed: the log of the other end, or what was logged later, would tell"
        )
    return (
        "there is no MCP message in this log, and nothing that tells of one: let the components log what "
        "they send and receive (level TRACE), or add the log of the host"
    )


def _idle(server: str, facts: Facts) -> bool:
    """Whether nothing was wanted of a server for long: no traffic, or none but a handshake long ago."""
    asked = facts.operations.sent_to(server)
    if asked.failed:
        return False
    hands = asked.where("method", *HANDSHAKES)
    if len(hands) < len(asked):
        return False
    started = [item.time for item in facts.events.of("start") if item.component == server]
    last = max([*started, *(call.started for call in hands[-1:])], default=facts.log.start)
    # A server that declared something else than tools nobody has to use.
    return facts.log.end - last > _IDLE or any(one.lacks_tools for one in facts.sessions.arrivals_at(server))


def _unexplained(work: _Work, explained: frozenset[str]) -> Iterator[tuple[str, str]]:
    """The calls and the records that may tell of a failure and that no finding goes by: row and words."""
    facts = work.facts
    for call in facts.operations.roots.ended("error", "tool_error", "timed_out"):
        if explained.isdisjoint(call.rows) and not (answers_no(call) and _went_well(call, work)):
            yield call.rows[-1], call.error_text or f"{call.tool} ended as {call.status}"
    for event in facts.events.of("failure"):
        if event.record in explained:
            continue
        missed = _missed_tool(event, work)
        if missed or (
            _may_be_failure(event)
            and not work.went_on(event)
            and not (_leaves(event, work) or _of_a_known_call(event, work, explained))
        ):
            yield event.record, event.text


def _went_well(call: Call, work: _Work) -> bool:
    """Whether what a call was told is an answer: as a tool's own result, or where others succeed later."""
    if call.status == "tool_error":
        return True
    backend = work.facts.operations.backend_of(call.last) or call.callee
    good = work.facts.operations.calls.ended("answered").after(call.started)
    return any(
        backend in {other.callee, work.facts.operations.backend_of(other)} for other in good[-1:]
    ) or bool(good.where("callee", backend))


def _missed_tool(event: Event, work: _Work) -> bool:
    """Whether a host complains of a tool that nobody called well after that."""
    if frozenset(event.kinds) & _ANSWERS:
        return False
    named = {event.tool} if event.tool else {name for name in work.listed if mentions(event.said, name)}
    if not named or event.component in work.servers:
        return False
    calls = work.facts.operations.calls.served
    return not any(calls.where("tool", tool).since(event.time - _MOMENT) for tool in named)


def _unanswered(work: _Work) -> Iterator[str]:
    """The requests that the log has no end of, where it would have one."""
    facts = work.facts
    silent = [
        call
        for call in facts.operations.every.ended("pending", "lost")
        if facts.log.end - call.started >= _LONG
        and call.caller
        and facts.wire.verbatim(call.caller)
        and not facts.operations.end_unlogged(call)
        and call.lost_at != "logger"
        and call.number not in facts.incidents.given_up
    ]
    if silent:
        first = silent[0]
        about = f"{first.method} {first.tool}" if first.tool else first.method
        yield (
            f"{count(len(silent), 'request')} got no answer, such as {about} that {first.caller} sent to "
            f"{first.callee or 'a server'}: the log of {first.callee or 'the server'} would tell "
            "whether one was sent"
        )


def _may_be_failure(event: Event) -> bool:
    """Whether a record is more than a remark: an error that is no answer, a warning that was understood."""
    kinds = frozenset(event.kinds) - _ANSWERS
    return bool(kinds) or (event.level == "ERROR" and not event.kinds)


def _leaves(event: Event, work: _Work) -> bool:
    """Whether a component only says that it, or its connection, comes to its end, after it had worked."""
    of_another = event.server not in {None, event.component}
    if of_another and work.facts.log.end - event.time > _LONG:
        return False  # the log went on without that server
    return frozenset(event.kinds) <= _LEAVING and bool(event.kinds) and event.component in work.participants


def _of_a_known_call(event: Event, work: _Work, explained: frozenset[str]) -> bool:
    """Whether a record repeats the failure of a call that a finding goes by."""
    calls = work.facts.operations.roots.failed.before(event.time + pd.Timedelta(seconds=1))
    near: Iterable[Any] = calls.since(event.time - pd.Timedelta(seconds=5))
    return any(not explained.isdisjoint(call.rows) for call in near)
