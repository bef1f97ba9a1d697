"""The daemon as a process on real servers: what it stores, says, obeys and refuses."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).resolve().parents[2]


def page(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()


def stored(query) -> int:
    return query("select count(*) from logs")


def test_it_moves_records_and_says_so(run_daemon, client, query, make_record, eventually, godot, env):
    client.lpush("logs:queue", *(make_record() for _ in range(1500)))
    daemon = run_daemon()
    eventually(lambda: stored(query) == 1500, why=daemon.log)
    eventually(lambda: client.exists("logs:inflight", "logs:queue") == 0)
    metrics = page(daemon.metrics + "/metrics").splitlines()
    assert "godot_records_stored_total 1500.0" in metrics
    assert "godot_queue_records 0.0" in metrics
    assert page(daemon.metrics + "/readyz") == '{"ok": true, "problems": []}'
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(60) == 0
    told = [json.loads(line) for line in daemon.log().splitlines() if '"stored ' in line]
    assert sum(line["stored"] for line in told) == 1500
    assert told[-1]["waiting"] == 0
    assert client.exists("logs:workers") == 0
    status = json.loads(godot("status", "--json", env=env).stdout)
    assert (status["waiting"], status["stored"], status["problems"]) == (0, 1500, [])
    audit = godot("audit", "--json", env=env)
    assert audit.returncode == 0, audit.stdout
    assert json.loads(audit.stdout)["sent"] == 1500


def test_it_merges_what_search_collects(run_daemon, query, database_url, eventually):
    with psycopg.connect(database_url) as connection:
        connection.execute("create table merges (at timestamptz not null default now())")
        connection.execute(
            "create or replace function merge_pending() returns bigint language sql security definer"
            " as 'insert into merges default values returning 0::bigint'"
        )
    daemon = run_daemon()
    eventually(lambda: query("select count(*) from merges") >= 1, why=daemon.log)


def test_it_does_not_log_through_its_own_pipeline(run_daemon, client, query, eventually):
    client.lpush("logs:queue", b"no record")
    daemon = run_daemon()
    eventually(lambda: query("select count(*) from dead_letters") == 1, why=daemon.log)
    daemon.terminate()
    assert daemon.wait(60) == 0
    assert client.llen("logs:queue") == stored(query) == 0


def test_lines_for_a_person(run_daemon, client, query, make_record, eventually):
    client.lpush("logs:queue", make_record())
    daemon = run_daemon("--log-format", "human")
    eventually(lambda: "stored 1 record in" in daemon.log(), why=daemon.log)
    assert "ms, 0 waiting" in daemon.log()


def test_records_of_the_original_client(run_daemon, client, query, eventually, shared_captures, godot, env):
    capture = shared_captures / "bug13.jsonl"
    lines = capture.read_bytes().splitlines()
    for line in lines:  # as ICCMLogger does: one LPUSH each
        client.lpush("logs:queue", line)
    daemon = run_daemon()
    eventually(lambda: stored(query) == len(lines), why=daemon.log)
    expected = [json.loads(line) for line in lines]
    rows = query(
        "select component, level, message, data,"
        " to_char(event_created_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US+00:00') from logs"
    )

    def key(row):
        return (row[4], row[0], row[2], json.dumps(row[3], sort_keys=True))

    assert sorted(rows, key=key) == sorted(
        ((e["component"], e["level"], e["message"], e["data"], e["created_at"]) for e in expected), key=key
    )
    audit = godot("audit", env=env)
    assert audit.returncode == 0, audit.stdout


def test_sigterm_under_load_loses_and_doubles_nothing(
    run_daemon, client, query, database_url, make_record, eventually
):
    for _ in range(40):
        client.lpush("logs:queue", *(make_record() for _ in range(500)))
    with psycopg.connect(database_url) as other:
        other.execute("lock table logs in access exclusive mode")  # so that the signal finds it at work
        daemon = run_daemon("--batch-size", "100")
        eventually(lambda: client.exists("logs:inflight"), why=daemon.log)
        daemon.send_signal(signal.SIGTERM)
        eventually(lambda: "SIGTERM: finishing what is claimed" in daemon.log(), why=daemon.log)
    assert daemon.wait(60) == 0, daemon.log()
    assert client.exists("logs:inflight") == 0
    assert 0 < stored(query) < 20_000
    assert stored(query) + client.llen("logs:queue") == 20_000


def test_two_daemons_share_the_work(run_daemon, client, query, make_record, eventually, godot, env):
    daemons = [run_daemon("--batch-size", "50"), run_daemon("--batch-size", "50")]
    pushed = 0

    def share(daemon):
        lines = page(daemon.metrics + "/metrics").splitlines()
        [line] = [line for line in lines if line.startswith("godot_records_stored_total ")]
        return float(line.split()[1])

    def both_have_stored():
        nonlocal pushed
        client.lpush("logs:queue", *(make_record() for _ in range(250)))
        pushed += 250
        return all(map(share, daemons))

    eventually(both_have_stored)
    eventually(lambda: not client.exists("logs:queue", "logs:inflight"))
    assert sum(map(share, daemons)) == stored(query) == pushed
    assert godot("audit", env=env).returncode == 0


def test_a_killed_daemon_is_replaced(run_daemon, client, query, database_url, make_record, eventually):
    patient = ("--takeover-after", "3600")  # on the same host nobody waits for that
    first = run_daemon(*patient)
    with psycopg.connect(database_url) as other:
        other.execute("lock table logs in access exclusive mode")
        client.lpush("logs:queue", *(make_record() for _ in range(700)))
        eventually(lambda: client.exists("logs:inflight"), why=first.log)
        first.kill()
        first.wait()
    assert client.hlen("logs:inflight") > 0
    second = run_daemon(*patient)
    eventually(lambda: stored(query) == 700, why=second.log)
    assert query("select sum(duplicate) from ingest_ledger") == 0
    eventually(lambda: not client.exists("logs:inflight"))


def test_sighup_reads_the_settings_again(
    run_daemon, client, query, make_record, eventually, env, tmp_path, empty_database_url
):
    secret = tmp_path / "database-url"
    secret.write_text(env["GODOT_DATABASE_URL"])
    own = {**env, "GODOT_DATABASE_URL_FILE": str(secret)}
    del own["GODOT_DATABASE_URL"]
    daemon = run_daemon(env=own)
    client.lpush("logs:queue", make_record())
    eventually(lambda: stored(query) == 1, why=daemon.log)

    secret.write_text("not a URL")
    daemon.send_signal(signal.SIGHUP)
    eventually(lambda: "the settings stay as they were" in daemon.log(), why=daemon.log)
    client.lpush("logs:queue", make_record())
    eventually(lambda: stored(query) == 2, why=daemon.log)

    secret.write_text(env["GODOT_DATABASE_URL"] + "?application_name=rotated")
    daemon.send_signal(signal.SIGHUP)
    eventually(lambda: daemon.log().count("moving records") == 3, why=daemon.log)
    client.lpush("logs:queue", make_record())
    eventually(lambda: stored(query) == 3, why=daemon.log)
    daemon.terminate()
    assert daemon.wait(60) == 0


def test_sighup_reads_the_settings_file_again(
    run_daemon, client, query, make_record, eventually, env, tmp_path
):
    """Everything but what an option or the environment says, and the port that is served already."""
    file = tmp_path / "ingest.env"
    file.write_text("GODOT_PREFIX=one:\nGODOT_BATCH_SIZE=7")
    daemon = run_daemon("--batch-window-ms", "20", env={**env, "GODOT_SETTINGS_FILE": str(file)})
    client.lpush("one:queue", make_record())
    eventually(lambda: stored(query) == 1, why=daemon.log)
    file.write_text("GODOT_PREFIX=two:\nGODOT_BATCH_SIZE=8\nGODOT_BATCH_WINDOW_MS=99\nGODOT_METRICS_PORT=1")
    client.lpush("two:queue", make_record(), make_record())
    daemon.send_signal(signal.SIGHUP)
    eventually(lambda: stored(query) == 3, why=daemon.log)
    told = [json.loads(line) for line in daemon.log().splitlines() if "moving records" in line]
    assert [line["prefix"] for line in told] == ["one:", "two:"]
    assert [line["batch_size"] for line in told] == [7, 8]
    assert [line["batch_window_ms"] for line in told] == [20, 20]
    assert client.exists("one:workers") == 0, "it left the old queue"
    assert page(daemon.metrics + "/readyz") == '{"ok": true, "problems": []}'


def test_sighup_under_load_loses_and_doubles_nothing(
    run_daemon, client, query, make_record, eventually, godot, env
):
    daemons = [run_daemon("--batch-size", "50"), run_daemon("--batch-size", "50")]
    for step in range(8):
        client.lpush("logs:queue", *(make_record() for _ in range(1000)))
        daemons[step % 2].send_signal(signal.SIGHUP)
    eventually(lambda: stored(query) == 8000, why=daemons[0].log)
    eventually(lambda: client.exists("logs:inflight") == 0)
    assert godot("audit", env=env).returncode == 0
    eventually(lambda: client.hlen("logs:workers") == 2, why="both are at work again after the last SIGHUP")
    for daemon in daemons:
        daemon.terminate()
    assert [daemon.wait(10) for daemon in daemons] == [0, 0]


@pytest.mark.parametrize("what", ["no schema", "no database", "no privilege", "bad setting"])
def test_what_only_a_person_can_repair_ends_it_with_one_line(godot, env, empty_database_url, what):
    own = dict(env)
    if what == "no schema":
        own["GODOT_DATABASE_URL"], advice = empty_database_url, "godot db upgrade"
    elif what == "no database":
        own["GODOT_DATABASE_URL"], advice = empty_database_url + "_not", "does not exist"
    elif what == "no privilege":
        own["GODOT_DATABASE_URL"], advice = (
            env["GODOT_DATABASE_URL"].replace("postgres@", "nobody@"),
            "nobody",
        )
    else:
        own["GODOT_BATCH_SIZE"], advice = "0", "GODOT_BATCH_SIZE"
    ended = godot("ingest", env=own)
    assert ended.returncode == 1
    [last] = [line for line in ended.stderr.splitlines() if line.startswith("godot: ")]
    assert advice in last
    assert "Traceback" not in ended.stderr


def test_a_table_that_vanishes_ends_it(run_daemon, client, query, database_url, make_record):
    daemon = run_daemon()
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute("alter table logs rename to other")
    client.lpush("logs:queue", make_record())
    assert daemon.wait(60) == 1
    assert "godot db upgrade" in daemon.log().splitlines()[-1]
    assert client.hlen("logs:inflight") == 1, "the record must stay claimed"


def test_servers_that_come_later_are_waited_for(run_daemon, env, eventually, own_valkey, database_url):
    own_valkey.stop()
    daemon = run_daemon(env={**env, "GODOT_REDIS_URL": own_valkey.url}, ready=False)
    eventually(lambda: "does not answer" in daemon.log(), why=daemon.log)
    own_valkey.start()
    eventually(lambda: "moving records" in daemon.log(), why=daemon.log)
    daemon.terminate()
    assert daemon.wait(60) == 0


def test_python_daemon_is_the_same(env):
    ended = subprocess.run(
        [sys.executable, str(ROOT / "daemon"), "--help"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "--metrics-port" in ended.stdout
    assert "GODOT_REDIS_URL" in ended.stdout
