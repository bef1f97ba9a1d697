"""Rules about arguments and results against the schemas that the tool's own list declares."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TypeVar

from godot_analysis.diagnosis.facts.blame import at_fault
from godot_analysis.diagnosis.matches import Clue, Match, logged
from godot_analysis.diagnosis.rules._registry import rule
from godot_analysis.diagnosis.wording import listed
from godot_analysis.reading.names import nearest
from godot_analysis.schema import Check, takes, unknown_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from godot_analysis.diagnosis.facts import Call, Calls, Facts

_Told = TypeVar("_Told")

_DUMMIES: Final = frozenset(
    {"random_string", "dummy", "noop"}
)  # hosts fill tools without arguments with these


@rule("F29")
def output_unlike_schema(facts: Facts) -> Iterator[Match]:
    complaints = [item for item in facts.incidents.complaints if item.tells("result.invalid")]
    for call, backend, odd in _results(facts):
        if not isinstance(call.result, dict):
            continue
        # The server itself may notice, or whoever stands between it and the first sender.
        ends = (
            one
            for one in (call, facts.operations.operation_of(call))
            if one.status in {"error", "tool_error"}
        )
        worded = next((one.error_text for one in ends if one.tells("result.invalid")), None)
        if worded is None and (call.status != "answered" or odd is None):
            continue
        what = odd if worded is None else f"the call was answered with “{worded[:120]}”"
        refused = [one for one in complaints if call.started <= one.time and str(call.tool) in one.said]
        clues = [Clue(f"{call.tool} was listed with an outputSchema, and {what}", 0.75, call.rows)]
        clues += [logged(one, 0.6) for one in refused[:1]]
        effect = "" if refused or worded else " Nobody seems to have checked it here: it works by luck."
        numbers = facts.operations.operation_of(call).family
        words = {"what": what, "effect": effect}
        yield Match(
            backend, backend, clues, call.tool, numbers, words, None if refused or worded else "warning"
        )


@rule("F30")
def argument_as_text(facts: Facts) -> Iterator[Match]:
    for call, backend, _, texts in _unlike(facts, "arguments", _text_check):
        failed = call.status in {"error", "tool_error"} and at_fault(call) != "server"
        clues = [Clue(f"{listed(texts)} of {call.tool} was sent as a string that holds JSON", 0.7, call.rows)]
        if failed:
            clues.append(Clue(f"the call was refused: “{call.error_text[:160]}”", 0.5, call.rows))
        kind = next(iter(texts.values()))
        words = {
            "names": listed(texts),
            "kind": kind,
            "did": f"sent an argument of {call.tool} as a JSON string",
            "how": f"with {listed(texts)} as text, where the schema says {kind}",
            "why": "The value was put into JSON twice.",
        }
        if call.failed and not failed:
            continue
        numbers = facts.operations.operation_of(call).family
        yield Match(
            backend, _sender(call, facts), clues, call.tool, numbers, words, None if failed else "warning"
        )

    yield from _lost_on_the_way(facts)


def _lost_on_the_way(facts: Facts) -> Iterator[Match]:
    """Calls that a backend refused, and whose arguments a hop had handed on without a part of them."""
    for backend, calls in facts.operations.by_backend.items():
        for call in calls.erred:
            top = facts.operations.operation_of(call)
            near = call.parent == top.number and top.tool == call.tool
            if not near or call.caller is None or at_fault(call) != "caller":
                continue
            lost = _lost(top.arguments, call.arguments, facts.tools.listed_properties(call))
            if lost:
                clues = (
                    Clue(f"{call.caller} was given {lost} and did not hand it on", 0.8, _asked(call, top)),
                    Clue(f"the call was refused: “{call.error_text[:160]}”", 0.5, call.rows),
                )
                words = {
                    "names": lost.split(".")[0],
                    "kind": "value",
                    "did": f"dropped a part of the arguments of {call.tool}",
                    "how": f"without {lost}, which it had been given",
                    "why": "A part of the arguments was lost on the way.",
                }
                yield Match(backend, call.caller, clues, call.tool, top.family, words)


def _asked(call: Call, top: Call) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*top.rows, *call.rows)))


def _lost(given: Any, sent: Any, known: frozenset[str]) -> str | None:
    """What is missing in the arguments that were sent on, the rest of them unchanged; None when nothing is.

    A whole argument may have been meant for the hop itself, unless the backend knows it.
    """
    if not isinstance(given, dict) or not isinstance(sent, dict):
        return None
    if any(given.get(key) != value and not _within(given.get(key), value) for key, value in sent.items()):
        return None
    whole = (key for key in given if key not in sent and key in known)
    parts = (
        f"{key}.{part}"
        for key, value in sent.items()
        if isinstance(value, dict)
        for part in given[key]
        if part not in value
    )
    return next(whole, None) or next(parts, None)


def _within(given: Any, sent: Any) -> bool:
    """Whether one object is another with some of its keys left out."""
    return isinstance(given, dict) and isinstance(sent, dict) and sent.items() <= given.items()


@rule("F31")
def argument_ignored(facts: Facts) -> Iterator[Match]:
    for call, backend, told, unknown in _unlike(facts, "arguments", _unknown_check):
        if call.status != "answered":
            continue
        free = [name for name in _properties(told) if name not in (call.arguments or {})]
        meant = nearest(unknown[0], free)
        clues = [Clue(f"{listed(unknown)} is in no property of {call.tool}", 0.6, call.rows)]
        if meant:
            clues.append(Clue(f"{meant} is almost the same name, and was not sent", 0.5))
        words = {"names": listed(unknown), "meant": f" (perhaps {meant})" if meant else ""}
        numbers = facts.operations.operation_of(call).family
        yield Match(backend, _sender(call, facts), clues, call.tool, numbers, words)


def _unlike(
    facts: Facts, column: str, read: Callable[[dict[str, Any]], Callable[[Any], _Told | None] | None]
) -> Iterator[tuple[Call, str, dict[str, Any], _Told]]:
    """The calls that are not as the list of their backend says: call, backend, tool, and what is odd.

    `read` makes of what a list says of a tool a check of one value of the column; None when nothing it says
    can be broken. So each schema is read once, however many calls there are.
    """
    for backend, calls in facts.operations.by_backend.items():
        found = [
            (call, told, odd)
            for told, some in _described(backend, calls, facts)
            if (check := read(told)) is not None
            for call, odd in some.telling(column, check)
        ]
        for call, told, odd in sorted(found, key=lambda item: item[0].number):
            yield call, backend, told, odd


def _results(facts: Facts) -> Iterator[tuple[Call, str, str | None]]:
    """The calls of tools with an output schema that failed, or whose result is unlike it, and how."""
    failed = facts.operations.table.mask("status", "error", "tool_error")
    for backend, calls in facts.operations.by_backend.items():
        found: dict[int, tuple[Call, str | None]] = {}
        for told, some in _described(backend, calls, facts):
            if (check := _result_check(told)) is not None:
                found |= {
                    call.number: (call, None)
                    for call in some.only(failed | failed[facts.operations.table.tops])
                }
                found |= {call.number: (call, odd) for call, odd in some.telling("result", check)}
        for number in sorted(found):
            call, odd = found[number]
            yield call, backend, odd
    handed_on = facts.operations.calls.only(facts.operations.table.passing_on).ended("answered")
    for relay in sorted(facts.topology.roles.relays):
        for told, some in _described(relay, handed_on.where("callee", relay), facts):
            check = _result_check(told)
            for call, odd in some.telling("result", check) if check else ():
                whole = call.last.result
                if isinstance(whole, dict) and "structuredContent" in whole and check and not check(whole):
                    yield call, relay, f"{odd}, though {call.last.callee} had sent one that fits"


def _described(backend: str, calls: Calls, facts: Facts) -> Iterator[tuple[dict[str, Any], Calls]]:
    """What the lists of a backend say of each tool, with the calls of it that were made under that list."""
    lists = facts.tools.descriptions(backend)
    for tool, some in calls.groups(*facts.operations.table.codes("tool")).items() if lists else ():
        rows = lists.get(tool, [])
        for at, (since, told) in enumerate(rows):
            under = some.since(since)
            yield told, under if at + 1 == len(rows) else under.before(rows[at + 1][0])


def _result_check(told: dict[str, Any]) -> Callable[[Any], str | None] | None:
    schema = told.get("outputSchema")
    if not isinstance(schema, dict):
        return None
    broken = Check(schema)

    def check(result: Any) -> str | None:
        if not isinstance(result, dict) or result.get("isError") is True:
            return None
        if "structuredContent" in result:
            wrong = broken(result["structuredContent"])
            return None if wrong is None else f"in its structuredContent {wrong}"
        return "its result has no structuredContent"

    return check


def _text_check(told: dict[str, Any]) -> Callable[[Any], dict[str, str] | None] | None:
    kinds = {name: takes(part, told.get("inputSchema")) for name, part in _properties(told).items()}
    nested = {
        name: min(some & {"object", "array"})
        for name, some in kinds.items()
        if some & {"object", "array"} and "string" not in some
    }

    def check(arguments: Any) -> dict[str, str] | None:
        if not isinstance(arguments, dict):
            return None
        texts = ((name, value) for name, value in arguments.items() if name in nested)
        return {name: nested[name] for name, value in texts if _is_json(value)} or None

    return check if nested else None


def _unknown_check(told: dict[str, Any]) -> Callable[[Any], list[str] | None] | None:
    schema, known = told.get("inputSchema"), _properties(told).keys() | _DUMMIES

    def check(arguments: Any) -> list[str] | None:
        if not isinstance(arguments, dict) or arguments.keys() <= known:
            return None
        return [key for key in unknown_keys(arguments, schema) if key not in _DUMMIES] or None

    return check


def _properties(told: dict[str, Any]) -> dict[str, Any]:
    schema = told.get("inputSchema")
    found = schema.get("properties") if isinstance(schema, dict) else None
    return found if isinstance(found, dict) else {}


def _sender(call: Call, facts: Facts) -> str:
    """Who made the arguments: the first sender, unless a hop on the way changed them."""
    top = facts.operations.operation_of(call)
    if top is not call and top.arguments is not None and top.arguments != call.arguments and call.caller:
        return call.caller
    return facts.topology.client


def _is_json(text: Any) -> bool:
    if not isinstance(text, str) or not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
