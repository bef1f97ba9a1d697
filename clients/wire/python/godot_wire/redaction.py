"""Takes secrets out of what is about to leave the process: by key, in pairs, and by their look."""

import hashlib
import hmac
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import cache
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import Any, Final

from godot_wire.checks import CHECKS, mixed
from godot_wire.keys import ENDS, INSIDE, PLAIN, WEAK, SensitiveKeys
from godot_wire.record import Exact
from godot_wire.rules import HARMLESS_VALUES, LOGINS, MARKED, MARKER, TABLE
from godot_wire.schemas import COMBINERS, VALUES, is_schema
from godot_wire.texts import PLACEHOLDER, TextRedactor, is_count

DEPTH: Final = 200
TOO_DEEP: Final = f"[nested deeper than {DEPTH} levels]"
TEXT_BOUND: Final = 16 * 1024 * 1024
"""Characters of one record that are looked through: the daemon stores no more. The rest is cut."""

_VALUES: Final = 1_000_000
_SHORTEST_SECRET: Final = 7  # "token=x"
_PARSED_LENGTH: Final = 1024 * 1024  # parsing JSON keeps the interpreter's lock; longer texts are searched
_CUT_BACK: Final = 4096
_BIG_INTEGER_BITS: Final = 14_000  # Python refuses to print integers of more than 4,300 digits
_HASH_LENGTH: Final = 4

_PAIRS: Final = {entry["rule"]: entry for entry in TABLE["pairs"]}
_NAMES: Final = tuple(_PAIRS["name and value"]["names"])
_NAMED_VALUES: Final = tuple(_PAIRS["name and value"]["values"])
_BESIDE_CODE: Final = frozenset(_PAIRS["authorization code"]["beside"])
_NO_PAIRS_UNDER: Final = frozenset(_PAIRS["list of strings that is none"]["not_under"])
_IDENTIFIER: Final = re.compile(r"[A-Za-z][A-Za-z_-]*")
_NAME: Final = re.compile(r"[A-Za-z_-][A-Za-z0-9_.:-]{1,63}")
_WITH_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,31} +([^ ]+)")
_PATH: Final = re.compile(r"(?:/|~|\.{1,2}/|[A-Za-z]:[\\/])")
_USER_OPTIONS: Final = frozenset(("-u", "--user", "--proxy-user"))
_BESIDE_PASS: Final = frozenset(("user", "username", "login", "host", "email", "account"))

Report = Callable[[str, tuple[object, ...], str], None]


