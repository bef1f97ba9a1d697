"""`godot audit`, `dead`, `replay` and `status` on real servers."""

from __future__ import annotations

import gzip
import json
import signal
import threading
import uuid

import psycopg
import pytest

from godot_analysis.loading.records import derived_ids


@pytest.fixture
def daemon(run_daemon):
    return run_daemon()


def settled(client, eventually, why=""):
    eventually(lambda: not client.exists("logs:queue", "logs:inflight"), why=why)


def test_audit_names_the_instance_and_the_gaps(daemon, client, godot, env, make_record, eventually):
    entries = [make_record() for _ in range(20)]
    instance = json.loads(entries[0])["instance"]
    client.lpush("logs:queue", *entries[:6], *entries[9:15], entries[16])
    settled(client, eventually, daemon.log)
    daemon.send_signal(signal.SIGTERM)
    daemon.wait(60)
    client.lpush("logs:queue", entries[18])
    found = godot("audit", "--json", env=env)
    assert found.returncode == 1
    audit = json.loads(found.stdout)
    [account] = audit["instances"]
    assert account["gaps"] == [[7, 9], [16, 16], [18, 18]]
    assert (account["instance"], account["missing"], audit["unaccounted"]) == (instance, 5, 5)
    assert (audit["sent"], audit["stored"], audit["waiting"]) == (19, 13, 1)
    shown = godot("audit", env=env)
    assert shown.returncode == 1
    assert instance in shown.stdout
    assert "7-9, 16, 18" in shown.stdout


def test_audit_accepts_counted_losses(daemon, client, godot, env, make_record, eventually):
    entries = [make_record() for _ in range(20)]
    client.lpush(
        "logs:queue",
        *entries[:10],
        *entries[15:],
        make_record(data={"lost": {"count": 3, "reason": "buffer_full"}}),
    )
    client.hset("logs:dropped", "queue_full", 2)
    settled(client, eventually, daemon.log)
    found = godot("audit", "--json", env=env)
    assert found.returncode == 0, found.stdout
    audit = json.loads(found.stdout)
    assert audit["dropped"] == {"queue_full": 2, "buffer_full": 3}
    assert audit["sent"] == audit["stored"] + 5 == 21


def test_audit_sees_rows_that_are_gone_and_rows_that_are_twice(
    daemon, client, godot, env, make_record, eventually, database_url
):
    client.lpush("logs:queue", *(make_record() for _ in range(10)))
    client.lpush(
        "logs:queue",
        b'{"component": "old", "level": "INFO", "message": "m", "created_at": "2026-11-21T00:00:00Z"}',
    )
    settled(client, eventually, daemon.log)
    assert godot("audit", env=env).returncode == 0
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute("delete from logs where component = 'old'")
        assert "1 stored row is gone from logs" in godot("audit", env=env).stdout
        admin.execute(
            "insert into logs (id, component, level, message, event_created_at, instance, seq)"
            " select gen_random_uuid(), component, level, message, event_created_at, instance, seq"
            " from logs limit 1"
        )
        assert "1 record is stored twice" in godot("audit", env=env).stdout


def test_audit_holds_while_records_move(daemon, client, godot, env, make_record, eventually):
    stop = threading.Event()

    def produce():
        while not stop.is_set():
            client.lpush("logs:queue", *(make_record() for _ in range(100)))

    producer = threading.Thread(target=produce)
    producer.start()
    try:
        for _ in range(4):
            found = godot("audit", env=env)
            assert found.returncode == 0, found.stdout
    finally:
        stop.set()
        producer.join()
    settled(client, eventually, daemon.log)
    assert godot("audit", env=env).returncode == 0


def test_status_complains_when_nobody_is_at_work(client, godot, env, make_record):
    client.lpush("logs:queue", make_record())
    found = godot("status", env=env)
    assert found.returncode == 1
    assert "no daemon is at work" in found.stderr
    away = godot("status", "--json", env={**env, "GODOT_REDIS_URL": "redis://127.0.0.1:1/0"})
    assert away.returncode == 1
    found = json.loads(away.stdout)
    assert found["waiting"] is None
    assert found["stored"] == 0


