"""Which keys hold secrets: judged from the key's name alone, whatever its case and separators."""

import re
from typing import Final

DEFAULT_FIELDS: Final = ("password", "token", "api_key", "authorization", "secret")

PLAIN: Final = 0  # no secret
INSIDE: Final = 1  # the key goes on after the name (token_count, passwords): numbers are no secrets
ENDS: Final = (
    2  # the key ends in the name (token, access_token): everything but null and booleans is a secret
)

# Names that only talk about a secret. MCP's progressToken is chosen by the caller to match notifications;
# the OAuth metadata are public, and the first thing one wants to see when authorization fails.
_HARMLESS_KEYS: Final = frozenset({"progresstoken"})
_HARMLESS_TAILS: Final = {
    "token": frozenset({"type", "types", "endpoint", "endpoints", "url", "uri", "izer", "izers", "ization"}),
    "authorization": frozenset({"endpoint", "endpoints", "server", "servers", "url", "uri", "serverurl"}),
}
_WORD: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^\W\d_A-Za-z]+")
_CACHED_KEYS: Final = 4096
_JUDGED_LENGTH: Final = 256


def squeeze(name: str) -> str:
    """A name without case and separators: `API-Key` and `apiKey` are both `apikey`."""
    return "".join(character for character in name.casefold() if character.isalnum())


def split_words(name: str) -> list[str]:
    """The words of a name, as separators and capitals divide it: `creditCard` and `credit-card` have two."""
    return [word.casefold() for word in _WORD.findall(name)]


class SensitiveKeys:
    """Judges keys. A default name counts anywhere in a key, a configured one only as whole words of it.

    The difference: the default names are distinctive, and secrets hide behind all kinds of longer names
    (`aws_secret_access_key`); a configured `ssn` must not take `className` with it.
    """

    def __init__(self, fields: tuple[str, ...] = ()) -> None:
        self._defaults = tuple(squeeze(name) for name in DEFAULT_FIELDS)
        self._configured = frozenset(squeezed for name in fields if (squeezed := squeeze(name)))
        self._cache: dict[str, int] = {}

    def judge(self, key: str) -> int:
        """`PLAIN`, `INSIDE` or `ENDS`; what was judged before is remembered, for keys repeat."""
        found = self._cache.get(key)
        if found is None:
            if len(self._cache) >= _CACHED_KEYS:
                self._cache.clear()
            found = self._cache[key] = self._judge(key)
        return found

    def _judge(self, key: str) -> int:
        squeezed = squeeze(key)
        if squeezed in _HARMLESS_KEYS:
            return PLAIN
        found = max((self._default_in(squeezed, name) for name in self._defaults), default=PLAIN)
        return max(found, self._configured_in(key, squeezed)) if self._configured else found

    @staticmethod
    def _default_in(squeezed: str, name: str) -> int:
        if squeezed.endswith(name):
            return ENDS
        _, inside, tail = squeezed.rpartition(name)
        return INSIDE if inside and tail not in _HARMLESS_TAILS.get(name, ()) else PLAIN

    def _configured_in(self, key: str, squeezed: str) -> int:
        if squeezed in self._configured:
            return ENDS
        words = split_words(key[:_JUDGED_LENGTH])
        found = PLAIN
        for start in range(len(words)):
            run = ""
            for end in range(start, len(words)):
                run += words[end]
                if run in self._configured:
                    found = max(found, ENDS if end == len(words) - 1 else INSIDE)
                elif run.endswith("s") and run[:-1] in self._configured:
                    found = max(found, INSIDE)
        return found
