"""Notes about the log itself: gaps, silent components, and noise that looks like trouble. Never a fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

from godot_analysis.diagnosis.facts.timeline import grouped
from godot_analysis.diagnosis.matches import Clue, Match, rows_of
from godot_analysis.diagnosis.rules._registry import leftover, rule
from godot_analysis.diagnosis.wording import count, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from godot_analysis.diagnosis.facts import Facts


@rule("L01")
def gap(facts: Facts) -> Iterator[Match]:
    for item in facts.log.gaps:
        words = {
            "begin": f"{item.begin:%H:%M:%S}" if item.begin is not None else "the beginning",
            "end": f"{item.end:%H:%M:%S}" if item.end is not None else "the end",
            "who": item.component if item.component != "*" else "all components",
            "why": item.why,
        }
        component = None if item.component == "*" else item.component
        yield Match(component, None, (Clue(item.why, item.weight, item.records),), words=words)


@rule("L02")
def works_without_log(facts: Facts) -> Iterator[Match]:
    for backend, calls in sorted(facts.operations.by_backend.items()):
        good = calls.served
        if good and backend not in facts.topology.components:
            text = f"{count(len(good), 'call')} answered by it, no record from it"
            yield Match(backend, None, (Clue(text, 0.9, good[0].rows),))


@rule("L03")
def unknown_notification(facts: Facts) -> Iterator[Match]:
    for component, found in facts.incidents.notification_errors.items():
        methods = sorted({method for method, _ in found})
        clue = Clue(
            f"{count(len(found), 'error record')} about it", 0.9, tuple(record for _, record in found)[:10]
        )
        yield Match(component, None, (clue,), words={"method": listed(methods)})


@leftover("L04")
def lonely_errors(facts: Facts, explained: frozenset[str]) -> Iterator[Match]:
    told = {*explained, *(row for call in facts.operations.roots.failed for row in call.rows)}
    told |= {item.record for item in facts.incidents.given_up.values()}
    waiting: dict[str, pd.Timestamp] = {}  # since when each end of a call without an end may complain of it
    for call in facts.operations.requests.failed:
        for end in {call.caller, call.callee}:
            if end is None:
                continue
            told |= {item.record for item in facts.incidents.complaints_during(call, end)}
            if call.ended is None:
                waiting.setdefault(end, call.started)
    lonely = (item for item in facts.incidents.complaints if item.record not in told)
    by_component = grouped(
        (item.component, item)
        for item in lonely
        if item.component not in waiting or item.time < waiting[item.component]
    )
    for component, items in sorted(by_component.items()):
        clue = Clue(f"{count(len(items), 'record')} at WARN or ERROR", 0.5, rows_of(items))
        words = {"number": f"{count(len(items), 'record')} at WARN or ERROR", "text": items[0].text[:120]}
        yield Match(component, None, (clue,), words=words)
