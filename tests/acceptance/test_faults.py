"""Nothing is lost and nothing stored twice, whatever is killed, stopped or suspended, and whenever.

`GODOT_CHAOS_ROUNDS` (3) is how often each server is killed, `GODOT_OUTAGE_SECONDS` (3) how long PostgreSQL stays
away. By hand: `GODOT_CHAOS_ROUNDS=20 GODOT_OUTAGE_SECONDS=60 pytest tests/acceptance/test_faults.py -s`.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import random
import re
import signal
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psycopg
import pytest
import redis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROUNDS = int(os.environ.get("GODOT_CHAOS_ROUNDS", "3"))
OUTAGE_SECONDS = float(os.environ.get("GODOT_OUTAGE_SECONDS", "3"))
FAST = {"GODOT_TAKEOVER_AFTER": "1", "GODOT_DATABASE_TIMEOUT": "2", "GODOT_REDIS_TIMEOUT": "1"}

pytestmark = [
    pytest.mark.chaos,
    # The servers of these tests are killed while connections to them are open.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def now() -> str:
    return dt.datetime.now(dt.UTC).isoformat()


def report(text: str) -> None:
    """Figures for whoever runs this by hand with -s."""
    sys.stdout.write(f"\n{text}\n")


class Producer:
    """A process that logs: numbered records at a steady rate, pushed until Redis has them on disk.

    What is not known to be on disk is pushed again under the same ids when Redis comes back; that is what makes
    "pushed before the last fsync" the promise that is tested, and not the luck of the moment.
    """

    def __init__(self, url: str, rate: int, *, durable: bool) -> None:
        self.ids: list[str] = []
        self._rate = rate
        self._durable = durable
        self._instance = f"chaos:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._client = redis.Redis.from_url(url, socket_timeout=2, retry=None)
        self._stop = threading.Event()
        self._unsure: list[bytes] = []
        self._life = ""
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._client.close()

    def _run(self) -> None:
        started = time.monotonic()
        sure_at = started
        while not self._stop.is_set():
            due = int((time.monotonic() - started) * self._rate) - len(self.ids)
            self._push([self._record() for _ in range(min(due, 500))])
            if self._durable and time.monotonic() - sure_at > 0.3:
                self._make_sure()
                sure_at = time.monotonic()
            time.sleep(0.005)
        if self._durable:
            while self._unsure:
                self._make_sure()

    def _record(self) -> bytes:
        record_id = str(uuid.uuid4())
        self.ids.append(record_id)
        numbered = {"instance": self._instance, "seq": len(self.ids)} if self._durable else {}
        return json.dumps(
            {
                "id": record_id,
                "component": "chaos",
                "level": "INFO",
                "message": f"number {len(self.ids)}",
                "data": {"padding": "x" * 300},
                "event_created_at": now(),
                **numbered,
            }
        ).encode()

    def _push(self, entries: list[bytes]) -> None:
        if self._durable:
            self._unsure += entries
        if entries:
            try:
                self._client.lpush("logs:queue", *entries)
            except redis.RedisError:
                self._life = ""  # they may never have arrived: to be pushed again

    def _make_sure(self) -> None:
        """Wait for the disk; push again what a crash may have taken."""
        sure = len(self._unsure)
        try:
            life = self._client.info("server")["run_id"]
            if life != self._life and self._unsure:  # what was pushed into an earlier life may be gone
                self._client.lpush("logs:queue", *self._unsure)
                self._life = life
            # A write of this very connection, behind all others: WAITAOF knows only its own connection's.
            with self._client.pipeline(transaction=False) as pipeline:
                pipeline.set("chaos", 1).execute_command("WAITAOF", 1, 0, 2000)
                on_disk = pipeline.execute()[1][0]
            if on_disk and self._client.info("server")["run_id"] == life:
                del self._unsure[:sure]
        except redis.RedisError:
            time.sleep(0.02)


class System:
    """The private servers of a test and the daemons on them."""

    def __init__(self, postgres: Any, valkey: Any, godot: Any, directory: Path, eventually: Any) -> None:
        self.postgres, self.valkey = postgres, valkey
        self._godot, self._directory, self._eventually = godot, directory, eventually
        self.env = {
            "GODOT_DATABASE_URL": postgres.url,
            "GODOT_REDIS_URL": valkey.url,
            "GODOT_METRICS_PORT": "0",
            **FAST,
        }
        self.daemons: list[Any] = []

    def start_daemon(self, *arguments: str) -> Any:
        log = self._directory / f"daemon-{len(self.daemons)}.log"
        with log.open("w") as stream:
            daemon = self._godot.start("ingest", *arguments, env=self.env, stderr=stream)
        daemon.log = log.read_text
        self.daemons.append(daemon)
        return daemon

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.valkey.url)

    def at_work(self, daemon: Any) -> None:
        """Wait until a daemon has stored something: a fault before that is another one."""
        self._eventually(lambda: '"stored": ' in daemon.log(), why=daemon.log)

    def settle(self, within: float = 120) -> None:
        """Wait until nothing waits and nothing is claimed."""

        def settled() -> bool:
            with self.client() as client:
                return not client.exists("logs:queue", "logs:inflight")

        self._eventually(settled, within=within, why=lambda: self.daemons[-1].log()[-3000:])

    def stored(self) -> dict[str, int]:
        """How often each id is in the table."""
        with psycopg.connect(self.postgres.url) as connection:
            return dict(connection.execute("select id::text, count(*) from logs group by id").fetchall())

    def check(self, *producers: Producer) -> None:
        """Every record exactly once, and the audit says so too."""
        self.settle()
        stored = self.stored()
        sent = {record_id for producer in producers for record_id in producer.ids}
        assert {record_id: n for record_id, n in stored.items() if n > 1} == {}
        assert len(sent - stored.keys()) == 0
        assert stored.keys() == sent
        audit = self._godot("audit", "--json", env=self.env)
        assert audit.returncode == 0, audit.stdout + audit.stderr
        assert json.loads(audit.stdout)["stored"] == len(sent)

    def rss(self, daemon: Any) -> float:
        """Resident memory in MB."""
        status = Path(f"/proc/{daemon.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1000


@pytest.fixture
def system(own_postgres, own_valkey, godot, tmp_path, eventually) -> Iterator[System]:
    found = System(own_postgres, own_valkey, godot, tmp_path, eventually)
    yield found
    for daemon in found.daemons:
        if daemon.poll() is None:
            daemon.send_signal(signal.SIGCONT)
            daemon.kill()
            daemon.wait()


@pytest.fixture
def moments() -> Callable[[float, float], None]:
    """Random pauses, the same in every run unless GODOT_CHAOS_SEED says otherwise."""
    chance = random.Random(os.environ.get("GODOT_CHAOS_SEED", "godot"))
    return lambda low, high: time.sleep(chance.uniform(low, high))


def test_kill_9_of_the_daemon(system, moments):
    with Producer(system.valkey.url, 2000, durable=True) as producer:
        for _ in range(ROUNDS):
            daemon = system.start_daemon()
            moments(0.6, 1.6)  # of which half a second passes before it is at work
            daemon.kill()
            daemon.wait()
        system.start_daemon()
        moments(0.5, 0.6)
    system.check(producer)
    report(f"{ROUNDS} kills of the daemon, {len(producer.ids):,} records: each stored once")


def test_kill_9_of_postgresql(system, moments):
    daemon = system.start_daemon()
    with Producer(system.valkey.url, 2000, durable=True) as producer:
        for _ in range(ROUNDS):
            moments(0.3, 1.2)
            system.postgres.kill()
            moments(0.0, 0.5)
            system.postgres.start()
        moments(0.5, 0.6)
    system.check(producer)
    assert daemon.poll() is None, daemon.log()
    report(f"{ROUNDS} kills of PostgreSQL, {len(producer.ids):,} records: each stored once")


def test_kill_9_of_valkey(system, moments):
    daemon = system.start_daemon()
    durable = Producer(system.valkey.url, 1000, durable=True)
    reckless = Producer(system.valkey.url, 1000, durable=False)
    with durable, reckless:
        for _ in range(ROUNDS):
            moments(0.3, 2.0)
            system.valkey.kill()
            moments(0.0, 0.5)
            system.valkey.start()
        moments(0.5, 0.6)
    system.settle()
    stored = system.stored()
    assert {record_id: n for record_id, n in stored.items() if n > 1} == {}
    assert set(durable.ids) - stored.keys() == set()
    assert stored.keys() <= {*durable.ids, *reckless.ids}
    audit = system._godot("audit", "--json", env=system.env)
    assert audit.returncode == 0, audit.stdout
    assert daemon.poll() is None, daemon.log()
    lost = len(set(reckless.ids) - stored.keys())
    report(
        f"{ROUNDS} kills of Valkey, {len(durable.ids):,} records on its disk: each stored once;"
        f" of {len(reckless.ids):,} that nobody waited for, {lost:,} were lost with it or refused, none stored twice"
    )


def test_postgresql_away_under_load(system):
    daemon = system.start_daemon()
    with Producer(system.valkey.url, 500, durable=True) as producer:
        system.at_work(daemon)
        before = system.rss(daemon)
        system.postgres.stop()
        during, deadline = [], time.monotonic() + OUTAGE_SECONDS
        while time.monotonic() < deadline:
            during.append(system.rss(daemon))
            time.sleep(0.25)
        system.postgres.start()
    system.check(producer)
    after = system.rss(daemon)
    # A batch or three of up to 4,000 records, and what the allocator keeps; not a whole outage.
    assert max(during) - before < 50
    assert after < 200
    report(
        f"PostgreSQL away for {OUTAGE_SECONDS:g} s, {len(producer.ids):,} records: each stored once;"
        f" memory {before:.0f} MB before, at most {max(during):.0f} during, {after:.0f} after"
    )


def test_postgresql_hangs_under_load(system, eventually):
    """SIGSTOP: connections stay open and nobody answers, perhaps in the middle of a COMMIT."""
    daemon = system.start_daemon()
    with Producer(system.valkey.url, 1000, durable=True) as producer:
        system.at_work(daemon)
        system.postgres.suspend()
        try:
            eventually(lambda: "no answer within" in daemon.log(), why=daemon.log)
        finally:
            system.postgres.resume()
    system.check(producer)


@pytest.mark.parametrize("how", ["stop", "suspend"])
def test_sigterm_while_postgresql_is_away_or_hangs(system, eventually, how):
    daemon = system.start_daemon()
    with Producer(system.valkey.url, 500, durable=True) as producer:
        system.at_work(daemon)
        getattr(system.postgres, how)()
        with system.client() as client:
            # Two may have been committed in the last instant, one for each writer.
            eventually(lambda: client.hlen("logs:inflight") > 2, why=daemon.log)
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(60) == 0, daemon.log()
        assert "stay claimed" in daemon.log()
        (system.postgres.start if how == "stop" else system.postgres.resume)()
        system.start_daemon()
    system.check(producer)


def test_valkey_hangs_under_load(system, eventually):
    daemon = system.start_daemon()
    with Producer(system.valkey.url, 1000, durable=True) as producer:
        system.at_work(daemon)
        system.valkey.suspend()
        try:
            eventually(lambda: "does not answer" in daemon.log(), why=daemon.log)
        finally:
            system.valkey.resume()
    system.check(producer)


def test_a_suspended_daemon_is_relieved_and_does_no_harm_when_it_wakes(system, moments, eventually):
    daemons = [system.start_daemon(), system.start_daemon()]
    with Producer(system.valkey.url, 1000, durable=True) as producer:
        for round_number in range(ROUNDS):
            moments(1.0, 1.5)
            sleeper = daemons[round_number % 2]
            sleeper.send_signal(signal.SIGSTOP)
            moments(2.0, 3.0)  # longer than a heartbeat may be away
            sleeper.send_signal(signal.SIGCONT)
        moments(0.5, 0.6)
    system.check(producer)
    assert all(daemon.poll() is None for daemon in daemons)


def test_connections_that_are_cut_again_and_again(system, moments):
    system.start_daemon()
    with (
        Producer(system.valkey.url, 2000, durable=True) as producer,
        psycopg.connect(system.postgres.url, autocommit=True) as admin,
        system.client() as client,
    ):
        for _ in range(5 * ROUNDS):
            moments(0.05, 0.4)
            admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'godot ingest%'"
            )
            for connection in client.client_list():
                if connection["name"] == "godot":
                    with contextlib.suppress(redis.ResponseError):
                        client.client_kill_filter(_id=connection["id"])
        moments(0.5, 0.6)
    system.check(producer)


def good(number: int) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "component": "gates",
        "level": "INFO",
        "message": f"number {number}",
        "event_created_at": now(),
    }


def changed(**changes: Any) -> bytes:
    return json.dumps({**good(0), **changes}).encode()


BAD = {
    "not JSON": (lambda: b"{'component': 'gates'}", "dead"),
    "cut off": (lambda: changed()[:-9], "dead"),
    "no object": (lambda: b"[1, 2]", "dead"),
    "no component": (lambda: changed(component=None), "dead"),
    "trace id": (lambda: changed(trace_id="no-uuid"), 'trace_id: not a UUID: "no-uuid"'),
    "level": (lambda: changed(level="LOUD"), 'level: unknown: "LOUD"'),
    "NUL": (lambda: changed(message="a\0b", data={"k\0": "\0"}), "text: U+0000 replaced by U+FFFD"),
    "surrogate": (lambda: changed(message="\ud800"), "text: lone surrogate replaced by U+FFFD"),
    "no UTF-8": (
        lambda: changed(message="?").replace(b"?", b"\xff\xfe"),
        "text: invalid UTF-8 replaced by U+FFFD",
    ),
    "50 MB": (lambda: changed(message="x" * 50_000_000), "message: cut from 50000000 bytes"),
    "50 MB of data": (lambda: changed(data={"x": "x" * 50_000_000}), "data: too large: 50000008 bytes"),
    "deep": (
        lambda: changed(data=7).replace(b"7}", b"[" * 9999 + b"]" * 9999 + b"}"),
        "data: nested deeper than 200 levels",
    ),
    "huge integer": (lambda: changed(data={"n": 10**4000}), "stored"),
    "huger number": (
        lambda: (
            changed(data=7).replace(b": 7,", b': {"n": 1e999999},').replace(b": 7}", b': {"n": 1e999999}}')
        ),
        "dead",
    ),
    "year 10000": (
        lambda: changed(event_created_at="10000-01-01T00:00:00Z"),
        'event_created_at: not a time: "10000-01-01T00:00:00Z"',
    ),
    "year 9999": (
        lambda: changed(event_created_at="9999-12-31T23:59:59Z"),
        'event_created_at: out of range: "9999-12-31T23:59:59Z"',
    ),
}


@pytest.fixture(scope="module")
def crowded(lasting_stand: Any) -> Iterator[Any]:
    """One daemon for all bad records, and what was found of them so far."""
    with lasting_stand() as stand:
        patient = {"GODOT_DATABASE_TIMEOUT": "30", "GODOT_REDIS_TIMEOUT": "30"}  # for 50 MB on a busy machine
        stand.start("--batch-size", "1000", **patient)
        stand.seen = set()
        yield stand


def fresh(stand: Any, query: str) -> list[list[Any]]:
    """The rows of a query, without the id that comes first, that were not there before."""
    rows = {found_id: rest for found_id, *rest in stand.admin.execute(query) if found_id not in stand.seen}
    stand.seen |= rows.keys()
    return list(rows.values())


@pytest.mark.parametrize("kind", BAD)
def test_one_bad_record_among_999_good_ones(crowded, kind):
    make, expected = BAD[kind]
    bad = make()
    entries = crowded.records(999)
    entries.insert(321, bad)
    crowded.client.lpush("logs:queue", *entries)
    crowded.settle()
    rows = fresh(crowded, "select id, data -> '_repaired' from logs where component <> 'matrix'")
    dead = fresh(crowded, "select id, raw, reason from dead_letters")
    if expected == "dead":
        assert rows == []
        [(raw, reason)] = dead
        assert bytes(raw) == bad
        assert reason
    else:
        assert dead == []
        assert rows == [[None]] if expected == "stored" else rows == [[[expected]]]
    counts = crowded.stored()
    assert crowded.sent <= counts.keys()
    assert set(counts.values()) == {1}
    assert crowded.audit().problems == []
    assert crowded.daemons[0].poll() is None
