"""A structured event's way: a tool, its server and how its call went stand under keys, whatever the words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from godot_analysis.normal_form.conventions.telling import told_end
from godot_analysis.normal_form.sightings import CALL
from godot_analysis.reading.fields import SERVER, TOOL, in_snake_case, pairs_in, text_of
from godot_analysis.reading.outcome import outcome_of
from godot_analysis.reading.remarks import Says, arguments_of, error_text_of
from godot_analysis.reading.told import server_at_head

if TYPE_CHECKING:
    from collections.abc import Mapping

    from godot_analysis.normal_form.sightings import Row, Sighting

NAME = "event"
_SPAN: Final = "span"
_METHOD: Final = "mcp_method_name"


def read(row: Row) -> list[Sighting]:
    """The beginning or the end of a call of a tool of a server; a span has both."""
    span = row.data.get(_SPAN)
    if isinstance(span, dict):
        return _of_span(row, in_snake_case(span | _inner(span, "attributes") | {"status": None}), span)
    words = row.message.replace("_", " ").replace(".", " ")
    data = in_snake_case({**pairs_in(row.message), **row.data})
    tool = text_of(data, TOOL)
    if tool is None or Says.refused_by_client.search(words):
        return []
    server = text_of(data, SERVER) or row.called.get(tool) or server_at_head(row.message)[0]
    if server is None or server == row.component:
        return []
    failed = Says.failed.search(words) is not None
    over = failed or Says.over.search(words) is not None
    good = outcome_of(data, expected=over or tool in row.called)
    if good is None and over and tool in row.called:
        good = not failed
    if good is None and arguments_of(data) is None and not Says.called.search(words):
        return []
    return [told_end(row, NAME, server, tool, data=data, good=good, error=_error(row, data))]


def _of_span(row: Row, data: dict[str, Any], span: Mapping[str, Any]) -> list[Sighting]:
    method, server = data.get(_METHOD), text_of(data, SERVER)
    if not isinstance(method, str) or server is None or server == row.component:
        return []
    status = in_snake_case(_inner(span, "status"))
    tool = text_of(data, TOOL) if method == CALL else None
    good = str(status.get("code", "")).upper() != "ERROR"
    told = data | {"error": status.get("message")}
    error = _error(row, told)
    return [
        told_end(row, NAME, server, tool, data=told, good=ended, error=error, method=method)
        for ended in (None, good)
    ]


def _error(row: Row, data: dict[str, Any]) -> str:
    return error_text_of(data) or row.message


def _inner(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}
