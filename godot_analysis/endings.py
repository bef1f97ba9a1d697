"""How each call ended: read where it can be read, decided from the evidence around it where it cannot."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from godot_analysis.jsonrpc import error_of, params_of
from godot_analysis.sightings import CALL, ERROR, RECEIVED, REQUEST, Sighting, Weight

if TYPE_CHECKING:
    from godot_analysis.joining import Call
    from godot_analysis.losses import Holes
    from godot_analysis.messages import Observations
    from godot_analysis.pairing import Exchange

TIMED_OUT: Final = re.compile(r"\btime[ds]?[ _-]?out\w*\b|\bdeadline\b", re.IGNORECASE)
CONNECTION: Final = re.compile(
    r"\b(?:connection|connect|socket|websocket|channel|pipe|backend|peer)\b.*\b(?:lost|refused|closed|reset|failed|broken|"
    r"down|unreachable|aborted|dropped|disconnect\w*)\b|\bECONN\w+|\bEPIPE\b|\bdisconnected\b|\bunreachable\b"
    r"|\bfailed to (?:send|connect)\b|\bcannot connect\b|\bnot connected\b",
    re.IGNORECASE,
)
RETRYING: Final = re.compile(r"\b(?:reconnect\w*|retry\w*|retries|again)\b", re.IGNORECASE)

_SETTLED_US: Final = 1_000_000  # what has not come so long after is not on its way any more
_QUIET_US: Final = 5_000_000


@dataclass(slots=True)
class Ending:
    """The end of a call and what proves it."""

    status: str
    lost_at: str | None = None
    at: int | None = None
    answer: Sighting | None = None
    result: Any = None
    error_code: int | None = None
    error_text: str | None = None
    notes: list[str] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)


class Endings:
    """Decides how calls ended, with everything the log tells besides the messages."""

    def __init__(self, calls: list[Call], seen: Observations, holes: Holes) -> None:
        self.seen = seen
        self.holes = holes
        self.children: dict[int, list[Call]] = defaultdict(list)
        for call in calls:
            if call.parent is not None:
                self.children[id(call.parent)].append(call)
        self.routers = {
            call.outer.observer for call in calls if call.outer is not None and call.method_is(CALL)
        }
        self.remarks = _remarks(seen)
        self.last = max((time for time in seen.times if time is not None), default=0)
        self.last_of: dict[str | None, int] = {}
        for component, time in zip(seen.components, seen.times, strict=True):
            if time is not None and time > self.last_of.get(component, -1):
                self.last_of[component] = time
        self.hears_answers = {
            call.outer.observer for call in calls if call.outer is not None and call.outer.answer is not None
        }
        self.hears_calls = {
            call.inner.observer for call in calls if call.inner is not None and call.method_is(CALL)
        }
        self.tells_answers = {
            (call.inner.observer, call.inner.method)
            for call in calls
            if call.inner is not None and call.inner.answer is not None
        }
        self.arrivals = _arrivals(seen)
        self.done: dict[int, Ending] = {}

    def of(self, call: Call) -> Ending:
        """The end of a call; of the calls that it caused first, as its own may follow from theirs."""
        known = self.done.get(id(call))
        if known is None:
            # Chains are as long as the system is deep, so plain recursion is enough.
            known = self.done[id(call)] = self._decide(call)
        return known

    def _decide(self, call: Call) -> Ending:
        stopped = self._stopped(call)
        if stopped is not None:
            return stopped
        outer, inner = call.outer, call.inner
        if outer is not None and outer.answer is not None:
            return self._read(call, outer.answer)
        if inner is not None and inner.answer is not None:
            return (
                self._answered_unheard(call, inner, inner.answer)
                if outer is not None
                else self._read(call, inner.answer)
            )
        if inner is not None:
            return self._received(call, inner)
        return self._only_sent(call, outer) if outer is not None else Ending("pending")

    def _stopped(self, call: Call) -> Ending | None:
        """Cancelled, or given up by its caller, before an answer came."""
        for view in call.views:
            if view.cancel is None:
                continue
            cancel = self.seen.sightings[view.cancel]
            at = self.seen.times[cancel.row] or 0
            if view.answer is not None and view.end is not None and view.end < at:
                continue
            reason = params_of(cancel.payload).get("reason")
            given_up = isinstance(reason, str) and TIMED_OUT.search(reason) is not None
            ending = Ending("timed_out" if given_up else "cancelled", at=at, rows=[cancel.row])
            if isinstance(reason, str):
                ending.error_text = reason
            if view.answer is not None:
                ending.notes.append("an answer came after that and changes nothing")
            return ending
        outer = call.outer
        if outer is None:
            return None
        for row in self._remarks_on(outer):
            at = self.seen.times[row] or 0
            if TIMED_OUT.search(self._words(row)) and (outer.end is None or at < outer.end):
                return Ending(
                    "timed_out",
                    at=at,
                    error_text=self._words(row),
                    rows=[row],
                    notes=["its caller logged the time-out"],
                )
        return None

    def _read(self, call: Call, place: int) -> Ending:
        """The answer as it stands; its text in full where either end logged it."""
        answer = self.seen.sightings[place]
        for view in call.views:
            if view.answer is not None:
                other = self.seen.sightings[view.answer]
                if other.weight > answer.weight:
                    answer = other
        payload = answer.payload
        ending = Ending("answered", at=self.seen.times[self.seen.sightings[place].row], answer=answer)
        if isinstance(payload, dict) and answer.weight == Weight.PAYLOAD:
            ending.result = (
                payload.get("error") if payload.get("error") is not None else payload.get("result")
            )
            if answer.validity and ending.result is None:
                ending.result = payload
        if answer.kind == ERROR:
            ending.status = "error"
            ending.error_code, ending.error_text = answer.error_code, answer.error_text
            if ending.error_text is None and isinstance(payload, dict):
                ending.error_code, ending.error_text = error_of(payload.get("error"))
        elif isinstance(ending.result, dict) and ending.result.get("isError") is True:
            ending.status = "tool_error"
            ending.error_text = content_text(ending.result)
        if all(view.request is None for view in call.views):
            ending.notes.append("its request is not in the log")
        return ending

    def _answered_unheard(self, call: Call, inner: Exchange, place: int) -> Ending:
        """The callee answered, the caller logged no answer: lost on the wire, or only its record is missing."""
        ending = self._read(call, place)
        outer = call.outer
        caller = outer.observer if outer is not None else None
        sent_at = inner.end or inner.start
        settled = self.last - sent_at > _SETTLED_US
        if caller not in self.hears_answers:
            ending.notes.append(f"{caller} logs no answers; as {inner.observer} logged it")
        elif self.holes.covers(caller, sent_at - _SETTLED_US, sent_at + _SETTLED_US):
            ending.notes.append(f"the log of {caller} has a hole there; as {inner.observer} logged it")
        elif not settled:
            ending.notes.append(
                f"{caller} had not logged its arrival when the log ended; as {inner.observer} logged it"
            )
        elif ending.answer is not None and ending.answer.weight == Weight.DETAIL:
            return Ending(
                "lost",
                "receiver",
                at=sent_at,
                rows=[ending.answer.row],
                notes=[f"{inner.observer} finished, but neither end logged an answer"],
            )
        else:
            return Ending(
                "lost",
                "wire",
                at=sent_at,
                rows=[ending.answer.row] if ending.answer else [],
                notes=[
                    f"{inner.observer} answered, and {caller}, which logs its answers, never got this one"
                ],
            )
        return ending

    def _received(self, call: Call, inner: Exchange) -> Ending:
        """Received and not answered, as far as the log shows."""
        failed = self._failure_told(inner)
        if failed is not None:
            return failed
        child = self._own_work(call)
        if child is not None:
            return self._as_child(child, inner)
        if (inner.observer, inner.method) not in self.tells_answers and not call.method_is(CALL):
            return self._never_told(inner)
        after = self.arrivals.get(inner.observer, [])
        later = after[at] if (at := bisect_right(after, inner.start)) < len(after) else None
        restarted = self._reconnected(inner)
        if self.holes and self.holes.covers(inner.observer, inner.start, later or self.last):
            return Ending(
                "lost",
                "logger",
                rows=[],
                notes=[f"the log of {inner.observer} has a hole where the end would be"],
            )
        if call.outer is None and inner.observer in self.routers and call.method_is(CALL) and not restarted:
            return self._handled_itself(inner, later)
        if restarted:
            return Ending(
                "lost",
                "receiver",
                at=restarted,
                notes=[
                    f"{inner.observer} received it and never answered; its connection was made anew after that"
                ],
            )
        return Ending(
            "pending", notes=[f"{inner.observer} received it and had not answered when the log ended"]
        )

    def _never_told(self, inner: Exchange) -> Ending:
        """A question of the handshake to somebody who logs no answers to it: what came next tells."""
        silent = f"{inner.observer} logs no answers to {inner.method}"
        own = self.arrivals.get((inner.observer, inner.session), [])
        at = bisect_right(own, (inner.start, inner.method or "~"))
        if at < len(own) and own[at][1] != "initialize":
            return Ending("answered", notes=[f"{silent}, but the next request on its connection came"])
        return Ending("pending", notes=[f"{silent}, and nothing came after it"])

    def _handled_itself(self, inner: Exchange, later: int | None) -> Ending:
        """A router's own tool: it passes nothing on, and does not log what it answers."""
        if later is not None:
            why = f"{inner.observer} passed it on to nobody, logged no failure and took the next request"
        elif self.last - inner.start < _QUIET_US:
            why = f"{inner.observer} passed it on to nobody and logged no failure; the log ends there"
        else:
            return Ending("pending", notes=[f"{inner.observer} passed it on to nobody and fell silent"])
        return Ending("answered", at=None, notes=[f"its answer is not logged: {why}"])

    def _own_work(self, call: Call) -> Call | None:
        """The call that this one was passed on as: of the same tool, else the last one."""
        kids = self.children.get(id(call), [])
        same = [kid for kid in kids if kid.known("tool") == call.known("tool")]
        return (same or kids or [None])[-1]

    def _as_child(self, child: Call, inner: Exchange) -> Ending:
        passed = self.of(child)
        return Ending(
            passed.status,
            passed.lost_at,
            at=passed.at,
            result=passed.result,
            error_code=passed.error_code,
            error_text=passed.error_text,
            notes=[
                f"{inner.observer} logs no answers to its caller; as its own call to {child.callee} ended"
            ],
            rows=list(passed.rows),
        )

    def _only_sent(self, call: Call, outer: Exchange) -> Ending:
        """Sent, and seen by nobody else."""
        for row in self._remarks_on(outer):
            text = self._words(row)
            if CONNECTION.search(text):
                if RETRYING.search(text):
                    return Ending(
                        "pending",
                        rows=[row],
                        notes=["it could not be sent; its sender was still reconnecting"],
                    )
                return Ending(
                    "lost",
                    "sender",
                    at=self.seen.times[row],
                    error_text=text,
                    rows=[row],
                    notes=["it could not be sent"],
                )
        if outer.mistyped is not None:
            return Ending(
                "pending",
                rows=[outer.mistyped],
                notes=["an answer came whose id is of another type, so it is none"],
            )
        until = min(self.last, outer.start + _SETTLED_US)
        if self.holes and self.holes.covers(call.callee, outer.start, until):
            return Ending("lost", "logger", notes=[f"the log of {call.callee} has a hole there"])
        if self.holes and self.holes.covers(outer.observer, outer.start, until):
            return Ending("lost", "logger", notes=[f"the log of {outer.observer} has a hole there"])
        if call.callee in self.hears_calls and self.last_of.get(call.callee, 0) > outer.start + _SETTLED_US:
            return Ending(
                "lost",
                "wire",
                notes=[f"{call.callee} logs what it receives, went on logging, and never received this"],
            )
        return Ending("pending", notes=["nothing is logged about it after it was sent"])

    def _failure_told(self, inner: Exchange) -> Ending | None:
        """A failure that the callee logged in the same trace, without the answer itself."""
        for row in self._remarks_on(inner):
            if self.seen.levels[row] == "ERROR":
                words = self._words(row)
                if not CONNECTION.search(words) or not RETRYING.search(words):
                    return Ending(
                        "error",
                        at=self.seen.times[row],
                        error_text=words,
                        rows=[row],
                        notes=[f"{inner.observer} logged the failure, not the answer"],
                    )
        return None

    def _reconnected(self, inner: Exchange) -> int | None:
        """When the callee was connected anew after it received this, if it was."""
        if inner.session is not None:
            return None
        connects = self.arrivals.get((inner.observer, "initialize", None), [])
        at = bisect_right(connects, inner.start)
        return connects[at] if at < len(connects) else None

    def _remarks_on(self, view: Exchange) -> list[int]:
        rows = self.remarks.get((view.observer, view.trace), []) if view.trace is not None else []
        return [row for row in rows if (self.seen.times[row] or 0) >= view.start - _SETTLED_US]

    def _words(self, row: int) -> str:
        text = self.seen.texts[row] or ""
        data = self.seen.data[row]
        error = data.get("error") if isinstance(data, dict) else None
        return f"{text}: {error}" if isinstance(error, str) and error not in text else text