def test_dead_letters_are_listed_shown_retried_and_purged(
    daemon, client, godot, env, query, make_record, eventually
):
    nasty = b"\x1b[31mno JSON\x07\xff\x00"
    own_id = str(uuid.uuid4())
    fixable = json.dumps(
        {"id": own_id, "level": "INFO", "message": "whose?", "event_created_at": "2026-11-21T10:00:00Z"}
    )
    client.lpush("logs:queue", nasty, fixable, make_record())
    settled(client, eventually, daemon.log)

    listed = json.loads(godot("dead", "list", "--json", env=env).stdout)
    assert {letter["reason"] for letter in listed} == {"not JSON", "no component"}
    shown = godot("dead", "list", env=env)
    assert "\x1b" not in shown.stdout
    assert own_id in shown.stdout
    [bad] = [letter for letter in listed if letter["reason"] == "not JSON"]
    one = godot("dead", "show", bad["id"][:8], env=env).stdout
    assert "\\x1b[31mno JSON\\x07" in one
    assert "\x1b" not in one + godot("dead", "show", bad["id"], "--json", env=env).stdout

    still = godot("dead", "retry", "--all", env=env)
    assert (still.returncode, still.stdout) == (1, "0 stored, 2 still dead\n")
    assert query("select min(retries), max(retries) from dead_letters") == [(1, 1)]
    done = godot("dead", "retry", "--all", "--reason", "no component", "--set", "component=gates", env=env)
    assert (done.returncode, done.stdout) == (0, "1 stored, 0 still dead\n")
    assert query("select id::text, component, message from logs where message = 'whose?'") == [
        (own_id, "gates", "whose?")
    ]
    assert godot("audit", env=env).returncode == 0

    asked = godot("dead", "purge", "--all", env=env)
    assert asked.returncode != 0
    assert query("select count(*) from dead_letters") == 1
    assert godot("dead", "purge", "--all", "--yes", env=env).stdout == "1 removed\n"
    assert godot("dead", "list", env=env).stdout == "no dead letters\n"
    assert godot("audit", env=env).returncode == 0


def test_a_refused_record_is_stored_once_the_database_takes_it(
    daemon, client, godot, env, query, database_url, make_record, eventually
):
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute("alter table logs add constraint no_shouting check (message <> 'SHOUT')")
        entry = make_record(message="SHOUT")
        client.lpush("logs:queue", make_record(), entry, make_record())
        settled(client, eventually, daemon.log)
        assert query("select reason, instance is not null from dead_letters") == [("refused (23514)", True)]
        assert query("select count(*) from logs") == 2
        assert godot("dead", "retry", "--all", env=env).returncode == 1
        admin.execute("alter table logs drop constraint no_shouting")
    assert godot("dead", "retry", "--all", env=env).stdout == "1 stored, 0 still dead\n"
    client.lpush("logs:queue", entry)
    settled(client, eventually, daemon.log)
    assert query("select count(*) from logs") == 3
    assert godot("audit", env=env).returncode == 0


def test_dead_commands_want_to_know_what_is_meant(godot, env):
    assert godot("dead", "retry", env=env).returncode == 2
    assert godot("dead", "purge", "--all", "abc", env=env).returncode == 2
    missing = godot("dead", "show", "abc", env=env)
    assert (missing.returncode, missing.stderr.count("\n")) == (1, 1)


def test_a_file_is_replayed_once_however_often(
    daemon, client, godot, env, query, make_record, eventually, tmp_path
):
    legacy = b'{"component": "old", "level": "INFO", "message": "m", "created_at": "2026-11-21T00:00:00Z", "n": 1e30}'
    file = tmp_path / "fallback.jsonl"
    odd = b'{"component": "old", "id": "rec-1", "level": "INFO", "message": "m", "created_at": "2026-11-21T00:00:00Z"}'
    file.write_bytes(b"\n".join([make_record(), legacy, legacy, b"", odd, b"{}", b"no JSON \xff"]) + b"\r\n")
    for _ in range(2):
        done = godot("replay", str(file), "--json", env=env)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == {"pushed": 6, "derived_ids": 4, "not_records": [7], "torn": []}
        settled(client, eventually, daemon.log)
    assert query("select count(*) from logs where data -> '_extra' @> '{\"n\": 1e30}'") == 2
    assert query("select count(*) from logs where data -> '_extra' @> '{\"original_id\": \"rec-1\"}'") == 1
    assert query("select distinct reason from dead_letters order by 1") == [("no component",), ("not JSON",)]
    assert godot("audit", env=env).returncode == 0


def test_a_torn_line_gives_back_what_was_glued_to_it_and_raw_pushes_are_redacted(
    daemon, client, godot, env, query, make_record, eventually, tmp_path
):
    file = tmp_path / "fallback.jsonl"
    legacy = (
        b'{"component":"old","level":"INFO","message":"password=hunter2","created_at":"2026-11-21T00:00:00Z"}'
    )
    file.write_bytes(make_record()[:80] + make_record() + b"\n" + legacy + b"\n")
    done = godot("replay", str(file), "--json", env=env)
    assert json.loads(done.stdout) == {"pushed": 3, "derived_ids": 1, "not_records": [1], "torn": [1]}
    settled(client, eventually, daemon.log)
    assert query("select count(*) from logs") == 2
    assert query("select message from logs where component = 'old'") == "password=[REDACTED]"
    assert query("select count(*) from dead_letters") == 1
    assert "is nowhere" in godot("audit", env=env).stdout, "the torn one is a gap in its instance's counting"


