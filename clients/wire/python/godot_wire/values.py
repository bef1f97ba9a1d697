"""Where the value ends that is written after a name: in quotes, in brackets, a header, a word, a sentence."""

import re
from typing import Final

_OPENING: Final = re.compile(r"[bru]{0,2}(\\{0,64})([\"'`])", re.IGNORECASE)
_BARE: Final = re.compile(
    r"[^\s,;&\"'`<>)\]}]+(?:,(?!\s|[A-Za-z0-9_.\-]{1,64}[:=])[^\s,;&\"'`<>)\]}]+)*", re.ASCII
)
_CLAUSE: Final = re.compile(r"[^\r\n,;\"'`<>(){}\[\]]+")
_LINE: Final = re.compile(r"[^\r\n\"'`\\]+")
_HEADER: Final = re.compile(r"(?:[^\r\n\"'`\\]|\"[^\"\r\n]{0,4096}\")+")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{1,31}[ \t]{1,8}(?=[^\s,;:])")
_WITH_PARAMETERS: Final = re.compile(
    r"[A-Za-z][A-Za-z0-9_-]{1,31}[ \t]{1,8}(?=[A-Za-z][A-Za-z0-9_-]{0,31}=[^=\s])"
)
_AND_SO_ON: Final = re.compile(
    r"[ \t]+(?:and|for|from|in|with|at|on|to|of|by|as|is|was|were|user|when|because|via|failed|rejected|sent)"
    r"(?=[ \t])|[ \t]+(?=[A-Za-z0-9_.\-]{1,64}\\{0,4}[\"']?[ \t]{0,4}[:=])",
    re.IGNORECASE,
)
_BRACKETS: Final = re.compile(r"[\[\](){}]")
_STRUCTURE: Final = 4096
_ELEMENT: Final = 4096
_COOKIE_NAME: Final = 256
UNCLOSED: Final = "[…"
"""Stands for a value that goes on to the end of the text: it is not copied, for there may be many of them."""

_NUMBERS: Final = re.compile(r"[\[({]?[0-9.,: \t-]*[\])}]?")
_PROSE_LENGTH: Final = 512
_HEADERS: Final = ("authorization",)
_COOKIES: Final = ("cookie", "cookies")
_SENTENCES: Final = (
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "phrase",
    "secret",
    "key",
    "token",
    "pass",
)


def value_at(  # noqa: C901, PLR0911  one for each way to write a value
    text: str, start: int, key: str, sign: str
) -> tuple[int, str] | None:
    """The end of the value that begins at `start`, and the value without quotes; None when there is none."""
    opening = _OPENING.match(text, start)
    if opening is not None:
        return _quoted(text, opening)
    first = text[start : start + 1]
    if not first or first in "\r\n":
        return None
    if first in "[{(":
        return _structure(text, start)
    lowered = key.lower()
    if lowered.endswith(_HEADERS):
        return _header(text, start)
    if lowered.endswith(_COOKIES) and sign.startswith(":"):
        begin = _LINE.match(text, start, start + _COOKIE_NAME)
        if begin is not None and "=" in begin[0] and (line := _LINE.match(text, start)):
            return line.end(), line[0]
    if sign.endswith(">"):
        end = text.find("<", start, start + _ELEMENT)
        if end >= 0:
            return end, text[start:end]
    bare = _BARE.match(text, start)
    if bare is None:
        return None
    if sign.endswith(":") and text[start - 1 : start] in {" ", "\t"} and lowered.endswith(_SENTENCES):
        return _clause(text, start, bare)
    end = bare.end() - (len(bare[0]) - len(bare[0].rstrip(".,:!?")))
    end = bare.end() if end <= start else end
    return end, text[start:end]


def _quoted(text: str, opening: re.Match[str]) -> tuple[int, str]:
    """Up to the quote that closes: inside of a text that was escaped n times, one with n backslashes."""
    slashes, quote = len(opening[1]), opening[2]
    begin = at = opening.end()
    while (at := text.find(quote, at)) >= 0:
        before = at
        while before > begin and text[before - 1] == "\\":
            before -= 1
        count = at - before
        if (count % 2 == 0) if slashes == 0 else count <= slashes:
            return at + 1, text[begin : at - count if slashes else at]
        at += 1
    return len(text), text[begin:]


def _structure(text: str, start: int) -> tuple[int, str]:
    """Up to the bracket that closes; without one, or where it is far, the rest of the text."""
    depth = 0
    for bracket in _BRACKETS.finditer(text, start, start + _STRUCTURE):
        depth += 1 if bracket[0] in "[({" else -1
        if depth == 0:
            value = text[start : bracket.end()]
            if _NUMBERS.fullmatch(value):
                return bracket.end(), "none"
            if bracket[0] in ")}" and value[1:-1].strip(" .") == "":
                return bracket.end(), "none"
            return bracket.end(), value
    return len(text), UNCLOSED


def _header(text: str, start: int) -> tuple[int, str]:
    """A scheme with its credentials; those that have parameters go on to the end of the line."""
    if _WITH_PARAMETERS.match(text, start):
        line = _HEADER.match(text, start)
        if line is not None:
            return line.end(), line[0]
    scheme = _SCHEME.match(text, start)
    bare = _BARE.match(text, scheme.end() if scheme else start) or _BARE.match(text, start)
    end = bare.end() if bare else start + 1
    return end, text[start:end]


def _clause(text: str, start: int, bare: re.Match[str]) -> tuple[int, str]:
    """`password: a hunter2`: up to where the sentence goes on with something else."""
    clause = _CLAUSE.match(text, start, start + _PROSE_LENGTH)
    end = clause.end() if clause else bare.end()
    more = _AND_SO_ON.search(text, bare.end(), max(end, bare.end()))
    end = max(bare.end(), more.start() if more else end)
    value = text[start:end].rstrip(" \t.")
    return start + len(value), value
