"""Claims batches from the Redis queue until they are acknowledged, and adopts what the dead had claimed."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import ResponseError

from godot_daemon.batching import Batch
from godot_daemon.errors import GodotError, UnavailableError
from godot_daemon.record import Origin

if TYPE_CHECKING:
    from godot_daemon.redis_queue import RedisQueue
    from godot_daemon.settings import Settings

MAX_BATCH_BYTES: Final = 8 << 20
"""A batch ends with the entry that passes this, so that big entries come in small batches."""

_BLOCK_SECONDS: Final = 1.0
_WINDOW_STEPS: Final = 5


def worker_name() -> str:
    """A name for this process that no other has: host, pid, and a nonce of its start."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


class RedisSource:
    """One worker's view of the queue. `claim` is called by one thread, `acknowledge` by any."""

    def __init__(self, queue: RedisQueue, settings: Settings, worker: str) -> None:
        self.worker = worker
        self.waiting = 0
        """How many entries were left in the queue after the last claim."""
        self._queue = queue
        self._batch_size = settings.batch_size
        self._window = settings.batch_window_ms / 1000
        self._takeover_after = settings.takeover_after
        self._block = min(_BLOCK_SECONDS, settings.redis_timeout / 2)  # a later answer is none
        self._epoch = secrets.token_hex(8)
        self._held: set[str] = set()
        self._window_ends: float | None = None
        self._next_sweep = 0.0
        self._can_block = True
        self._stop = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def open(self) -> None:
        """Announce this worker, and declare dead those of this host whose process is gone."""
        with self._queue.errors():
            for name in self._queue.client.hkeys(self._queue.workers):
                if _is_gone(name.decode() if isinstance(name, bytes) else name):
                    self._queue.client.hdel(self._queue.workers, name)
            self._queue.heartbeat(keys=[self._queue.workers], args=[self.worker])
        self._heart.start()

    def close(self) -> None:
        """Release what is still claimed: without a heartbeat it is anyone's at once."""
        self._stop.set()
        if self._heart.is_alive():
            self._heart.join()  # a last beat after the farewell would keep the claims from the others
        with self._queue.errors():
            self._queue.client.hdel(self._queue.workers, self.worker)

    def claim(self, limit: int) -> Batch | None:
        """See `Source`. Orphaned claims come first; they are older than anything in the queue."""
        try:
            return self._adopt() or self._claim(limit)
        except UnavailableError:
            self._next_sweep = 0.0  # the answer to a claim may have been lost with the connection
            raise

    def acknowledge(self, batch: Batch) -> None:
        """See `Source`."""
        with self._queue.errors(), self._queue.client.pipeline(transaction=True) as pipeline:
            pipeline.unlink(self._list(batch.name))
            pipeline.hdel(self._queue.inflight, f"{self.worker}:{batch.name}")
            pipeline.execute()
        self._held.discard(batch.name)

    def _claim(self, limit: int) -> Batch | None:
        """A full batch, or what there is once the first entry has waited for the window; else a moment."""
        queue = self._queue
        window_over = self._window_ends is not None and time.monotonic() >= self._window_ends
        with queue.errors():
            reply = queue.claim(
                keys=[queue.queue, queue.dropped, queue.position, queue.inflight, queue.workers],
                args=[
                    self.worker,
                    limit,
                    1 if window_over else self._batch_size,
                    MAX_BATCH_BYTES,
                    queue.inflight_lists,
                    self._epoch,
                ],
            )
        self.waiting = reply[0]
        if len(reply) > 1:
            self._window_ends = None
            return self._hold(*reply[1:])
        if self.waiting == 0:
            self._window_ends = None
            self._wait_for_first()
        else:
            now = time.monotonic()
            self._window_ends = self._window_ends or now + self._window
            self._stop.wait(max(0.0, min(self._window / _WINDOW_STEPS, self._window_ends - now)))
        return None

    def _adopt(self) -> Batch | None:
        """What nobody works on, one claim at a time; looked for now and then."""
        now = time.monotonic()
        if now < self._next_sweep:
            return None
        queue = self._queue
        with queue.errors():
            reply = queue.adopt(
                keys=[queue.inflight, queue.workers, queue.position],
                args=[self.worker, self._takeover_after, queue.inflight_lists, *self._held],
            )
        if reply is None:
            self._next_sweep = now + self._takeover_after / 3
            return None
        owner, *claim = reply
        return self._hold(*claim, adopted_from=owner.decode())

    def _hold(self, epoch: bytes, name: bytes, *, adopted_from: str | None = None) -> Batch | None:
        """Read what is claimed; None when others have taken it over, as from a worker that was stopped."""
        batch = name.decode()
        with self._queue.errors():
            newest_first: list[Any] = self._queue.client.lrange(self._list(batch), 0, -1)
        if not newest_first:
            return None
        self._held.add(batch)
        base, claimed_us = batch.split("-")
        origin = Origin(epoch.decode(), int(base), int(claimed_us))
        return Batch(batch, origin, newest_first[::-1], adopted_from)

    def _list(self, batch: str) -> str:
        return f"{self._queue.inflight_lists}{self.worker}:{batch}"

    def _wait_for_first(self) -> None:
        """Sleep until something is pushed: moving the tail onto itself blocks while there is none."""
        if not self._can_block:
            self._stop.wait(self._window)
            return
        key = self._queue.queue
        with self._queue.errors():
            try:
                # Over its own connection of the pool, since it blocks.
                self._queue.client.blmove(key, key, self._block, "RIGHT", "RIGHT")  # type: ignore[arg-type]
            except ResponseError as error:
                if "unknown command" not in str(error).lower():
                    raise
                self._can_block = False  # before Redis 6.2

    def _beat(self) -> None:
        while not self._stop.wait(self._takeover_after / 3):
            try:
                with self._queue.errors():
                    self._queue.heartbeat(keys=[self._queue.workers], args=[self.worker])
            except GodotError:
                continue  # the claiming thread reports it


def _is_gone(worker: str) -> bool:
    """Whether a worker of this host is no process any more; our pid is an earlier life in a container."""
    host, _, rest = worker.partition(":")
    pid = rest.partition(":")[0]
    if host != socket.gethostname() or not pid.isdigit():
        return False
    if int(pid) == os.getpid():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
