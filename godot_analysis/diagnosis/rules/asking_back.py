"""The rule about what a server asks its client back while a tool is at work: whether it gets it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pandas as pd

from godot_analysis.diagnosis.matches import Clue, Match
from godot_analysis.diagnosis.rules._registry import rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godot_analysis.diagnosis.facts import Call, Facts

_ASKS: Final = {
    "sampling/createMessage": "sampling",
    "elicitation/create": "elicitation",
    "roots/list": "roots",
}
"""What a server may ask for, and the capability by which a client says that it can give it."""
_CAPABILITIES: Final = "io.modelcontextprotocol/clientCapabilities"
_INPUT: Final = "input_required"
_CONTINUED: Final = frozenset({"inputResponses", "requestState"})
_UNANSWERED: Final = ("pending", "lost", "timed_out")
_LONG: Final = pd.Timedelta(minutes=2)  # a person answers sooner, or not at all
_NEXT: Final = 20  # calls among which the one is that goes on
_SOON: Final = pd.Timedelta(minutes=10)  # so long a person may be asked


class _Need(NamedTuple):
    """What a server wanted of its client under a tool call, and did not get."""

    call: Call
    client: str
    wanted: str
    what: str
    clues: tuple[Clue, ...]
    refused: bool = False


@rule("R21")
def not_given(facts: Facts) -> Iterator[Match]:
    for need in (*_asked_back(facts), *_input_wanted(facts)):
        yield _match(need, facts)


def _asked_back(facts: Facts) -> Iterator[_Need]:
    """What servers asked for by a request of their own."""
    for ask in facts.operations.table.all(*_ASKS).failed.leaves:
        call = _under_way(ask, facts)
        if call is None or ask.callee is None:
            continue
        # A person who says no is no fault; a client that does not know what it is asked is one.
        if ask.status == "error" and not ask.tells("user.declined"):
            what = f"{ask.callee} answered “{ask.error_text[:120]}”"
            clues = (Clue(what, 0.7, ask.rows),)
            yield _Need(call, ask.callee, _ASKS[ask.method], what, clues, refused=True)
        elif ask.status in _UNANSWERED and (
            call.answered or call.status == "timed_out" or facts.log.end - ask.started >= _LONG
        ):
            clues = (Clue(f"{ask.method} was not answered", 0.6, ask.rows),)
            what = f"{ask.callee} never answered"
            yield _Need(call, ask.callee, _ASKS[ask.method], what, clues)


def _input_wanted(facts: Facts) -> Iterator[_Need]:
    """What servers of the stateless era asked for by a result, with which the call is to be made again."""
    for call, wanted in facts.operations.calls.leaves.ended("answered").telling("result", _input_required):
        again = list(itertools.islice(facts.operations.calls_like(call), _NEXT))
        if call.caller is None or any(_CONTINUED & facts.operations.asked(one).keys() for one in again):
            continue
        clue = Clue(f"the result of {call.tool} was {_INPUT}, and no answer to it followed", 0.6, call.rows)
        if again:
            anew = Clue(f"{call.tool} was called anew instead", 0.4, again[0].rows)
            what = f"{call.caller} did not call again with an answer"
            yield _Need(call, call.caller, wanted, what, (clue, anew))


def _input_required(result: Any) -> str | None:
    """What a result of the stateless era asks for, if it asks for anything."""
    if type(result) is not dict or "resultType" not in result or result["resultType"] != _INPUT:
        return None
    requests = result.get("inputRequests")
    asked = requests.values() if isinstance(requests, dict) else ()
    methods = [item.get("method") for item in asked if isinstance(item, dict)]
    return next((_ASKS[method] for method in methods if method in _ASKS), "more input")


def _under_way(ask: Call, facts: Facts) -> Call | None:
    """The tool call under which a server asked back, if it did not end well."""
    calls = facts.operations.calls.where("caller", ask.callee).where("callee", ask.caller).before(ask.started)
    open_then = [call for call in calls.failed if call.ended is None or call.ended >= ask.started]
    return open_then[-1] if open_then else None


def _match(need: _Need, facts: Facts) -> Match:
    call, client, wanted = need.call, need.client, need.wanted
    server = facts.operations.backend_of(call.last) or call.callee
    cause: str | None = client
    clues = [*need.clues]
    remedy = f"Make {client} answer what servers ask it for ({wanted}), if need be with a refusal."
    able = _capabilities(call, client, facts)
    if need.refused and able is not None and wanted not in able:
        cause = server
        remedy = (
            f"Let {server} ask only for what its client has declared: {client} has not declared {wanted}."
        )
        clues.append(Clue(f"{client} did not declare {wanted}", 0.4))
    clues.append(Clue(f"{call.tool} did not end well", 0.2, call.rows))
    words = {"client": client, "wanted": wanted, "what": need.what, "remedy": remedy}
    return Match(server, cause, clues, call.tool, facts.operations.operation_of(call).family, words)


def _capabilities(call: Call, client: str, facts: Facts) -> dict[str, Any] | None:
    """What the client declared to the server of this call, as far as the log shows."""
    named = facts.operations.asked(call).get("_meta")
    if isinstance(named, dict) and _CAPABILITIES in named:
        able = named[_CAPABILITIES]
    else:
        hands = (
            facts.operations.handshakes.where("caller", client)
            .where("callee", call.callee)
            .before(call.started)
        )
        able = facts.operations.asked(hands[-1]).get("capabilities") if hands else None
    return able if isinstance(able, dict) else None
