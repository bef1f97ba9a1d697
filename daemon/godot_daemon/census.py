"""Finds every record wherever it is right now, by instance and sequence number: the material of the audit.

The order of reading makes the result hold while records move: first how far each instance is known to have
come, then the queue, then what is in flight, then the tables. Records move in this direction only, so one
that was sent before the first question is in at least one of these places when that place is read.
"""

from __future__ import annotations

import itertools
import json
import operator
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from godot_daemon.decoding import decode
from godot_daemon.record import Origin, Record
from godot_daemon.spans import WORD, of_words, outside, runs, size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from godot_daemon.database import Connection
    from godot_daemon.redis_queue import Backlog, RedisQueue
    from godot_daemon.spans import Span

_PAGE: Final = 1000
_MASK: Final = (1 << WORD) - 1
"""Bitmaps come as signed numbers."""
_NOWHERE: Final = Origin("", 0, 0)

_REACHED: Final = """
select instance, max(seq) from (
    select instance, seq from logs union all select instance, seq from dead_letters
) as found
where instance is not null and seq is not null group by 1
"""

# The numbers up to the horizon as bitmaps, 64 of an instance in a row: as exact as sorting, and far quicker.
_FOUND: Final = """
with horizon as (select * from unnest(%s::text[], %s::bigint[]) as horizon (instance, last)),
found as (
    select instance, seq, true as stored from logs where instance is not null and seq is not null
    union all
    select instance, seq, false from dead_letters where instance is not null and seq is not null
)
select instance, seq >> 6,
       coalesce(bit_or(1::bigint << (seq & 63)::integer) filter (where stored), 0),
       coalesce(bit_or(1::bigint << (seq & 63)::integer) filter (where not stored), 0),
       count(*) filter (where stored)
from found join horizon using (instance)
where seq <= last
group by 1, 2 order by 1, 2
"""

_LOST: Final = """
select instance, coalesce(data #>> '{lost,reason}', 'unknown'),
       sum((data #>> '{lost,count}')::numeric)::bigint
from logs where data @> '{"lost": {}}'
  and case when jsonb_typeof(data #> '{lost,count}') = 'number'
           then (data #>> '{lost,count}')::numeric between 0 and 1e12 end
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
        return size(self.gaps)


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


def take(queue: RedisQueue, connection: Connection, told: Callable[[str], None] = lambda _: None) -> Census:
    """Count everything; `told` hears what comes next."""
    told("how far each process has come")
    reached = dict(connection.execute(_REACHED).fetchall())
    told("what is in Redis")
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
        told("every sequence number")
        known = {*reached, *waiting.numbers, *in_flight.numbers}
        instances = {
            name: _instance(max((reached.get(name, 0), *waiting.numbers[name], *in_flight.numbers[name])))
            for name in known
        }
        _find(connection, instances)
        told("losses that processes have counted themselves")
        names = list(instances)
        for query, values in ((_LOST, None), (_RETIRED_LOSSES, (names,))):
            for name, reason, count in connection.execute(query, values):
                if name in instances:
                    instances[name].lost[reason] += count
        told("what retention has removed")
        retired = connection.execute(_RETIRED, (names,)).fetchall()
        [retired_total] = connection.execute(_RETIRED_TOTAL).fetchone() or (0,)
        told("the ledger")
        totals = connection.execute(_TOTALS).fetchone() or (0,) * 4
        ledger = connection.execute(_LEDGER, {"epoch": backlog.epoch or "-"}).fetchone() or (0,) * 5

    spans: defaultdict[str, list[Span]] = defaultdict(list)
    for name, first, until in retired:
        spans[name].append((first, until))
    for name, instance in instances.items():
        instance.retired = _fill(instance, spans[name])
        for place, attribute in ((in_flight, "in_flight"), (waiting, "waiting")):
            filled = _fill(instance, runs(sorted(place.numbers[name])))
            setattr(instance, attribute, filled)
            if filled:
                instance.lost.update(place.lost[name])
    everything = Census(backlog, instances, waiting.anonymous, in_flight.anonymous, *totals, *ledger)
    everything.retired = retired_total
    return everything


def _instance(last: int) -> Instance:
    return Instance(last=last, gaps=[(1, last)])


def _find(connection: Connection, instances: dict[str, Instance]) -> None:
    """Fill in what the tables hold, row by row: a hostile process may have a word for each record."""
    horizon = [(name, instance.last) for name, instance in instances.items()]
    with connection.cursor() as cursor:
        found = cursor.stream(_FOUND, ([name for name, _ in horizon], [last for _, last in horizon]))
        for name, rows in itertools.groupby(found, key=operator.itemgetter(0)):
            instance = instances[name]
            instance.gaps = list(outside(instance.gaps, of_words(_counted(instance, rows))))


def _counted(instance: Instance, rows: Iterable[tuple[str, int, int, int, int]]) -> Iterator[tuple[int, int]]:
    """Count the numbers of bitmaps that pass by."""
    for _, word, stored, dead, stored_rows in rows:
        in_logs, only_dead = (stored & _MASK).bit_count(), (dead & ~stored & _MASK).bit_count()
        instance.stored += in_logs
        instance.dead += only_dead
        instance.doubled += stored_rows - in_logs
        yield word, stored | dead


def _fill(instance: Instance, spans: Iterable[Span]) -> int:
    """Close gaps with what was found elsewhere; what was found further on already is not counted again."""
    missing_before = instance.missing
    instance.gaps = list(outside(instance.gaps, spans))
    return missing_before - instance.missing


def _pages(queue: RedisQueue) -> Iterator[list[bytes]]:
    """The queue from its head on. Pushes meanwhile shift entries further on, where they are read again."""
    start = 0
    while page := queue.client.lrange(queue.queue, start, start + _PAGE - 1):
        yield page  # type: ignore[misc]  # bytes: responses are not decoded
        start += _PAGE


def _claims(queue: RedisQueue) -> Iterator[list[bytes]]:
    for claim in queue.client.hkeys(queue.inflight):
        yield queue.client.lrange(queue.inflight_lists.encode() + claim, 0, -1)  # type: ignore[misc, operator]
