"""Servers whose process ended of itself under a call, and the calls that failed of it."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple

import pandas as pd

if TYPE_CHECKING:
    from godot_analysis.diagnosis.facts import Call, Exit, Facts

__all__ = ["Crash", "find_crashes"]

# SIGABRT: the process itself found that it could not go on, even if nobody logged its last words.
_ABORTED: Final = frozenset({-6, 134})
# SIGHUP, SIGINT, SIGKILL and SIGTERM are sent by somebody else, as by a system out of memory.
_FROM_OUTSIDE: Final = frozenset({-1, -2, -9, -15, 129, 130, 137, 143})
_LAST_WORDS: Final = re.compile(
    r"terminate called|bad_alloc|traceback \(most recent|panicked at|^panic:|^fatal|fatal error|core dumped"
    r"|segmentation fault|out of memory|uncaught|unhandled|^(?:stderr: )?[\w.]*(?:Error|Exception): ",
    re.IGNORECASE,
)
_AROUND: Final = pd.Timedelta(seconds=1)
_LAST: Final = pd.Timedelta(seconds=5)
_UNWELL: Final = ("error", "tool_error", "lost", "pending", "timed_out")


class Crash(NamedTuple):
    """A call, the end of the process that ran it, and the line in which that said why."""

    backend: str
    call: Call
    exit: Exit
    last_words: tuple[str, str] | None  # record and text
    calls: frozenset[int] = frozenset()  # that failed of it: this one, and until the server was back


def find_crashes(facts: Facts) -> list[Crash]:
    """The calls under which the process of their server ended of itself."""
    unwell = facts.operations.roots.ended(*_UNWELL) if facts.events.exits else ()
    last_words = _LastWords(facts)
    found = [crash for call in unwell if (crash := _crash(call, last_words, facts)) is not None]
    times: dict[str, list[pd.Timestamp]] = {}
    for crash in found:
        times.setdefault(crash.backend, []).append(crash.exit.time)
    for mine in times.values():
        mine.sort()
    return [crash._replace(calls=_numbers(crash, times[crash.backend], facts)) for crash in found]


class _LastWords:
    """The lines in which processes say why they end, by component."""

    def __init__(self, facts: Facts) -> None:
        logs = facts.flow.others
        lines = logs.loc[logs["message"].str.contains(_LAST_WORDS, na=False)].sort_values("event_created_at")
        self._lines = dict(list(lines.groupby("component")))

    def of(self, backend: str, since: pd.Timestamp, until: pd.Timestamp) -> tuple[str, str] | None:
        """The last such line of a backend in a span: record and text."""
        own = self._lines.get(backend)
        if own is None:
            return None
        times = own["event_created_at"]
        at = int(times.searchsorted(until + _AROUND, "right")) - 1
        if at < 0 or times.iloc[at] < max(since, until - _LAST) - _AROUND:
            return None
        return str(own["id"].iloc[at]), str(own["message"].iloc[at])


def _crash(call: Call, last_words: _LastWords, facts: Facts) -> Crash | None:
    backend = facts.operations.backend_of(call.last) or call.last.callee
    died = facts.processes.exits_under(call)
    if backend is None or not died or call.last.answered:
        return None
    words = last_words.of(backend, call.started, died[0].time)
    code = died[0].code
    if code in _ABORTED or (code not in _FROM_OUTSIDE and words is not None):
        return Crash(backend, call, died[0], words)
    return None


def _numbers(crash: Crash, crashes_there: list[pd.Timestamp], facts: Facts) -> frozenset[int]:
    """The call itself, and what was asked of the server before it was greeted anew, or crashed again."""
    back = facts.sessions.arrival_after(crash.backend, crash.exit.time)
    later = facts.operations.roots.ended(*_UNWELL).where("callee", crash.call.callee).after(crash.exit.time)
    if (again := bisect_right(crashes_there, crash.exit.time)) < len(crashes_there):
        later = later.before(crashes_there[again])
    unheard = [
        call
        for call in (later if back is None else later.before(back.time))
        if crash.backend in {facts.operations.backend_of(call.last), facts.tools.owners.of(call.tool or "")}
        and not (call.last.callee == crash.backend and call.last.answered)
    ]
    return crash.call.family.union(*(call.family for call in unheard))
