"""Rules about processes and their connections: calls that never end, lost connections, old instances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from godot_analysis.diagnosis.matches import Clue, Match, logged, rows_of
from godot_analysis.diagnosis.rules._registry import rule
from godot_analysis.diagnosis.wording import count
from godot_analysis.reconstruction.endings import WITHHELD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godot_analysis.diagnosis.facts import Call, Calls, Facts
    from godot_analysis.diagnosis.findings import Severity

_PATIENCE: Final = pd.Timedelta(seconds=5)
_LONG: Final = pd.Timedelta(seconds=30)  # a tool may take so long
_SKEW: Final = pd.Timedelta(seconds=2)
_BRIEF: Final = pd.Timedelta(seconds=1)
_SHOWN: Final = 200
_ENDLESS: Final = {
    "outcome": "never ended, and its caller waits for it",
    "answered": "never answered",
    "meaning": "A caller that makes one call at a time and has no time-out seems to hang or to have crashed, "
    "but it waits.",
    "remedy": "Find out what {component} did with the request at that moment; make it answer every request, "
    "errors too; give its caller a time-out.",
}
_IDLE: Final = "No call is seen to have failed of it; the next one has to reconnect first."
_MISSED: Final = "No call is seen to have failed of it then; what was asked of {component} later did."
_CUT_SHORT: Final = {
    "outcome": "was under way when the log ended",
    "answered": "not answered yet when the log ended",
    "meaning": "The log ends before its answer could be missed, so nothing tells how the call went on.",
    "remedy": "Diagnose again with what was logged since; if the call is still open then, see what "
    "{component} did with it.",
}


@rule("R07")
def gone_for_good(facts: Facts) -> Iterator[Match]:
    for call in _unfinished(facts):
        losses = facts.incidents.losses_under(call)
        if not losses or losses[-1].tool is not None:
            continue  # or the call was given up for it in so many words
        backend = losses[-1].server or ""
        if facts.sessions.arrival_after(backend, losses[-1].time) is not None:
            continue  # it came back, and nothing waits for it
        clues = [
            Clue(
                f"{facts.topology.relay} lost its connection to {backend}: {losses[-1].text}",
                0.7,
                rows_of(losses),
            ),
            Clue(f"the call of {call.tool} has no end in the log", 0.5, call.rows),
        ]
        clues.append(Clue(f"no new handshake arrived at {backend} afterwards", 0.3))
        yield Match(backend, backend, clues, call.tool, call.family)


@rule("B08")
def never_ends(facts: Facts) -> Iterator[Match]:
    open_ = facts.operations.roots.ended("pending", "lost")
    told = np.zeros(len(facts.operations.table), dtype=bool)
    for call in _endless(facts):
        last, behind = call.last, open_.after(call.started)
        backend = facts.operations.backend_of(last)
        waited = facts.log.end - call.started
        if last.answered and (call.status == "cancelled" or WITHHELD in call.note):
            yield _withheld(call)
            continue
        clues = [Clue(f"nothing shows an end of {call.tool}", 0.5, call.rows)]
        if waited > max(_PATIENCE, 20 * facts.operations.usual_duration):
            clues.append(Clue(f"{waited.total_seconds():.0f} s passed until the end of the log", 0.5))
        if last is not call or last.received:
            arrived = "received it and" if last.received else "was sent it and"
            clues.append(
                Clue(f"{backend} {arrived} did not answer", 0.5 if last.received else 0.25, last.rows)
            )
        if behind:
            rows = tuple(row for other in behind[:_SHOWN] for row in other.rows)
            clues.append(Clue(f"{count(len(behind), 'later call')} got no answer either", 0.4, rows))
        complaint = facts.incidents.first_complaint(backend or "", call.started - _PATIENCE / 5)
        if complaint is not None:
            clues.append(logged(complaint, 0.4))
        cut_short = not behind and complaint is None and (waited < _BRIEF or _under_way(call, facts))
        where, told_as = backend or facts.topology.relay, _CUT_SHORT if cut_short else _ENDLESS
        words = {
            **{name: text.format(component=where) for name, text in told_as.items()},
            "behind": f", and {count(len(behind), 'later call')} with it" if behind else "",
            "how": f" {backend} met an error and did not answer: “{complaint.text[:160]}”"
            if complaint is not None
            else "",
        }
        # What an earlier match accounts for is not told again: n open calls make n²/2 pairs.
        numbers = call.family.union(*(other.family for other in behind.only(~told)))
        told[behind.places] = True
        severity: Severity | None = "info" if cut_short else None
        yield Match(where, where, clues, call.tool, numbers, words, severity)


def _under_way(call: Call, facts: Facts) -> bool:
    """Whether a call is simply the last thing in the log, which ends too soon to miss its answer."""
    waited = facts.log.end - call.started
    last = facts.operations.every.by_time()[-1]
    if call.status not in {"pending", "lost"}:
        return False
    return waited < _LONG and last.number in call.family


def _withheld(call: Call) -> Match:
    """A call that was answered further on, and whose caller never got the answer."""
    kept = call
    while not (leg := kept.legs[-1]).answered:
        kept = leg
    router, answer = kept.callee or "somebody", f" with “{leg.error_text[:160]}”" if leg.error_text else ""
    clues = (
        Clue(f"{leg.callee} answered {router}{answer}", 0.6, leg.rows),
        Clue(f"{router}, which logs its answers, sent none to {kept.caller}", 0.6, kept.rows),
    )
    words = {
        **{name: text.format(component=router) for name, text in _ENDLESS.items()},
        "behind": "",
        "how": f" {leg.callee} had answered{answer}: {router} got that, and did not pass it on.",
    }
    return Match(router, router, clues, call.tool, call.family, words)


def _endless(facts: Facts) -> Iterator[Call]:
    """The calls that nothing ended."""
    for call in (*_unfinished(facts), *_unheard(facts), *_cancelled_late(facts)):
        ended = not call.family.isdisjoint(facts.incidents.ended_by_http)
        if ended or facts.operations.overtaken(call):
            continue
        last = call.last
        backend = facts.operations.backend_of(last)
        if not last.sent and backend and not facts.wire.verbatim(backend):
            continue  # seen by the backend alone, which may never log an end
        if last.sent and not (
            facts.wire.verbatim(call.caller or "", last.callee or "")
            or facts.operations.reports_ends(call.caller)
        ):
            continue  # in whose words the ends of calls are not told, or not so that they can be read
        waited = facts.log.end - call.started
        if facts.live and waited < 2 * _LONG:
            continue
        if (waited < _BRIEF and not last.received) or facts.operations.end_unlogged(call):
            continue  # the log ends before even its arrival could be logged, or lacks what came then
        yield call


@rule("R05")
def repeated(facts: Facts) -> Iterator[Match]:
    told = {trouble.record for trouble in facts.incidents.reported}
    for call in facts.incidents.troubled.served:
        losses = facts.incidents.losses_under(call)
        if not losses:
            continue
        backend, told_apart = losses[-1].server or "", losses[-1].record in told
        arrived = facts.operations.times_received(call, backend)
        fresh = facts.sessions.arrival_after(backend, losses[0].time)
        sent_there = facts.operations.backend_of(call.last) == backend and (arrived > 1 or fresh)
        if not (told_apart or sent_there):
            continue  # it may never have gone there, or another stream than its own may have broken
        clues = [
            Clue(f"the connection was lost under this call: {losses[-1].text}", 0.7, rows_of(losses)),
            Clue(f"the same call was answered {_seconds(call)} s after it was made", 0.5, call.rows),
        ]
        if fresh is not None:
            clues.append(Clue(f"{backend} got a fresh handshake after the loss", 0.5, fresh.records))
        twice = ""
        if arrived > 1:
            twice = f"; {backend} received it {arrived} times"
            clues.append(Clue(f"{backend} received the call {arrived} times", 0.6))
        yield Match(backend, backend, clues, call.tool, frozenset(), {"twice": twice})


@rule("R11")
def connection_lost(facts: Facts) -> Iterator[Match]:
    told = {loss.record for call in facts.incidents.troubled for loss in facts.incidents.losses_under(call)}
    for trouble in facts.incidents.reported:
        if trouble.record in told or trouble.link not in {"lost", "timeout"}:
            continue
        clue = logged(trouble, 0.7)
        words = {"holder": trouble.component, "error": trouble.text, "after": _IDLE}
        later = facts.operations.sent_to(trouble.server or "").answered.after(trouble.time)
        anew = facts.sessions.arrival_after(trouble.server or "", trouble.time)
        # What went on in the same session was a stream beside it.
        severity: Severity | None = "info" if trouble.level == "WARN" and later and anew is None else None
        yield Match(trouble.server, trouble.server, (clue,), trouble.tool, words=words, severity=severity)
    for server, item, missed in facts.processes.died_idle:
        clues = (logged(item, 0.7), logged(missed, 0.5))
        words = {"holder": item.component, "error": item.text, "after": _MISSED.format(component=server)}
        yield Match(server, server, clues, missed.tool, words=words, severity="error")


@rule("R06")
def old_instance(facts: Facts) -> Iterator[Match]:
    for backend, calls in facts.operations.by_backend.items():
        replies = calls.answered
        hands = [arrival.time for arrival in facts.sessions.relay_arrivals if arrival.backend == backend]
        late = hands[-1] + _SKEW if hands else None
        starts = [s for s in facts.events.of("start") if s.component == backend and late and s.time > late]
        clues = []
        for start in () if facts.wire.stateless(backend) else starts[::-1]:
            if facts.log.same_process(start.record, replies):
                continue  # the process that started is the one that answers, whatever the clocks say
            if after := replies.after(start.time)[:1]:
                clues.append(
                    Clue(
                        f"{backend} started anew, and calls were answered afterwards without a new handshake",
                        0.7,
                        (start.record, *after[0].rows),
                    )
                )
                break
        clues += _instances(backend, replies, facts)
        if clues:
            yield Match(backend, facts.topology.relay, clues, None)


def _instances(backend: str, replies: Calls, facts: Facts) -> list[Clue]:
    """That the process which answers is not the one that started last, where records name their process."""
    logs = facts.flow.logs
    own = logs.loc[
        (logs["component"] == backend) & logs["instance"].notna(), ["id", "instance", "event_created_at"]
    ]
    first_seen = own.groupby("instance")["event_created_at"].min().sort_values()
    if len(first_seen) < 2 or not replies:  # noqa: PLR2004 - two make a choice
        return []
    newest = first_seen.index[-1]
    since = first_seen.iloc[-1]
    process_of = dict(zip(own["id"], own["instance"], strict=True))

    def others(shown: list[str]) -> set[str] | None:
        by = {process_of[record] for record in shown if record in process_of}
        return by if by and newest not in by else None

    for call, by in replies.after(since).telling("evidence", others):
        text = f"{call.tool} was answered by {min(by)}, while {newest} had been running"
        return [Clue(text, 0.85, call.rows)]
    return []


def _unfinished(facts: Facts) -> Iterator[Call]:
    """The calls without an end, but for those under which their server broke."""
    found = facts.operations.roots.ended("pending", "lost", "timed_out")
    return (call for call in found if call.number not in facts.crashed)


def _cancelled_late(facts: Facts) -> Iterator[Call]:
    """Calls that their caller gave up long after they had been answered further on."""
    for call in facts.operations.roots.ended("cancelled"):
        last, router = call.last, call.callee
        if last is call or not last.answered or last.ended is None or call.ended is None:
            continue
        if router is not None and facts.wire.verbatim(router) and call.ended - last.ended >= _PATIENCE:
            yield call


def _unheard(facts: Facts) -> Calls:
    """Calls whose failure the backend logged, but nobody its answer, though all others are logged."""
    table = facts.operations.table
    hearing = {
        name for (name,) in facts.operations.calls.only(table.heard).counts("caller") if name is not None
    }
    telling = [name for name in table.codes("callee")[1] if facts.wire.verbatim(name)]
    unheard = table.mask("status", "error") & ~table.heard & table.mask("caller", *hearing)
    unheard |= table.mask("status", "error") & table.unanswered & table.mask("callee", *telling)
    return facts.operations.roots.only(unheard[table.lasts] & ~(table.leaves & table.mask("caller", None)))


def _seconds(call: Call) -> str:
    return "?" if call.ended is None else f"{(call.ended - call.started).total_seconds():.1f}"
