"""What ordinary records tell of a handshake without an answer: a process that ended, an error logged."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pandas as pd

from godot_analysis.diagnosis.matches import Clue

if TYPE_CHECKING:
    from godot_analysis.diagnosis.facts import Call, Facts

__all__ = ["broken_off", "connected_later", "crash_clue", "said_of"]

_AROUND: Final = pd.Timedelta(seconds=5)
_STARTS: Final = pd.Timedelta(seconds=60)  # some servers are installed before they start
_GIVEN_UP: Final = pd.Timedelta(seconds=120)
_CRASH: Final = re.compile(
    r"\w*(?:Error|Exception): |cannot find module|can't open file|no such file|command not found|\bENOENT\b"
    r"|permission denied|segmentation fault|^(?:stderr: )?(?:fatal|panic)",
    re.IGNORECASE,
)
_CONNECTED: Final = re.compile(r"(?<!not )\b(?:re)?connected\b|\b[1-9]\d* tools?\b", re.IGNORECASE)
_FAILED: Final = re.compile(
    r"fail|closed|lost|timed? ?out|could not|cannot|can't|unable|error|unavailable|refused|exited",
    re.IGNORECASE,
)


def broken_off(call: Call, facts: Facts) -> list[Clue]:
    """That the process of the server ended under a handshake."""
    ended = [
        item
        for item in facts.events.exits
        if call.callee in {item.peer, item.component if item.peer is None else None}
        and call.started - _AROUND <= item.time <= call.started + _STARTS
    ]
    return [
        Clue(f"{item.component} logged: {_whole(item.text, item.code)}", 0.6, (item.record,))
        for item in ended[:1]
    ]


def said_of(client: str, server: str, since: pd.Timestamp, facts: Facts) -> list[Clue]:
    """What the client said of the server that did not answer it."""
    name = _named(server)
    said = [
        (item.time, item.text, item.record)
        for item in facts.incidents.troubles
        if item.component == client and item.backend == server
    ]
    said += [
        (item.time, item.text, item.record)
        for item in facts.events.complaints
        if item.component == client and name.search(item.said) and _FAILED.search(item.said)
    ]
    later = sorted(found for found in said if since <= found[0] <= since + _GIVEN_UP)
    return [Clue(f"{client} logged: {text[:160]}", 0.6, (record,)) for _, text, record in later[:1]]


def crash_clue(call: Call, facts: Facts) -> list[Clue]:
    """The line in which the server says what it broke of, at whatever level it was logged."""
    logs = facts.flow.logs
    near = logs["event_created_at"].between(call.started - _AROUND, call.started + _STARTS)
    own = logs[(logs["component"] == call.callee) & near]
    lines = own.loc[own["message"].str.contains(_CRASH, na=False), ["id", "message"]]
    if lines.empty:
        return []
    record, line = lines.iloc[-1]
    return [Clue(f"{call.callee} logged: {str(line)[:160]}", 0.7, (str(record),))]


def connected_later(client: str, server: str, since: pd.Timestamp, facts: Facts) -> bool:
    """Whether a client that logs no messages says in words that it reached the server in the end."""
    logs = facts.flow.logs
    later = logs[
        (logs["component"] == client)
        & (logs["event_created_at"] > since)
        & ~logs["level"].isin(["WARN", "ERROR"])
        & logs["message"].str.contains(_CONNECTED, na=False)
    ]
    told = zip(later["message"], later["data"], strict=True)
    return any(_named(server).search(f"{message} {data or ''}") for message, data in told)


def _named(server: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-]){re.escape(server)}(?![\w-])", re.IGNORECASE)


def _whole(text: str, code: int | None) -> str:
    return text if code is None or str(code) in text else f"{text} (code {code})"
