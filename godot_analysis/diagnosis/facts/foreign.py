"""Who answers and speaks no JSON-RPC: pages for people, other text, JSON of its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from godot_analysis.diagnosis.facts.timeline import grouped

if TYPE_CHECKING:
    from godot_analysis.diagnosis.facts import Facts

__all__ = ["find_foreign_answers", "no_messages"]

_FRAME: Final = frozenset({"jsonrpc", "id", "method"})
_OF_RESULTS: Final = frozenset(
    {
        "protocolVersion",
        "supportedVersions",
        "capabilities",
        "serverInfo",
        "tools",
        "content",
        "structuredContent",
        "isError",
        "resultType",
    }
)
"""What only results of MCP hold: whoever sends them speaks MCP, and has lost the frame."""


def find_foreign_answers(facts: Facts) -> dict[str, list[dict[str, Any]]]:
    """JSON without a frame of those who were greeted and never said a word of JSON-RPC, by who sent it.

    What HTTP refused is another matter, whatever JSON came with the refusal.
    """
    found = grouped(
        (row["sender"], row)
        for row in facts.wire.invalid
        if row["sender"] and isinstance(row["payload"], dict) and not _FRAME & row["payload"].keys()
    )
    others = facts.topology.roles.relays | facts.topology.roles.clients
    return {
        sender: rows
        for sender, rows in found.items()
        if sender not in others
        and sender not in facts.incidents.failed_exchanges
        and facts.operations.setups.where("callee", sender)
        and not any(_of_mcp(row["payload"]) for row in rows)
        and not _speaks(sender, rows, facts)
    }


def no_messages(backend: str, facts: Facts) -> list[tuple[str, str]]:
    """Pages for people, other text, or JSON of its own that came from a backend in the place of messages."""
    texts = [
        (str(row["payload"]), row["record"])
        for row in facts.wire.invalid
        if row["sender"] == backend and row["transport"] != "stdio" and row["validity"] == "no JSON"
    ]
    texts += [
        (json.dumps(row["payload"], ensure_ascii=False, default=str), row["record"])
        for row in facts.foreign_answers.get(backend, [])
    ]
    return texts or [
        (item.text, item.record)
        for item in facts.incidents.troubles
        if item.server == backend and "text/html" in item.said.lower()
    ]


def _of_mcp(payload: dict[str, Any]) -> bool:
    result = payload.get("result")
    inner = result.keys() if isinstance(result, dict) else frozenset[str]()
    return bool(_OF_RESULTS & (payload.keys() | inner))


def _speaks(sender: str, strange: list[dict[str, Any]], facts: Facts) -> bool:
    """Whether a component sent anything else that is a message, or at least looks like one."""
    messages = facts.flow.observed
    own = (messages["sender"] == sender) | (
        messages["sender"].isna() & (messages["observer"] == sender) & (messages["direction"] == "sent")
    )
    sent = messages[own]
    known = {row["record"] for row in strange}
    told = ~sent["record"].isin(known) & (sent["validity"].fillna("") != "no JSON")
    return bool(told.any())
