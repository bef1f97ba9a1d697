"""How a component lives: it says that it is ready, and ends when told or when its starter is gone."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from godot_loglib import ICCMLogger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterator


def report(event: str, **facts: Any) -> None:
    """One fact for the runner: a JSON line on stdout."""
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


@asynccontextmanager
async def until_stopped() -> AsyncIterator[asyncio.Event]:
    """An event that is set by SIGTERM, or by the end of stdin, whose other end the starter holds."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def drain() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin.fileno())
            stop.set()

    loop.add_reader(sys.stdin.fileno(), drain)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    yield stop


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end, or until stopped, which unwinds everything in order as Ctrl-C does."""

    async def main() -> None:
        async with until_stopped() as stop:
            task, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
            await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            if not task.done():
                task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    asyncio.run(main())
