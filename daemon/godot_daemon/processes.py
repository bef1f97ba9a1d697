"""Everything on one machine as one process tree: embedded servers, schema, and a daemon kept alive."""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import psycopg

from godot_daemon import _child, migrations
from godot_daemon.embedded import EmbeddedPostgres, EmbeddedServer, EmbeddedValkey, PortTakenError
from godot_daemon.errors import UnavailableError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping

_READY_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 15.0  # the daemon promises ten
_POLL_SECONDS: Final = 0.02
_STEADY_SECONDS: Final = 30.0  # who lived that long did not die of its start
_LONGEST_PAUSE: Final = 30.0

# The daemon's own user has the writer's rights and no others.
_DAEMON_USER: Final = """
do $$ begin
    if not exists (select from pg_roles where rolname = 'godot_daemon') then
        create role godot_daemon login;
    end if;
end $$;
grant godot_writer to godot_daemon;
"""


class Daemon:
    """`godot ingest` as a child process.

    Parameters
    ----------
    environment
        Its settings, over those of this process.
    metrics_port
        Where it tells whether it is ready.
    log
        The file for its log; None for this process's stderr.
    """

    name = "the daemon"

    def __init__(self, environment: Mapping[str, str], metrics_port: int, log: Path | None = None) -> None:
        self.metrics_port = metrics_port
        self.log = log
        self._environment = {**environment, "GODOT_METRICS_PORT": str(metrics_port)}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The process id, None when it does not run."""
        return self._process.pid if self._process is not None and self.running else None

    @property
    def returncode(self) -> int | None:
        """How the last run ended."""
        return None if self._process is None else self._process.returncode

    @property
    def metrics_url(self) -> str:
        """Its figures for Prometheus; /healthz and /readyz are beside it."""
        return f"http://127.0.0.1:{self.metrics_port}/metrics"

    @property
    def ready(self) -> bool:
        """Whether it says that it can work."""
        connection = http.client.HTTPConnection("127.0.0.1", self.metrics_port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def start(self) -> Self:
        """Start it; it takes a moment until it is ready."""
        if not self.running:
            command = [sys.executable, "-m", "godot_daemon.cli", "ingest"]
            environment = {**os.environ, **self._environment}
            with contextlib.ExitStack() as files:
                output = files.enter_context(self.log.open("ab")) if self.log else None
                self._process = _child.spawn(command, env=environment, output=output)
        return self

    def stop(self) -> None:
        """Let it finish its batch and end."""
        if self._process is not None and self.running:
            _child.stop(self._process, [signal.SIGTERM], _STOP_SECONDS)

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None and self.running:
            _child.kill(self._process)

    def wait_ready(self) -> None:
        """Return when it is ready; raise UnavailableError when it ends or does not get ready in time."""
        deadline = time.monotonic() + _READY_SECONDS
        where = f"see {self.log}" if self.log else "its log above says why"
        while not self.ready:
            if not self.running:
                raise UnavailableError(f"the daemon ended at once (status {self.returncode})", hint=where)
            if time.monotonic() > deadline:
                raise UnavailableError(f"the daemon is not ready after {_READY_SECONDS:.0f} s", hint=where)
            time.sleep(_POLL_SECONDS)


class Stack:
    """Valkey, PostgreSQL with the current schema, and a daemon between them, on one directory.

    Use it as a context manager, from a thread that lives as long as the servers should. Ports are chosen at
    the first start and kept in the directory, so that URLs stay the same.

    Parameters
    ----------
    data_dir
        Where the data stays; made if it is missing.
    daemon_log
        The file for the daemon's log; None for this process's stderr.
    notify
        Told, in a sentence, whenever something has died and is started again.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        daemon_log: Path | None = None,
        notify: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.data_dir = Path(data_dir).absolute()
        ports = self._remembered_ports()
        self.valkey = EmbeddedValkey(self.data_dir / "valkey", ports.get("valkey", 0))
        self.postgres = EmbeddedPostgres(self.data_dir / "postgres", ports.get("postgres", 0))
        self.daemon: Daemon | None = None
        self._metrics_port = ports.get("metrics", 0)
        self._daemon_log = daemon_log
        self._notify = notify
        self._restarts: dict[str, tuple[float, float]] = {}  # pause before the next one, time of the last

    @property
    def redis_url(self) -> str:
        """The queue's server."""
        return self.valkey.url

    @property
    def database_url(self) -> str:
        """The database, as its owner."""
        return self.postgres.url

    @property
    def environment(self) -> dict[str, str]:
        """What a component, a notebook or another `godot` command needs to find this stack."""
        return {"GODOT_REDIS_URL": self.redis_url, "GODOT_DATABASE_URL": self.database_url}

    def start(self) -> Self:
        """Start everything and return when the daemon is ready."""
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            for server in (self.valkey, self.postgres):
                _start_somewhere(server)
            migrations.upgrade(self.database_url)
            with psycopg.connect(self.database_url) as connection:
                connection.execute(_DAEMON_USER)
            self.daemon = self._make_daemon()
            self._remember_ports()
            self.daemon.start().wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop the daemon, then what it needs."""
        for part in (self.daemon, self.postgres, self.valkey):
            if part is not None:
                part.stop()

    def tend(self) -> None:
        """Start again what has died. Call it now and then: what keeps dying is given a growing pause."""
        now = time.monotonic()
        for part in (self.valkey, self.postgres, self.daemon):
            if part is None or part.running:
                continue
            pause, restarted = self._restarts.get(part.name, (0.0, -math.inf))
            if now - restarted < pause:
                continue
            if now - restarted > pause + _STEADY_SECONDS:
                pause = 0.0
            self._restarts[part.name] = min(max(2 * pause, 1.0), _LONGEST_PAUSE), now
            self._notify(f"{part.name} has died and is started again")
            part.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _make_daemon(self) -> Daemon:
        port = self._metrics_port
        if not port or not _child.is_free(port):
            port = _child.free_port()
        as_writer = self.database_url.replace("//postgres@", "//godot_daemon@")
        settings = {"GODOT_REDIS_URL": self.redis_url, "GODOT_DATABASE_URL": as_writer}
        return Daemon(settings, port, self._daemon_log)

    @property
    def _ports_file(self) -> Path:
        return self.data_dir / "ports.json"

    def _remembered_ports(self) -> dict[str, int]:
        try:
            ports = json.loads(self._ports_file.read_text())
        except (OSError, ValueError):
            return {}
        return {name: port for name, port in ports.items() if isinstance(port, int)}

    def _remember_ports(self) -> None:
        ports = {"valkey": self.valkey.port, "postgres": self.postgres.port}
        if self.daemon is not None:
            ports["metrics"] = self.daemon.metrics_port
        self._ports_file.write_text(json.dumps(ports))


def _start_somewhere(server: EmbeddedServer) -> None:
    """Start on the port of last time, or on another when somebody else has it now."""
    try:
        server.start()
    except PortTakenError:
        server.port = 0
        server.start()
