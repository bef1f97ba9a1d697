"""The proposal's way: `→ gates` with {"request": …}, `← gates` with {"response": …}."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from godot_analysis.normal_form.jsonrpc import members, read_message
from godot_analysis.normal_form.sightings import (
    ERROR,
    INVALID,
    RECEIVED,
    REQUEST,
    RESPONSE,
    SENT,
    Sighting,
    Weight,
)
from godot_analysis.reading.fields import text_of
from godot_analysis.reading.remarks import session_of

if TYPE_CHECKING:
    from godot_analysis.normal_form.sightings import Row

NAME = "arrow"

_ARROW = re.compile(r"^\s*(?:(→|⇒|-{1,2}>|=>|>>)|(←|⇐|<-{1,2}|<=|<<))\s*(\S+)?")
# The key says what the message is where the message does not say it itself.
ROLE_OF_KEY = {
    "request": REQUEST,
    "response": RESPONSE,
    "result": RESPONSE,
    "error": ERROR,
    "notification": None,
    "message": None,
    "payload": None,
}


def read(row: Row) -> list[Sighting]:
    """The messages behind an arrow; nothing when the data holds none."""
    found = _ARROW.match(row.message)
    if not found:
        return []
    held = held_message(row.data)
    if held is None:
        return []
    key, payload = held
    direction = SENT if found.group(1) else RECEIVED
    peer = (found.group(3) or "").rstrip(":,") or None
    return messages_under(row, NAME, key, payload, direction=direction, peer=peer)


def held_message(data: dict[str, Any]) -> tuple[str, Any] | None:
    """The key and the value that hold a message: a frame, or whatever stands in a frame's place."""
    for key in ROLE_OF_KEY:
        value = data.get(key)
        if isinstance(value, (dict, list)) and value:
            return key, value
    return None


def messages_under(
    row: Row, convention: str, key: str, payload: Any, *, direction: str, peer: str | None, inferred: str = ""
) -> list[Sighting]:
    """The messages of a payload that was logged under a key which says their role."""
    seen = []
    for member in members(payload):
        kind, method, tool, rpc_id, code, text, era, validity = read_message(member)
        marks = [inferred] if inferred else []
        role = ROLE_OF_KEY[key]
        if kind == INVALID and role is not None:
            # Without a frame, the one who logged it still took it for an answer or a request.
            kind = role
            marks.append("kind")
        seen.append(
            Sighting(
                row.number,
                direction,
                kind,
                convention,
                Weight.PAYLOAD,
                peer,
                text_of(row.data, ("transport",)),
                session_of(row.data),
                era,
                method,
                tool,
                rpc_id,
                member,
                code,
                text,
                ",".join(marks),
                validity,
            )
        )
    return seen
