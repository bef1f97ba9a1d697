"""Servers whose process ended of itself under a call: what shows it, and the calls that failed of it."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple

import pandas as pd

from godot_analysis.diagnosis.matches import Clue, Match

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godot_analysis.diagnosis.facts import Call, Exit, Facts

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


def crashes(facts: Facts) -> list[Crash]:
    """The calls under which the process of their server ended of itself."""
    if "crashes" not in facts.memo:
        found = facts.operations.ended(*_UNWELL) if facts.signals.exits else ()
        facts.memo["crashes"] = [crash for call in found if (crash := _crash(call, facts)) is not None]
        times: dict[str, list[pd.Timestamp]] = {}
        for crash in facts.memo["crashes"]:
            times.setdefault(crash.backend, []).append(crash.exit.time)
        facts.memo["numbers of crashes"] = [
            _numbers(crash, sorted(times[crash.backend]), facts) for crash in facts.memo["crashes"]
        ]
    return list(facts.memo["crashes"])


def crashed(facts: Facts) -> frozenset[int]:
    """The numbers of these calls, and of those that failed because the server was not back yet."""
    if "crashed" not in facts.memo:
        crashes(facts)
        facts.memo["crashed"] = frozenset[int]().union(*facts.memo["numbers of crashes"])
    return frozenset(facts.memo["crashed"])


def broke_while_running(facts: Facts) -> Iterator[Match]:
    """One match for each call under which its server broke."""
    for crash, numbers in zip(crashes(facts), facts.memo["numbers of crashes"], strict=True):
        call, told = crash.call, crash.exit.text[:160]
        clues = [
            Clue(f"{crash.exit.component} logged: {told}", 0.7, (crash.exit.record,)),
            Clue(f"{call.tool} was under way, and never answered by {crash.backend}", 0.4, call.rows),
        ]
        if crash.last_words is not None:
            record, line = crash.last_words
            clues.append(Clue(f"the last words of {crash.backend}: {line[:160]}", 0.6, (record,)))
            told = f"{told}: {line.strip()[:160]}"
        yield Match(crash.backend, crash.backend, tuple(clues), call.tool, numbers, {"error": told})


def _crash(call: Call, facts: Facts) -> Crash | None:
    backend = facts.backend_of(call.last) or call.last.callee
    died = facts.exits_under(call)
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
    if "last words" not in facts.memo:
        logs = facts.flow.others
        lines = logs.loc[logs["message"].str.contains(_LAST_WORDS, na=False)].sort_values("event_created_at")
        facts.memo["last words"] = dict(list(lines.groupby("component")))
    own = facts.memo["last words"].get(backend)
    if own is None:
        return None
    times = own["event_created_at"]
    at = int(times.searchsorted(until + _AROUND, "right")) - 1
    if at < 0 or times.iloc[at] < max(since, until - _LAST) - _AROUND:
        return None
    return str(own["id"].iloc[at]), str(own["message"].iloc[at])


def _numbers(crash: Crash, crashes_there: list[pd.Timestamp], facts: Facts) -> frozenset[int]:
    """The call itself, and what was asked of the server before it was greeted anew, or crashed again."""
    back = facts.arrival_after(crash.backend, crash.exit.time)
    later = facts.operations.ended(*_UNWELL).where("callee", crash.call.callee).after(crash.exit.time)
    if (again := bisect_right(crashes_there, crash.exit.time)) < len(crashes_there):
        later = later.before(crashes_there[again])
    unheard = [
        call
        for call in (later if back is None else later.before(back.time))
        if crash.backend in {facts.backend_of(call.last), facts.owners.of(call.tool or "")}
        and not (call.last.callee == crash.backend and call.last.answered)
    ]
    return crash.call.family.union(*(call.family for call in unheard))
