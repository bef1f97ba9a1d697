"""How each call ended: read where it can be read, decided from the evidence around it where it cannot."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np

from godot_analysis.normal_form.conventions import verbatim
from godot_analysis.normal_form.jsonrpc import content_text, error_of, params_of
from godot_analysis.normal_form.sightings import CALL, ERROR, RESPONSE, Sighting, Weight
from godot_analysis.normal_form.table import objects, taken
from godot_analysis.reading.classify import classify, ordinary
from godot_analysis.reconstruction.surroundings import SETTLED_US, Surroundings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from godot_analysis.normal_form.messages import Observations
    from godot_analysis.reconstruction.call import Call, Calls
    from godot_analysis.reconstruction.exchange import Exchange
    from godot_analysis.reconstruction.losses import Holes

_CONNECTION: Final = (
    "connect.lost",
    "connect.refused",
    "connect.unreachable",
    "connect.unresolved",
    "connect.timeout",
)
WITHHELD: Final = ", which logs its answers, sent none when"  # of a router that got an answer and kept it
_ANSWERED: Final = frozenset({"answered", "error", "tool_error"})
_QUIET_US: Final = 5_000_000  # a router that says nothing so long after a request of its own is stuck


class Ending(msgspec.Struct):
    """The end of a call and what proves it."""

    status: str
    lost_at: str | None = None
    at: int | None = None
    answer: Sighting | None = None  # kept where it matters how it was logged
    result: Any = None
    error_code: int | None = None
    error_text: str | None = None
    notes: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()


class Ends(NamedTuple):
    """How calls ended, as columns; notes and rows by place, for those that have any."""

    status: NDArray[Any]
    lost_at: NDArray[Any]
    at: NDArray[np.int64]  # -1 for none
    result: NDArray[Any]
    error_code: NDArray[Any]
    error_text: NDArray[Any]
    notes: dict[int, tuple[str, ...]]
    rows: dict[int, tuple[int, ...]]


class Endings:
    """Decides how calls ended, with everything the log tells besides their messages."""

    def __init__(self, calls: Calls, seen: Observations, holes: Holes) -> None:
        self._calls = calls
        self._seen = seen
        self._around = Surroundings(calls, seen, holes)
        self._done: dict[int, Ending] = {}
        self._plain, self._results, self._at = self._plain_ends()

    def of_calls(self, numbers: NDArray[np.int64]) -> Ends:
        """The ends of these calls."""
        nothing = objects([None] * len(numbers))
        ends = Ends(
            objects(["answered"] * len(numbers)),
            nothing,
            self._at[numbers],
            self._results[numbers],
            nothing.copy(),
            nothing.copy(),
            {},
            {},
        )
        for place in np.flatnonzero(~self._plain[numbers]).tolist():
            end = self.of(int(numbers[place]))
            ends.status[place] = end.status
            ends.lost_at[place] = end.lost_at if end.status == "lost" else None
            ends.at[place] = -1 if end.at is None else end.at
            ends.result[place] = end.result
            ends.error_code[place] = end.error_code
            ends.error_text[place] = end.error_text
            if end.notes:
                ends.notes[place] = end.notes
            if end.rows:
                ends.rows[place] = end.rows
        return ends

    def of(self, number: int) -> Ending:
        """The end of a call; it may follow from the ends of the calls that it caused."""
        if self._plain[number]:
            at = int(self._at[number])
            return Ending("answered", at=None if at < 0 else at, result=self._results[number])
        known = self._done.get(number)
        if known is None:
            # Chains are as long as the system is deep, so plain recursion is enough.
            known = self._done[number] = self._decide(self._calls[number])
        return known

    def _plain_ends(self) -> tuple[NDArray[np.bool_], NDArray[Any], NDArray[np.int64]]:
        """Most calls have a result that their caller got whole, and nothing that speaks against it.

        Returns whether a call is one of them, its result, and when it came.
        """
        seen, calls, told = self._seen, self._calls, self._calls.exchanges
        plain = calls.whole & (calls.outer >= 0)
        answer = np.where(plain, taken(told.answer, calls.outer), -1)
        plain &= (answer >= 0) & (taken(told.request, calls.outer) >= 0)
        plain &= (taken(told.cancel, calls.outer) < 0) & (taken(told.cancel, calls.inner) < 0)
        plain &= taken(seen.sightings.are("kind", RESPONSE), answer, missing=False)
        plain &= taken(seen.sightings.weight, answer) == Weight.PAYLOAD
        plain &= ~self._around.are_remarked_on(calls.outer)
        results = taken(seen.sightings.content, np.where(plain, answer, -1), None)
        plain &= np.array([result is not None for result in results.tolist()], dtype=bool)
        rows = taken(seen.sightings.row, np.where(plain, answer, -1))
        at = np.where(taken(seen.timed, rows, missing=False) & (rows >= 0), taken(seen.moments, rows), -1)
        return plain, results, at

    @cached_property
    def _children(self) -> dict[int, list[int]]:
        children: dict[int, list[int]] = defaultdict(list)
        caused = np.flatnonzero(self._calls.whole & (self._calls.parent >= 0))
        for parent, number in zip(self._calls.parent[caused].tolist(), caused.tolist(), strict=True):
            children[parent].append(number)
        return children

    def _decide(self, call: Call) -> Ending:
        outer, inner = call.outer, call.inner
        stopped = self._stopped(call)
        if stopped is not None:
            return stopped
        if outer is not None and outer.answer is not None:
            return self._read(call, outer.answer)
        if inner is None:
            return self._only_sent(call, outer) if outer is not None else Ending("pending")
        if inner.answer is None:
            return self._unanswered(call, inner)
        return self._read(call, inner.answer) if outer is None else self._unheard(call, outer, inner)

    # Ends that are read

    def _stopped(self, call: Call) -> Ending | None:
        """Cancelled, or given up by its caller, before an answer came."""
        for view in call.views:
            if view.cancel is None:
                continue
            cancel = self._seen.sightings[view.cancel]
            at = self._seen.times[cancel.row] or 0
            if view.answer is not None and view.end is not None and view.end < at:
                continue
            reason = params_of(cancel.payload).get("reason")
            told = reason if isinstance(reason, str) else None
            ending = Ending("cancelled", at=at, error_text=told, rows=(cancel.row,))
            if told is not None and classify(told).tells("request.timeout"):
                ending.status = "timed_out"
            if view.answer is not None:
                ending.notes = ("an answer came after that and changes nothing",)
            return ending
        if (outer := call.outer) is None:
            return None
        for row in self._around.remarks_on(outer):
            at, words = self._seen.times[row] or 0, self._around.words(row)
            in_time = outer.start <= at and (outer.end is None or at < outer.end)
            if in_time and classify(words).tells("request.timeout"):
                return Ending(
                    "timed_out",
                    at=at,
                    error_text=words,
                    notes=("its caller logged the time-out",),
                    rows=(row,),
                )
        return None

    def _read(self, call: Call, place: int) -> Ending:
        """The answer as it stands, in full where either end logged it so."""
        answer = self._seen.sightings[place]
        ending = Ending("answered", at=self._seen.times[answer.row])
        for view in call.views:
            if view.answer is not None and self._seen.sightings.weight[view.answer] > answer.weight:
                answer = self._seen.sightings[view.answer]
        ending.answer = answer
        if isinstance(answer.payload, dict) and answer.weight == Weight.PAYLOAD:
            error, result = answer.payload.get("error"), answer.payload.get("result")
            # An answer without its frame is all result.
            ending.result = (
                error if error is not None else result if "result" in answer.payload else answer.payload
            )
        if answer.kind == ERROR:
            ending.status = "error"
            ending.error_code, ending.error_text = answer.error_code, answer.error_text
            if ending.error_text is None and ending.result is not None:
                ending.error_code, ending.error_text = error_of(ending.result)
        elif isinstance(ending.result, dict) and ending.result.get("isError") is True:
            ending.status = "tool_error"
            ending.error_text = content_text(ending.result)
        if all(view.request is None for view in call.views):
            ending.notes = ("its request is not in the log",)
        return ending

    # Answers that the caller did not log

    def _unheard(self, call: Call, outer: Exchange, inner: Exchange) -> Ending:
        """The callee answered, the caller logged none: lost on the wire, or only its record is missing."""
        ending = self._read(call, inner.answer if inner.answer is not None else -1)
        caller, callee = outer.observer, inner.observer
        sent_at = inner.end or inner.start
        if caller not in self._around.hears_answers:
            why = f"{caller} logs no answers"
        elif self._around.hole(caller, sent_at - SETTLED_US, sent_at + SETTLED_US):
            why = f"the log of {caller} has a hole there"
        elif self._around.moved_on(caller, sent_at):
            why = f"{caller}, which does one thing at a time, went on, so only its record is missing"
        elif self._around.last - sent_at <= SETTLED_US:
            why = f"{caller} had not logged its arrival when the log ended"
        elif ending.answer is not None and self._is_own_error(ending.answer):
            ending.status, ending.at = "pending", None
            ending.rows = (*ending.rows, ending.answer.row)
            why = f"{callee} logged an error and no answer; {caller}, which logs answers, still waits for one"
            ending.notes = (*ending.notes, why)
            return ending
        elif ending.answer is not None and ending.answer.weight == Weight.DETAIL:
            return _lost("receiver", f"{callee} finished, but neither end logged an answer", at=sent_at)
        else:
            return _lost(
                "wire", f"{callee} answered, and {caller}, which logs answers, never got it", at=sent_at
            )
        ending.notes = (*ending.notes, f"{why}; as {callee} logged it")
        return ending

    def _is_own_error(self, answer: Sighting) -> bool:
        """Whether the record tells of a failure inside, and not of an answer that went out."""
        return (
            answer.kind == ERROR
            and answer.weight < Weight.PAYLOAD
            and self._seen.levels[answer.row] == "ERROR"
        )

    # Calls that were received and have no answer

    def _unanswered(self, call: Call, inner: Exchange) -> Ending:
        for decide in (self._failed, self._passed_on, self._untold, self._kept, self._dropped):
            ending = decide(call, inner)
            if ending is not None:
                return ending
        if self._around.hole(
            inner.observer, inner.start, self._around.took_another(inner) or self._around.last
        ):
            return _lost("logger", f"the log of {inner.observer} has a hole where the end would be")
        return Ending(
            "pending", notes=(f"{inner.observer} received it and had not answered when the log ended",)
        )

    def _failed(self, _: Call, inner: Exchange) -> Ending | None:
        """A failure that the callee logged in the same trace, without the answer itself."""
        for row in self._around.remarks_on(inner):
            words = self._around.words(row)
            if self._seen.levels[row] == "ERROR" and not (
                classify(words).tells(*_CONNECTION) and ordinary(words).tells("retrying")
            ):
                note = f"{inner.observer} logged the failure, not the answer"
                return Ending("error", at=self._seen.times[row], error_text=words, notes=(note,), rows=(row,))
        return None

    def _passed_on(self, call: Call, inner: Exchange) -> Ending | None:
        """A router's answer follows from the backend's: of the call of the same tool, else of the last."""
        own = [self._calls[child] for child in self._children.get(call.number, ())]
        if not own:
            return None
        child = ([one for one in own if one.tool == call.tool] or own)[-1]
        end = self.of(child.number)
        if self._withheld(call, inner, end):
            note = f"{inner.observer}{WITHHELD} {child.callee} had answered"
            return Ending("pending", notes=(note,), rows=end.rows)
        note = f"{inner.observer} logs no answers to its caller; as its own call to {child.callee} ended"
        if inner.observer in self._around.hears_answers and end.status in {"pending", "lost"}:
            note = f"{inner.observer} had not answered; its own call to {child.callee} was {end.status}"
        return Ending(
            end.status,
            end.lost_at,
            end.at,
            result=end.result,
            error_code=end.error_code,
            error_text=end.error_text,
            notes=(note,),
            rows=end.rows,
        )

    def _withheld(self, call: Call, inner: Exchange, end: Ending) -> bool:
        """Whether a router got an answer and sent none on, though both ends record every message."""
        around, request = self._around, inner.request
        if end.at is None or request is None or call.outer is None or end.status not in _ANSWERED:
            return False
        verbatim_here = self._seen.sightings[request].convention == verbatim.NAME
        if not verbatim_here or call.outer.observer not in around.thorough:
            return False
        until = end.at + SETTLED_US
        return until < around.last and not around.hole(inner.observer, end.at, until)

    def _untold(self, call: Call, inner: Exchange) -> Ending | None:
        """A question of the handshake to somebody who logs no answers to it: what came next tells."""
        if call.method_is(CALL) or (inner.observer, inner.method) in self._around.tells_answers:
            return None
        silent = f"{inner.observer} logs no answers to {inner.method}"
        following = self._around.next_request(inner)
        if following is not None and following != "initialize":
            return Ending("answered", notes=(f"{silent}, but the next request on its connection came",))
        return Ending("pending", notes=(f"{silent}, and nothing came after it",))

    def _kept(self, call: Call, inner: Exchange) -> Ending | None:
        """A router's own tool: it passes nothing on, and does not log what it answers."""
        around = self._around
        if inner.observer not in around.routers or not call.method_is(CALL):
            return None
        if (inner.observer, CALL) in around.tells_answers and call.outer is not None:
            return None
        if around.reconnected(inner) or around.hole(inner.observer, inner.start, inner.start + SETTLED_US):
            return None
        alone = f"{inner.observer} passed it on to nobody and logged no failure"
        if around.took_another(inner) is not None:
            return Ending(
                "answered", notes=(f"its answer is not logged: {alone}, and took the next request",)
            )
        if around.last - inner.start < _QUIET_US:
            return Ending("answered", notes=(f"its answer is not logged: {alone}; the log ends there",))
        return Ending("pending", notes=(f"{alone}, and fell silent",))

    def _dropped(self, _: Call, inner: Exchange) -> Ending | None:
        """The connection it came on is gone."""
        at = self._around.reconnected(inner)
        if at is None or self._around.hole(inner.observer, inner.start, at):
            return None
        return _lost("receiver", f"{inner.observer} never answered, and was connected anew after that", at=at)

    # Calls that only their sender saw

    def _only_sent(self, call: Call, outer: Exchange) -> Ending:
        for decide in (self._unsendable, self._mistyped, self._hidden, self._swallowed):
            ending = decide(call, outer)
            if ending is not None:
                return ending
        return Ending("pending", notes=("nothing is logged about it after it was sent",))

    def _unsendable(self, _: Call, outer: Exchange) -> Ending | None:
        """The sender says that it has no connection."""
        for row in self._around.remarks_on(outer):
            words = self._around.words(row)
            if not classify(words).tells(*_CONNECTION):
                continue
            if ordinary(words).tells("retrying"):
                return Ending("pending", notes=("not sent: its sender was still reconnecting",), rows=(row,))
            ending = _lost("sender", "it could not be sent", at=self._seen.times[row])
            ending.error_text, ending.rows = words, (row,)
            return ending
        return None

    def _mistyped(self, _: Call, outer: Exchange) -> Ending | None:
        if outer.mistyped is None:
            return None
        return Ending(
            "pending",
            notes=("an answer came with an id of another type: it is none",),
            rows=(outer.mistyped,),
        )

    def _hidden(self, call: Call, outer: Exchange) -> Ending | None:
        """Records are missing where its fate would be told."""
        until = min(self._around.last, outer.start + SETTLED_US)
        for component in (call.callee, outer.observer):
            if self._around.hole(component, outer.start, until):
                return _lost("logger", f"the log of {component} has a hole there")
        return None

    def _swallowed(self, call: Call, outer: Exchange) -> Ending | None:
        """The callee logs what it receives, lived on, and did not receive this."""
        callee = call.callee
        if (
            callee not in self._around.hears_calls
            or self._around.last_of.get(callee, 0) <= outer.start + SETTLED_US
        ):
            return None
        return _lost("wire", f"{callee} logs what it receives, went on logging, and never received this")


def _lost(where: str, why: str, at: int | None = None) -> Ending:
    return Ending("lost", where, at=at, notes=(why,))
