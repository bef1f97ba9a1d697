"""Questions and their answers as one observer saw them, the surest pairing there is.

The plain case is decided for all at once: on a connection, in one direction, an id is asked with and then
answered, over and over. Where an observer's stream holds anything else, all of it is paired by hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from godot_analysis.normal_form.sightings import ANSWERS, NOTIFICATION, REQUEST, SENT
from godot_analysis.normal_form.table import packed, taken
from godot_analysis.reconstruction.by_hand import pair_by_hand
from godot_analysis.reconstruction.exchange import Exchanges, Pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from godot_analysis.normal_form.messages import Observations


def pair(seen: Observations) -> tuple[Exchanges, NDArray[np.int64]]:
    """Pair every question with its answer, within each observer; also the sightings that belong to none."""
    asked, answered, doubtful = _alternating(seen)
    pairs = Pairs.of(asked, answered)
    by_hand, singles = pair_by_hand(doubtful, seen)
    if len(by_hand.request):
        request, answer, *_ = pairs = Pairs(*map(np.concatenate, zip(pairs, by_hand, strict=True)))
        first = np.where(request < 0, answer, request)
        # As they were seen; an answer without a question comes after the questions of the same moment.
        order = np.lexsort((first, request < 0, seen.of_rows(seen.moments)[first]))
        pairs = Pairs(*(column[order] for column in pairs))
    alone = ~seen.sightings.are("kind", REQUEST, *ANSWERS)
    alone[doubtful] = False
    alone[singles] = True
    return Exchanges(pairs, seen), np.flatnonzero(alone)


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
