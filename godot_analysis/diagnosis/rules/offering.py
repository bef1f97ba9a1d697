"""Rules about what a host makes of the lists it got: limits, hidden tools, lists out of date."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Final

import pandas as pd

from godot_analysis.diagnosis.matches import Clue, Match, calls_of, logged, rows_of
from godot_analysis.diagnosis.rules._registry import rule
from godot_analysis.diagnosis.wording import count
from godot_analysis.reading.classify import classify
from godot_analysis.reading.errors import tool_limit
from godot_analysis.reading.names import mentions, plain_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godot_analysis.diagnosis.facts import Facts, Listing, Refused
    from godot_analysis.diagnosis.findings import Severity
    from godot_analysis.reading.events import Event

_PATIENCE: Final = pd.Timedelta(seconds=5)
_LISTEN: Final = "subscriptions/listen"


@rule("F15")
def cut_off_at_limit(facts: Facts) -> Iterator[Match]:
    for offer in facts.events.of("tools offered"):
        if offer.limit is None or offer.count is None or offer.count > offer.limit:
            continue
        latest = facts.tools.given_to(offer.component, offer.time)
        held = sum(len(facts.tools.held(server, offer.time, offer.component)) for server in latest)
        if held <= offer.limit:
            continue
        refused = _refused_since(offer.component, offer.time, facts)
        rows = tuple(row for item in latest.values() for row in item.records)
        text = f"it was given {count(held, 'tool')} and offered {offer.count} under a limit of {offer.limit}"
        clues = [Clue(text, 0.8, (offer.record, *rows))]
        clues += [Clue(f"{item.tool} was refused then", 0.5, item.records) for item in refused[:1]]
        lacking = refused[0].tool if refused else "the rest"
        words = {
            "client": offer.component,
            "limit": offer.limit,
            "held": count(held, "tool"),
            "so": f"and offers {offer.count}, its limit is {offer.limit}: {lacking} is cut off",
        }
        server = facts.tools.owner_of(refused[0]) if refused else None
        tool = refused[0].tool if refused else None
        calls = calls_of(refused)
        yield Match(server, offer.component, clues, tool, calls, words, None if refused else "warning")
        return
    yield from _request_refused(facts)


def _request_refused(facts: Facts) -> Iterator[Match]:
    """Who was told, or says, that these are too many tools."""
    for said in facts.declared.complaints:
        limit = tool_limit(said.text) if "limit.tools" in said.kinds else None
        if limit is None or said.component in facts.topology.roles.backends:
            continue
        latest = facts.tools.given_to(said.component, said.time)
        held = sum(len(facts.tools.held(server, said.time, said.component)) for server in latest)
        # Lists that the log does not show may be long enough.
        if latest and held <= limit:
            continue
        clues = [logged(said, 0.7)]
        if held:
            rows = tuple(row for item in latest.values() for row in item.records)
            clues.append(Clue(f"it was given {count(held, 'tool')}", 0.7, rows))
        failed = said.level == "ERROR"
        refused = _refused_since(said.component, said.time, facts)
        clues += [Clue(f"{item.tool} was refused then", 0.5, item.records) for item in refused[:1]]
        words = {
            "client": said.component,
            "limit": limit,
            "held": count(held, "tool") if held else "more",
            "so": f"and {limit} are allowed: "
            + ("the request was refused" if failed else "the rest is cut off"),
        }
        server, tool = (facts.tools.owner_of(refused[0]), refused[0].tool) if refused else (None, None)
        severity: Severity | None = None if failed or refused else "warning"
        yield Match(server, said.component, clues, tool, words=words, severity=severity)
        return


def _refused_since(client: str, time: pd.Timestamp, facts: Facts) -> list[Refused]:
    """The tools that a client was given and refused after a time."""
    return [
        item
        for item in facts.tools.refused_by_host
        if item.by == client
        and item.time >= time
        and any(
            item.tool in facts.tools.held(server, item.time) for server in facts.tools.given_to(client, time)
        )
    ]


@rule("F33")
def hidden_by_mode(facts: Facts) -> Iterator[Match]:
    for refusal in facts.tools.refused_by_host:
        seen = _seen(refusal, facts)
        if seen is None:
            continue
        remark, records = _hidden(refusal, seen, facts)
        if not remark:
            continue
        clues = (
            Clue(f"{refusal.by} refused {refusal.tool} ({remark})", 0.6, (*refusal.records, *records)),
            Clue(f"{seen.server} had listed it", 0.7, seen.records),
        )
        words = {"client": refusal.by, "remark": remark}
        yield Match(facts.tools.owner_of(refusal), refusal.by, clues, refusal.tool, refusal.calls, words)


def _hidden(refusal: Refused, seen: Listing, facts: Facts) -> tuple[str, tuple[str, ...]]:
    """Why a listed tool is not shown to the model, and where that is said; no words if nothing says so."""
    if refusal.remark:
        return refusal.remark, ()
    described = facts.tools.described(seen.server, refusal.tool, refusal.time) or {}
    meta = described.get("_meta")
    places = [described, meta, meta.get("ui") if isinstance(meta, dict) else None]
    for shown in (place.get("visibility") for place in places if isinstance(place, dict)):
        if isinstance(shown, (str, list)) and shown and "model" not in shown:
            return f"visibility: {json.dumps(shown)}", seen.records
    for said in facts.log.remarks_on(refusal.tool):
        if (
            said.component == refusal.by
            and said.time <= refusal.time
            and classify(said.text).tells("tool.hidden")
        ):
            return said.text[:120], (said.record,)
    return "", ()


@rule("F13")
def list_out_of_date(facts: Facts) -> Iterator[Match]:
    for server, client, time, row in facts.sessions.list_changed_notifications:
        own = (item for item in reversed(facts.tools.lists_of(server)) if item.caller in {client, None})
        last = next(own, None)
        if (last is not None and last.time >= time) or not facts.wire.verbatim(server, client):
            continue
        # Behind a relay it is its client that misses the tool.
        behind = client in facts.topology.roles.relays - facts.topology.roles.hosts
        made = facts.operations.calls if behind else facts.operations.roots
        since = made.where("caller", client).after(time + _PATIENCE)
        refused = [
            item
            for item in facts.tools.refused_by_host
            if (item.by == client or behind)
            and item.time > time
            and item.server in {None, server}
            and item.tool not in facts.tools.held(server, time, client)
            and facts.tools.owner_of(item) in ({server} if behind else {None, server})
        ]
        if not (since or refused):
            continue
        clues = [
            Clue(f"{server} sent list_changed, and no tools/list followed", 0.7, (row,)),
            *(Clue(f"{item.by} refused {item.tool}", 0.5, item.records) for item in refused[:1]),
        ]
        clues += [Clue("it went on with other calls", 0.2, since[0].rows)] if since else []
        words = {"client": client, "what": "was told so and did not list them again", "link": "the second"}
        tool = refused[0].tool if refused else None
        yield Match(server, client, clues, tool, words=words, severity=None if refused else "warning")
    for refusal in facts.tools.refused_by_host:
        if not _told(facts.tools.owner_of(refusal), refusal.by, facts):
            yield from _grown_unheard(refusal, facts)


def _told(server: str | None, client: str, facts: Facts) -> bool:
    """Whether a client, or a relay in front of it, was told of a change by a server."""
    ears = {client} | facts.topology.roles.relays
    return any(
        teller == server and ear in ears for teller, ear, *_ in facts.sessions.list_changed_notifications
    )


def _grown_unheard(refusal: Refused, facts: Facts) -> Iterator[Match]:
    """A refused tool that its server lists later, after a list without it, and nobody was told."""
    server = facts.tools.owner_of(refusal)
    if server is None or server in facts.topology.roles.relays:
        return
    lists = facts.tools.lists_of(server)
    askers = {refusal.by, None} | facts.topology.roles.relays
    mine = next(
        (item for item in reversed(lists) if item.caller in askers and item.time <= refusal.time), None
    )
    before = facts.tools.held(server, refusal.time, mine.caller) if mine is not None else frozenset()
    if mine is None or not before or refusal.tool in before:
        return
    since = (item for item in lists if item.names and item.time > mine.time)
    later = next((one for one in since if one.time > refusal.time or one.caller != mine.caller), None)
    if later is None or refusal.tool not in (later.names or ()):
        return
    clue = Clue(f"{server} listed it later, and not before", 0.6, later.records)
    yield _unheard(refusal, server, mine.caller or refusal.by, clue, facts)


def _unheard(refusal: Refused, server: str, client: str, clue: Clue, facts: Facts) -> Match:
    messages = facts.flow.observed
    asked = messages[(messages["method"] == _LISTEN) & (messages["receiver"] == server)]
    deaf = facts.wire.stateless(server) and bool(
        (asked["sender"].notna() & (asked["sender"] != client)).all()
    )
    words = {
        "client": client,
        "what": "never listens for changes" if deaf else "was not told",
        "link": "the stream" if deaf else "the first",
    }
    clues = (Clue(f"{refusal.by} refused {refusal.tool}", 0.4, refusal.records), clue)
    return Match(server, client if deaf else server, clues, refusal.tool, refusal.calls, words)


@rule("F10")
def dropped_by_host(facts: Facts) -> Iterator[Match]:
    for refusal in facts.tools.refused_by_host:
        words, variant = {"client": refusal.by, "what": refusal.tool}, "refused"
        seen, listed_behind = _seen(refusal, facts), facts.tools.backend_list(refusal.tool, refusal.time)
        if seen is not None:
            source = Clue(f"{seen.server} had listed it to {refusal.by}", 0.7, seen.records)
        elif refusal.tool in (refusal.table or ()):
            source = Clue(f"{refusal.by} had offered it itself", 0.5)
        elif (
            listed_behind is not None
            and refusal.table is None
            and refusal.by in facts.topology.roles.hosts
            and not any(item.caller == refusal.by for item in facts.tools.lists_of(listed_behind.server))
        ):
            holder = listed_behind.caller or facts.topology.relay
            text = f"{listed_behind.server} had listed it to {holder}, which does not log what it handed on"
            source = Clue(text, 0.3, listed_behind.records)
            words["holder"], variant = holder, "behind"
        else:
            continue
        severity: Severity | None = None
        if facts.tools.works_otherwise(refusal):
            severity, variant = "info", "refused_at_times"
        clues = (Clue(f"{refusal.by} refused {refusal.tool}", 0.5, refusal.records), source)
        server = facts.tools.owner_of(refusal) or facts.topology.client
        yield Match(server, refusal.by, clues, refusal.tool, refusal.calls, words, severity, variant)
    yield from _server_left_out(facts)
    yield from _never_sent(facts)


def _never_sent(facts: Facts) -> Iterator[Match]:
    """Calls that a host says it could not make, and of which there is no message."""
    said: dict[tuple[str, str], list[Event]] = defaultdict(list)
    names = {name: item for item in facts.tools.listings for name in item.names or ()}
    for item in facts.incidents.failures:
        if item.tells("call.unsent"):
            named = [name for name in names if name == item.tool or mentions(item.said, name)]
            if tool := max(named, key=len, default=None):
                said[item.component, tool].append(item)
    for (client, tool), items in said.items():
        if facts.operations.every.where("tool", tool):
            continue
        listing = names[tool]
        words = {"client": client, "what": tool, "number": count(len(items), "time")}
        clues = (
            logged(items[0], 0.6, rows_of(items)),
            Clue(
                f"{listing.server} had listed it, and no tools/call of it is in the log", 0.6, listing.records
            ),
        )
        yield Match(listing.server, client, clues, tool, words=words, variant="never_sent")


def _server_left_out(facts: Facts) -> Iterator[Match]:
    """A server all of whose tools are missing from what was offered, while those of others are there."""
    offers = [offer for offer in facts.events.of("tools offered") if offer.names]
    if not offers:
        return
    last = offers[-1]
    for server, item in facts.tools.given_to(last.component, last.time).items():
        held = facts.tools.held(server, last.time)
        if held and not _any_offered(held, last) and not facts.operations.roots.where("tool", *held):
            clues = (
                Clue(f"{server} listed {count(len(held), 'tool')} to {last.component}", 0.4, item.records),
                Clue("none of them is among those offered to the model", 0.5, (last.record,)),
            )
            words = {"client": last.component, "what": f"every tool of {server}"}
            yield Match(server, last.component, clues, words=words, severity="warning", variant="left_out")


def _any_offered(held: frozenset[str], offer: Event) -> bool:
    """Whether a host offers one of the tools, whatever it does to their names."""
    offered = [plain_name(name) for name in offer.names or ()]
    plain = [plain_name(tool) for tool in held]
    return any(name == tool or name.endswith(f"_{tool}") for tool in plain for name in offered)


def _seen(refusal: Refused, facts: Facts) -> Listing | None:
    """The list in which the one who refused a tool had it; None when it had not."""
    latest = facts.tools.given_to(refusal.by, refusal.time)
    for item in sorted(latest.values(), key=lambda item: item.time, reverse=True):
        held = facts.tools.held(item.server, refusal.time, refusal.by)
        if refusal.server in {None, item.server} and refusal.tool in held:
            return item
    return None
