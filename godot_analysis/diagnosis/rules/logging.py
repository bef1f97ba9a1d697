"""Notes about the log itself: gaps, silent components, and noise that looks like trouble. Never a fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

from godot_analysis.diagnosis.rules._rule import Clue, Match, rule
from godot_analysis.diagnosis.rules._words import count, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from godot_analysis.diagnosis.facts import Complaint, Facts

__all__: list[str] = []


@rule(
    "L01",
    layer="logging",
    severity="info",
    title="A part of the log is missing",
    summary="Between {begin} and {end} {who} left no records: {why}.",
    explanation="Whether the system went on working in that time cannot be seen here: that something is not "
    "in the log then proves nothing.",
    fix="Nothing to repair in the system; see whether the log store was away then.",
    references=("BUG13: a hole in the log",),
)
def gap(facts: Facts) -> Iterator[Match]:
    for item in facts.gaps:
        words = {
            "begin": f"{item.begin:%H:%M:%S}" if item.begin is not None else "the beginning",
            "end": f"{item.end:%H:%M:%S}" if item.end is not None else "the end",
            "who": item.component if item.component != "*" else "all components",
            "why": item.why,
        }
        component = None if item.component == "*" else item.component
        yield Match(component, None, (Clue(item.why, item.weight, item.records),), words=words)


@rule(
    "L02",
    layer="logging",
    severity="info",
    title="{component} works but does not log",
    summary="{component} answers calls, yet there is not one record of its own.",
    explanation="It may log at a higher level, or not at all, or not to this store. Its silence is no sign "
    "of a fault.",
    fix="Lower the log level of {component}, or give it the client library, if you want to see its side.",
    references=("BUG #13, look-alike: a backend that works but does not log",),
)
def works_without_log(facts: Facts) -> Iterator[Match]:
    for backend, calls in sorted(facts.by_backend.items()):
        good = calls.ended("answered", "tool_error")
        if good and backend not in facts.components:
            text = f"{count(len(good), 'call')} answered by it, no record from it"
            yield Match(backend, None, (Clue(text, 0.9, good[0].rows),))


@rule(
    "L03",
    layer="logging",
    severity="info",
    title="{component} logs errors that nobody needs to mind",
    summary="{component} does not know the notification {method} and logs an error at every connect.",
    explanation="Nobody waits for an answer to a notification, so nothing comes of it.",
    fix="Make {component} ignore notifications that it does not know, as JSON-RPC asks.",
    references=("BUG13: harmless differences",),
)
def unknown_notification(facts: Facts) -> Iterator[Match]:
    for component, found in facts.notification_errors.items():
        methods = sorted({method for method, _ in found})
        clue = Clue(
            f"{count(len(found), 'error record')} about it", 0.9, tuple(record for _, record in found)[:10]
        )
        yield Match(component, None, (clue,), words={"method": listed(methods)})


@rule(
    "L04",
    layer="logging",
    severity="info",
    title="{component} logged errors that no failed request of the log goes with",
    summary="{component} logged {number} that no request suffered from, such as “{text}”",
    explanation="Nothing else in the log went wrong at that moment: it is harmless, or tells of something "
    "that was not logged.",
    fix="Read the record: log the messages around it if it matters, and lower its level if it is no error.",
    references=("OpenTelemetry logs data model: severity",),
)
def lonely_errors(facts: Facts) -> Iterator[Match]:
    told = facts.named | {row for call in facts.operations.failed for row in call.rows}
    told |= {item.record for item in facts.given_up.values()}
    waiting: dict[str, pd.Timestamp] = {}  # since when each end of a call without an end may complain of it
    for call in facts.requests.failed:
        for end in {call.caller, call.callee}:
            if end is None:
                continue
            told |= {item.record for item in facts.complaints_during(call, end)}
            if call.ended is None:
                waiting.setdefault(end, call.started)
    by_component: dict[str, list[Complaint]] = {}
    for item in facts.signals.complaints:
        if item.record not in told and not (
            item.component in waiting and item.time >= waiting[item.component]
        ):
            by_component.setdefault(item.component, []).append(item)
    for component, items in sorted(by_component.items()):
        clue = Clue(
            f"{count(len(items), 'record')} at WARN or ERROR", 0.5, tuple(item.record for item in items[:10])
        )
        words = {"number": f"{count(len(items), 'record')} at WARN or ERROR", "text": items[0].text[:120]}
        yield Match(component, None, (clue,), words=words)