class Redactor:
    """Redacts frozen data and texts. The copy is JSON-ready: dicts with text keys, lists, finite numbers.

    It fails closed: what it cannot judge (too deep, too much, an error) is dropped, never passed on.

    Parameters
    ----------
    fields
        Keys to redact beside those of the table (`clients/wire/rules.json`).
    key
        Key of the short hash in the marker, `[REDACTED:7f3a]`, by which equal secrets are recognised; empty
        for none. By default `GODOT_REDACT_KEY`, or the content of the file named by `GODOT_REDACT_KEY_FILE`.
    report
        Called for each secret with the rule, the path to it and its text.
    """

    def __init__(
        self, fields: Iterable[str] = (), *, key: bytes | None = None, report: Report | None = None
    ) -> None:
        names = tuple(fields)
        self._keys = SensitiveKeys(names)
        self._judge = self._keys.judge
        self._texts = TextRedactor(self._keys, self._hide, names)
        self._shortest = (
            min(_SHORTEST_SECRET, *(len(name) + 2 for name in names)) if names else _SHORTEST_SECRET
        )
        self._hash_key = hash_key() if key is None else key
        self._report = report
        self._trail: list[object] | None = [] if report else None
        self._left = _VALUES
        self._characters = TEXT_BOUND

    def data(self, value: object) -> Any:
        """A redacted, JSON-ready copy of a value made of builtin objects."""
        self._left = _VALUES
        self._characters = TEXT_BOUND
        try:
            return self._walk(value, 0)
        except Exception:  # noqa: BLE001  fail closed: the value goes, the record stays
            return MARKER

    def text(self, text: str) -> str:
        """A text without the secrets that can be seen in it."""
        self._characters = TEXT_BOUND
        try:
            return self._text(text, 0)
        except Exception:  # noqa: BLE001  fail closed
            return MARKER

    def suspicious(self, text: str) -> bool:
        """Whether `text` could change this text, or `data` what this is the JSON of; false is certain."""
        return "\\/" in text or '"-u"' in text or self._texts.suspicious(text)

    def _hide(self, rule: str, secret: str) -> str:
        if self._report is not None:
            self._report(rule, tuple(self._trail or ()), secret)
        if not self._hash_key:
            return MARKER
        bare = _WITH_SCHEME.fullmatch(secret)
        text = (bare[1] if bare else secret).encode("utf-8", "backslashreplace")
        digest = hmac.new(self._hash_key, text, hashlib.sha256).hexdigest()
        return f"{MARKER[:-1]}:{digest[:_HASH_LENGTH]}]"

    def _hide_value(self, rule: str, value: object) -> str:
        if type(value) is bytes:
            value = value.decode("utf-8", "backslashreplace")
        if type(value) is str and MARKED.fullmatch(value):
            return value
        text = value if type(value) is str else _json(value) if self._hash_key or self._report else ""
        return self._hide(rule, text)

    def _walk(self, value: Any, depth: int, key: str = "") -> Any:  # noqa: PLR0911  one per kind
        kind = type(value)
        if kind is str:
            return self._text(value, depth, key) if len(value) >= self._shortest else value
        if kind is dict:
            return self._dict(value, depth + 1)
        if kind is bool or value is None:
            return value
        if kind is int:
            return value if value.bit_length() < _BIG_INTEGER_BITS else hex(value)
        if kind is float:
            return value if isfinite(value) else _NO_NUMBERS[str(value)]
        if kind is list or kind is tuple or kind is set or kind is frozenset:
            return self._list(value, depth + 1, key)
        if kind is bytes:
            return self._text(value.decode("utf-8", "backslashreplace"), depth, key)
        if isinstance(value, Exact):
            return value
        return self._text(repr(value), depth, key)

    def _dict(self, value: dict[Any, Any], depth: int) -> Any:
        if (note := self._too_much(len(value), depth)) is not None:
            return note
        judge, walk, trail = self._judge, self._walk, self._trail
        named = _named_value(value, judge) if len(value) <= 12 else ()  # noqa: PLR2004  a pair has few others
        result = {}
        for key, item in value.items():
            name = key if type(key) is str else _key(key)
            if trail is not None:
                trail.append(name)
            verdict = judge(name)
            if verdict != PLAIN and _is_secret(item, verdict, name, value):
                result[name] = self._hide_value(self._keys.rule(name), item)
            elif name in named and _is_secret(item, ENDS, name, value):
                result[name] = self._hide_value(
                    "authorization code" if name == "code" else "name and value", item
                )
            else:
                plain = self._key_text(name) if len(name) >= _SHORTEST_SECRET else name
                if name == "properties" and type(item) is dict:
                    result[plain] = self._properties(item, depth + 1)
                else:
                    result[plain] = walk(item, depth, name)
            if trail is not None:
                trail.pop()
        return result

    def _key_text(self, name: str) -> str:
        if not self._texts.suspicious(name):
            return name
        return self._texts.by_look(name, name.lower())

    def _list(self, value: Iterable[Any], depth: int, key: str) -> Any:
        items = list(value)
        if (note := self._too_much(len(items), depth)) is not None:
            return note
        walk, trail = self._walk, self._trail
        secret = self._pairs(items, key) if len(items) > 1 else ()
        result = []
        for index, item in enumerate(items):
            if trail is not None:
                trail.append(index)
            if index in secret:
                rule = "option" if str(items[index - 1]).startswith("-") else "list of two"
                result.append(self._hide_value(rule, item))
            else:
                result.append(walk(item, depth, key))
            if trail is not None:
                trail.pop()
        return result

    def _pairs(self, items: list[Any], key: str) -> set[int]:
        """Places of values whose name stands before them, as in `["--token", "x"]`."""
        secret: set[int] = set()
        if key in _NO_PAIRS_UNDER:
            return secret
        flat = len(items) == 2 or key.lower().endswith("headers")  # noqa: PLR2004  a pair
        for index, (name, item) in enumerate(pairwise(items), 1):
            text = name.decode("latin-1") if type(name) is bytes else name
            if type(text) is not str or not _NAME.fullmatch(text) or index - 1 in secret:
                continue
            if text in _USER_OPTIONS and type(item) is str and ":" in item and CHECKS["user"](item):
                secret.add(index)
                continue
            option = text[0] == "-"
            if not option and (not flat or index % 2 == 0):
                continue
            verdict = self._judge(text.lstrip("-"))
            if verdict in {PLAIN, WEAK} or not _is_secret(item, verdict, text, {}):
                continue
            plain = item.decode("latin-1") if type(item) is bytes else item
            if type(plain) is str and (plain.startswith("-") if option else _IDENTIFIER.fullmatch(plain)):
                continue
            secret.add(index)
        return secret

    def _too_much(self, count: int, depth: int) -> str | None:
        self._left -= count
        if self._left < 0:
            return f"[more than {_VALUES} values]"
        return TOO_DEEP if depth > DEPTH else None

    def _text(self, text: str, depth: int, key: str = "") -> str:
        if len(text) > self._characters:
            text = _cut(text, self._characters)
        self._characters -= len(text)
        if not self._texts.suspicious(text):
            return text
        if text.lstrip()[:1] in {"{", "["} and len(text) <= _PARSED_LENGTH:
            try:
                value = json.loads(text, object_pairs_hook=unique_keys)
            except (ValueError, RecursionError):
                pass
            else:
                clean = self._walk(value, depth + 1, key)
                return text if clean == value else _json(clean)
        clean = self._texts.redact(text, key)
        if clean == text:
            self._texts.learn(text)
        return clean

    def _properties(self, value: dict[Any, Any], depth: int) -> Any:
        """The `properties` of a JSON Schema: a parameter called `password` is described there, not given.

        Tool lists are what the analysis compares; they must stay comparable. Only what really is a schema is
        kept, and of it the values (default, const, enum, examples) go.
        """
        schemas = {key for key, item in value.items() if type(key) is str and is_schema(item)}
        secret = {key for key in schemas if self._judge(key) != PLAIN}
        rest = self._dict({key: item for key, item in value.items() if key not in secret}, depth)
        if not secret or type(rest) is not dict:
            return rest
        return {
            key: self._schema(item, depth + 1, key) if key in secret else rest[key]
            for key, item in value.items()
            if key in secret or key in rest
        }

    def _schema(self, schema: dict[str, Any], depth: int, name: str) -> Any:
        if depth > DEPTH:
            return TOO_DEEP
        trail = self._trail
        result: dict[str, Any] = {}
        for key, item in schema.items():
            if trail is not None:
                trail += name, key
            if key in VALUES and _is_secret(item, INSIDE, key, {}):
                result[key] = self._hide_value(self._keys.rule(name), item)
            elif key in COMBINERS:
                result[key] = [self._schema(member, depth + 1, name) for member in item]
            elif key == "items" and is_schema(item):
                result[key] = self._schema(item, depth + 1, name)
            elif key[:2] == "x-" and type(item) is str and mixed(item):
                result[key] = self._hide_value(self._keys.rule(name), item)
            else:
                result[key] = self._walk({key: item}, depth)[key]
            if trail is not None:
                del trail[-2:]
        return result


