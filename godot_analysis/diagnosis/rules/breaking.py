"""The rule about connections that broke, or could not be made, while a call was under way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from godot_analysis.diagnosis.matches import Clue, Match, logged
from godot_analysis.diagnosis.rules._registry import rule
from godot_analysis.reading.classify import classify
from godot_analysis.reading.errors import address_in
from godot_analysis.reading.events import link_of
from godot_analysis.reading.names import mentions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godot_analysis.diagnosis.facts import Call, Facts

_LINK: Final = (
    "connect.refused",
    "connect.lost",
    "connect.unreachable",
    "connect.unresolved",
    "connect.timeout",
    "connect.tls",
)


@rule("R15")
def broke_under_the_call(facts: Facts) -> Iterator[Match]:
    relays = facts.topology.roles.relays
    for call in facts.operations.roots.ended("error", "tool_error", "lost", "pending"):
        backend = facts.operations.backend_of(call.last) if call.status != "tool_error" else None
        backend = backend or _unreached(call, facts)
        broken = facts.incidents.losses_under(call)
        died = facts.processes.exits_under(call)
        given_up = bool(died) or any(trouble.tool == call.tool for trouble in broken)
        if (
            (call.status == "pending" and not given_up)
            or backend is None
            or call.number in facts.crashed
            or not (broken or died or call.tells(*_LINK))
        ):
            continue
        if not (broken or died) and call.last is not call and call.last.answered:
            continue  # the backend answered, and speaks of a connection of its own
        last = call.last
        refused = link_of(last.reading.kinds) == "refused"
        if not died and refused and last.answered and last.callee == backend and backend not in relays:
            continue  # whoever answers is connected: it is another one that refused it
        rows = (*(trouble.record for trouble in broken), *call.rows)
        text = f"the error says “{call.error_text[:120]}”" if call.error_text else "the call was not answered"
        clues = [Clue(text, 0.6, rows)]
        if died:
            clues.append(logged(died[0], 0.6))
        if broken:
            clues.append(logged(broken[-1], 0.5))
        said = call.error_text or (broken[-1].text if broken else died[0].text if died else "")
        refused = link_of(classify(said).kinds) == "refused"
        place = address_in(said) if refused else None
        if place:
            clues.append(Clue(f"nobody listens at {place}", 0.4))
        words = {
            "error": said[:160] or "no reason given",
            "lost": "could not connect to" if refused else "lost its connection to",
            "where": f" (nobody listens at {place}: has it moved to another port?)" if place else "",
        }
        yield Match(backend, backend, clues, call.tool, call.family, words)


def _unreached(call: Call, facts: Facts) -> str | None:
    """The backend that a relay says it could not reach, where it passed a call on to nobody."""
    if call.legs or call.callee not in facts.topology.roles.relays or not call.tells(*_LINK):
        return None
    behind = facts.topology.backends - facts.topology.roles.relays
    named = [name for name in behind if mentions(call.error_text, name)]
    return named[0] if len(named) == 1 else None
