"""When to ask Redis for the levels that are set centrally: often while the process logs, seldom otherwise."""

import time
from math import inf
from typing import Final

from godot_loglib.buffer import Hands
from godot_loglib.gate import CentralLevels
from godot_loglib.redis_queue import PushError, RedisQueue

_SECONDS: Final = 0.5  # between looks while the process logs
_IDLE_SECONDS: Final = 30.0


class LevelWatch:
    """Keeps the levels of a process up to date; the sender's thread looks.

    Attributes
    ----------
    due_at
        When to look next, by `time.monotonic`.
    """

    def __init__(self, levels: CentralLevels, retry_seconds: float) -> None:
        self._levels = levels
        self._retry_seconds = retry_seconds
        self._looked_at = -inf
        self.due_at = 0.0

    @property
    def is_due(self) -> bool:
        """Whether it is time."""
        return time.monotonic() >= self.due_at

    def called(self) -> None:
        """The process logs: look soon."""
        self.due_at = min(self.due_at, self._looked_at + _SECONDS)

    def look(self, queue: RedisQueue | None, hands: Hands) -> None:
        """Put into force what is set now; without a queue, end what has reached its end."""
        self._looked_at = time.monotonic()
        self.due_at = self._looked_at + _IDLE_SECONDS
        components = self._levels.components()
        if components and queue is not None:
            try:
                entries = queue.levels(components)
            except PushError:
                self.due_at = self._looked_at + max(self._retry_seconds, _SECONDS)
            else:
                if hands.disowned:
                    return
                self._levels.take(components, entries)
        self._levels.expire()
        self.due_at = min(self.due_at, time.monotonic() + self._levels.next_expiry())
        self._levels.arm()
