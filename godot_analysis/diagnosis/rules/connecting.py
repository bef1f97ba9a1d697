"""The rule about servers that a client tried to connect to, and never could: whose fault the log shows."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from godot_analysis.diagnosis.facts import broken_off, connected_later, crash_clue, lacking_calls, said_of
from godot_analysis.diagnosis.matches import Clue, Match
from godot_analysis.diagnosis.rules._registry import rule
from godot_analysis.diagnosis.rules._texts import INVALID_PARAMS
from godot_analysis.diagnosis.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godot_analysis.diagnosis.facts import Calls, Complaint, Facts, HttpExchange, Trouble

__all__: list[str] = []

_REFUSED: Final = 400  # the first status that is an error
_BROKEN: Final = 500
_CREDENTIALS: Final = frozenset({401, 403, 407})
# How systems and their libraries say that there is no such program, or that it may not be run.
_NO_PROGRAM: Final = re.compile(
    r"\bspawn \S.{0,200}\bE(?:NOENT|ACCES|PERM|INVAL)\b|executable file not found"
    r"|is not recognized as an internal or external command"
    r"|\b(?:(?:start|spawn|launch)\w*|connect(?:ing)? to) .{0,200}(?:command not found|program not found"
    r"|no such file or directory|cannot find the file specified|\bENOENT\b)",
    re.IGNORECASE | re.DOTALL,
)
_CONNECTING: Final = re.compile(r"\bmcp\b|connect|initiali[sz]|handshake", re.IGNORECASE)
_GOOD: Final = ("answered", "tool_error")


@rule("R20")
def never_connected(facts: Facts) -> Iterator[Match]:
    tried = facts.operations.handshakes.counts("caller", "callee")
    good = facts.operations.requests.ended(*_GOOD).counts("caller", "callee").keys()
    for caller, server in tried:
        if server is None or {(caller, server), (None, server)} & good:
            continue
        if caller is None and any(callee == server for _, callee in good):
            continue
        hands = facts.operations.handshakes.where("callee", server).where("caller", caller)
        yield from _failing(caller or facts.topology.client, server, hands, facts)
    for server, items in facts.incidents.failed_exchanges.items():
        said = [item for item in items if item.peer is not None and _CONNECTING.search(item.body)]
        if server is None or any(callee == server for _, callee in tried) or facts.operations.sent_to(server):
            continue
        refused = _refused(said, {said[0].component} if said else set())
        if refused and not connected_later(refused[0].component, server, refused[-1].time, facts):
            yield _by_http(refused[0].component, server, refused, facts)
    yield from _not_started({server for _, server in tried}, facts)


def _not_started(tried: set[str | None], facts: Facts) -> Iterator[Match]:
    """Servers whose process could not even be started, as their client says, and that nobody ever reached."""
    said: list[Complaint | Trouble] = [*facts.events.complaints, *facts.incidents.troubles]
    failed: dict[tuple[str, str], list[Complaint | Trouble]] = defaultdict(list)
    for item in sorted(said, key=lambda item: item.time):
        if item.backend and item.tool is None and _NO_PROGRAM.search(item.said):
            failed[item.component, item.backend].append(item)
    for (client, server), items in failed.items():
        last = items[-1]
        offered = any(server in name for offer in facts.events.offers for name in offer.names or ())
        reached = server in tried or facts.operations.sent_to(server) or offered or client == server
        if reached or connected_later(client, server, facts.log.start, facts):
            continue
        rows = tuple(item.record for item in items)
        clues = (
            Clue(f"{client} logged: {last.text[:160]}", 0.7, rows),
            Clue(f"nobody ever sent {server} a message", 0.4),
        )
        words = {
            "client": client,
            "what": f"could not start it: {last.text[:160]}",
            "remedy": f"Install the program that {client} starts {server} with, or name it by its full path "
            f"in the settings of {client}.",
        }
        yield Match(server, server, clues, None, lacking_calls(facts, server), words)


def _failing(client: str, server: str, hands: Calls, facts: Facts) -> Iterator[Match]:
    """What the log shows of why these handshakes failed, the plainest sign first."""
    refused = _refused(facts.incidents.failed_exchanges.get(server, []), {client, server})
    last, first = hands[-1], hands[0]
    numbers = lacking_calls(facts, server)
    if refused and refused[-1].time >= first.started:
        yield _by_http(client, server, refused, facts)
    elif told := hands.ended("error"):
        error = told[-1]
        text = error.error_text or "an error"
        cause = client if error.error_code == INVALID_PARAMS else server
        clues = (Clue(f"{error.method} was answered with “{text[:160]}”", 0.8, error.rows),)
        words = {
            "client": client,
            "what": f"{server} answered {error.method} with “{text[:160]}”",
            "remedy": f"Remove what {cause} is refused or fails for: “{text[:160]}”",
        }
        yield Match(server, cause, clues, None, numbers, words)
    elif (
        not facts.operations.sent_to(server).after(first.started).where("method", "tools/call", "tools/list")
    ):
        # What was asked later shows that an answer came, even if no record tells of it.
        ends, crash = broken_off(last, facts), crash_clue(last, facts)
        complaints = said_of(client, server, last.started, facts)
        if (ends or complaints) and server not in facts.sessions.initialized:
            behind = _stuck_itself(server, facts)
            unanswered = Clue(f"{last.method} was not answered", 0.3, last.rows)
            silence = (unanswered, *ends, *complaints, *crash, *behind)
            what = max((*crash, *ends, *complaints), key=lambda clue: clue.weight).text
            told_as = {
                "client": client,
                "what": f"got no answer: {what}",
                "remedy": f"Start {server} by hand as {client} does, see what it writes, and mend that.",
            }
            yield Match(server, server, silence, None, numbers, told_as)


def _stuck_itself(server: str, facts: Facts) -> list[Clue]:
    """The doubt whether a server that only connects to another one, and could not, is to blame itself."""
    tried = facts.operations.handshakes.where("caller", server)
    behind = {call.callee for call in tried if call.callee}
    if not behind or facts.operations.requests.ended(*_GOOD).where("caller", server):
        return []
    return [Clue(f"but {server} itself could not connect to {listed(sorted(behind))}", -0.4, tried[0].rows)]


def _refused(items: list[HttpExchange], by: set[str]) -> list[HttpExchange]:
    """Those requests that HTTP itself refused; a GET is a probe that may fail."""
    return [
        item
        for item in items
        if item.status >= _REFUSED and item.verb in {"POST", None} and item.component in by
    ]


def _by_http(client: str, server: str, refused: list[HttpExchange], facts: Facts) -> Match:
    told = max(refused, key=lambda item: len(item.body))  # the other end may have logged no more than a line
    last = refused[-1]
    cause = server if last.status >= _BROKEN else client
    remedy = f"Change what {client} sends: the answer says what is wrong with it."
    if last.status >= _BROKEN:
        remedy = f"See why {server}, or the proxy before it, answers {last.status}: it may not be running."
    elif last.status in _CREDENTIALS:
        remedy = f"Give {client} credentials that are valid for {server}."
    clues = (
        Clue(
            f"{told.component} logged {told.status} “{told.body[:160]}”",
            0.7,
            tuple(x.record for x in refused),
        ),
        Clue("no handshake with it succeeded", 0.4),
    )
    words = {"client": client, "what": f"HTTP refused it with {last.status}", "remedy": remedy}
    return Match(server, cause, clues, None, lacking_calls(facts, server), words)
