"""Questions with their answers, each as one observer saw it: one of them, and all of a log as columns."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np

from godot_analysis.normal_form.jsonrpc import params_of
from godot_analysis.normal_form.sightings import NOTIFICATION, SENT
from godot_analysis.normal_form.table import Words, objects, taken

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from godot_analysis.normal_form.messages import Observations
    from godot_analysis.normal_form.table import Numbers, Sightings

TRANSPORTS: Final = ("stdio", "websocket", "http")


class Exchange(msgspec.Struct, eq=False):
    """One question and its answer, as one observer saw them (places of sightings; None when not seen)."""

    observer: str
    asking: bool  # the observer asked; otherwise it was asked
    request: int | None
    answer: int | None
    peer: str | None
    session: str | None
    method: str | None
    tool: str | None
    rpc_id: str | None
    trace: str | None
    start: int  # microseconds; of the answer when the question was not seen
    end: int | None = None
    arguments: dict[str, Any] | None = None
    cancel: int | None = None  # sighting of notifications/cancelled
    mistyped: int | None = None  # row of an answer whose id equals this one's only as text


class Pairs(NamedTuple):
    """Questions and their answers: places of sightings, -1 for what was not seen."""

    request: NDArray[np.int64]
    answer: NDArray[np.int64]
    cancel: NDArray[np.int64]
    mistyped: NDArray[np.int64]

    @classmethod
    def of(cls, request: NDArray[np.int64], answer: NDArray[np.int64] | None = None) -> Pairs:
        """Questions of which nothing else is known than their answers, if these are."""
        none = np.full(len(request), -1)
        return cls(request, none if answer is None else answer, none, none)


class Lists(NamedTuple):
    """Columns as lists, which are quick to read one by one: numbers of words, -1 for none."""

    observer: list[int]
    peer: list[int]
    method: list[int]
    tool: list[int]
    rpc_id: list[int]
    trace: list[int]
    session: list[int]
    transport: list[int]
    start: list[int]
    end: list[int]
    arguments: list[dict[str, Any] | None]


class Exchanges:
    """All exchanges of a log, in order of time, as columns.

    Attributes
    ----------
    request, answer, cancel, mistyped : array of int
        As in `Pairs`.
    asking : array of bool
        Whether the observer asked; otherwise it was asked.
    start, end : array of int
        Microseconds, -1 for none.
    words : dict
        `observer`, `peer` (numbers of the same names), `session`, `method`, `tool`, `rpc_id`, `trace`.
    transport : array of int
        Which of `TRANSPORTS`, -1 for none and for words that may be another's word for one of them.
    arguments : array of dict or None
        What tells the question from others of its kind.
    """

    def __init__(self, pairs: Pairs, seen: Observations, *, strays: bool = False) -> None:
        shown = seen.sightings
        self.request, self.answer, self.cancel, self.mistyped = pairs
        unasked = self.request < 0
        first = np.where(unasked, self.answer, self.request)
        rows, ends = shown.row[first], taken(shown.row, self.answer)
        self.asking: NDArray[np.bool_] = shown.are("direction", SENT)[first] ^ unasked
        self.start: NDArray[np.int64] = seen.moments[rows]
        over = (ends >= 0) & taken(seen.timed, ends, missing=False)
        self.end: NDArray[np.int64] = np.where(over, taken(seen.moments, ends), -1)
        own, peer = seen.names
        observer = own._replace(codes=np.where(own.codes < 0, own.number(""), own.codes))

        def told(column: Words) -> Words:
            """What the question tells, else what the answer does."""
            mine, theirs = column.codes[first], taken(column.codes, self.answer)
            return column._replace(codes=np.where(mine < 0, theirs, mine))

        self.words = {
            "observer": observer.take(first),
            "peer": told(peer),
            "session": told(shown.words["session"]),
            "method": _kinds(first, shown) if strays else shown.words["method"].take(first),
            "tool": told(shown.words["tool"]),
            "rpc_id": shown.words["rpc_id"].take(first),
            "trace": seen.trace.take(rows),
        }
        transport = told(shown.words["transport"])
        known = [TRANSPORTS.index(word) if word in TRANSPORTS else -1 for word in transport.words]
        self.transport: Numbers = np.array([*known, -1])[transport.codes]
        self._payload = shown.payload
        self.arguments = _contents(first, shown) if strays else taken(shown.content, self.request, None)

    @property
    def names(self) -> list[str]:
        """The names that `observer` and `peer` number."""
        return self.words["observer"].words

    def codes(self, name: str) -> Numbers:
        """The numbers of a column of words."""
        return self.words[name].codes

    @cached_property
    def lists(self) -> Lists:
        """What is read one by one where columns do not help."""
        held = {name: column.codes for name, column in self.words.items()}
        held |= {
            "transport": self.transport,
            "start": self.start,
            "end": self.end,
            "arguments": self.arguments,
        }
        return Lists(**{name: held[name].tolist() for name in Lists._fields})

    def introduction(self, place: int) -> object:
        """What the answer tells of who gave it: a name, or tools; None for any other answer."""
        payload = self._payload[self.answer[place]] if self.answer[place] >= 0 else None
        result = payload.get("result") if isinstance(payload, dict) else None
        if not isinstance(result, dict):
            return None
        server, tools = result.get("serverInfo"), result.get("tools")
        if isinstance(server, dict):
            return server.get("name")
        return (
            [tool.get("name") for tool in tools if isinstance(tool, dict)]
            if isinstance(tools, list)
            else None
        )

    def __len__(self) -> int:
        return len(self.request)

    def __getitem__(self, place: int) -> Exchange:
        """One exchange."""
        told: dict[str, Any] = {
            name: None if (code := column.codes[place]) < 0 else column.words[code]
            for name, column in self.words.items()
        }
        for name in ("request", "answer", "cancel", "mistyped", "end"):
            number = int(getattr(self, name)[place])
            told[name] = None if number < 0 else number
        return Exchange(
            **told,
            asking=bool(self.asking[place]),
            start=int(self.start[place]),
            arguments=self.arguments[place],
        )


def _contents(places: NDArray[np.int64], shown: Sightings) -> NDArray[Any]:
    """What tells messages that belong to no exchange from others of their kind."""
    kinds, payloads = shown.words["kind"].take(places).texts(), shown.payload[places].tolist()
    return objects(
        [
            None if payload is None else params_of(payload) if kind == NOTIFICATION else {"": payload}
            for kind, payload in zip(kinds, payloads, strict=True)
        ]
    )


def _kinds(places: NDArray[np.int64], shown: Sightings) -> Words:
    """Methods of notifications; of anything else what it is as well, so that unlike ones are not joined."""
    kinds, methods = shown.words["kind"].take(places).texts(), shown.words["method"].take(places).texts()
    return Words.of(
        [
            method if kind == NOTIFICATION else f"{kind}:{method}"
            for kind, method in zip(kinds, methods, strict=True)
        ]
    )
