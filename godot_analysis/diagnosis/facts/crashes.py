"""Servers whose process ended of itself under a call, and the calls that failed of it."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple

import pandas as pd

from godot_analysis.diagnosis.facts.timeline import grouped
from godot_analysis.reading.classify import classify

if TYPE_CHECKING:
    from godot_analysis.diagnosis.facts import Call, Facts
    from godot_analysis.reading.events import Event

__all__ = ["Crash", "find_crashes"]

# SIGABRT: the process itself found that it could not go on, even if nobody logged its last words.
_ABORTED: Final = frozenset({-6, 134})
# SIGHUP, SIGINT, SIGKILL and SIGTERM are sent by somebody else, as by a system out of memory.
_FROM_OUTSIDE: Final = frozenset({-1, -2, -9, -15, 129, 130, 137, 143})
_OWN_END: Final = ("process.crash", "defect", "resource.exhausted")
_AROUND: Final = pd.Timedelta(seconds=1)
_LAST: Final = pd.Timedelta(seconds=5)
_UNWELL: Final = ("error", "tool_error", "lost", "pending", "timed_out")


class Crash(NamedTuple):
    """A call, the end of the process that ran it, and the line in which that said why."""

    backend: str
    call: Call
    exit: Event
    last_words: tuple[str, str] | None  # record and text
    calls: frozenset[int] = frozenset()  # that failed of it: this one, and until the server was back


def find_crashes(facts: Facts) -> list[Crash]:
    """The calls under which the process of their server ended of itself."""
    unwell = facts.operations.roots.ended(*_UNWELL) if facts.events.of("exit") else ()
    found = [crash for call in unwell if (crash := _crash(call, facts)) is not None]
    times = grouped(sorted((crash.backend, crash.exit.time) for crash in found))
    return [crash._replace(calls=_numbers(crash, times[crash.backend], facts)) for crash in found]


def _crash(call: Call, facts: Facts) -> Crash | None:
    backend = facts.operations.backend_of(call.last) or call.last.callee
    died = facts.processes.exits_under(call)
    if backend is None or not died or call.last.answered:
        return None
    words = _last_words(backend, call.started, died[0].time, facts)
    code = died[0].code
    if code in _ABORTED or (code not in _FROM_OUTSIDE and words is not None):
        return Crash(backend, call, died[0], words)
    return None


def _last_words(
    backend: str, since: pd.Timestamp, until: pd.Timestamp, facts: Facts
) -> tuple[str, str] | None:
    """The last line in which a backend says why it ends: record and text."""
    said = facts.log.said_by(backend, max(since, until - _LAST) - _AROUND, until + _AROUND)
    lines = [(record, text) for record, text in said if classify(text).tells(*_OWN_END)]
    return lines[-1] if lines else None


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
