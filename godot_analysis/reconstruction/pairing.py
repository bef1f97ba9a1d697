"""Questions and their answers as one observer saw them, the surest pairing there is.

The plain case is decided for all at once: on a connection, in one direction, an id is asked with and then
answered, over and over. Where an observer's stream holds anything else, all of it is paired by hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from godot_analysis.normal_form.jsonrpc import params_of
from godot_analysis.normal_form.sightings import ANSWERS, NOTIFICATION, REQUEST, SENT
from godot_analysis.normal_form.table import packed, taken
from godot_analysis.reconstruction.by_hand import pair_by_hand
from godot_analysis.reconstruction.exchange import Exchange, Pairing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from godot_analysis.normal_form.messages import Observations


def pair(seen: Observations) -> Pairing:
    """Pair every question with its answer, within each observer."""
    asked, answered, doubtful = _alternating(seen)
    exchanges = _exchanges(asked, answered, seen)
    by_hand = pair_by_hand(doubtful, seen)
    if by_hand.exchanges:
        exchanges = [*exchanges, *by_hand.exchanges]
        # As they were seen; an answer without a question comes after the questions of the same moment.
        exchanges.sort(
            key=lambda x: (x.start, x.request is None, x.answer if x.request is None else x.request)
        )
    talk = seen.sightings.are("kind", REQUEST, *ANSWERS)
    talk[doubtful] = True
    return Pairing(exchanges, sorted([*np.flatnonzero(~talk).tolist(), *by_hand.singles]))


def _alternating(seen: Observations) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Questions with their answers (-1: none) in streams of nothing but such; the places of other streams."""
    shown = seen.sightings
    question, answer = shown.are("kind", REQUEST), shown.are("kind", *ANSWERS)
    asking = shown.are("direction", SENT) ^ answer
    stream = packed(seen.of_rows(seen.component).codes, asking.astype(np.int64))
    ids = shown.codes("rpc_id")
    key = packed(stream, shown.codes("peer"), shown.codes("session"), ids)
    talk = np.flatnonzero(question | answer)
    talk = talk[np.argsort(key[talk], kind="stable")]
    step = np.where(question[talk], 1, -1)
    begins = np.diff(key[talk], prepend=-1) != 0
    open_then = np.cumsum(step)
    before = (open_then - step)[begins]
    open_then -= np.repeat(before, np.diff(np.append(np.flatnonzero(begins), len(talk))))
    odd = talk[(open_then < 0) | (open_then > 1) | (ids[talk] < 0)]
    cancels = np.flatnonzero(_cancels(seen))
    by_hand = np.isin(stream, np.concatenate([stream[odd], stream[cancels]]))
    sure = talk[~by_hand[talk]]
    asked = sure[question[sure]]
    following = np.append(sure, -1)[np.flatnonzero(question[sure]) + 1]
    is_answer = (following >= 0) & taken(answer, following, missing=False) & (key[following] == key[asked])
    in_time = np.argsort(asked)
    answered = np.where(is_answer, following, -1)
    doubtful = np.flatnonzero(by_hand & (question | answer | _cancels(seen)))
    return asked[in_time], answered[in_time], doubtful


def _cancels(seen: Observations) -> NDArray[np.bool_]:
    shown = seen.sightings
    return shown.are("kind", NOTIFICATION) & shown.are("method", "notifications/cancelled")


def _exchanges(asked: NDArray[np.int64], answered: NDArray[np.int64], seen: Observations) -> list[Exchange]:
    """The exchanges of these questions and answers."""
    shown = seen.sightings

    def known(name: str) -> list[str | None]:
        column = shown.words[name]
        mine, theirs = column.codes[asked], taken(column.codes, answered)
        return column._replace(codes=np.where(mine < 0, theirs, mine)).texts()

    rows, ends = shown.row[asked], taken(shown.row, answered)
    end = np.where((ends >= 0) & taken(seen.timed, ends, missing=False), taken(seen.moments, ends), -1)
    arguments = [params_of(payload).get("arguments") for payload in shown.objects["payload"][asked]]
    columns = (
        [name or "" for name in seen.component.take(rows).texts()],
        shown.are("direction", SENT)[asked].tolist(),
        asked.tolist(),
        [None if place < 0 else place for place in answered.tolist()],
        known("peer"),
        known("session"),
        shown.words["method"].take(asked).texts(),
        known("tool"),
        shown.words["rpc_id"].take(asked).texts(),
        seen.trace.take(rows).texts(),
        seen.moments[rows].tolist(),
        [None if moment < 0 else moment for moment in end.tolist()],
        [held if isinstance(held, dict) else None for held in arguments],
    )
    return list(map(Exchange, *columns))
