"""One end of a request that a record tells of in words or keys, without the message itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
from godot_analysis.reading.remarks import arguments_of, id_of, session_of

if TYPE_CHECKING:
    from godot_analysis.normal_form.sightings import Row


def told_end(
    row: Row,
    convention: str,
    server: str,
    tool: str | None,
    *,
    data: dict[str, Any],
    good: bool | None,
    error: str | None = None,
    method: str = CALL,
) -> Sighting:
    """The beginning of a request to `server` where `good` is None, else its end; `error` is why it failed."""
    begun = good is None
    arguments = arguments_of(data) if begun and method == CALL else None
    payload = (
        None if arguments is None else {"method": method, "params": {"name": tool, "arguments": arguments}}
    )
    return Sighting(
        row.number,
        SENT if begun else RECEIVED,
        REQUEST if begun else RESPONSE if good else ERROR,
        convention,
        Weight.DETAIL if method == CALL else Weight.METHOD,
        peer=server,
        session=session_of(data),
        method=method,
        tool=tool,
        rpc_id=id_text(id_of(data)),
        payload=payload,
        error_text=error if good is False else None,
        inferred="direction,kind,method" + ("" if payload is None else ",payload"),
    )
