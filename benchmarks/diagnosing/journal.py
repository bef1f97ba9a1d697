"""The log of a random system: what every component wrote, by its own clock, and how it arrived."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import random

__all__ = ["START", "Journal", "Writer"]

START: Final = datetime(2026, 11, 21, 20, tzinfo=UTC)
_QUIET: Final = {"INFO": 2, "WARN": 3, "ERROR": 4, "DEBUG": 1, "TRACE": 0}


@dataclass
class Writer:
    """A component as a writer of records: its clock, its level, and whether it numbers them."""

    name: str
    offset: float = 0.0
    drift: float = 0.0
    least: str = "TRACE"
    numbered: bool = True
    instance: str = ""
    written: int = 0


@dataclass
class _Entry:
    moment: float
    writer: Writer
    record: dict[str, Any]


class Journal:
    """Everything that was written, in true order; `delivered` is what the store has in the end."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.now = 0.0
        self.entries: list[_Entry] = []
        self.late = False  # records of components without the library are stamped when they arrive

    def identity(self) -> str:
        """A random UUID."""
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def tell(
        self,
        writer: Writer,
        level: str,
        message: str,
        data: dict[str, Any] | None = None,
        trace: str | None = None,
    ) -> None:
        """One record, if the component writes at that level at all."""
        self.now += self.chance.uniform(0.00002, 0.0004)
        if _QUIET[level] < _QUIET.get(writer.least, 9):
            return
        record: dict[str, Any] = {
            "component": writer.name,
            "level": level,
            "message": message,
            "trace_id": trace,
            "data": data,
        }
        shown = self.now * (1 + writer.drift) + writer.offset
        if writer.numbered:
            writer.written += 1
            record |= {"id": self.identity(), "instance": writer.instance, "seq": writer.written}
            record["event_created_at"] = _clock(shown)
        else:
            delay = self.chance.uniform(0, 0.006) if self.late and self.chance.random() < 0.3 else 0.0
            record["created_at"] = _clock(self.now + delay)
        self.entries.append(_Entry(self.now, writer, record))

    def lose(self, begin: float, end: float) -> None:
        """The logger loses a few records of one component of that time, and says so or leaves a gap."""
        inside = [entry for entry in self.entries if begin <= entry.moment <= end and entry.writer.numbered]
        if len(inside) < 6:
            return
        first = self.chance.randrange(len(inside) - 5)
        writer = inside[first].writer
        run = [entry for entry in inside[first:] if entry.writer is writer][: self.chance.randint(1, 6)]
        gone = {id(entry) for entry in run}
        self.entries = [entry for entry in self.entries if id(entry) not in gone]
        if self.chance.random() < 0.5:
            times = [entry.record["event_created_at"] for entry in run]
            lost = {"count": len(run), "reason": "buffer full", "from": times[0], "to": times[-1]}
            self.tell(writer, "WARN", f"{len(run)} records lost", {"lost": lost})

    def delivered(self, manner: str) -> list[dict[str, Any]]:
        """The records as the store has them: in order, shuffled on the way, or some of them twice."""
        records = [entry.record for entry in sorted(self.entries, key=lambda entry: entry.moment)]
        if manner == "shuffled":
            self.chance.shuffle(records)
        elif manner == "doubled":
            again = [record for record in records if self.chance.random() < 0.05]
            records += again
        return records


def _clock(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat(timespec="microseconds")
