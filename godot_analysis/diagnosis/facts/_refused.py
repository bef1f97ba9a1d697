"""A tool that somebody refused, with what was known of it then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Refused"]


@dataclass(frozen=True, slots=True)
class Refused:
    """A tool that the relay, or the client by itself, said it does not know.

    `table` is what the one who refused knew at that moment, None where the log does not tell. `server` is
    whom the host's prefix names. `own` is a refusal by the very server that would run the tool.
    """

    time: pd.Timestamp
    by: str
    tool: str
    table: frozenset[str] | None
    records: tuple[str, ...]
    calls: frozenset[int]
    server: str | None = None
    own: bool = False
    remark: str = ""
