"""A host's way: a line for each call of a tool of a server, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from godot_analysis.normal_form.conventions.telling import told_end
from godot_analysis.reading.fields import SERVER, text_of
from godot_analysis.reading.remarks import error_text_of
from godot_analysis.reading.told import ToldCall, told_call

if TYPE_CHECKING:
    from godot_analysis.normal_form.sightings import Row, Sighting

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
    good = {"begun": None, "over": True}.get(told.step, False)
    return [told_end(row, NAME, server, told.tool, data=row.data, good=good, error=_error(row, told))]


def _error(row: Row, told: ToldCall) -> str | None:
    if told.step == "cancelled":
        return f"call cancelled: {row.message}"
    return (error_text_of(row.data) or told.why) if told.step == "failed" else None
