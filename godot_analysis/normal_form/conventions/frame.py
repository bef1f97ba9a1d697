"""A message in a frame of its own, `"jsonrpc": "2.0"`, under any key of the data or quoted in the text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from godot_analysis.normal_form.conventions.arrow import messages_under
from godot_analysis.normal_form.sightings import RECEIVED, SENT
from godot_analysis.reading.fields import DIRECTION, SERVER, STATUS, URL, text_of
from godot_analysis.reading.quoted import quoted_message
from godot_analysis.reading.remarks import direction_in, direction_of, peer_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godot_analysis.normal_form.sightings import Row, Sighting

NAME = "frame"
_DEPTH: Final = 2  # objects within the data in which a message may stand
_FRAME: Final = "jsonrpc"
_OF_A_ROUTER: Final = frozenset({"request", "response"})  # under these, a router logs calls and nothing else


def read(row: Row) -> list[Sighting]:
    """The messages in the data; where it holds none, the one that the text quotes."""
    if not _OF_A_ROUTER.isdisjoint(row.data):
        return []
    held = list(_framed(row.data, _DEPTH))
    before, peer, direction = row.message, None, None
    if not held:
        named = text_of(row.data, SERVER)
        quoted = quoted_message(row.message, None if named == row.component else named)
        if quoted is None:
            return []
        held, before, peer, direction = [quoted.message], quoted.before, quoted.peer, quoted.direction
    beside = _beside(row.data)
    peer = peer or peer_of(beside, before)
    if peer == row.component:
        peer = None
    direction = direction_of(text_of(beside, DIRECTION)) or direction or direction_in(before)
    told = direction is not None
    if direction is None:
        direction = _of_http(beside) or (SENT if _asks(held[0]) else RECEIVED)
    seen = []
    for message in held:
        # A record that holds a request and its answer tells of both ways.
        turned = _asks(message) is not _asks(held[0])
        way = {SENT: RECEIVED, RECEIVED: SENT}[direction] if turned else direction
        seen += messages_under(
            row, NAME, "message", message, direction=way, peer=peer, inferred="" if told else "direction"
        )
    return seen


def _framed(data: dict[str, Any], depth: int) -> Iterator[Any]:
    """The messages, or batches of them, that stand under the keys of an object."""
    for value in data.values():
        if isinstance(value, str):
            quoted = quoted_message(value) if _FRAME in value and value.lstrip()[:1] in {"{", "["} else None
            if quoted is not None:
                yield quoted.message
        elif isinstance(value, list):
            if value and all(isinstance(item, dict) and _FRAME in item for item in value):
                yield value
        elif isinstance(value, dict):
            if _FRAME in value:
                yield value
            elif depth > 1:
                yield from _framed(value, depth - 1)


def _beside(data: dict[str, Any]) -> dict[str, Any]:
    """What stands beside a message: in the data, and in the object in it that holds the message."""
    inner = next(
        (value for value in data.values() if isinstance(value, dict) and any(_framed(value, 1))), None
    )
    return data if inner is None or _FRAME in inner else {**inner, **data}


def _asks(message: Any) -> bool:
    first = message[0] if isinstance(message, list) else message
    return "method" in first


def _of_http(data: dict[str, Any]) -> str | None:
    """A request of HTTP without a status is on its way out, one with a status was answered."""
    if text_of(data, URL) is None:
        return None
    return RECEIVED if any(key in data for key in STATUS) else SENT
