"""One vocabulary for `data`: under which keys components write servers, tools, ids, errors and HTTP."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "ADDRESS",
    "ARGUMENTS",
    "BODY",
    "DIRECTION",
    "ERROR",
    "EXIT",
    "HEADERS",
    "NAMED",
    "PEER",
    "REQUEST",
    "SERVER",
    "SESSION",
    "STATUS",
    "TOOL",
    "URL",
    "VERB",
    "VISITOR",
    "dict_of",
    "error_of",
    "in_snake_case",
    "pairs_in",
    "text_of",
    "tool_names_of",
    "whole_of",
]

SERVER: Final = (
    "backend", "backend_name", "server", "server_name", "serverName", "mcp_server", "mcpServer", "upstream",
    "target", "peer", "server_address",
)  # fmt: skip
"""Under which a record names a server, and nobody else."""
PEER: Final = (
    "peer", "backend", "server", "target", "upstream", "downstream", "destination", "remote", "link",
    "to", "from",
)  # fmt: skip
"""Under which a record names its other end, whoever that is."""
DIRECTION: Final = ("direction", "dir", "way", "flow", "side")
"""Under which a record says whether a message came or went."""
NAMED: Final = ("name", "server", "backend", "server_name", "backend_name")
"""Under which the arguments of a command name a backend."""
TOOL: Final = ("tool_name", "toolName", "tool", "gen_ai_tool_name")
ARGUMENTS: Final = ("arguments", "args", "tool_args", "input")
REQUEST: Final = ("request_id", "requestId", "rpc_id", "jsonrpc_id", "id")
SESSION: Final = (
    "session", "session_id", "sessionId", "client_id", "clientId", "connection_id", "connection", "conn",
)  # fmt: skip
VISITOR: Final = ("client_id", "session", "session_id", "connection", "client")
"""Under which a server names a connection that somebody opened."""
ADDRESS: Final = ("ip", "address", "remote", "remote_address", "client")
ERROR: Final = (
    "error", "error_message", "errorMessage", "err", "exception", "exc_info", "traceback", "stack", "@x",
    "reason", "cause", "detail",
)  # fmt: skip
EXIT: Final = ("exit_code", "exitCode", "returncode", "return_code", "exit_status")
STATUS: Final = ("status", "status_code", "statusCode", "http_status", "httpStatus", "response_status")
URL: Final = ("url", "uri", "path", "endpoint", "request_url")
VERB: Final = ("method", "verb", "http_method", "httpMethod", "request_method")
BODY: Final = ("body", "response_body", "response", "text", "error", "detail", "reason")
HEADERS: Final = ("request_headers", "requestHeaders", "headers")  # those of the answer may stand beside
_APART: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[.\- ]")
_PAIR: Final = re.compile(
    r"""(?<![\w.-])([A-Za-z_][\w.-]{0,63})=("[^"\n]{0,4000}"|'[^'\n]{0,4000}'|[^\s"'{[]{1,400})"""
)
_MOST_PAIRS: Final = 4096  # characters of a line in which pairs are read
_MESSAGE: Final = ("message", "text")
_LISTS: Final = frozenset({"names", "available", "known"})


def text_of(data: Mapping[str, Any], keys: Iterable[str]) -> str | None:
    """The first text under one of the keys that is not empty."""
    for key in keys:
        value = data.get(key)
        if isinstance(value, str) and value:
            return value
    return None


def dict_of(data: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any] | None:
    """The first object under one of the keys."""
    return next((data[key] for key in keys if isinstance(data.get(key), dict)), None)


def error_of(data: Mapping[str, Any]) -> str:
    """What a record says went wrong, as text; empty when it says nothing."""
    for key in ERROR:
        value = data.get(key)
        if isinstance(value, dict):
            value = text_of(value, _MESSAGE) or str(value)
        if isinstance(value, str) and value:
            return value
    return ""


def whole_of(data: Mapping[str, Any], keys: Iterable[str]) -> str:
    """What stands under one of the keys, as text; an object or a list as JSON."""
    for key in keys:
        value = data.get(key)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, (dict, list)) and value:
            return json.dumps(value, ensure_ascii=False, default=str)
    return ""


def in_snake_case(data: dict[str, Any]) -> dict[str, Any]:
    """The same with its keys in one spelling: lower case, words apart by underscores.

    >>> in_snake_case({"Tool": "find", "isError": False, "gen_ai.tool.name": "find"})
    {'tool': 'find', 'is_error': False, 'gen_ai_tool_name': 'find'}
    """
    keys = tuple(data)
    told = _in_snake_case(keys)
    return data if told == keys else dict(zip(told, data.values(), strict=True))


@lru_cache(maxsize=1 << 10)  # a system has few kinds of records
def _in_snake_case(keys: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(_APART.sub("_", str(key)).lower() for key in keys)


def pairs_in(text: str) -> dict[str, str]:
    """The pairs of a line in the manner of logfmt.

    >>> pairs_in('docs: exec tool=find status=error err="no such page"')
    {'tool': 'find', 'status': 'error', 'err': 'no such page'}
    """
    return (
        {key: value.strip("\"'") for key, value in _PAIR.findall(text[:_MOST_PAIRS])} if "=" in text else {}
    )


def tool_names_of(data: Mapping[str, Any]) -> frozenset[str] | None:
    """The names of tools that a record lists, None where it lists none."""
    for key, value in data.items():
        if isinstance(value, list) and ("tool" in key.lower() or key in _LISTS):
            names = [item.get("name") if isinstance(item, dict) else item for item in value]
            known = frozenset(name for name in names if isinstance(name, str))
            if len(known) == len(set(map(str, names))):
                return known
    return None
