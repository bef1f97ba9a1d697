"""Reading one JSON-RPC message: its kind, method, tool, typed id, error, and what is wrong with it."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from godot_analysis.normal_form.sightings import CALL, ERROR, INVALID, NOTIFICATION, REQUEST, RESPONSE

HANDSHAKE = "handshake"
STATELESS = "stateless"

_STATELESS_SINCE = "2026-07-28"
META_VERSION = "io.modelcontextprotocol/protocolVersion"
_NO_FRAME = "no JSON-RPC frame: neither method, result nor error"


class Message(NamedTuple):
    """What one JSON-RPC message says about itself."""

    kind: str
    method: str | None = None
    tool: str | None = None
    rpc_id: str | None = None
    error_code: int | None = None
    error_text: str | None = None
    era: str | None = None
    validity: str = ""


def id_text(value: Any) -> str | None:
    """JSON text of an id: `1` and `"1"` stay different, null and an absent one are none."""
    if value is None:
        return None
    if type(value) is int:
        return str(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def read_message(payload: Any) -> Message:
    """Read one member of what was sent or received; whatever it is, it becomes a message."""
    if not isinstance(payload, dict):
        return Message(INVALID, validity=_why_no_object(payload))
    method = payload.get("method")
    if method is not None:
        return _question(payload, method)
    return _answer(payload)


def members(payload: Any) -> list[Any]:
    """Every message of a payload: the members of a batch, the parsed text of a string, or itself."""
    if isinstance(payload, str):
        payload = _parsed(payload)
    if isinstance(payload, list) and payload:
        return payload
    return [payload]


def params_of(payload: Any) -> dict[str, Any]:
    """The parameters of a message, empty when it has none."""
    params = payload.get("params") if isinstance(payload, dict) else None
    return params if isinstance(params, dict) else {}


def content_of(kind: str, payload: Any) -> Any:
    """The arguments of a request, the result of a response that is not marked as an error; else None."""
    if kind == REQUEST:
        arguments = params_of(payload).get("arguments")
        return arguments if isinstance(arguments, dict) else None
    if kind != RESPONSE or not isinstance(payload, dict) or payload.get("error") is not None:
        return None
    result = payload.get("result")
    return None if isinstance(result, dict) and result.get("isError") is True else result


def _question(payload: dict[str, Any], method: Any) -> Message:
    if not isinstance(method, str):
        return Message(INVALID, rpc_id=id_text(payload.get("id")), validity="method is no string")
    params = payload.get("params")
    named = params if isinstance(params, dict) else {}
    tool = named.get("name") if method == CALL else None
    rpc_id = id_text(payload.get("id"))
    faults = [] if payload.get("jsonrpc") == "2.0" else ["jsonrpc is not 2.0"]
    if rpc_id is None:
        kind = NOTIFICATION
        if "id" in payload:
            faults.append("id is null")
        elif not method.startswith("notifications/"):
            faults.append("a request without id")
    else:
        kind = REQUEST
        if method.startswith("notifications/"):
            faults.append("a notification with an id")
    if params is not None and not isinstance(params, (dict, list)):
        faults.append("params is neither object nor array")
    return Message(
        kind,
        method,
        tool if isinstance(tool, str) else None,
        rpc_id,
        era=era_of(method, named),
        validity="; ".join(faults),
    )


def _answer(payload: dict[str, Any]) -> Message:
    rpc_id = id_text(payload.get("id"))
    error = payload.get("error")
    if error is None and "result" not in payload:
        return Message(INVALID, rpc_id=rpc_id, validity=_NO_FRAME)
    faults = [] if payload.get("jsonrpc") == "2.0" else ["jsonrpc is not 2.0"]
    if rpc_id is None:
        faults.append("an answer without id" if "id" not in payload else "id is null")
    if error is None:
        return Message(
            RESPONSE, rpc_id=rpc_id, era=answered_era(payload["result"]), validity="; ".join(faults)
        )
    if "result" in payload:
        faults.append("both result and error")
    code, text = error_of(error)
    if code is None:
        faults.append("error without an integer code")
    return Message(ERROR, rpc_id=rpc_id, error_code=code, error_text=text, validity="; ".join(faults))


def error_of(error: Any) -> tuple[int | None, str | None]:
    """Code and text of an error member, whatever shape it has."""
    if isinstance(error, dict):
        code, text = error.get("code"), error.get("message")
        whole = code if isinstance(code, int) and not isinstance(code, bool) else None
        return whole, text if isinstance(text, str) else json.dumps(error, ensure_ascii=False)
    return None, error if isinstance(error, str) else json.dumps(error, ensure_ascii=False)


def content_text(result: dict[str, Any]) -> str | None:
    """The text of a tool's result."""
    content = result.get("content")
    items = content if isinstance(content, list) else []
    parts = [item["text"] for item in items if isinstance(item, dict) and isinstance(item.get("text"), str)]
    return "\n".join(parts) or None


def era_of(method: str, params: dict[str, Any]) -> str | None:
    """The era that a question names; most name none."""
    if method in {"initialize", "notifications/initialized"}:
        return HANDSHAKE
    if method == "server/discover":
        return STATELESS
    meta = params.get("_meta")
    return STATELESS if isinstance(meta, dict) and META_VERSION in meta else None


def version_of(params: dict[str, Any]) -> str | None:
    """The protocol version that a request of the stateless era names in its parameters."""
    meta = params.get("_meta")
    version = meta.get(META_VERSION) if isinstance(meta, dict) else None
    return version if isinstance(version, str) else None


def answered_era(result: Any) -> str | None:
    """The era that an answer names itself; most name none."""
    if not isinstance(result, dict):
        return None
    version = result.get("protocolVersion")
    if isinstance(version, str):
        return STATELESS if version >= _STATELESS_SINCE else HANDSHAKE
    return STATELESS if "resultType" in result or "supportedVersions" in result else None


def _parsed(text: str) -> Any:
    """A message that was logged as its JSON text; other text stays as it is."""
    if text.lstrip()[:1] not in {"{", "["}:
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, (dict, list)) else text


def _why_no_object(payload: Any) -> str:
    if not isinstance(payload, str):
        return "no JSON-RPC: not an object"
    if payload.lstrip().lower().startswith("content-length:"):
        return "Content-Length framing instead of one message a line"
    if payload.lstrip()[:1] in {"{", "["}:
        try:
            json.loads(payload)
        except ValueError as error:
            return f"broken JSON of {len(payload)} characters: {error}"
        except RecursionError:
            return "JSON nested too deep"
    return "no JSON"
