"""Buffer and sender of a process, shared by all loggers with one destination; they survive fork and exit."""

import atexit
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from godot_loglib.buffer import Buffer
from godot_loglib.fallback import Fallback, make_fallback
from godot_loglib.record import Encoder, instance_name
from godot_loglib.redis_queue import RedisQueue
from godot_loglib.sender import Sender
from godot_loglib.settings import Settings

_pipelines: Final[dict[tuple[object, ...], "Pipeline"]] = {}
_lock = threading.Lock()
_holding = False
_registered_in = 0


class Pipeline:
    """Everything between a log call and Redis."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.exit_seconds = settings.exit_seconds
        self.instance = instance_name()
        self.buffer = Buffer(settings.buffer_max, settings.buffer_bytes)
        queue = RedisQueue(settings.redis_url, settings.prefix, settings.queue_max, settings.redis_timeout)
        self.sender = Sender(
            self.buffer,
            queue,
            self._fallback,
            self._encoder,
            _close_at_exit_of_child,
            retry_seconds=settings.retry_seconds,
        )

    def _fallback(self) -> Fallback:
        return make_fallback(self._settings.fallback, self._settings.fallback_bytes, self.buffer.losses)

    def _encoder(self) -> Encoder:
        return Encoder(self.instance)

    def close(self, timeout: float | None = None, *, final: bool = False) -> None:
        """Flush within the deadline; what is left goes to the fallback."""
        self.sender.close(self.exit_seconds if timeout is None else timeout, final=final)

    def restart_after_fork(self) -> None:
        """In a forked child: the parent sends what the parent logged; the child is an instance of its own."""
        self.instance = instance_name()
        self.buffer.reset()
        self.sender.reset()


def pipeline_for(settings: Settings) -> Pipeline:
    """The one pipeline of this process for these settings."""
    key = (
        settings.redis_url,
        settings.prefix,
        settings.queue_max,
        settings.fallback,
        settings.fallback_bytes,
        settings.buffer_max,
        settings.buffer_bytes,
        settings.redis_timeout,
        settings.retry_seconds,
        settings.exit_seconds,
    )
    with _lock:
        pipeline = _pipelines.get(key)
        if pipeline is None:
            if not _pipelines:
                _close_on_sigterm()
            pipeline = _pipelines[key] = Pipeline(settings)
            if _holding:
                pipeline.sender.hold(0)
    return pipeline


def pipelines() -> list[Pipeline]:
    """All pipelines of this process."""
    return list(_pipelines.values())


@contextmanager
def held() -> Iterator[None]:
    """Keep every pipeline, also those made meanwhile, from sending anything."""
    global _holding  # noqa: PLW0603  pipelines are of the process, and so is holding them
    for pipeline in pipelines():
        pipeline.sender.hold(pipeline.exit_seconds)
    _holding = True
    try:
        yield
    finally:
        _holding = False
        for pipeline in pipelines():
            pipeline.sender.release()


def _close_all() -> None:
    for pipeline in pipelines():
        pipeline.close()


def _close_finally() -> None:
    for pipeline in pipelines():
        pipeline.close(final=True)


def _close_on_sigterm() -> None:
    """Send the last records when the process is asked to end, unless it handles SIGTERM itself."""
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return

    def close_and_die(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        _close_all()
        os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, close_and_die)


def _close_at_exit_of_child() -> None:
    """Register with multiprocessing: its processes leave through os._exit, past atexit.

    Called when a sender starts: multiprocessing forgets in the child what was registered before the fork.
    """
    global _registered_in  # noqa: PLW0603  once for each process
    util = sys.modules.get("multiprocessing.util")
    if util is not None and _registered_in != os.getpid():
        _registered_in = os.getpid()
        util.Finalize(None, _close_finally, exitpriority=100)


def _restart_after_fork() -> None:
    global _lock  # noqa: PLW0603  another thread of the parent may have held it
    _lock = threading.Lock()
    for pipeline in pipelines():
        pipeline.restart_after_fork()


atexit.register(_close_finally)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_restart_after_fork)
