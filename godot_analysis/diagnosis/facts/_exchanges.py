"""HTTP around the messages: requests and their status, wherever a component logged them and in what words."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

__all__ = ["HttpExchange", "may_tell", "read_exchange"]

_STATUS_KEYS: Final = ("status", "status_code", "statusCode", "http_status", "httpStatus", "response_status")
_URL_KEYS: Final = ("url", "uri", "path", "endpoint", "request_url")
_VERB_KEYS: Final = ("method", "verb", "http_method", "httpMethod", "request_method")
_BODY_KEYS: Final = ("body", "response_body", "response", "text", "error", "detail", "reason")
_HEADER_KEYS: Final = ("request_headers", "requestHeaders", "headers")  # those of the answer may stand beside
_PEER_KEYS: Final = ("peer", "server", "server_name", "backend", "target", "upstream")
_VERB: Final = re.compile(r"\b(GET|POST|DELETE|PUT|OPTIONS|HEAD|PATCH)\b")
_URL: Final = re.compile(r"https?://[^\s\"'<>]+")
_HTTP: Final = re.compile(r"http|\bsse\b|status code", re.IGNORECASE)
_STATUS: Final = re.compile(
    r"\b(?:HTTP(?:/[\d.]+)?|status(?: code)?|code|returned|answered|→|=>|got)[\s:=]*\(?([1-5]\d\d)\b"
    r"|\b(?:GET|POST|DELETE|PUT)\b\s+\S+\s+(?:HTTP/[\d.]+\"?\s+)?([1-5]\d\d)\b"
    r"|\b(4(?:0[0-9]|2[19])|30[1278])\s+(?:[A-Z][a-z]+)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class HttpExchange:
    """An HTTP request as `component` logged it; `url` may be only a path, `peer` only a host's name."""

    time: pd.Timestamp
    component: str
    record: str
    trace: str | None
    verb: str | None
    url: str | None
    status: int
    headers: Mapping[str, str]
    body: str
    peer: str | None

    @property
    def path(self) -> str:
        """The path that was asked for, `the address` when it was not logged."""
        return urlsplit(self.url or "").path or "the address"

    @property
    def version(self) -> str | None:
        """The protocol version that its header names."""
        return self.headers.get("mcp-protocol-version")


def read_exchange(
    base: tuple[pd.Timestamp, str, str, str | None], message: str, data: Mapping[str, Any]
) -> HttpExchange | None:
    """The exchange that an ordinary record tells of, None when it tells of none."""
    status = _status(message, data)
    if status is None:
        return None
    verb, url = _verb(message, data), _address(message, data)
    if verb is None and url is None and not _HTTP.search(message):
        return None
    headers: dict[Any, Any] = next((data[key] for key in _HEADER_KEYS if isinstance(data.get(key), dict)), {})
    return HttpExchange(
        *base,
        verb=verb,
        url=url,
        status=status,
        headers={str(name).lower(): str(value) for name, value in headers.items()},
        body=f"{message} {_body(data)}".strip(),
        peer=next((data[key] for key in _PEER_KEYS if isinstance(data.get(key), str) and data[key]), None),
    )


def may_tell(message: str, keys: Iterable[str]) -> bool:
    """Whether a record of these words and keys can tell of an exchange: without a status it tells of none."""
    return any(key in _STATUS_KEYS for key in keys) or _status_said(message) is not None


def _verb(message: str, data: Mapping[str, Any]) -> str | None:
    for key in _VERB_KEYS:
        value = data.get(key)
        if isinstance(value, str) and _VERB.fullmatch(value.upper()):
            return value.upper()
    found = _VERB.search(message)
    return found.group(1) if found else None


def _address(message: str, data: Mapping[str, Any]) -> str | None:
    for key in _URL_KEYS:
        value = data.get(key)
        if isinstance(value, str) and (value.startswith("/") or _URL.match(value)):
            return value
    found = _URL.search(message)
    return found.group() if found else None


def _status(message: str, data: Mapping[str, Any]) -> int | None:
    for key in _STATUS_KEYS:
        value = data.get(key)
        if isinstance(value, str) and value.isdecimal():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 100 <= value < 600:  # noqa: PLR2004 - HTTP's range
            return value
    return _status_said(message)


@lru_cache(maxsize=1 << 12)  # a system has few ways to word its records
def _status_said(message: str) -> int | None:
    found = _STATUS.search(message)
    return int(next(filter(None, found.groups()))) if found else None


def _body(data: Mapping[str, Any]) -> str:
    for key in _BODY_KEYS:
        value = data.get(key)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, (dict, list)) and value:
            return json.dumps(value, ensure_ascii=False, default=str)
    return ""
