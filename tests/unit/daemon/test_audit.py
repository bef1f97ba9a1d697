"""The balance, weighed from what a census found."""

from __future__ import annotations

from collections import Counter

from godot_daemon.audit import balance
from godot_daemon.census import Census, Instance
from godot_daemon.redis_queue import Backlog


def census(*instances: Instance, dropped: int = 0, **changes) -> Census:
    stored = sum(instance.stored for instance in instances)
    backlog = Backlog(0, 0, stored, "e", {"queue_full": dropped} if dropped else {}, {})
    figures = {
        "anonymous_waiting": 0,
        "anonymous_in_flight": 0,
        "rows": stored,
        "anonymous_rows": 0,
        "dead_letters": 0,
        "anonymous_dead": 0,
        "ledger_received": stored,
        "ledger_stored": stored,
        "ledger_duplicate": 0,
        "ledger_dead": 0,
        "ledger_received_of_epoch": stored,
    }
    return Census(
        backlog, {f"host:{n}": instance for n, instance in enumerate(instances)}, **{**figures, **changes}
    )


def test_nothing_at_all_is_balanced():
    assert balance(census()).balanced


def test_complete_instances_are_balanced():
    found = balance(census(Instance(last=10, stored=10), Instance(last=5, stored=3, waiting=1, in_flight=1)))
    assert found.balanced
    assert (found.sent, found.stored, found.waiting, found.in_flight) == (15, 13, 1, 1)


def test_a_gap_nobody_counted_is_named():
    found = balance(census(Instance(last=10, stored=8, gaps=[(4, 5)]), Instance(last=3, stored=3)))
    assert not found.balanced
    assert found.unaccounted == 2
    assert found.accounts[0].instance == "host:0"
    assert found.accounts[0].gaps == [(4, 5)]
    assert "host:0" in found.problems[0]


def test_drops_from_the_full_queue_account_for_gaps():
    found = balance(census(Instance(last=10, stored=8, gaps=[(4, 5)]), dropped=2))
    assert found.balanced
    assert found.sent == found.stored + sum(found.dropped.values()) == 10
    assert not balance(census(Instance(last=10, stored=8, gaps=[(4, 5)]), dropped=1)).balanced


def test_losses_that_a_client_told_account_for_its_own_gaps_only():
    told = Instance(last=10, stored=8, gaps=[(4, 5)], lost=Counter(buffer_full=2))
    assert balance(census(told)).balanced
    boaster = Instance(last=10, stored=10, lost=Counter(buffer_full=99))
    assert not balance(census(boaster, Instance(last=10, stored=9, gaps=[(1, 1)]))).balanced


def test_records_without_numbers_are_balanced_by_position_and_ledger():
    fine = census(anonymous_rows=7, rows=7, ledger_stored=7, ledger_received=7, ledger_received_of_epoch=7)
    fine.backlog = Backlog(0, 3, 10, "e", {}, {})
    assert balance(fine).balanced
    fine.backlog = Backlog(0, 2, 10, "e", {}, {})
    assert "1 record left the queue without being committed" in balance(fine).problems


def test_rows_that_are_gone_or_twice_are_a_problem():
    assert balance(census(Instance(last=3, stored=3), ledger_stored=4)).problems
    assert balance(census(Instance(last=3, stored=3), ledger_dead=1)).problems
    assert balance(census(Instance(last=3, stored=3, doubled=1))).problems
