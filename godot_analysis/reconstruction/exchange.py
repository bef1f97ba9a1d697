"""One question and its answer, as one observer saw them."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec


class Exchange(msgspec.Struct, eq=False):
    """One question and its answer, as one observer saw them (positions of sightings; None when not seen)."""

    observer: str
    asking: bool  # the observer asked; otherwise it was asked
    request: int | None
    answer: int | None
    peer: str | None
    session: str | None
    method: str | None
    tool: str | None
    rpc_id: str | None
    trace: str | None
    start: int  # microseconds; of the answer when the question was not seen
    end: int | None = None
    arguments: dict[str, Any] | None = None
    cancel: int | None = None  # sighting of notifications/cancelled
    mistyped: int | None = None  # an answer whose id equals this one's only as text


class Pairing(NamedTuple):
    """All exchanges in order of time, and the sightings that belong to none."""

    exchanges: list[Exchange]
    singles: list[int]
