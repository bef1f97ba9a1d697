"""The time in which Redis does not take records: when to try again, and what to tell people about it."""

import random
import time
from collections.abc import Callable
from typing import Final

from godot_loglib.announce import announce

PATIENCE: Final = 5.0  # seconds of attempts after which a hanging Redis counts as away
_ATTEMPTS: Final = 6
_BACKOFF: Final = 0.05
_BACKOFF_CAP: Final = 2.0


class Outage:
    """Announced once when it begins, and once when it ends.

    Attributes
    ----------
    next_attempt
        When to try again, by `time.monotonic`.
    diverted
        How many records went to the fallback meanwhile.
    """

    def __init__(self, fallback: str, retry_seconds: float) -> None:
        self._fallback = fallback
        self._retry_seconds = retry_seconds
        self._since: float | None = None
        self.next_attempt = 0.0
        self.diverted = 0

    @property
    def began(self) -> bool:
        """Whether the last attempt failed."""
        return self._since is not None

    @property
    def lasts(self) -> bool:
        """Whether it is not yet time for another attempt."""
        return self._since is not None and time.monotonic() < self.next_attempt

    def begin(self, reason: str) -> None:
        """An attempt failed."""
        self.next_attempt = time.monotonic() + self._retry_seconds
        if self._since is None:
            self._since = time.monotonic()
            self.diverted = 0
            again = f"trying again every {self._retry_seconds:g} s"
            announce(f"Redis does not take records ({reason}); logging to {self._fallback}, {again}")

    def end(self) -> None:
        """An attempt succeeded."""
        if self._since is not None:
            seconds = time.monotonic() - self._since
            self._since = None
            went = f"{self.diverted} record{'s' * (self.diverted != 1)} went to {self._fallback}"
            announce(f"Redis takes records again after {seconds:.1f} s; {went}")


def push_patiently(
    push: Callable[[], str | None], pause: Callable[[float], None], stopping: Callable[[], bool]
) -> str | None:
    """Try several times, with growing and random pauses; the reason of the last failure, or None."""
    give_up = time.monotonic() + PATIENCE
    for attempt in range(_ATTEMPTS):
        reason = push()
        if reason is None or stopping() or time.monotonic() > give_up:
            return reason
        if attempt < _ATTEMPTS - 1:
            pause(min(_BACKOFF_CAP, _BACKOFF * 2**attempt) * random.uniform(0.5, 1))  # noqa: S311
    return reason


def announce_loss(count: int, fallback: str) -> None:
    """Tell that records are lost for good."""
    what = "1 record is" if count == 1 else f"{count} records are"
    announce(f"{what} lost: neither Redis nor the fallback ({fallback}) takes more")
