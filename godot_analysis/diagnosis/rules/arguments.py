"""Rules about arguments and results against the schemas that the tool's own list declares."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from godot_analysis.diagnosis.facts import nearest, takes, unknown_keys, violation
from godot_analysis.diagnosis.rules._rule import Clue, Match, rule
from godot_analysis.diagnosis.rules._texts import blame
from godot_analysis.diagnosis.rules._words import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godot_analysis.diagnosis.facts import Call, Facts

__all__: list[str] = []

_STRUCTURED: Final = re.compile(
    r"structured ?content|output ?schema|structured (?:output|result)", re.IGNORECASE
)
_DUMMIES: Final = frozenset(
    {"random_string", "dummy", "noop"}
)  # hosts fill tools without arguments with these


@rule(
    "F29",
    layer="call",
    severity="error",
    title="The result of {tool} is not what its output schema promises",
    summary="{component} declares an output schema for {tool}, and {what}.",
    explanation="A tool that declares `outputSchema` must return `structuredContent` that fits it; "
    "strict clients "
    "throw the whole result away.{effect}",
    fix="Return `structuredContent` that fits the schema of {tool}, or drop the `outputSchema`.",
    supersedes=("R09", "R10", "R12", "F32"),
    references=("F29", "koala73/worldmonitor#8328", "opentokenz/mcpx#28"),
)
def output_unlike_schema(facts: Facts) -> Iterator[Match]:
    for call, backend, told in _declared(facts):
        schema = told.get("outputSchema")
        if not isinstance(schema, dict) or not isinstance(call.result, dict):
            continue
        refused = [
            item
            for item in facts.signals.complaints
            if _STRUCTURED.search(item.said)
            and call.started <= item.time
            and (str(call.tool) in item.said or facts.last_before(item.time) is call)
        ]
        # The server itself may notice, or whoever stands between it and the first sender.
        ends = (one for one in (call, facts.operation_of(call)) if one.status in {"error", "tool_error"})
        worded = next((one.error_text for one in ends if _STRUCTURED.search(one.error_text)), None)
        if worded is None and (call.status != "answered" or call.result.get("isError") is True):
            continue
        if worded is not None:
            what = f"the call was answered with “{worded[:120]}”"
        elif "structuredContent" not in call.result:
            what = "its result has no structuredContent"
        elif (wrong := violation(call.result["structuredContent"], schema)) is not None:
            what = f"in its structuredContent {wrong}"
        else:
            continue
        clues = [Clue(f"{call.tool} was listed with an outputSchema, and {what}", 0.75, call.rows)]
        clues += [
            Clue(f"{one.component} logged: {one.text[:160]}", 0.6, (one.record,)) for one in refused[:1]
        ]
        effect = "" if refused or worded else " Nobody seems to have checked it here: it works by luck."
        numbers = facts.operation_of(call).family
        words = {"what": what, "effect": effect}
        yield Match(
            backend,
            backend,
            tuple(clues),
            call.tool,
            numbers,
            words,
            None if refused or worded else "warning",
        )


@rule(
    "F30",
    layer="call",
    severity="error",
    title="{cause_in} sent an argument of {tool} as a JSON string",
    summary="{cause_in} called {tool} with {names} as text, where the schema says {kind}.",
    explanation="The value was put into JSON twice. Servers that validate refuse it; others read it wrongly.",
    fix="Send {names} as the {kind} itself; look at how {cause_in} builds the arguments of nested types.",
    supersedes=("R10", "R09", "R12"),
    references=("F30", "PrefectHQ/fastmcp#932", "microsoft/mcp#220"),
)
def argument_as_text(facts: Facts) -> Iterator[Match]:
    for call, backend, told in _declared(facts):
        properties = _properties(told)
        texts = {}
        for name, value in (call.arguments or {}).items():
            kinds = takes(properties.get(name), told.get("inputSchema"))
            if (
                isinstance(value, str)
                and kinds & {"object", "array"}
                and "string" not in kinds
                and _is_json(value)
            ):
                texts[name] = min(kinds & {"object", "array"})
        if not texts:
            continue
        failed = call.status in {"error", "tool_error"} and blame(call) != "callee"
        clues = [Clue(f"{listed(texts)} of {call.tool} was sent as a string that holds JSON", 0.7, call.rows)]
        if failed:
            clues.append(Clue(f"the call was refused: “{call.error_text[:160]}”", 0.5, call.rows))
        words = {"names": listed(texts), "kind": next(iter(texts.values()))}
        if call.failed and not failed:
            continue
        numbers = facts.operation_of(call).family
        yield Match(
            backend,
            _sender(call, facts),
            tuple(clues),
            call.tool,
            numbers,
            words,
            None if failed else "warning",
        )


@rule(
    "F31",
    layer="call",
    severity="warning",
    title="{tool} ignored arguments that it does not know",
    summary="{cause_in} called {tool} with {names}, which its schema does not name{meant}; the call "
    "went on without.",
    explanation="A schema without `additionalProperties: false` lets misspelt arguments pass, and "
    "the tool works with "
    "its defaults instead: the answer is right for another question.",
    fix="Correct the arguments; declare `additionalProperties: false` in {component} so that the "
    "mistake is told.",
    references=("F31", "daintreehq/daintree#6639", "QuantGeekDev/mcp-framework#176"),
)
def argument_ignored(facts: Facts) -> Iterator[Match]:
    for call, backend, told in _declared(facts):
        if call.status != "answered" or not call.arguments:
            continue
        unknown = [
            key for key in unknown_keys(call.arguments, told.get("inputSchema")) if key not in _DUMMIES
        ]
        if not unknown:
            continue
        free = [name for name in _properties(told) if name not in call.arguments]
        meant = nearest(unknown[0], free)
        clues = [Clue(f"{listed(unknown)} is in no property of {call.tool}", 0.6, call.rows)]
        if meant:
            clues.append(Clue(f"{meant} is almost the same name, and was not sent", 0.5))
        words = {"names": listed(unknown), "meant": f" (perhaps {meant})" if meant else ""}
        numbers = facts.operation_of(call).family
        yield Match(backend, _sender(call, facts), tuple(clues), call.tool, numbers, words)


def _declared(facts: Facts) -> Iterator[tuple[Call, str, dict[str, Any]]]:
    """Every call that went to a backend whose list, before it, described the tool."""
    for backend, calls in facts.by_backend.items():
        for call in calls:
            told = facts.described(backend, call.tool, call.started)
            if told is not None:
                yield call, backend, told


def _properties(told: dict[str, Any]) -> dict[str, Any]:
    schema = told.get("inputSchema")
    found = schema.get("properties") if isinstance(schema, dict) else None
    return found if isinstance(found, dict) else {}


def _sender(call: Call, facts: Facts) -> str:
    """Who made the arguments: the first sender, unless a hop on the way changed them."""
    top = facts.operation_of(call)
    if top is not call and top.arguments is not None and top.arguments != call.arguments and call.caller:
        return call.caller
    return facts.client


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
