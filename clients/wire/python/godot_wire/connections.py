"""Prints addresses of servers without their passwords, and what drivers say about them."""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from godot_wire.keys import PLAIN, SensitiveKeys

MASK: Final = "***"

_URL: Final = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*://", re.DOTALL)
_HOSTS: Final = re.compile(r"(?:\[[0-9A-Fa-f:.%]*\]|[^:/?#@\s,]*)(?::[0-9]{0,5})?")
_KEY: Final = re.compile(r"(?:^|(?<=[?&;,\s]))([A-Za-z][A-Za-z0-9_. -]{0,63}?)\s*=\s*")
_QUOTED: Final = re.compile(r"'(?:[^'\\]|\\.|'')*'(?=[\s;&]|$)|\"(?:[^\"\\]|\\.)*\"(?=[\s;&]|$)", re.DOTALL)
_BARE: Final = re.compile(r"[^\s=/@:,]*:")
_IN_QUOTES: Final = re.compile(r"(?:\"([^\"]*)\"|'([^']*)'|«([^»]*)»|„([^“]*)“|“([^”]*)”)")
_PIECE: Final = re.compile(r"[^@/:?#\s]+")
_WORD: Final = re.compile(r"[^\s\"'/@:?#&=,;()]+")
_LONG: Final = 4

_keys: Final = SensitiveKeys(("pass", "auth", "client_key", "server_key", "sslkey_password"))


def shown(address: str) -> str:
    """The address without its passwords: a URL, a DSN of `key=value`, or `user:password@host`.

    What cannot be told apart from a password goes with it: of `me:a/b@c` everything up to the last `@`.

    >>> shown("postgresql://me:se/cr#et@host/db?sslpassword=x&a=b")
    'postgresql://me:***@host/db?sslpassword=***&a=b'
    >>> shown("host=db user=me password='two words' dbname=logs")
    'host=db user=me password=*** dbname=logs'
    """
    pieces: list[str] = []
    done = 0
    for start, end in _secrets(address):
        pieces += address[done:start], MASK
        done = end
    return "".join((*pieces, address[done:]))


def scrubbed(message: str, *addresses: str) -> str:
    """What a driver says about an address, without the parts of its password that it may quote."""
    for address in addresses:
        message = message.replace(address, shown(address)) if address else message
        known = set(_WORD.findall(shown(address)))
        for secret in sorted((address[start:end] for start, end in _secrets(address)), key=len, reverse=True):
            for form in {secret, unquote(secret), secret.strip("'\"")}:
                if len(form) >= _LONG:
                    message = message.replace(form, MASK)
                message = _without_quotes(message, form, known)
    return message


def _without_quotes(message: str, secret: str, known: set[str]) -> str:
    """The message whose quotations hold no part of the secret: `invalid port number: "hunter2"`."""

    def piece(match: re.Match[str]) -> str:
        return MASK if match[0] in secret and match[0] not in known else match[0]

    def quotation(match: re.Match[str]) -> str:
        inner = next((group for group in match.groups() if group is not None), "")
        return match[0][0] + _PIECE.sub(piece, inner) + match[0][-1]

    return _IN_QUOTES.sub(quotation, message)


def _secrets(address: str) -> list[tuple[int, int]]:
    """Start and end of each password, in their order, none of them within another."""
    url = _URL.match(address)
    found: list[tuple[int, int]] = []
    if url is not None:
        found += _in_authority(address, url.end())
    elif not _KEY.match(address.lstrip()):
        bare = _BARE.match(address)
        last = address.rfind("@")
        if bare is not None and last >= bare.end():
            found.append((bare.end(), last))
    rest = found[-1][1] if found else (url.end() if url else 0)
    found += _in_parameters(address, rest)
    return [(start, end) for start, end in found if start < end]


def _in_authority(address: str, start: int) -> Iterator[tuple[int, int]]:
    last = address.rfind("@")
    if last >= start:
        colon = address.find(":", start, last)
        if colon >= 0 and not re.search(r"[?&][\w.-]+=", address[start:colon]):
            yield colon + 1, last
        return
    at = start
    while (host := _HOSTS.match(address, at)) is not None:
        at = host.end()
        if address[at : at + 1] != ",":
            break
        at += 1
    if at < len(address) and address[at] not in "/?#":
        # `me:secret` without a host: what stands where the port belongs is none.
        colon = address.rfind(":", start, at + 1)
        yield (colon + 1 if colon >= 0 else start), len(address)


def _in_parameters(address: str, start: int) -> Iterator[tuple[int, int]]:
    """Values of keys that name a secret, up to the next key: a password may hold every other sign."""
    query = "://" in address[:64]
    at = start
    while (key := _KEY.search(address, at)) is not None:
        at = key.end()
        if query and not _in_query(address, key.start(1)):
            continue
        quoted = None if query else _QUOTED.match(address, at)
        following = _KEY.search(address, quoted.end() if quoted else at)
        end = following.start(1) if following else len(address)
        while end > at and address[end - 1] in " \t\r\n;&":
            end -= 1
        if _keys.judge(key[1].strip()) != PLAIN:
            yield at, end
        at = end


def _in_query(address: str, at: int) -> bool:
    return address[at - 1 : at] in {"?", "&", ";", " "}
