"""The normal form: one row per observed JSON-RPC message, whichever way it was logged."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from godot_analysis.collection import collection_paused
from godot_analysis.columns import MESSAGES
from godot_analysis.loading.frames import micros, require, texts
from godot_analysis.loading.json_array import JsonArray
from godot_analysis.normal_form import conventions
from godot_analysis.normal_form.folding import Folder
from godot_analysis.normal_form.official import validated
from godot_analysis.normal_form.plain import read_plain
from godot_analysis.normal_form.sightings import (
    ANSWERS,
    RECEIVED,
    REQUEST,
    RESPONSE,
    SENT,
    Row,
    Sighting,
    Weight,
)
from godot_analysis.normal_form.table import Sightings, Words, build, packed

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

_ASKED_OF_CLIENTS: Final = ("ping", "sampling/createMessage", "elicitation/create", "roots/list")
"""What a server asks its client for, which makes no server of it."""


class Observations:
    """The log as columns, and the messages that it shows, in order of time.

    Lists are made of a column when somebody asks for one: reading rows one by one is quick in a list only.
    """

    def __init__(self, logs: pd.DataFrame) -> None:
        self.logs = logs.copy(deep=False)  # what somebody does to the frame later is not seen here
        data = logs["data"].array
        self.data = data if isinstance(data, JsonArray) else JsonArray.from_objects(data)
        self.timed: NDArray[np.bool_] = logs["event_created_at"].notna().to_numpy()
        moments = logs["event_created_at"].astype("datetime64[us, UTC]").astype("int64").to_numpy()
        self.moments: NDArray[np.int64] = np.where(self.timed, moments, 0)
        """Microseconds since 1970; 0 for a missing time, which is then the first of all."""
        self.component = Words.of_column(logs["component"])
        self.trace = Words.of_column(logs["trace_id"])
        self.instance = Words.of_column(logs["instance"])
        self.numbers: NDArray[np.int64] = logs["seq"].fillna(-1).to_numpy(dtype=np.int64)
        """The number of each record in its process, -1 for none."""
        self.other_rows: list[int] = []
        """Rows that are no plain message records, in the order of the log."""
        self.other_data: list[Any] = []
        """What these rows hold."""
        self.sightings = Sightings.of(())
        self.folded: dict[int, list[int]] = {}
        """Sighting → rows that say the same."""

    @property
    def others(self) -> pd.DataFrame:
        """The rows that are no plain message records, as a log frame."""
        whole = len(self.other_rows) == len(self.logs)
        rows = self.logs if whole else self.logs.iloc[self.other_rows]
        return rows.assign(data=JsonArray.from_objects(self.other_data))

    def forget_lists(self) -> None:
        """Let go of the lists that were made of columns: they are larger than these."""
        for name in ("ids", "times", "traces", "components", "instances", "levels", "texts"):
            vars(self).pop(name, None)

    @cached_property
    def ids(self) -> list[str | None]:
        """The ids of the rows."""
        return texts(self.logs["id"])

    @cached_property
    def times(self) -> list[int | None]:
        """Microseconds since 1970 of each row."""
        return micros(self.logs["event_created_at"])

    @cached_property
    def traces(self) -> list[str | None]:
        """The trace id of each row."""
        return self.trace.texts()

    @cached_property
    def components(self) -> list[str | None]:
        """Who logged each row."""
        return self.component.texts()

    @cached_property
    def instances(self) -> list[str | None]:
        """Which process logged each row."""
        return self.instance.texts()

    @cached_property
    def levels(self) -> list[str | None]:
        """The level of each row."""
        return texts(self.logs["level"])

    @cached_property
    def texts(self) -> list[str | None]:
        """The message text of each row."""
        return texts(self.logs["message"])

    @cached_property
    def names(self) -> tuple[Words, Words]:
        """Who logged each sighting, and its peer: numbers of one list of names, which has room for more."""
        both = Words.joined([self.of_rows(self.component), self.sightings.words["peer"]])
        own, peer = np.split(both.codes, 2)
        words = [*both.words, ""]  # who logged without a name
        return Words(own, words), Words(peer, words)

    def payload(self, place: int) -> Any:
        """The payload of one sighting."""
        return self.sightings.payload[place]

    def of_rows(self, column: Words | NDArray[Any]) -> Any:
        """A column of the log as a column of the sightings."""
        rows = self.sightings.row
        return column.take(rows) if isinstance(column, Words) else column[rows]


def messages(logs: pd.DataFrame) -> pd.DataFrame:
    """One row per observed JSON-RPC message, ordered by the observer's time.

    Parameters
    ----------
    logs : DataFrame
        A log frame as `load_trace` and `load_logs` return it.

    Returns
    -------
    DataFrame
        The columns of `godot_analysis.columns.MESSAGES`. The members of a batch are rows of their own. Text
        that is no JSON-RPC is a row of kind `invalid`. What was not logged but follows from what was, is
        named in `inferred`. Two records of one observer about one message are one row. Rows may share one
        `payload`, which is for reading. `validity` holds what
        a message has against JSON-RPC, or against the official schema of the protocol version that its
        connection negotiated.

    Raises
    ------
    BadFrame
        When `logs` is no log frame.

    Examples
    --------
    >>> import godot_analysis as ga
    >>> question = {"jsonrpc": "2.0", "id": 3, "method": "tools/list"}
    >>> record = {"direction": "sent", "peer": "gates", "payload": question}
    >>> logs = ga.from_records([{"component": "relay", "level": "TRACE", "data": {"mcp": record}}])
    >>> ga.messages(logs)[["sender", "receiver", "kind", "method", "rpc_id"]].iloc[0].tolist()
    ['relay', 'gates', 'request', 'tools/list', '3']
    """
    with collection_paused():
        seen = observe(Observations(require(logs)))
        return validated(as_frame(seen, *ends_of(seen), seen.sightings.words["inferred"]))


def observe(seen: Observations) -> Observations:
    """Read every log row by the conventions; fold what one observer says twice about one message."""
    in_time = np.argsort(seen.moments, kind="stable")
    ordered = bool((np.diff(in_time) == 1).all())
    plain, others = read_plain(in_time, seen.data if ordered else seen.data[in_time])
    seen.other_rows = sorted(others)
    seen.other_data = seen.data.take(seen.other_rows).tolist()
    by_hand = Sightings.of(_read_with_care(others, seen))
    seen.sightings = plain if not len(by_hand) else _merged(plain, by_hand, in_time)
    _fold(seen)
    _take_reports(seen)
    _spread_eras(seen)
    return seen


def ends_of(seen: Observations) -> tuple[Words, Words]:
    """Sender and receiver of each sighting, as far as its observer knew them."""
    own, peer = seen.names
    sent = seen.sightings.are("direction", SENT)
    ends = np.where(sent, own.codes, peer.codes), np.where(sent, peer.codes, own.codes)
    return Words(ends[0], own.words), Words(ends[1], own.words)


def as_frame(seen: Observations, sender: Words, receiver: Words, inferred: Words) -> pd.DataFrame:
    """The sightings as the documented frame, with what is known of their ends."""
    shown, logs = seen.sightings, seen.logs
    all_rows = len(shown) == len(logs) and bool((np.diff(shown.row) == 1).all())

    def shared(name: str) -> Any:
        """A column of the log, each row as often as it shows a message; mostly that is once."""
        column = logs[name].array
        return column.copy() if all_rows else column.take(shown.row)

    columns = {
        **shown.words,
        "payload": shown.payload,
        "record": shared("id"),
        "time": shared("event_created_at"),
        "trace_id": shared("trace_id"),
        "observer": seen.of_rows(seen.component),
        "instance": shared("instance"),
        "seq": shared("seq"),
        "sender": sender,
        "receiver": receiver,
        "inferred": inferred,
    }
    return build(columns, MESSAGES)


def _read_with_care(rows: list[int], seen: Observations) -> list[Sighting]:
    """What the conventions see in rows that are no plain message records."""
    found: list[Sighting] = []
    read = conventions.read
    nothing: dict[str, Any] = {}
    components, levels, words = seen.components, seen.levels, seen.texts
    data = dict(zip(seen.other_rows, seen.other_data, strict=True))
    called: dict[str, dict[str, str]] = defaultdict(dict)
    for row in rows:
        held, component = data[row], components[row] or ""
        own = called[component]
        shown = read(
            Row(
                row,
                component,
                levels[row],
                words[row] or "",
                held if type(held) is dict else nothing,
                own,
            )
        )
        for sighting in shown:  # where messages are logged whole, nothing else has to be read as one
            asks = sighting.kind == REQUEST and sighting.direction == SENT
            if asks and sighting.weight == Weight.DETAIL and sighting.tool and sighting.peer:
                own[sighting.tool] = sighting.peer
        found += shown
    return found


def _merged(plain: Sightings, by_hand: Sightings, in_time: NDArray[np.int64]) -> Sightings:
    """Both in order of time; the messages of one batch stay in their order."""
    both = Sightings.joined([plain, by_hand])
    rank = np.empty(len(in_time), dtype=np.int64)
    rank[in_time] = np.arange(len(in_time))
    return both.take(np.argsort(rank[both.row], kind="stable"))


def _fold(seen: Observations) -> None:
    """Fold light sightings into heavier ones of the same observer, direction and role; others stand."""
    shown = seen.sightings
    light = shown.weight < Weight.PAYLOAD
    if not light.any():
        return
    answers = shown.are("kind", *ANSWERS).astype(np.int64)
    group = packed(seen.of_rows(seen.component).codes, shown.codes("direction"), answers)
    involved = np.flatnonzero(np.isin(group, group[light]))
    folder = Folder(seen.components, seen.times, seen.traces, seen.texts)
    standing, absorbed = folder.fold(list(shown.at(involved)))
    places = involved[[place for place, _ in standing]]
    apart = np.setdiff1d(np.arange(len(shown)), involved, assume_unique=True)
    both = Sightings.joined([shown.take(apart), Sightings.of([one for _, one in standing])])
    order = np.argsort(np.concatenate([apart, places]))
    seen.sightings = both.take(order)
    now_at = dict(zip(places.tolist(), np.flatnonzero(order >= len(apart)).tolist(), strict=True))
    seen.folded = {now_at[int(involved[place])]: rows for place, rows in absorbed.items()}


def _take_reports(seen: Observations) -> None:
    """Read what a pure requester remarks about ends: it got an answer, or it refused by itself.

    That a call is over is an answer it received, where it logs no answers themselves. What it says of
    failures is left out: no answer may have come.
    """
    shown = seen.sightings
    answers, sent = shown.are("kind", *ANSWERS), shown.are("direction", SENT)
    reports = (shown.weight == Weight.DETAIL) & sent & answers
    if not reports.any():
        return
    observers = seen.of_rows(seen.component).codes
    served = shown.are("kind", REQUEST) & ~sent & ~shown.are("method", *_ASKED_OF_CLIENTS)
    asking, serving, heard = observers[sent & ~answers], observers[served], observers[~sent & answers]
    reports &= np.isin(observers, np.setdiff1d(asking, serving))
    over = reports & shown.are("kind", RESPONSE) & ~np.isin(observers, heard)
    direction = shown.words["direction"]
    words = list(dict.fromkeys([*direction.words, RECEIVED]))
    shown.words["direction"] = Words(np.where(over, words.index(RECEIVED), direction.codes), words)
    kept = np.flatnonzero(~reports | over)
    now_at = {place: now for now, place in enumerate(kept.tolist())}
    seen.sightings = shown.take(kept)
    seen.folded = {now_at[place]: rows for place, rows in seen.folded.items() if place in now_at}


def _spread_eras(seen: Observations) -> None:
    """Spread the era that one message of a connection names over all of them."""
    shown = seen.sightings
    eras = shown.codes("era")
    named = np.flatnonzero(eras >= 0)
    if not len(named):
        return
    observers = seen.of_rows(seen.component).codes
    connection = packed(observers, shown.codes("peer"), shown.codes("session"))
    known, first = np.unique(connection[named], return_index=True)
    found = np.searchsorted(known, connection).clip(max=len(known) - 1)
    spread = np.where(known[found] == connection, eras[named[first]][found], -1)
    shown.words["era"] = Words(np.where(eras >= 0, eras, spread), shown.words["era"].words)
