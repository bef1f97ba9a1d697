"""Buffer and sender of a process, shared by all loggers with one destination."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from godot_loglib import ends
from godot_loglib.buffer import Buffer
from godot_loglib.context import on_loud
from godot_loglib.fallback import Fallback, make_fallback
from godot_loglib.gate import CentralLevels, Gate
from godot_loglib.record import Encoder, Source, instance_name
from godot_loglib.redis_queue import RedisQueue
from godot_loglib.sender import Sender
from godot_loglib.settings import Settings

_pipelines: Final[dict[tuple[object, ...], "Pipeline"]] = {}
_lock = threading.RLock()
_holding = False


class Pipeline:
    """Everything between a log call and Redis."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.exit_seconds = settings.exit_seconds
        self.instance = instance_name()
        self.buffer = Buffer(settings.buffer_max, settings.buffer_bytes)
        self.levels = CentralLevels()
        queue = RedisQueue(settings.redis_url, settings.prefix, settings.queue_max, settings.redis_timeout)
        self.sender = Sender(
            self.buffer,
            queue,
            self._fallback,
            self._encoder,
            self.levels,
            ends.at_exit_of_child,
            retry_seconds=settings.retry_seconds,
        )

    def _fallback(self) -> Fallback:
        return make_fallback(self._settings.fallback, self._settings.fallback_bytes, self.buffer.losses)

    def _encoder(self) -> Encoder:
        return Encoder(self.instance)

    def close(self, timeout: float | None = None) -> None:
        """Flush within the deadline; what is left goes to the fallback."""
        seconds = self.exit_seconds if timeout is None else timeout
        ends.undisturbed(lambda: self.sender.close(seconds))

    def restart_after_fork(self) -> None:
        """In a forked child: the parent sends what the parent logged; the child is an instance of its own."""
        self.instance = instance_name()
        self.buffer.reset()
        self.sender.reset()
        self.levels.arm()

    def gate(self, source: Source, settings: Settings, own: int) -> Gate:
        """What decides about the calls of a logger."""
        key = (source.component, settings.redact_fields, own, settings.enabled, settings.trace_sample)
        return self.levels.gate(
            key,
            lambda: Gate(
                source,
                own,
                self.buffer,
                self.sender.look,
                enabled=settings.enabled,
                sample=settings.trace_sample,
            ),
        )


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
            ends.watch()
            # A signal handler may make the same one just now, in this thread.
            pipeline = _pipelines.setdefault(key, Pipeline(settings))
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


def update_gates() -> None:
    """A request that is to be logged at TRACE came, or the last of them is gone."""
    for pipeline in pipelines():
        for gate in pipeline.levels.gates():
            gate.update()


def close_all(*, final: bool = False) -> None:
    """Close every pipeline, all of them within the same deadline."""
    started = time.monotonic()
    everyone = [(pipeline.sender, started + pipeline.exit_seconds) for pipeline in pipelines()]
    interruption: BaseException | None = None
    for sender, until in everyone:
        sender.stop(until, final=final)
    for sender, until in everyone:
        try:
            sender.finish(until, final=final)
        except BaseException as error:  # noqa: BLE001  a signal handler that raises: the others come first
            interruption = error
    if interruption is not None:
        raise interruption


def restart_after_fork() -> None:
    """Make everything anew in a child."""
    global _lock  # noqa: PLW0603  another thread of the parent may have held it
    _lock = threading.RLock()
    ends.forget()
    for pipeline in pipelines():
        pipeline.restart_after_fork()


on_loud.append(update_gates)
ends.register(close_all, restart_after_fork)