def test_a_record_without_a_time_is_stored_once_however_often_it_was_dead(
    daemon, client, godot, env, query, eventually, tmp_path
):
    file = tmp_path / "one.jsonl"
    file.write_text('{"level":"INFO","message":"no comp"}\n')
    for expected in ("1 stored, 0 still dead\n", "0 stored, 1 were stored already, 0 still dead\n"):
        for _ in range(2):
            assert godot("replay", str(file), env=env).returncode == 0
            settled(client, eventually, daemon.log)
        assert query("select count(*) from dead_letters") == 1
        done = godot("dead", "retry", "--all", "--set", "component=xx", env=env)
        assert (done.returncode, done.stdout) == (0, expected)
    assert query("select count(*) from logs") == 1
    assert godot("audit", env=env).returncode == 0


ODD_LINES = {
    "invalid UTF-8": b'{"component":"x","level":"INFO","message":"caf\xe9"}',
    "deep": b'{"component":"x","level":"INFO","message":"m","data":' + b"[" * 5000 + b"]" * 5000 + b"}",
    "no time": b'{"component":"x","level":"INFO","message":"m"} ',
    "lone surrogate": b'{"component":"x","level":"INFO","message":"\\ud800"}',
}
DEAD_LINES = {
    "UTF-16": '{"component":"x","level":"INFO","message":"m"}'.encode("utf-16")[:-1],
    "a control byte": b'{"component":"x","level":"INFO","message":"a\x01b"}',
    "text": b"Traceback (most recent call last):",
}


def test_replay_judges_lines_as_the_daemon_does(daemon, client, godot, env, query, eventually, tmp_path):
    file = tmp_path / "odd.jsonl"
    file.write_bytes(b"\xef\xbb\xbf" + b"\n".join([*ODD_LINES.values(), *DEAD_LINES.values()]) + b"\n")
    for _ in range(3):
        done = godot("replay", str(file), "--json", env=env)
        assert json.loads(done.stdout) == {
            "pushed": 7,
            "derived_ids": 4,
            "not_records": [5, 6, 7],
            "torn": [],
        }
        settled(client, eventually, daemon.log)
    assert query("select count(*), count(distinct id) from logs") == [(len(ODD_LINES),) * 2]
    assert query("select distinct raw from dead_letters order by 1") == sorted(
        (line,) for line in DEAD_LINES.values()
    )
    assert godot("audit", env=env).returncode == 0


def test_replay_reads_gzip_and_refuses_what_holds_no_record(client, godot, env, make_record, tmp_path):
    packed, binary, damaged = (tmp_path / name for name in ("a.jsonl.gz", "b.bin", "c.jsonl.gz"))
    packed.write_bytes(gzip.compress(make_record() + b"\n" + make_record() + b"\n"))
    binary.write_bytes(bytes(range(256)) * 40)
    damaged.write_bytes(packed.read_bytes()[:-9])
    assert godot("replay", str(packed), env=env).stdout == "2 pushed\n"
    for file in (binary, damaged):
        refused = godot("replay", str(file), env=env)
        assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    assert client.llen("logs:queue") == 2
    assert godot("replay", "--force", str(binary), env=env).returncode == 0
    assert client.llen("logs:queue") > 2


def test_replay_from_stdin_and_ids_are_those_of_the_analysis(daemon, client, godot, env, query, eventually):
    line = '{"component": "old", "level": "INFO", "message": "m", "created_at": "2026-11-21T00:00:00Z"}'
    assert godot("replay", "-", env=env, stdin=f"{line}\n{line}\n").returncode == 0
    settled(client, eventually, daemon.log)
    assert sorted(row[0] for row in query("select id::text from logs")) == sorted(
        derived_ids([line.encode()] * 2)
    )


def test_replay_waits_rather_than_overflow_the_queue(
    client, godot, env, query, make_record, eventually, tmp_path, run_daemon
):
    file = tmp_path / "many.jsonl"
    file.write_bytes(b"\n".join(make_record() for _ in range(3000)))
    replaying = godot.start("replay", str(file), "--queue-max", "1000", env=env)
    eventually(lambda: client.llen("logs:queue") == 1000)
    assert replaying.poll() is None
    daemon = run_daemon()
    assert replaying.wait(60) == 0
    eventually(lambda: query("select count(*) from logs") == 3000, why=daemon.log)
    assert not client.exists("logs:dropped")


@pytest.mark.parametrize(
    "command", [["status"], ["audit"], ["dead", "list"], ["dead", "retry"], ["replay"], ["ingest"]]
)
def test_help_has_an_example(godot, command):
    shown = godot(*command, "--help")
    assert shown.returncode == 0
    assert "Example" in shown.stdout