def content_text(result: dict[str, Any]) -> str | None:
    """The text of a tool's result."""
    content = result.get("content")
    if not isinstance(content, list):
        return None
    parts = [item["text"] for item in content if isinstance(item, dict) and isinstance(item.get("text"), str)]
    return "\n".join(parts) or None


def _remarks(seen: Observations) -> dict[tuple[str | None, str], list[int]]:
    """Warnings and errors that are no messages, by component and trace."""
    used = {sighting.row for sighting in seen.sightings}
    remarks: dict[tuple[str | None, str], list[int]] = defaultdict(list)
    for row, level in enumerate(seen.levels):
        trace = seen.traces[row]
        if trace is not None and (level in {"ERROR", "WARN"}) and row not in used:
            remarks[seen.components[row], trace].append(row)
    return remarks


def _arrivals(seen: Observations) -> dict[Any, list[Any]]:
    """When each component received requests, on which connection, and when it was connected to."""
    arrivals: dict[Any, list[Any]] = defaultdict(list)
    for sighting in seen.sightings:
        if sighting.kind == REQUEST and sighting.direction == RECEIVED:
            time = seen.times[sighting.row] or 0
            component = seen.components[sighting.row]
            arrivals[component].append(time)
            arrivals[component, sighting.session].append((time, sighting.method or ""))
            if sighting.method == "initialize":
                arrivals[component, "initialize", None].append(time)
    return arrivals
