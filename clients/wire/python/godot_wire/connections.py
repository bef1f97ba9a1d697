"""Prints addresses of servers without their passwords, and what drivers say about them."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final
from urllib.parse import unquote

MASK: Final = "***"

_URL: Final = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*://", re.DOTALL)
_HOSTS: Final = re.compile(r"(?:\[[0-9A-Fa-f:.%]*\]|[^:/?#@\s,]*)(?::[0-9]{0,5})?")
# Where a key begins: after the ? or an & of a URL, after a blank in a DSN, after a semicolon if it has any.
_IN_URL: Final = re.compile(r"(?:(?<=&)|(?<=\?))([A-Za-z][A-Za-z0-9_.-]{0,63})\s*=\s*")
_IN_DSN: Final = re.compile(r"(?:^|(?<=\s))([A-Za-z][A-Za-z0-9_.-]{0,63})\s*=\s*")
_IN_LIST: Final = re.compile(r"(?:^|(?<=;))\s*([A-Za-z][A-Za-z0-9_. -]{0,63}?)\s*=\s*")
_QUOTED: Final = re.compile(r"'(?:[^'\\]|\\.|'')*'(?=[\s;&]|$)|\"(?:[^\"\\]|\\.)*\"(?=[\s;&]|$)", re.DOTALL)
_BARE: Final = re.compile(r"[^\s=/@:,]*:")
_IN_QUOTES: Final = re.compile(r"(?:\"([^\"]*)\"|'([^']*)'|«([^»]*)»|„([^“]*)“|“([^”]*)”)")
_PIECE: Final = re.compile(r"[^@/:?#\s]+")
_WORD: Final = re.compile(r"[^\s\"'/@:?#&=,;()]+")
_LONG: Final = 4

_NAMES: Final = ("pass", "auth", "client_key", "server_key", "sslkey_password")


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
        found += _in_parameters(address, url.end(), _IN_URL)
    elif _IN_DSN.match(address.lstrip()) or _IN_LIST.match(address):
        found += _in_parameters(address, 0, _IN_LIST if ";" in address else _IN_DSN)
    else:
        bare, last = _BARE.match(address), address.rfind("@")
        if bare is not None and last >= bare.end():
            found.append((bare.end(), last))
    merged: list[tuple[int, int]] = []
    for start, end in sorted(span for span in found if span[0] < span[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _in_authority(address: str, start: int) -> Iterator[tuple[int, int]]:
    last = address.rfind("@")
    if last >= start:
        colon = address.find(":", start, last)
        if colon >= 0 and not _IN_URL.search(address, start, colon):
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


@cache
def _is_secret(key: str) -> bool:
    # Every command imports this module, and few print an address.
    from godot_wire.keys import PLAIN, SensitiveKeys  # noqa: PLC0415

    return SensitiveKeys(_NAMES).judge(key) != PLAIN


def _in_parameters(address: str, start: int, form: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """Values of keys that name a secret, up to the next key: a password may hold every other sign."""
    at = start
    while (key := form.search(address, at)) is not None:
        at = key.end()
        quoted = None if form is _IN_URL else _QUOTED.match(address, at)
        following = form.search(address, quoted.end() if quoted else at)
        while form is _IN_URL and following and address[following.start() - 1] == "?":
            following = form.search(address, following.end())
        end = following.start() if following else len(address)
        while end > at and address[end - 1] in " \t\r\n;&":
            end -= 1
        if _is_secret(key[1].strip()):
            yield at, end
        at = max(at, end)
