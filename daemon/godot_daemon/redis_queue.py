"""The queue's keys, scripts and connection, for everything in the daemon that touches Redis."""

from __future__ import annotations

import contextlib
import importlib.resources
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    InvalidResponse,
    NoPermissionError,
    RedisError,
    ResponseError,
)
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
)
from redis.exceptions import (
    TimeoutError as RedisTimeoutError,
)
from redis.retry import Retry

from godot_daemon.errors import SetupError, UnavailableError
from godot_wire.connections import scrubbed, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from godot_daemon.settings import Settings

# Anywhere in the text: the driver takes "ERR" away and puts the command of a pipeline before it, Redis 6 the
# name of a script.
_WRONG_SETUP: Final = re.compile(
    r"\b(WRONGTYPE|NOAUTH|WRONGPASS|NOPERM)\b|invalid password|unknown (redis )?command", re.IGNORECASE
)


AWAY: Final = "start it, for instance with `godot up`, or set GODOT_REDIS_URL"
"""What to do when it does not answer."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What the queue holds at one instant."""

    waiting: int
    in_flight: int
    claimed: int
    epoch: str
    dropped: dict[str, int]
    workers: dict[str, int]
    """Seconds since the last heartbeat of each."""


class RedisQueue:
    """The Redis side of the queue. Every failure is one of this package's errors."""

    def __init__(self, settings: Settings) -> None:
        prefix = settings.prefix
        self.queue = prefix + "queue"
        self.dropped = prefix + "dropped"
        self.position = prefix + "position"
        self.workers = prefix + "workers"
        self.inflight = prefix + "inflight"
        """A hash: which in-flight lists there are, and how many entries each has."""
        self.inflight_lists = prefix + "inflight:"
        self.levels = prefix + "levels"
        self._met = False
        """Whether it has ever answered as Redis does: then an answer that does not is an accident."""
        self._url = settings.redis_url
        self._shown = shown(settings.redis_url)
        self.client = self._client(settings.redis_timeout)
        self.claim = self._script("claim")
        self.adopt = self._script("adopt")
        self.heartbeat = self._script("heartbeat")
        self._backlog = self._script("backlog")
        self._offer = self._script("offer")

    def _client(self, timeout: float) -> redis.Redis:
        try:
            return redis.Redis.from_url(
                self._url,
                socket_timeout=timeout,
                socket_connect_timeout=timeout,
                # A repeated claim takes a second batch, so who repeats what is decided here and not below.
                retry=Retry(NoBackoff(), 0),
                client_name="godot",
            )
        except ValueError as error:
            raise SetupError(
                f"not a Redis URL: {self._shown}: {scrubbed(str(error), self._url)}", "check GODOT_REDIS_URL"
            ) from None

    def backlog(self) -> Backlog:
        """All counts at one instant."""
        with self.errors():
            waiting, in_flight, claimed, epoch, dropped, workers = self._backlog(
                keys=[self.queue, self.inflight, self.dropped, self.position, self.workers]
            )
        return Backlog(waiting, in_flight, claimed, epoch.decode(), _counts(dropped), _counts(workers))

    def offer(self, entries: Sequence[bytes], bound: int) -> bool:
        """Push entries, the oldest first, unless the queue has no room for all of them."""
        with self.errors():
            return int(self._offer(keys=[self.queue], args=[bound, *entries])) >= 0

    def close(self) -> None:
        """Close all connections."""
        with contextlib.suppress(RedisError, OSError):
            self.client.close()

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Translate the driver's errors: UnavailableError to try again, SetupError to give up."""
        try:
            yield
            self._met = True
        except (AuthenticationError, NoPermissionError) as error:
            raise self._setup_error(error) from error
        except InvalidResponse as error:
            if not self._met:
                raise self._setup_error(error) from error
            raise UnavailableError(
                f"Redis at {self._shown} answers with nonsense: {self._said(error)}", AWAY
            ) from error
        except (RedisConnectionError, RedisTimeoutError, OSError) as error:
            said = self._said(error).rstrip(".")
            raise UnavailableError(f"Redis at {self._shown} does not answer: {said}", AWAY) from error
        except ResponseError as error:
            if _WRONG_SETUP.search(str(error)):
                raise self._setup_error(error) from error
            # LOADING, READONLY, OOM, MISCONF, BUSY, MASTERDOWN …: all of them pass.
            raise UnavailableError(f"Redis at {self._shown} refuses: {self._said(error)}") from error

    def _setup_error(self, error: RedisError) -> SetupError:
        return SetupError(
            f"Redis at {self._shown} refuses: {self._said(error)}",
            "check GODOT_REDIS_URL, its password and GODOT_PREFIX",
        )

    def _said(self, error: Exception) -> str:
        return scrubbed(str(error), self._url)

    def _script(self, name: str) -> Any:
        path = importlib.resources.files("godot_daemon") / "lua" / f"{name}.lua"
        return self.client.register_script(path.read_text(encoding="utf-8"))


def _counts(flat: Sequence[Any]) -> dict[str, int]:
    """The pairs of a hash, as Lua returns it."""
    return {flat[index].decode(): int(flat[index + 1]) for index in range(0, len(flat), 2)}
