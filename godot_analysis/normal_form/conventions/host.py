"""A host's way: a line for each call of a tool of a server, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
from godot_analysis.reading.remarks import arguments_of, error_text_of, id_of, session_of
from godot_analysis.reading.told import ToldCall, told_call

if TYPE_CHECKING:
    from godot_analysis.normal_form.sightings import Row

NAME = "host"


def read(row: Row) -> list[Sighting]:
    """The call that a line about one of a host's servers tells of."""
    known = text_of(row.data, SERVER)
    told = told_call(row.message, known, row.called)
    if told is None:
        return []
    server = known or told.server
    if server is None or server == row.component:
        return []  # without a server it may be the router's own call, and is read so
    begun = told.step == "begun"
    arguments = arguments_of(row.data) if begun else None
    params = None if arguments is None else {"name": told.tool, "arguments": arguments}
    inferred = "direction,kind,method"
    return [
        Sighting(
            row.number,
            SENT if begun else RECEIVED,
            REQUEST if begun else RESPONSE if told.step == "over" else ERROR,
            NAME,
            Weight.DETAIL,
            peer=server,
            session=session_of(row.data),
            method=CALL,
            tool=told.tool,
            rpc_id=id_text(id_of(row.data)),
            payload=None if params is None else {"method": CALL, "params": params},
            error_text=_error(row, told),
            inferred=inferred if params is None else inferred + ",payload",
        )
    ]


def _error(row: Row, told: ToldCall) -> str | None:
    if told.step == "cancelled":
        return f"call cancelled: {row.message}"
    return (error_text_of(row.data) or told.why) if told.step == "failed" else None
