"""One line on stderr for the people who run the process: the only place this library speaks about itself."""

import sys
from contextlib import suppress
from threading import Lock

_said: set[str] = set()
_lock = Lock()


def announce(text: str) -> None:
    """Write one line to stderr; a missing or broken stderr is nobody's problem here."""
    with suppress(Exception):
        print(f"godot_loglib: {text}", file=sys.stderr, flush=True)  # noqa: T201  the point of this module


def announce_once(text: str) -> None:
    """Write the line unless this process has written the same one before."""
    with _lock:
        if text in _said:
            return
        _said.add(text)
    announce(text)
