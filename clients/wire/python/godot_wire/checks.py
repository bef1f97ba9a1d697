"""Second looks at what a pattern found: whether it is a secret, or only begins like one."""

import base64
import binascii
import re
from collections.abc import Callable
from typing import Final

_PROSE_AFTER_BEARER: Final = re.compile(
    r"(?:tokens?|auth[a-z]{0,16}|schemes?|credentials?|headers?|formats?|or|and|is|was|in|error|realm|scope)"
    r"(?:[.,:=]|$)",
    re.IGNORECASE,
)
_PARAMETER: Final = re.compile(r"[A-Za-z_-]{1,32}=(?:[^=]|$)")
_HEADER_OF_JWT: Final = re.compile(rb'"(?:alg|typ|enc)"')
_DIGIT: Final = re.compile(r"[0-9]")
_LETTER: Final = re.compile(r"[A-Za-z]")
_CREDENTIALS: Final = re.compile(r"(?:response|signature|mac|credential)=", re.IGNORECASE)
_ONLY_DIGITS: Final = re.compile(r"[0-9]+(?::[0-9]+)?")
_SHORTEST: Final = 6
_SHORT_WORD: Final = 8
_HEAD: Final = 4096


def digit(text: str) -> bool:
    """Random texts of some length have digits; words joined by hyphens have none."""
    return _DIGIT.search(text) is not None


def mixed(text: str) -> bool:
    """Digits and letters, or a colon, and long enough to be worth stealing."""
    return (
        len(text) >= _SHORTEST
        and _DIGIT.search(text) is not None
        and (_LETTER.search(text) is not None or ":" in text)
    )


def bearer(text: str) -> bool:
    """No word of prose, and no parameter of a challenge (`realm=`), which tells what went wrong."""
    if _PROSE_AFTER_BEARER.match(text) or (_PARAMETER.match(text) and not text.endswith("=")):
        return False
    return _PARAMETER.fullmatch(text + " ") is None and (
        len(text) >= _SHORT_WORD or _DIGIT.search(text) is not None
    )


def basic(text: str) -> bool:
    """Base64 of `user:password`."""
    return b":" in _decoded(text)


def jwt(text: str) -> bool:
    """Header and payload: the header names an algorithm, or both are JSON. A cursor is seldom so."""
    parts = text.split(".")
    if len(parts) < 2 or len(parts[1]) < 4:  # noqa: PLR2004  "eyJ9.e30." are no secret
        return False
    return parts[1].startswith("eyJ") or _HEADER_OF_JWT.search(_decoded(parts[0][:_HEAD])) is not None


def parameters(text: str) -> bool:
    """The answer to a challenge; the challenge itself has no response."""
    return _CREDENTIALS.search(text) is not None


def user(text: str) -> bool:
    """`user:password`, not the two numbers of `docker run -u`."""
    return _ONLY_DIGITS.fullmatch(text) is None


def _decoded(text: str) -> bytes:
    text = text.rstrip("=").replace("-", "+").replace("_", "/")
    text = text[: len(text) - (len(text) % 4 == 1)]
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, binascii.Error):
        return b""


CHECKS: Final[dict[str, Callable[[str], bool]]] = {
    check.__name__: check for check in (digit, mixed, bearer, basic, jwt, parameters, user)
}
