"""The shape of a record on the wire: its keys, levels and bounds, and the ids of records that have none."""

import datetime as dt
import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, NamedTuple
from uuid import UUID

LEVELS: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR")
LEVEL_NAMES: Final = {level: level for level in LEVELS} | {
    "WARNING": "WARN",
    "CRITICAL": "ERROR",
    "FATAL": "ERROR",
    "NOTICE": "INFO",
}
KEYS: Final = frozenset(
    (
        "id",
        "trace_id",
        "component",
        "level",
        "message",
        "data",
        "event_created_at",
        "created_at",
        "instance",
        "seq",
    )
)

EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
LATEST_US: Final = int((dt.datetime(2100, 1, 1, tzinfo=dt.UTC) - EPOCH).total_seconds()) * 1_000_000
"""Times from 1970 up to here, exclusive, are accepted."""

BIGINT_MAX: Final = 2**63 - 1
COMPONENT_MAX: Final = 64
DEPTH_MAX: Final = 200
MESSAGE_MAX_BYTES: Final = 1 << 20
RECORD_MAX_BYTES: Final = 16 << 20

_UUID: Final = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_VERSION: Final = 8


class Exact(str):
    """A number as it was written, with every digit of it."""

    __slots__ = ()


class Row(NamedTuple):
    """What a record says, ready to be stored; times are microseconds since 1970, None for none."""

    id: str | None  # None: to be derived
    trace_id: str | None
    component: str
    level: str
    message: str
    data: dict[str, Any] | None
    event_created_at: int | None
    instance: str | None
    seq: int | None


def canonical_uuid(text: str) -> str | None:
    """The UUID in a text of 36 characters or 32 hex digits, in its usual form; None for anything else."""
    if len(text) not in {32, 36} or not _UUID.fullmatch(text):
        return None
    bare = text.replace("-", "").lower()
    return f"{bare[:8]}-{bare[8:12]}-{bare[12:16]}-{bare[16:20]}-{bare[20:]}"


def derived_id(content: bytes) -> bytes:
    """A UUID of version 8 from the 128-bit BLAKE2b of some content."""
    digest = bytearray(hashlib.blake2b(content, digest_size=16).digest())
    digest[6] = digest[6] & 0x0F | _VERSION << 4
    digest[8] = digest[8] & 0x3F | 0x80
    return bytes(digest)


def derived_ids(lines: Iterable[bytes]) -> list[str]:
    """Ids for the lines of a file: the same at every reading, different for equal lines.

    Parameters
    ----------
    lines : iterable of bytes
        All lines of the file in order; line ends do not count.

    Returns
    -------
    list of str
        A UUID of version 8 for each line, from the BLAKE2b of `file|n|line`, where `n` counts the identical
        lines before it.

    Examples
    --------
    >>> first, second = derived_ids([b"{}", b"{}"])
    >>> first != second, derived_ids([b"{}"]) == [first]
    (True, True)
    """
    before: Counter[bytes] = Counter()
    ids = []
    for line in lines:
        bare = line.rstrip(b"\r\n")
        ids.append(str(UUID(bytes=derived_id(b"file|%d|" % before[bare] + bare))))
        before[bare] += 1
    return ids


def has_client_mark(record_id: object, instance: object, seq: object) -> bool:
    """Whether a client of ours made the record, and so redacted it: only they give all three.

    The original client and whoever pushes by hand have no `instance` and no `seq`.
    """
    return record_id is not None and bool(instance) and seq is not None
