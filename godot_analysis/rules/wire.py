"""Rules about bytes and frames: answers that are no JSON-RPC, noise on a channel, ids that change their type."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from godot_analysis.rules._missing import missing
from godot_analysis.rules._rule import Clue, Match, rule
from godot_analysis.rules._words import count, listed

if TYPE_CHECKING:
    from godot_analysis.facts import Facts

__all__: list[str] = []


@rule(
    "B11",
    layer="wire",
    severity="error",
    title="{component} answers without the JSON-RPC frame",
    summary="{component} sent {number} that hold neither `result` nor `error`: nobody can match them to a request.",
    explanation='An answer must be `{{"jsonrpc": "2.0", "id": …, "result": …}}`; here the bare result was sent.',
    fix="Wrap what {component} sends into the JSON-RPC frame, with the id of the request.",
    supersedes=("R03", "R13", "B13", "B08", "R09"),
    references=("BUG #11",),
)
def no_frame(facts: Facts) -> Iterator[Match]:
    bad: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in facts.invalid:
        if "no JSON-RPC frame" in row["validity"] and isinstance(row["payload"], dict) and row["sender"]:
            bad[row["sender"]].append(row)
    for sender, rows in bad.items():
        records = tuple(row["record"] for row in rows)
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
        hit = [call for call in facts.calls if set(call.evidence) & set(records)]
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
    "F20",
    layer="wire",
    severity="warning",
    title="{component} writes something else than JSON-RPC on its stdio channel",
    summary="{component} printed {number} of plain text where only JSON-RPC may stand, such as “{text}”",
    explanation="On stdio every line of stdout is a message. A stray print breaks strict readers and is skipped "
    "silently by lenient ones.",
    fix="Send everything that is no message to stderr (console.error, logging to stderr), also in libraries.",
    references=("F20", "microsoft/azure-devops-mcp#147", "modelcontextprotocol/typescript-sdk#2245"),
)
def noise_on_stdio(facts: Facts) -> Iterator[Match]:
    bad: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in facts.invalid:
        text = row["payload"]
        if (
            row["transport"] == "stdio"
            and row["validity"] == "no JSON"
            and isinstance(text, str)
            and text.strip()
            and row["sender"]
        ):
            bad[row["sender"]].append(row)
    for sender, rows in bad.items():
        clue = Clue(
            f"{count(len(rows), 'line')} on stdio is no JSON", 0.9, tuple(row["record"] for row in rows)
        )
        yield Match(
            sender,
            sender,
            (clue,),
            words={"number": count(len(rows), "line"), "text": rows[0]["payload"].strip()[:80]},
        )


@rule(
    "F23",
    layer="wire",
    severity="error",
    title="{component} answers with an id of another type than it was asked with",
    summary="{component} answered {tool} with the id {answered}, but was asked with {asked}: the answer finds no request.",
    explanation='JSON-RPC demands the same id with the same type: `1` and `"1"` are two.',
    fix="Make {component} echo the id exactly as it came.",
    supersedes=("B08", "R03", "R13", "B13"),
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
        words = {"asked": call.rpc_id, "answered": answer["rpc_id"]}
        numbers = facts.operation_of(call).family
        sender = call.callee
        yield Match(sender, sender, clues, call.tool, numbers, words)
