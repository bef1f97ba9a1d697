"""Every fault of docs/faults.md: how it is made, and that each record is stored once all the same.

`GODOT_CHAOS_ROUNDS` (3) multiplies the records that are in flight meanwhile, `GODOT_OUTAGE_SECONDS` (3) is how long
a lock is held. What is killed, suspended or stopped at random instants is in test_faults.py.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import psycopg
import pytest
import redis

from godot_daemon import _child

ROUNDS = int(os.environ.get("GODOT_CHAOS_ROUNDS", "3"))
OUTAGE_SECONDS = float(os.environ.get("GODOT_OUTAGE_SECONDS", "3"))

pytestmark = [
    pytest.mark.chaos,
    # Connections are broken while they are open.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

WRITING = {"whose": b"godot ingest"}
HOW = ["cut", "closed to the daemon", "closed to the server", "stalled"]

# server, stage -> the moment
STAGES = {
    ("PostgreSQL", "connecting"): {"reconnect": True},
    ("PostgreSQL", "handshake"): {"text": b"user\0", "answer": True, "reconnect": True, **WRITING},
    ("PostgreSQL", "BEGIN answered"): {"text": b"BEGIN", "answer": True, **WRITING},
    ("PostgreSQL", "in the middle of COPY"): {"text": b"PGCOPY\n", "beyond": 120_000, **WRITING},
    ("PostgreSQL", "COPY not answered"): {"text": b"COPY ", "direction": "down", **WRITING},
    ("PostgreSQL", "COMMIT not arrived"): {"text": b"COMMIT", **WRITING},
    ("PostgreSQL", "COMMIT not answered"): {"text": b"COMMIT", "answer": True, **WRITING},
    ("Redis", "connecting"): {"reconnect": True},
    ("Redis", "handshake"): {"text": b"SETNAME", "answer": True, "reconnect": True},
    ("Redis", "claim not arrived"): {"text": b"logs:dropped"},
    ("Redis", "claim not answered"): {"text": b"logs:dropped", "answer": True},
    ("Redis", "what is claimed not read"): {"text": b'"matrix"', "direction": "down"},
    ("Redis", "in the middle of what is claimed"): {
        "text": b'"matrix"',
        "direction": "down",
        "beyond": 20_000,
    },
    ("Redis", "acknowledgement not arrived"): {"text": b"UNLINK"},
    ("Redis", "acknowledgement not answered"): {"text": b"UNLINK", "answer": True},
}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(("server", "stage"), STAGES)
def test_a_connection_breaks(proxied, strike, server, stage, how):
    break_connection(proxied, server, strike(how, **STAGES[server, stage]))


def break_connection(proxied, server, strike):
    """Strike while records are under way; the daemon that meets it is the one that goes on."""
    daemon = (
        proxied.daemons[-1] if proxied.daemons and proxied.daemons[-1].poll() is None else proxied.start()
    )
    proxy = proxied.proxies[server]
    proxy.arm(strike)
    proxied.push(200 + 100 * ROUNDS)
    assert proxy.struck(), daemon.log()[-3000:]
    proxied.push(100)
    proxied.check()
    assert daemon.poll() is None, daemon.log()


GARBLED = {
    "BEGIN": ("PostgreSQL", {"text": b"BEGIN", **WRITING}),
    "COMMIT": ("PostgreSQL", {"text": b"COMMIT", **WRITING}),
    "handshake": ("Redis", {"text": b"SETNAME", "reconnect": True}),
    "claim": ("Redis", {"text": b"logs:dropped"}),
    "what is claimed": ("Redis", {"text": b"LRANGE"}),
    "acknowledgement": ("Redis", {"text": b"UNLINK"}),
}


@pytest.mark.parametrize(("server", "question"), GARBLED.values(), ids=GARBLED)
def test_an_answer_is_garbled(proxied, strike, server, question):
    """The protocol is broken, and with it the connection: nobody can tell what was meant."""
    break_connection(proxied, server, strike("garbled", answer=True, **question))


# PostgreSQL keeps a thousand rows of a COPY in its hands before it writes them to the table.
@pytest.mark.parametrize(
    "moment",
    [{"text": b"PGCOPY\n", "beyond": 700_000}, {"text": b"COMMIT"}],
    ids=["in COPY", "before COMMIT"],
)
def test_the_slow_owner_comes_back_after_a_takeover(stand, proxy_class, strike, postgres_server, moment):
    """The owner is stopped in its transaction, which stays open: its successor does not wait for its time-outs."""
    patient = {"GODOT_DATABASE_TIMEOUT": "60"}
    with proxy_class(postgres_server.port) as proxy:
        owner = stand.start(
            "--batch-size", "2000", **patient, GODOT_DATABASE_URL=proxy.url(stand.database_url)
        )
        proxy.arm(strike("stalled", **moment, **WRITING))
        stand.push(2000)
        assert proxy.struck(), owner.log()
        owner.send_signal(signal.SIGSTOP)
        successor = stand.start(**patient)
        stand.told(successor, "took over")
        stand.check(within=50)  # with them it would take a minute
        proxy.cut_all()
        owner.send_signal(signal.SIGCONT)
        stand.told(owner, " duplicate, ")
        stand.push(100)
        stand.check()
    assert owner.poll() is successor.poll() is None


def test_three_daemons_race_for_one_queue(stand):
    daemons = [stand.start("--batch-size", "20") for _ in range(3)]

    def all_have_stored():
        stand.push(100)
        return all('"stored": ' in daemon.log() for daemon in daemons)

    stand.eventually(all_have_stored)
    stand.push(1000 * ROUNDS)
    stand.check()
    assert [daemon.poll() for daemon in daemons] == [None] * 3


class Load:
    """Pushes all the time."""

    def __init__(self, stand):
        self._stand, self._stop = stand, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        while not self._stop.wait(0.005):
            self._stand.push(20)


def test_sigterm_under_load(stand):
    for _ in range(ROUNDS):
        daemon = stand.start()
        with Load(stand):
            stand.told(daemon, '"stored": ')
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(60) == 0, daemon.log()
        assert not stand.client.exists("logs:inflight", "logs:workers")
        assert "stay claimed" not in daemon.log()
    stand.start()
    stand.check()


def test_sighup_under_load(stand, tmp_path):
    secret = tmp_path / "url"
    secret.write_text(stand.database_url)
    daemon = stand.start(GODOT_DATABASE_URL="", GODOT_DATABASE_URL_FILE=str(secret))
    with Load(stand):
        for number in range(1, ROUNDS + 1):
            daemon.send_signal(signal.SIGHUP)
            stand.eventually(lambda n=number: daemon.log().count("moving records") == n + 1, why=daemon.log)
        secret.write_text("not a URL")
        daemon.send_signal(signal.SIGHUP)
        stand.told(daemon, "the settings stay as they were")
    stand.check()
    assert daemon.poll() is None


def terminate(stand):
    """End the daemon's connections, so that it takes note of what has changed."""
    stand.admin.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name like 'godot%' and datname = current_database()"
    )


