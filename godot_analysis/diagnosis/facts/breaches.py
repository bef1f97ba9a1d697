"""Which handshakes, lists, results and requests of a log the official schema of MCP does not allow."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from godot_analysis.diagnosis.facts._plain import plain_answer, plain_request
from godot_analysis.diagnosis.facts.calls import Calls
from godot_analysis.normal_form.official import Judge, Seen
from godot_analysis.normal_form.sightings import RECEIVED, REQUEST, RESPONSE, SENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from godot_analysis.diagnosis.facts import Call, Facts

__all__ = ["Breach", "find_breaches"]

_SAMPLE: Final = 20
"""How many results of one tool are looked at: what is wrong with them is wrong with all."""

_NEWEST: Final = "2025-11-25"
"""The newest version that begins with `initialize`."""

_NUMBER: Final = re.compile(r"\.\d+\.")
_OF_TOOL: Final = re.compile(r"tools\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class Breach:
    """A `request` or `response` that breaks the schema of `version`, and how: `path: why`."""

    call: Call
    kind: str
    fault: str
    version: str
    tool: str | None

    @property
    def place(self) -> str:
        """Where in the message the fault is."""
        return self.fault.split(": ")[0]

    @property
    def path(self) -> str:
        """The same wherever in a list it is."""
        return _NUMBER.sub(".", self.place)


def find_breaches(facts: Facts) -> list[Breach]:
    """What breaks the schema, in the order of time; what is said again and again is looked at once.

    The official schema takes half a second to load: it is asked only where something is not plainly sound.
    """
    calls = _worth_a_look(facts)
    requests = _requests(facts, calls)
    doubtful = {call.number for call in calls if not _sound(call, requests.get(call.number))}
    # Who greets whom is told to the judge as well, for the version.
    greeting = {call.number for call in calls if call.method == "initialize"} if doubtful else set()
    judged = _judged((call for call in calls if call.number in doubtful | greeting), requests)
    return list(judged)


def _worth_a_look(facts: Facts) -> list[Call]:
    """Handshakes and lists that say something new, the first calls of each tool, the first that failed."""
    table = facts.operations.table
    failed = table.mask("status", "error", "tool_error")
    fine = facts.operations.calls.leaves.served
    unlucky = facts.operations.calls.only(failed | failed[table.tops])
    chosen = [unlucky.where("tool", None).places[:_SAMPLE]]
    for some in (fine, unlucky):
        for here in some.groups(*table.codes("callee")).values():
            chosen += [one.places[:_SAMPLE] for one in here.groups(*table.codes("tool")).values()]
    calls = [*_news(facts.operations.setups), *Calls(table, np.unique(np.concatenate(chosen)))]
    return sorted(calls, key=lambda call: call.started)


def _news(setups: Iterable[Call]) -> Iterator[Call]:
    last: dict[tuple[Any, ...], Any] = {}
    for call in setups:
        key = (call.caller, call.callee, call.session, call.method, call.status)
        if key not in last or last[key] != call.result:
            last[key] = call.result
            yield call


def _requests(facts: Facts, calls: Iterable[Call]) -> dict[int, Any]:
    """The requests of some calls as they were logged, by call."""
    hops = facts.flow.hops
    asked = hops["call"].isin([call.number for call in calls]) & (hops["kind"] == REQUEST)
    return dict(zip(hops["call"][asked].tolist(), hops["payload"][asked].tolist(), strict=True))


def _sound(call: Call, request: Any) -> bool:
    asked = not isinstance(request, dict) or plain_request(call.method, request)
    return asked and (not _has_result(call) or plain_answer(call.method, call.result))


def _has_result(call: Call) -> bool:
    return call.status in {"answered", "tool_error"} and isinstance(call.result, dict)


def _judged(calls: Iterable[Call], requests: dict[int, Any]) -> Iterator[Breach]:
    judge = Judge()
    for call in calls:
        request = requests.get(call.number)
        if not isinstance(request, dict):
            continue
        link, number = (call.caller, call.callee, call.session), str(call.number)
        if (fault := _names_no_version(call, request)) is not None:
            yield Breach(call, REQUEST, f"params.protocolVersion: {fault}", _NEWEST, None)
        elif told := judge(Seen(link, SENT, REQUEST, call.method, number, request)):
            yield Breach(call, REQUEST, *_read(told), call.tool)
        if _has_result(call):
            version = _unnamed_version(call, request)
            result = call.result if version is None else call.result | {"protocolVersion": version}
            told = judge(Seen(link, RECEIVED, RESPONSE, call.method, number, {"result": result}))
            if version is not None:
                yield Breach(call, RESPONSE, "protocolVersion: Field required", version, None)
            elif told:
                yield Breach(call, RESPONSE, *_read(told), _tool_in(told, call) or call.tool)


def _read(told: str) -> tuple[str, str]:
    """The first fault of a judgement, and the version by which it was made."""
    faults, _, schema = told.rpartition(" (schema ")
    return faults.split("; ")[0], schema.split(",")[0]


def _unnamed_version(call: Call, request: dict[str, Any]) -> str | None:
    """The version that `initialize` asked for, if its answer names none: that is what holds then."""
    if call.method != "initialize" or isinstance(call.result.get("protocolVersion"), str):
        return None
    params = request.get("params")
    asked = params.get("protocolVersion") if isinstance(params, dict) else None
    return asked if isinstance(asked, str) else None


def _names_no_version(call: Call, request: dict[str, Any]) -> str | None:
    """Why an `initialize` that was refused names no version by which it could be judged: all demand one."""
    params = request.get("params")
    asked = params.get("protocolVersion") if isinstance(params, dict) else ""
    if call.method != "initialize" or call.status != "error" or isinstance(asked, str):
        return None
    return "Field required" if asked is None else "Input should be a string"


def _tool_in(told: str, call: Call) -> str | None:
    """The tool of a list that the first fault is in."""
    place, listed = _OF_TOOL.match(told), call.result.get("tools")
    if place is None or not isinstance(listed, list):
        return None
    tool = listed[int(place.group(1))]
    name = tool.get("name") if isinstance(tool, dict) else None
    return name if isinstance(name, str) else None
