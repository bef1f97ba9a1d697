"""A router's way: prose around `request`, `response`, `tool_name`, `backend` and `arguments`.

`Sending request …` is logged before the send: as a sighting it says that the sender meant to send, and
nothing of arrival. A choice of route (`tool_name` and `backend`) says the same with less; it stands alone
where the record of the request is missing, because it was too large or the store was away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from godot_analysis.normal_form.conventions.arrow import held_message, messages_under
from godot_analysis.normal_form.jsonrpc import id_text
from godot_analysis.normal_form.sightings import (
    CALL,
    ERROR,
    RECEIVED,
    REQUEST,
    RESPONSE,
    SENT,
    Sighting,
    Weight,
)
from godot_analysis.reading.fields import SERVER, text_of
from godot_analysis.reading.outcome import outcome_of
from godot_analysis.reading.remarks import (
    Says,
    arguments_of,
    direction_in,
    error_text_of,
    id_of,
    peer_of,
    session_of,
    tool_of,
)

if TYPE_CHECKING:
    from godot_analysis.normal_form.sightings import Row

NAME = "relay"


def read(row: Row) -> list[Sighting]:
    """The message that a router's record holds, or the tool call that it remarks upon."""
    held = held_message(row.data)
    if held is not None and held[0] in {"request", "response"}:
        return _whole(row, *held)
    return _remark(row)


def _whole(row: Row, key: str, payload: object) -> list[Sighting]:
    said = direction_in(row.message)
    direction = said or (SENT if key == "request" else RECEIVED)
    return messages_under(
        row,
        NAME,
        key,
        payload,
        direction=direction,
        peer=peer_of(row.data, row.message),
        inferred="" if said else "direction",
    )


def _remark(row: Row) -> list[Sighting]:
    """`Tool call received: T`, `Tool call completed`, `Unknown tool: T`, `Tool error`, and the like."""
    text, data = row.message, row.data
    tool = tool_of(data, text)
    if tool is None or Says.refused_by_client.search(text) or _ends_a_call(data):
        return []
    failed = row.level in {"ERROR", "WARN"} and Says.failed.search(text) is not None
    success = data.get("success")
    if failed or Says.over.search(text):
        bad = failed or success is False
        return [
            _detail(
                row,
                SENT,
                ERROR if bad else RESPONSE,
                tool,
                error_text=(error_text_of(data) or text) if bad else None,
            )
        ]
    peer = peer_of(data, text)
    if peer is not None and Says.routed.search(text):
        return [_detail(row, SENT, REQUEST, tool, peer=peer)]
    if Says.begun.search(text):
        return [_detail(row, RECEIVED, REQUEST, tool)]
    if Says.calling.search(text):
        return [_detail(row, SENT, REQUEST, tool, peer=peer)]
    return []


def _ends_a_call(data: dict[str, Any]) -> bool:
    """Whether a record says of a call to a server how it ended, whatever its words."""
    return text_of(data, SERVER) is not None and outcome_of(data) is not None


def _detail(
    row: Row, direction: str, kind: str, tool: str, *, peer: str | None = None, error_text: str | None = None
) -> Sighting:
    arguments = arguments_of(row.data) if kind == REQUEST else None
    payload = (
        None if arguments is None else {"method": CALL, "params": {"name": tool, "arguments": arguments}}
    )
    inferred = ["kind", "method"] if direction == RECEIVED else ["direction", "kind", "method"]
    return Sighting(
        row.number,
        direction,
        kind,
        NAME,
        Weight.DETAIL,
        peer=peer,
        session=session_of(row.data),
        method=CALL,
        tool=tool,
        rpc_id=id_text(id_of(row.data)),
        payload=payload,
        error_text=error_text,
        inferred=",".join([*inferred, "payload"] if payload else inferred),
    )
