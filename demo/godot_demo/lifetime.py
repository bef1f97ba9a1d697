"""How a component lives: it says that it is ready, and ends when told or when its starter is gone."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import anyio

from godot_loglib import ICCMLogger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterator


def report(event: str, **facts: Any) -> None:
    """One fact for the runner: a JSON line on stdout. Nobody listens any more when the runner is gone."""
    with suppress(BrokenPipeError):
        sys.stdout.write(json.dumps({"event": event, **facts}) + "\n")
        sys.stdout.flush()


@contextmanager
def logging_as(component: str) -> Iterator[ICCMLogger]:
    """The logger of this process, flushed whatever happens."""
    logger = ICCMLogger(component)
    try:
        yield logger
    finally:
        logger.close()


class Orders:
    """What the starter writes to stdin: one JSON object a line."""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._unfinished = b""

    def feed(self, data: bytes) -> None:
        """Take over what was read."""
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        for line in lines:
            self._lines.put_nowait(json.loads(line))

    async def next(self) -> dict[str, Any]:
        """Wait for the next one."""
        return await self._lines.get()


@asynccontextmanager
async def until_stopped(orders: Orders | None = None) -> AsyncIterator[asyncio.Event]:
    """An event that is set by SIGTERM, or by the end of stdin, whose other end the starter holds."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def read() -> None:
        data = os.read(sys.stdin.fileno(), 65536)
        if orders is not None:
            orders.feed(data)
        if not data:
            loop.remove_reader(sys.stdin.fileno())
            stop.set()

    loop.add_reader(sys.stdin.fileno(), read)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    yield stop


def run(work: Coroutine[Any, Any, None], orders: Orders) -> None:
    """Run to the end, or until stopped, which unwinds everything in order as Ctrl-C does."""

    async def main() -> None:
        async with until_stopped(orders) as stop, anyio.create_task_group() as tasks:

            async def watch() -> None:
                await stop.wait()
                # Not asyncio's cancel(): the SDK shields the end of its child against this one only.
                tasks.cancel_scope.cancel()

            tasks.start_soon(watch)
            await work
            tasks.cancel_scope.cancel()

    asyncio.run(main())
