"""Shows a comparison to a person: as text for a terminal, as escaped HTML for a notebook."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from godot_analysis.comparison import JUDGEMENTS
from godot_analysis.presentation.prose import plain, wrapped
from godot_analysis.printable import clip, line, pretty_json
from godot_analysis.theme import fragment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from godot_analysis.comparison import Comparison, Difference
    from godot_analysis.presentation.prose import Style

__all__ = ["as_html", "as_text"]

_SIGNS: Final = {"breaking": "✗", "compatible": "·", "cosmetic": " "}
_TITLES: Final = {"breaking": "Breaking", "compatible": "Compatible", "cosmetic": "Cosmetic"}
_MOST_IN_TEXT: Final = 40  # of each judgement
_MOST_IN_HTML: Final = 200
_MOST_OF_A_VALUE: Final = 600
_LONGEST_VALUE: Final = 60  # characters shown without unfolding, of a value of several lines
_LONGEST_LINE: Final = 200
_CSS: Final = """
& { font: 13px/1.45 system-ui, sans-serif; color: var(--godot-ink);
  background: var(--godot-ground); max-width: 75em; padding: .6em .9em; }
& h3 { margin: .2em 0 .4em; font-size: 1.1em; }
& h4 { margin: 1em 0 .2em; font-size: 1em; }
& .breaking h4, & .alarm { color: var(--godot-error); }
& .healthy { color: var(--godot-response); }
& .first { border-left: 4px solid var(--godot-error); padding: .2em .9em; margin: .6em 0; }
& table { border-collapse: collapse; width: 100%; table-layout: fixed; font: inherit;
  color: inherit; }
& tr { background: none; }
& th { text-align: left; font-weight: normal; color: var(--godot-quiet); }
& th, & td {
  padding: .25em .9em .25em 0; vertical-align: top; text-align: left;
  border-top: 1px solid var(--godot-line); overflow-wrap: anywhere; background: none; }
& col.what { width: 44%; } & col.whom { width: 10%; }
& code, & pre { font: 12px/1.4 ui-monospace, monospace; white-space: pre-wrap;
  margin: 0; background: none; color: inherit; padding: 0; }
