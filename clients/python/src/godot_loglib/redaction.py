"""Takes secrets out of what is about to leave the process: by key at any depth, and by the look of values."""

import json
from collections.abc import Iterable
from math import isfinite
from typing import Any, Final

from godot_loglib.freeze import DEPTH, TOO_DEEP
from godot_loglib.secret_text import MARKER, TextRedactor
from godot_loglib.sensitive import ENDS, PLAIN, SensitiveKeys

_VALUES: Final = 1_000_000
_SHORTEST_SECRET: Final = 7  # "token=x"
_BIG_INTEGER_BITS: Final = 14_000  # Python refuses to print integers of more than 4,300 digits

_SCHEMA_TYPES: Final = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})
_SCHEMA_COMBINERS: Final = ("anyOf", "oneOf", "allOf")
_SCHEMA_VALUES: Final = frozenset({"default", "const", "enum", "examples", "example"})
_SCHEMA_KEYWORDS: Final = _SCHEMA_VALUES | frozenset(_SCHEMA_COMBINERS) | {
    "type", "title", "description", "format", "pattern", "minLength", "maxLength", "minimum", "maximum",
    "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "items", "prefixItems", "minItems", "maxItems",
    "uniqueItems", "contains", "properties", "required", "additionalProperties", "patternProperties",
    "minProperties", "maxProperties", "propertyNames", "nullable", "deprecated", "readOnly", "writeOnly",
    "contentEncoding", "contentMediaType", "not", "$ref", "$comment",
}  # fmt: skip


class Redactor:
    """Redacts frozen data and texts. The copy is JSON-ready: dicts with text keys, lists, finite numbers.

    It fails closed: what it cannot judge (too deep, too much, an error) is dropped, never passed on.

    Parameters
    ----------
    fields
        Keys to redact beside the default ones (password, token, api_key, authorization, secret).
    """

    def __init__(self, fields: Iterable[str] = ()) -> None:
        names = tuple(fields)
        self._keys = SensitiveKeys(names)
        self._judge = self._keys.judge
        self._texts = TextRedactor(self._keys, names)
        self._shortest = (
            min(_SHORTEST_SECRET, *(len(name) + 2 for name in names)) if names else _SHORTEST_SECRET
        )
        self._left = _VALUES

    def data(self, value: object) -> Any:
        """A redacted, JSON-ready copy of a value made of builtin objects."""
        self._left = _VALUES
        try:
            return self._walk(value, 0)
        except Exception:  # noqa: BLE001  fail closed: the value goes, the record stays
            return MARKER

    def text(self, text: str) -> str:
        """A text without the secrets that can be seen in it."""
        try:
            return self._text(text, 0)
        except Exception:  # noqa: BLE001  fail closed
            return MARKER

    def _walk(self, value: Any, depth: int) -> Any:  # noqa: PLR0911  one per kind
        kind = type(value)
        if kind is str:
            return self._text(value, depth) if len(value) >= self._shortest else value
        if kind is dict:
            return self._dict(value, depth + 1)
        if kind is bool or value is None:
            return value
        if kind is int:
            return value if value.bit_length() < _BIG_INTEGER_BITS else hex(value)
        if kind is float:
            return value if isfinite(value) else _NO_NUMBERS[str(value)]
        if kind is list or kind is tuple or kind is set or kind is frozenset:
            return self._list(value, depth + 1)
        if kind is bytes:
            return self._text(value.decode("utf-8", "backslashreplace"), depth)
        return self._text(repr(value), depth)

    def _dict(self, value: dict[Any, Any], depth: int) -> Any:
        if (note := self._too_much(len(value), depth)) is not None:
            return note
        judge, walk = self._judge, self._walk
        result = {}
        for key, item in value.items():
            name = key if type(key) is str else _key(key)
            verdict = judge(name)
            if verdict != PLAIN and _is_secret(item, verdict):
                result[name] = MARKER
                continue
            if len(name) >= _SHORTEST_SECRET:
                name = self._texts.values(name)
            if name == "properties" and type(item) is dict:
                result[name] = self._properties(item, depth + 1)
            else:
                result[name] = walk(item, depth)
        return result

    def _list(self, value: Iterable[Any], depth: int) -> Any:
        items = list(value)
        if (note := self._too_much(len(items), depth)) is not None:
            return note
        walk = self._walk
        return [walk(item, depth) for item in items]

    def _too_much(self, count: int, depth: int) -> str | None:
        self._left -= count
        if self._left < 0:
            return f"[more than {_VALUES} values]"
        return TOO_DEEP if depth > DEPTH else None

    def _text(self, text: str, depth: int) -> str:
        if not self._texts.suspicious(text):
            return text
        if text.lstrip()[:1] in {"{", "["}:
            try:
                value = json.loads(text, object_pairs_hook=unique_keys)
            except (ValueError, RecursionError):
                pass
            else:
                clean = self._walk(value, depth + 1)
                return (
                    text if clean == value else json.dumps(clean, ensure_ascii=False, separators=(",", ":"))
                )
        return self._texts.redact(text)

    def _properties(self, value: dict[Any, Any], depth: int) -> Any:
        """The `properties` of a JSON Schema: a parameter called `password` is described there, not given.

        Tool lists are what the analysis compares; they must stay comparable. Only what really is a schema is
        kept, and of it the values (default, const, enum, examples) go.
        """
        schemas = {key for key, item in value.items() if type(key) is str and _is_schema(item)}
        secret = {key for key in schemas if self._judge(key) != PLAIN}
        rest = self._dict({key: item for key, item in value.items() if key not in secret}, depth)
        if not secret or type(rest) is not dict:
            return rest
        return {
            key: self._schema(item, depth + 1) if key in secret else rest[key]
            for key, item in value.items()
            if key in secret or key in rest
        }

    def _schema(self, schema: dict[str, Any], depth: int) -> Any:
        if depth > DEPTH:
            return TOO_DEEP
        result: dict[str, Any] = {}
        for key, item in schema.items():
            if key in _SCHEMA_VALUES and item is not None:
                result[key] = MARKER
            elif key in _SCHEMA_COMBINERS:
                result[key] = [self._schema(member, depth + 1) for member in item]
            elif key == "items" and _is_schema(item):
                result[key] = self._schema(item, depth + 1)
            else:
                result[key] = self._walk({key: item}, depth)[key]
        return result


_NO_NUMBERS: Final = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def _key(key: object) -> str:
    # As json.dumps writes keys that are no texts.
    if key is None or isinstance(key, bool):
        return json.dumps(key)
    if isinstance(key, bytes):
        return key.decode("utf-8", "backslashreplace")
    return str(key)


def _is_secret(value: object, verdict: int) -> bool:
    if value is None or isinstance(value, bool):
        return False
    return verdict == ENDS or not isinstance(value, int | float)


def _is_schema(value: object, depth: int = 0) -> bool:
    if type(value) is not dict or not value or depth > DEPTH or not value.keys() <= _SCHEMA_KEYWORDS:
        return False
    kinds = value.get("type", [])
    if not all(kind in _SCHEMA_TYPES for kind in ([kinds] if isinstance(kinds, str) else kinds)):
        return False
    members = [member for name in _SCHEMA_COMBINERS for member in value.get(name, ())]
    return all(_is_schema(member, depth + 1) for member in members) and bool(kinds or members)


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """For `json.loads`: refuse duplicate keys, of which reading would keep the last and hide the others."""
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("duplicate keys")
    return result
