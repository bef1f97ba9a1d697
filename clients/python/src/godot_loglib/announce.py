"""One line on stderr for the people who run the process: the only place this library speaks about itself."""

import sys
import time
from contextlib import suppress
from typing import Final

from godot_loglib.outlet import descriptor, write_until

_PATIENCE: Final = 0.1  # seconds that a stderr which nobody reads may cost
_said: Final[dict[str, object]] = {}


def announce(text: str) -> None:
    """Write one line to stderr; a missing, broken or full stderr is nobody's problem here."""
    with suppress(Exception):
        stream = sys.stderr
        line = f"godot_loglib: {text}\n"
        handle = descriptor(stream)
        if handle is None:
            stream.write(line)
            stream.flush()
            return
        until = time.monotonic() + _PATIENCE
        write_until(handle, [line.encode("utf-8", "backslashreplace")], lambda: until)


def announce_once(text: str) -> None:
    """Write the line unless this process has written the same one before."""
    # Without a lock: a signal handler may come here while its own thread is here already.
    mark = object()
    if _said.setdefault(text, mark) is mark:
        announce(text)
