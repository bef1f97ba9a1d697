"""The components as processes: started, listened to, and stopped whatever happens."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self, overload

from godot_demo.errors import DemoError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

_TERM_SECONDS = 5.0
_TAIL_LINES = 15


class _Component:
    """One process in its own group. It ends by itself when this process dies, since that closes its stdin."""

    def __init__(
        self, name: str, command: Sequence[str], *, environment: Mapping[str, str], directory: Path
    ) -> None:
        self.name = name
        self.instance = ""
        self.stderr_path = directory / f"{name}.stderr"
        self._events: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        with self.stderr_path.open("wb") as stderr:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=dict(environment),
                # Ctrl-C on the terminal reaches the runner alone, which then stops everything in order.
                start_new_session=True,
            )
        self._reader = threading.Thread(target=self._read_events, name=f"events of {name}", daemon=True)
        self._reader.start()

    def order(self, order: dict[str, Any]) -> None:
        """Write a line to its stdin. That nobody reads it is told when an answer is waited for."""
        assert self._process.stdin is not None  # noqa: S101  # it was asked for as a pipe
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()

    def expect(self, event: str, deadline: float) -> dict[str, Any]:
        """The next fact that it reports on stdout, which must be of this kind; raises `TimeoutError`."""
        try:
            found = self._events.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise TimeoutError from None
        if found is None or found["event"] != event:
            raise DemoError(
                f"{self.name} ended before it was ready (exit {self._process.wait()}).", details=self.tail()
            )
        self.instance = found.get("instance", self.instance)
        return found

    def wait(self, deadline: float, *, good: bool = True) -> None:
        """Wait for its end, as a rule a good one."""
        try:
            status = self._process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise DemoError(f"{self.name} did not end in time.", details=self.tail()) from None
        if status and good:
            raise DemoError(f"{self.name} failed (exit {status}).", details=self.tail())

    def kill(self, other: int) -> None:
        """End it and another process so that neither sees the other go."""
        for number in (signal.SIGSTOP, signal.SIGKILL):
            os.kill(other, number)
            self._signal(number)

    def tail(self) -> str:
        """The end of what it wrote to stderr."""
        lines = self.stderr_path.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
        return "\n".join(f"  {self.name}: {line}" for line in lines)

    def stop(self) -> None:
        """End it and everything that it started; harmless when it has ended."""
        with suppress(OSError):
            self._signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=_TERM_SECONDS)
        except subprocess.TimeoutExpired:
            with suppress(OSError):
                self._signal(signal.SIGKILL)
            self._process.wait()
        self._reader.join(timeout=1)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _signal(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, number)

    def _read_events(self) -> None:
        assert self._process.stdout is not None  # noqa: S101  # it was asked for as a pipe
        for line in self._process.stdout:
            with suppress(ValueError):
                self._events.put(json.loads(line))
        self._events.put(None)


class Components:
    """All processes of one run; leaving it stops those that are still there, the last one first."""

    def __init__(self, environment: Mapping[str, str], directory: Path, deadline: float) -> None:
        self.directory = directory
        self._environment = environment
        self._deadline = deadline
        self._all: dict[str, _Component] = {}

    @property
    def instances(self) -> dict[str, str]:
        """Name → how its records call the process, of those that have told."""
        return {name: component.instance for name, component in self._all.items() if component.instance}

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start a process."""
        self._all[name] = _Component(name, command, environment=self._environment, directory=self.directory)

    @overload
    def expect(self, name: str, event: str) -> dict[str, Any]: ...
    @overload
    def expect(self, name: str, event: str, *, patience: float | None) -> dict[str, Any] | None: ...
    def expect(self, name: str, event: str, *, patience: float | None = None) -> dict[str, Any] | None:
        """The next fact of a component, which must be of this kind; None after `patience` seconds."""
        component = self._all[name]
        try:
            if patience is None:
                return component.expect(event, self._deadline)
            return component.expect(event, time.monotonic() + patience)
        except TimeoutError:
            if patience is not None:
                return None
            raise DemoError(f"{name} did not answer in time.", details=component.tail()) from None

    def order(self, name: str, order: dict[str, Any]) -> None:
        """Tell a component what to do next."""
        self._all[name].order(order)

    def wait(self, name: str) -> None:
        """Wait for the good end of a component."""
        self._all[name].wait(self._deadline)

    def wait_for_death(self, name: str) -> None:
        """Wait for the end of a component, however it ends."""
        self._all[name].wait(self._deadline, good=False)

    def stop(self, name: str) -> None:
        """End a component in good order."""
        self._all[name].stop()

    def kill(self, name: str, other: int) -> None:
        """End a component and another process at once, and neither in good order."""
        self._all[name].kill(other)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for component in reversed(self._all.values()):
            component.stop()
