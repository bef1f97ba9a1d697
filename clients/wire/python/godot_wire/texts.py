"""Takes secrets out of running text: by the look of tokens, and by the names written before them.

Everything here is linear in the length of the text. No expression can begin at many places and run far from
each: what follows a name is found by `str.find` and by classes that are consumed as a whole. `re` keeps the
interpreter's lock, so a long text is searched in windows, between which other threads run.
"""

import re
from collections.abc import Callable
from typing import Final

from godot_wire import addresses
from godot_wire.checks import mixed
from godot_wire.keys import BEFORE_TOKEN, INSIDE, PLAIN, STEMS, WEAK, SensitiveKeys, split_words, squeeze
from godot_wire.looks import VALUE_RULES
from godot_wire.rules import CURSORS, HARMLESS_VALUES, LOGINS, MARKED, PROSE, TABLE
from godot_wire.values import value_at

WINDOW: Final = 64 * 1024
_OVERLAP: Final = 4 * 1024
_NAME_LENGTH: Final = 96
_LOOK_BACK: Final = 256
_SENTENCE: Final = 1024
_CACHED_TEXTS: Final = 4096
_CACHED_LENGTH: Final = 64

_NAME: Final = r"[A-Za-z0-9_.\-\u00c0-\U0010ffff]"
# Where a name ends and its value begins: `name=`, `"name":`, `name =>`, `<name>`; `'name', 'x'`; `name is x`.
# Names are consumed as a whole, and only from their beginning: that is what keeps it linear.
_TO_VALUE: Final = (
    r"(?:\[[0-9]{0,8}\])?(?:[\\\"'`\]]{0,10}|%2[27])[ \t]{0,8}([:=]{1,2}>?|-?>|%3[AaDd])[ \t]{0,8}"
)
_SIGN: Final = re.compile(rf"(?<!{_NAME})({_NAME}{{2,}}+){_TO_VALUE}")
_SIGN_WITHIN: Final = re.compile(rf"({_NAME}+){_TO_VALUE}")
_COMMA: Final = re.compile(r"[\"'],[ \t]{0,4}(?=[bru]?\\{0,8}[\"'])")
# `the password is hunter2`, `API key provided: hunter2`, `token "hunter2" rejected`: only what looks random.
_SAID: Final = re.compile(
    r"(?:password|passwd|passphrase|passcode|token|secret|key|pwd)[ \t]{1,4}"
    r"(?:(?:is|was|provided|for [^ \r\n]{1,32}|\([^)\r\n]{1,32}\))[: \t]{1,4})?"
    r"(?=[\"'`]?[^ \t\r\n\"'`]{0,64}?[0-9])",
    re.IGNORECASE,
)
# YAML: the value on a line of its own.
_NEXT_LINE: Final = re.compile(
    r"[|>]?[+-]?[ \t]{0,8}\r?\n(?:[ \t]{1,32}(?:- )?|- )([^\s:][^\r\n:]{0,255})(?=\r?\n|\Z)"
)
PLACEHOLDER: Final = re.compile(
    r"[\"'`]?(?:[A-Za-z]{2,16}[ \t]{1,4})?(?:\$\{\{?[^}\r\n]{1,64}\}|\$[A-Z_][A-Z0-9_]{0,64}(?![A-Za-z0-9_])"
    r"|<[A-Za-z_ -]{1,64}>|\{\{?[A-Za-z_. ]{1,64}\}|%[A-Z_]{2,64}%|process\.env|os\.environ|os\.getenv)"
)
_OPTION: Final = re.compile(r"-(?<![A-Za-z0-9_-]-)-?([A-Za-z][A-Za-z0-9_-]{1,63})[ \t]{1,4}(?=[^ \t\r\n-])")
_RUN: Final = re.compile(rf"{_NAME}{{1,{_NAME_LENGTH}}}")
_WORDS_BEFORE: Final = re.compile(r"(?:[A-Za-z]{1,16}[ ]){1,2}$")
_WORD_BEFORE: Final = re.compile(r"([A-Za-z]{1,16}) $")
_AROUND: Final = 16
_LAST_OF_TWO: Final = frozenset(("key", "keys", "phrase", "code", "id", "string"))
_NAMED_BEFORE: Final = re.compile(
    r"(?:name|key|header|field|param|variable)(?:\\{0,8}[\"'])?[ \t]{0,4}[:=][ \t]{0,4}\\{0,8}[\"']"
    r"([^\"'\\]{1,96})\\{0,8}[\"'][ \t]{0,4},?[ \t\r\n]{0,8}\\{0,8}[\"']?$",
    re.IGNORECASE,
)
_ESCAPED: Final = re.compile(r"\\u00([2-7][0-9a-fA-F])")
_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_COUNTED: Final = re.compile(r"token|count|limit|length|size|budget", re.IGNORECASE)
_IDENTIFIER: Final = re.compile(r"[A-Za-z][A-Za-z_-]*")
_PATH: Final = re.compile(r"(?:/|~|\.{1,2}/|[A-Za-z]:[\\/])")
_QUERY: Final = re.compile(
    rf"([?&;](?:{'|'.join(re.escape(name) for name in TABLE['query']['names'])})=)([^&\s\"'<>#\\]+)",
    re.IGNORECASE | re.ASCII,
)
_BLOCK: Final = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_BLOCK_END: Final = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")

