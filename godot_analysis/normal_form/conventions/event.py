"""A structured event's way: a tool, its server and how its call went stand under keys, whatever the words."""

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
from godot_analysis.reading.fields import SERVER, TOOL, pairs_in, text_of
from godot_analysis.reading.outcome import outcome_of
from godot_analysis.reading.remarks import Says, arguments_of, error_text_of, id_of, session_of
from godot_analysis.reading.told import server_at_head

if TYPE_CHECKING:
    from godot_analysis.normal_form.sightings import Row

NAME = "event"


def read(row: Row) -> list[Sighting]:
    """The beginning or the end of a call that a record with a tool and its server tells of."""
    data = {**pairs_in(row.message), **row.data}
    tool = text_of(data, TOOL)
    if tool is None or Says.refused_by_client.search(row.message):
        return []
    server = text_of(data, SERVER) or row.called.get(tool) or server_at_head(row.message)[0]
    if server is None or server == row.component:
        return []
    arguments = arguments_of(data)
    good = outcome_of(data, expected=tool in row.called)
    begun = good is None
    if begun and arguments is None and not Says.called.search(row.message):
        return []
    params = {"name": tool, "arguments": arguments} if begun and arguments is not None else None
    return [
        Sighting(
            row.number,
            SENT if begun else RECEIVED,
            REQUEST if begun else RESPONSE if good else ERROR,
            NAME,
            Weight.DETAIL,
            peer=server,
            session=session_of(data),
            method=CALL,
            tool=tool,
            rpc_id=id_text(id_of(data)),
            payload=None if params is None else {"method": CALL, "params": params},
            error_text=(error_text_of(data) or row.message) if good is False else None,
            inferred="direction,kind,method" + ("" if params is None else ",payload"),
        )
    ]
