"""From a text, and the codes beside it, to the kinds of events that it tells of."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from godot_analysis.reading.lexicon import Pattern, identifier_tables, kinds, patterns
from godot_analysis.reading.lexicon.anchors import anchors

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["UNKNOWN", "Reading", "bounded", "classify", "everything", "ordinary"]

UNKNOWN: Final = "unknown"
"""The kind of a text that nobody understood."""

_HEAD: Final = 1536  # what a program says first names the failure …
_TAIL: Final = 512  # … and the last line of a stack trace names it again
_CUT: Final = "\n…\n"
_WORD: Final = re.compile(r"(?<![A-Za-z0-9_])[A-Za-z_][A-Za-z0-9_]{2,79}(?![A-Za-z0-9_])")
# What differs from one failure to the next of the same kind: times, ids, long numbers.
_VARIABLE: Final = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?|\b[0-9a-f]{8}-[0-9a-f-]{18,27}\b"
    r"|(?<!code )(?<!status )(?<!code: )(?<!code=)\b\d{7,40}\b"
)
_FLAGS: Final = re.IGNORECASE | re.DOTALL


class Reading(NamedTuple):
    """What a text tells: its kinds, the one that counts first, and the words that told each."""

    kinds: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def kind(self) -> str:
        """The kind that counts; `unknown` where nothing was understood."""
        return self.kinds[0] if self.kinds else UNKNOWN

    def tells(self, *names: str) -> bool:
        """Whether one of these kinds is among those told."""
        return any(name in self.kinds for name in names)


def bounded(text: str) -> str:
    """What is read of a text: all of it, or its first 1,536 and its last 512 characters.

    >>> len(bounded("a" * 5000)), bounded("short")
    (2051, 'short')
    """
    return text if len(text) <= _HEAD + _TAIL else text[:_HEAD] + _CUT + text[-_TAIL:]


def classify(text: str, code: int | None = None, status: int | None = None) -> Reading:
    """The kinds of failures that a text tells of, in order of precedence.

    Parameters
    ----------
    text : str
        Words of an error, of a record, or of an HTTP body; of a long one what `bounded` keeps is read.
    code, status : int, optional
        The code of a JSON-RPC error and the status of an HTTP answer that came with it.

    Examples
    --------
    >>> classify("connect ECONNREFUSED 127.0.0.1:9050").kind
    'connect.refused'
    >>> classify("all is well").kind
    'unknown'
    """
    return _failures(_VARIABLE.sub("…", bounded(text)), code, status)


def ordinary(text: str) -> Reading:
    """What the words of a record tell that is no failure.

    >>> ordinary("MCP server listening on port 9051").kind
    'server.started'
    """
    return _ordinary(_VARIABLE.sub("…", bounded(text)))


def everything(text: str, code: int | None = None, status: int | None = None) -> Reading:
    """All kinds that a text tells of, failures first."""
    failures, rest = classify(text, code, status), ordinary(text)
    return Reading(failures.kinds + rest.kinds, failures.words + rest.words)


@lru_cache(maxsize=1 << 12)  # systems that fail say the same again and again
def _failures(text: str, code: int | None, status: int | None) -> Reading:
    found: dict[str, str] = {}
    for number, told in ((code, _numbers("code")), (status, _numbers("status"))):
        if number is not None and (kind := told.get(number)) is not None:
            found.setdefault(kind, str(number))
    words = _words()
    for token in _WORD.findall(text):
        if (kind := words.get(token)) is not None:
            found.setdefault(kind, token)
    folded = text.lower()
    for needed, expression, told_by in _forms():
        near = not needed or any(anchor in folded for anchor in needed)
        if near and any(name in text for name in told_by):
            for hit in _compiled_form(expression).finditer(text):
                found.setdefault(told_by[hit["id"]], hit[0])
    return _ranked(found, text, folded, ordinary=False)


@lru_cache(maxsize=1 << 12)
def _ordinary(text: str) -> Reading:
    return _ranked({}, text, text.lower(), ordinary=True)


def _ranked(found: dict[str, str], text: str, folded: str, *, ordinary: bool) -> Reading:
    """What was found already and what wordings tell, in order of precedence."""
    by_anchor, always = _wordings(ordinary=ordinary)
    tried = {*always}.union(*(own for anchor, own in by_anchor.items() if anchor in folded))
    for pattern in sorted(tried):
        if pattern.kind not in found and (hit := _compiled(pattern.match).search(text)):
            found[pattern.kind] = hit[0]
    ranked = sorted(found, key=lambda name: kinds()[name].rank)
    return Reading(tuple(ranked), tuple(found[name] for name in ranked))


@cache
def _wordings(*, ordinary: bool) -> tuple[dict[str, list[Pattern]], list[Pattern]]:
    """The wordings by the texts without which they cannot match, and those that need none."""
    by_anchor: dict[str, list[Pattern]] = {}
    always: list[Pattern] = []
    for pattern in patterns():
        if kinds()[pattern.kind].ordinary == ordinary:
            for anchor in (needed := anchors(pattern.match)):
                by_anchor.setdefault(anchor, []).append(pattern)
            if not needed:
                always.append(pattern)
    return by_anchor, always


@cache
def _compiled(match: str) -> re.Pattern[str]:
    return re.compile(match, _FLAGS)


@cache
def _numbers(form: str) -> dict[int, str]:
    """The kinds of numbers that stand beside a text."""
    tables = (table for table in identifier_tables() if table.form == form)
    return {int(number): kind for table in tables for number, kind in table.kinds.items()}


@cache
def _words() -> dict[str, str]:
    """The kinds of identifiers that are words of their own, as they are spelt."""
    return {
        word: kind
        for table in identifier_tables()
        if table.form == "word"
        for word, kind in table.kinds.items()
    }


@cache
def _compiled_form(expression: str) -> re.Pattern[str]:
    return re.compile(expression)


@cache
def _forms() -> tuple[tuple[tuple[str, ...], str, dict[str, str]], ...]:
    """Expressions around identifiers that are no words of their own: anchors, and the kinds of these."""
    return tuple(
        (
            anchors(table.form.replace("{id}", ".")),
            table.form.replace("{id}", f"(?P<id>{_any_of(table.kinds)})"),
            dict(table.kinds),
        )
        for table in identifier_tables()
        if "{id}" in table.form
    )


def _any_of(names: Mapping[str, str]) -> str:
    return "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
