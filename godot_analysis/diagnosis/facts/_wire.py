"""What the messages themselves tell: handshakes, eras, answers to nothing, broken form."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from godot_analysis.diagnosis.facts._calls import HANDSHAKES, LIST, UNFINISHED, Call
from godot_analysis.diagnosis.facts._rows import records, repeated
from godot_analysis.diagnosis.facts._table import Calls
from godot_analysis.diagnosis.facts._views import CallFacts

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

__all__ = ["WireFacts"]

_TWICE: Final = 2
_LOOKED_AT: Final = 10
_WHOLE: Final = ("message", "arrow")
"""The conventions that show every message word for word."""


@dataclass
class WireFacts(CallFacts):
    """What is known from the messages alone."""

    @cached_property
    def handshakes(self) -> Calls:
        """The first requests of all connections, answered or not."""
        return self.table.all(*HANDSHAKES)

    @cached_property
    def setups(self) -> Calls:
        """The handshakes and the lists asked for, in order of time."""
        both = np.concatenate([self.handshakes.places, self.table.all(LIST).places])
        return Calls(self.table, both).by_time()

    @cached_property
    def unasked(self) -> list[dict[str, Any]]:
        """Answers, logged word for word, that answer no request: their id is null, missing, or used up."""
        messages = self.flow.observed
        answers = messages[messages["kind"].isin(["response", "error"]) & messages["convention"].isin(_WHOLE)]
        null = (answers["rpc_id"].isna() | (answers["rpc_id"] == "null")).to_numpy()
        again = repeated(
            answers, ["observer", "direction", "sender", "receiver", "session", "instance", "rpc_id"]
        )
        rows = answers[null | again]
        ids = set(rows["rpc_id"].dropna()) - {"null"}
        asked = messages[(messages["kind"] == "request") & messages["rpc_id"].isin(ids)]
        link = ["observer", "peer", "session", "rpc_id"]
        times = Counter(_keys(asked, link))
        # What was asked again is answered again.
        fresh = [times[key] < _TWICE for key in _keys(rows, link)]
        return records(rows[fresh])

    def stateless(self, server: str) -> bool:
        """Whether somebody speaks to a server in the stateless era, where no handshake is needed."""
        return server in self._stateless

    @cached_property
    def _stateless(self) -> frozenset[str]:
        messages = self.flow.observed
        return frozenset(messages.loc[messages["era"] == "stateless", "receiver"].dropna().astype(object))

    @cached_property
    def confirmed(self) -> frozenset[str]:
        """The servers that were told `notifications/initialized`."""
        messages = self.flow.observed
        told = messages[messages["method"] == "notifications/initialized"]
        return frozenset(told["receiver"].dropna()) | frozenset(
            told.loc[told["direction"] == "received", "observer"].astype(object)
        )

    def verbatim(self, *names: str) -> bool:
        """Whether one of the components records its messages in full, so that a missing one was not sent."""
        return not self._verbatim.isdisjoint(names)

    @cached_property
    def _verbatim(self) -> frozenset[str]:
        messages = self.flow.observed
        whole = messages["convention"].isin(_WHOLE)
        return frozenset(messages.loc[whole, "observer"].astype(object))

    @cached_property
    def told_changes(self) -> list[tuple[str, str, pd.Timestamp, str]]:
        """Each word of a changed list that arrived: server, client, when it was first seen, and row."""
        hops = self.flow.hops
        told = hops[(hops["method"] == "notifications/tools/list_changed") & hops["received_at"].notna()]
        return [
            (
                row["sender"],
                row["receiver"],
                min(row["sent_at"] or row["received_at"], row["received_at"]),
                row["received_record"],
            )
            for row in records(told)
            if row["sender"] and row["receiver"]
        ]

    @cached_property
    def invalid(self) -> list[dict[str, Any]]:
        """The messages that are no valid JSON-RPC, as rows of `messages`, with their sender."""
        messages = self.flow.observed
        rows = records(messages[messages["validity"].fillna("") != ""])
        for row in rows:
            row["sender"] = row["sender"] or (
                row["peer"] if row["direction"] == "received" else row["observer"]
            )
        return rows

    def unread(
        self, receiver: str, time: pd.Timestamp, sender: str | None = None
    ) -> tuple[dict[str, Any], int] | None:
        """The last message sent to `receiver` by `time` whose arrival it did not log, and its length."""
        hops = self.flow.hops
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
        messages = self.flow.observed
        open_ = self.table.mask("status", *UNFINISHED) | self.table.unanswered
        found = []
        for requests in (self.handshakes, self.calls):
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
        messages = self.flow.observed
        answers = messages[
            messages["kind"].isin(["response", "error"])
            & messages["payload"].notna()
            & messages["convention"].isin(_WHOLE)
        ]
        given = frozenset(answers["rpc_id"].dropna().astype(object))
        open_ = self.table.mask("status", *UNFINISHED) | self.table.unanswered
        waiting = [
            call
            for calls in (self.calls, self.handshakes)
            for call, _ in calls.only(open_).telling(
                "rpc_id", lambda rpc_id: True if rpc_id and _other_type(rpc_id) in given else None
            )
        ]
        if not waiting:
            return []
        answers = answers[answers["rpc_id"].isin({_other_type(call.rpc_id or "") for call in waiting})]
        by_id: dict[str, list[dict[str, Any]]] = {}
        for row in records(answers):
            by_id.setdefault(row["rpc_id"], []).append(row)
        found = []
        for call in waiting:
            for row in by_id.get(_other_type(call.rpc_id or ""), ()):
                same_pair = {row["sender"], row["receiver"]} <= {call.callee, call.caller, None}
                if row["time"] >= call.started and same_pair:
                    found.append((call, row))
                    break
        return found


def _keys(rows: pd.DataFrame, columns: list[str]) -> Iterator[tuple[Any, ...]]:
    """The rows as tuples of some columns, missing values as None so that they equal each other."""
    plain = (rows[name].astype(object).where(rows[name].notna(), None) for name in columns)
    return zip(*plain, strict=True)


def _is_word(rpc_id: str) -> bool:
    """Whether an id is text, and not that of a number."""
    return rpc_id.startswith('"') and not rpc_id.strip('"').isdecimal()


def _other_type(rpc_id: str) -> str:
    """The JSON text of an id with its quotes taken off, or with quotes where it had none."""
    bare = rpc_id.strip('"')
    return bare if bare != rpc_id else f'"{bare}"'