& .quiet { color: var(--godot-quiet); }
& summary { cursor: pointer; color: var(--godot-quiet); }
"""


def as_text(comparison: Comparison, *, width: int = 100, style: Style | None = None) -> str:
    """The comparison for a terminal of `width` columns: the first divergence, then everything by judgement.

    Parameters
    ----------
    comparison : Comparison
    width : int
        No line is longer.
    style : callable, optional
        Given a text and its role, returns it painted; nothing is painted without.
    """
    paint = style or plain
    blocks = [_verdict(comparison, paint, width)]
    blocks += [_group_text(judgement, list(found), width, paint) for judgement, found in _grouped(comparison)]
    if comparison.remarks:
        blocks.append(
            "\n".join(paint(wrapped(remark, width, "", "  "), "quiet") for remark in comparison.remarks)
        )
    return "\n\n".join(blocks)


def _verdict(comparison: Comparison, paint: Style, width: int) -> str:
    role = "breaking" if comparison.breaking else "healthy" if _told(comparison) else "quiet"
    return paint(wrapped(_headline(comparison), width, "", "  "), role)


def _headline(comparison: Comparison) -> str:
    left, right = line(comparison.left, 60), line(comparison.right, 60)
    if not comparison.ranked:
        summary = line(replace(comparison, left=left, right=right).summary, 1_000)
        return f"✓ {summary}" if _told(comparison) else summary
    names = " and ".join(
        name if name == side else f"{name} ({side})" for name, side in ((left, "left"), (right, "right"))
    )
    found = ", ".join(f"{count} {name}" for name, count in comparison.counts.items() if count)
    total = len(comparison.ranked)
    sign = "✗" if comparison.breaking else "✓ Nothing breaks:"
    return f"{sign} {total} difference{'' if total == 1 else 's'} between {names}: {found}."


def _told(comparison: Comparison) -> bool:
    """Whether it says something that no difference was found, or that one was."""
    return bool(comparison.ranked) or comparison.compared is None


def _group_text(judgement: str, found: list[Difference], width: int, paint: Style) -> str:
    lines = [paint(_TITLES[judgement], "label")]
    for item in found[:_MOST_IN_TEXT]:
        sign = _SIGNS[judgement]
        told = f"{sign} {item.message}"
        if judgement == "breaking" and item.affects:
            told += f" (breaks: {item.affects.replace(',', ', ')})"
        lines.append(paint(wrapped(told, width, "", "  "), judgement))
        lines.append(paint(clip(f"  at {_path(item)}", width), "quiet"))
        lines += [
            paint(clip(f"  {side:<5} {_short(value)}", width), "quiet")
            for side, value in (("left", item.left), ("right", item.right))
            if judgement == "breaking" and value is not None
        ]
    if len(found) > _MOST_IN_TEXT:
        lines.append(paint(f"  … and {len(found) - _MOST_IN_TEXT:,} more, see .differences", "quiet"))
    return "\n".join(lines)


def as_html(comparison: Comparison) -> str:
    """The comparison as a self-contained HTML fragment; every text that came from a log is escaped."""
    role = "alarm" if comparison.breaking else "healthy" if _told(comparison) else "quiet"
    body = [f'<h3 class="{role}">{escape(_headline(comparison))}</h3>']
    first = comparison.first
    if first is not None and first.breaking:
        began = "Where it began" if comparison.about == "traces" else "First"
        told = f"{began}: {line(first.message, 1_000)}"
        body.append(f'<p class="first"><b>{escape(told)}</b><br>{_where(first)}</p>')
    body += [_group_html(judgement, list(found), comparison) for judgement, found in _grouped(comparison)]
    body += [f'<p class="quiet">{escape(line(remark, 1_000))}</p>' for remark in comparison.remarks]
    return fragment("godot-comparison", _CSS, "".join(body))


def _group_html(judgement: str, found: list[Difference], comparison: Comparison) -> str:
    rows = "".join(_row(item) for item in found[:_MOST_IN_HTML])
    head = "".join(
        f"<th>{escape(title)}</th>"
        for title in ("difference", "whom", line(comparison.left, 40), line(comparison.right, 40))
    )
    cols = '<col class="what"><col class="whom"><col><col>'
    table = f"<table><colgroup>{cols}</colgroup><tr>{head}</tr>{rows}</table>"
    if len(found) > _MOST_IN_HTML:
        table += f'<p class="quiet">… and {len(found) - _MOST_IN_HTML:,} more in .differences</p>'
    title = f"{_TITLES[judgement]} ({len(found):,})"
    if judgement == "cosmetic":
        return f"<details><summary>{title}</summary>{table}</details>"
    return f'<div class="{judgement}"><h4>{title}</h4>{table}</div>'


def _row(item: Difference) -> str:
    cells = [
        f"{escape(line(item.message, 1_000))}<br>{_where(item)}",
        escape(item.affects.replace(",", ", ")),
        _value(item.left),
        _value(item.right),
    ]
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _where(item: Difference) -> str:
    place = f'<code class="quiet">{escape(_path(item))}</code>'
    return place + (f' <span class="quiet">· {escape(line(item.reference))}</span>' if item.reference else "")


def _path(item: Difference) -> str:
    """The path to read, where `tools/list` need not be told from two steps."""
    return line(item.path.replace("~1", "/").replace("~0", "~"), 1_000)


def _value(value: Any) -> str:
    if value is None:
        return '<span class="quiet">none</span>'
    text = line(value, _MOST_OF_A_VALUE) if isinstance(value, str) else pretty_json(value, _MOST_OF_A_VALUE)
    if len(text) > (_LONGEST_VALUE if "\n" in text else _LONGEST_LINE):
        head = clip(_short(value), _LONGEST_VALUE)
        return f"<details><summary><code>{escape(head)}</code></summary><pre>{escape(text)}</pre></details>"
    return f"<code>{escape(_short(value))}</code>"


def _short(value: Any) -> str:
    """A value on one line; its beginning where it is longer."""
    text = value if isinstance(value, str) else " ".join(pretty_json(value, _MOST_OF_A_VALUE).split())
    return line(text, _MOST_OF_A_VALUE)


def _grouped(comparison: Comparison) -> Iterable[tuple[str, Iterable[Difference]]]:
    ordered = sorted(comparison.ranked, key=lambda item: JUDGEMENTS.index(item.judgement))
    return groupby(ordered, key=lambda item: item.judgement)
