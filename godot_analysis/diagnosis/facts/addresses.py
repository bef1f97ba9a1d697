"""Where backends are looked for and where they are: every URL and port that the log gives away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from godot_analysis.diagnosis.facts.timeline import grouped
from godot_analysis.reading.errors import address_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from godot_analysis.diagnosis.facts import Facts
    from godot_analysis.diagnosis.facts.absences import Missing

__all__ = ["Place", "known_before", "listening", "tried"]


@dataclass(frozen=True, slots=True)
class Place:
    """An address in the words of the log, when it was named, and where."""

    time: pd.Timestamp
    where: str
    records: tuple[str, ...]

    @property
    def port(self) -> int | None:
        """The port of the address, None where it names none."""
        return _port(self.where)


def tried(item: Missing) -> Place | None:
    """Where the relay looked for the backend in this incarnation, as failed attempts and commands tell."""
    found = [
        Place(trouble.time, where, (trouble.record,))
        for trouble in item.troubles
        if (where := trouble.url or address_in(trouble.text))
    ]
    found += [Place(command.time, command.url, command.call.rows) for command in item.commands if command.url]
    return max(found, key=lambda place: place.time, default=None)


def known_before(item: Missing, facts: Facts) -> Place | None:
    """Where the relay had it before this life: the route of its last calls, or the last command for it."""
    if item.incarnation.begin is None:
        return None
    found = [
        Place(route.time, route.url, (route.record,))
        for route in facts.events.of("route")
        if route.server == item.backend and route.url and route.time < item.incarnation.begin
    ]
    found += [
        Place(command.time, command.url, command.call.rows)
        for command in item.commands_before
        if command.url and command.verb != "remove"
    ]
    return max(found, key=lambda place: place.time, default=None)


def listening(backend: str, facts: Facts) -> Place | None:
    """The port that the backend itself named when it started last.

    Ports inside a container are not those outside. Where another backend is called at another port than it
    names, ports are mapped, and what a backend says about its own is no address for anybody else.
    """
    own = [start for start in facts.events.of("start") if start.component == backend and start.port]
    if not own or any(_mapped(facts)):
        return None
    return Place(own[-1].time, f"port {own[-1].port}", (own[-1].record,))


def _mapped(facts: Facts) -> Iterator[bool]:
    said = grouped((start.component, start.port) for start in facts.events.of("start") if start.port)
    for route in facts.events.of("route"):
        if route.server in said and route.url and facts.operations.well_answered(route.server) is not None:
            yield _port(route.url) not in said[route.server]


def _port(where: str) -> int | None:
    try:
        if "://" in where:
            return urlsplit(where).port
        return int(where.replace(":", " ").split(" ")[-1])
    except ValueError:
        return None
