"""Child processes that end with us: starting them, and stopping, killing or freezing a whole tree of them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import IO

_TETHER: Final = Path(__file__).with_name("_tether.py")
_SERVICE_MANAGER: Final = frozenset(("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"))
"""What systemd tells a service is for it alone: a child that feeds the watchdog would hide that we hang."""

_BURIAL_SECONDS: Final = 5.0  # SIGKILL returns before the victim has gone


def spawn(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    output: IO[bytes] | int | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
    user: tuple[int, int] = (0, 0),
) -> subprocess.Popen[bytes]:
    """Start a program that gets `death_signal` when the calling thread ends, however it ends.

    It leads a process group of its own: Ctrl-C reaches us alone, and we stop our children in order. With
    `user` (uid, gid) it gives up root.
    """
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(_TETHER)]
        + [str(number) for number in (os.getpid(), int(death_signal), *user)]
        + list(command),
        cwd=cwd,
        env={
            name: value
            for name, value in (os.environ if env is None else env).items()
            if name not in _SERVICE_MANAGER
        },
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        process_group=0,
    )


def stop(process: subprocess.Popen[bytes], signals: Sequence[signal.Signals], seconds: float) -> int:
    """Send the signals one after another, each with its share of the time, until the process has ended.

    What is left of its tree after that is killed. Returns the exit status.
    """
    for number in signals:
        with suppress(ProcessLookupError):
            process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            return process.wait(seconds / len(signals))
    return kill(process)


def kill(process: subprocess.Popen[bytes]) -> int:
    """SIGKILL the process and its descendants, like a power cut. Returns the exit status."""
    _signal(process.pid, signal.SIGSTOP)  # no new children while we count
    family = tree(process.pid)
    for pid in family:
        _signal(pid, signal.SIGKILL)
    status = process.wait()
    deadline = time.monotonic() + _BURIAL_SECONDS
    while time.monotonic() < deadline and any(map(is_alive, family)):
        time.sleep(0.001)
    return status


def freeze(process: subprocess.Popen[bytes]) -> None:
    """SIGSTOP the process and its descendants: connections stay open and nobody answers."""
    _signal(process.pid, signal.SIGSTOP)
    for pid in tree(process.pid):
        _signal(pid, signal.SIGSTOP)


def thaw(process: subprocess.Popen[bytes]) -> None:
    """Undo `freeze`."""
    for pid in tree(process.pid):
        _signal(pid, signal.SIGCONT)


def tree(root: int) -> list[int]:
    """The process and its descendants, parents first."""
    children: dict[int, list[int]] = {}
    for pid, parent in _processes():
        children.setdefault(parent, []).append(pid)
    family = [root]
    for pid in family:
        family.extend(children.get(pid, ()))
    return family


def is_alive(pid: int) -> bool:
    """Whether the process is there and more than a zombie that nobody has buried."""
    if sys.platform == "linux":
        try:
            return _stat(Path(f"/proc/{pid}"))[0] not in b"ZX"
        except OSError:
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether nobody listens on this port of the loopback interface."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _processes() -> list[tuple[int, int]]:
    """All processes of this machine with their parents."""
    if sys.platform != "linux":
        listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, check=True).stdout
        return [(int(pid), int(parent)) for pid, parent in map(bytes.split, listing.splitlines())]
    pairs = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # it has ended meanwhile
                pairs.append((int(entry.name), int(_stat(entry)[1])))
    return pairs


def _stat(entry: Path) -> list[bytes]:
    """State, parent and so on: what follows the program's name, which may itself hold anything."""
    return (entry / "stat").read_bytes().rpartition(b")")[2].split()
