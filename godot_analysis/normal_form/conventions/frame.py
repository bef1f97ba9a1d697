"""A message in a frame of its own, `"jsonrpc": "2.0"`, under any key of the data or quoted in the text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from godot_analysis.normal_form.conventions.arrow import messages_under
from godot_analysis.normal_form.conventions.backend import METHOD
from godot_analysis.normal_form.sightings import RECEIVED, SENT
from godot_analysis.reading.fields import DIRECTION, PEER, SERVER, STATUS, URL, pairs_in, text_of
from godot_analysis.reading.quoted import Quoted, quoted_message
from godot_analysis.reading.remarks import direction_in, direction_of, peer_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godot_analysis.normal_form.sightings import Row, Sighting

NAME = "frame"
_DEPTH: Final = 4  # objects within the data in which a message may stand
_FRAME: Final = "jsonrpc"
_OF_A_ROUTER: Final = frozenset({"request", "response"})  # under these, a router logs calls and nothing else
_ENVELOPES: Final = frozenset(
    {"rpc", "message", "msg", "frame", "payload", "envelope", "json", "body", "packet"}
)
"""Under these a message may stand that lacks its own frame."""
_OTHER_WAY: Final = {SENT: RECEIVED, RECEIVED: SENT}
_ERRORS: Final = 400  # HTTP's first status that is one


def read(row: Row) -> list[Sighting]:
    """The messages in the data; where it holds none, the one that the text quotes."""
    if not _OF_A_ROUTER.isdisjoint(row.data):
        return []
    beside: dict[str, Any] = {}
    held = list(_framed(row.data, beside, _DEPTH))
    told = Quoted(None, row.message, None, None)
    if not held:
        named = text_of(row.data, SERVER)
        quoted = quoted_message(row.message, None if named == row.component else named)
        if quoted is None:
            return []
        held, told = [quoted.message], quoted
    if _status(beside) >= _ERRORS:
        held = [message for message in held if _asks(message)]  # what HTTP refused was not answered
    if not held:
        return []
    peer = told.peer or peer_of(pairs_in(told.before) | beside, told.before)
    direction = _direction(beside) or told.direction or direction_in(told.before)
    # A record may hold a request and its answer: then it tells of both ways.
    client = _is_client(beside) if direction is None else (direction == SENT) is _asks(held[0])
    return [
        sighting
        for message in held
        for sighting in messages_under(
            row,
            NAME,
            "message",
            message,
            direction=SENT if _asks(message) is client else RECEIVED,
            peer=None if peer == row.component else peer,
            inferred="" if direction else "direction",
        )
    ]


def _framed(data: dict[str, Any], beside: dict[str, Any], depth: int) -> Iterator[Any]:
    """The messages, or batches of them, within an object; what stands around them is put into `beside`."""
    for key, value in data.items():
        if isinstance(value, str) and _FRAME in value and value.lstrip()[:1] in {"{", "["}:
            quoted = quoted_message(value)
            if quoted is not None:
                yield quoted.message
                continue
        if (
            isinstance(value, list)
            and value
            and all(isinstance(item, dict) and _FRAME in item for item in value)
        ) or (isinstance(value, dict) and (_FRAME in value or (key in _ENVELOPES and _is_bare(value)))):
            yield value
        elif isinstance(value, dict) and depth > 1:
            if key in PEER and isinstance(value.get("name"), str):
                beside.setdefault(key, value["name"])
            yield from _framed(value, beside, depth - 1)
        else:
            beside.setdefault(key, value)


def _is_bare(value: dict[str, Any]) -> bool:
    """Whether an object is a message but for its frame."""
    method = value.get("method")
    if isinstance(method, str):
        return METHOD.match(method) is not None
    return "id" in value and ("result" in value or isinstance(value.get("error"), dict))


def _asks(message: Any) -> bool:
    first = message[0] if isinstance(message, list) else message
    return "method" in first


def _direction(beside: dict[str, Any]) -> str | None:
    """The way of a message as a word or a yes beside it says it."""
    for word, way in (("sent", SENT), ("outgoing", SENT), ("received", RECEIVED), ("incoming", RECEIVED)):
        if isinstance(beside.get(word), bool):
            return way if beside[word] else _OTHER_WAY[way]
    return direction_of(text_of(beside, DIRECTION))


def _status(data: dict[str, Any]) -> int:
    return next((data[key] for key in STATUS if type(data.get(key)) is int), 0)


def _is_client(data: dict[str, Any]) -> bool:
    """Whether who logs a message without its way asked there: a server knows no more than the path."""
    url = text_of(data, URL)
    return url is None or "://" in url