def hash_key(environ: Mapping[str, str] = os.environ) -> bytes:
    """The key of the hash in the marker, from the environment; empty when there is none."""
    key = environ.get("GODOT_REDACT_KEY", "")
    path = environ.get("GODOT_REDACT_KEY_FILE", "")
    if not key and path:
        with suppress(OSError, ValueError):
            key = Path(path).read_text("utf-8").strip()
    return key.encode()


def redact_text(text: str) -> str:
    """A text of our own, such as the reason of a failure, without the secrets of the table."""
    return _default().text(text)


@cache
def _default() -> Redactor:
    return Redactor()


_NO_NUMBERS: Final = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def _key(key: object) -> str:
    # As json.dumps writes keys that are no texts.
    if key is None or isinstance(key, bool):
        return json.dumps(key)
    if isinstance(key, bytes):
        return key.decode("utf-8", "backslashreplace")
    return str(key)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: object) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return list(value) if isinstance(value, (set, frozenset)) else repr(value)


def _is_secret(value: object, verdict: int, name: str, beside: Mapping[Any, Any]) -> bool:  # noqa: PLR0911
    """Whether what stands under such a name is one: null and booleans never, numbers not under every name."""
    if value is None or isinstance(value, bool):
        return False
    if isinstance(value, (int, float, Exact)):
        return verdict == ENDS
    if type(value) is str:
        if (
            value.lower() in HARMLESS_VALUES
            or PLACEHOLDER.fullmatch(value)
            or (verdict == INSIDE and is_count(name, value))
        ):
            return False
        if verdict == WEAK:
            return (mixed(value) and value.lower() not in LOGINS) or (
                name.lower() == "pass" and not _BESIDE_PASS.isdisjoint(beside)
            )
        return not (name.lower().endswith("pwd") and _PATH.match(value))
    if verdict == WEAK:
        return type(value) in {list, tuple} and len(value) == 2 and all(type(x) is str for x in value)  # type: ignore[arg-type,attr-defined]  # noqa: PLR2004
    return not (verdict == INSIDE and _counts(value))


def _counts(value: object) -> bool:
    """Whether a structure holds numbers alone, and at least one."""
    if isinstance(value, Mapping):
        if not all(type(key) is str and _IDENTIFIER.fullmatch(key) for key in value):
            return False
        value = list(value.values())
    if not isinstance(value, (list, tuple)):
        return isinstance(value, (int, float, Exact))
    return bool(value) and all(item is None or isinstance(item, bool) or _counts(item) for item in value)


def _named_value(value: Mapping[Any, Any], judge: Callable[[str], int]) -> tuple[str, ...]:
    """The key under which the value stands whose name says that it is a secret."""
    if "code" in value and not _BESIDE_CODE.isdisjoint(value):
        return ("code",)
    for key in _NAMED_VALUES:
        if key in value:
            for name in _NAMES:
                held = value.get(name)
                held = held.decode("latin-1") if type(held) is bytes else held
                if type(held) is str and _NAME.fullmatch(held):
                    verdict = judge(held.lstrip("-"))
                    if verdict == ENDS or (verdict == INSIDE and not isinstance(value[key], (int, float))):
                        return (key,)
    return ()


def _cut(text: str, bound: int) -> str:
    """The beginning of a text, not ending amid a word, and a note."""
    head = text[:bound]
    blank = max(head.rfind(" "), head.rfind("\n"), head.rfind(","), bound - _CUT_BACK)
    return f"{head[: max(0, blank)]}[cut from {len(text)} characters]"


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """For `json.loads`: refuse duplicate keys, of which reading would keep the last and hide the others."""
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("duplicate keys")
    return result
