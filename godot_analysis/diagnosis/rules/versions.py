"""The rule about two ends that find no protocol version in common."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from godot_analysis.diagnosis.facts.absences import lacking_calls
from godot_analysis.diagnosis.matches import Clue, Match, logged
from godot_analysis.diagnosis.rules._registry import rule
from godot_analysis.reading.classify import classify
from godot_analysis.reading.errors import dates_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godot_analysis.diagnosis.facts import Call, Facts

_UNSUPPORTED_VERSION: Final = -32022  # since 2026-07-28


@rule("F17")
def version_rejected(facts: Facts) -> Iterator[Match]:
    yield from _refused_version(facts)
    yield from _refused_requests(facts)
    # Who cannot connect for a version says so of a server, or of the connection to it.
    said = facts.incidents.failures
    told = sorted((item for item in said if item.tells("version.unsupported")), key=lambda item: item.time)
    for arrival in facts.sessions.arrivals:
        later = facts.sessions.arrivals_at(arrival.backend)[-1]
        if arrival.failed and later.time > arrival.time and not later.failed:
            continue  # they have agreed in the end
        if arrival.failed and classify(arrival.text).tells("version.unsupported"):
            clue = Clue(f"initialize was answered with “{arrival.text}”", 0.85, arrival.records)
            numbers, words = lacking_calls(facts, arrival.backend), {"error": arrival.text}
            yield Match(arrival.backend, arrival.backend, (clue,), calls=numbers, words=words)
        answered = arrival.result.get("protocolVersion") if isinstance(arrival.result, dict) else None
        if arrival.failed or not isinstance(answered, str) or facts.tools.lists_of(arrival.backend):
            continue
        for item in told:
            if (
                item.time >= arrival.time
                and answered in item.said
                and item.server in {None, arrival.backend, item.component}
            ):
                clues = (
                    logged(item, 0.7),
                    Clue(f"{arrival.backend} had answered {answered}", 0.5, arrival.records),
                )
                numbers, words = lacking_calls(facts, arrival.backend), {"error": item.text[:160]}
                yield Match(arrival.backend, arrival.backend, clues, calls=numbers, words=words)
                break


def _refused_version(facts: Facts) -> Iterator[Match]:
    """Servers that refuse requests over HTTP for the protocol version that a header names."""
    for server, items in facts.incidents.failed_exchanges.items():
        told = [item for item in items if item.tells("version.unsupported")]
        if server is None or not told:
            continue
        if facts.operations.requests.answered.where("callee", server).after(told[-1].time):
            continue  # the client offered another one
        first = told[0]
        agreed = facts.operations.handshakes.where("callee", server).ended("answered")
        named = dates_in(f"{first.version or ''} {first.text}")[:1]
        broken = any(named == [_version_of(hand)] for hand in agreed)
        client = first.component if first.component != server else facts.topology.client
        clues = [Clue(f"{server} answered {first.status} “{first.text[:160]}”", 0.85, (first.record,))]
        if agreed:
            clues.append(Clue("the handshake had agreed on a version before", 0.3, agreed[0].rows))
        numbers, words = lacking_calls(facts, server), {"error": first.text[:160]}
        cause = client if agreed and not broken else server  # a server may not refuse what it agreed to
        yield Match(server, cause, clues, calls=numbers, words=words)


def _refused_requests(facts: Facts) -> Iterator[Match]:
    """Servers that refuse requests which name their version themselves, and whose client tries no other."""
    told = [*facts.operations.requests.leaves.where("error_code", str(_UNSUPPORTED_VERSION))]
    told += [call for call in facts.operations.setups.ended("error") if call.tells("version.unsupported")]
    refused: dict[tuple[str, str | None], list[Call]] = defaultdict(list)
    for call in told:
        if call.callee is not None and call.method not in {"initialize", "server/discover"}:
            refused[call.callee, call.caller].append(call)
    for (server, client), calls in refused.items():
        good = facts.operations.requests.served.where("callee", server)
        last = max(calls, key=lambda call: call.started)
        if good.where("caller", client, None).after(last.started):
            continue  # they have agreed in the end
        error = last.error_text or "unsupported protocol version"
        clue = Clue(f"{last.method} was answered with “{error}”", 0.85, last.rows)
        numbers = lacking_calls(facts, server) | facts.operations.families(calls)
        yield Match(server, server, (clue,), calls=numbers, words={"error": error})


def _version_of(hand: Call) -> object:
    """The version that a server agreed to."""
    return hand.result.get("protocolVersion") if isinstance(hand.result, dict) else None
