"""Rules about the first messages on a connection: whether the other end speaks MCP at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from godot_analysis.diagnosis.facts.absences import lacking_calls
from godot_analysis.diagnosis.facts.blame import INTERNAL_ERROR, INVALID_PARAMS
from godot_analysis.diagnosis.facts.call import HANDSHAKES, UNFINISHED
from godot_analysis.diagnosis.facts.connecting import broken_off, crash_clue, said_of
from godot_analysis.diagnosis.matches import Clue, Match, logged, rows_of
from godot_analysis.diagnosis.rules._absence import refused_clue
from godot_analysis.diagnosis.rules._registry import rule
from godot_analysis.diagnosis.wording import count
from godot_analysis.reading.classify import classify
from godot_analysis.reading.errors import leaves_model_without

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godot_analysis.diagnosis.facts import Arrival, Call, Facts
    from godot_analysis.reading.events import Event

_AROUND: Final = pd.Timedelta(seconds=2)
_ABILITIES: Final = "io.modelcontextprotocol/clientCapabilities"
_LOOKED_AT: Final = 10
_LONG: Final = pd.Timedelta(seconds=30)  # no answer to a list takes so long
_USES: Final = frozenset(
    {"tools", "resources", "prompts", "completions", "tasks", "extensions", "experimental"}
)
_OF_MESSAGES: Final = (
    "method.unknown",
    "message.malformed",
    "handshake.missing",
    "handshake.rejected",
    "version.unsupported",
    "stdout.polluted",
)


@rule("F19")
def not_confirmed(facts: Facts) -> Iterator[Match]:
    yield from _told_by_server(facts)
    for hand in facts.operations.handshakes:
        if hand.method != "initialize" or hand.status != "answered" or not hand.callee or not hand.caller:
            continue
        if hand.callee in facts.sessions.initialized or not facts.wire.verbatim(hand.callee, hand.caller):
            continue
        if facts.operations.well_answered(hand.callee) is not None or any(
            listing.time > hand.started and listing.tools
            for listing in reversed(facts.tools.lists_of(hand.callee))
        ):
            continue  # it answers requests, so nothing was missing
        refused = [
            (listing.text, listing.records) for listing in facts.tools.lists_of(hand.callee) if listing.failed
        ]
        refused += [
            (call.error_text, call.rows)
            for call in facts.operations.sent_to_backend(hand.callee).ended("error")
            if call.error_code == INVALID_PARAMS
        ]
        refused += [
            (item.text, (item.record,))
            for item in facts.incidents.complaints
            if item.component == hand.callee and item.tells("handshake.missing") and item.time >= hand.started
        ]
        if refused:
            clues = (
                Clue("initialize was answered and never confirmed", 0.6, hand.rows),
                Clue(f"what followed was answered with “{refused[0][0]}”", 0.6, refused[0][1]),
            )
            numbers = facts.operations.families(facts.operations.sent_to_backend(hand.callee))
            yield Match(hand.callee, hand.caller, clues, None, numbers, {"error": f", “{refused[0][0]}”,"})
        else:
            yield from _met_with_silence(hand, facts)


def _told_by_server(facts: Facts) -> Iterator[Match]:
    """Servers that say that requests came before the handshake was done, and answer none after that."""
    said: dict[str, list[Event]] = {}
    for item in facts.incidents.complaints:
        if item.tells("handshake.missing"):
            said.setdefault(item.component, []).append(item)
    for server, items in said.items():
        asked = facts.operations.requests.where("callee", server)
        good = asked.served.after(items[0].time)
        if server in facts.topology.roles.clients or good or facts.wire.stateless(server):
            continue  # who needs no handshake is F18
        clues = (
            logged(items[0], 0.7, rows_of(items)),
            Clue(f"it says so {count(len(items), 'time')}, and no request succeeds", 0.3),
        )
        words = {"error": f", “{items[0].text[:160]}”,"}
        refused = asked.ended("error").since(items[0].time - _AROUND)
        numbers = lacking_calls(facts, server) | facts.operations.families(refused)
        client = facts.topology.client if not refused else refused[0].caller or facts.topology.client
        yield Match(server, client, clues, None, numbers, words)


def _met_with_silence(hand: Call, facts: Facts) -> Iterator[Match]:
    """A handshake that its client did not confirm, and a server that answers nothing since."""
    server, client = hand.callee or "", hand.caller or ""
    if not facts.wire.verbatim(client):
        return  # it may have confirmed it, and not logged that
    since = facts.operations.every.where("callee", server).where("caller", client).after(hand.started)
    asked = [call for call in since if call.method not in HANDSHAKES]
    silent = [
        call
        for call in asked
        if call.status == "timed_out"
        or call.number in facts.incidents.given_up
        or (call.status in UNFINISHED and facts.log.end - call.started >= _LONG)
    ]
    if not silent or len(silent) < len(asked):
        return
    clues = (
        Clue(f"{client} sent no notifications/initialized after the answer to initialize", 0.6, hand.rows),
        Clue(f"{silent[0].method}, which followed, got no answer", 0.5, silent[0].rows),
    )
    numbers = facts.operations.families(silent)
    yield Match(
        server, client, clues, None, numbers | lacking_calls(facts, server), {"error": ", if there is one,"}
    )


@rule("F11")
def no_tools_declared(facts: Facts) -> Iterator[Match]:
    for arrival in facts.sessions.arrivals:
        declared = arrival.capabilities
        # An array is no MCP at all, and harmless where it occurs: only a proper declaration can lack
        # something.
        if arrival.failed or declared is None or "tools" in declared:
            continue
        asked = any(listing.time >= arrival.time for listing in facts.tools.lists_of(arrival.backend)[-1:])
        lacks = facts.lacks_of(arrival.backend)
        refused = [item for item in facts.tools.missed(arrival.backend) if item.time > arrival.time]
        if asked or facts.operations.well_answered(arrival.backend) is not None:
            continue
        words = {"asker": arrival.caller or facts.topology.relay}
        if not (lacks or refused):
            if said := _left_without(arrival, facts):
                clue = Clue("its answer declares no tools", 0.5, arrival.records)
                yield Match(arrival.backend, arrival.backend, (clue, *said), words=words, severity="warning")
                continue
            # A server may be there for something else, but not for nothing.
            others = any(item.server != arrival.backend for item in facts.tools.listings)
            if (
                others
                and not declared.keys() & _USES
                and facts.wire.verbatim(arrival.backend, arrival.caller or "")
            ):
                clue = Clue("its answer to initialize declares nothing that it serves", 0.55, arrival.records)
                yield Match(arrival.backend, arrival.backend, (clue,), words=words, severity="warning")
            continue
        clues = [
            Clue("its answer to initialize declares no tools", 0.6, arrival.records),
            Clue("no tools/list followed", 0.4),
        ]
        for item in lacks:
            clues += refused_clue(item, 0.4)
        first = (lacks or refused)[0]
        if not lacks:
            clues.append(Clue(f"{refused[0].by} refused {refused[0].tool}", 0.2, refused[0].records))
        yield Match(arrival.backend, arrival.backend, clues, first.tool, first.calls, words)


def _left_without(arrival: Arrival, facts: Facts) -> list[Clue]:
    """That the client minds: for want of a declaration the model gets no tools of the server."""
    return [
        logged(item, 0.5)
        for item in facts.incidents.complaints
        if item.time >= arrival.time
        and arrival.backend in item.said
        and item.component == (arrival.caller or facts.topology.client)
        and item.tells("tools.undeclared")
        and leaves_model_without(item.said)
    ][:1]


@rule("F18")
def no_fallback(facts: Facts) -> Iterator[Match]:
    discovers = facts.operations.handshakes.where("method", "server/discover")
    for call in discovers.ended("error", "lost", "timed_out", "pending"):
        if not call.callee or (call.status != "error" and not _not_of_itself(call, facts)):
            continue
        greeted = facts.operations.handshakes.where("method", "initialize").where("callee", call.callee)
        later = greeted.since(call.started)
        used = facts.operations.calls.ended("answered").where("callee", call.callee).after(call.started)
        if not later and not used:
            refused = call.status == "error"
            said = f"answered with “{call.error_text or 'an error'}”" if refused else "not answered"
            clues = (
                Clue(f"server/discover was {said}", 0.6, call.rows),
                Clue("no initialize followed on any connection to it", 0.5),
                *(() if refused else crash_clue(call, facts) or broken_off(call, facts)),
            )
            words = {
                "client": call.caller or "the client",
                "told": "answered" if refused else "did not answer",
                "request": "server/discover",
                "how": " with an error" if refused else "",
            }
            numbers = lacking_calls(facts, call.callee)
            yield Match(call.callee, call.caller or facts.topology.client, clues, calls=numbers, words=words)
    yield from _without_handshake(facts)


def _without_handshake(facts: Facts) -> Iterator[Match]:
    """Clients that need no handshake, at servers which say that they wait for one."""
    greeted = facts.operations.handshakes.counts("caller", "callee").keys()
    good = facts.operations.requests.served.counts("caller", "callee").keys()
    for caller, server in facts.operations.requests.failed.counts("caller", "callee"):
        if server is None or {(caller, server), (None, server)} & (greeted | good):
            continue
        asked = facts.operations.requests.failed.where("callee", server).where("caller", caller).by_time()
        told = [
            (call, text, record)
            for call in asked[:_LOOKED_AT]
            if facts.operations.version_of(call) is not None
            for text, record in _said_to(call, facts)
            if classify(text).tells("handshake.missing", "session.missing")
            or _refused_whole(call, text, facts)
        ]
        if not told:
            continue
        client = caller or facts.topology.client
        call, text, record = told[0]
        clues = (
            Clue(f"{call.method} was refused: {text[:160]}", 0.7, (record, *call.rows)),
            Clue(
                f"{client} names the protocol version {facts.operations.version_of(call)} in its request", 0.3
            ),
            Clue("no initialize was sent on any connection to it", 0.5),
        )
        numbers = lacking_calls(facts, server) | facts.operations.families(asked)
        words = {
            "client": client,
            "told": "answered" if call.answered else "refused",
            "request": call.method,
            "how": " with an error" if call.answered else "",
        }
        yield Match(server, client, clues, calls=numbers, words=words)


def _refused_whole(call: Call, text: str, facts: Facts) -> bool:
    """Whether parameters were called invalid that hold nothing but what the newer era asks for."""
    asked = facts.operations.asked(call)
    whole = set(asked) == {"_meta"} and _ABILITIES in asked["_meta"]
    return whole and call.error_code == INVALID_PARAMS and "version" not in text.lower()


def _said_to(call: Call, facts: Facts) -> Iterator[tuple[str, str]]:
    """What was said of a request that failed: in its answer, by HTTP, and by the server that got it."""
    if call.status == "error" and call.error_code != INTERNAL_ERROR:
        yield call.error_text, call.rows[-1]
    until = min(call.ended or call.started, call.started + _AROUND) + _AROUND
    for item in facts.incidents.failed_exchanges.get(call.callee, []):
        if call.started <= item.time <= until:
            yield item.text, item.record
    for word in facts.incidents.complaints:
        if word.component == call.callee and call.started <= word.time <= until:
            yield word.said, word.record


def _not_of_itself(call: Call, facts: Facts) -> bool:
    """Whether nothing but `server/discover` is seen to have kept a server from answering it."""
    broken = broken_off(call, facts) or said_of(
        call.caller or facts.topology.client, call.callee or "", call.started, facts
    )
    last_words = crash_clue(call, facts)
    if last_words:
        return any(classify(clue.text).tells(*_OF_MESSAGES) for clue in last_words)
    return bool(broken) or call.status != "pending"
