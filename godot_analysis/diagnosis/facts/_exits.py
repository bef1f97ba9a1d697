"""Reads from ordinary log records that a process ended, and how."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from godot_analysis.diagnosis.facts._signals import Exit

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

__all__ = ["EXITED", "EXIT_KEYS", "read_exit"]

EXITED: Final = re.compile(
    r"\bprocess (?:has )?(?:exited|died|terminated)|\bexit(?:ed)? (?:with )?code", re.IGNORECASE
)
EXIT_KEYS: Final = ("exit_code", "exitCode", "returncode", "return_code", "exit_status")
_CODE: Final = re.compile(
    r"\bcode[:=]? ?(?P<code>-?\d{1,10})\b|\bSIG(?P<signal>ABRT|BUS|FPE|HUP|ILL|INT|KILL|SEGV|TERM)\b",
    re.IGNORECASE | re.ASCII,
)
_SIGNALS: Final = {
    "HUP": 1, "INT": 2, "ILL": 4, "ABRT": 6, "BUS": 7, "FPE": 8, "KILL": 9, "SEGV": 11, "TERM": 15,
}  # fmt: skip


def read_exit(
    base: tuple[pd.Timestamp, str, str, str | None], message: str, data: Mapping[str, Any]
) -> Exit | None:
    """The end of a process that a record tells of, in the code or the signal that it names."""
    if not (EXITED.search(message) or any(key in data for key in EXIT_KEYS)):
        return None
    told = (data.get(key) for key in (*EXIT_KEYS, "code"))
    code = next((value for value in told if type(value) is int), None)
    if code is None and type(signal := data.get("signal")) is int:
        code = -signal
    if code is None and (named := _CODE.search(f"{message} {data.get('signal') or ''}")):
        code = -_SIGNALS[named["signal"].upper()] if named["signal"] else int(named["code"])
    return Exit(*base, peer=None, code=code, text=message)
