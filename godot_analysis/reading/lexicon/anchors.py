"""Which literal texts an expression needs: without one of them it cannot match, and need not be tried."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

__all__ = ["anchors"]

_SHORTEST: Final = 3
_LONG_ENOUGH: Final = 8
_ESCAPED: Final = frozenset(".^$*+?{}[]\\|()/-\"'`#&~@!%,;:<>= _")  # that stand for themselves
_SKIPPED: Final = "(?"  # how a group begins that looks around, or sets flags
_NONE: Final[frozenset[str]] = frozenset()
# The last character before what says how often it occurs is a token of its own.
_TOKEN: Final = re.compile(
    r"""
    (?P<often> [?*+][?+]? | \{\d[^}]*\}[?+]? )
  | (?P<group> \( (?: \?: | \?P<\w+> | \? )? )
  | (?P<class> \[ \^? (?: \\. | [^\\] ) (?: \\. | [^\]\\] )* \] | [.^$] )
  | (?P<escape> \\. )
  | (?P<end> [|)] )
  | (?P<text> [^?*+{(\[.^$\\|)]+ (?![?*+{]) | . )
    """,
    re.VERBOSE | re.DOTALL,
)


@cache
def anchors(expression: str) -> tuple[str, ...]:
    r"""Lower-case texts of which every match holds one; empty where none is sure.

    >>> anchors(r"connection (?:was )?refused"), anchors(r"(?:cannot|could not) connect|\bdns\b")
    (('connection ',), (' connect', 'dns'))
    >>> anchors(r"\d{1,3} \w?")
    ()
    """
    return tuple(sorted(_Reader(expression).branches()))


class _Reader:
    """Reads an expression once, from left to right."""

    def __init__(self, expression: str) -> None:
        self._tokens = [(found.lastgroup, found[0]) for found in _TOKEN.finditer(expression)]
        self._tokens.append(("end", ""))
        self._at = 0

    def branches(self) -> frozenset[str]:
        """The anchors of an expression: those of all its branches, none if one branch has none."""
        found = [self._sequence()]
        while self._tokens[self._at][1] == "|":
            self._at += 1
            found.append(self._sequence())
        return _NONE.union(*found) if all(found) else _NONE

    def _sequence(self) -> frozenset[str]:
        """The best anchor of a sequence: a run of literals that must occur, or those of a group that must."""
        best, run = _NONE, ""
        while (token := self._tokens[self._at])[0] != "end":
            self._at += 1
            literal, within = self._item(*token)
            least = self._least()
            if literal is not None and least is None:
                run += literal
                continue
            if literal is not None and least:
                run += literal
            best = _better(best, run)
            if within and least != 0:
                best = max(best, within, key=_worth)
            run = ""
        return _better(best, run)

    def _item(self, kind: str | None, text: str) -> tuple[str | None, frozenset[str]]:
        """The text that an item stands for if it is a literal one, and the anchors in it if it is a group."""
        if kind == "group":
            within = self.branches()
            self._at += 1
            return None, _NONE if text == _SKIPPED else within
        if kind == "escape":
            return text[1] if text[1] in _ESCAPED else None, _NONE
        return text if kind == "text" else None, _NONE

    def _least(self) -> int | None:
        """How often the item before is there at least; None where nothing is said, which is once."""
        kind, text = self._tokens[self._at]
        if kind != "often":
            return None
        self._at += 1
        return int(text[1:].rstrip("?+}").split(",")[0]) if text[0] == "{" else int(text[0] == "+")


def _better(best: frozenset[str], run: str) -> frozenset[str]:
    return best if len(run) < _SHORTEST else max(best, frozenset({run.lower()}), key=_worth)


def _worth(texts: frozenset[str]) -> tuple[int, int]:
    """How well an anchor tells; nothing else than long enough ones are kept."""
    return (min(_LONG_ENOUGH, *map(len, texts)), -len(texts)) if texts else (0, 0)