def test_a_database_becomes_read_only(stand):
    daemon = stand.start()
    name = stand.admin.info.dbname
    stand.admin.execute(f"alter database {name} set default_transaction_read_only = on")
    terminate(stand)
    stand.push(100 * ROUNDS)
    stand.told(daemon, "read-only transaction")
    stand.admin.execute(f"alter database {name} reset default_transaction_read_only")
    stand.check()
    assert daemon.poll() is None


def test_a_table_is_locked(stand):
    daemon = stand.start()
    with stand.admin.transaction():
        stand.admin.execute("lock table logs in access exclusive mode")
        ends = time.monotonic() + OUTAGE_SECONDS
        stand.push(100 * ROUNDS)
        stand.told(daemon, "statement timeout")
        time.sleep(max(0.0, ends - time.monotonic()))
    stand.check()
    assert daemon.poll() is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a running process")
def test_files_may_not_grow(own_stand, own_postgres):
    """The kernel refuses to let any file of PostgreSQL grow: the same short write as on a full disk.

    Its log is written in files that have their full size already, so it is the table that does not fit.
    """
    home = (own_postgres.data_dir / "data").stat()

    def limit(size):
        for pid in _child.tree(own_postgres.pid):
            subprocess.run(
                ["prlimit", "--pid", str(pid), f"--fsize={size}:"],
                user=home.st_uid,
                group=home.st_gid,
                extra_groups=[] if os.geteuid() == 0 else None,
                stderr=subprocess.DEVNULL,  # a process that has ended meanwhile
                check=False,
            )

    daemon = own_stand.start("--batch-size", "4")
    limit(17 << 20)  # a segment of the write-ahead log has 16 MiB
    chance = random.Random("disk")
    for _ in range(24):
        own_stand.push(1, data={"noise": chance.randbytes(450_000).hex()})
    own_stand.told(daemon, "could not extend file")
    assert own_stand.client.exists("logs:inflight")
    limit("unlimited")
    own_stand.check()
    assert daemon.poll() is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a device that is always full")
