"""Rules about calls that failed at their backend, only seemed to succeed, or failed for no known reason."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Final

from godot_analysis.diagnosis.facts.blame import (
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    answers_no,
    at_fault,
    error_words,
    may_pass,
    says_nothing,
)
from godot_analysis.diagnosis.facts.call import TOOL_CALL
from godot_analysis.diagnosis.matches import Clue, Match, logged
from godot_analysis.diagnosis.rules._registry import rule
from godot_analysis.reading.lexicon import kinds
from godot_analysis.reading.results import failure_inside, is_what_was_asked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from godot_analysis.diagnosis.facts import Call, Facts
    from godot_analysis.diagnosis.findings import Severity
    from godot_analysis.reading.events import Event

_USES: Final = ("resources/read", "resources/subscribe", "prompts/get", "completion/complete")
_LOOK = (
    "Look at {component} at this moment, with its stack trace; repeat the call with the same arguments to "
    "reproduce it."
)


@rule("B28")
def unserialisable_result(facts: Facts) -> Iterator[Match]:
    for backend, calls in facts.operations.by_backend.items():
        for call in calls.failed:
            told = [
                item
                for item in facts.incidents.complaints_during(call, backend)
                if item.tells("result.unserialisable") and item.tool in {None, call.tool}
            ]
            clues = []
            if call.answered and call.tells("result.unserialisable"):
                clues.append(Clue(f"the answer says: {call.error_text}", 0.85, _rows(call, facts)))
            if told:
                clues.append(logged(told[0], 0.8, (told[0].record, *_rows(call, facts))))
            if clues:
                error = call.error_text or told[0].text
                yield _match(call, facts, backend, clues, {"error": error})


@rule("F09")
def listed_but_unknown(facts: Facts) -> Iterator[Match]:
    for call in facts.operations.calls.leaves.erred:
        if not call.tool or not call.callee:
            continue
        if not (call.tells("tool.unknown") or call.error_code == METHOD_NOT_FOUND):
            continue
        last = facts.tools.last_list(call.callee, call.started)
        clues = [Clue(f"it answered the call with “{error_words(call)}”", 0.6, call.rows)]
        if last is not None and call.tool in (last.names or ()):
            clues.append(Clue(f"{call.callee} listed {call.tool}", 0.7, last.records))
        else:
            continue
        yield _match(call, facts, call.callee, clues, {"error": error_words(call)})


@rule("F32")
def failure_in_result(facts: Facts) -> Iterator[Match]:
    relays = facts.topology.roles.relays
    heard: set[tuple[str | None, str]] = set()
    own = facts.operations.calls.served.only(~facts.operations.table.passing_on)
    at_relay = facts.operations.table.mask("callee", *relays)  # a relay only hands it on
    telling = (own.only(where).telling("result", failure_inside) for where in (~at_relay, at_relay))
    for call, told in chain.from_iterable(telling):
        backend = facts.operations.backend_of(call) or call.callee
        if (
            backend is None
            or (backend in relays and (call.tool, told) in heard)
            or is_what_was_asked(told, call.result, call.tool, call.arguments)
        ):
            continue
        heard.add((call.tool, told))
        guilty = at_fault(replace(call, error_text=told), facts.tools.parameters(call))
        whose = (
            " What it says sounds like a mistake in the arguments of the call." if guilty == "caller" else ""
        )
        clue = Clue(
            f"the result of {call.tool} says “{told[:120]}”, without isError", 0.9, _rows(call, facts)
        )
        yield _match(
            call,
            facts,
            backend,
            (clue,),
            {"error": told[:200], "whose": whose},
            cause=facts.topology.client if guilty == "caller" else backend,
        )


@rule("R10")
def mistake_of_caller(facts: Facts) -> Iterator[Match]:
    for backend, call in _failed(facts):
        if at_fault(call, facts.tools.parameters(call)) != "caller":
            continue
        sent = ", ".join(sorted(call.arguments or {})) or "none"
        clues = [
            Clue(
                f"{call.tool} (arguments: {sent}) was answered with “{error_words(call)}”",
                0.6,
                _rows(call, facts),
            )
        ]
        if call.error_code == INVALID_PARAMS:
            clues.append(Clue("-32602 is the code for invalid arguments", 0.6))
        fine = facts.operations.well_answered(backend, call.tool)
        if fine is not None:
            clues.append(Clue(f"another call of {call.tool} was answered", 0.5, fine.rows[-1:]))
        words = {"error": error_words(call)}
        severity = _severity(call)
        if facts.operations.put_right(call):
            # A call that its schema forbids was wrong from the start; any other no was an answer to go by.
            severity = "warning" if call.tells("arguments.missing", "arguments.invalid") else "info"
        yield _match(call, facts, backend, clues, words, cause=facts.topology.client, severity=severity)


@rule("R09")
def defect_of_backend(facts: Facts) -> Iterator[Match]:
    yield from _broke_while_running(facts)
    yield from _refused_by_http(facts)
    for backend, call in _failed(facts):
        guilty = at_fault(call, facts.tools.parameters(call))
        if guilty == "caller" or answers_no(call):
            continue
        if call.status == "error" and call.reading.kind == "session.unknown":
            continue  # that is no failure of the tool
        weight = 0.7 if guilty == "server" else 0.45
        clues = [Clue(f"{call.tool} was answered with “{error_words(call)}”", weight, _rows(call, facts))]
        own = facts.incidents.complaints_during(call, backend)
        if says_nothing(call) and not own:
            continue
        if own:
            clues.append(logged(own[0], 0.5))
        fine = facts.operations.well_answered(backend)
        if fine is not None:
            clues.append(Clue(f"other calls to {backend} were answered", 0.2, fine.rows[-1:]))
        words = _words(error_words(call), call.reading.kind, backend, call.tool)
        over = may_pass(call) and facts.operations.succeeded_later(call)
        severity: Severity | None = "info" if over else _severity(call)
        yield _match(call, facts, backend, clues, words, severity=severity)


def _refused_by_http(facts: Facts) -> Iterator[Match]:
    """Calls that got an error of HTTP, from their server or from what stands before it, and no answer."""
    for call in facts.operations.numbered(facts.incidents.ended_by_http):
        if call.method != TOOL_CALL or call.callee is None:
            continue
        item = facts.incidents.ended_by_http[call.number]
        told = (
            f"HTTP {item.status}: {item.text[:160]}" if str(item.status) not in item.text else item.text[:160]
        )
        clues = (
            Clue(f"{item.component} logged {item.status} “{item.text[:160]}”", 0.7, (item.record,)),
            Clue(f"{call.tool} got no other answer", 0.3, call.rows),
        )
        kind = kinds().get(item.kind)
        guilty = kind is not None and kind.at_fault == "caller"
        cause = (call.caller if guilty else None) or call.callee
        passed = facts.operations.succeeded_later(call)
        numbers = facts.operations.operation_of(call).family
        yield Match(
            call.callee,
            cause,
            clues,
            call.tool,
            numbers,
            _words(told, item.kind, call.callee, call.tool)
            | {
                "broke": f"HTTP {item.status} came in the place of an answer to {call.tool}",
                "reached": f"{call.caller} sent {call.tool} to {call.callee}, and got no answer but this",
                "where": f"{call.callee}, or a proxy before it, refused the request.",
            },
            "info" if passed else None,
        )


def _words(error: str, kind: str, component: str, tool: str | None) -> dict[str, str]:
    """What the texts of a failed call say of its error: the words, what they mean, and what to do."""
    told = kinds().get(kind)
    meaning = f" By these words {told.phrase}." if told is not None and kind != "nothing" else ""
    remedy = told.fix.format(component=component) if told is not None and told.fix else ""
    return {
        "error": error,
        "meaning": meaning,
        "remedy": remedy or _LOOK.format(component=component),
        "broke": f"{component} broke while it ran {tool}",
        "reached": f"{tool} reached {component}, which failed inside",
        "where": f"The call arrived as it should; what went wrong happened in {component}, or in what it "
        "depends on.",
    }


def _broke_while_running(facts: Facts) -> Iterator[Match]:
    """One match for each call under which its server broke."""
    for crash in facts.crashes:
        call, told = crash.call, crash.exit.text[:160]
        clues = [
            Clue(f"{crash.exit.component} logged: {told}", 0.7, (crash.exit.record,)),
            Clue(f"{call.tool} was under way, and never answered by {crash.backend}", 0.4, call.rows),
        ]
        if crash.last_words is not None:
            record, line = crash.last_words
            clues.append(Clue(f"the last words of {crash.backend}: {line[:160]}", 0.6, (record,)))
            told = f"{told}: {line.strip()[:160]}"
        yield Match(
            crash.backend,
            crash.backend,
            clues,
            call.tool,
            crash.calls,
            _words(told, "process.crash", crash.backend, call.tool),
        )


@rule("F25")
def timed_out(facts: Facts) -> Iterator[Match]:
    for call, word in _given_up(facts):
        if call.number in facts.crashed:
            continue
        last = call.last
        backend = facts.operations.backend_of(last) or call.callee or facts.topology.relay
        late = word is not None and call.answered
        late = late or last.status == "answered" or "answer came after" in f"{call.note} {last.note}"
        clues = [Clue(f"{call.tool} was given up without an answer", 0.6, call.rows)]
        if word is not None:
            clues.append(logged(word, 0.5))
        if late:
            clues.append(Clue(f"{backend} finished it afterwards", 0.6, last.rows))
        end = call.ended if word is None else word.time
        waited = "" if end is None else f" after {(end - call.started).total_seconds():.0f} s"
        words = {"when": waited, "late": "answered too late" if late else "had not answered by then"}
        yield Match(backend, backend, clues, call.tool, call.family, words)


def _given_up(facts: Facts) -> Iterator[tuple[Call, Event | None]]:
    """The operations that somebody would wait no longer for, with the record that says so, if one does."""
    for call in facts.operations.roots.ended("timed_out", "error"):
        last = call.last
        # Whoever stands between may have given up, and told the first sender so, before the answer came.
        early = not last.answered
        if last.status == "answered" and last.ended is not None and call.ended is not None:
            early = last.ended > call.ended
        if call.status == "timed_out" or (early and call.tells("request.timeout")):
            yield call, None
    for call in facts.operations.numbered(facts.incidents.given_up):
        top, word = facts.operations.operation_of(call), facts.incidents.given_up[call.number]
        if call.method != TOOL_CALL or top.status not in {"answered", "tool_error", "lost", "pending"}:
            continue
        if call.ended is None or call.ended > word.time:  # else the answer left in time, and got lost
            yield top, word


@rule("R12")
def failed_somehow(facts: Facts) -> Iterator[Match]:
    for call in facts.operations.roots.ended("error", "tool_error", "lost"):
        if answers_no(call) or (call.status == "error" and call.reading.kind == "session.unknown"):
            continue
        missed = next(
            (facts.incidents.given_up[leg] for leg in call.family if leg in facts.incidents.given_up), None
        )
        if (
            call.status == "lost"
            and missed is None
            and (facts.operations.overtaken(call) or facts.operations.end_unlogged(call))
        ):
            continue  # only its end is missing from the log
        if not call.family.isdisjoint(facts.incidents.ended_by_http):
            continue  # HTTP tells of its end
        where = facts.operations.backend_of(call.last) or call.callee or facts.topology.relay
        # An error that no backend sent was made by the relay.
        own = call.status == "error" and call.last is not call and not call.last.answered
        error = f": “{error_words(call)}”" if call.error_text else ""
        clues = [Clue(call.note or f"its end is {call.status}", 0.4, call.rows)]
        if missed is not None:
            clues.append(logged(missed, 0.5))
            error = error or f": {missed.component} logged “{missed.text[:200]}”"
        words = {"status": call.status.replace("_", " "), "error": error}
        cause = (call.callee if own else None) or where
        severity: Severity | None = "info" if _mended(call, facts) else None
        yield Match(where, cause, clues, call.tool, call.family, words, severity)
    yield from _other_requests(facts)


def _other_requests(facts: Facts) -> Iterator[Match]:
    """Requests of something else than a tool that were refused; to ask for a list is a mere question."""
    asked = facts.operations.every.only(facts.operations.table.mask("method", *_USES))
    for call in asked.ended("error"):
        if not answers_no(call):
            clue = Clue(call.note or f"its end is {call.status}", 0.4, call.rows)
            words = {"tool": call.method, "status": "error", "error": f": “{error_words(call)}”"}
            yield Match(call.callee, call.callee, (clue,), None, call.family, words)


def _mended(call: Call, facts: Facts) -> bool:
    """Whether its caller, by what it was told, came to a result in the end."""
    if says_nothing(call):
        return False
    return facts.operations.put_right(call) or (may_pass(call) and facts.operations.succeeded_later(call))


def _failed(facts: Facts) -> Iterator[tuple[str, Call]]:
    """The calls that a backend answered with an error."""
    for backend, calls in facts.operations.by_backend.items():
        for call in calls.erred:
            yield backend, call


def _match(
    call: Call,
    facts: Facts,
    backend: str,
    clues: Sequence[Clue],
    words: Mapping[str, object],
    *,
    cause: str | None = None,
    severity: Severity | None = None,
) -> Match:
    numbers = facts.operations.operation_of(call).family
    return Match(backend, cause or backend, clues, call.tool, numbers, words, severity)


def _severity(call: Call) -> Severity | None:
    """A tool that says no with `isError` has answered; nothing is broken."""
    return "info" if answers_no(call) else None


def _rows(call: Call, facts: Facts) -> tuple[str, ...]:
    return facts.operations.operation_of(call).rows
