"""Pushes lines onto the bounded Redis list, atomically, over one persistent connection."""

import codecs
import hashlib
import importlib
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError
from redis.retry import Retry

# The script of clients/wire/README.md: the bound holds at every instant, the oldest go and are counted.
PUSH: Final = """\
for first = 2, #ARGV, 1000 do
  redis.call('LPUSH', KEYS[1], unpack(ARGV, first, math.min(first + 999, #ARGV)))
end
local over = redis.call('LLEN', KEYS[1]) - tonumber(ARGV[1])
if over > 0 then
  redis.call('LTRIM', KEYS[1], 0, tonumber(ARGV[1]) - 1)
  redis.call('HINCRBY', KEYS[2], 'queue_full', over)
  return over
end
return 0
"""
_DIGEST: Final = hashlib.sha1(PUSH.encode(), usedforsecurity=False).hexdigest()

# redis-py imports these with its first connection. In the sender's thread that may coincide with a fork, and
# the child would keep half a module for ever ("unknown encoding: idna"). A test keeps the list complete.
codecs.lookup("idna")
importlib.import_module("email.parser")


class PushError(Exception):
    """Redis did not take the lines, or did not say so in time; sending them again is right in both cases."""


class _BoundedSocket:
    """A socket whose time-out is for a whole answer, not for each piece of it.

    A server that sends one byte a second would otherwise keep the sender for as long as it likes.
    """

    def __init__(self, inner: Any, timeout: float) -> None:
        self._inner = inner
        self._timeout = timeout
        self._until = time.monotonic() + timeout

    def sendall(self, data: Any) -> Any:
        """Send a command; its answer has the time-out from here on."""
        self._inner.settimeout(self._timeout)
        result = self._inner.sendall(data)
        self._until = time.monotonic() + self._timeout
        return result

    def recv(self, *arguments: Any) -> Any:
        """Read what there is."""
        self._limit()
        return self._inner.recv(*arguments)

    def recv_into(self, *arguments: Any) -> Any:
        """Read what there is."""
        self._limit()
        return self._inner.recv_into(*arguments)

    def _limit(self) -> None:
        rest = self._until - time.monotonic()
        if rest <= 0:
            raise TimeoutError("the answer took too long")
        self._inner.settimeout(rest)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@cache
def _bounded(kind: type[Any], timeout: float) -> type[Any]:
    """A class of connections with sockets of that kind."""

    class Bounded(kind):  # type: ignore[misc]  # whatever the URL asks for: TCP, TLS or a UNIX socket
        def _connect(self) -> Any:
            return _BoundedSocket(super()._connect(), timeout)

    return Bounded


class RedisQueue:
    """One list in one Redis; connects when it is first used, and again whenever the connection is gone."""

    def __init__(self, url: str, prefix: str, bound: int, timeout: float) -> None:
        self._made_of = (url, prefix, bound, timeout)
        self._url = url
        self._keys = (f"{prefix}queue", f"{prefix}dropped")
        self._levels = f"{prefix}levels"
        self._bound = bound
        self._timeout = timeout
        self._client: Any = None

    def push(self, lines: Sequence[bytes]) -> None:
        """Push all lines, oldest first, in one step."""
        arguments = (2, *self._keys, self._bound, *lines)
        try:
            client = self._client = self._client or self._connect()
            try:
                client.execute_command("EVALSHA", _DIGEST, *arguments)
            except NoScriptError:  # the server was restarted, or has never seen the script
                client.execute_command("EVAL", PUSH, *arguments)
        except Exception as error:
            self.close()
            raise PushError(f"{type(error).__name__}: {error}") from error

    def levels(self, components: Sequence[str]) -> list[bytes | None]:
        """What is set centrally for these components, as it stands in the hash."""
        try:
            client = self._client = self._client or self._connect()
            found: list[bytes | None] = client.execute_command("HMGET", self._levels, *components)
        except Exception as error:
            self.close()
            raise PushError(f"{type(error).__name__}: {error}") from error
        return found

    def _connect(self) -> Any:
        # Retries and pauses are the sender's business. RESP2 needs no handshake before the first command.
        client = redis.Redis.from_url(
            self._url,
            socket_timeout=self._timeout,
            socket_connect_timeout=self._timeout,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        pool = client.connection_pool
        pool.connection_class = _bounded(pool.connection_class, self._timeout)
        return client

    def close(self) -> None:
        """Drop the connection; the next push makes a new one."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):
                client.close()

    def another(self) -> "RedisQueue":
        """The same list, over a connection of its own: this one is stuck in another thread."""
        return RedisQueue(*self._made_of)

    def forget(self) -> None:
        """Let go of a connection that belongs to the parent process."""
        self._client = None
