"""What the fault matrix is made of: a TCP hop that fails on command, and a stand with daemons that counts."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import psycopg
import pytest
import redis

from godot_daemon import audit, database
from godot_daemon.embedded import EmbeddedValkey
from godot_daemon.redis_queue import RedisQueue
from godot_daemon.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

FAST = {"GODOT_TAKEOVER_AFTER": "1", "GODOT_DATABASE_TIMEOUT": "1", "GODOT_REDIS_TIMEOUT": "1"}
_TAIL = 64
_GREETING = 1000
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Strike:
    """One fault of a connection: at which moment, and how.

    The moment is when `text` passes `up` to the server or `down` from it, before any of it but `beyond` bytes
    is forwarded; with `answer`, when the server has got it and answers. Without a text it is the connecting.
    """

    how: str
    text: bytes = b""
    direction: str = "up"
    beyond: int = 0
    answer: bool = False
    whose: bytes = b""
    """Only a connection that begins with this: PostgreSQL's tell the name of the application."""
    reconnect: bool = False
    """Whether the moment is one of new connections, so that those that are open have to end first."""


class _Link:
    """One connection through the proxy: the daemon's end and the server's."""

    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self.near, self.far = near, far
        self.greeting = b""
        self.due: Strike | None = None
        """What strikes when the server answers."""

    def cut(self) -> None:
        """RST to both sides: what has not arrived is lost."""
        for end in (self.near, self.far):
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                end.shutdown(socket.SHUT_RD)  # wakes the thread that reads
            end.close()


