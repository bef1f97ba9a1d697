"""Draw a flow as an SVG sequence diagram: one pure function, no script, all log text escaped."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

from godot_analysis import printable, theme
from godot_analysis.presentation import labels
from godot_analysis.presentation.sequence import lay_out

if TYPE_CHECKING:
    import pandas as pd

    from godot_analysis.presentation.sequence import Block, Layout, Row
    from godot_analysis.reconstruction.flow import Flow

__all__ = ["sequence", "style"]

_TIME_WIDTH: Final = 92
_MARGIN: Final = 70  # beside the outermost lanes, for their names and for notes
_LANE_LEAST, _LANE_MOST = 120, 200
_CHARACTER: Final = 6.7  # pixels, generous for most proportional fonts at 12 px; DejaVu Sans needs as much
_ROW, _NOTE, _GAP = 32, 32, 30
_HEAD: Final = 34
_LEGEND: Final = 34
_HEADS_AGAIN_FROM: Final = 900  # pixels: below that the names at the top are still in sight
_PROBLEMS_TOLD: Final = 12


def sequence(flow: pd.DataFrame | Flow, *, title: str = "", most: int = 200) -> str:
    """Draw a flow as a sequence diagram.

    Components stand side by side in the order in which they appear, time runs down. The picture follows the
    light or dark theme of the notebook around it, or of the reader's system when it stands alone.

    Parameters
    ----------
    flow
        What `reconstruct` returned, or a log frame for it.
    title
        A line above the picture.
    most
        About how many rows to draw; a flow with more is folded and thinned out, and the picture says so.

    Returns
    -------
    str
        One `<svg>` element, complete with its style, to inline into a page or to save as a file.

    Examples
    --------
    >>> import godot_analysis as ga
    >>> ga.svg.sequence(ga.reconstruct(ga.from_records([]))).startswith("<svg ")
    True
    """
    return _Picture(lay_out(flow, most), title).draw()


@cache
def style() -> str:
    """The style sheet of sequences, for everything inside an element of class `godot-sequence`."""
    rules = Path(__file__).with_name("sequence.css").read_text(encoding="utf-8")
    return theme.css_variables(".godot-sequence") + "\n" + rules


@dataclass
class _Picture:
    layout: Layout
    title: str
    _parts: list[str] = field(default_factory=list)
    _bars: list[str] = field(default_factory=list)
    _row_of_hop: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lanes = max(len(self.layout.lanes), 1)
        self._step = _lane_step(self.layout)
        self._left = _TIME_WIDTH + _MARGIN
        self._width = max(self._left + (lanes - 1) * self._step + _MARGIN, 620)
        self._y = 12.0

    def draw(self) -> str:
        self._headline()
        top = self._y
        self._y += _HEAD + 12
        body = self._y
        for block in self.layout.blocks:
            self._block(block)
        if not self.layout.blocks:
            self._text(self._width / 2, body + 14, "No messages and nothing said.", "quiet", "middle")
            self._y += 40
        bottom = self._y + 8
        self._y = bottom + 8
        lanes = self._lanes(top, bottom)
        self._legend()
        return self._document([*lanes, *self._bars, *self._parts])

    def _document(self, parts: list[str]) -> str:
        about = escape(printable.line(self.title or "Sequence of messages"))
        size = f"{self._width:.0f} {self._y:.0f}"
        width, height = size.split()
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="godot-sequence" role="img" aria-label="{about}" '
            f'width="{width}" height="{height}" viewBox="0 0 {size}">\n'
            f"<title>{about}</title>\n<desc>{escape(_description(self.layout))}</desc>\n"
            f"<style>{style()}</style>\n" + "\n".join(parts) + "\n</svg>\n"
        )

    def _headline(self) -> None:
        if self.title:
            self._text(12, self._y + 12, printable.line(self.title, int(self._width / 7.5)), "title")
            self._y += 22
        first = next((row.time for row in self.layout.rows if row.time is not None), None)
        facts = [f"{first:%Y-%m-%d}, times in UTC"] if first is not None else []
        facts += [self.layout.note] if self.layout.note else []
        if facts:
            self._text(12, self._y + 10, " · ".join(facts), "quiet")
            self._y += 22

    def _lanes(self, top: float, bottom: float) -> list[str]:
        parts = []
        heads = [top, bottom - _HEAD] if bottom - top > _HEADS_AGAIN_FROM else [top]
        if len(heads) > 1:
            bottom = self._y = bottom + _HEAD + 4
            heads[1] = bottom - _HEAD
        for number, name in enumerate(self.layout.lanes):
            x = self._x(number)
            parts.append(f'<path class="life" d="M{x:.1f} {top + _HEAD}V{bottom:.1f}"/>')
            width = min(max(_width_of(name) + 24, 64), self._step - 8)
            shown = escape(printable.line(name, int((width - 12) / _CHARACTER)))
            parts += [
                f'<g><title>{escape(printable.line(name))}</title><rect class="head" x="{x - width / 2:.1f}" '
                f'y="{y:.1f}" width="{width:.1f}" height="{_HEAD - 6}" rx="6"/>'
                f'<text class="name" x="{x:.1f}" y="{y + 18:.1f}" text-anchor="middle">{shown}</text></g>'
                for y in heads
            ]
        self._y = bottom + 10
        return parts

    def _block(self, block: Block) -> None:
        top = self._y
        if block.times > 1:
            self._y += 22
        for row in block.rows:
            self._row(row)
        if block.times > 1:
            self._y += 8
            self._fold(block, top)

    def _fold(self, block: Block, top: float) -> None:
        left, right = _TIME_WIDTH + 4.0, self._width - 8.0
        said = f"{block.times:,} times" + (
            f", the last at {labels.clock(block.until)}" if block.until else ""
        )
        width = _width_of(said) + 16
        self._parts.append(
            f'<rect class="fold" x="{left:.1f}" y="{top + 4:.1f}" width="{right - left:.1f}" '
            f'height="{self._y - top - 6:.1f}" rx="6"/><rect class="tab" x="{left:.1f}" y="{top + 4:.1f}" '
            f'width="{width:.1f}" height="18" rx="5"/>'
        )
        self._text(left + 8, top + 17, said, "quiet")

    def _row(self, row: Row) -> None:
        if row.kind == "gap":
            self._text(self._width / 2, self._y + 18, f"⋮  {row.label}", "quiet halo", "middle")
            self._y += _GAP
            return
        classes = " ".join(part for part in (row.kind, row.status, row.level) if part)
        told = " · ".join(part for part in (labels.clock(row.time), row.label, row.detail) if part)
        self._parts.append(f'<g class="{classes}"><title>{escape(told)}</title>')
        if row.hop >= 0:
            self._y += _ROW
            self._message(row, self._y - 8)
        else:
            self._y += _NOTE
            self._note(row, self._y - 8)
        self._text(12, self._y - 4, labels.clock(row.time), "time")
        self._parts.append("</g>")

    def _note(self, row: Row, y: float) -> None:
        said = f"{row.level}  {row.label}".strip()
        width = min(_width_of(said) + 20, self._width - _TIME_WIDTH - 16)
        left = max(min(self._x(row.source) - width / 2, self._width - 10 - width), _TIME_WIDTH + 6)
        self._parts.append(
            f'<path class="paper" d="M{left:.1f} {y - 14:.1f}h{width - 8:.1f}l8 8v14h{-width:.1f}z"/>'
        )
        self._text(left + 8, y + 2, printable.clip(said, int((width - 14) / _CHARACTER)))

    def _message(self, row: Row, y: float) -> None:
        start, end = self._x(row.source), self._x(row.target)
        self._row_of_hop[row.hop] = y
        if row.answers in self._row_of_hop:
            self._bar(start, self._row_of_hop[row.answers], y)
        elif row.status == "pending":
            self._bar(end, y, y + 14, "open")
        if start == end:
            self._parts.append(f'<path class="arrow" d="M{start} {y - 8}h26v10h-20"/>')
            self._parts.append(_tip(start + 5, y + 2, -1, closed=row.kind in {"request", "error"}))
        else:
            self._arrow(row, start, end, y)
        self._caption(row, start, end if end != start else start + 60, y)

    def _arrow(self, row: Row, start: float, end: float, y: float) -> None:
        way = 1 if end > start else -1
        stop = {
            "sender": start + way * 16,
            "wire": end - way * self._step / 2,
            "receiver": end - way * 9,
        }.get(row.lost_at, end)
        begin = start + way * 4
        if stop == end:
            tip = end - way * 4
            inset = 8 if row.kind in {"request", "error", "invalid"} else 1
            self._parts.append(f'<path class="arrow" d="M{begin:.1f} {y:.1f}H{tip - way * inset:.1f}"/>')
            self._parts.append(_tip(tip, y, way, closed=row.kind in {"request", "error", "invalid"}))
        else:
            self._parts.append(
                f'<path class="rest" d="M{stop:.1f} {y:.1f}H{end:.1f}"/>'
                f'<path class="arrow" d="M{begin:.1f} {y:.1f}H{stop:.1f}"/>'
                f'<path class="cross" d="M{stop - 5:.1f} {y - 5:.1f}l10 10m0 -10l-10 10"/>'
            )
        if row.seen == "receiver":
            self._parts.append(_ring(start, y))
        if row.seen == "sender" and stop == end:
            self._parts.append(_ring(end, y))

    def _caption(self, row: Row, start: float, end: float, y: float) -> None:
        room = int((self._width - _TIME_WIDTH - 24) / _CHARACTER)
        label = printable.clip(row.label, room)
        detail = printable.clip(row.detail, max(room - len(label) - 3, 0))
        width = _width_of(f"{label}   {detail}" if detail else label)
        centre = (start + end) / 2
        least, most = _TIME_WIDTH + 6, self._width - 10
        # At the rims the text is tied to the rim, so that a font wider than assumed cannot leave the picture.
        x, anchor = centre, "middle"
        if centre - width / 2 < least:
            x, anchor = least, "start"
        elif centre + width / 2 > most:
            x, anchor = most, "end"
        tone = "bad" if row.problem else "quiet"
        more = f'<tspan class="{tone}" dx="8">{escape(detail)}</tspan>' if detail else ""
        self._parts.append(
            f'<text class="halo" x="{x:.1f}" y="{y - 7:.1f}" text-anchor="{anchor}">'
            f"{escape(label)}{more}</text>"
        )

    def _bar(self, x: float, top: float, bottom: float, style: str = "") -> None:
        self._bars.append(
            f'<rect class="work {style}" x="{x - 4:.1f}" y="{top:.1f}" width="8" '
            f'height="{max(bottom - top, 6):.1f}" rx="2"/>'
        )

    def _legend(self) -> None:
        rows = self.layout.rows
        kinds = {row.kind for row in rows}
        samples = [(kind, kind) for kind in ("request", "response", "error", "notification") if kind in kinds]
        x = 12.0
        y = self._y + 14
        for kind, said in samples:
            self._parts.append(
                f'<g class="{kind}"><path class="arrow" d="M{x} {y}h26"/>'
                f"{_tip(x + 34, y, 1, closed=kind in {'request', 'error'})}</g>"
            )
            x = self._explain(x + 42, y, said)
        if any(row.lost_at in {"sender", "wire", "receiver"} for row in rows):
            self._parts.append(f'<path class="cross" d="M{x} {y - 5}l10 10m0 -10l-10 10"/>')
            x = self._explain(x + 16, y, "lost")
        if any(row.status == "pending" for row in rows):
            self._parts.append(
                f'<g class="request pending"><path class="arrow" d="M{x} {y}h26"/>'
                f"{_tip(x + 34, y, 1, closed=True)}</g>"
            )
            x = self._explain(x + 42, y, "no answer yet")
        if any(row.hop >= 0 and row.seen != "both" for row in rows):
            self._parts.append(_ring(x + 6, y))
            self._explain(x + 16, y, "not logged on this side")
        self._y += _LEGEND if samples else 4

    def _explain(self, x: float, y: float, said: str) -> float:
        self._text(x, y + 4, said, "quiet")
        return x + _width_of(said) + 18

    def _text(self, x: float, y: float, said: str, style: str = "", anchor: str = "start") -> None:
        placed = f' text-anchor="{anchor}"' if anchor != "start" else ""
        styled = f' class="{style}"' if style else ""
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}"{styled}{placed}>{escape(said)}</text>')

    def _x(self, lane: int) -> float:
        return self._left + lane * self._step


def _lane_step(layout: Layout) -> float:
    """How far lanes stand apart: as far as the labels between neighbours need, within reason."""
    needed = sorted(
        _width_of(f"{row.label}   {row.detail}") + 24
        for row in layout.rows
        if row.hop >= 0 and abs(row.source - row.target) <= 1
    )
    usual = needed[int(len(needed) * 0.8)] if needed else _LANE_LEAST
    return float(min(max(usual, _LANE_LEAST), _LANE_MOST))


def _width_of(text: str) -> float:
    return printable.cell_width(text) * _CHARACTER


def _tip(x: float, y: float, way: int, *, closed: bool) -> str:
    back = x - way * 9
    return (
        f'<path class="tip" d="M{back:.1f} {y - 4.5:.1f}L{x:.1f} {y:.1f}L{back:.1f} {y + 4.5:.1f}'
        f'{"z" if closed else ""}"/>'
    )


def _ring(x: float, y: float) -> str:
    return f'<circle class="unseen" cx="{x:.1f}" cy="{y:.1f}" r="5"/>'


def _description(layout: Layout) -> str:
    """What the picture shows, for those who cannot see it."""
    between = ", ".join(layout.lanes) or "no component"
    problems = [row for row in layout.rows if row.problem]
    told = [f"{row.label} ({row.detail})" if row.detail else row.label for row in problems[:_PROBLEMS_TOLD]]
    more = len(problems) - len(told)
    parts = [f"{layout.messages:,} messages between {between}."]
    parts += [f"Problems: {'; '.join(told)}{f'; and {more} more' if more else ''}."] if told else []
    parts += [f"{layout.note}."] if layout.note else []
    return printable.line(" ".join(parts), 4000)
