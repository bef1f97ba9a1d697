"""Finds every record wherever it is right now, by instance and sequence number: the material of the audit.

The order of reading makes the result hold while records move: first how far each instance is known to have
come, then the queue, then what is in flight, then the tables. Records move in this direction only, so one
that was sent before the first question is in at least one of these places when that place is read.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from godot_daemon.decoding import decode
from godot_daemon.record import Origin, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from godot_daemon.database import Connection
    from godot_daemon.redis_queue import Backlog, RedisQueue

Span = tuple[int, int]
"""Sequence numbers from … to, both included."""

_PAGE: Final = 1000
_NOWHERE: Final = Origin("", 0, 0)

_REACHED: Final = """
select instance, max(seq) from (
    select instance, seq from logs union all select instance, seq from dead_letters
) as found
where instance is not null and seq is not null group by 1
"""

# One row per instance: how many different numbers up to the horizon, and which are missing or there twice.
_FOUND: Final = """
with horizon as (select * from unnest(%s::text[], %s::bigint[]) as horizon (instance, last)),
found as (
    select instance, seq, true as stored from logs where instance is not null and seq is not null
    union all
    select instance, seq, false from dead_letters where instance is not null and seq is not null
),
ordered as (
    select instance, seq, stored, lag(seq) over run as before, lag(stored) over run as before_stored
    from found join horizon using (instance)
    where seq <= last
    window run as (partition by instance order by seq, stored desc)
)
select instance,
       count(*) filter (where stored and before is distinct from seq),
       count(*) filter (where not stored and before is distinct from seq),
       count(*) filter (where stored and before_stored and before = seq),
       max(seq),
       array_agg(coalesce(before, 0) + 1 order by seq) filter (where seq > coalesce(before, 0) + 1),
       array_agg(seq - 1 order by seq) filter (where seq > coalesce(before, 0) + 1)
