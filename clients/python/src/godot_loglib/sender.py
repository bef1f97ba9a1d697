"""The thread that carries records from the buffer to Redis, or to the fallback while Redis is away."""

import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from godot_loglib.announce import announce
from godot_loglib.buffer import NEVER, Buffer, Loss
from godot_loglib.context import CURRENT, SILENT, TraceContext
from godot_loglib.fallback import Fallback
from godot_loglib.record import Encoder, Entry
from godot_loglib.redis_queue import PushError, RedisQueue
from godot_loglib.secret_text import redact_text

_BATCH: Final = 500  # records per push
_BATCH_BYTES: Final = 1024**2
_LINGER: Final = 0.02  # seconds that records may wait for company
_IDLE_AFTER: Final = 1.0  # seconds without records after which the thread sleeps until it is woken
_ATTEMPTS: Final = 6
_PATIENCE: Final = 5.0  # seconds of attempts after which a hanging Redis counts as away
_BACKOFF: Final = 0.05
_BACKOFF_CAP: Final = 2.0


@dataclass(slots=True)
class _Batch:
    """Encoded once, so that a record keeps its id however often it is sent."""

    entries: list[Entry]
    losses: list[Loss]
    lines: list[bytes]
    last: int  # seq of the last entry taken


class Sender:
    """Starts its thread with the first record; every method may be called from any thread.

    Parameters
    ----------
    buffer
        Where the records come from; its `rouse` is taken over.
    queue
        Where they should go.
    fallback
        Makes the place where they go instead, for this process.
    encoder
        Makes the maker of their lines, for this process.
    on_start
        Called before the thread starts.
    retry_seconds
        Pause between attempts to reach Redis during fallback.
    """

    def __init__(
        self,
        buffer: Buffer,
        queue: RedisQueue,
        fallback: Callable[[], Fallback],
        encoder: Callable[[], Encoder],
        on_start: Callable[[], None],
        *,
        retry_seconds: float,
    ) -> None:
        self._buffer = buffer
        self._queue = queue
        self._make_fallback = fallback
        self._make_encoder = encoder
        self._on_start = on_start
        self._retry_seconds = retry_seconds
        self.reset()

    def reset(self) -> None:
        """Begin anew, without a thread: at construction, and in a process that has just been forked."""
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        # A lock as a signal: releasing it is atomic, so even a signal handler may do it at any instant.
        self._wake = threading.Lock()
        self._wake.acquire()
        self._stopping = False
        self._final = False
        self._held = False
        self._in_hand: _Batch | None = None
        self._busy = False
        self._settled = 0
        self._away_since: float | None = None
        self._next_attempt = 0.0
        self._diverted = 0
        self._queue.forget()
        self._encoder = self._make_encoder()
        self._fallback = self._make_fallback()
        self._buffer.rouse = self.rouse

    # --- called by the application's threads ---

    def rouse(self) -> None:
        """Wake the thread, or start it; at the end of the process, write what there is to the fallback."""
        self._buffer.wake_at = NEVER
        thread = self._thread
        if self._held:
            return
        if self._final:
            self._divert_everything()
            self._buffer.wake_at = 1
        elif thread is not None and thread.is_alive():
            self._signal()
        elif self._starting.acquire(blocking=False):
            try:
                self._start()
            finally:
                self._starting.release()

    def _start(self) -> None:
        self._on_start()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="godot-loglib", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # no more threads, or the interpreter is going down
            self._thread = None
            self._divert_everything()
            self._buffer.wake_at = 1

    def flush(self, timeout: float) -> bool:
        """Wait until everything logged so far is in Redis or in the fallback; False if that takes longer."""
        goal = self._buffer.last_put
        deadline = time.monotonic() + timeout
        while not self._held and self._settled < goal and (len(self._buffer) or self._busy):
            if time.monotonic() >= deadline:
                return False
            self.rouse()
            time.sleep(0.002)
        return True

    def close(self, timeout: float, *, final: bool = False) -> None:
        """Send what is left until the deadline, then write it to the fallback.

        A later log call starts again; after a `final` close it goes to the fallback at once.
        """
        if self._held:
            return
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            self._stopping = True
            self._signal()
            thread.join(timeout)
        self._thread = None  # a thread that still hangs in a socket finds itself disowned
        self._final = final
        self._divert_everything()
        if thread is None or not thread.is_alive():
            self._queue.close()
        self._buffer.wake_at = 1

    def hold(self, timeout: float) -> None:
        """Send what there is, then keep everything in the buffer until `release`; for tests of components."""
        self.close(timeout)
        self._held = True
        self._buffer.wake_at = NEVER

    def drain(self) -> list[bytes]:
        """The lines of everything in the buffer, taken out of it."""
        lines: list[bytes] = []
        while (batch := self._next_batch()) is not None:
            lines += batch.lines
        return lines

    def release(self) -> None:
        """Undo `hold`."""
        self._held = False
        self._buffer.wake_at = 1

    def _signal(self) -> None:
        with suppress(RuntimeError):  # it was awake already
            self._wake.release()

    def _divert_everything(self) -> None:
        lost = 0
        while (batch := self._in_hand or self._next_batch()) is not None:
            self._in_hand = None
            if not self._divert(batch):
                lost += len(batch.entries) + sum(loss.count for loss in batch.losses)
                self._settle(batch)
        if lost:
            what = "1 record is" if lost == 1 else f"{lost} records are"
            announce(f"{what} lost: neither Redis nor the fallback ({self._fallback.name}) takes more")

    # --- the thread ---

    def _run(self) -> None:
        CURRENT.set(SILENT)
        try:
            while self._mine():
                self._busy = True  # before anything leaves the buffer, or `flush` would not see it
                batch = self._in_hand = self._in_hand or self._next_batch()
                if batch is not None:
                    self._deliver(batch)
                if self._in_hand is None:
                    self._busy = False
                if self._stopping and (batch is None or self._in_hand is not None):
                    return  # done, or neither Redis nor the fallback takes it: `close` knows what to do
                if batch is None:
                    self._wait()
        except Exception as error:  # noqa: BLE001  the next log call starts a new thread
            announce(
                f"the sender stopped and will start again ({type(error).__name__}: {redact_text(str(error))})"
            )
        finally:
            if self._mine():
                self._buffer.wake_at = 1

    def _mine(self) -> bool:
        return self._thread is threading.current_thread()

    def _wait(self) -> None:
        """Sleep until there may be work: shortly after a record, until woken once nothing comes any more."""
        buffer = self._buffer
        deadline = time.monotonic() + _IDLE_AFTER
        while not self._stopping and time.monotonic() < deadline:
            buffer.wake_at = _BATCH
            if self._wake.acquire(timeout=_LINGER) or len(buffer):
                buffer.wake_at = NEVER
                return
        buffer.wake_at = 1
        if not len(buffer) and not self._stopping:
            self._wake.acquire()
        buffer.wake_at = NEVER

    def _next_batch(self) -> _Batch | None:
        entries = self._buffer.take(_BATCH, _BATCH_BYTES)
        losses = self._buffer.losses.take()
        if not entries and not losses:
            return None
        batch = _Batch([], losses, [], entries[-1][0] if entries else self._settled)
        for loss in losses:
            batch.lines.append(self._encoder.loss(loss, self._buffer.next_seq()))
        with TraceContext(SILENT):
            for entry in entries:
                try:
                    batch.lines.append(self._encoder.entry(entry))
                    batch.entries.append(entry)
                except Exception:  # noqa: BLE001  one record that cannot be written must not cost the others
                    self._buffer.losses.add(entry[3].component, "unserialisable", entry[1])
        return batch

    def _deliver(self, batch: _Batch) -> None:
        """Bring the batch to Redis or to the fallback; if neither takes it, it stays in hand."""
        if self._away_since is None or time.monotonic() >= self._next_attempt:
            reason = self._push_patiently(batch) if self._away_since is None else self._push(batch)
            if not self._mine():
                return  # closed meanwhile, and the batch diverted
            if reason is None:
                self._come_back()
                self._settle(batch)
                return
            self._go_away(reason)
        if self._divert(batch):
            return
        self._pause(self._next_attempt - time.monotonic())

    def _push(self, batch: _Batch) -> str | None:
        try:
            self._queue.push(batch.lines)
        except PushError as error:
            return redact_text(str(error))
        return None

    def _push_patiently(self, batch: _Batch) -> str | None:
        """Try several times, with growing and random pauses; the reason of the last failure, or None."""
        give_up = time.monotonic() + _PATIENCE
        for attempt in range(_ATTEMPTS):
            reason = self._push(batch)
            if reason is None or self._stopping or time.monotonic() > give_up:
                return reason
            if attempt < _ATTEMPTS - 1:
                self._pause(min(_BACKOFF_CAP, _BACKOFF * 2**attempt) * random.uniform(0.5, 1))  # noqa: S311
        return reason

    def _pause(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._stopping and (rest := deadline - time.monotonic()) > 0:
            self._wake.acquire(timeout=rest)

    def _go_away(self, reason: str) -> None:
        self._next_attempt = time.monotonic() + self._retry_seconds
        if self._away_since is None:
            self._away_since = time.monotonic()
            self._diverted = 0
            name, again = self._fallback.name, f"trying again every {self._retry_seconds:g} s"
            announce(f"Redis does not take records ({reason}); logging to {name}, {again}")

    def _come_back(self) -> None:
        if self._away_since is not None:
            seconds = time.monotonic() - self._away_since
            self._away_since = None
            went = f"{self._diverted} record{'s' * (self._diverted != 1)} went to {self._fallback.name}"
            announce(f"Redis takes records again after {seconds:.1f} s; {went}")

    def _divert(self, batch: _Batch) -> bool:
        try:
            self._fallback.write(batch.lines)
        except Exception:  # noqa: BLE001  switched off, disk full, broken pipe, closed stream
            return False
        self._diverted += len(batch.lines)
        self._settle(batch)
        return True

    def _settle(self, batch: _Batch) -> None:
        self._settled = batch.last
        self._in_hand = None
