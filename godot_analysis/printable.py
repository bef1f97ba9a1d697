"""Make log text safe and legible to show: control characters visible, one line, bounded, measured."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any, Final

__all__ = ["cell_width", "clip", "line", "pretty_json", "written"]

# What would move the cursor, reorder the text around it or hide in it: C0, C1 and DEL, zero-width and
# bidirectional controls, line separators, the byte order mark, lone surrogates and tag characters.
_UNSAFE_CLASS: Final = (
    "\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ufffe\uffff"
    "\ud800-\udfff\U000e0000-\U000e007f"
)
_UNSAFE: Final = re.compile(f"[{_UNSAFE_CLASS}]")
# json.dumps has escaped C0 inside strings already; the line breaks left are its own indentation.
_UNSAFE_JSON: Final = re.compile(f"[{_UNSAFE_CLASS}]".replace("\x00-\x1f", ""))
_BEYOND_BMP: Final = 0xFFFF


def line(text: object, most: int = 200) -> str:
    r"""One line of `text` that can do nothing but be read, at most `most` characters long.

    >>> line("two\nlines \x1b[31m and \u202e tricks")
    'two\\nlines \\x1b[31m and \\u202e tricks'
    """
    raw = str(text)
    return clip(_UNSAFE.sub(_visible, raw[: most + 1]), most)


def clip(text: str, most: int) -> str:
    """The beginning of `text` in at most `most` cells, its end marked when something was cut.

    >>> clip("gates_create_document", 10)
    'gates_cre…'
    """
    if len(text) <= most and (text.isascii() or cell_width(text) <= most):
        return text
    width = 0
    for index, character in enumerate(text):
        width += _character_width(character)
        if width > most - 1:
            return text[:index] + "…" if most > 0 else ""
    return text


def cell_width(text: str) -> int:
    """How many cells of a terminal `text` takes: wide characters take two, combining ones none.

    >>> cell_width("naïve"), cell_width("日本")
    (5, 4)
    """
    return len(text) if text.isascii() else sum(map(_character_width, text))


def pretty_json(value: Any, most: int | None = None) -> str:
    r"""`value` as indented JSON whose strings cannot reorder or hide text.

    More than `most` characters are cut, and the cut is said.

    >>> print(pretty_json({"name": "abc\u202e"}))
    {
      "name": "abc\u202e"
    }
    """
    text = json.dumps(value, ensure_ascii=False, indent=2, default=str)
    if most is not None and len(text) > most:
        text = f"{text[:most]}\n… {len(text) - most:,} more characters"
    return _UNSAFE_JSON.sub(_escape, text)


def written(text: str) -> str:
    r"""The text as it can be written in UTF-8: lone surrogates, which JSON may hold, become their escapes.

    >>> written("a\ud800")
    'a\\ud800'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _visible(match: re.Match[str]) -> str:
    return ascii(match.group())[1:-1]


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code <= _BEYOND_BMP:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def _character_width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
