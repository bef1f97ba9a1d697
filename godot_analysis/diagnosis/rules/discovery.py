"""Rules about tool lists: failed, empty, misread, incomplete, or out of date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from godot_analysis.diagnosis.facts.connecting import said_of
from godot_analysis.diagnosis.facts.timeline import grouped
from godot_analysis.diagnosis.matches import Clue, Match, calls_of
from godot_analysis.diagnosis.rules._absence import refused_clue
from godot_analysis.diagnosis.rules._registry import rule
from godot_analysis.diagnosis.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godot_analysis.diagnosis.facts import Facts, Listing
    from godot_analysis.diagnosis.findings import Severity
    from godot_analysis.reading.events import Event

_CLOCKS: Final = pd.Timedelta(seconds=2)  # no clocks that are used as they are differ by more
_LOOP: Final = 3
_REGISTERING: Final = pd.Timedelta(minutes=5)  # later than that, tools are added and not late


@rule("F12")
def too_early(facts: Facts) -> Iterator[Match]:
    for backend, lists in _by_server(facts).items():
        empty = [item for item in lists if item.count == 0 and not (item.cursor or item.next_cursor)]
        if not empty:
            continue
        full = [listing for listing in lists if listing.count and listing.time > empty[0].time]
        lacks = facts.lacks_of(backend)
        refused = [
            item
            for item in facts.tools.missed(backend)
            if full and empty[0].time < item.time < full[0].time and item.tool in (full[0].names or ())
        ]
        said = _registered_after(empty[-1], full, facts)
        if not (said or (full and (lacks or refused))):
            continue
        later = count((full[0].count if full else said[0].count) or 0, "tool")
        clues = [
            Clue("its tools/list was empty first", 0.6, empty[0].records),
            *(Clue(f"later it listed {later}", 0.6, item.records) for item in full[:1]),
            *(Clue(f"it logged after that: {item.text[:120]}", 0.4, (item.record,)) for item in said[:1]),
        ]
        for item in lacks:
            clues += refused_clue(item, 0.4)
        if refused and not lacks:
            clues.append(Clue(f"{refused[0].by} refused {refused[0].tool}", 0.4, refused[0].records))
        first = (lacks or refused or [None])[0]
        yield Match(
            backend,
            backend,
            clues,
            first.tool if first else None,
            first.calls if first else frozenset(),
            {"asker": empty[0].caller or facts.topology.relay, "later": later},
            "warning" if full and not first else None,
        )


def _left_with(empty: Listing, later: Listing, facts: Facts) -> bool:
    """Whether an empty list was all that its client had to go by, until others or a new session got more.

    A client may ask again of its own accord, unless the server has promised to tell it.
    """
    server = empty.server
    if not facts.wire.verbatim(server, *filter(None, [empty.caller])):
        return False
    hands = facts.sessions.arrivals_at(server)
    if later.caller != empty.caller or any(empty.time < one.time <= later.time for one in hands):
        return True
    able = [one.capabilities for one in hands if one.time <= empty.time and one.capabilities is not None]
    tools = able[-1].get("tools") if able else None
    return isinstance(tools, dict) and tools.get("listChanged") is True and not facts.wire.stateless(server)


def _registered_after(empty: Listing, full: list[Listing], facts: Facts) -> list[Event]:
    """Where one and the same process said that it got its tools after its empty list, and told nobody."""
    later = next((item for item in full if item.time > empty.time), None)
    until = facts.log.end if later is None else later.time
    if (later is None and full) or (later is not None and not _left_with(empty, later, facts)):
        return []
    server, messages, logs = empty.server, facts.flow.observed, facts.flow.logs
    told = messages[messages["method"] == "notifications/tools/list_changed"]
    told = told[(told["sender"] == server) & (told["time"] > empty.time)]
    anew = [
        item.time
        for item in (*facts.events.of("start"), *facts.events.of("exit"))
        if item.component == server
    ]
    if len(told) or any(empty.time < time <= until for time in anew):
        return []
    own = logs[logs["component"] == server]
    writers = own.loc[own["id"].isin(empty.records), "instance"].dropna()
    others = frozenset(own.loc[~own["instance"].isin(writers), "id"]) if len(writers) else frozenset()
    return [
        item
        for item in facts.events.of("tools registered")
        if item.component == server
        and item.count
        and empty.time < item.time <= min(until, empty.time + _REGISTERING)
        and item.record not in others
    ]


@rule("R03")
def no_list(facts: Facts) -> Iterator[Match]:
    for backend, lists in _by_server(facts).items():
        lacks = facts.lacks_of(backend)
        usable = [listing for listing in lists if _usable(listing)]
        for listing in lists:
            what = _fault(listing, backend, facts)
            recovered = bool(usable) and usable[-1].time > listing.time
            if what is None or (recovered and not lacks):
                continue
            if listing.unanswered and not (lacks or facts.operations.by_backend.get(backend) is None):
                continue
            if facts.sessions.served_in(backend, facts.sessions.incarnation_at(listing.time)) and not lacks:
                continue
            clues = [Clue(f"its tools/list {what}", 0.7, listing.records)]
            clues += [
                Clue(f"it logged “{c.text[:120]}”", 0.5, (c.record,))
                for c in facts.incidents.complaints
                if c.component == backend and c.method == "tools/list"
            ][:1]
            for item in lacks:
                clues += refused_clue(item, 0.6)
            numbers = calls_of(lacks)
            tool = lacks[0].tool if lacks else None
            yield Match(backend, backend, clues, tool, numbers, {"what": what})
            break


@rule("R13")
def misread(facts: Facts) -> Iterator[Match]:
    for item in facts.missing:
        # A list given after the lack was felt explains nothing.
        lists = [listing for listing in item.listings if item.first is None or listing.time <= item.first]
        if not item.reached or not any(_usable(listing) for listing in lists):
            continue
        last = next(listing for listing in reversed(lists) if _usable(listing))
        said = f"{count(last.count, 'tool')}" if last.count else "its tools"
        clues = [
            Clue(f"{item.backend} got {facts.topology.relay}'s handshake", 0.3, item.reached[-1].records),
            Clue(f"it listed {said} without an error", 0.5, last.records),
            *refused_clue(item, 0.6),
        ]
        yield Match(item.backend, facts.topology.relay, clues, item.tool, item.calls)
    yield from _serves_none(facts)


def _serves_none(facts: Facts) -> Iterator[Match]:
    """Relays whose list stays empty although they had got tools from a backend."""
    for relay in sorted(facts.topology.roles.relays):
        own = facts.tools.lists_of(relay)
        if not own or own[-1].names is None or own[-1].names or own[-1].next_cursor:
            continue
        for backend in sorted(facts.topology.roles.backends):
            lists = facts.tools.lists_of(backend)
            got = [one for one in lists if one.caller == relay and one.time < own[-1].time]
            if got and got[-1].names:
                listed_then = f"{backend} listed {count(len(got[-1].names), 'tool')} to {relay}"
                clues = (
                    Clue(listed_then, 0.5, got[-1].records),
                    Clue(f"the list of {relay} after that is empty", 0.6, own[-1].records),
                )
                yield Match(backend, relay, clues)


@rule("F14")
def next_page_not_read(facts: Facts) -> Iterator[Match]:
    for backend, lists in _by_server(facts).items():
        last = {listing.cursor: listing.time for listing in lists}
        for listing in lists:
            if listing.next_cursor is None:
                continue
            stays = listing.next_cursor == listing.cursor
            asked = [other for other in lists if other.cursor == listing.cursor] if stays else []
            if len(asked) >= _LOOP:
                rows = tuple(row for other in asked for row in other.records)
                text = f"{count(len(asked), 'answer')} to one cursor ended with that very cursor"
                words = {"lacking": "its cursor does not move on: the reader gets the same page for ever"}
                yield Match(backend, backend, (Clue(text, 0.85, rows),), words=words)
                break
            followed = last.get(listing.next_cursor)
            if followed is not None and followed >= listing.time:
                continue
            lacking = [
                refusal
                for refusal in facts.tools.refused
                if refusal.time > listing.time and refusal.tool not in (listing.names or ())
            ]
            clues = [Clue("its list ends with a nextCursor that no request followed", 0.8, listing.records)]
            if lacking:
                refused = lacking[0]
                clues.append(Clue(f"{refused.tool} was then refused as unknown", 0.4, refused.records))
            reader = listing.caller or facts.topology.relay
            tool = lacking[0].tool if lacking else None
            numbers = calls_of(lacking)
            beyond = f"{tool} is on a later page" if tool else "some tools are on a later page"
            words = {"lacking": f"{reader} did not ask for the rest: {beyond}"}
            severity: Severity | None = None if lacking else "warning"
            yield Match(backend, reader, clues, tool, numbers, words, severity)
            break


@rule("B10")
def list_change_missed(facts: Facts) -> Iterator[Match]:
    for refusal in facts.tools.refused_by_host:
        seen = facts.tools.relay_list(refusal.time)
        if seen is not None and refusal.tool in facts.tools.held(seen.server, refusal.time):
            continue
        # Relays of the older kind do not log the lists they give; then only the command tells of a change.
        last = facts.log.start if seen is None else seen.time
        routed = None if seen is None else facts.tools.backend_list(refusal.tool, refusal.time)
        fresh = routed if routed is not None and routed.time > last else None
        backend = facts.tools.owner_of(refusal)
        added = [
            command for command in facts.sessions.connect_commands(backend) if command.time <= refusal.time
        ]
        reached = any(
            added and one.time >= added[-1].time for one in facts.sessions.arrivals_at(backend or "")[-1:]
        )
        if fresh is None and not (added and added[-1].time > last and (seen is not None or reached)):
            continue
        heard = facts.sessions.list_changed_notifications
        told = any(last <= time <= refusal.time and ear == refusal.by for _, ear, time, _ in heard)
        link = "the second" if told else "the first"
        clues = [Clue(f"{refusal.by} refused {refusal.tool}", 0.5, refusal.records)]
        if seen is not None:
            clues.append(Clue("its last tools/list is older than the tool", 0.5, seen.records))
        if fresh is not None:
            clues.append(
                Clue(f"{fresh.server} listed it to {facts.topology.relay} after that", 0.5, fresh.records)
            )
        if added:
            clues.append(Clue(f"{backend} was added with {added[-1].call.tool}", 0.4, added[-1].call.rows))
        cause = refusal.by if told else facts.topology.relay
        words = {"client": refusal.by, "link": link}
        yield Match(backend, cause, clues, refusal.tool, refusal.calls, words)


@rule("R16")
def added_and_unused(facts: Facts) -> Iterator[Match]:
    for command in facts.topology.commands:
        if command.verb != "add" or command.name is None:
            continue
        arrived = [a for a in facts.sessions.arrivals if a.backend == command.name and a.time >= command.time]
        later = facts.operations.roots.after(command.time)
        used = any(facts.operations.backend_of(call.last) == command.name for call in later)
        refused = any(facts.tools.owners.of(item.tool) == command.name for item in facts.tools.refused)
        if arrived and later and not used and not refused:
            clue = Clue(
                f"{command.call.tool} succeeded, {count(len(later), 'call')} followed, none of them for it",
                0.4,
                (*command.call.rows, *arrived[0].records),
            )
            yield Match(command.name, facts.topology.relay, (clue,))


def _by_server(facts: Facts) -> dict[str, list[Listing]]:
    lists = facts.tools.listings
    return grouped((item.server, item) for item in lists if item.server not in facts.topology.roles.relays)


def _usable(listing: Listing) -> bool:
    return not listing.failed and listing.count != 0 and not listing.unanswered


def _fault(listing: Listing, backend: str, facts: Facts) -> str | None:
    hands = [one for one in facts.sessions.arrivals_at(backend) if one.time <= listing.time]
    if listing.failed and any(one.lacks_tools for one in hands[-1:]):
        return None  # it says that it has none, and was asked all the same
    if listing.failed:
        return f"failed: “{listing.text or 'an error'}”"
    if listing.count == 0:
        return "was empty"
    if listing.unanswered and (
        not _never_telling(backend, facts)
        or said_of(listing.caller or facts.topology.client, backend, listing.time, facts)
    ):
        return "was never answered"
    return None


def _never_telling(backend: str, facts: Facts) -> bool:
    """Whether the backend logs what it gets but not what it answers: a missing answer says nothing there."""
    return all(listing.failed or not listing.told for listing in facts.tools.lists_of(backend))
