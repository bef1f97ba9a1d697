"""Draw a flow as a sequence for the terminal, in Unicode or plain ASCII, with or without colour."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from godot_analysis import printable
from godot_analysis.presentation import labels
from godot_analysis.presentation.sequence import lay_out

if TYPE_CHECKING:
    import pandas as pd

    from godot_analysis.presentation.sequence import Block, Layout, Row
    from godot_analysis.reconstruction.flow import Flow

__all__ = ["sequence"]

_TIME_WIDTH: Final = 14  # 21:34:51.418 and two spaces
_NARROWEST_LANE: Final = 8
_WIDEST_LANE: Final = 14
_LONGEST_NAME: Final = 20
_MOST_LINES: Final = 3  # of what went wrong; the rest is in the payload
_LEAST_WORDS: Final = 30  # cells that the words beside the lanes need to be worth reading

# The terminal's own palette keeps its theme; shape and words say the same without colour.
_COLOURS: Final = {
    "request": "34",
    "response": "32",
    "error": "1;31",
    "invalid": "1;31",
    "notification": "35",
    "quiet": "2",
    "bad": "1;31",
    "WARN": "33",
    "ERROR": "1;31",
    "loss": "1;31",
    "name": "1",
}


@dataclass(frozen=True, slots=True)
class _Signs:
    """The characters to draw with."""

    life: str
    solid: str
    dashed: str
    dotted: str
    right: str
    left: str
    open_right: str
    open_left: str
    cross: str
    unseen: str
    note: str
    gap: str
    fold: str
    fold_end: str
    ellipsis: str


_UNICODE: Final = _Signs("│", "─", "╌", "┈", "▶", "◀", ">", "<", "✗", "○", "▌", "⋮", "╭", "╰", "…")
_TO_ASCII: Final = str.maketrans({"·": "-", "…": "~"})
_ASCII: Final = _Signs("|", "-", "- ", ".", ">", "<", ">", "<", "X", "o", "#", ":", ",", "`", "~")


def sequence(
    flow: pd.DataFrame | Flow,
    width: int = 100,
    *,
    color: bool = False,
    unicode: bool = True,
    title: str = "",
    most: int = 200,
) -> str:
    """Draw a flow as lines of text: lanes with arrows, and beside them what the messages are.

    Where the lanes do not fit, each line names sender and receiver instead.

    Parameters
    ----------
    flow
        What `reconstruct` returned, or a log frame for it.
    width
        How many cells a line may take.
    color
        Colour with ANSI escape sequences.
    unicode
        Draw with box characters; otherwise with ASCII alone.
    title
        A line above the picture.
    most
        About how many rows to draw; a flow with more is folded and thinned out, and the text says so.

    Examples
    --------
    >>> import godot_analysis as ga
    >>> payload = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    >>> record = {"component": "relay", "level": "TRACE", "message": "",
    ...           "event_created_at": "2026-01-02T03:04:05Z",
    ...           "data": {"mcp": {"direction": "sent", "peer": "gates", "payload": payload}}}
    >>> print(ga.text.sequence(ga.reconstruct(ga.from_records([record]))))
    2026-01-02 UTC, 1 message
    <BLANKLINE>
                    relay   gates
    03:04:05.000      │╌╌╌╌╌╌▶○  tools/list #1  no answer yet
    <BLANKLINE>
    ○ not logged on this side
    """
    layout = lay_out(flow, most)
    signs = _UNICODE if unicode else _ASCII
    pen = _Pen(color)
    lanes = _Lanes(layout, signs, pen, width)
    sketch = lanes if lanes.room >= _LEAST_WORDS else _List(layout, signs, pen, width)
    lines = [pen("name", printable.line(title, width))] if title else []
    lines += [*_headline(layout, pen), *sketch.head()]
    for block in layout.blocks:
        lines += sketch.block(block)
    if not layout.blocks:
        lines.append("No messages and nothing said.")
    text = "\n".join(line.rstrip() for line in [*lines, *_key(layout, signs, pen)])
    return text if unicode else text.translate(_TO_ASCII).encode("ascii", "backslashreplace").decode("ascii")


class _Pen:
    """Colours text, or does not."""

    def __init__(self, color: bool) -> None:
        self._color = color

    def __call__(self, tone: str, text: str) -> str:
        code = _COLOURS.get(tone)
        return f"\x1b[{code}m{text}\x1b[0m" if self._color and code and text else text


class _Sketch:
    """What both forms share: times, words, repeats."""

    room = 0
    """Cells for the words of a line."""

    def __init__(self, layout: Layout, signs: _Signs, pen: _Pen, width: int) -> None:
        self.layout, self.signs, self.pen, self.width = layout, signs, pen, width

    def head(self) -> list[str]:
        return []

    def drawing(self, row: Row) -> str:
        """What stands between the time and the words."""
        raise NotImplementedError

    def beneath(self) -> str:
        """The same where only words go on."""
        raise NotImplementedError

    def block(self, block: Block) -> list[str]:
        lines = [line for row in block.rows for line in self.lines(row)]
        if block.times == 1:
            return lines
        last = f", the last at {labels.clock(block.until)}" if block.until is not None else ""
        count = len(block.rows)
        said = f"{self.signs.fold} these {count} lines" if count > 1 else f"{self.signs.fold} this line"
        return [
            self.pen("quiet", f"{' ' * _TIME_WIDTH}{said} {block.times:,} times{last}"),
            *lines,
            self.pen("quiet", f"{' ' * _TIME_WIDTH}{self.signs.fold_end}{self.signs.solid * 3}"),
        ]

    def lines(self, row: Row) -> list[str]:
        """The lines of a row: one, and a few more where what went wrong needs them."""
        time = self.pen("quiet", labels.clock(row.time).ljust(_TIME_WIDTH))
        first, *more = self._words(row)
        blank = f"{' ' * _TIME_WIDTH}{self.beneath()}  "
        return [f"{time}{self.drawing(row)}  {first}", *(f"{blank}{words}" for words in more)]

    def _words(self, row: Row) -> list[str]:
        if row.hop < 0:
            said = f"{row.level} {row.label}".strip()
            return [self.pen(row.level or row.kind, part) for part in self._wrapped(said)]
        label = self.clip(row.label, self.room)
        rest = self.room - printable.cell_width(label) - 2
        if not row.detail:
            return [label]
        if not row.problem:
            return [f"{label}  {self.pen('quiet', self.clip(row.detail, rest))}"]
        if printable.cell_width(row.detail) <= rest:
            return [f"{label}  {self.pen('bad', row.detail)}"]
        return [label, *(self.pen("bad", part) for part in self._wrapped(row.detail))]

    def _wrapped(self, text: str) -> list[str]:
        # textwrap counts characters: the clip is for wide ones.
        lines = textwrap.wrap(
            text, max(self.room, 10), max_lines=_MOST_LINES, placeholder=self.signs.ellipsis
        )
        return [self.clip(line, self.room) for line in lines]

    def clip(self, text: str, room: int) -> str:
        return printable.clip(text, max(room, 0)).replace("…", self.signs.ellipsis)


class _Lanes(_Sketch):
    """One column for each component, an arrow on each line, the words beside it."""

    def __init__(self, layout: Layout, signs: _Signs, pen: _Pen, width: int) -> None:
        super().__init__(layout, signs, pen, width)
        names = (printable.cell_width(printable.line(name)) for name in layout.lanes)
        self._lane = min(max([_NARROWEST_LANE, *(name + 2 for name in names)]), _WIDEST_LANE)
        self._drawn = max(self._lane * len(layout.lanes) - self._lane // 2 + 1, 0)
        self.room = width - _TIME_WIDTH - self._drawn - 2

    def head(self) -> list[str]:
        names = (self.clip(printable.line(name), self._lane - 1) for name in self.layout.lanes)
        centred = "".join(_centre(name, self._lane) for name in names)
        return [f"{' ' * _TIME_WIDTH}{self.pen('name', centred.rstrip())}"] if self.layout.lanes else []

    def beneath(self) -> str:
        return self.pen("quiet", "".join(self._lifelines(self.signs.life)))

    def drawing(self, row: Row) -> str:
        if row.kind == "gap":
            return self.pen("quiet", "".join(self._lifelines(self.signs.gap)))
        cells = self._lifelines(self.signs.life)
        start, end = self._at(row.source), self._at(row.target)
        if row.hop < 0:
            span = slice(start, start + 1)
            cells[span] = [self.signs.note]
        elif start == end:
            span = slice(start, start + 4)
            cells[span] = [self.signs.life, *self.signs.solid * 2, self.signs.left]
        else:
            span = slice(min(start, end), max(start, end) + 1)
            cells[span] = _arrow(row, end - start, self._lane // 2, self.signs)
        return "".join(
            (
                self.pen("quiet", "".join(cells[: span.start])),
                self.pen(_tone(row), "".join(cells[span])),
                self.pen("quiet", "".join(cells[span.stop :])),
            )
        )

    def _lifelines(self, sign: str) -> list[str]:
        return list(
            (sign.rjust(self._lane // 2 + 1).ljust(self._lane) * len(self.layout.lanes))[: self._drawn]
        )

    def _at(self, lane: int) -> int:
        return lane * self._lane + self._lane // 2


class _List(_Sketch):
    """Sender, arrow and receiver by name: for many components or a narrow terminal."""

    def __init__(self, layout: Layout, signs: _Signs, pen: _Pen, width: int) -> None:
        super().__init__(layout, signs, pen, width)
        self._names = [self.clip(printable.line(name), _LONGEST_NAME) for name in layout.lanes]
        places = (printable.cell_width(self._place(row)) for row in layout.rows)
        self._drawn = max(places, default=0)
        self.room = width - _TIME_WIDTH - self._drawn - 2

    def beneath(self) -> str:
        return " " * self._drawn

    def drawing(self, row: Row) -> str:
        place = self._place(row)
        return self.pen(_tone(row), place) + " " * (self._drawn - printable.cell_width(place))

    def _place(self, row: Row) -> str:
        if row.kind == "gap":
            return self.signs.gap
        if row.hop < 0:
            return f"{self.signs.note} {self._names[row.source]}"
        arrow = "".join(_arrow(row, 4, 2, self.signs)).replace(self.signs.life, "")
        return f"{self._names[row.source]} {arrow} {self._names[row.target]}"


def _arrow(row: Row, distance: int, half_lane: int, signs: _Signs) -> list[str]:
    """The cells of an arrow from lifeline to lifeline, as they stand on the screen."""
    forward = distance > 0
    dashed = row.kind in {"response", "error"} or row.status in {"pending", "timed_out", "cancelled"}
    shaft = signs.dotted if row.kind == "notification" else signs.dashed if dashed else signs.solid
    inner = abs(distance) - 1
    cells = [signs.life, *(shaft * inner)[:inner], signs.life]
    if row.kind in {"request", "error", "invalid"}:
        cells[-2] = signs.right if forward else signs.left
    else:
        cells[-2] = signs.open_right if forward else signs.open_left
    ends = {"sender": 2, "wire": inner + 1 - half_lane, "receiver": inner}
    end = ends.get(row.lost_at, len(cells))
    if end <= inner:
        cells[end:-1] = [signs.cross, *(" " * (inner - end))]
    if row.seen == "receiver":
        cells[0] = signs.unseen
    elif row.seen == "sender" and end > inner:
        cells[-1] = signs.unseen
    return cells if forward else cells[::-1]


def _tone(row: Row) -> str:
    if row.hop < 0:
        return row.level or row.kind
    return "bad" if row.status in {"tool_error", "lost"} else row.kind


def _headline(layout: Layout, pen: _Pen) -> list[str]:
    first = next((row.time for row in layout.rows if row.time is not None), None)
    facts = [f"{first:%Y-%m-%d} UTC"] if first is not None else []
    facts += [layout.note or f"{layout.messages:,} message{'s' * (layout.messages != 1)}"]
    return [pen("quiet", ", ".join(facts)), ""] if layout.blocks else []


def _key(layout: Layout, signs: _Signs, pen: _Pen) -> list[str]:
    """What the signs mean, as far as they were used and are not plain."""
    rows = layout.rows
    parts = []
    if any(row.lost_at in {"sender", "wire", "receiver"} for row in rows):
        parts.append(f"{signs.cross} lost")
    if any(row.hop >= 0 and row.seen != "both" for row in rows):
        parts.append(f"{signs.unseen} not logged on this side")
    if any(row.kind in {"note", "loss"} for row in rows):
        parts.append(f"{signs.note} said by the component itself")
    return ["", pen("quiet", "   ".join(parts))] if parts else []


def _centre(name: str, lane: int) -> str:
    left = max(lane // 2 - printable.cell_width(name) // 2, 0)
    return " " * left + name + " " * (lane - left - printable.cell_width(name))