class Proxy:
    """Forwards TCP connections to a port of this machine, and strikes one of them when told to."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._links: list[_Link] = []
        self._lock = threading.Lock()
        self._armed: Strike | None = None
        self._struck = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()
        self.cut_all()

    def url(self, url: str) -> str:
        """The same URL, but through here."""
        parts = urlsplit(url)
        user = f"{parts.username}@" if parts.username else ""
        return parts._replace(netloc=f"{user}127.0.0.1:{self._listener.getsockname()[1]}").geturl()

    def arm(self, strike: Strike) -> None:
        """Strike the first connection for which the moment comes."""
        self._struck.clear()
        with self._lock:
            self._armed = strike
        if strike.reconnect:
            self.cut_all()

    def struck(self, within: float = 60) -> bool:
        """Whether what was armed has happened."""
        return self._struck.wait(within)

    def cut_all(self) -> None:
        """Cut everything, the stalled connections too."""
        with self._lock:
            links, self._links = self._links, []
        for link in links:
            link.cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target)
            except OSError:
                return
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = _Link(near, far)
            with self._lock:
                self._links.append(link)
            strike = self._armed
            if strike and not strike.text and self._take(strike):
                self._strike(link, strike)
                continue
            for direction in ("up", "down"):
                threading.Thread(target=self._pump, args=(link, direction), daemon=True).start()

    def _pump(self, link: _Link, direction: str) -> None:
        source, target = (link.near, link.far) if direction == "up" else (link.far, link.near)
        tail = b""
        coming: Strike | None = None
        left = 0
        with contextlib.suppress(OSError):
            while chunk := source.recv(1 << 16):
                if direction == "up" and len(link.greeting) < _GREETING:
                    link.greeting += chunk
                if direction == "down" and link.due:
                    coming, link.due, left = link.due, None, 0
                elif coming is None and (strike := self._due(link, direction, tail + chunk)) is not None:
                    if strike.answer:
                        link.due = strike
                    else:
                        left = max(0, (tail + chunk).index(strike.text) - len(tail)) + strike.beyond
                        coming = strike
                tail = (tail + chunk)[-_TAIL:]
                if coming is None or len(chunk) <= left:
                    target.sendall(chunk)
                    left -= len(chunk)
                    continue
                target.sendall(chunk[:left])
                self._strike(link, coming)
                if direction == "up" or coming.how != "closed to the server":
                    return
                while source.recv(1 << 16):  # a stream has no holes: nothing but the end may follow
                    pass
                break
            target.shutdown(socket.SHUT_WR)

    def _due(self, link: _Link, direction: str, passing: bytes) -> Strike | None:
        """What is armed, if this is its moment."""
        strike = self._armed
        if strike is None or not strike.text or strike.direction != direction:
            return None
        mine = strike.text in passing and strike.whose in link.greeting
        return strike if mine and self._take(strike) else None

    def _take(self, strike: Strike) -> bool:
        with self._lock:
            mine = self._armed is strike
            if mine:
                self._armed = None
        return mine

    def _strike(self, link: _Link, strike: Strike) -> None:
        match strike.how:
            case "cut":
                link.cut()
            case "closed to the daemon":  # which the server does not learn: its end stays open
                link.near.shutdown(socket.SHUT_WR)
            case "closed to the server":
                link.far.shutdown(socket.SHUT_WR)
            case "garbled":  # which only the daemon learns
                link.near.sendall(b"\x16\x03 this is no answer\r\n")
            case "stalled":  # neither side learns anything, not even when the other one gives up
                pass
        self._struck.set()


class Stand:
    """A database, an empty Redis, daemons on them, and what was pushed."""

    def __init__(self, database_url: str, redis_url: str, directory: Path, eventually: Any) -> None:
        self.database_url, self.redis_url = database_url, redis_url
        self.env = {
            "GODOT_DATABASE_URL": database_url,
            "GODOT_REDIS_URL": redis_url,
            "GODOT_METRICS_PORT": "0",
            **FAST,
        }
        self.sent: set[str] = set()
        self.daemons: list[Any] = []
        self.eventually = eventually
        self._directory = directory
        self._instance = f"matrix:1:{uuid.uuid4().hex[:8]}"
        self.client = redis.Redis.from_url(redis_url)
        self.admin = psycopg.connect(database_url, autocommit=True)

    def close(self) -> None:
        for daemon in self.daemons:
            if daemon.poll() is None:
                daemon.send_signal(signal.SIGCONT)
                daemon.kill()
            daemon.wait()
        self.client.close()
        self.admin.close()

    def start(self, *arguments: str, ready: bool = True, **env: str) -> Any:
        """A daemon; its log is `daemon.log()`."""
        log = self._directory / f"daemon-{len(self.daemons)}-{uuid.uuid4().hex[:4]}.log"
        program = Path(sys.executable).with_name("godot")
        with log.open("wb") as stream:
            daemon: Any = subprocess.Popen(
                [program, "ingest", *arguments],
                env={**os.environ, **self.env, **env},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
            )
        daemon.log = log.read_text
        self.daemons.append(daemon)
        if ready:
            self.told(daemon, "moving records")
        return daemon

    def told(self, daemon: Any, text: str, within: float = 60) -> None:
        """Wait until a daemon has logged something."""
        self.eventually(lambda: text in daemon.log(), within=within, why=daemon.log)

    def ended(self, daemon: Any, *texts: str, within: float = 60) -> str:
        """A daemon that gives up: exit status 1 and one line that says why."""
        assert daemon.wait(within) == 1, daemon.log()
        [line] = [line for line in daemon.log().splitlines() if line.startswith("godot: ")]
        assert "Traceback" not in daemon.log()
        for text in texts:
            assert text in line
        return line

    def records(self, count: int, **changes: Any) -> list[bytes]:
        """Numbered records of one process."""
        made = []
        for _ in range(count):
            record_id = str(uuid.uuid4())
            self.sent.add(record_id)
            record = {
                "id": record_id,
                "component": "matrix",
                "level": "INFO",
                "message": f"number {len(self.sent)}",
                "data": {"padding": "x" * 300},
                "event_created_at": dt.datetime.now(dt.UTC).isoformat(),
                "instance": self._instance,
                "seq": len(self.sent),
            }
            made.append(json.dumps({**record, **changes}).encode())
        return made

    def push(self, count: int, **changes: Any) -> None:
        self.client.lpush("logs:queue", *self.records(count, **changes))

    def settle(self, within: float = 60) -> None:
        """Wait until nothing waits and nothing is claimed."""
        self.eventually(
            lambda: not self.client.exists("logs:queue", "logs:inflight"),
            within=within,
            why=lambda: "".join(daemon.log()[-2000:] for daemon in self.daemons),
        )

    def stored(self) -> dict[str, int]:
        """How often each id is in the table."""
        return dict(self.admin.execute("select id::text, count(*) from logs group by id").fetchall())

    def audit(self) -> audit.Audit:
        settings = Settings.load({"database_url": self.database_url, "redis_url": self.redis_url}, {})
        queue = RedisQueue(settings)
        try:
            with database.connect(
                self.database_url, patience=30, application="audit", role=None
            ) as connection:
                return audit.audit(queue, connection)
        finally:
            queue.close()

    def check(self, within: float = 60) -> None:
        """Every record exactly once, nothing else, and the audit balances."""
        self.settle(within)
        stored = self.stored()
        assert {record_id: count for record_id, count in stored.items() if count != 1} == {}
        assert len(self.sent - stored.keys()) == 0
        assert stored.keys() == self.sent
        found = self.audit()
        assert found.problems == []
        assert (found.sent, found.stored, found.dead) == (len(self.sent), len(self.sent), 0)


@pytest.fixture
def stand(database_url: str, redis_url: str, tmp_path: Path, eventually: Any) -> Iterator[Stand]:
    """On the servers of the whole run, which nobody may kill."""
    found = Stand(database_url, redis_url, tmp_path, eventually)
    yield found
    found.close()


@pytest.fixture
def own_stand(own_postgres: Any, own_valkey: Any, tmp_path: Path, eventually: Any) -> Iterator[Stand]:
    """On servers of this test alone."""
    found = Stand(own_postgres.url, own_valkey.url, tmp_path, eventually)
    yield found
    found.close()


@pytest.fixture(scope="session")
def proxy_class() -> type[Proxy]:
    return Proxy


@pytest.fixture(scope="session")
def strike() -> type[Strike]:
    return Strike


@pytest.fixture(scope="session")
def lasting_stand(
    postgres_server: Any,
    _template: str,
    tmp_path_factory: pytest.TempPathFactory,
    eventually: Callable[..., Any],
) -> Callable[[], AbstractContextManager[Any]]:
    """Makes stands that several tests share: a database of the whole run's PostgreSQL, and a Valkey of their own."""

    @contextlib.contextmanager
    def make() -> Iterator[Any]:
        directory = tmp_path_factory.mktemp("stand")
        name = f"stand_{uuid.uuid4().hex[:8]}"
        with psycopg.connect(postgres_server.url, autocommit=True) as connection:
            connection.execute(f"create database {name} template {_template} strategy file_copy")
        with EmbeddedValkey(directory / "valkey") as valkey:
            url = postgres_server.url.rpartition("/")[0] + f"/{name}"
            found = Stand(url, valkey.url, directory, eventually)
            try:
                yield found
            finally:
                found.close()

    return make


@pytest.fixture(scope="module")
def proxied(lasting_stand: Callable[[], AbstractContextManager[Any]], postgres_server: Any) -> Iterator[Any]:
    """A stand whose one daemon reaches both servers through proxies, for all rows that break connections."""
    with (
        lasting_stand() as found,
        Proxy(postgres_server.port) as postgres_proxy,
        Proxy(urlsplit(found.redis_url).port or 0) as redis_proxy,
    ):
        found.proxies = {"PostgreSQL": postgres_proxy, "Redis": redis_proxy}
        found.env |= {
            "GODOT_DATABASE_URL": postgres_proxy.url(found.database_url),
            "GODOT_REDIS_URL": redis_proxy.url(found.redis_url),
        }
        yield found
