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
        async with until_stopped() as stop, anyio.create_task_group() as tasks:

            async def watch() -> None:
                await stop.wait()
                # Not asyncio's cancel(): the SDK shields the end of its child against this one only.
                tasks.cancel_scope.cancel()

            tasks.start_soon(watch)
            await work
            tasks.cancel_scope.cancel()

    asyncio.run(main())
