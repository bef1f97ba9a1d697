"""A server as a child process on a directory of its own: one owner, any port, restarts, no leftovers."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Self

from godot_daemon import _child
from godot_daemon.errors import SetupError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import IO

_START_SECONDS: Final = 60.0  # most of it is for crash recovery on a slow disk; normally it takes 0.1 s
_STOP_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.01
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
