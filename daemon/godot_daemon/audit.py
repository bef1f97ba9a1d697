"""The proof that sent = stored + waiting + in flight + dropped + dead + retired, from the records."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from godot_daemon import census
from godot_daemon.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from godot_daemon.census import Census
    from godot_daemon.database import Connection
    from godot_daemon.redis_queue import RedisQueue

_SECOND_LOOK_SECONDS: Final = 1.0
_GAPS_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Account:
    """The balance of one process that numbers its records."""

    instance: str
    sent: int
    stored: int
    waiting: int
    in_flight: int
    dead: int
    lost: int
    """What it said it had lost itself."""
    retired: int
    """What retention has removed."""
    missing: int
    """What is nowhere and was not said to be lost: dropped from the full queue, or unaccounted for."""
    doubled: int
    gaps: Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Audit:
    """The balance of everything."""

    sent: int
    stored: int
    waiting: int
    in_flight: int
    dropped: dict[str, int]
    dead: int
    retired: int
    """What retention has removed, of the processes listed and of those that have nothing left."""
    unaccounted: int
    accounts: Sequence[Account]
    """Of every instance, those with something missing first."""
    problems: Sequence[str]

    @property
    def balanced(self) -> bool:
        """Whether everything adds up."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return {
            "balanced": self.balanced,
            "sent": self.sent,
            "stored": self.stored,
            "waiting": self.waiting,
            "in_flight": self.in_flight,
            "dropped": self.dropped,
            "dead": self.dead,
            "retired": self.retired,
            "unaccounted": self.unaccounted,
            "problems": list(self.problems),
            "instances": [
                {
                    "instance": account.instance,
                    "sent": account.sent,
                    "stored": account.stored,
                    "waiting": account.waiting,
                    "in_flight": account.in_flight,
                    "dead": account.dead,
                    "lost": account.lost,
                    "retired": account.retired,
                    "missing": account.missing,
                    "doubled": account.doubled,
                    "gaps": [list(gap) for gap in account.gaps],
                }
                for account in self.accounts
            ],
        }


def audit(queue: RedisQueue, connection: Connection, told: Callable[[str], None] = lambda _: None) -> Audit:
    """Take the balance; twice, if the first does not add up, since a claim may just be changing hands.

    `told` hears what is read next: on tens of millions of records each step takes seconds.
    """
    first = balance(census.take(queue, connection, told))
    if first.balanced:
        return first
    told("everything again, since the first look did not add up")
    time.sleep(_SECOND_LOOK_SECONDS)
    return balance(census.take(queue, connection, told))


def balance(found: Census) -> Audit:
    """Weigh what a census found."""
    accounts = sorted(
        (_account(name, instance) for name, instance in found.instances.items()),
        key=lambda account: (-account.missing, -account.doubled, account.instance),
    )
    missing = sum(account.missing for account in accounts)
    queue_drops = sum(found.backlog.dropped.values())
    unaccounted = max(0, missing - queue_drops)
    anonymous_drops = max(0, queue_drops - missing)
    stored = sum(account.stored for account in accounts) + found.anonymous_rows
    waiting = sum(account.waiting for account in accounts) + found.anonymous_waiting
    in_flight = sum(account.in_flight for account in accounts) + found.anonymous_in_flight
    dead = sum(account.dead for account in accounts) + found.anonymous_dead
    dropped = dict(found.backlog.dropped)
    for instance in found.instances.values():
        for reason, count in instance.lost.items():
            dropped[reason] = dropped.get(reason, 0) + count
    anonymous = (
        found.anonymous_rows
        + found.anonymous_waiting
        + found.anonymous_in_flight
        + found.anonymous_dead
        + anonymous_drops
        + max(0, found.retired - sum(account.retired for account in accounts))
    )
    return Audit(
        sent=sum(account.sent for account in accounts) + anonymous,
        stored=stored,
        waiting=waiting,
        in_flight=in_flight,
        dropped=dropped,
        dead=dead,
        retired=max(found.retired, sum(account.retired for account in accounts)),
        unaccounted=unaccounted,
        accounts=accounts,
        problems=_problems(found, accounts, unaccounted),
    )


def _account(name: str, instance: census.Instance) -> Account:
    lost = min(instance.lost.total(), instance.missing)
    return Account(
        instance=name,
        sent=instance.last,
        stored=instance.stored,
        waiting=instance.waiting,
        in_flight=instance.in_flight,
        dead=instance.dead,
        lost=lost,
        retired=instance.retired,
        missing=instance.missing - lost,
        doubled=instance.doubled,
        gaps=instance.gaps[:_GAPS_SHOWN],
    )


def _problems(found: Census, accounts: Sequence[Account], unaccounted: int) -> list[str]:
    problems = []
    if unaccounted:
        worst = next(account for account in accounts if account.missing)
        problems.append(
            f"{counted(unaccounted, 'numbered record', 'is')} nowhere, most of them of {worst.instance}:"
            " lost with Redis, or in a fallback file that was not replayed"
        )
    if doubled := sum(account.doubled for account in accounts):
        problems.append(f"{counted(doubled, 'record', 'is')} stored twice")
    acknowledged = found.backlog.claimed - found.backlog.in_flight
    if found.ledger_received_of_epoch < acknowledged:
        short = acknowledged - found.ledger_received_of_epoch
        problems.append(f"{counted(short, 'record')} left the queue without being committed")
    if found.rows < found.ledger_stored:
        gone = found.ledger_stored - found.rows
        problems.append(f"{counted(gone, 'stored row', 'is')} gone from logs")
    if found.dead_letters < found.ledger_dead:
        gone = found.ledger_dead - found.dead_letters
        problems.append(f"{counted(gone, 'dead letter', 'is')} gone")
    return problems
