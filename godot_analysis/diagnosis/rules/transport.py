"""Rules about HTTP around the messages: addresses, sessions, headers."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from godot_analysis.diagnosis.facts.blame import error_words
from godot_analysis.diagnosis.facts.call import HANDSHAKES, TOOL_CALL, UNFINISHED
from godot_analysis.diagnosis.matches import Clue, Match, logged, only_tool, rows_of
from godot_analysis.diagnosis.rules._http import (
    CLOSE,
    client_of,
    failed_exchanges,
    failed_since,
    open_calls,
    refused_sessions,
    unserved,
)
from godot_analysis.diagnosis.rules._registry import rule
from godot_analysis.diagnosis.wording import count, listed
from godot_analysis.reading.errors import refused_header

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from godot_analysis.diagnosis.facts import Call, Facts
    from godot_analysis.diagnosis.findings import Severity
    from godot_analysis.reading.events import Event

_SESSION: Final = "mcp-session-id"
_REFUSED: Final = range(400, 500)
_NOT_FOUND: Final = 404
_REDIRECTS: Final = frozenset({301, 302, 307, 308})
_ELSEWHERE: Final = frozenset({404, 405, *_REDIRECTS})
_MISDIRECTED: Final = 421
_FORBIDDEN: Final = 403
_HEADER_MISMATCH: Final = -32020


@rule("F26")
def stale_session(facts: Facts) -> Iterator[Match]:
    yield from _told_in_errors(facts)
    for server, refused in failed_exchanges(facts):
        failed = refused_sessions(refused)
        if server is None or not failed:
            continue
        healed = facts.operations.requests.answered.where("callee", server).after(failed[-1].time)
        if not healed and (unnamed := _without_session(server, failed, facts)):
            yield _session_not_sent(server, unnamed, facts)
            continue
        named = [item for item in failed if _SESSION in item.headers or "session" in item.text.lower()]
        first = (named or failed)[0]
        starts = [
            start
            for start in facts.events.of("start")
            if start.component == server and start.time <= first.time
        ]
        worked = facts.operations.setups.answered.where("callee", server).before(first.time)
        restarted = [start for start in starts if worked and start.time > worked[0].started]
        again = bool(restarted) and bool(worked.after(restarted[-1].time))
        hit = failed_since(first, server, facts)
        if not worked or again or (healed and not _lost(hit, facts)) or not (named or restarted):
            continue
        client = first.component if first.component != server else worked[-1].caller or facts.topology.client
        clues = [
            Clue(f"{server} answered {first.status}: {first.text[:120]}", 0.5, rows_of(failed)),
        ]
        if not healed:
            clues.append(Clue(f"{client} sent no initialize after that", 0.4))
        if restarted:
            clues.append(Clue(f"{server} had been started anew", 0.5, (restarted[-1].record,)))
        if named:
            clues.append(Clue("the request names a session of before", 0.4, (named[0].record,)))
        numbers = facts.operations.families(hit)
        words = {
            # Both ends may have logged each of them.
            "number": count(Counter(item.component for item in failed).most_common(1)[0][1], "request"),
            "status": first.status,
            "client": client,
            "unusual": "",
        }
        cause = client
        if first.status != _NOT_FOUND:
            cause, words["unusual"] = server, f" Here it says {first.status}, which no client can know."
        severity: Severity | None = "warning" if healed else None
        variant = "renewed" if healed else "forgotten"
        yield Match(server, cause, clues, only_tool(hit), numbers, words, severity, variant)


def _told_in_errors(facts: Facts) -> Iterator[Match]:
    """Sessions that a server does not know, as it says in an answer of JSON-RPC or in another one."""
    errors = facts.operations.requests.ended("error").by_time()
    told = [call for call in errors if call.reading.kind == "session.unknown" and call.callee]
    by_http = {server for server, refused in failed_exchanges(facts) if refused_sessions(refused)}
    for item in facts.incidents.failures:
        if item.kind == "session.unknown" and item.server not in {None, item.component, *by_http}:
            call = facts.operations.under_way(item.component, item.time, failed=True)
            if call is not None and call.callee == item.server and call.status in UNFINISHED:
                told.append(replace(call, error_text=item.text))
    severity: Severity | None
    for server in sorted({call.callee for call in told if call.callee}):
        refused = [call for call in told if call.callee == server]
        first = refused[0]
        asked = facts.operations.sent_to(server)
        anew = facts.operations.handshakes.answered.where("callee", server).after(first.started)
        good = asked.served.after(first.started)
        kept = [call for call in good if call.session == first.session and call.method not in HANDSHAKES]
        client = first.caller or facts.topology.client
        clues = [
            Clue(
                f"{server} answered {count(len(refused), 'request')} with “{error_words(first)}”",
                0.7,
                tuple(row for call in refused[:10] for row in call.rows),
            )
        ]
        severity = "warning" if _lost(refused, facts) else "info"
        cause, variant = server, "renewed"
        if kept and not anew:
            clues.append(Clue("after that it answered others of the same session well", 0.6, kept[0].rows))
            variant, severity = "not_shared", None
        elif not (anew or good):
            clues.append(Clue(f"{client} sent no initialize after that", 0.4))
            cause, variant, severity = client, "forgotten", None
        words = {
            "number": count(len(refused), "request"),
            "status": f"“{error_words(first)}”",
            "client": server if variant == "not_shared" else client,
            "unusual": "",
        }
        numbers = facts.operations.families(refused)
        yield Match(server, cause, clues, only_tool(refused), numbers, words, severity, variant)


def _lost(refused: Iterable[Call], facts: Facts) -> bool:
    """Whether a call failed for it and was not made again, even where the client began a session anew."""
    return any(call.method == TOOL_CALL and not facts.operations.succeeded_later(call) for call in refused)


@rule("F28")
def host_refused(facts: Facts) -> Iterator[Match]:
    for server, items in unserved(facts):
        guarded = [
            item
            for item in items
            if item.status == _MISDIRECTED or (item.status == _FORBIDDEN and item.tells("host.refused"))
        ]
        if not guarded:
            continue
        first = guarded[0]
        host = first.headers.get("origin") or first.headers.get("host") or urlsplit(first.url or "").netloc
        clue = Clue(f"{first.component} logged {first.status} “{first.text[:120]}”", 0.9, rows_of(guarded))
        words = {"status": first.status, "path": first.path, "host": host or "the name that clients use"}
        yield Match(server, server, (clue,), None, open_calls(server, first, facts), words)
    yield from _guarding(facts)


def _guarding(facts: Facts) -> Iterator[Match]:
    """Servers that say themselves whom they refuse for a header, where nobody else logs."""
    for item in facts.incidents.complaints:
        told = item.tells("host.refused")
        asks = facts.operations.requests.where("caller", item.component)
        if not told or asks or facts.operations.requests.answered.where("callee", item.component):
            continue
        near = [
            other
            for other in facts.events.of("http")
            if other.component == item.component
            and other.status in {_FORBIDDEN, _MISDIRECTED}
            and abs(other.time - item.time) <= CLOSE
            and facts.incidents.server_of(other) in {None, item.component}
        ]
        if near:
            clue = logged(item, 0.9, (item.record, *rows_of(near)))
            words = {
                "status": near[0].status,
                "path": near[0].path,
                "host": refused_header(item.said) or "the name that clients use",
            }
            yield Match(item.component, item.component, (clue,), words=words)


@rule("F27")
def wrong_address(facts: Facts) -> Iterator[Match]:
    for server, items in unserved(facts):
        led = [item for item in items if not (item.status in _REDIRECTS and _followed(item, facts))]
        wrong = [item for item in led if item.status in _ELSEWHERE and item.verb in {"POST", None}]
        if not wrong or any(item.tells("session.unknown") for item in wrong):
            continue  # a server that speaks of sessions stands there
        first, last = wrong[0], wrong[-1]
        why = {404: "there is nothing at this path", 405: "this is another transport"}.get(
            last.status, "it is somewhere else, perhaps a slash away"
        )
        clues = (
            Clue(f"{first.component} logged {last.status} “{last.text[:120]}”", 0.7, rows_of(wrong)),
            Clue("no handshake with it succeeded", 0.5),
        )
        # Of both ends that may have logged it, a server often knows no more than the path.
        url = next((item.url for item in reversed(wrong) if item.url), "its address")
        words = {"url": url, "status": last.status, "why": why}
        told = next((item for item in wrong if item.component != server), first)
        client = client_of(server, told, facts)
        yield Match(server, client, clues, None, open_calls(server, first, facts), words)


def _followed(item: Event, facts: Facts) -> bool:
    """Whether a redirect leads to an answer: the same address, perhaps with a slash, was answered well."""
    return any(
        other.status < min(_REDIRECTS) and _address(other) == _address(item)
        for other in facts.events.of("http")
    )


def _address(item: Event) -> tuple[str, str | None, str, str]:
    return item.component, item.server, urlsplit(item.url or "").netloc, item.path.rstrip("/")


@rule("F34")
def headers_differ(facts: Facts) -> Iterator[Match]:
    told = [
        call
        for requests in (facts.operations.calls, facts.operations.setups)
        for call in requests.leaves.where("error_code", str(_HEADER_MISMATCH))
    ]
    for call in told:
        if call.callee is None:
            continue
        near = [
            item
            for item in facts.events.of("http")
            if abs(item.time - call.started) <= CLOSE and _differing(item, call)
        ]
        clues = [Clue(f"{call.callee} answered -32020 “{call.error_text[:160]}”", 0.85, call.rows)]
        which = ""
        if near:
            which = f" The request of {call.method} went out with {listed(_differing(near[0], call))}."
            clues.append(Clue("the headers logged are of another message", 0.5, (near[0].record,)))
        words = {
            "request": call.tool or call.method,
            "status": _HEADER_MISMATCH,
            "error": call.error_text or "a header differs from the body",
            "which": which,
        }
        numbers = facts.operations.operation_of(call).family
        yield Match(call.callee, call.caller or facts.topology.client, clues, call.tool, numbers, words)


def _without_session(server: str, failed: list[Event], facts: Facts) -> list[Event]:
    """The requests after an `initialize` that were refused because they name no session."""
    greeted = (
        facts.operations.handshakes.where("method", "initialize")
        .where("callee", server)
        .before(failed[0].time)
    )
    if not greeted or any(item.component == server and _SESSION in item.headers for item in failed):
        return []
    return [item for item in failed if item.tells("session.missing")]


def _session_not_sent(server: str, failed: list[Event], facts: Facts) -> Match:
    first = failed[0]
    client = client_of(server, first, facts)
    clues = (
        Clue(f"{server} answered {first.status}: {first.text[:120]}", 0.7, rows_of(failed)),
        Clue(f"{client} had sent initialize, and goes on without the id of a session", 0.5),
    )
    words = {"number": count(len(failed), "request"), "status": first.status, "client": client}
    hit = failed_since(first, server, facts)
    numbers = facts.operations.families(hit)
    return Match(server, client, clues, only_tool(hit), numbers, words, variant="not_sent")


def _differing(item: Event, call: Call) -> list[str]:
    """The headers of an exchange that say something else than the message."""
    told = {"mcp-method": call.method, "mcp-name": call.tool}
    return [
        f"{name}: {item.headers[name]}"
        for name, value in told.items()
        if name in item.headers and value is not None and item.headers[name] != value
    ]
