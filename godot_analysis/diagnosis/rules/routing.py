"""Rules about tools that cannot be routed because the relay lacks their backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from godot_analysis.diagnosis.facts.addresses import known_before, listening, tried
from godot_analysis.diagnosis.matches import Clue, Match, rows_of
from godot_analysis.diagnosis.rules._absence import absence_clue, refused_clue
from godot_analysis.diagnosis.rules._registry import rule
from godot_analysis.diagnosis.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godot_analysis.diagnosis.facts import Facts, Missing

_SEVERAL: Final = 2


@rule("R04")
def removed_on_purpose(facts: Facts) -> Iterator[Match]:
    for item in facts.missing:
        removal = item.removed
        if removal is None or not item.refusals:
            continue
        clues = [
            Clue(
                f"{removal.call.tool} was called for {item.backend} and nothing added it again",
                0.85,
                removal.call.rows,
            ),
            *refused_clue(item, 0.6),
        ]
        readd = (removal.call.tool or "").replace("remove", "add") or "add server"
        words = {"command": removal.call.tool, "readd": readd}
        yield Match(item.backend, facts.topology.client, clues, item.tool, item.calls, words)


@rule("R02")
def came_late(facts: Facts) -> Iterator[Match]:
    for item in facts.missing:
        if item.reached or item.incarnation.burst_end is None:
            continue
        clues = []
        asked = [command.time for command in item.commands if command.verb in {"add", "reconnect"}]
        for start in item.late_starts[:1]:
            if any(time > start.time for time in asked) and not item.arrivals:
                continue  # it was there when the relay was told to connect: the address is wrong
            after = (start.time - item.incarnation.burst_end).total_seconds()
            if after <= _clocks_apart(facts):
                continue  # nothing was exchanged with it, so nobody knows what its clock shows
            clues.append(
                Clue(
                    f"{item.backend} started {after:.1f} s after {facts.topology.relay} had connected",
                    0.75,
                    (start.record,),
                )
            )
        again = [command for command in item.commands if command.verb == "reconnect"]
        later = [arrival for arrival in item.arrivals if again and arrival.time >= again[0].time]
        if later and item.refusals:
            rows = (*again[0].call.rows, *later[0].records)
            clues.append(Clue("a reconnect with the same address reached it later", 0.7, rows))
        if clues:
            clues += refused_clue(item, 0.5) + absence_clue(item, facts)
            yield Match(
                item.backend,
                facts.topology.relay,
                clues,
                item.tool,
                item.calls,
                severity=None if _wanted(item, facts) else "info",
            )


@rule("B29")
def not_persisted(facts: Facts) -> Iterator[Match]:
    for item in facts.missing:
        added = [command for command in item.commands_before if command.verb in {"add", "reconnect"}]
        taken = [command for command in item.commands_before if command.verb != "inspect"][-1:]
        if item.reached or item.incarnation.begin is None or (taken and taken[0].verb == "remove"):
            continue
        worked = item.served_before[-1:]
        at_start = any(
            item.backend in other.burst
            for other in facts.sessions.incarnations
            if other is not item.incarnation
        )
        if not (worked or item.arrived_before) or (at_start and not added):
            continue
        clues = refused_clue(item, 0.6) + absence_clue(item, facts)
        if worked:
            clues.append(Clue(f"{worked[0].tool} was answered by it before", 0.5, worked[0].rows))
        elif item.arrived_before:
            clues.append(Clue("it had been connected before", 0.3, item.arrived_before[-1].records))
        clues.append(
            Clue(
                f"{facts.topology.relay} was restarted in between: fresh handshakes at all others",
                0.3,
                item.incarnation.records,
            )
        )
        if added:
            clues.append(
                Clue(
                    f"the route had been made at run time with {added[-1].call.tool}",
                    0.5,
                    added[-1].call.rows,
                )
            )
        place = known_before(item, facts)
        words = {"where": f" ({place.where})" if place else ""}
        yield Match(item.backend, facts.topology.relay, clues, item.tool, item.calls, words)


@rule("B13")
def never_reached(facts: Facts) -> Iterator[Match]:
    if not facts.topology.roles.relays:
        return  # there is no relay in this log
    for item in facts.missing:
        if item.reached or (item.late_starts and not _wanted(item, facts)):
            continue
        clues = refused_clue(item, 0.75) + absence_clue(item, facts) + _attempts(item, facts)
        if not clues:
            continue
        clues += _before(item, facts)
        if item.visitors:
            clues.append(Clue("somebody else connected to it without trouble", 0.2, item.visitors[0].records))
        named = item.backend in facts.topology.components or any(
            facts.tools.owners.of(tool) for tool in item.tools
        )
        if len(item.refusals) == 1 and not named:
            clues.append(Clue("only one call asked for it, and nothing else in the log names it", -0.25))
        words = _addresses(item, facts)
        yield Match(item.backend, facts.topology.relay, clues, item.tool, item.calls, words)


@rule("R14")
def unknown_neighbour(facts: Facts) -> Iterator[Match]:
    incarnation, visits = facts.sessions.incarnations[-1], facts.sessions.connections_without_handshake
    # One greeted backend says nothing of others, and a missing one that has a name is told of by that name.
    if len(incarnation.burst) < _SEVERAL or not visits or facts.missing:
        return
    host, first = visits[0].component, visits[0]
    # Whoever may have been at work before the visit may be the visitor, and so may a backend that never logs.
    suspects = set(facts.topology.components) - facts.topology.roles.clients - {host}
    if any(not _born_after(name, first.time, facts) for name in suspects) or facts.topology.unlogged_backends:
        return
    greeted = (
        f"{facts.topology.relay} greeted {listed(sorted(incarnation.burst))}, "
        "and none of them was running yet"
    )
    clues = (
        Clue(f"a connection to {host} was opened by somebody who never greeted it", 0.2, (first.record,)),
        Clue(greeted, 0.2, incarnation.records),
    )
    words = {"host": host, "address": first.address or "no address logged"}
    yield Match(None, facts.topology.relay, clues, words=words)


def _clocks_apart(facts: Facts) -> float:
    """How many seconds the clocks of this system are known to differ by."""
    apart = facts.flow.clocks["offset_us"].abs().max()
    return 0.0 if pd.isna(apart) else float(apart) / 1_000_000


def _wanted(item: Missing, facts: Facts) -> bool:
    """Whether anybody asked for the backend: for its tools, for a connection to it, or for this diagnosis."""
    asked = item.refusals or item.commands or item.troubles or item.served_before or item.arrived_before
    return bool(asked) or item.backend in facts.topology.expected


def _born_after(name: str, time: pd.Timestamp, facts: Facts) -> bool:
    """Whether a component cannot have existed at `time`: it said later that it starts."""
    if name in facts.topology.roles.relays:
        return any(
            incarnation.begin is not None and incarnation.begin >= time
            for incarnation in facts.sessions.incarnations[:1]
        )
    starts = [start.time for start in facts.events.of("start") if start.component == name]
    began = facts.topology.components[name][0]
    return bool(starts) and starts[0] > time and starts[0] - began <= pd.Timedelta(seconds=1)


def _attempts(item: Missing, facts: Facts) -> list[Clue]:
    """What the log tells of attempts to connect to the backend."""
    clues = []
    refusing = [trouble for trouble in item.troubles if trouble.link in {"refused", "timeout", "late"}]
    if refusing:
        url = refusing[-1].url
        where = f" at {url}" if url and url not in refusing[-1].text else ""
        rows = rows_of(refusing)
        clues.append(
            Clue(f"{facts.topology.relay} could not connect{where}: {refusing[-1].text}", 0.75, rows)
        )
    tried = [call for call in facts.sessions.unanswered_handshakes if call.callee == item.backend]
    if tried:
        clues.append(Clue(f"{facts.topology.relay} sent initialize and got no answer", 0.5, tried[0].rows))
    added = [command for command in item.commands if command.verb in {"add", "reconnect"}]
    if added:
        where = f" with {added[-1].url}" if added[-1].url else ""
        then = "it was reached at once" if item.arrivals else "still no handshake arrived there"
        text = f"{added[-1].call.tool} was called for it{where}, and {then}"
        clues.append(Clue(text, 0.5, added[-1].call.rows))
    return clues


def _before(item: Missing, facts: Facts) -> list[Clue]:
    """That the relay had reached the backend until it was restarted, and where."""
    if not (item.served_before or item.arrived_before):
        return []
    place = known_before(item, facts)
    at = f" at {place.where}" if place else ""
    rows = place.records if place else ()
    if item.served_before:
        rows += item.served_before[-1].rows[:1]
    else:
        rows += item.arrived_before[-1].records[:1]
    clues = [Clue(f"{item.backend} was reached{at} before that restart", 0.3, rows)]
    if item.refusals:
        clues.append(
            Clue(
                f"{facts.topology.relay} greeted the others anew at {_clock(item)}",
                0.2,
                item.incarnation.records,
            )
        )
    return clues


def _addresses(item: Missing, facts: Facts) -> dict[str, str]:
    """The words about where the relay looks for the backend, where it was before, and where it listens."""
    before, looked, own = known_before(item, facts), tried(item), listening(item.backend, facts)
    restarted = bool(item.served_before or item.arrived_before)
    failed = looked is not None and any(trouble.record in looked.records for trouble in item.troubles)
    said, right = [], None
    if restarted:
        at = f", at {before.where}" if before else ""
        said.append(
            f"It reached {item.backend}{at}, until it was restarted at {_clock(item)}; what its "
            "configuration has told it since then does not lead there."
        )
        right = before
    if looked is not None:
        heard = f"{facts.topology.relay} tries {looked.where}" + (", where nobody answers" if failed else "")
        said.append(f"Here {heard}.")
    if own is not None and (looked is None or own.port != looked.port):
        said.append(f"{item.backend} itself says that it listens on {own.where}.")
        right = right or own
    if not restarted and not failed:
        said.append(
            "Most often its configuration names an address where nobody listens, as after a blue/green "
            f"switch to another port; or {item.backend} was down when {facts.topology.relay} connected."
        )
    instead = f" instead of {looked.where}" if looked is not None and right is not None else ""
    return {
        "reached": "has not reached" if restarted else "never reached",
        "since": " since its restart" if restarted else "",
        "since_when": f" since its restart at {_clock(item)}" if restarted else "",
        "ports": "".join(f" {sentence}" for sentence in said),
        "address": f" The log names {right.where}{instead}." if right else "",
    }


def _clock(item: Missing) -> str:
    return "an unknown time" if item.incarnation.begin is None else f"{item.incarnation.begin:%H:%M:%S}"