Span = tuple[int, int, str]
Found = Callable[[str, re.Match[str]], Span | None]


class TextRedactor:
    """Finds secrets in text; shares its judgement of names with the redaction of keys.

    Parameters
    ----------
    keys
        Judges names.
    hide
        Makes the replacement of a secret: called with the rule and the secret.
    fields
        The names that the user configured.
    """

    def __init__(
        self, keys: SensitiveKeys, hide: Callable[[str, str], str], fields: tuple[str, ...] = ()
    ) -> None:
        self._keys = keys
        self._hide = hide
        own = tuple(words[0] for name in fields if (words := split_words(name)))
        self._stems = tuple(dict.fromkeys((*STEMS, *own)))
        looks = [trigger for rule in VALUE_RULES for trigger in rule.triggers]
        self._triggers = tuple(
            dict.fromkeys((*self._stems, *looks, "://", "\\u00", "?sig=", "&sig=", "&key="))
        )
        several = (words[-1] for name in fields if len(words := split_words(name)) > 1)
        self._last_of_several = _LAST_OF_TWO | set(several)
        self._go_on = self._last_of_several | {"value", "val"}
        self._judge = keys.judge
        self._clean: set[str] = set()

    def suspicious(self, text: str) -> bool:
        """Whether a closer look is worth its time; never false for a text that `redact` would change."""
        if text in self._clean:
            return False
        folded = text.lower()
        for trigger in self._triggers:
            if trigger in folded:
                return True
        self.learn(text)
        return False

    def learn(self, text: str) -> None:
        """Remember a short text as one without secrets: the same ones come again and again."""
        if len(text) <= _CACHED_LENGTH:
            if len(self._clean) >= _CACHED_TEXTS:
                self._clean.clear()
            self._clean.add(text)

    def redact(self, text: str, key: str = "") -> str:
        """The text with every secret in it replaced; `key` is what it stands under."""
        folded = text.lower()
        if "private key" in folded:
            text = self._blocks(text)
        if "\\u00" in folded or any(stem in folded for stem in self._stems):
            text = self._pass(text, _SIGN, self._signed)
            if "'," in text or '",' in text:
                text = self._pass(text, _COMMA, self._named)
            text = self._pass(text, _SAID, self._said)
            if "-" in text:
                text = self._pass(text, _OPTION, self._option)
        return self.by_look(text, folded, cursor=key.lower().replace("_", "") in CURSORS)

    def by_look(self, text: str, folded: str, *, cursor: bool = False) -> str:
        """Only what looks like a secret goes, whatever is written before it."""
        for rule in VALUE_RULES:
            for trigger in rule.triggers:
                if trigger in folded:
                    break
            else:
                continue
            if cursor and rule.rule == "jwt":
                continue
            check, name = rule.check, rule.rule

            def found(_: str, match: re.Match[str]) -> Span | None:
                at, end = match.span(2)
                if at < 0 or (check is not None and not check(match[2])):  # noqa: B023  used at once
                    return None
                return at, end, name  # noqa: B023

            text = self._pass(text, rule.pattern, found)
        if "://" in folded:
            text = self._addresses(text)
        if ("?" in folded or "&" in folded) and "=" in folded:
            text = self._pass(text, _QUERY, _query)
        return text

    def _pass(self, text: str, pattern: re.Pattern[str], found: Found) -> str:
        """Replace what `found` makes of each match, from left to right."""
        pieces: list[str] = []
        done = at = 0
        while at < len(text):
            hit = _first(text, pattern, at, found)
            if hit is None:
                at += WINDOW
                continue
            start, end, rule = hit
            pieces += text[done:start], self._hide(rule, text[start:end])
            done = at = max(end, start + 1)
        return text if not pieces else "".join((*pieces, text[done:]))

    def _signed(self, text: str, match: re.Match[str]) -> Span | None:
        key = match[1]
        if self._judge(key) == PLAIN and key.lower() not in self._go_on and "u00" not in key:
            return None
        before = text[max(0, match.start() - _NAME_LENGTH) : match.start()]
        return self._of_name(text, match.start(2), match.end(), match[2], key[-_NAME_LENGTH:], before)

    def _named(self, text: str, match: re.Match[str]) -> Span | None:
        at = match.start()
        before = text[max(0, at - _NAME_LENGTH - _AROUND) : at].rstrip("\\")
        run = _RUN.match(before[::-1])
        if run is None:
            return None
        key = run[0][::-1]
        sign = match[0].strip("\"' \t")
        return self._of_name(text, at, match.end(), sign, key, before[: len(before) - len(key)])

    def _said(self, text: str, match: re.Match[str]) -> Span | None:
        at = match.start() + len(match[0].split(None, 1)[0])
        before = text[max(0, at - _NAME_LENGTH - _AROUND) : at]
        run = _RUN.match(before[::-1])
        key = run[0][::-1] if run else ""
        return self._of_name(text, at, match.end(), "is", key, before[: len(before) - len(key)])

    def _of_name(self, text: str, at: int, start: int, sign: str, key: str, before: str) -> Span | None:  # noqa: PLR0917
        """The value from `start` on, if the name that ends before `at` makes a secret of it."""
        if sign == ">" and before[-1:] not in {"<", ":"}:
            return None
        if "u00" in key:  # "\\u0074oken"
            plain = _ESCAPED.sub(lambda hit: chr(int(hit[1], 16)), before + key)
            run = _RUN.match(plain[::-1])
            key = run[0][::-1] if run else key
        verdict = self._keys.judge(key)
        if verdict == PLAIN:
            key = self._longer(text, at, key, before)
            verdict = self._keys.judge(key)
            if verdict == PLAIN:
                return None
        if sign == "is" and verdict <= INSIDE:
            return None
        if sign == ":" and before[-1:] == ":" and text[at + 1 : at + 2] not in {" ", ""}:
            return None  # arn:aws:…:secret:name
        word = _WORD_BEFORE.search(before[-_NAME_LENGTH:])
        if word and word[1].lower() in BEFORE_TOKEN and key.lower() in {"token", "tokens"}:
            return None  # `Unexpected token: }`
        return self._value(text, start, key, verdict, sign)

    def _longer(self, text: str, at: int, key: str, before: str) -> str:
        """`secret access key`; and of `"name": "DB_PASSWORD", "value":` the name."""
        lowered = key.lower()
        if lowered in self._last_of_several and (words := _WORDS_BEFORE.search(before)):
            return f"{words[0]}{key}"
        if lowered in {"value", "val"} and (
            named := _NAMED_BEFORE.search(
                text[max(0, at - _LOOK_BACK) : at].rstrip().rstrip("\"'").rstrip("\\").removesuffix(key)
            )
        ):
            return named[1]
        return key

    def _value(  # noqa: C901, PLR0911, PLR0912  one for each kind of thing that is no secret
        self, text: str, start: int, key: str, verdict: int, sign: str
    ) -> Span | None:
        if MARKED.match(text, start):
            return None
        if PLACEHOLDER.match(text, start) or (key.lower().endswith("pwd") and _PATH.match(text, start)):
            return None
        if sign == ":" and (line := _NEXT_LINE.match(text, start)):
            return (*line.span(1), self._keys.rule(key))
        if verdict == WEAK or sign == "is":  # what stays is passed again: it must not be long
            text, offset = text[max(0, start - 1) : start + _LOOK_BACK], max(0, start - 1)
        else:
            offset = 0
        found = value_at(text, start - offset, key, sign)
        if found is None:
            return None
        end, value = found[0] + offset, found[1]
        lowered = value.lower().strip(".!?,; \t")
        if lowered in HARMLESS_VALUES or MARKED.fullmatch(value):
            return None
        if sign == "is" or verdict == WEAK:
            if not mixed(value) or lowered in LOGINS:
                return None
        elif verdict == INSIDE and is_count(key, value):
            return None
        if _prose(value) or (verdict == INSIDE and _NUMBER.fullmatch(value.partition(" ")[0])):
            return None
        if value.isupper() and squeeze(value) == squeeze(key):  # --token=TOKEN
            return None
        if sign == "," and _IDENTIFIER.fullmatch(value):
            return None
        return start, end, self._keys.rule(key)

    def _option(self, text: str, match: re.Match[str]) -> Span | None:
        verdict = self._keys.judge(match[1])
        if verdict in {PLAIN, WEAK} or MARKED.match(text, match.end()):
            return None
        if PLACEHOLDER.match(text, match.end()):
            return None
        found = value_at(text, match.end(), match[1], "=")
        if found is None or (verdict == INSIDE and is_count(match[1], found[1])) or found[1].lower() in PROSE:
            return None
        if found[1].isupper() and _IDENTIFIER.fullmatch(found[1]):  # `--token TOKEN` in a usage
            return None
        return match.end(), found[0], "option"

    def _blocks(self, text: str) -> str:
        pieces: list[str] = []
        done = 0
        while (begin := search(_BLOCK, text, done)) is not None:
            finish = search(_BLOCK_END, text, begin.end())
            end = len(text) if finish is None else finish.start()
            body = text[begin.end() : end]
            body = body if MARKED.fullmatch(body) else self._hide("private key block", body)
            pieces += text[done : begin.end()], body
            done = end
        return text if not pieces else "".join((*pieces, text[done:]))

    def _addresses(self, text: str) -> str:
        pieces: list[str] = []
        done = 0
        for start, end, rule in addresses.secrets(text):
            if not MARKED.fullmatch(text, start, end):
                pieces += text[done:start], self._hide(rule, text[start:end])
                done = end
        return text if not pieces else "".join((*pieces, text[done:]))


