"""The rule about a backend all of whose calls fail alike, from the first one or since a token expired."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from godot_analysis.diagnosis.facts.blame import (
    METHOD_NOT_FOUND,
    at_fault,
    error_words,
    is_generic,
    same_error,
)
from godot_analysis.diagnosis.facts.call import TOOL_CALL, UNFINISHED
from godot_analysis.diagnosis.facts.connecting import connected_later
from godot_analysis.diagnosis.matches import Clue, Match, only_tool, rows_of
from godot_analysis.diagnosis.rules._http import refused_credentials
from godot_analysis.diagnosis.rules._registry import rule
from godot_analysis.diagnosis.wording import count, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from godot_analysis.diagnosis.facts import Call, Facts
    from godot_analysis.reading.events import Event

_ENOUGH: Final = 2
_CLOSE: Final = pd.Timedelta(seconds=5)


@rule("R08")
def all_calls_fail_alike(facts: Facts) -> Iterator[Match]:
    yield from _dispatched_wrong(facts)
    yield from _credentials_refused(facts)


def _dispatched_wrong(facts: Facts) -> Iterator[Match]:
    """Backends that answer each call with one and the same error."""
    for backend, calls in facts.operations.by_backend.items():
        errors, good = calls.ended("error"), calls.ended("answered")
        if not errors or good.since(errors.by_time()[0].started):
            continue
        # Where only the backend's remark on its failure is left, it says nothing of what kind it was.
        told = [call for call in errors if call.error_code is not None] or errors
        tools = {call.tool for call in errors}
        if len({same_error(call) for call in told}) != 1:
            continue
        if len(tools) < _ENOUGH and told[0].error_code != METHOD_NOT_FOUND:
            continue
        if any(at_fault(call) == "caller" for call in told) and not _say_nothing(told):
            continue
        several = len(tools) >= _ENOUGH and told[0].error_code == METHOD_NOT_FOUND
        if good and (not several or told[0].tells("tool.unknown")):
            continue  # something worked before: then only an error that is not about one tool says it all
        error, number = error_words(told[0]), count(len(errors), "call")
        since = f" since {errors.by_time()[0].started:%H:%M:%S}" if good else ""
        rows = tuple(row for call in errors for row in facts.operations.operation_of(call).rows)
        clues = [
            Clue(
                f"all {number}{since} ({listed(sorted(filter(None, tools)))}) got “{error}”",
                1 - 0.5 ** len(errors),
                rows,
            )
        ]
        clues += _around(backend, told[0], facts)
        words = {"number": number, "since": since, "error": error}
        numbers = facts.operations.families(errors)
        yield Match(backend, backend, clues, only_tool(errors), numbers, words, variant="dispatch")


def _around(backend: str, failed: Call, facts: Facts) -> Iterator[Clue]:
    """What else shows that it is the dispatch of calls, and nothing else, that is broken."""
    if failed.error_code == METHOD_NOT_FOUND:
        yield Clue("the method it does not find is `tools/call`, which every MCP server must know", 0.4)
    fine = {
        name: call
        for name in facts.operations.by_backend
        if name != backend and (call := facts.operations.well_answered(name))
    }
    if fine:
        row = next(iter(fine.values())).rows[-1:]
        yield Clue(f"calls to {listed(sorted(fine))} through the same relay are answered", 0.5, row)
    lists = [listing for listing in facts.tools.lists_of(backend) if not listing.failed]
    if lists:
        yield Clue(f"{backend} was asked for its tools without an error", 0.3, lists[-1].records)


def _credentials_refused(facts: Facts) -> Iterator[Match]:
    """Servers that did answer their client, and now refuse whatever it sends for its token."""
    for server, items in facts.incidents.failed_exchanges.items():
        refused = [
            item
            for item in items
            if refused_credentials(item)
            and item.verb in {"POST", None}
            # What a server asks elsewhere for its own work has an address, what it was asked has a path.
            and (item.component != server or (item.url or "").startswith("/"))
        ]
        for witness in sorted({item.component for item in refused}):
            if server is not None:
                yield from _without_token(server, witness, refused, facts)


def _without_token(server: str, witness: str, refused: list[Event], facts: Facts) -> Iterator[Match]:
    asked = facts.operations.requests.where("callee", server)
    if witness != server:
        asked = asked.where("caller", witness, None)
    good = asked.served.by_time()
    if not good:
        return  # nobody ever got in, which is another matter
    own = [item for item in refused if item.component == witness and item.time > good[-1].started]
    if not own:
        return  # there is a new token
    client = witness if witness != server else good[-1].caller or facts.topology.client
    hurt = asked.ended("error", *UNFINISHED).since(own[0].time - _CLOSE).after(good[-1].started)
    if not hurt or connected_later(client, server, own[-1].time, facts):
        return
    first = own[0]
    clues = (
        Clue(f"{witness} logged {first.status} “{first.text[:160]}”", 0.7, rows_of(own)),
        Clue(f"{server} had answered {client} before", 0.4, good[-1].rows),
        Clue(f"nothing that {client} asked later was answered", 0.3, hurt[-1].rows),
    )
    calls = [call for call in hurt if call.method == TOOL_CALL]
    numbers = facts.operations.families(calls)
    yield Match(server, client, clues, only_tool(calls), numbers, {"status": first.status}, variant="token")


def _say_nothing(calls: Sequence[Call]) -> bool:
    """Whether calls of several tools got one text that speaks of none of them, nor of any argument."""
    several = len({call.tool for call in calls}) >= _ENOUGH
    return several and len({call.error_text for call in calls}) == 1 and is_generic(calls[0])
