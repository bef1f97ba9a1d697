"""The thread that carries records from the buffer to Redis, or to the fallback while Redis is away."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from math import inf
from typing import Final

from godot_loglib.announce import announce, announce_once
from godot_loglib.batch import Batch, Run, Writer
from godot_loglib.buffer import NEVER, Buffer, Loss
from godot_loglib.context import CURRENT, SILENT
from godot_loglib.fallback import Fallback
from godot_loglib.gate import CentralLevels
from godot_loglib.outage import PATIENCE, Outage, announce_loss, push_patiently
from godot_loglib.record import Encoder
from godot_loglib.redis_queue import PushError, RedisQueue
from godot_loglib.secret_text import redact_text
from godot_loglib.watch import LevelWatch

_BATCH: Final = 500  # records per push
_BATCH_BYTES: Final = 1024**2
_LAST_BATCH: Final = 50  # at the end of the process, where the deadline is looked at between batches
_LAST_BATCH_BYTES: Final = 128 * 1024
_LINGER: Final = 0.02  # seconds that records may wait for company
_IDLE_AFTER: Final = 1.0  # seconds without records after which the thread sleeps until it is woken
_LAST_WORD: Final = 0.1  # seconds that a thread with nothing left to do may take to end
_SLOWED: Final = 0.002  # seconds that a log call takes while the process ends


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
    levels
        What is to be asked of Redis from time to time.
    on_start
        Called before the thread starts.
    retry_seconds
        Pause between attempts to reach Redis during fallback.
    """

    def __init__(  # noqa: PLR0917  the one place where a pipeline is put together
        self,
        buffer: Buffer,
        queue: RedisQueue,
        fallback: Callable[[], Fallback],
        encoder: Callable[[], Encoder],
        levels: CentralLevels,
        on_start: Callable[[], None],
        *,
        retry_seconds: float,
    ) -> None:
        self._buffer = buffer
        self._queue = queue
        self._make_fallback = fallback
        self._make_encoder = encoder
        self._levels = levels
        self._on_start = on_start
        self._retry_seconds = retry_seconds
        self.reset()

    def reset(self) -> None:
        """Begin anew, without a thread: at construction, and in a process that has just been forked."""
        self._run = Run()
        self._starting = threading.Lock()
        self._writer = Writer()
        self._stopping = False
        self._closing = False
        self._ending = False
        self._ended = False
        self._final = False
        self._held = False
        self._until = inf
        self._goal = 0
        self._settled = 0
        self._queue.forget()
        self._encoder = self._make_encoder()
        self._fallback = self._make_fallback()
        self._outage = Outage(self._fallback.name, self._retry_seconds)
        self._watch = LevelWatch(self._levels, self._retry_seconds)
        self._buffer.rouse = self.rouse

    # --- called by the application's threads ---

    def rouse(self) -> None:
        """Wake the thread, or start it; at the end of the process, write what there is to the fallback."""
        self._buffer.wake_at = NEVER
        if self._held or self._closing:
            return
        if self._ending and not self._final:
            # A thread that logs without pause is slowed down, or the end would have no end.
            self._signal()
            time.sleep(_SLOWED)
            self._buffer.wake_at = 1
        elif self._final:
            self._buffer.wake_at = 1
            self._log_late()
        elif self._run.is_alive and not self._stopping:
            self._signal()
        elif self._starting.acquire(blocking=False):
            try:
                self._start()
            finally:
                self._starting.release()

    def _log_late(self) -> None:
        """Write what is logged after the end at once, or lose it when there is no time any more."""
        with self._writer.alone(self._until) as alone:
            if alone:
                self._divert_everything(self._until)
                if not self._ended or time.monotonic() <= self._until or not self._lose_the_rest(final=True):
                    return
                announce_once("what is logged after the deadline of the process's end is lost")
        time.sleep(_SLOWED)

    def look(self) -> None:
        """Have the central levels looked at, after a call that was not expected."""
        self._watch.called()
        if not self._held and not self._final:
            self.rouse()

    def _start(self) -> None:
        self._on_start()
        old = self._run
        if old.is_alive and self._stopping:
            return  # it ends just now: whoever closes it looks after the rest
        run = Run()
        run.taken, run.in_hand = old.taken, old.in_hand
        run.thread = threading.Thread(target=self._work, args=(run,), name="godot-loglib", daemon=True)
        self._run, self._stopping, self._until = run, False, inf
        try:
            run.thread.start()
        except RuntimeError:  # no more threads, or the interpreter is going down
            run.thread = None
            self._buffer.wake_at = 1
            until = time.monotonic() + PATIENCE
            with self._writer.alone(until) as alone:
                if alone:
                    self._divert_everything(until)

    def flush(self, timeout: float) -> bool:
        """Wait until everything logged so far is in Redis or in the fallback; False if that takes longer."""
        goal = self._buffer.last_put
        deadline = time.monotonic() + timeout
        while not self._held and self._settled < goal and self._unsettled():
            if time.monotonic() >= deadline:
                return False
            self.rouse()
            time.sleep(0.002)
        return True

    def _unsettled(self) -> bool:
        """Whether there is anything left; looked for in the order in which it moves."""
        run = self._run
        return bool(len(self._buffer) or run.taken or run.in_hand or self._buffer.losses)

    def close(self, timeout: float, *, final: bool = False) -> None:
        """Send what is left until the deadline, then write it to the fallback.

        A later log call starts again; after a `final` close it goes to the fallback at once.
        """
        until = time.monotonic() + timeout
        self.stop(until, final=final)
        self.finish(until, final=final)

    def stop(self, until: float, *, final: bool = False) -> None:
        """Ask the thread to send what there is now, and then to end."""
        if self._held:
            return
        self._goal = self._buffer.last_put
        # By then the thread has left a fallback that is stuck, so that it is known what that has taken.
        self._until = self._halfway(until) - _LAST_WORD if self._fallback.takes else -inf
        self._stopping = True
        self._ending = final
        self._signal()
        self._buffer.wake_at = 1

    def finish(self, until: float, *, final: bool = False) -> None:
        """Wait for the thread, take over what it does not deliver in time, and count what nobody takes."""
        if self._held:
            return
        interruption: BaseException | None = None
        try:
            self._await(self._halfway(until))
        except BaseException as error:  # noqa: BLE001  a signal handler that raises: the rest is still to be saved
            interruption = error
        self._closing = not final
        alive = self._disown()
        self._until = until
        if final:
            self._buffer.finish()
            self._final = True
            self._buffer.wake_at = 1
        try:
            lost = self._divert_or_lose(until, final=final)
        except BaseException as error:  # noqa: BLE001  as above
            interruption = error
            lost = self._lose_the_rest(final=final)
        if lost:
            announce_loss(lost, self._fallback.name)
        if not alive:
            self._queue.close()
        self._closing = False
        self._levels.arm()
        self._buffer.wake_at = 1
        if len(self._buffer) and not final:
            self.rouse()
        if interruption is not None:
            raise interruption

    def _divert_or_lose(self, until: float, *, final: bool) -> int:
        """Write what is left to the fallback; how many records are lost, for it does not take them."""
        with self._writer.alone(until + _LAST_WORD) as alone:
            if alone:
                self._divert_everything(until)
            self._ended = final
            rest = final or self._run.in_hand or self._run.taken
            return self._lose_the_rest(final=final) if rest else 0

    def _halfway(self, until: float) -> float:
        """Half of the time is for Redis, the other for the fallback, if that takes anything."""
        return until - max(0.0, until - time.monotonic()) / 2 if self._fallback.takes else until

    def _await(self, until: float) -> None:
        thread = self._run.thread
        if thread is None or thread is threading.current_thread():
            return
        while thread.is_alive() and (rest := until - time.monotonic()) > 0 and self._unsettled():
            thread.join(min(rest, 0.01))
        # With nothing left to do it ends at once, unless it is asking a Redis that hangs for the levels.
        thread.join(max(0.0, min(until - time.monotonic(), _LAST_WORD)))

    def _disown(self) -> bool:
        """Take from the thread what it has not delivered; whether it is still alive, stuck in a socket."""
        old = self._run
        alive = old.is_alive and old.thread is not threading.current_thread()
        self._run = old.disown(self._buffer)
        if alive:  # it still uses the connection, and the encoder
            self._queue = self._queue.another()
            self._encoder = self._make_encoder()
        return alive

    def _lose_the_rest(self, *, final: bool) -> int:
        """Count what could not be saved, and record it where the records would have gone; how many it is."""
        run, losses = self._run, self._buffer.losses
        goal = self._buffer.last_put
        entries = run.empty(self._buffer, goal)
        for unit in entries:
            if isinstance(unit, Loss):
                losses.merge(unit)
            else:
                losses.add(unit[3].component, "exit" if final else "closed", unit[1])
        self._settled = max(self._settled, goal)
        if not final:  # what has been lost is recorded when something gets through again
            return sum(not isinstance(unit, Loss) for unit in entries)
        last = run.fill(self._buffer, self._make_encoder(), 0, 0)
        run.in_hand = None
        if last is None:
            return 0
        units = [unit for unit in last.units if isinstance(unit, Loss)]
        with suppress(Exception):
            count = self._fallback.write(last.lines, lambda: -inf)
            units = [unit for unit in units[:count] if unit.reason == "exit"] + units[count:]
        return sum(unit.count for unit in units)

    def hold(self, timeout: float) -> None:
        """Send what there is, then keep everything in the buffer until `release`; for tests of components."""
        self.close(timeout)
        self._held = True
        self._buffer.wake_at = NEVER

    def drain(self) -> list[bytes]:
        """The lines of everything in the buffer, taken out of it."""
        lines: list[bytes] = []
        while (batch := self._run.fill(self._buffer, self._encoder, _BATCH, _BATCH_BYTES)) is not None:
            lines += batch.lines
            self._settle(self._run, batch)
        return lines

    def release(self) -> None:
        """Undo `hold`."""
        self._held = False
        self._buffer.wake_at = 1

    def _signal(self) -> None:
        with suppress(RuntimeError):  # it was awake already
            self._run.wake.release()

    def _divert_everything(self, until: float) -> None:
        """Write what there is now to the fallback, in this thread, until the deadline."""
        run, encoder, goal = self._run, self._make_encoder(), self._buffer.last_put
        while (
            batch := run.in_hand or run.fill(self._buffer, encoder, _LAST_BATCH, _LAST_BATCH_BYTES)
        ) is not None:
            delivered = self._divert(run, batch, lambda: until)
            if not delivered or batch.last >= goal or time.monotonic() > until:
                return

    # --- the thread ---

    def _work(self, run: Run) -> None:
        CURRENT.set(SILENT)
        idle_from = time.monotonic()
        try:
            while not run.disowned:
                if self._watch.is_due and not self._stopping:
                    self._watch.look(None if self._outage.lasts else self._queue, run)
                batch = run.in_hand or run.fill(self._buffer, self._encoder, _BATCH, _BATCH_BYTES)
                if batch is not None:
                    idle_from = time.monotonic()
                    self._watch.called()
                    self._deliver(run, batch)
                if self._stopping and (
                    batch is None or run.in_hand is not None or self._settled >= self._goal
                ):
                    return  # done, or neither Redis nor the fallback takes it: `finish` knows what to do
                if batch is None:
                    self._wait(run, idle_from)
        except Exception as error:  # noqa: BLE001  the next log call starts a new thread
            announce(
                f"the sender stopped and will start again ({type(error).__name__}: {redact_text(str(error))})"
            )
        finally:
            if not run.disowned:
                self._buffer.wake_at = 1

    def _wait(self, run: Run, idle_from: float) -> None:
        """Sleep until there may be work: shortly after a record, until woken once nothing comes any more."""
        buffer = self._buffer
        deadline = min(idle_from + _IDLE_AFTER, self._watch.due_at)
        while not self._stopping and time.monotonic() < deadline:
            buffer.wake_at = _BATCH
            if run.wake.acquire(timeout=_LINGER) or len(buffer):
                buffer.wake_at = NEVER
                return
        buffer.wake_at = 1
        if not len(buffer) and not self._stopping:
            run.wake.acquire(timeout=max(0.0, self._watch.due_at - time.monotonic()))
        buffer.wake_at = NEVER

    def _deliver(self, run: Run, batch: Batch) -> None:
        """Bring the batch to Redis or to the fallback; if neither takes it, it stays in hand."""
        if run.disowned:
            return
        outage = self._outage
        if not outage.lasts:
            push, pause = partial(self._push, batch), partial(self._pause, run)
            reason = push() if outage.began else push_patiently(push, pause, lambda: self._stopping)
            if run.disowned:
                return  # closed meanwhile, and the batch diverted
            if reason is None:
                outage.end()
                self._settle(run, batch)
                return
            outage.begin(reason)
        # A fallback that is stuck is left alone in time to try Redis again.
        if self._divert(run, batch, lambda: -inf if run.disowned else min(self._until, outage.next_attempt)):
            return
        self._pause(run, outage.next_attempt - time.monotonic())

    def _push(self, batch: Batch) -> str | None:
        try:
            self._queue.push(batch.lines)
        except PushError as error:
            return redact_text(str(error))
        return None

    def _pause(self, run: Run, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._stopping and not run.disowned and (rest := deadline - time.monotonic()) > 0:
            run.wake.acquire(timeout=rest)

    def _divert(self, run: Run, batch: Batch, until: Callable[[], float]) -> bool:
        try:
            count = self._fallback.write(batch.lines, until)
        except Exception:  # noqa: BLE001  switched off, disk full, broken pipe, closed stream
            return False
        if run.disowned:
            return False  # while it was stuck: what it holds is somebody else's by now
        self._outage.diverted += count
        batch.forget(count)
        if not batch.lines:
            self._settle(run, batch)
        return not batch.lines

    def _settle(self, run: Run, batch: Batch) -> None:
        self._settled = max(self._settled, batch.last)
        run.in_hand = None
