"""Messages as the SDKs of Python and Java print them: `JSONRPCRequest(method='ping')`, `…[method=ping]`."""

from __future__ import annotations

import ast
import re
from typing import Any, Final

__all__ = ["printed_message"]

_NAMED: Final = re.compile(r"\bJSONRPC(?:Request|Response|Notification|Error)(?P<open>[(\[])")
_MOST: Final = 1 << 16  # characters of an object that are read
_DEPTH: Final = 40
_MARKS: Final = re.compile(r"[}\]]|, ")
_KEY: Final = re.compile(r"([\w$]+)=")
_RECORD: Final = re.compile(r"\w+\[")


def printed_message(text: str) -> tuple[dict[str, Any], int] | None:
    """The message that a text holds in print, and where it begins; None where it holds none.

    >>> printed_message("Sending: root=JSONRPCRequest(method='ping', params=None, jsonrpc='2.0', id=1)")
    ({'method': 'ping', 'jsonrpc': '2.0', 'id': 1}, 14)
    >>> printed_message("Sent JSONRPCRequest[jsonrpc=2.0, method=ping, id=a-1, params={}]")
    ({'jsonrpc': '2.0', 'method': 'ping', 'id': 'a-1', 'params': {}}, 5)
    """
    found = _NAMED.search(text) if "JSONRPC" in text else None
    if found is None:
        return None
    rest = text[found.start() : found.start() + _MOST]
    try:
        value = _of_python(rest) if found["open"] == "(" else _Java(rest).value(0)
    except (ValueError, SyntaxError, RecursionError, MemoryError, IndexError):
        return None
    if not isinstance(value, dict):
        return None
    message = {key: held for key, held in value.items() if held is not None}
    return {"jsonrpc": "2.0", **message} if "jsonrpc" not in message else message, found.start()


def _of_python(text: str) -> Any:
    return _plain(ast.parse(text[: text.rindex(")") + 1], mode="eval").body)


def _plain(node: ast.expr) -> Any:
    """The value of a literal, or of a call of a class with keywords; nothing is run."""
    if isinstance(node, ast.Call):
        return {word.arg: _plain(word.value) for word in node.keywords if word.arg}
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {_plain(key): _plain(value) for key, value in pairs if key is not None}
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_plain(item) for item in node.elts]
    if isinstance(node, ast.Name):
        return node.id
    return ast.literal_eval(node)


class _Java:
    """Reads what records, maps and lists are printed as; text may hold commas, so this is a good guess."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def value(self, depth: int) -> Any:
        if depth > _DEPTH:
            raise ValueError
        record = _RECORD.match(self.text, self.at)
        if record is not None:
            self.at = record.end()
            return self._pairs("]", depth)
        if self.text[self.at] == "{":
            self.at += 1
            return self._pairs("}", depth)
        if self.text[self.at] == "[":
            self.at += 1
            return self._items(depth)
        return _scalar(self._word())

    def _pairs(self, end: str, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self.text[self.at] != end:
            key = _KEY.match(self.text, self.at)
            if key is None:
                raise ValueError
            self.at = key.end()
            found[key[1]] = None if self.text[self.at] in ",]}" else self.value(depth + 1)
            if self.text.startswith(", ", self.at):
                self.at += 2
        self.at += 1
        return found

    def _items(self, depth: int) -> list[Any]:
        found: list[Any] = []
        while self.text[self.at] != "]":
            found.append(self.value(depth + 1))
            if self.text.startswith(", ", self.at):
                self.at += 2
        self.at += 1
        return found

    def _word(self) -> str:
        """A text up to the next pair or the end of what it stands in."""
        start = self.at
        for mark in _MARKS.finditer(self.text, start):
            if mark[0] in "}]" or (mark[0] == ", " and _KEY.match(self.text, mark.end())):
                self.at = mark.start()
                return self.text[start : self.at]
        raise ValueError


def _scalar(word: str) -> Any:
    if word == "null":
        return None
    if word in {"true", "false"}:
        return word == "true"
    return int(word) if re.fullmatch(r"-?\d{1,18}", word) else word
