"""What the log itself lost: loss records, gaps in sequence numbers, and silences that cannot be true."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from godot_analysis.loading.records import instant
from godot_analysis.normal_form.sightings import REQUEST
from godot_analysis.normal_form.table import packed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from godot_analysis.normal_form.messages import Observations
    from godot_analysis.reconstruction.call import Calls
    from godot_analysis.reconstruction.exchange import Exchange

LOSS_RECORD: Final = "loss record"
SEQUENCE_GAP: Final = "sequence gap"
SILENCE: Final = "silence"

_Process = tuple[str | None, str | None]  # component and instance

_SILENT_US: Final = 500_000  # a shorter silence of everyone is a pause
_UNUSUAL: Final = 4  # and so is one that is not this many times longer than nine of ten pauses
_AT_ONCE_US: Final = 5_000  # what is logged so soon after a silence was not begun after it
_BEFORE_US: Final = 5_000_000  # a question this long before a silence may have been answered in it


@dataclass(frozen=True, slots=True)
class Loss:
    """Records that are missing, between two moments; of one component, or (None) of all."""

    component: str | None
    instance: str | None
    start: int | None
    end: int | None
    count: int | None
    reason: str
    source: str
    evidence: list[str] = field(default_factory=list)


class Holes:
    """Tells fast whether the log of a component was incomplete at some time."""

    def __init__(self, losses: Iterable[Loss]) -> None:
        self._of: dict[str | None, list[tuple[int, int]]] = defaultdict(list)
        for loss in losses:
            if loss.start is not None and loss.end is not None:
                self._of[loss.component].append((loss.start, loss.end))
        self._starts: dict[str | None, list[int]] = {}
        self._ends: dict[str | None, list[int]] = {}
        for component, spans in self._of.items():
            merged = _merged(spans)
            self._starts[component] = [start for start, _ in merged]
            self._ends[component] = [end for _, end in merged]

    def __bool__(self) -> bool:
        return bool(self._of)

    def covers(self, component: str | None, start: int, end: int) -> bool:
        """Whether records of the component are known to be missing in this span of time."""
        return any(self._covers(of, start, end) for of in {component, None})

    def _covers(self, component: str | None, start: int, end: int) -> bool:
        starts = self._starts.get(component)
        if not starts:
            return False
        last = bisect_right(starts, end) - 1
        return last >= 0 and self._ends[component][last] >= start


def find_losses(seen: Observations, calls: Calls, *, partial: bool = False) -> list[Loss]:
    """Find everything that shows a hole in the log, in order of time.

    Of a `partial` log, such as that of one trace, gaps in sequence numbers prove nothing.
    """
    gaps = () if partial or _is_one_trace(seen) else _sequence_gaps(seen)
    found = [*_loss_records(seen), *gaps, *_silences(seen, calls)]
    return sorted(found, key=lambda loss: (loss.start or 0, loss.source))


def _is_one_trace(seen: Observations) -> bool:
    codes = seen.trace.codes
    return bool(len(codes) and codes[0] >= 0 and (codes == codes[0]).all())


def _loss_records(seen: Observations) -> Iterable[Loss]:
    for row, data in zip(seen.other_rows, seen.other_data, strict=True):
        lost = data.get("lost") if type(data) is dict else None
        if type(lost) is not dict or "count" not in lost:
            continue
        count = lost["count"]
        start, end = instant(lost.get("from")), instant(lost.get("to"))
        time = seen.times[row]
        yield Loss(
            seen.components[row],
            seen.instances[row],
            start if start is not None else time,
            end if end is not None else time,
            count if isinstance(count, int) and not isinstance(count, bool) else None,
            str(lost.get("reason") or "not told"),
            LOSS_RECORD,
            [seen.ids[row] or ""],
        )


def _sequence_gaps(seen: Observations) -> Iterable[Loss]:
    """Numbers that are missing between two records of one process."""
    numbered = np.flatnonzero((seen.instance.codes >= 0) & (seen.numbers >= 0))
    process = pd.factorize(packed(seen.component.codes, seen.instance.codes)[numbered])[0]
    order = np.lexsort((seen.numbers[numbered], process))
    rows, process = numbered[order], process[order]
    numbers = seen.numbers[rows]
    for place in np.flatnonzero((np.diff(process) == 0) & (np.diff(numbers) > 1)).tolist():
        row, next_row = int(rows[place]), int(rows[place + 1])
        before, after = int(numbers[place]), int(numbers[place + 1])
        yield Loss(
            seen.components[row],
            seen.instances[row],
            seen.times[row],
            seen.times[next_row],
            after - before - 1,
            f"records {before + 1} to {after - 1} of this process are missing",
            SEQUENCE_GAP,
            [seen.ids[row] or "", seen.ids[next_row] or ""],
        )


def _silences(seen: Observations, calls: Calls) -> Iterable[Loss]:
    """Times in which nobody logged, although a question that stood open before was over after.

    A process that asks one thing at a time and asks anew after the silence, on the same connections, has had
    the end of what it asked before: that end is missing from the log. Unless the process numbers its records,
    and none is missing between the two questions: then it never had that end.
    """
    outer = calls.outer[calls.whole & (calls.outer >= 0)]
    unasked = [calls.exchanges[place] for place in outer[calls.exchanges.request[outer] < 0].tolist()]
    dangling = _without_end(calls)
    if not unasked and not dangling:
        return
    rows = np.argsort(seen.moments, kind="stable").tolist()
    times = seen.moments[rows].tolist()
    numbers = _numbers(seen)
    complete = {process for process, own in numbers.items() if own[0] == 1 and own[-1] == len(own)}
    yield from _swallowed_questions(seen, unasked, rows, times, complete)
    gaps = _long_gaps(times)
    if not gaps:
        return
    asked = _starts_by_caller(calls, seen)
    shown = seen.sightings
    greetings = shown.are("kind", REQUEST) & shown.are("method", "initialize")
    connects = seen.of_rows(seen.moments)[greetings].tolist()
    starts = [x.start for x in dangling]
    for before, after in gaps:
        start, end = times[before], times[after]
        at = bisect_right(starts, start)
        for exchange in dangling[bisect_left(starts, start - _BEFORE_US) : at]:
            own = asked[_asker(exchange, seen)]
            following = _next_after(own, exchange.start)
            if following is not None and following[0] <= start:
                continue  # to other things before the silence, so it is not the silence that took the end
            resumed = _next_after(own, end - 1)
            if resumed is None or _between(connects, start, resumed[0]):
                continue
            asked_in = _row(exchange, seen)
            process = seen.components[asked_in], seen.instances[asked_in]
            if _is_unbroken(numbers.get(process, []), seen.numbers[asked_in], seen.numbers[resumed[1]]):
                continue
            yield Loss(
                None,
                None,
                start,
                end,
                None,
                f"nobody logged for {(end - start) / 1e6:.1f} s, and the end of {exchange.observer}'s "
                f"{exchange.tool or exchange.method} is missing, though it went on to its next call",
                SILENCE,
                [seen.ids[rows[before]] or "", seen.ids[rows[after]] or ""],
            )
            break


def _swallowed_questions(
    seen: Observations,
    unasked: list[Exchange],
    rows: list[int],
    times: list[int],
    complete: set[_Process],
) -> Iterable[Loss]:
    """Silences that end with an answer to what nobody asked: it was asked in the silence.

    Not by a process whose records are complete: that one never logged its question.
    """
    for exchange in unasked:
        row = int(seen.sightings.row[exchange.answer or 0])
        if (seen.components[row], seen.instances[row]) in complete:
            continue
        after = bisect_left(times, exchange.start - _AT_ONCE_US)
        if after == 0 or times[after] - times[after - 1] < _SILENT_US:
            continue
        asked = exchange.tool or exchange.method or "a request"
        silent = (times[after] - times[after - 1]) / 1e6
        yield Loss(
            None,
            None,
            times[after - 1],
            times[after],
            None,
            f"nobody logged for {silent:.1f} s, and then {exchange.observer} got an answer to {asked} that "
            "the log does not show",
            SILENCE,
            [seen.ids[rows[after - 1]] or "", seen.ids[rows[after]] or ""],
        )


def _long_gaps(times: list[int]) -> list[tuple[int, int]]:
    """Where nothing came for much longer than it usually takes: positions before and after."""
    steps = np.diff(times)
    if not len(steps):
        return []
    usual = np.sort(steps)[int((len(steps) - 1) * 0.9)]
    least = max(_SILENT_US, _UNUSUAL * int(usual))
    return [(place, place + 1) for place in np.flatnonzero(steps >= least).tolist()]


def _without_end(calls: Calls) -> list[Exchange]:
    """Questions that reached a callee, or one that never logs, and whose end their caller did not log."""
    told = calls.exchanges
    outer = calls.outer
    is_open = calls.whole & (outer >= 0)
    is_open &= (told.answer[outer] < 0) & (told.request[outer] >= 0) & (told.cancel[outer] < 0)
    # The callee of a call that only its caller saw may be one that never logs.
    is_open &= (calls.inner >= 0) | ~np.isin(calls.callee, told.codes("observer"))
    places = outer[is_open]
    return [told[place] for place in places[np.argsort(told.start[places], kind="stable")].tolist()]


def _row(exchange: Exchange, seen: Observations) -> int:
    """Where the log shows the question; only for exchanges that have one."""
    return int(seen.sightings.row[exchange.request or 0])


def _asker(exchange: Exchange, seen: Observations) -> tuple[str, str | None, str | None]:
    """The process that asked, as far as the log names it, and whom."""
    return exchange.observer, exchange.peer, seen.instances[_row(exchange, seen)]


def _starts_by_caller(
    calls: Calls, seen: Observations
) -> dict[tuple[str, str | None, str | None], list[tuple[int, int]]]:
    """When, and in which row, each process asked each peer."""
    starts: dict[tuple[str, str | None, str | None], list[tuple[int, int]]] = defaultdict(list)
    told = calls.exchanges
    places = calls.outer[calls.whole & (calls.outer >= 0)]
    places = places[told.request[places] >= 0]
    rows = seen.sightings.row[told.request[places]]
    observers = [name or "" for name in told.words["observer"].take(places).texts()]
    askers = zip(
        observers, told.words["peer"].take(places).texts(), seen.instance.take(rows).texts(), strict=True
    )
    for asker, begun in zip(
        askers, zip(told.start[places].tolist(), rows.tolist(), strict=True), strict=True
    ):
        starts[asker].append(begun)
    for own in starts.values():
        own.sort()
    return starts


def _numbers(seen: Observations) -> dict[_Process, list[int]]:
    """The numbers of the records that each process left in the log, in order."""
    numbered = np.flatnonzero(seen.numbers >= 0)
    process = packed(seen.component.codes, seen.instance.codes)[numbered]
    order = np.lexsort((seen.numbers[numbered], process))
    rows, process = numbered[order], process[order]
    found: dict[_Process, list[int]] = {}
    for own in np.split(rows, np.flatnonzero(np.diff(process)) + 1):
        if len(own):
            name = seen.components[own[0]], seen.instances[own[0]]
            found[name] = np.unique(seen.numbers[own]).tolist()
    return found


def _is_unbroken(numbers: list[int], first: int, last: int) -> bool:
    """Whether no number is missing between these two of one process; -1 is no number."""
    if first < 0 or last < 0:
        return False
    return bisect_left(numbers, last) - bisect_left(numbers, first) == last - first


def _next_after(starts: list[tuple[int, int]], moment: int) -> tuple[int, int] | None:
    at = bisect_right(starts, moment, key=itemgetter(0))
    return starts[at] if at < len(starts) else None


def _between(times: list[int], start: int, end: int) -> bool:
    at = bisect_right(times, start)
    return at < len(times) and times[at] <= end


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return out
