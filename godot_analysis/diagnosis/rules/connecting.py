"""The rule about servers that a client tried to connect to, and never could: whose fault the log shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from godot_analysis.diagnosis.facts.absences import lacking_calls
from godot_analysis.diagnosis.facts.blame import INVALID_PARAMS
from godot_analysis.diagnosis.facts.connecting import broken_off, connected_later, crash_clue, said_of
from godot_analysis.diagnosis.facts.timeline import grouped
from godot_analysis.diagnosis.matches import Clue, Match, logged, rows_of
from godot_analysis.diagnosis.rules._registry import rule
from godot_analysis.reading.classify import UNKNOWN
from godot_analysis.reading.errors import WORD
from godot_analysis.reading.lexicon import kinds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godot_analysis.diagnosis.facts import Call, Calls, Facts
    from godot_analysis.reading.events import Event

_REFUSED: Final = 400  # the first status that is an error
_BROKEN: Final = 500
_CREDENTIALS: Final = frozenset({401, 403, 407})
_WORK: Final = ("tools/call", "tools/list")
_NO_START: Final = ("process.not_found", "process.start")
_NO_CONNECTION: Final = (
    "connect.refused",
    "connect.unresolved",
    "connect.unreachable",
    "connect.timeout",
    "connect.tls",
    "auth.refused",
    "auth.missing",
    "setting.missing",
    "auth.expired",
    "upstream.unavailable",
    "upstream.timeout",
    "handshake.rejected",
    "process.exit",
    "process.crash",
)
"""Why a host may say that it has no connection to a server."""
_VAGUE: Final = frozenset({UNKNOWN, "nothing", "connect.lost", "request.timeout"})
"""What says no more than that something went wrong with a server."""
_CONNECTING: Final = ("connect", "initiali", "handshake", "transport", "answer")
_CLOCKS: Final = pd.Timedelta(seconds=1)
_LONG: Final = pd.Timedelta(seconds=30)  # no server that starts takes longer, unless it is installed first
_PATIENCE: Final = pd.Timedelta(seconds=60)  # so long callers wait, where the log does not tell


@rule("R20")
def never_connected(facts: Facts) -> Iterator[Match]:
    tried = facts.operations.handshakes.counts("caller", "callee")
    for caller, server in tried:
        if server is not None:
            hands = facts.operations.handshakes.where("callee", server).where("caller", caller)
            yield from _failing(caller, server, hands, facts)
    for server, items in facts.incidents.failed_exchanges.items():
        said = [item for item in items if item.server is not None and _is_about_mcp(item)]
        if server is None or any(callee == server for _, callee in tried) or facts.operations.sent_to(server):
            continue
        refused = _refused(said, {said[0].component} if said else set())
        if refused and not connected_later(refused[0].component, server, refused[-1].time, facts):
            yield _by_http(refused[0].component, server, refused, facts)
    yield from _not_started({server for _, server in tried}, facts)


def _is_connecting(item: Event) -> bool:
    """Whether a record is about the start of a connection."""
    return any(word.startswith((*_CONNECTING, "start")) for word in WORD.findall(item.said.lower()))


def _is_about_mcp(item: Event) -> bool:
    """Whether a request of HTTP has to do with MCP, as far as its record says."""
    text = f"{item.url or ''} {item.text}".lower()
    return "mcp" in text or any(word.startswith(_CONNECTING) for word in WORD.findall(text))


def _not_started(tried: set[str | None], facts: Facts) -> Iterator[Match]:
    """Servers that could not be started or connected to, as their client says, and nobody ever reached."""
    failed = grouped(
        ((item.component, server), item)
        for item in facts.incidents.failures
        if item.tool is None and (server := _not_reached(item, facts)) is not None
    )
    for (client, server), items in failed.items():
        last = next((item for item in items if item.tells(*_NO_START)), items[-1])
        offered = any(
            server in name for offer in facts.events.of("tools offered") for name in offer.names or ()
        )
        if server in tried or facts.operations.sent_to(server) or offered:
            continue
        if connected_later(client, server, facts.log.start, facts):
            continue
        if last.kind in _VAGUE and not _is_connecting(last) and not facts.incidents.spoken_of(server):
            continue  # it may be the name of anything
        clues = (logged(last, 0.7, rows_of(items)), Clue(f"nobody ever sent {server} a message", 0.4))
        kind = kinds().get(last.kind)
        remedy = (
            kind.fix.format(component=server) if kind else ""
        ) or f"Start {server} by hand as {client} does, and see what it writes."
        if last.tells("process.not_found"):
            remedy = (
                f"Install the program that {client} starts {server} with, or name it by its full path in the "
                f"settings of {client}."
            )
        words = {
            "client": client if client != server else "its host",
            "why": kind.phrase if kind else "it says so",
            "what": f"logged “{last.text[:160]}”",
            "remedy": remedy,
        }
        yield Match(server, server, clues, None, lacking_calls(facts, server), words)


def _not_reached(item: Event, facts: Facts) -> str | None:
    """The server that a host says it could not start or reach; the component itself where it names none."""
    participants = facts.topology.participants
    if item.tells(*_NO_START):
        if item.server or item.component in participants:
            return item.server
        return item.component
    # Where there is no relay, a host that could not reach a server tells of it itself.
    between = facts.topology.roles.relays - facts.topology.roles.hosts
    direct = not (between and facts.operations.every.where("callee", *between))
    about = _is_about_mcp(item) or facts.incidents.spoken_of(item.server or "")
    told = item.tells(*_NO_CONNECTION) and about
    vague = item.kind in _VAGUE and (item.level == "ERROR" or _is_connecting(item))
    wants = (told or vague) and item.server not in participants
    return (
        item.server
        if direct and wants and item.component not in {item.server, *facts.topology.backends}
        else None
    )


def _failing(caller: str | None, server: str, hands: Calls, facts: Facts) -> Iterator[Match]:
    """What the log shows of why these handshakes failed, the plainest sign first."""
    client = caller or facts.topology.client
    first, last = hands[0], hands[-1]
    asked = facts.operations.sent_to(server).where("caller", caller, None)
    worked = asked.served.after(last.started - _CLOCKS)
    numbers = lacking_calls(facts, server)
    rejected = _rejected(client, server, hands, facts)
    if rejected is not None and not worked.where("method", *_WORK):
        clue = logged(rejected, 0.7)
        words = {
            "client": client,
            "why": "it does not accept the answer to the handshake",
            "what": f"{client} did not accept its answer to initialize: “{rejected.text[:160]}”",
            "remedy": f"Make {client} accept what the protocol allows, or correct what the message names.",
        }
        yield Match(
            server, client, (clue, Clue("initialize was answered", 0.3, last.rows)), None, numbers, words
        )
        return
    if worked or (last.answered and last.status != "error"):
        return
    ever = asked.served
    refused = _refused(facts.incidents.failed_exchanges.get(server, []), {client, server})
    if told := hands.ended("error"):
        error = told[-1]
        if not ever and refused and refused[-1].time >= first.started and error.started < refused[-1].time:
            yield _by_http(client, server, refused, facts)
            return
        yield _answered_with_error(client, server, error, numbers)
    elif refused and refused[-1].time >= first.started and not ever:
        yield _by_http(client, server, refused, facts)
    elif not asked.after(first.started).where("method", *_WORK):
        # What was asked later shows that an answer came, even if no record tells of it.
        yield from _unanswered(client, server, last, facts)


def _rejected(client: str, server: str, hands: Calls, facts: Facts) -> Event | None:
    """What a client says of an answer to its handshake that it does not accept."""
    answered = hands.ended("answered")
    if not answered:
        return None
    return next(
        (
            item
            for item in facts.incidents.failures
            if item.component == client
            and item.tells("handshake.rejected")
            and item.time >= answered[-1].started
            and (item.server in {None, server})
        ),
        None,
    )


def _answered_with_error(client: str, server: str, error: Call, numbers: frozenset[int]) -> Match:
    text = error.error_text or "an error"
    again = error.tells("handshake.repeated")
    cause = (
        client if again or error.error_code == INVALID_PARAMS or error.tells("handshake.missing") else server
    )
    clues = (Clue(f"{error.method} was answered with “{text[:160]}”", 0.8, error.rows),)
    words = {
        "client": client,
        "why": "it initializes its session a second time" if again else "no handshake succeeds",
        "what": f"{server} answered {error.method} with “{text[:160]}”",
        "remedy": f"Make {client} initialize each session once."
        if again
        else f"Remove what {cause} is refused or fails for: “{text[:160]}”",
    }
    return Match(server, cause, clues, None, numbers, words)


def _unanswered(client: str, server: str, last: Call, facts: Facts) -> Iterator[Match]:
    """A handshake without an answer: broken off, given up, or simply never answered."""
    ends, crash = broken_off(last, facts), crash_clue(last, facts)
    complaints = said_of(client, server, last.started, facts)
    waited = (last.ended or facts.log.end) - last.started
    given_up = last.status in {"timed_out", "cancelled"} or last.number in facts.incidents.given_up
    long = waited > _LONG and not (facts.live and waited < _PATIENCE)
    if server in facts.sessions.initialized or not (ends or complaints or given_up or long or crash):
        return
    if client in facts.topology.roles.relays and not (ends or complaints or crash):
        return  # a relay that has no connection to its backend
    told = (*crash, *ends, *complaints)
    clues = [Clue(f"{last.method} was not answered", 0.3, last.rows), *ends, *complaints, *crash]
    what = f"{server} never answered {last.method}"
    if given_up:
        clues.append(Clue(f"{client} gave it up after {waited.total_seconds():.0f} s", 0.5, last.rows))
        what += f", which was given up after {waited.total_seconds():.0f} s"
    elif not told:
        clues.append(Clue(f"the log goes on for {waited.total_seconds():.0f} s", 0.4))
        what += f", though the log goes on for {waited.total_seconds():.0f} s"
    if told:
        what += f": {max(told, key=lambda clue: clue.weight).text}"
    words = {
        "client": client,
        "why": "the handshake is never answered",
        "what": what,
        "remedy": f"Start {server} by hand as {client} does, see what it writes, and mend that.",
    }
    yield Match(server, server, clues, None, lacking_calls(facts, server), words)


def _refused(items: list[Event], by: set[str]) -> list[Event]:
    """Those requests that HTTP itself refused; a GET is a probe that may fail."""
    return [
        item
        for item in items
        if item.status >= _REFUSED and item.verb in {"POST", None} and item.component in by
    ]


def _by_http(client: str, server: str, refused: list[Event], facts: Facts) -> Match:
    told = max(refused, key=lambda item: len(item.text))  # the other end may have logged no more than a line
    last = refused[-1]
    cause = server if last.status >= _BROKEN else client
    remedy = f"Change what {client} sends: the answer says what is wrong with it."
    if last.status >= _BROKEN:
        remedy = f"See why {server}, or the proxy before it, answers {last.status}: it may not be running."
    elif last.status in _CREDENTIALS:
        remedy = f"Give {client} credentials that are valid for {server}."
    clues = (
        Clue(f"{told.component} logged {told.status} “{told.text[:160]}”", 0.7, rows_of(refused)),
        Clue("no handshake with it succeeded", 0.4),
    )
    words = {
        "client": client,
        "why": "no handshake succeeds",
        "what": f"HTTP refused it with {last.status}",
        "remedy": remedy,
    }
    return Match(server, cause, clues, None, lacking_calls(facts, server), words)
