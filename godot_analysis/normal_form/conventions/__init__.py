"""The ways in which components log messages: one small module each, the best evidence first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from godot_analysis.normal_form.conventions import arrow, backend, event, frame, host, relay, verbatim

if TYPE_CHECKING:
    from collections.abc import Callable

    from godot_analysis.normal_form.sightings import Row, Sighting

CONVENTIONS: Final[tuple[Callable[[Row], list[Sighting]], ...]] = (
    verbatim.read,
    arrow.read,
    frame.read,
    host.read,
    relay.read,
    backend.read,
    event.read,
)


def read(row: Row) -> list[Sighting]:
    """Return the messages that a log row shows: of the first convention that knows the row."""
    for convention in CONVENTIONS:
        seen = convention(row)
        if seen:
            return seen
    return []
