"""The daemon's own log: structured lines on stderr, never through its own pipeline."""

from __future__ import annotations

import datetime as dt
import json
import sys
import threading
from typing import Any, Final, TextIO

_LEVEL_COLOURS: Final = {"WARN": "\x1b[33m", "ERROR": "\x1b[31m"}
_RESET: Final = "\x1b[0m"


class Narrator:
    """Writes one line per event: for people on a terminal, JSON for programs otherwise.

    Parameters
    ----------
    style
        `auto`, `human` or `json`.
    stream
        Where to; stderr by default.
    """

    def __init__(self, style: str = "auto", stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._human = style == "human" or (style == "auto" and self._stream.isatty())
        self._colour = self._human and self._stream.isatty()
        self._lock = threading.Lock()

    def info(self, message: str, **facts: Any) -> None:
        """Something went as it should."""
        self._write("INFO", message, facts)

    def warning(self, message: str, **facts: Any) -> None:
        """Something is wrong and will be tried again."""
        self._write("WARN", message, facts)

    def error(self, message: str, **facts: Any) -> None:
        """Something is wrong and stays so."""
        self._write("ERROR", message, facts)

    def _write(self, level: str, message: str, facts: dict[str, Any]) -> None:
        now = dt.datetime.now(dt.UTC)
        if self._human:
            line = f"{now.astimezone():%H:%M:%S.%f}"[:-3] + f" {level:5} {message}"
            if self._colour and level in _LEVEL_COLOURS:
                line = _LEVEL_COLOURS[level] + line + _RESET
        else:
            line = json.dumps(
                {"time": now.isoformat(timespec="milliseconds"), "level": level, "message": message, **facts},
                ensure_ascii=False,
                default=str,
            )
        with self._lock:
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except (OSError, ValueError):
                return  # whoever read it is gone; the records matter more
