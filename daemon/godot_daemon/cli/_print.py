"""Tables, times, sizes and JSON for the terminal."""

from __future__ import annotations

import codecs
import io
import json
import sys
from datetime import UTC
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

_KIBI: Final = 1024
_PLAIN: Final = str.maketrans(
    {"→": "->", "←": "<-", "…": "...", "\u2013": "-", "—": "-", "·": "-", "•": "*", "\u00d7": "x", "≠": "!="}
    | {
        "✓": "+",
        "✗": "x",
        "│": "|",
        "─": "-",
        "└": "`",
        "├": "|",
        "“": '"',
        "”": '"',
        "\u2019": "'",
        "▸": ">",
    }
)


def table(titles: Sequence[str], rows: Sequence[Sequence[str | int]]) -> None:
    """Aligned columns: numbers to the right, thousands separated, text to the left; nothing for no rows."""
    if not rows:
        return
    cells = [[f"{cell:,}" if isinstance(cell, int) else cell for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    is_number = [isinstance(cell, int) for cell in rows[0]]
    lines = (
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, is_number, strict=True)
        ).rstrip()
        for row in (titles, *cells)
    )
    click.echo("\n".join(lines))  # at once, so that `| head -1` is no failure


def safe(text: str) -> str:
    r"""A text without anything that a terminal might obey: no escapes, no bells, no right-to-left tricks.

    >>> safe("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def prose(text: str) -> None:
    """Text for people; where the terminal lacks typographic signs, their plain cousins."""
    click.echo(text if speaks_unicode() else text.translate(_PLAIN))


def speaks_unicode() -> bool:
    """Whether the output takes every character."""
    return (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")


def escape_what_cannot_be_written() -> None:
    r"""Write a character that the output's encoding lacks as `\\u2192`, which is right in JSON too."""
    codecs.register_error("godot.escape", _escaped)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="godot.escape")


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def json_object(value: object) -> None:
    """One JSON value for programs; times as ISO 8601."""
    click.echo(json.dumps(value, default=_isoformat, ensure_ascii=False))


def moment(time: dt.datetime | None) -> str:
    """A time in UTC for people, to the second."""
    return f"{time.astimezone(UTC):%F %T}" if time else ""


def day(time: dt.datetime | None) -> str:
    """The UTC day of a time."""
    return f"{time.astimezone(UTC):%F}" if time else ""


def _isoformat(value: dt.date) -> str:
    return value.isoformat()


def size(count: int) -> str:
    """Bytes for people.

    >>> size(1536), size(5 * 1024**3)
    ('2 KiB', '5.0 GiB')
    """
    scaled = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if scaled < _KIBI:
            return f"{scaled:,.0f} {unit}"
        scaled /= _KIBI
    return f"{scaled:,.1f} GiB"
