"""Which keys hold secrets: judged from the key's name alone, whatever its case and separators."""

import re
from typing import Final

from godot_wire.rules import TABLE

PLAIN: Final = 0  # no secret
WEAK: Final = 1  # a text that looks random is one (`auth`, `pass`)
INSIDE: Final = 2  # the key goes on after the name (token_count, passwords): numbers are no secrets
ENDS: Final = 3  # the key ends in the name (access_token): everything but null and booleans is a secret

_NO_LETTERS: Final = re.compile("[\x00-/:-@\\[-`{-\u00bf\u2000-\u206f\u3000-\u303f]+")
_WORD: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[\u00c0-\U0010ffff]+")
_CACHED_KEYS: Final = 4096
_JUDGED_LENGTH: Final = 256
_HARMLESS: Final = TABLE["harmless"]
_TAILS: Final = tuple(_HARMLESS["tails"])
_WHOLE_TAILS: Final = frozenset(_HARMLESS["whole_tails"])
_LETTERS: Final = {name: tuple(letters) for name, letters in _HARMLESS["letters"].items()}
BEFORE_TOKEN: Final = frozenset(_HARMLESS["before_token"])
_LONG_BEFORE: Final = tuple(sorted(word for word in BEFORE_TOKEN if len(word) > 5 or word == "page"))  # noqa: PLR2004


def squeeze(name: str) -> str:
    """A name without case and separators: `API-Key` and `apiKey` are both `apikey`."""
    return _NO_LETTERS.sub("", name.lower())


def split_words(name: str) -> list[str]:
    """The words of a name, as separators and capitals divide it: `creditCard` and `credit-card` have two."""
    return [word.lower() for word in _WORD.findall(name)]


def _names(match: str) -> dict[str, str]:
    return {
        name if match == "whole" else squeeze(name): entry["rule"]
        for entry in TABLE["keys"]
        if entry["match"] == match
        for name in entry["names"]
    }


_ANYWHERE: Final = _names("anywhere")
_WORDS: Final = _names("word")
_ENDS: Final = _names("end")
_WEAK: Final = _names("weak")
_WHOLE: Final = _names("whole")

STEMS: Final = (
    "pass", "pwd", "token", "key", "authorization", "secret", "cred", "cookie", "jwt", "sess", "sid",
    "otp", "cvv", "cvc", "mfa", "code", "bearer", "auth", "signature", "phrase",
    "mnemonic", "assertion", "x-amz-", "x-goog",
)  # fmt: skip
"""One of them is in every key that is no `PLAIN`, once it is lower case; a test proves it for all names."""


class SensitiveKeys:
    """Judges keys by the table, and by the names that the user configured: those count as whole words.

    The difference to the distinctive names, which count anywhere in a key (`aws_secret_access_key`): a
    configured `ssn` must not take `className` with it.
    """

    def __init__(self, fields: tuple[str, ...] = ()) -> None:
        self._configured = frozenset(squeezed for name in fields if (squeezed := squeeze(name)))
        self._cache: dict[str, tuple[int, str]] = {}

    def judge(self, key: str) -> int:
        """`PLAIN`, `WEAK`, `INSIDE` or `ENDS`; what was judged before is remembered, for keys repeat."""
        found = self._cache.get(key)
        return (self._remembered(key) if found is None else found)[0]

    def rule(self, key: str) -> str:
        """The name of the rule by which a key is no plain one."""
        found = self._cache.get(key)
        return (self._remembered(key) if found is None else found)[1]

    def _remembered(self, key: str) -> tuple[int, str]:
        if len(self._cache) >= _CACHED_KEYS:
            self._cache.clear()
        found = self._judge(key[-_JUDGED_LENGTH:])
        if len(key) <= _JUDGED_LENGTH:
            self._cache[key] = found
        return found

    def _judge(self, key: str) -> tuple[int, str]:
        squeezed = squeeze(key)
        words = split_words(key)
        if not squeezed or _is_cursor(squeezed, words):
            return PLAIN, ""
        found = max((_anywhere(squeezed, name) for name in _ANYWHERE), default=(PLAIN, ""))
        if key.lower() in _WHOLE and words != [
            "session",
            "id",
        ]:  # `sessionid` is a cookie, `sessionId` a name
            found = max(found, (ENDS, _WHOLE[key.lower()]))
        elif squeezed == "mcpsessionid":
            found = max(found, (ENDS, "session id"))
        return max(found, self._in_words(squeezed, words))

    def _in_words(self, squeezed: str, words: list[str]) -> tuple[int, str]:
        """Names that count as whole words: of the table, and the configured ones."""
        found = max(_at_end(squeezed), (PLAIN, ""))
        if squeezed in self._configured:
            found = (ENDS, "configured")
        for start in range(len(words)):
            run = ""
            for end in range(start, min(len(words), start + 6)):
                run += words[end]
                last = end == len(words) - 1
                if run in _WORDS:
                    tail = "".join(words[end + 1 :])
                    if last or not _harmless_tail(tail, run):
                        found = max(found, (ENDS if last else INSIDE, _WORDS[run]))
                if last:
                    found = max(found, _at_end(run))
                if run in self._configured:
                    found = max(found, (ENDS if last else INSIDE, "configured"))
                elif run.endswith("s") and run[:-1] in self._configured:
                    found = max(found, (INSIDE, "configured"))
        return found


def _at_end(run: str) -> tuple[int, str]:
    if run in _ENDS:
        return ENDS, _ENDS[run]
    if run in _WORDS:
        return ENDS, _WORDS[run]
    if run.endswith("pwd"):  # userpwd
        return ENDS, _WORDS["pwd"]
    return (WEAK, _WEAK[run]) if run in _WEAK else (PLAIN, "")


def _is_cursor(squeezed: str, words: list[str]) -> bool:
    """Tokens that only mark a place: of progress, of a page, of a vocabulary."""
    bare = squeezed.removesuffix("s")
    if not bare.endswith("token"):
        return False
    if words and words[-1] in {"token", "tokens"}:
        return len(words) > 1 and words[-2] in BEFORE_TOKEN
    rest = bare.removesuffix("token")
    return rest in BEFORE_TOKEN or rest.endswith(_LONG_BEFORE)


def _anywhere(squeezed: str, name: str) -> tuple[int, str]:
    if squeezed.endswith(name):
        return ENDS, _ANYWHERE[name]
    _, inside, tail = squeezed.rpartition(name)
    if not inside:
        return PLAIN, ""
    if _harmless_tail(tail, name) or tail.startswith(_LETTERS.get(name, ())):
        return PLAIN, ""
    return INSIDE, _ANYWHERE[name]


def _harmless_tail(tail: str, name: str) -> bool:
    tails = (tail, tail.removeprefix("s")) if name in _ANYWHERE else (tail,)
    return any(each in _WHOLE_TAILS or each.startswith(_TAILS) for each in tails)
