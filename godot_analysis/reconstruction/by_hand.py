"""Pairing the doubtful streams: questions and answers one by one, as an observer saw them.

Ids are typed and may be reused: an id that is asked with again means the older question is over, so an answer
belongs to the newest open question of its id. Entries overtake each other on their way to the store, so an
answer may stand before its question; a second pass finds those.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from godot_analysis.normal_form.jsonrpc import id_text, params_of
from godot_analysis.normal_form.sightings import (
    ANSWERS,
    RECEIVED,
    REQUEST,
    SENT,
    Sighting,
    Weight,
)
from godot_analysis.reconstruction.exchange import Exchange, Pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from godot_analysis.normal_form.messages import Observations

OVERTAKING_US: Final = 1_000_000
"""How far an answer may stand before its question and still be its answer."""

_LOOK_BACK: Final = 32


def pair_by_hand(places: NDArray[np.int64], seen: Observations) -> tuple[Pairs, list[int]]:
    """Pair streams in which ids are reused, answers overtake, are repeated, or name no question.

    Returns the pairs, and the sightings that belong to none.
    """
    sightings = dict(zip(places.tolist(), seen.sightings.at(places), strict=True))
    ledger = _Ledger()
    exchanges: list[Exchange] = []
    orphans: list[int] = []
    singles: list[int] = []
    components, times, traces = seen.components, seen.times, seen.traces
    asked_last = _last_asked(sightings, seen)
    for place, sighting in sightings.items():
        row = sighting.row
        kind = sighting.kind
        if kind == REQUEST:
            exchange = _asked(place, sighting, components[row] or "", times[row] or 0, traces[row])
            exchanges.append(exchange)
            ledger.add(exchange)
        elif kind in ANSWERS:
            observer, asking = components[row] or "", sighting.direction == RECEIVED
            key = (observer, asking, sighting.peer, sighting.session, sighting.rpc_id)
            found = ledger.named(key, traces[row]) if sighting.rpc_id is not None else None
            if found is None:
                found = _likeliest(ledger.of[observer, asking], sighting, traces[row])
                if found is not None and found.trace != traces[row] is not None:
                    # Its own question, of its own trace, may follow: then this one is not for it.
                    ahead = asked_last.get((observer, asking, traces[row]), 0) - (times[row] or 0)
                    if 0 < ahead <= OVERTAKING_US:
                        orphans.append(place)
                        continue
            if found is None:
                # An answer under an id of another type is nobody's answer, so it must
                # not become a call either.
                stray = _note_mistyped(ledger.of[observer, asking], sighting)
                (singles if stray else orphans).append(place)
            else:
                ledger.close(found)
                _answered(found, place, sighting, times[row])
        else:
            singles.append(place)
            _cancelled(ledger, place, sighting, components[row] or "")
    late = _pair_overtaken(ledger, seen, sightings, orphans)
    _adopt(late, seen, sightings, exchanges, singles)
    told = ("request", "answer", "cancel", "mistyped")
    columns = ([getattr(exchange, name) for exchange in exchanges] for name in told)
    numbers = ([-1 if place is None else place for place in column] for column in columns)
    return Pairs(*(np.array(column, dtype=np.int64) for column in numbers)), singles


class _Ledger:
    """The open questions of everyone."""

    def __init__(self) -> None:
        self.by_id: dict[tuple[Any, ...], list[Exchange]] = defaultdict(list)
        self.of: dict[tuple[str, bool], dict[int, Exchange]] = defaultdict(dict)

    def add(self, exchange: Exchange) -> None:
        self.of[exchange.observer, exchange.asking][id(exchange)] = exchange
        if exchange.rpc_id is not None:
            self.by_id[_key(exchange)].append(exchange)

    def close(self, exchange: Exchange) -> None:
        del self.of[exchange.observer, exchange.asking][id(exchange)]
        if exchange.rpc_id is not None:
            same = self.by_id[_key(exchange)]
            # Mostly the newest; from the start, a long row of unanswered ones would cost its length.
            place = next(place for place in range(len(same) - 1, -1, -1) if same[place] is exchange)
            del same[place]

    def named(self, key: tuple[Any, ...], trace: str | None) -> Exchange | None:
        """The newest open question of exactly this connection and id, of the same trace if there is one."""
        same = self.by_id.get(key)
        if not same:
            return None
        if len(same) > 1 and trace is not None:
            for exchange in islice(reversed(same), _LOOK_BACK):
                if exchange.trace == trace:
                    return exchange
        return same[-1]


def _key(exchange: Exchange) -> tuple[Any, ...]:
    return (exchange.observer, exchange.asking, exchange.peer, exchange.session, exchange.rpc_id)


def _last_asked(
    sightings: dict[int, Sighting], seen: Observations
) -> dict[tuple[str, bool, str | None], int]:
    """When each observer last saw a question of each trace, by who asked: by itself, or of it."""
    return {
        (seen.components[row] or "", sighting.direction == SENT, trace): seen.times[row] or 0
        for sighting in sightings.values()
        if sighting.kind == REQUEST and (trace := seen.traces[row := sighting.row]) is not None
    }


def _asked(place: int, sighting: Sighting, observer: str, time: int, trace: str | None) -> Exchange:
    return Exchange(
        observer,
        sighting.direction == SENT,
        place,
        None,
        sighting.peer,
        sighting.session,
        sighting.method,
        sighting.tool,
        sighting.rpc_id,
        trace,
        time,
    )


def _answered(exchange: Exchange, place: int, sighting: Sighting, time: int | None) -> None:
    exchange.answer = place
    exchange.end = time
    if exchange.peer is None:
        exchange.peer = sighting.peer
    if exchange.session is None:
        exchange.session = sighting.session
    if exchange.tool is None and sighting.tool is not None:
        exchange.tool = sighting.tool


def _likeliest(open_ones: dict[int, Exchange], sighting: Sighting, trace: str | None) -> Exchange | None:
    """The open question that an answer fits best, when connection and id do not simply name it."""
    best: Exchange | None = None
    most = 0
    for exchange in islice(reversed(open_ones.values()), _LOOK_BACK):
        fit = _fit(exchange, sighting, trace)
        # Without an id the oldest question is answered first; with one the newest.
        if fit > most or (fit == most and fit > 0 and sighting.rpc_id is None):
            best, most = exchange, fit
    return best


def _fit(exchange: Exchange, sighting: Sighting, trace: str | None) -> int:
    """How well an answer fits a question; 0 when something contradicts, or nothing speaks for it."""
    fit = 0
    if sighting.rpc_id is not None and exchange.rpc_id is not None:
        if sighting.rpc_id != exchange.rpc_id:
            return 0
        fit += 2
    for mine, theirs, worth in (
        (sighting.session, exchange.session, 0),
        (sighting.peer, exchange.peer, 0),
        (sighting.method, exchange.method, 1),
        (sighting.tool, exchange.tool, 1),
    ):
        if mine is not None and theirs is not None:
            if mine != theirs:
                return 0
            fit += worth
    same_trace = trace is not None and trace == exchange.trace
    if sighting.rpc_id is None and sighting.weight == Weight.PAYLOAD:
        # A message without id answers nobody, unless its logger put it into the same trace.
        return fit + 4 if same_trace and sighting.convention != "message" else 0
    return fit + 4 if same_trace else fit


def _note_mistyped(open_ones: dict[int, Exchange], sighting: Sighting) -> bool:
    """Remember an answer whose id equals that of an open question only as text (1 and "1")."""
    if sighting.rpc_id is None or sighting.weight != Weight.PAYLOAD:
        return False
    plain = sighting.rpc_id.strip('"')
    for exchange in islice(reversed(open_ones.values()), _LOOK_BACK):
        asked = exchange.rpc_id
        if asked is not None and asked != sighting.rpc_id and asked.strip('"') == plain:
            exchange.mistyped = sighting.row
            return True
    return False


def _cancelled(ledger: _Ledger, place: int, sighting: Sighting, observer: str) -> None:
    params = params_of(sighting.payload)
    rpc_id = id_text(params.get("requestId"))
    if rpc_id is None:
        return
    asking = sighting.direction == SENT
    found = ledger.named((observer, asking, sighting.peer, sighting.session, rpc_id), None)
    if found is None:
        open_ones = ledger.of[observer, asking]
        found = next(
            (x for x in islice(reversed(open_ones.values()), _LOOK_BACK) if x.rpc_id == rpc_id), None
        )
    if found is not None and found.cancel is None:
        found.cancel = place


def _pair_overtaken(
    ledger: _Ledger, seen: Observations, sightings: dict[int, Sighting], orphans: list[int]
) -> list[int]:
    """Answers that stand shortly before their question. Returns those that still have none."""
    waiting: dict[tuple[str, bool], list[Exchange]] = {
        key: list(open_ones.values()) for key, open_ones in ledger.of.items() if open_ones
    }
    starts = {key: [exchange.start for exchange in open_ones] for key, open_ones in waiting.items()}
    left: list[int] = []
    for place in orphans:
        sighting = sightings[place]
        key = (seen.components[sighting.row] or "", sighting.direction == RECEIVED)
        time, trace = seen.times[sighting.row] or 0, seen.traces[sighting.row]
        best: Exchange | None = None
        most = 0
        own = waiting.get(key, [])
        at = bisect_left(starts.get(key, []), time)
        for exchange in own[at : at + _LOOK_BACK]:
            if exchange.start - time > OVERTAKING_US:
                break
            fit = _fit(exchange, sighting, trace) if exchange.answer is None else 0
            if fit > most:
                best, most = exchange, fit
        if best is None:
            left.append(place)
        else:
            _answered(best, place, sighting, time)
    return left


def _adopt(
    orphans: list[int],
    seen: Observations,
    sightings: dict[int, Sighting],
    exchanges: list[Exchange],
    singles: list[int],
) -> None:
    """An answer without its question is a call all the same; one more answer to an answered call is not."""
    answered = {(*_key(exchange), exchange.trace) for exchange in exchanges if exchange.answer is not None}
    for place in orphans:
        sighting = sightings[place]
        row = sighting.row
        observer, asking, trace = seen.components[row] or "", sighting.direction == RECEIVED, seen.traces[row]
        key = (observer, asking, sighting.peer, sighting.session, sighting.rpc_id, trace)
        known = sighting.rpc_id is not None or sighting.tool is not None or sighting.weight == Weight.METHOD
        if not known or key in answered or (sighting.method or "").startswith("notifications/"):
            singles.append(place)
            continue
        answered.add(key)
        exchanges.append(
            Exchange(
                observer,
                asking,
                None,
                place,
                sighting.peer,
                sighting.session,
                sighting.method,
                sighting.tool,
                sighting.rpc_id,
                trace,
                seen.times[row] or 0,
                end=seen.times[row],
            )
        )