def test_a_disk_is_full(own_stand, own_postgres):
    """The kernel says ENOSPC: a partition that is still empty lies on /dev/full, which needs no mount and no root."""
    tomorrow = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    daemon = own_stand.start()
    [[place]] = own_stand.admin.execute(
        "select pg_relation_filepath(name::regclass) from v_partitions where %s >= starts_at and %s < ends_at",
        (tomorrow, tomorrow),
    )
    table = own_postgres.data_dir / "data" / place
    assert table.stat().st_size == 0
    table.rename(table.with_suffix(".aside"))
    table.symlink_to("/dev/full")
    own_stand.push(5, event_created_at=tomorrow.isoformat())
    own_stand.told(daemon, "(SQLSTATE 53100)")
    assert "No space left on device" in daemon.log()
    assert own_stand.client.exists("logs:inflight")
    table.with_suffix(".aside").rename(table)
    own_stand.check()
    assert daemon.poll() is None


def test_a_migration_fails(stand, empty_database_url, redis_url, godot, tmp_path, eventually):
    found = type(stand)(empty_database_url, redis_url, tmp_path, eventually)
    try:
        found.push(100)
        found.admin.execute("create table dead_letters (in_the_way integer)")
        env = {"GODOT_DATABASE_URL": empty_database_url}
        upgrade = godot("db", "upgrade", env=env)
        assert (upgrade.returncode, upgrade.stdout) == (1, "")
        assert "dead_letters" in upgrade.stderr
        assert "Traceback" not in upgrade.stderr
        found.ended(found.start(ready=False), "migrations", "godot db upgrade")
        found.admin.execute("drop table dead_letters")
        assert godot("db", "upgrade", env=env).returncode == 0
        found.start()
        found.check()
    finally:
        found.close()


def test_a_table_disappears(stand):
    daemon = stand.start()
    stand.push(100)
    stand.settle()
    stand.admin.execute("alter table logs rename to elsewhere")
    stand.push(100 * ROUNDS)
    stand.ended(daemon, 'relation "logs" does not exist', "godot db upgrade")
    stand.admin.execute("alter table elsewhere rename to logs")
    stand.start()
    stand.check()