def _first(text: str, pattern: re.Pattern[str], at: int, found: Found) -> Span | None:
    """The first secret in a window: what begins in it has the overlap to go on.

    What reaches the end of the overlap is matched again without a bound.
    """
    bound, size = at + WINDOW, len(text)
    end = min(bound + _OVERLAP, size)
    if at and pattern is _SIGN and (amid := _SIGN_WITHIN.match(text, at)) and (span := found(text, amid)):
        return span
    for match in pattern.finditer(text, at, end):
        if match.start() >= bound and end < size:
            return None
        whole = match if match.end() < end or end == size else pattern.match(text, match.start())
        if whole is not None and (span := found(text, whole)) is not None and span[0] >= at:
            return span
    return None


def search(pattern: re.Pattern[str], text: str, at: int) -> re.Match[str] | None:
    """`pattern.search(text, at)`, in windows: in between, other threads can run."""
    while at + WINDOW + _OVERLAP < len(text):
        match = pattern.search(text, at, at + WINDOW + _OVERLAP)
        if match is not None and match.end() < at + WINDOW + _OVERLAP:
            return match
        at += WINDOW
    return pattern.search(text, at)


def is_count(name: str, value: str) -> bool:
    """`token_count: 7`: a number under a name that counts; `password2: 123456` is none."""
    return _NUMBER.fullmatch(value) is not None and _COUNTED.search(name) is not None


def _prose(value: str) -> bool:
    """`must be at least 8 characters`: a sentence about a secret, not one."""
    if len(value) > _SENTENCE:
        return False  # and then it goes, so that it is looked at once
    first, _, rest = value.partition(" ")
    if first.lower().strip(".,:;!?()") not in PROSE:
        return False
    return not any(mixed(word) for word in rest.split(" "))


def _query(_: str, match: re.Match[str]) -> Span | None:
    start, end = match.span(2)
    value = match[2]
    if MARKED.fullmatch(value) or not (mixed(value) or len(value) >= 24):  # noqa: PLR2004  longer than any word
        return None
    return start, end, "query parameter"
