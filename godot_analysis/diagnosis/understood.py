"""The events frame: what was understood of each record and of each failed call, for people to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from godot_analysis.collection import collection_paused
from godot_analysis.columns import EVENTS
from godot_analysis.diagnosis.facts import gather
from godot_analysis.diagnosis.facts.blame import error_words
from godot_analysis.reading.classify import UNKNOWN
from godot_analysis.reconstruction.flow import Flow
from godot_analysis.reconstruction.reconstruct import reconstruct

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godot_analysis.diagnosis.facts import Facts

__all__ = ["events"]


def events(logs: pd.DataFrame | Flow) -> pd.DataFrame:
    """What was understood of a log: one row for each thing that a record tells around the messages.

    Parameters
    ----------
    logs : DataFrame or Flow
        A log frame, or what `reconstruct` made of one.

    Returns
    -------
    DataFrame
        In the order of time, with the columns of `columns.EVENTS`: `event` is what was told (`failure`,
        `start`, `http`, `answer` for the error that a call ended with, …), `kind` the kind of the lexicon
        that counts (`unknown` where nobody understood the words), `kinds` all of them, and `words` what told
        each.
        `.attrs["errors"]` and `.attrs["unknown"]` say how many error texts there are and how many of them
        nobody understood.

    Raises
    ------
    BadFrame
        When `logs` is no log frame.

    Examples
    --------
    >>> import godot_analysis as ga
    >>> said = {"component": "relay", "level": "ERROR", "message": "connect ECONNREFUSED 127.0.0.1:9030"}
    >>> ga.events(ga.from_records([said]))[["event", "component", "kind", "words"]].values.tolist()
    [['failure', 'relay', 'connect.refused', ('ECONNREFUSED',)]]
    """
    flow = logs if isinstance(logs, Flow) else reconstruct(logs)
    with collection_paused():
        rows = sorted(_rows(gather(flow)), key=lambda row: row[0])
    frame = pd.DataFrame(rows, columns=list(EVENTS)).astype(dict(EVENTS))
    told = frame["event"].isin(["failure", "answer"])
    frame.attrs |= {"errors": int(told.sum()), "unknown": int((told & (frame["kind"] == UNKNOWN)).sum())}
    return frame


def _rows(facts: Facts) -> Iterator[tuple[Any, ...]]:
    for item in facts.events.all:
        told = item.kinds, item.words
        yield (
            item.time, item.component, item.level, item.what, item.kind, *told, item.server, item.tool,
            item.text, item.record, item.trace,
        )  # fmt: skip
    for call in facts.operations.calls.leaves.erred:
        time = call.started if call.ended is None else call.ended
        told = call.reading.kinds, call.reading.words
        yield (
            time, call.callee or call.caller, None, "answer", call.reading.kind, *told, call.callee,
            call.tool, error_words(call), call.rows[-1], call.trace,
        )  # fmt: skip
