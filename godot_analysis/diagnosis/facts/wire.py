"""What the messages themselves show: answers to nothing, ids of another type, broken form."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from godot_analysis.diagnosis.facts._rows import chosen, records, repeated
from godot_analysis.diagnosis.facts.call import UNFINISHED
from godot_analysis.diagnosis.facts.timeline import grouped
from godot_analysis.loading.frames import texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from godot_analysis.diagnosis.facts.call import Call
    from godot_analysis.diagnosis.facts.operations import Operations
    from godot_analysis.reconstruction.flow import Flow

__all__ = ["Wire"]

_TWICE: Final = 2
_LOOKED_AT: Final = 10
_WHOLE: Final = ("message", "arrow", "frame")
"""The conventions that show every message word for word."""


class Wire:
    """What is known from the messages alone."""

    def __init__(self, flow: Flow, operations: Operations) -> None:
        self._flow, self._operations = flow, operations

    @cached_property
    def unasked(self) -> list[dict[str, Any]]:
        """Answers, logged word for word, that answer no request: their id is null, missing, or used up."""
        messages = self._flow.observed
        answers = messages[messages["kind"].isin(["response", "error"]) & messages["convention"].isin(_WHOLE)]
        null = (answers["rpc_id"].isna() | (answers["rpc_id"] == "null")).to_numpy()
        again = repeated(
            answers, ["observer", "direction", "sender", "receiver", "session", "instance", "rpc_id"]
        )
        if not (null | again).any():
            return []
        rows = answers[null | again]
        ids = set(rows["rpc_id"].dropna()) - {"null"}
        asked = messages[(messages["kind"] == "request") & messages["rpc_id"].isin(ids)]
        link = ["observer", "peer", "session", "rpc_id"]
        times = Counter(_keys(asked, link))
        # What was asked again is answered again.
        fresh = [times[key] < _TWICE for key in _keys(rows, link)]
        return records(rows[fresh])

    @cached_property
    def invalid(self) -> list[dict[str, Any]]:
        """The messages that are no valid JSON-RPC, as rows of `messages`, with their sender."""
        messages = self._flow.observed
        rows = chosen(messages, messages["validity"].fillna("") != "")
        for row in rows:
            row["sender"] = row["sender"] or (
                row["peer"] if row["direction"] == "received" else row["observer"]
            )
        return rows

    def unread(
        self, receiver: str, time: pd.Timestamp, sender: str | None = None
    ) -> tuple[dict[str, Any], int] | None:
        """The last message sent to `receiver` by `time` whose arrival it did not log, and its length."""
        hops = self._flow.hops
        sent = (hops["receiver"] == receiver) & (hops["seen"] == "sender") & (hops["sent_at"] <= time)
        if sender is not None:
            sent &= hops["sender"] == sender
        rows = records(hops[sent & (hops["kind"] != "invalid") & hops["payload"].notna()].tail(1))
        return (rows[0], len(json.dumps(rows[0]["payload"], default=str))) if rows else None

    @cached_property
    def renumbered(self) -> list[tuple[Call, dict[str, Any]]]:
        """Requests without an answer whose id is text, each with one by a number that nobody asked with.

        So do servers that read an id as a number, whatever it is: they answer with 0.
        """
        messages = self._flow.observed
        open_ = self._operations.table.mask("status", *UNFINISHED) | self._operations.table.unanswered
        found = []
        for requests in (self._operations.handshakes, self._operations.calls):
            named = requests.only(open_).telling("rpc_id", lambda rpc_id: _is_word(rpc_id or "") or None)
            for call, _ in itertools.islice(named, _LOOKED_AT):
                ends = messages["sender"].isin([call.callee, call.caller])
                between = messages[ends & messages["receiver"].isin([call.callee, call.caller])]
                asked = between.loc[between["kind"] == "request", "rpc_id"]
                answers = between[between["kind"].isin(["response", "error"]) & between["rpc_id"].notna()]
                strange = ~answers["rpc_id"].isin(asked) & (answers["time"] >= call.started)
                numbers = answers["rpc_id"].astype(object).map(str.isdecimal).astype(bool)
                found += [(call, row) for row in records(answers[strange & numbers].head(1))]
        return found

    @cached_property
    def retyped(self) -> list[tuple[Call, dict[str, Any]]]:
        """Requests without an answer, each with an answer whose id differs from theirs only in its type.

        How a request behind a relay ended is told by the relay's own request, which is no answer to it.
        """
        open_ = self._operations.table.mask("status", *UNFINISHED) | self._operations.table.unanswered
        if not open_.any():
            return []
        messages = self._flow.observed
        answers = messages[
            messages["kind"].isin(["response", "error"])
            & messages["payload"].notna()
            & messages["convention"].isin(_WHOLE)
        ]
        given = frozenset(answers["rpc_id"].dropna().astype(object))
        waiting = [
            call
            for calls in (self._operations.calls, self._operations.handshakes)
            for call, _ in calls.only(open_).telling(
                "rpc_id", lambda rpc_id: True if rpc_id and _other_type(rpc_id) in given else None
            )
        ]
        if not waiting:
            return []
        answers = answers[answers["rpc_id"].isin({_other_type(call.rpc_id or "") for call in waiting})]
        by_id = grouped((row["rpc_id"], row) for row in records(answers))
        found = []
        for call in waiting:
            for row in by_id.get(_other_type(call.rpc_id or ""), ()):
                same_pair = {row["sender"], row["receiver"]} <= {call.callee, call.caller, None}
                if row["time"] >= call.started and same_pair:
                    found.append((call, row))
                    break
        return found

    def verbatim(self, *names: str) -> bool:
        """Whether one of the components records its messages in full, so that a missing one was not sent."""
        return not self._verbatim.isdisjoint(names)

    @cached_property
    def _verbatim(self) -> frozenset[str]:
        messages = self._flow.observed
        whole = messages["convention"].isin(_WHOLE)
        return frozenset(messages.loc[whole, "observer"].astype(object))

    @cached_property
    def one_sided(self) -> list[str]:
        """The components of which only their own end was seen: no other end logged a message of theirs."""
        hops = self._flow.hops
        both = hops["seen"] == "both"
        met = {name for end in ("sender", "receiver") for name in hops[end][both].dropna().unique()}
        observers = self._flow.observed["observer"].dropna().unique()
        return sorted(str(name) for name in observers if name not in met)

    def stateless(self, server: str) -> bool:
        """Whether somebody speaks to a server in the stateless era, where no handshake is needed."""
        return server in self._stateless

    @cached_property
    def _stateless(self) -> frozenset[str]:
        messages = self._flow.observed
        return frozenset(messages.loc[messages["era"] == "stateless", "receiver"].dropna().astype(object))


def _keys(rows: pd.DataFrame, columns: list[str]) -> Iterator[tuple[Any, ...]]:
    """The rows as tuples of some columns, missing values as None so that they equal each other."""
    return zip(*(texts(rows[name]) for name in columns), strict=True)


def _is_word(rpc_id: str) -> bool:
    """Whether an id is text, and not that of a number."""
    return rpc_id.startswith('"') and not rpc_id.strip('"').isdecimal()


def _other_type(rpc_id: str) -> str:
    """The JSON text of an id with its quotes taken off, or with quotes where it had none."""
    bare = rpc_id.strip('"')
    return bare if bare != rpc_id else f'"{bare}"'
