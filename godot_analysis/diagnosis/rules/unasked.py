"""The rule about answers that nobody asked for, which strict clients close their connection over."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pandas as pd

from godot_analysis.diagnosis.facts import TOOL_CALL, UNFINISHED, Trouble, lacking_calls
from godot_analysis.diagnosis.matches import Clue, Match
from godot_analysis.diagnosis.rules._registry import rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godot_analysis.diagnosis.facts import Complaint, Facts

__all__: list[str] = []

_CLOSE: Final = pd.Timedelta(seconds=5)
_BROKEN: Final = re.compile(
    r"json-?rpc|unknown (?:or finished )?request|\bid\b|notification|unexpected (?:message|response)"
    r"|protocol",
    re.IGNORECASE,
)
_ENDED: Final = re.compile(
    r"clos|disconnect|terminat|ended|\beof\b|exited|shutting down|stopped", re.IGNORECASE
)


@rule("F24")
def answers_unasked(facts: Facts) -> Iterator[Match]:
    seen: set[str] = set()
    for row in facts.wire.unasked:
        server, client = row["sender"], row["receiver"]
        if server is None or server in seen or server in facts.foreign_answers:
            continue
        said: list[Complaint | Trouble] = [*facts.events.complaints, *facts.incidents.troubles]
        ended = [
            end
            for end in facts.events.ends
            if end.component in {client, server} and end.peer in {server, client, None}
        ]
        told = [
            (item.time, item.record, f"{item.component} logged: {item.text[:120]}")
            for item in said
            if item.component == client
            and _ENDED.search(item.text)
            and (_BROKEN.search(item.text) or (isinstance(item, Trouble) and item.backend == server))
        ]
        rows = [*told, *((end.time, end.record, "the connection ended") for end in ended)]
        after = [found for found in rows if row["time"] <= found[0] <= row["time"] + _CLOSE]
        recovered = facts.operations.sent_to(server).answered.where("caller", client, None).after(row["time"])
        if any(found in told for found in after):
            recovered = recovered.where("method", TOOL_CALL)  # what was under way when it said so came still
        seen.add(server)
        null = row["rpc_id"] in {None, "null"}
        what = "an answer whose id is null" if null else f"a second answer with the id {row['rpc_id']}"
        clues = [Clue(f"{server} sent {what}", 0.5, (row["record"],))]
        words = {"what": what, "and_then": ""}
        unanswered = (
            facts.operations.sent_to(server).ended(*UNFINISHED).where("caller", client).before(row["time"])
        )
        if null and row["kind"] == "response" and unanswered and not recovered:
            call = unanswered[-1]
            clues.append(Clue(f"{call.method} got no other answer", 0.6, call.rows))
            words["and_then"] = f" in the place of the one to {call.method}"
            lacking = lacking_calls(facts, server) | call.family
            yield Match(server, server, tuple(clues), call.tool, lacking, words)
            continue
        if not after or recovered:
            yield Match(server, server, tuple(clues), words=words, severity="info")
            continue
        clues += [Clue(text, 0.6, (record,)) for _, record, text in after[:2]]
        words["and_then"] = ", and the connection ends"
        yield Match(server, server, tuple(clues), calls=lacking_calls(facts, server), words=words)
