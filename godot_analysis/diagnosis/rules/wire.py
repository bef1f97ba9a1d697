"""Rules about bytes and frames: answers that are no JSON-RPC, noise on a channel, ids of another type."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from godot_analysis.diagnosis.rules._missing import lacking_calls, missing
from godot_analysis.diagnosis.rules._rule import Clue, Match, rule
from godot_analysis.diagnosis.rules._words import count, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godot_analysis.diagnosis.facts import Facts

__all__: list[str] = []

_PAGE: Final = 4096


@rule(
    "B11",
    layer="wire",
    severity="error",
    title="{component} answers without the JSON-RPC frame",
    summary="{component} sent {number} that hold neither `result` nor `error`: nobody can match them to a "
    "request.",
    explanation='An answer must be `{{"jsonrpc": "2.0", "id": …, "result": …}}`; here the bare result was '
    "sent.",
    fix="Wrap what {component} sends into the JSON-RPC frame, with the id of the request.",
    supersedes=("R17", "R18", "R03", "R13", "B13", "B08", "F25", "R09", "R01", "R12"),
    references=("BUG #11",),
)
def no_frame(facts: Facts) -> Iterator[Match]:
    for sender, rows in _by_sender(facts, "no JSON-RPC frame").items():
        records = _records(rows)
        tools = sorted({row["tool"] for row in rows if row["tool"]})
        clues = [
            Clue(
                f"{count(len(rows), 'answer')} without a frame ({listed(tools) or 'not of a tool'})",
                0.9,
                records,
            )
        ]
        lacks = [item for item in missing(facts) if item.backend == sender]
        numbers = frozenset[int]().union(*(item.calls for item in lacks))
        hit = facts.calls.shown_by(records)
        numbers = numbers.union(*(facts.operation_of(call).family for call in hit))
        yield Match(
            sender,
            sender,
            tuple(clues),
            tools[0] if len(tools) == 1 else None,
            numbers,
            {"number": count(len(rows), "answer")},
        )


@rule(
    "F22",
    layer="wire",
    severity="error",
    title="{component} frames its messages with Content-Length headers",
    summary="{component} writes Content-Length headers on stdio, where MCP wants one message a line.",
    explanation="The reader takes the header for a message and waits for ever for the real one.",
    fix="Make {component} write each message as one line of JSON, without headers and without line breaks "
    "in it.",
    supersedes=("F20", "B08", "F25", "B05", "B13", "R01", "R13", "R12"),
    references=("F22", "use-agent-os/agent-os#898"),
)
def content_length(facts: Facts) -> Iterator[Match]:
    for sender, rows in _by_sender(facts, "Content-Length").items():
        clue = Clue("what was read begins with Content-Length", 0.95, _records(rows))
        yield Match(sender, sender, (clue,), calls=lacking_calls(facts, sender))


@rule(
    "F21",
    layer="wire",
    severity="error",
    title="A message of {component} was cut off",
    summary="A message of {component} ends in the middle, after {length} characters, so it is no JSON.",
    explanation="A buffer on the way is smaller than the message: 4,096, 65,536 and their like are telling "
    "lengths.",
    fix="Read until the end of the line instead of one buffer, or raise the limit of the reader; make long "
    "lists shorter or split them into pages.",
    supersedes=("R17", "R18", "R19", "B08", "F25", "R03", "R13", "B13", "R01", "R12"),
    references=("F21", "ruvnet/ruflo#2426", "lilhammerfun/clumsies#100"),
)
def cut_off(facts: Facts) -> Iterator[Match]:
    for sender, rows in _by_sender(facts, "broken JSON").items():
        cut = [row for row in rows if str(row["payload"]).lstrip().startswith("{")]
        if not cut:
            continue
        length = len(cut[0]["payload"])
        clues = [Clue("it begins as a message and does not end as one", 0.75, _records(cut))]
        if length % _PAGE == 0:
            clues.append(Clue(f"its length, {length:,}, is that of a buffer", 0.7))
        words = {"length": f"{length:,}"}
        yield Match(sender, sender, tuple(clues), calls=lacking_calls(facts, sender), words=words)


@rule(
    "F20",
    layer="wire",
    severity="warning",
    title="{component} writes something else than JSON-RPC on its stdio channel",
    summary="{component} printed {number} of plain text where only JSON-RPC may stand, such as “{text}”",
    explanation="On stdio every line of stdout is a message. A stray print breaks strict readers and is "
    "skipped silently by lenient ones.",
    fix="Send everything that is no message to stderr (console.error, logging to stderr), also in libraries.",
    references=("F20", "microsoft/azure-devops-mcp#147", "modelcontextprotocol/typescript-sdk#2245"),
)
def noise_on_stdio(facts: Facts) -> Iterator[Match]:
    for sender, rows in _by_sender(facts, "no JSON", "broken JSON").items():
        noise = [
            row
            for row in rows
            if row["transport"] == "stdio"
            and str(row["payload"]).strip()
            and str(row["payload"]).lstrip()[0] != "{"
        ]
        if noise:
            clue = Clue(f"{count(len(noise), 'line')} on stdio is no JSON", 0.9, _records(noise))
            words = {"number": count(len(noise), "line"), "text": str(noise[0]["payload"]).strip()[:80]}
            yield Match(sender, sender, (clue,), words=words)


@rule(
    "F23",
    layer="wire",
    severity="error",
    title="{component} answers with an id of another type than it was asked with",
    summary="{component} answered {request} with the id {answered}, but was asked with {asked}: the answer "
    "finds no request.",
    explanation='JSON-RPC demands the same id with the same type: `1` and `"1"` are two.',
    fix="Make {component} echo the id exactly as it came.",
    supersedes=("B08", "F25", "R03", "R13", "B13"),
    references=("F23", "modelcontextprotocol/python-sdk#961", "punkpeye/mcp-remote#194"),
)
def id_type_changed(facts: Facts) -> Iterator[Match]:
    for call, answer in facts.retyped:
        clues = (
            Clue(
                f"the request has the id {call.rpc_id}, the answer {answer['rpc_id']}",
                0.85,
                (*call.rows, answer["record"]),
            ),
        )
        words = {"request": call.tool or call.method, "asked": call.rpc_id, "answered": answer["rpc_id"]}
        numbers = facts.operation_of(call).family
        sender = call.callee
        yield Match(sender, sender, clues, call.tool, numbers, words)


def _by_sender(facts: Facts, *beginnings: str) -> dict[str, list[dict[str, Any]]]:
    """The invalid messages with such a verdict, by who sent them; each message once, whoever saw it."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in facts.invalid:
        if row["sender"] and row["validity"].startswith(beginnings):
            found[row["sender"]].append(row)
    return found


def _records(rows: list[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(row["record"] for row in rows)
