"""The rule about answers that nobody asked for, which strict clients close their connection over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from godot_analysis.diagnosis.facts.absences import lacking_calls
from godot_analysis.diagnosis.facts.blame import INVALID_REQUEST, PARSE_ERROR
from godot_analysis.diagnosis.facts.call import TOOL_CALL, UNFINISHED
from godot_analysis.diagnosis.matches import Clue, Match
from godot_analysis.diagnosis.rules._registry import rule
from godot_analysis.reading.classify import ordinary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godot_analysis.diagnosis.facts import Facts

_ENDED: Final = ("connect.lost", "process.exit", "process.crash")
_UNREADABLE: Final = ("answer.unexpected", "message.malformed", "stdout.polluted")
_CLOSE: Final = pd.Timedelta(seconds=5)


@rule("F24")
def answers_unasked(facts: Facts) -> Iterator[Match]:
    seen: set[str] = set()
    for row in facts.wire.unasked:
        server, client = row["sender"], row["receiver"]
        if server is None or server in seen or server in facts.foreign_answers:
            continue
        said = facts.incidents.failures
        ended = [
            end
            for end in facts.events.of("end")
            if end.component in {client, server} and end.server in {server, client, None}
        ]
        told = [
            (item.time, item.record, f"{item.component} logged: {item.text[:120]}")
            for item in said
            if item.component == client
            and (
                item.tells(*_UNREADABLE)
                or (
                    item.server == server
                    and (item.tells(*_ENDED) or ordinary(item.text).tells("connection.closed"))
                )
            )
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
        # Of a message that could not be read, nobody knows the id; without a code it is no error of JSON-RPC.
        code = row["error_code"]
        own = row["kind"] == "response" or (
            row["kind"] == "error" and pd.notna(code) and code not in {INVALID_REQUEST, PARSE_ERROR}
        )
        if null and own and unanswered and not recovered:
            call = unanswered[-1]
            clues.append(Clue(f"{call.method} got no other answer", 0.6, call.rows))
            words["and_then"] = f" in the place of the one to {call.method}"
            lacking = lacking_calls(facts, server) | call.family
            yield Match(server, server, clues, call.tool, lacking, words)
            continue
        if not after or recovered:
            yield Match(server, server, clues, words=words, severity="info")
            continue
        clues += [Clue(text, 0.6, (record,)) for _, record, text in after[:2]]
        words["and_then"] = ", and the connection ends"
        yield Match(server, server, clues, calls=lacking_calls(facts, server), words=words)
