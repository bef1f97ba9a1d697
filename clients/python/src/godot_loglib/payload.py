"""How much of a payload is recorded: all, its shape alone, or none. See clients/wire, "Payload policy"."""

import json
from collections.abc import Mapping
from typing import Any, Final

POLICIES: Final = ("full", "shape", "off")  # from the mildest to the strictest
_CUT: Final = "cut"

# What the protocol itself says. Diagnosis lives on it, and it holds no user's data.
_PROTOCOL: Final = frozenset(
    {
        "initialize",
        "tools/list",
        "prompts/list",
        "resources/list",
        "resources/templates/list",
        "server/discover",
    }
)
_REMEMBERED: Final = 1024  # requests whose answers are awaited
_WORST_ESCAPE: Final = 6  # bytes that JSON may make of one: \u0000

_dumps = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class Payloads:
    """Applies the policy of one logger; the sender's thread calls it, in the order of the records.

    Parameters
    ----------
    policies
        Tool → policy; None → the policy of all else.
    limit
        Bytes of one payload as JSON.
    """

    def __init__(self, policies: Mapping[str | None, str], limit: int) -> None:
        self._default = policies.get(None, "full")
        self._by_tool = {tool: policy for tool, policy in policies.items() if tool is not None}
        self._strictest = max([self._default, *self._by_tool.values()], key=POLICIES.index)
        self._limit = limit
        self._asked: dict[tuple[str, ...], tuple[str, str | None]] = {}

    def apply(self, mcp: dict[str, Any], size: int) -> None:
        """Cut the payload of a redacted `data.mcp` in place, and mark it; `size` is what it has in memory."""
        small = size * _WORST_ESCAPE <= self._limit
        if self._strictest == "full" and small:
            return
        payload = mcp.get("payload")
        kept, policy = payload, "full"
        if self._strictest != "full":
            kept, policy = self._by_policy(mcp, payload)
        if not small and _size(kept) > self._limit:
            whole = kept  # a bound never shows what the policy hides
            if policy == "full":
                kept, policy = _content(payload, _shape), "shape"
            if _size(kept) > self._limit:
                text = whole if isinstance(whole, str) else _dumps(whole)
                kept, policy = text.encode("utf-8", "replace")[: self._limit].decode("utf-8", "ignore"), _CUT
        if policy != "full":
            mcp["payload"] = kept
            mcp["policy"] = {"payload": policy, "bytes": _size(payload)}

    def _by_policy(self, mcp: Mapping[str, Any], payload: Any) -> tuple[Any, str]:
        if isinstance(payload, list):
            pairs = [self._by_policy(mcp, each) for each in payload]
            strictest = max((policy for _, policy in pairs), key=POLICIES.index, default="full")
            return [kept for kept, _ in pairs], strictest
        policy = self._policy_of(mcp, payload)
        if policy == "full":
            return payload, policy
        return _content(payload, _shape if policy == "shape" else _off), policy

    def _policy_of(self, mcp: Mapping[str, Any], payload: Any) -> str:
        """The policy of one message; "full" for what the protocol itself says."""
        if not isinstance(payload, dict):
            return self._default
        method = payload.get("method")
        if isinstance(method, str):
            params = payload.get("params")
            name = params.get("name") if isinstance(params, dict) and method == "tools/call" else None
            tool = name if isinstance(name, str) else None
            if payload.get("id") is not None:
                self._remember(self._key(mcp, payload), (method, tool))
            return self._policy(method, tool)
        asked = self._asked.pop(self._key(mcp, payload, answer=True), None)
        return self._strictest if asked is None else self._policy(*asked)

    def _policy(self, method: str, tool: str | None) -> str:
        notice = method.startswith("notifications/") and method != "notifications/message"
        if method in _PROTOCOL or notice:
            return "full"
        return self._default if tool is None else self._by_tool.get(tool, self._default)

    @staticmethod
    def _key(mcp: Mapping[str, Any], payload: Mapping[str, Any], *, answer: bool = False) -> tuple[str, ...]:
        sent = (mcp.get("direction") == "sent") != answer
        return (str(mcp.get("peer")), str(mcp.get("session")), str(sent), _dumps(payload.get("id")))

    def _remember(self, key: tuple[str, ...], asked: tuple[str, str | None]) -> None:
        self._asked[key] = asked
        if len(self._asked) > _REMEMBERED:
            del self._asked[next(iter(self._asked))]


def _size(payload: Any) -> int:
    text = payload if isinstance(payload, str) else _dumps(payload)
    return len(text.encode("utf-8", "backslashreplace"))


def _content(payload: Any, cut: Any) -> Any:
    """The payload with its content cut; all of it is content where it is no JSON-RPC."""
    if isinstance(payload, list):
        return [_content(each, cut) for each in payload]
    if not isinstance(payload, dict) or not payload.keys() & {"method", "result", "error"}:
        return cut(payload)
    kept = dict(payload)
    params = kept.get("params")
    if "params" in kept:
        if not isinstance(params, dict):
            kept["params"] = cut(params)
        elif kept.get("method") == "tools/call":
            kept["params"] = {
                key: cut(value) if key == "arguments" else value for key, value in params.items()
            }
        else:
            rest = {key: value for key, value in params.items() if key != "_meta"}
            meta = {"_meta": params["_meta"]} if "_meta" in params else {}
            shortened = cut(rest)
            kept["params"] = shortened | meta if isinstance(shortened, dict) else ({**meta} or shortened)
    if "result" in kept:
        kept["result"] = cut(kept["result"])
    error = kept.get("error")
    if isinstance(error, dict) and "data" in error:
        kept["error"] = error | {"data": cut(error["data"])}
    return kept


def _shape(value: Any) -> Any:
    """Keys, types and lengths."""
    if isinstance(value, dict):
        return {key: _shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shape(item) for item in value]
    if isinstance(value, str):
        return f"[text: {len(value)}]"
    return value if value is None or isinstance(value, bool) else "[number]"


def _off(_value: Any) -> str:
    return "[off]"
