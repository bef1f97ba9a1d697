"""Takes secrets out of running text: by the look of tokens, and by the names written before them."""

import re
from functools import cache
from typing import Final

from godot_loglib.sensitive import DEFAULT_FIELDS, INSIDE, PLAIN, SensitiveKeys, split_words

MARKER: Final = "[REDACTED]"

# Every quantifier that could start at many places is bounded: time stays linear on hostile input.
_VALUE_PATTERNS: Final = (
    (("eyj",), re.compile(r"(?<![A-Za-z0-9])eyJ[\w-]{5,512}\.[\w-]{5,8192}(?:\.[\w-]*)?"), MARKER),
    (("sk-", "sk_"), re.compile(r"(?<![A-Za-z0-9])sk[-_][A-Za-z0-9_-]{8,}"), MARKER),
    (("gh",), re.compile(r"(?<![A-Za-z0-9])(?:gh[a-z]_|github_pat_)[A-Za-z0-9_]{16,}"), MARKER),
    (("akia",), re.compile(r"(?<![A-Za-z0-9])AKIA[A-Z0-9]{16}(?![A-Za-z0-9])"), MARKER),
    (("xox",), re.compile(r"(?<![A-Za-z0-9])xox[a-z]-[A-Za-z0-9-]{8,}"), MARKER),
    (("://",), re.compile(r"(://[^\s/?#:@\"'<>]*):(?!\[REDACTED\]@)[^\s/\"'<>]*@"), rf"\1:{MARKER}@"),
    (
        ("bearer",),
        # A word of prose after "bearer" is no token.
        re.compile(
            r"(?i)\b(bearer)\s{1,8}(?!\[REDACTED\])"
            r"(?!(?:tokens?|auth\w{0,16}|schemes?|credentials?|headers?|formats?|or|and|is|was|in)(?![\w.~+/=-]))"
            r"[A-Za-z0-9._~+/=-]+"
        ),
        rf"\1 {MARKER}",
    ),
)

# What may follow `name=` or `"name":`, first the marker itself, so that nothing is redacted twice. A value
# that opens a structure which is no valid JSON has no certain end: then the rest of the text goes.
_VALUE: Final = r"""(?P<value>
      \[REDACTED\]
    | \\+"(?:(?!\\+").)*(?:\\+"|$)
    | "(?:[^"\\]|\\.)*(?:"|\\?$)
    | '(?:[^'\\]|\\.)*(?:'|\\?$)
    | [{\[].*
    | (?:(?:bearer|basic|digest|token)\s{1,8})?[^\s,;&"'<>)\]}]+
)"""
_NO_SECRETS: Final = frozenset({"null", "none", "true", "false", MARKER.lower()})
_KEY_BEFORE: Final = re.compile(r"[\w.\-]{0,64}$")
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")


def redact_text(text: str) -> str:
    """A text of this library's own, such as the reason of a failure, without the default secrets."""
    return _default().redact(text)


class TextRedactor:
    """Finds secrets in text; shares its judgement of names with the redaction of keys."""

    def __init__(self, keys: SensitiveKeys, fields: tuple[str, ...] = ()) -> None:
        self._keys = keys
        stems = [words for name in (*DEFAULT_FIELDS, *fields) if (words := split_words(name))]
        names = "|".join(r"[\W_]?".join(re.escape(word) for word in words) for words in stems)
        self._named = re.compile(
            rf"(?P<name>{names})(?P<rest>[\w.\-]{{0,64}})(?P<sign>\\{{0,4}}[\"']?\s{{0,8}}[:=]\s{{0,8}}){_VALUE}",
            re.IGNORECASE | re.VERBOSE | re.DOTALL,
        )
        self._stems = tuple(dict.fromkeys(words[0] for words in stems))
        looks = [trigger for triggers, _, _ in _VALUE_PATTERNS for trigger in triggers]
        self._triggers = tuple(dict.fromkeys([*self._stems, *looks, "\\u"]))

    def suspicious(self, text: str) -> bool:
        """Whether a closer look is worth its time; never false for a text that `redact` would change."""
        folded = text.casefold()
        for trigger in self._triggers:  # noqa: SIM110  any() over a generator takes twice as long
            if trigger in folded:
                return True
        return False

    def redact(self, text: str) -> str:
        """The text with every secret in it replaced by the marker."""
        folded = text.casefold()
        if any(stem in folded for stem in self._stems):
            text = self._named.sub(self._named_value, text)
        return self._by_look(text, folded)

    def values(self, text: str) -> str:
        """Like `redact`, for a text that is a key itself: only what looks like a secret goes."""
        return self._by_look(text, text.casefold())

    @staticmethod
    def _by_look(text: str, folded: str) -> str:
        for triggers, pattern, replacement in _VALUE_PATTERNS:
            if any(trigger in folded for trigger in triggers):
                text = pattern.sub(replacement, text)
        return text

    def _named_value(self, match: re.Match[str]) -> str:
        before = _KEY_BEFORE.search(match.string, max(0, match.start() - 64), match.start())
        key = (before[0] if before else "") + match["name"] + match["rest"]
        verdict = self._keys.judge(key)
        value = match["value"]
        if (
            verdict == PLAIN
            or value.lower() in _NO_SECRETS
            or (verdict == INSIDE and _NUMBER.fullmatch(value))
        ):
            return match[0]
        return match["name"] + match["rest"] + match["sign"] + MARKER


@cache
def _default() -> TextRedactor:
    return TextRedactor(SensitiveKeys())
