"""What ordinary log records can tell around the messages, one class for each kind of thing told."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

    from godot_analysis.diagnosis.facts._exchanges import HttpExchange

__all__ = [
    "Complaint",
    "Connection",
    "Ended",
    "Exit",
    "Offer",
    "Refusal",
    "Registered",
    "Remark",
    "Route",
    "Signals",
    "Start",
    "TimeOut",
    "ToolCount",
    "Trouble",
    "TroubleKind",
    "link_trouble",
]

# Stricter than where the record itself names a backend (`_scan`): here only the words speak of a connection.
_SAYS_REFUSED: Final = re.compile(
    r"connection refused|econnrefused|(?:cannot|can't|could not|failed to) connect|connect call failed"
    r"|no route to host|enotfound|getaddrinfo|name or service not known",
    re.IGNORECASE,
)
_SAYS_LOST: Final = re.compile(
    r"\bconnection (?:to \S+ )?(?:was |has |is )?(?:been )?(?:lost|closed|ended|reset|aborted)"
    r"|econnreset|epipe|broken pipe|reset by peer|server disconnected",
    re.IGNORECASE,
)

TroubleKind = Literal["refused", "lost", "timeout", "late", "other"]
"""`timeout`: no connection came about in time; `late`: it is there, and an answer did not come in time."""


@dataclass(frozen=True, slots=True)
class _Signal:
    time: pd.Timestamp
    component: str
    record: str
    trace: str | None


@dataclass(frozen=True, slots=True)
class Refusal(_Signal):
    """`component` said that it does not know `tool`; `table` is what it knew, where the record says so."""

    tool: str
    table: frozenset[str] | None
    prefix: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Route(_Signal):
    """`component` chose `backend` (at `url`) for a call of `tool`."""

    tool: str | None
    backend: str
    url: str | None


@dataclass(frozen=True, slots=True)
class Trouble(_Signal):
    """`component` could not use its connection to `backend`; `said` is all that its record says."""

    backend: str
    kind: TroubleKind
    text: str
    said: str
    url: str | None
    tool: str | None


class Remark(NamedTuple):
    """`component` said something in an ordinary record."""

    time: pd.Timestamp
    component: str
    record: str
    text: str


@dataclass(frozen=True, slots=True)
class Start(_Signal):
    """`component` said that it starts or listens; `serves` when it said so as a server."""

    port: int | None
    serves: bool


@dataclass(frozen=True, slots=True)
class Connection(_Signal):
    """Somebody opened a connection to `component`; `session` and `address` as far as it logged them."""

    session: str | None
    address: str | None


@dataclass(frozen=True, slots=True)
class ToolCount(_Signal):
    """`component` answered `tools/list` with so many tools."""

    count: int


@dataclass(frozen=True, slots=True)
class Registered(_Signal):
    """`component` said that it has got so many tools."""

    count: int
    text: str


@dataclass(frozen=True, slots=True)
class Offer(_Signal):
    """`component` offered these tools to the model."""

    count: int | None
    names: frozenset[str] | None
    limit: int | None


@dataclass(frozen=True, slots=True)
class Complaint(_Signal):
    """`component` logged an error of its own, perhaps about `backend`; `said` is all that its record says."""

    text: str
    method: str | None
    tool: str | None
    said: str = ""
    backend: str | None = None


@dataclass(frozen=True, slots=True)
class TimeOut(_Signal):
    """`component` would wait no longer for an answer, to a call of `tool` or to the request `asked`."""

    text: str
    said: str
    tool: str | None
    asked: str | None
    peer: str | None


@dataclass(frozen=True, slots=True)
class Ended(_Signal):
    """`component` said that its connection to `peer` ended."""

    peer: str | None


@dataclass(frozen=True, slots=True)
class Exit(_Signal):
    """`component` said that a process ended: that of `peer`, or its own where it names nobody."""

    peer: str | None
    code: int | None
    text: str


@dataclass
class Signals:
    """Everything that `scan` recognised, each list in the order of time."""

    refusals: list[Refusal] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)
    tool_counts: list[ToolCount] = field(default_factory=list)
    registered: list[Registered] = field(default_factory=list)
    offers: list[Offer] = field(default_factory=list)
    complaints: list[Complaint] = field(default_factory=list)
    shrugs: list[Complaint] = field(default_factory=list)
    exchanges: list[HttpExchange] = field(default_factory=list)
    ends: list[Ended] = field(default_factory=list)
    exits: list[Exit] = field(default_factory=list)
    time_outs: list[TimeOut] = field(default_factory=list)


def link_trouble(said: str) -> TroubleKind | None:
    """What a text tells of a connection itself, apart from what was asked over it.

    >>> link_trouble("Cannot connect to host gates:9051"), link_trouble("connection to gates ended: EPIPE")
    ('refused', 'lost')
    """
    return "refused" if _SAYS_REFUSED.search(said) else "lost" if _SAYS_LOST.search(said) else None
