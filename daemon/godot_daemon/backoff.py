"""How long to wait before the next attempt: exponential, capped, with jitter."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays in seconds, growing with the number of attempts.

    Each is drawn from the upper half of the exponential step, so that several daemons that lost the same
    server do not come back in one instant, and none comes back at once.
    """

    first: float = 0.05
    cap: float = 5.0
    random: random.Random = field(default_factory=random.Random)

    def delay(self, attempt: int) -> float:
        """The delay before attempt number `attempt` + 1."""
        step = min(self.cap, self.first * 2.0 ** min(attempt - 1, 30))
        return step * self.random.uniform(0.5, 1.0)
