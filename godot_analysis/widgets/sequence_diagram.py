"""The interactive sequence diagram of a flow."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import traitlets

from godot_analysis import printable
from godot_analysis.presentation import labels, svg, text
from godot_analysis.presentation.scene import interleave, lanes_of, messages_of, notes_of
from godot_analysis.reconstruction.reconstruct import as_flow
from godot_analysis.widgets._base import Widget, page

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from godot_analysis.reconstruction.flow import Flow

__all__ = ["SequenceDiagram"]

_HERE: Final = Path(__file__)
_TEXT_COLUMNS: Final = ("kind", "method", "tool", "rpc_id", "detail", "status", "lost_at", "seen", "level")
_MOST_ROWS: Final = 500_000  # browsers cannot scroll an element of more than some 17 million pixels
_EMBEDDED_ROWS: Final = 200
_EMBEDDED_CHARACTERS: Final = 256 * 1024
_PAYLOAD_MOST: Final = 200_000  # a payload of megabytes would stop the browser, not inform
_MOST_DETAILS: Final = 500  # messages that the static page spells out
_TEXT_ROWS: Final = 40
_FACTS: Final = {
    "sent_at": "sent at",
    "received_at": "received at",
    "transport": "transport",
    "session": "session",
    "trace_id": "trace",
    "joined_by": "joined by",
    "inferred": "inferred",
}


class SequenceDiagram(Widget):
    """Who sent what to whom: filter it, fold it, walk through it, read every payload.

    Payloads stay in the kernel and travel when they are asked for; only a small flow carries them along, so
    that a saved notebook shows them without a kernel.

    Parameters
    ----------
    flow
        What `reconstruct` returned, or a log frame for it.
    height
        Height of the scrolling part in pixels.
    fold
        Begin with repeats folded.
    notifications
        Begin with notifications shown.

    Attributes
    ----------
    selected : list of str
        Ids of the log records behind the chosen message; observe it to follow the reader.

    Examples
    --------
    >>> import godot_analysis as ga
    >>> ga.widgets.SequenceDiagram(ga.reconstruct(ga.from_records([])))
    <SequenceDiagram: 0 messages between no component; 0 calls>
    """

    _esm = _HERE.with_suffix(".js")
    _css = svg.style() + _HERE.with_suffix(".css").read_text(encoding="utf-8")

    height = traitlets.Int(520, min=120).tag(sync=True, option=True)
    fold = traitlets.Bool(default_value=True).tag(sync=True, option=True)
    notifications = traitlets.Bool(default_value=True).tag(sync=True, option=True)
    selected = traitlets.List(traitlets.Unicode())

    _lanes = traitlets.List(traitlets.Unicode()).tag(sync=True)
    _words = traitlets.List(traitlets.Unicode()).tag(sync=True)
    _columns = traitlets.Dict().tag(sync=True)
    _messages = traitlets.Int(0).tag(sync=True)
    _details = traitlets.List(traitlets.Dict()).tag(sync=True)
    _row = traitlets.Int(-1).tag(sync=True)

    def __init__(self, flow: pd.DataFrame | Flow, **options: Any) -> None:
        super().__init__(**options)
        flow = self._flow = as_flow(flow)
        messages, notes = messages_of(flow), notes_of(flow)
        self._items = interleave(messages, notes)[:_MOST_ROWS]
        self._notes = notes
        self._searchable: list[str] | None = None
        lanes = lanes_of(flow, messages)
        self._lanes = [printable.line(name) for name in lanes]
        self._messages = len(messages)
        self._words, self._columns = _columns(messages, notes, self._items, lanes)
        self._details = self._embedded()
        self.observe(self._follow, "_row")
        self.on_msg(self._answer)

    def select(self, hop: int | None) -> None:
        """Choose the message of `flow.hops.loc[hop]` and bring it into sight; None chooses nothing."""
        if hop is None:
            self._row = -1
            return
        numbers = self._flow.hops["hop"].to_numpy()
        position = np.flatnonzero(numbers == hop)
        if not len(position):
            raise KeyError(f"no hop {hop} in this flow: it has {len(numbers):,}")
        row = np.flatnonzero(self._items == position[0])
        if not len(row):
            raise KeyError(f"hop {hop} is beyond the {_MOST_ROWS:,} rows that a browser can scroll")
        self._row = int(row[0])

    def to_svg(self) -> str:
        """The picture as one static `<svg>` element, folded and thinned out where it is long."""
        return svg.sequence(self._flow)

    def to_text(self) -> str:
        """The picture for a terminal."""
        return text.sequence(self._flow, most=_TEXT_ROWS)

    def to_html(self) -> str:
        """A page with the picture and every message spelled out; no scripts, nothing to fetch."""
        rows = range(min(len(self._items), _MOST_DETAILS))
        spelled = "\n".join(self._spelled_out(row) for row in rows)
        left_out = len(self._items) - len(rows)
        more = (
            f"<p>showing {len(rows):,} of {len(self._items):,}: {left_out:,} left out</p>" if left_out else ""
        )
        return page("Sequence of messages", f"{self.to_svg()}\n<h2>Messages</h2>\n{more}\n{spelled}")

    def __repr__(self) -> str:
        """One line that says what the flow holds."""
        statuses = self._flow.calls["status"].value_counts()
        ends = ", ".join(f"{count:,} {status}" for status, count in statuses.items() if count)
        between = ", ".join(self._lanes) or "no component"
        return (
            f"<SequenceDiagram: {self._messages:,} messages between {between}; "
            f"{len(self._flow.calls):,} calls{f': {ends}' if ends else ''}>"
        )

    def _follow(self, change: Any) -> None:
        self.selected = self._records(change["new"]) if 0 <= change["new"] < len(self._items) else []

    def _answer(self, _widget: object, question: Any, _buffers: object) -> None:
        number = question.get("number")
        if question.get("kind") == "details" and 0 <= question["row"] < len(self._items):
            self.send({"number": number, **self._detail(question["row"])})
        elif question.get("kind") == "search":
            found = self._search(question["text"]).astype("<i4").tobytes()
            self.send({"number": number}, buffers=[found])

    def _search(self, wanted: str) -> NDArray[np.int64]:
        if self._searchable is None:
            self._searchable = [self._payload(row).lower() for row in range(len(self._items))]
        return np.array([row for row, held in enumerate(self._searchable) if wanted in held], dtype="int64")

    def _embedded(self) -> list[dict[str, Any]]:
        """The details of every row of a small flow; nothing for a large one."""
        if len(self._items) > _EMBEDDED_ROWS:
            return []
        details = []
        room = _EMBEDDED_CHARACTERS
        for row in range(len(self._items)):
            details.append(self._detail(row))
            room -= len(details[-1]["payload"])
            if room < 0:
                return []
        return details

    def _detail(self, row: int) -> dict[str, Any]:
        return {"facts": self._facts(row), "payload": self._payload(row)}

    def _facts(self, row: int) -> list[list[str]]:
        number = int(self._items[row])
        if number >= self._messages:
            note = self._notes.iloc[number - self._messages]
            facts = {"component": note["component"], "at": note["time"]}
        else:
            hop = self._flow.hops.iloc[number]
            facts = {"from": hop["sender"], "to": hop["receiver"]}
            facts |= {said: hop[column] for column, said in _FACTS.items()}
        facts["records"] = ", ".join(self._records(row))
        shown = {name: value for name, value in facts.items() if not pd.isna(value) and value != ""}
        return [[name, printable.line(value, 400)] for name, value in shown.items()]

    def _payload(self, row: int) -> str:
        number = int(self._items[row])
        if number < self._messages:
            return printable.pretty_json(self._flow.hops["payload"].iloc[number], _PAYLOAD_MOST)
        logs = self._flow.logs
        said = logs.loc[logs["id"] == self._notes["record"].iloc[number - self._messages], "data"]
        return printable.pretty_json(said.iloc[0] if len(said) else None, _PAYLOAD_MOST)

    def _records(self, row: int) -> list[str]:
        number = int(self._items[row])
        if number >= self._messages:
            return [record] if (record := self._notes["record"].iloc[number - self._messages]) else []
        hop = self._flow.hops.iloc[number]
        return [str(record) for record in (hop["sent_record"], hop["received_record"]) if not pd.isna(record)]

    def _spelled_out(self, row: int) -> str:
        word = {name: self._words[self._codes(name)[row]] for name in ("method", "tool", "detail", "level")}
        said = " ".join(part for part in (word["level"], word["method"], word["tool"]) if part)
        lanes = dict.fromkeys(self._lanes[self._codes(end)[row]] for end in ("source", "target"))
        told = " · ".join(part for part in (" → ".join(lanes), said, word["detail"]) if part)
        facts = "".join(
            f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in self._facts(row)
        )
        return (
            f"<details><summary>{row + 1}. {escape(told)}</summary><dl>{facts}</dl>"
            f"<pre>{escape(self._payload(row))}</pre></details>"
        )

    def _codes(self, column: str) -> NDArray[np.int32]:
        return np.frombuffer(self._columns[column], dtype="<i4")


def _columns(
    messages: pd.DataFrame, notes: pd.DataFrame, items: NDArray[np.int64], lanes: tuple[str, ...]
) -> tuple[list[str], dict[str, bytes]]:
    """The rows as numbers, in the order of `items`: texts as indices into one list of words."""
    said = [labels.said(spoken) for spoken in notes["text"]]
    nothing = [""] * len(notes)
    hops: Iterable[Any] = messages.itertuples(index=False)
    details = [labels.outcome(hop) for hop in hops]
    text_columns = {
        "kind": [*messages["kind"], *notes["kind"]],
        "method": [*messages["method"].map(labels.said), *said],
        "tool": [*messages["tool"].map(labels.said), *nothing],
        "rpc_id": [*messages["rpc_id"].map(labels.said), *nothing],
        "detail": [*details, *nothing],
        "status": [*messages["status"], *nothing],
        "lost_at": [*messages["lost_at"], *nothing],
        "seen": [*messages["seen"], *nothing],
        "level": [*([""] * len(messages)), *notes["level"]],
    }
    codes, words = pd.factorize(
        np.concatenate([np.array(text_columns[name], object) for name in _TEXT_COLUMNS])
    )
    split = np.split(codes.astype("<i4"), len(_TEXT_COLUMNS))
    lane = {name: number for number, name in enumerate(lanes)}
    row_of = np.full(len(messages) + len(notes), -1)
    row_of[items] = np.arange(len(items))
    position_of = pd.Index(messages["hop"]).get_indexer(pd.Index(messages["answers"]))
    answers = np.where(position_of >= 0, row_of[position_of] if len(row_of) else -1, -1)
    times = pd.concat([messages["time"], notes["time"]])
    milliseconds = times.to_numpy(dtype="datetime64[us]").view("int64") / 1000
    numbers = {
        "source": [*messages["sender"].map(lane), *notes["component"].map(lane)],
        "target": [*messages["receiver"].map(lane), *notes["component"].map(lane)],
        "answers": [*answers, *([-1] * len(notes))],
        "problem": [*messages["problem"], *notes["problem"]],
    }
    floats = {
        "time": np.where(times.isna(), np.nan, milliseconds),
        "duration_ms": [*messages["duration_ms"], *([np.nan] * len(notes))],
    }
    columns = {name: column[items].tobytes() for name, column in zip(_TEXT_COLUMNS, split, strict=True)}
    columns |= {name: np.array(column, dtype="<i4")[items].tobytes() for name, column in numbers.items()}
    columns |= {name: np.array(column, dtype="<f8")[items].tobytes() for name, column in floats.items()}
    return [str(word) for word in words], columns
