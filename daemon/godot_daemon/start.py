"""The `godot` command from its first import on: Ctrl-C ends it without a traceback even then."""

from __future__ import annotations

import sys
from typing import Final, NoReturn

_INTERRUPTED: Final = 130


def main() -> NoReturn:
    """Import the command line and run it."""
    try:
        from godot_daemon import cli  # noqa: PLC0415 - what may be interrupted
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    cli.main()
