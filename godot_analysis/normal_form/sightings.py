"""One observed message, as a convention reads it from a log row."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

SENT = "sent"
RECEIVED = "received"

REQUEST = "request"
RESPONSE = "response"
ERROR = "error"
NOTIFICATION = "notification"
INVALID = "invalid"

ANSWERS = frozenset((RESPONSE, ERROR))

CALL = "tools/call"


class Weight(IntEnum):
    """How much a sighting proves: of two by one observer of one message, the heavier one stands."""

    DETAIL = 0  # a remark about a message, such as "Tool call started"
    METHOD = 1  # the method, perhaps the id
    PAYLOAD = 2  # the message itself


class Row(NamedTuple):
    """What a convention may look at: one row of a log frame.

    `called` are the tools that its component has begun to call by then, each with its server.
    """

    number: int
    component: str
    level: str | None
    message: str
    data: dict[str, Any]
    called: Mapping[str, str]


class Sighting(NamedTuple):
    """One message seen by one observer. `row` is the position of the log row in its frame."""

    row: int
    direction: str
    kind: str
    convention: str
    weight: int
    peer: str | None = None
    transport: str | None = None
    session: str | None = None
    era: str | None = None
    method: str | None = None
    tool: str | None = None
    rpc_id: str | None = None
    payload: Any = None
    error_code: int | None = None
    error_text: str | None = None
    inferred: str = ""
    validity: str = ""
