"""HTTP around the messages: a request and its status, wherever a component logged them and in what words."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from godot_analysis.reading.fields import HEADERS, STATUS, URL, VERB, dict_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["address_of", "headers_of", "is_about_http", "status_of", "verb_of"]

_VERB: Final = re.compile(r"\b(GET|POST|DELETE|PUT|OPTIONS|HEAD|PATCH)\b")
_URL: Final = re.compile(r"https?://[^\s\"'<>]{1,500}")
_HTTP: Final = re.compile(r"http|\bsse\b|status code", re.IGNORECASE)
_STATUS: Final = re.compile(
    r"\b(?:HTTP(?:/[\d.]{1,4})?|status(?: code)?|code|returned|answered|→|=>|got)[\s:=]{0,4}\(?([1-5]\d\d)\b"
    r"|\b(?:GET|POST|DELETE|PUT)\b\s{1,4}\S{1,200}\s{1,4}(?:HTTP/[\d.]{1,4}\"?\s{1,4})?([1-5]\d\d)\b"
    r"|\b(4(?:0[0-9]|2[19])|30[1278])\s{1,4}(?:[A-Z][a-z]{1,20})",
    re.IGNORECASE,
)
_RANGE: Final = range(100, 600)


def status_of(message: str, data: Mapping[str, Any]) -> int | None:
    """The status of the answer that a record tells of; None where it tells of none."""
    for key in STATUS:
        value = data.get(key)
        if isinstance(value, str) and value.isdecimal():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and value in _RANGE:
            return value
    return _status_in(message)


def is_about_http(message: str) -> bool:
    """Whether words speak of HTTP."""
    return _HTTP.search(message) is not None


def verb_of(message: str, data: Mapping[str, Any]) -> str | None:
    """The method of the request."""
    for key in VERB:
        value = data.get(key)
        if isinstance(value, str) and _VERB.fullmatch(value.upper()):
            return value.upper()
    found = _VERB.search(message)
    return found[1] if found else None


def address_of(message: str, data: Mapping[str, Any]) -> str | None:
    """The URL of the request, or only its path."""
    for key in URL:
        value = data.get(key)
        if isinstance(value, str) and (value.startswith("/") or _URL.match(value)):
            return value
    found = _URL.search(message)
    return found[0] if found else None


def headers_of(data: Mapping[str, Any]) -> dict[str, str]:
    """The headers of the request, by lower-case name."""
    return {str(name).lower(): str(value) for name, value in (dict_of(data, HEADERS) or {}).items()}


@lru_cache(maxsize=1 << 12)  # a system has few ways to word its records
def _status_in(message: str) -> int | None:
    found = _STATUS.search(message)
    return int(next(filter(None, found.groups()))) if found else None
