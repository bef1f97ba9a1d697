"""Time-ordered UUIDs (version 7, RFC 9562) for records and traces."""

import os
import re
import time
from typing import Final

_TAIL_BITS: Final = 62
_HEX: Final = re.compile(r"[0-9a-f]{32}")


def _uuid7(nanoseconds: int, tail: int) -> str:
    milliseconds, rest = divmod(nanoseconds, 1_000_000)
    # 48 bits of milliseconds, the version, 12 bits of its fraction, the variant, 62 free bits.
    text = f"{milliseconds:012x}7{rest * 4096 // 1_000_000:03x}{(2 << _TAIL_BITS) | tail:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def new_trace_id() -> str:
    """A fresh trace id: for the one component where requests enter the system, and nobody else."""
    return _uuid7(time.time_ns(), int.from_bytes(os.urandom(8)) >> 2)


class RecordIds:
    """Ids for the records of one process start: unique, strictly increasing in the order they are asked for.

    The free bits are a random start plus the record's number, so an id costs no system call and no two
    records of the process share one; a clock that steps back does not step the ids back.
    """

    __slots__ = ("_last", "_start")

    def __init__(self) -> None:
        # The highest bit stays clear: adding any seq cannot overflow the 62 bits.
        self._start = int.from_bytes(os.urandom(8)) >> 3
        self._last = 0

    def __call__(self, nanoseconds: int, seq: int) -> str:
        """The id of the record with this time and number."""
        self._last = max(self._last, nanoseconds)
        return _uuid7(self._last, self._start + seq)


def canonical_trace_id(text: str) -> str | None:
    """The lower-case UUID for 32 hex digits with or without hyphens; None for anything else."""
    digits = text.replace("-", "").lower()
    if not _HEX.fullmatch(digits):
        return None
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
