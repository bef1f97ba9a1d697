"""Which literal texts an expression needs: without one of them it cannot match, and need not be tried."""

from __future__ import annotations

from functools import cache
from typing import Final

__all__ = ["anchors"]

_SHORTEST: Final = 3
_LONG_ENOUGH: Final = 8
_ESCAPED: Final = frozenset(".^$*+?{}[]\\|()/-\"'`#&~@!%,;:<>= _")  # that stand for themselves
_ZERO_WIDTH: Final = ("(?=", "(?!", "(?<=", "(?<!")


@cache
def anchors(expression: str) -> tuple[str, ...]:
    """Lower-case texts of which every match holds one; empty where none is sure.

    >>> anchors(r"connection (?:was )?refused"), anchors(r"(?:cannot|could not) connect|\\bdns\\b")
    (('connection ',), (' connect', 'dns'))
    >>> anchors(r"\\d{1,3} \\w?")
    ()
    """
    return tuple(sorted(_of_branches(expression)))


def _of_branches(expression: str) -> frozenset[str]:
    """The anchors of an expression: those of all its branches, none if one branch has none."""
    found: frozenset[str] = frozenset()
    for branch in _split(expression):
        own = _of_sequence(branch)
        if not own:
            return frozenset()
        found |= own
    return found


def _of_sequence(branch: str) -> frozenset[str]:
    """The best anchor of a sequence: a run of literals that must occur, or those of a group that must."""
    candidates: list[frozenset[str]] = []
    run, at = "", 0
    while at < len(branch):
        item, literal, after = _item(branch, at)
        least, at = _quantifier(branch, after)
        if literal is not None and least == 1 and at == after:
            run += literal
            continue
        if literal is not None and least >= 1:
            run += literal
        candidates.append(frozenset({run}))
        run = ""
        if literal is None and least >= 1 and item.startswith("(") and not item.startswith(_ZERO_WIDTH):
            candidates.append(_of_branches(_inside(item)))
    candidates.append(frozenset({run}))
    best = max(candidates, key=_worth, default=frozenset[str]())
    return frozenset(text.lower() for text in best) if _worth(best) > (0, 0) else frozenset()


def _worth(texts: frozenset[str]) -> tuple[int, int]:
    shortest = min(map(len, texts), default=0)
    return (0, 0) if shortest < _SHORTEST else (min(shortest, _LONG_ENOUGH), -len(texts))


def _item(branch: str, at: int) -> tuple[str, str | None, int]:
    """The item at a place, the character that it stands for if it is a literal one, and where it ends."""
    sign = branch[at]
    if sign == "(":
        end = _closing(branch, at)
        return branch[at : end + 1], None, end + 1
    if sign == "[":
        end = _class_end(branch, at)
        return branch[at : end + 1], None, end + 1
    if sign == "\\":
        escaped = branch[at + 1 : at + 2]
        return branch[at : at + 2], escaped if escaped in _ESCAPED else None, at + 2
    return sign, None if sign in ".^$" else sign, at + 1


def _quantifier(branch: str, at: int) -> tuple[int, int]:
    """How often the item before is there at least, and where what says so ends."""
    sign = branch[at : at + 1]
    least = 1
    if sign and sign in "?*+":
        least, at = int(sign == "+"), at + 1
    elif sign == "{" and (end := branch.find("}", at)) > 0 and branch[at + 1 : at + 2].isdigit():
        least, at = int(branch[at + 1 : end].split(",")[0]), end + 1
    else:
        return 1, at
    return least, at + 1 if branch[at : at + 1] in {"?", "+"} else at


def _inside(group: str) -> str:
    inner = group[1:-1]
    if inner.startswith("?P<"):
        return inner.split(">", 1)[1]
    return inner[2:] if inner.startswith("?:") else "" if inner.startswith("?") else inner


def _split(expression: str) -> list[str]:
    """The branches of an expression, those inside of groups and classes left alone."""
    parts, start, at = [], 0, 0
    while at < len(expression):
        if expression[at] == "|":
            parts.append(expression[start:at])
            start = at = at + 1
        else:
            at = _item(expression, at)[2]
    return [*parts, expression[start:]]


def _closing(text: str, at: int) -> int:
    """Where the group that opens at a place closes."""
    at += 1
    while text[at] != ")":
        at = _item(text, at)[2]
    return at


def _class_end(text: str, at: int) -> int:
    """Where the character class that opens at a place closes."""
    at += 1
    at += text[at] == "^"
    at += 1  # a bracket that stands first is one of the class
    while text[at] != "]":
        at += 2 if text[at] == "\\" else 1
    return at
