"""Rules about messages that are JSON-RPC, and that the official schema of MCP does not allow all the same."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Final

import pandas as pd

from godot_analysis.diagnosis.catalogue import SEVERITIES
from godot_analysis.diagnosis.facts.absences import lacking_calls
from godot_analysis.diagnosis.facts.declared import speaks_of_tools
from godot_analysis.diagnosis.facts.timeline import grouped
from godot_analysis.diagnosis.matches import Clue, Match, logged
from godot_analysis.diagnosis.rules._registry import rule
from godot_analysis.normal_form.sightings import REQUEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from godot_analysis.diagnosis.facts import Breach, Call, Facts
    from godot_analysis.diagnosis.findings import Severity
    from godot_analysis.reading.events import Event

    _Find = Callable[[Facts], Iterator[Match]]

_CLOSE: Final = pd.Timedelta(seconds=5)
_CALL: Final = "tools/call"
_LIST: Final = "tools/list"
_FORM: Final = ("message.malformed", "result.invalid", "arguments.invalid", "arguments.missing")
_REFUSING: Final = frozenset({-32600, -32602})


def _gravest(find: _Find) -> _Find:
    """Of the matches about one tool or server the gravest ones: what did harm once is no mere remark."""

    @wraps(find)
    def gravest(facts: Facts) -> Iterator[Match]:
        for same in grouped(((match.component, match.tool), match) for match in find(facts)).values():
            first = min(_rank(match) for match in same)
            yield from (match for match in same if _rank(match) == first)

    return gravest


def _rank(match: Match) -> int:
    return SEVERITIES.index(match.severity or "error")


@rule("R17")
@_gravest
def answer_breaks_schema(facts: Facts) -> Iterator[Match]:
    for breach in facts.breaches:
        call = breach.call
        if breach.kind == REQUEST or call.method == _CALL or call.callee is None:
            continue
        server = call.callee
        if server in facts.topology.roles.relays and breach.tool is not None:
            server = facts.tools.owners.of(breach.tool) or server
        harm, severity = _harm(breach, facts)
        clues = (Clue(f"{call.callee} answered {call.method}: {breach.fault}", 0.5, call.rows), *harm)
        numbers = lacking_calls(facts, server) if harm else frozenset[int]()
        yield Match(server, server, clues, breach.tool, numbers, _words(breach), severity)


@rule("R18")
@_gravest
def result_breaks_schema(facts: Facts) -> Iterator[Match]:
    for breach in facts.breaches:
        call = breach.call
        if breach.kind == REQUEST or call.method != _CALL or call.callee is None or call.legs:
            continue
        if breach.place.startswith("structuredContent"):
            continue  # there the output schema of the tool says more
        top = facts.operations.operation_of(call)
        said = [
            logged(item, 0.6)
            for name in {call.caller, top.caller} - {None, call.callee}
            for item in _complaints_on(call, name or "", facts)
            if item.tells(*_FORM)
        ]
        if top is not call and top.status == "error":
            said.append(Clue(f"{top.callee} made of it “{top.error_text[:160]}”", 0.5, top.rows))
        clues = (Clue(f"the result of {call.tool}: {breach.fault}", 0.5, call.rows), *said)
        words, numbers = _words(breach), top.family if said else frozenset[int]()
        yield Match(call.callee, call.callee, clues, call.tool, numbers, words, None if said else "info")


def _complaints_on(call: Call, component: str, facts: Facts) -> list[Event]:
    """What a component complained of after it got an answer, before it got another one."""
    until = (call.ended or call.started) + _CLOSE
    early = facts.incidents.complaints_during(call, component)
    late = [
        item
        for item in facts.incidents.complaints
        if item.component == component and item not in early and call.started <= item.time <= until
    ]
    if late and call.ended is not None:
        others = facts.operations.calls.where("caller", component).after(call.started).before(until)
        ends = [one.ended for one in others if one.ended is not None and one.ended > call.ended]
        late = [item for item in late if item.time <= min(ends, default=until)]
    return early + late


@rule("R19")
def request_breaks_schema(facts: Facts) -> Iterator[Match]:
    alike = grouped(
        ((breach.call.caller or facts.topology.client, breach.call.method, breach.path), breach)
        for breach in facts.breaches
        if breach.kind == REQUEST and breach.call.callee is not None
    )
    for (sender, method, _), found in alike.items():
        refused = [breach for breach in found if _refused_for_form(breach.call.last)]
        first, calls = (refused or found)[0], [breach.call for breach in refused]
        clues = [Clue(f"{method} from {sender}: {first.fault}", 0.5, first.call.rows)]
        if refused:
            rows = tuple(row for call in calls for row in call.rows)
            clues.append(Clue(f"it was refused: “{calls[0].last.error_text[:160]}”", 0.6, rows))
        server = facts.operations.backend_of(first.call.last) or first.call.callee
        tools = {breach.call.tool for breach in found}
        tool = first.call.tool if len(tools) == 1 else None
        numbers = frozenset[int]().union(*(call.family for call in calls))
        severity: Severity | None = None if refused else "info"
        yield Match(server, sender, clues, tool, numbers, _words(first), severity)


def _refused_for_form(call: Call) -> bool:
    return call.status == "error" and (call.error_code in _REFUSING or call.tells(*_FORM))


def _harm(breach: Breach, facts: Facts) -> tuple[tuple[Clue, ...], Severity | None]:
    """What shows that its client could not use an answer; nothing where it used the tools all the same."""
    call = breach.call
    server, client = call.callee or "", call.caller
    used = facts.operations.sent_to(server).served.where("method", _CALL)
    used = used.where("caller", client, None)
    if (used if breach.tool is None else used.where("tool", breach.tool)) or _borne(breach, facts):
        return (), "info"
    later = [
        item for item in facts.tools.lists_of(server) if item.time > call.started and item.caller == client
    ]
    if call.method != _LIST and any(item.names for item in later):
        return (), "info"  # it went on to the list, and got it
    missed = [*_refused(breach, server, facts)]
    until = (call.ended or call.started) + _CLOSE
    words = [
        (item.time, item.component, item.record, item.said, item.kinds) for item in facts.incidents.complaints
    ]
    words += [
        (item.time, item.component, item.record, item.text, item.kinds) for item in facts.incidents.troubles
    ]
    said = [
        Clue(f"{component} logged: {text[:160]}", 0.6, (record,))
        for time, component, record, text, kinds in words
        if component == client
        and call.started <= time <= until
        and not set(_FORM).isdisjoint(kinds)
        and not speaks_of_tools(kinds)
    ]
    if used:  # others of its tools
        return (*said[:1], *missed[:1]), None if missed else "warning" if said else "info"
    ended = [
        Clue("the connection ended after it", 0.5, (end.record,))
        for end in facts.events.of("end")
        if call.started <= end.time <= until and end.component == client and end.server in {server, None}
    ]
    if _left_alone(call, facts):
        ended.append(Clue(f"{client or facts.topology.client} asked {server} for nothing after that", 0.4))
    clues = (*said[:1], *missed[:1], *ended[:1])
    return clues, None if clues else "info"


def _borne(breach: Breach, facts: Facts) -> bool:
    """Whether its client works with another server that breaks the schema in the very same way."""
    client, kind = breach.call.caller, (breach.call.method, breach.path)
    others = {item.call.callee for item in facts.breaches if (item.call.method, item.path) == kind}
    used = facts.operations.requests.served.where("method", _CALL).where("caller", client)
    return client is not None and bool(used.where("callee", *others - {breach.call.callee, None}))


def _refused(breach: Breach, server: str, facts: Facts) -> Iterator[Clue]:
    """Refusals of the tool that breaks the schema, or of a server whose tools its relay has none of since."""
    call = breach.call
    life = facts.sessions.incarnation_at(call.started)
    refused = [item for item in facts.tools.refused if item.time >= call.started and item.tool == breach.tool]
    for lack in facts.missing:
        if lack.backend == server and lack.incarnation is life and lack.reached:
            refused += lack.refusals
    for item in refused:
        yield Clue(f"{item.by} refused {item.tool}", 0.4, item.records)


def _left_alone(call: Call, facts: Facts) -> bool:
    """Whether a handshake was answered and nothing came after it, though it would have been logged."""
    server, client = call.callee or "", call.caller or ""
    if (
        call.method != "initialize"
        or server in facts.sessions.initialized
        or not facts.wire.verbatim(server, client)
    ):
        return False
    return not facts.operations.sent_to(server).after(call.started) and facts.log.end - call.started > _CLOSE


def _words(breach: Breach) -> dict[str, str]:
    return {
        "method": breach.call.method,
        "fault": breach.fault,
        "place": breach.place,
        "version": breach.version,
    }
