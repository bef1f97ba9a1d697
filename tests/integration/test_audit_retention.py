"""The balance through a record's whole life: what retention removes is accounted for, what a hand removes is not."""

from __future__ import annotations

import datetime as dt
import json
import os
import pty
import uuid

import psycopg
import pytest


@pytest.fixture
def audit(godot, env):
    """Runs `godot audit`: its exit status and what it found."""

    def run():
        done = godot("audit", "--json", env=env)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    return run


@pytest.fixture
def old_days(run_daemon, client, query, make_record, godot, env, eventually):
    """A daemon that stored 33 records of nine days ago, of one pinned trace and without numbers too, and 4 of now."""
    assert godot("db", "partitions", "--ensure", "--days-back", "10", env=env).returncode == 0
    old = (dt.datetime.now(dt.UTC) - dt.timedelta(days=9)).replace(hour=12).isoformat()
    trace = str(uuid.uuid4())
    loss = {"lost": {"count": 2, "reason": "buffer_full", "from": old, "to": old}}
    gone = [make_record(event_created_at=old) for _ in range(20)]
    make_record(), make_record()  # numbers 21 and 22 were never sent, as the next record says
    gone += [make_record(event_created_at=old, data=loss)]
    kept = [make_record(event_created_at=old, trace_id=trace) for _ in range(5)]
    plain = {"component": "relay", "level": "INFO", "trace_id": None, "data": None, "created_at": old}
    anonymous = [json.dumps({**plain, "message": f"number {n}"}).encode() for n in range(7)]
    client.lpush("logs:queue", *gone, *kept, *anonymous, *(make_record() for _ in range(4)))
    # By itself it lets nothing go: its own retention would take the empty partitions before the records come.
    daemon = run_daemon(env={**env, "GODOT_RETENTION_DAYS": "30"})
    eventually(lambda: query("select count(*) from logs") == 37, why=daemon.log)
    eventually(lambda: client.exists("logs:inflight") == 0)
    assert godot("pin", trace, "--note", "the case", env=env).returncode == 0
    return gone


def test_retention_keeps_the_balance(old_days, client, query, audit, godot, env, eventually):
    before = audit()
    assert before[0] == 0, before[1]["problems"]
    done = godot("db", "retain", env=env)
    assert done.returncode == 0, done.stderr
    assert query("select count(*) from logs") == 9, done.stdout

    status, found = audit()
    assert status == 0, found["problems"]
    assert (found["sent"], found["stored"], found["retired"]) == (before[1]["sent"], 9, 28)
    [account] = found["instances"]
    assert (account["retired"], account["stored"], account["lost"], account["gaps"]) == (21, 9, 2, [[21, 22]])
    assert "removed by retention" in godot("audit", env=env).stdout

    # A second delivery of a record that is gone is stored as a late one, and nothing is out of balance.
    client.lpush("logs:queue", old_days[0])
    eventually(lambda: query("select count(*) from logs") == 10)
    eventually(lambda: client.exists("logs:inflight") == 0)
    status, found = audit()
    assert status == 0, found["problems"]


def test_what_a_hand_deletes_is_told(old_days, database_url, audit, godot, env):
    assert "nothing" not in godot("db", "retain", env=env).stdout
    with psycopg.connect(database_url) as admin:
        admin.execute("set role godot_admin")
        assert admin.execute("delete from logs where seq in (30, 31)").rowcount == 2
    status, found = audit()
    assert status == 1
    assert "2 stored rows are gone from logs" in found["problems"]
    assert any("2 numbered records are nowhere" in problem for problem in found["problems"])
    assert [30, 31] in found["instances"][0]["gaps"]


def test_a_hostile_count_of_losses_explains_nothing_and_stops_nothing(
    old_days, client, query, make_record, audit, eventually
):
    for count in (1e300, -5, 10**18):
        client.lpush("logs:queue", make_record(data={"lost": {"count": count, "reason": "boast"}}))
    eventually(lambda: query("select count(*) from logs") == 40)
    eventually(lambda: client.exists("logs:inflight") == 0)
    status, found = audit()
    assert status == 0, found["problems"]
    assert found["dropped"] == {"buffer_full": 2}


def test_progress_is_for_a_terminal_only(old_days, godot, env):
    assert godot("audit", env=env).stderr == ""
    screen, terminal = pty.openpty()
    with os.fdopen(screen, "rb", buffering=0) as reader:
        with os.fdopen(terminal, "wb") as writer:
            process = godot.start("audit", env=env, stderr=writer)
        assert process.wait(60) == 0
        shown = reader.read(10_000)
    assert b"reading every sequence number" in shown
    assert shown.endswith(b"\r\x1b[K"), "it leaves nothing behind"
