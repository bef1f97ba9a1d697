"""A backend's way: only the method and perhaps the id of what it received and answered."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from godot_analysis.normal_form.jsonrpc import HANDSHAKE, id_text
from godot_analysis.normal_form.sightings import (
    CALL,
    ERROR,
    NOTIFICATION,
    RECEIVED,
    REQUEST,
    RESPONSE,
    SENT,
    Sighting,
    Weight,
)
from godot_analysis.reading.fields import TOOL, text_of
from godot_analysis.reading.remarks import Says, error_text_of, id_of, session_of

if TYPE_CHECKING:
    from godot_analysis.normal_form.sightings import Row

NAME = "backend"

METHOD = re.compile(
    r"^(?:initialize|ping|(?:notifications|tools|resources|prompts|completion|logging|sampling|elicitation|roots"
    r"|tasks|server|subscriptions)/[\w/]+)$"
)


def read(row: Row) -> list[Sighting]:
    """The message whose method the record names."""
    method = row.data.get("method")
    if not (isinstance(method, str) and METHOD.match(method)):
        return _handling(row)
    text = row.message
    if row.data.get("has_error") is True or (row.level == "ERROR" and Says.failed.search(text)):
        return [_sighting(row, SENT, ERROR, method)]
    if Says.received.search(text):
        kind = NOTIFICATION if method.startswith("notifications/") else REQUEST
        return [_sighting(row, RECEIVED, kind, method)]
    if Says.answered.search(text):
        return [_sighting(row, SENT, RESPONSE, method)]
    return _handling(row, method)


def _handling(row: Row, method: str | None = None) -> list[Sighting]:
    """`Handling tools/list request`: a remark about a request that is logged beside it."""
    if not Says.handling.search(row.message):
        return []
    found = Says.method.search(row.message)
    named = method or (found.group(1) if found else None)
    if named is None or named.startswith("notifications/"):
        return []
    return [_sighting(row, RECEIVED, REQUEST, named, Weight.DETAIL)]


def _sighting(row: Row, direction: str, kind: str, method: str, weight: Weight = Weight.METHOD) -> Sighting:
    params = row.data.get("params") if kind in {REQUEST, NOTIFICATION} else None
    payload = {"method": method, "params": params} if isinstance(params, dict) else None
    name = params.get("name") if payload and method == CALL else None  # type: ignore[union-attr]
    tool = name if isinstance(name, str) else text_of(row.data, TOOL)
    inferred = ["kind"] if direction == SENT and "has_error" not in row.data else []
    if payload:
        inferred.append("payload")
    remark = direction == SENT and kind == ERROR and "error" not in row.data and "has_error" not in row.data
    return Sighting(
        row.number,
        direction,
        kind,
        NAME,
        # `Unknown MCP method` is the reason for the `MCP request failed` that follows: a remark.
        Weight.DETAIL if remark else weight,
        session=session_of(row.data),
        era=HANDSHAKE if method in {"initialize", "notifications/initialized"} else None,
        method=method,
        tool=tool if method == CALL else None,
        rpc_id=id_text(id_of(row.data)),
        payload=payload,
        error_text=(error_text_of(row.data) or row.message) if kind == ERROR else None,
        inferred=",".join(inferred),
    )
