"""Prose for a terminal: wrapped to its width, painted by the role that it plays."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

from godot_analysis.printable import line

__all__ = ["Style", "plain", "wrapped"]

Style = Callable[[str, str], str]
"""Paints a text in a role, such as error, breaking, healthy, label or quiet."""


def plain(text: str, _role: str) -> str:
    """The style that paints nothing."""
    return text


def wrapped(text: str, width: int, indent: str = "", hang: str | None = None) -> str:
    """The text in lines of `width`, behind `indent` and all but the first behind `hang`, where it is given.

    >>> print(wrapped("one two three", 9, "· ", "  "))
    · one two
      three
    """
    return textwrap.fill(
        line(text, 10_000),
        width,
        initial_indent=indent,
        subsequent_indent=indent if hang is None else hang,
        break_on_hyphens=False,
    )
