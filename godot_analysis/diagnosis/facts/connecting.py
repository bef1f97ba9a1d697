"""What ordinary records tell of a handshake without an answer: a process that ended, an error logged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from godot_analysis.diagnosis.matches import Clue, logged
from godot_analysis.reading.classify import classify, ordinary
from godot_analysis.reading.names import mentions

if TYPE_CHECKING:
    from godot_analysis.diagnosis.facts import Call, Facts

__all__ = ["LAST_WORDS", "broken_off", "connected_later", "crash_clue", "said_of"]

_AROUND: Final = pd.Timedelta(seconds=5)
_STARTS: Final = pd.Timedelta(seconds=60)  # some servers are installed before they start
_GIVEN_UP: Final = pd.Timedelta(seconds=120)
LAST_WORDS: Final = (
    "process.crash",
    "process.start",
    "process.not_found",
    "defect",
    "resource.exhausted",
    "permission.denied",
    "file.absent",
    "auth.missing",
)
"""What processes say of why they end."""


def broken_off(call: Call, facts: Facts) -> list[Clue]:
    """That the process of the server ended under a handshake."""
    ended = [
        item
        for item in facts.events.of("exit")
        if call.callee in {item.server, item.component if item.server is None else None}
        and call.started - _AROUND <= item.time <= call.started + _STARTS
    ]
    return [
        Clue(f"{item.component} logged: {_whole(item.text, item.code)}", 0.6, (item.record,))
        for item in ended[:1]
    ]


def said_of(client: str, server: str, since: pd.Timestamp, facts: Facts) -> list[Clue]:
    """What the client said of the server that did not answer it."""
    later = [
        item
        for item in facts.incidents.failures
        if item.component == client
        and since <= item.time <= since + _GIVEN_UP
        and (item.server == server or mentions(item.said, server))
    ]
    return [logged(item, 0.6) for item in later[:1]]


def crash_clue(call: Call, facts: Facts) -> list[Clue]:
    """The line in which the server says what it broke of, at whatever level it was logged."""
    own = facts.log.said_by(call.callee or "", call.started - _AROUND, call.started + _STARTS)
    lines = [(record, text) for record, text in own if classify(text).tells(*LAST_WORDS)]
    return [Clue(f"{call.callee} logged: {text[:160]}", 0.7, (record,)) for record, text in lines[-1:]]


def connected_later(client: str, server: str, since: pd.Timestamp, facts: Facts) -> bool:
    """Whether a client that logs no messages says in words that it reached the server in the end."""
    logs = facts.flow.logs
    later = logs[
        (logs["component"] == client)
        & (logs["event_created_at"] > since)
        & ~logs["level"].isin(["WARN", "ERROR"])
    ]
    said = zip(later["message"], later["data"], strict=True)
    return any(
        ordinary(message or "").tells("server.connected") and mentions(f"{message} {data or ''}", server)
        for message, data in said
    )


def _whole(text: str, code: int | None) -> str:
    return text if code is None or str(code) in text else f"{text} (code {code})"