from ordered group by instance
"""

_LOST: Final = """
select instance, coalesce(data #>> '{lost,reason}', 'unknown'),
       sum((data #>> '{lost,count}')::numeric)::bigint
from logs where data @> '{"lost": {}}' and jsonb_typeof(data #> '{lost,count}') = 'number'
group by 1, 2
"""

_RETIRED: Final = """
select instance, lower(span), upper(span) - 1 from retired_numbers, unnest(numbers) as span
where instance = any(%s) order by 1, 2
"""

_RETIRED_LOSSES: Final = "select instance, reason, records from retired_losses where instance = any(%s)"

_RETIRED_TOTAL: Final = "select coalesce(sum(records), 0)::bigint from retention_log"

_TOTALS: Final = """
select (select count(*) from logs), (select count(*) from logs where instance is null or seq is null),
       (select count(*) from dead_letters),
       (select count(*) from dead_letters where instance is null or seq is null)
"""

_LEDGER: Final = """
select coalesce(sum(received), 0)::bigint, coalesce(sum(stored), 0)::bigint,
       coalesce(sum(duplicate), 0)::bigint, coalesce(sum(dead), 0)::bigint,
       coalesce(sum(received) filter (where right(worker, length(%(epoch)s)) = %(epoch)s), 0)::bigint
from ingest_ledger
"""


@dataclass(slots=True)
class Instance:
    """What is known of the numbers 1 … `last` of one process."""

    last: int = 0
    stored: int = 0
    dead: int = 0
    doubled: int = 0
    waiting: int = 0
    in_flight: int = 0
    retired: int = 0
    """Removed by retention."""
    gaps: list[Span] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)
    """What the process itself said it had lost, by reason."""

    @property
    def missing(self) -> int:
        """How many numbers are nowhere."""
        return sum(last - first + 1 for first, last in self.gaps)


@dataclass(slots=True)
class Census:
    """Everything that was found."""

    backlog: Backlog
    instances: dict[str, Instance]
    anonymous_waiting: int
    anonymous_in_flight: int
    rows: int
    anonymous_rows: int
    dead_letters: int
    anonymous_dead: int
    ledger_received: int
    ledger_stored: int
    ledger_duplicate: int
    ledger_dead: int
    ledger_received_of_epoch: int
    """What was received from the queue as it is now; others are of an earlier Redis."""
    retired: int = 0
    """What retention has removed, of all instances ever."""


@dataclass(slots=True)
class _Place:
    """The records of the queue, or of the in-flight lists."""

    numbers: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    lost: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    anonymous: int = 0

    def add(self, entries: Sequence[bytes]) -> None:
        for decoded in decode(entries, _NOWHERE):
            if decoded.instance is None or decoded.seq is None:
                self.anonymous += 1
            elif decoded.seq not in (known := self.numbers[decoded.instance]):
                known.add(decoded.seq)
                if isinstance(decoded, Record) and decoded.data and b'"lost"' in decoded.data:
                    self._add_loss(decoded.instance, json.loads(decoded.data).get("lost"))

    def _add_loss(self, instance: str, lost: object) -> None:
        if isinstance(lost, dict) and type(lost.get("count")) is int:
            self.lost[instance][str(lost.get("reason", "unknown"))] += lost["count"]


def take(queue: RedisQueue, connection: Connection) -> Census:
    """Count everything."""
    reached = dict(connection.execute(_REACHED).fetchall())
    waiting, in_flight = _Place(), _Place()
    with queue.errors():
        for page in _pages(queue):
            waiting.add(page)
        for entries in _claims(queue):
            in_flight.add(entries)
    backlog = queue.backlog()
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        connection.execute("set local jit = off")
        known = {*reached, *waiting.numbers, *in_flight.numbers}
        horizon = {
            name: max((reached.get(name, 0), *waiting.numbers[name], *in_flight.numbers[name]))
            for name in known
        }
        found = connection.execute(_FOUND, (list(horizon), list(horizon.values()))).fetchall()
        lost = connection.execute(_LOST).fetchall()
        lost += connection.execute(_RETIRED_LOSSES, (list(horizon),)).fetchall()
        retired = connection.execute(_RETIRED, (list(horizon),)).fetchall()
        retired_total = (connection.execute(_RETIRED_TOTAL).fetchone() or (0,))[0]
        totals = connection.execute(_TOTALS).fetchone() or (0,) * 4
        ledger = connection.execute(_LEDGER, {"epoch": backlog.epoch or "-"}).fetchone() or (0,) * 5

    instances = {name: Instance(last=last, gaps=[(1, last)]) for name, last in horizon.items()}
    for name, stored, dead, doubled, last, first_missing, last_missing in found:
        instance = instances[name]
        instance.stored, instance.dead, instance.doubled = stored, dead, doubled
        instance.gaps = list(zip(first_missing or (), last_missing or (), strict=True))
        if last < instance.last:
            instance.gaps.append((last + 1, instance.last))
    for name, reason, count in lost:
        if name in instances:
            instances[name].lost[reason] += count
    spans: defaultdict[str, list[Span]] = defaultdict(list)
    for name, first, until in retired:
        spans[name].append((first, until))
    for name, instance in instances.items():
        instance.retired = _retire(instance, spans[name])
        instance.in_flight = _fill(instance, in_flight, name)
        instance.waiting = _fill(instance, waiting, name)
    everything = Census(backlog, instances, waiting.anonymous, in_flight.anonymous, *totals, *ledger)
    everything.retired = retired_total
    return everything


def _retire(instance: Instance, spans: Sequence[Span]) -> int:
    """Close the gaps that retention has made; a number that came again later is not counted."""
    missing_before = instance.missing
    instance.gaps = list(_outside(instance.gaps, spans))
    return missing_before - instance.missing


def _fill(instance: Instance, place: _Place, name: str) -> int:
    """Fill gaps with what was found in a place; what was found further on already is not counted again."""
    numbers = sorted(place.numbers[name])
    missing_before = instance.missing
    instance.gaps = list(_without(instance.gaps, numbers))
    if (filled := missing_before - instance.missing) and place.lost[name]:
        instance.lost.update(place.lost[name])
    return filled


def _outside(gaps: Iterable[Span], spans: Sequence[Span]) -> Iterator[Span]:
    """The parts of gaps that lie in none of some sorted, separate spans."""
    position = 0
    for first, last in gaps:
        start = first
        while position < len(spans) and spans[position][0] <= last:
            begin, end = spans[position]
            if begin > start:
                yield start, begin - 1
            start = max(start, end + 1)
            if end > last:
                break
            position += 1
        if start <= last:
            yield start, last


def _without(gaps: Iterable[Span], numbers: Sequence[int]) -> Iterator[Span]:
    """The parts of sorted gaps that hold none of some sorted numbers."""
    position = 0
    for first, last in gaps:
        start = first
        while position < len(numbers) and numbers[position] < first:
            position += 1
        while position < len(numbers) and numbers[position] <= last:
            if numbers[position] > start:
                yield start, numbers[position] - 1
            start = numbers[position] + 1
            position += 1
        if start <= last:
            yield start, last


def _pages(queue: RedisQueue) -> Iterator[list[bytes]]:
    """The queue from its head on. Pushes meanwhile shift entries further on, where they are read again."""
    start = 0
    while page := queue.client.lrange(queue.queue, start, start + _PAGE - 1):
        yield page  # type: ignore[misc]  # bytes: responses are not decoded
        start += _PAGE


def _claims(queue: RedisQueue) -> Iterator[list[bytes]]:
    for claim in queue.client.hkeys(queue.inflight):
        yield queue.client.lrange(queue.inflight_lists.encode() + claim, 0, -1)  # type: ignore[misc, operator]