def test_wrong_credentials_for_postgresql(own_stand, own_postgres):
    rules = own_postgres.data_dir / "data" / "pg_hba.conf"
    rules.write_text("host all guarded 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
    own_stand.admin.execute("create role guarded login password 'right' in role godot_writer")
    own_stand.admin.execute("select pg_reload_conf()")
    url = own_stand.database_url

    def refused():  # until the rules have been read again
        try:
            psycopg.connect(url.replace("postgres@", "guarded:wrong@")).close()
        except psycopg.OperationalError:
            return True
        return False

    own_stand.eventually(refused)
    for wrong, said in {
        url.replace("postgres@", "guarded:wrong@"): "password authentication failed",
        url.replace("postgres@", "guarded@"): "no password supplied",
        url.replace("postgres@", "stranger@"): "does not exist",
        url.replace("/godot", "/nowhere"): "does not exist",
    }.items():
        line = own_stand.ended(
            own_stand.start(ready=False, GODOT_DATABASE_URL=wrong), said, "GODOT_DATABASE_URL"
        )
        assert "wrong" not in line
    daemon = own_stand.start(GODOT_DATABASE_URL=url.replace("postgres@", "guarded:right@"))
    own_stand.push(100)
    own_stand.settle()
    own_stand.admin.execute("alter role guarded password 'changed'")
    terminate(own_stand)
    own_stand.push(100 * ROUNDS)
    own_stand.ended(daemon, "password authentication failed")
    own_stand.start(GODOT_DATABASE_URL=url.replace("postgres@", "guarded:changed@"))
    own_stand.check()


def test_wrong_credentials_for_redis(own_stand):
    own_stand.client.config_set("requirepass", "right")
    own_stand.client.close()
    own_stand.redis_url = own_stand.redis_url.replace("redis://", "redis://:right@")
    own_stand.client = own_stand.client.from_url(own_stand.redis_url)
    for url in (own_stand.redis_url.replace("right", "wrong"), own_stand.redis_url.replace(":right@", "")):
        line = own_stand.ended(own_stand.start(ready=False, GODOT_REDIS_URL=url), "Redis", "GODOT_REDIS_URL")
        assert "wrong" not in line
    daemon = own_stand.start(GODOT_REDIS_URL=own_stand.redis_url)
    own_stand.push(100)
    own_stand.settle()
    own_stand.client.config_set("requirepass", "changed")
    own_stand.push(100 * ROUNDS)
    own_stand.client.client_kill_filter(_type="normal", skipme=True)
    own_stand.ended(daemon, "Redis", "GODOT_REDIS_URL")
    own_stand.client.close()
    own_stand.redis_url = own_stand.redis_url.replace("right", "changed")
    own_stand.client = own_stand.client.from_url(own_stand.redis_url)
    own_stand.start(GODOT_REDIS_URL=own_stand.redis_url)
    own_stand.check()


def test_redis_loses_its_last_second(own_stand, own_valkey, tmp_path):
    """It comes back as it was before the claims: what had been given out is given out again, under the same ids."""
    first = own_stand.start()
    own_stand.push(100)
    own_stand.settle()
    first.terminate()
    assert first.wait(60) == 0
    own_stand.push(100 * ROUNDS)
    own_stand.client.lpush(
        "logs:queue", *[json.dumps({"component": "old", "level": "INFO", "message": "the same"})] * 200
    )
    assert own_stand.client.execute_command("WAITAOF", 1, 0, 60_000)[0] == 1  # it writes behind a busy fsync
    shutil.copytree(own_valkey.data_dir / "data", tmp_path / "before")
    own_stand.start()
    own_stand.settle()
    own_stand.push(100)
    own_stand.settle()
    own_valkey.kill()
    for path in (tmp_path / "before").rglob("*"):
        if path.is_file():
            shutil.copyfile(path, own_valkey.data_dir / "data" / path.relative_to(tmp_path / "before"))
    own_valkey.start()
    own_stand.settle()
    assert own_stand.client.hget("logs:position", "claimed") == b"%d" % (300 + 100 * ROUNDS)
    rows = own_stand.admin.execute(
        "select component, count(*), count(distinct id) from logs group by 1"
    ).fetchall()
    assert sorted(rows) == [("matrix", len(own_stand.sent), len(own_stand.sent)), ("old", 200, 200)]
    assert own_stand.audit().problems == []


def test_records_whose_clocks_are_wrong(stand):
    daemon = stand.start()
    for moment in ("1970-01-01T00:00:00Z", "1999-12-31T23:59:59.999999+14:00", "2099-12-31T23:59:59.999999Z"):
        stand.push(10 * ROUNDS, event_created_at=moment)
        stand.push(10)
    stand.check()
    assert daemon.poll() is None


JUMPING = """
import datetime, itertools, time

jumps = itertools.cycle([0, 10**9, -(10**9), 3600, -86400])
true_time = time.time
time.time = lambda: true_time() + next(jumps)


class Jumping(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(time.time(), tz)


datetime.datetime = Jumping
"""


def test_the_clock_of_the_daemon_jumps_by_decades(stand, tmp_path):
    """Back and forth at each look. Claims and heartbeats go by the clock of Redis, pauses by one that cannot be set."""
    (tmp_path / "sitecustomize.py").write_text(JUMPING)
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    jumping = {"PYTHONPATH": path, "GODOT_TAKEOVER_AFTER": "6"}
    daemons = [stand.start(**jumping) for _ in range(2)]
    with Load(stand):
        time.sleep(5)  # each looks every two seconds whether the other one is dead
    stand.check()
    assert [daemon.poll() for daemon in daemons] == [None, None]
    assert "took over" not in daemons[0].log() + daemons[1].log()


def test_redis_has_no_memory_left(own_stand):
    """Its memory is full of records: to move them away must be possible."""
    own_stand.push(1000 * ROUNDS)
    own_stand.client.config_set("maxmemory", "1mb")
    with pytest.raises(redis.ResponseError, match="maxmemory"):
        own_stand.client.lpush("logs:queue", "no room")
    daemon = own_stand.start()
    own_stand.settle()
    own_stand.client.config_set("maxmemory", "0")
    own_stand.check()
    assert daemon.poll() is None


def test_redis_cannot_write_to_its_disk(own_stand, own_valkey):
    daemon = own_stand.start()
    own_stand.push(100)
    own_stand.settle()
    obstacle = own_valkey.data_dir / "data" / "dump.rdb"
    obstacle.mkdir()  # where a file should be
    own_stand.client.config_set("save", "3600 1000000")
    own_stand.client.bgsave()
    own_stand.told(daemon, "MISCONF")
    obstacle.rmdir()
    own_stand.eventually(lambda: save(own_stand.client))
    own_stand.push(100 * ROUNDS)
    own_stand.check()
    assert daemon.poll() is None


def save(client):
    with contextlib.suppress(redis.ResponseError):
        return client.save()
    return False


@pytest.mark.parametrize("key", ["queue", "inflight", "position", "workers"])
def test_a_key_has_the_wrong_type(stand, key):
    if key != "queue":
        stand.push(100)
    stand.client.set(f"logs:{key}", "what is this")
    stand.ended(stand.start(ready=False), "WRONGTYPE", "GODOT_PREFIX")
    stand.client.delete(f"logs:{key}")
    stand.push(100)
    stand.start()
    stand.check()


def test_something_else_answers_where_redis_should(stand):
    page = re.search(r"http://(127.0.0.1:\d+)", stand.start().log())[1]
    stand.ended(stand.start(ready=False, GODOT_REDIS_URL=f"redis://{page}/0"), "GODOT_REDIS_URL")
