"""Message records: `data.mcp` holds the message itself, its direction and its peer (LIB-11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from godot_analysis.normal_form.jsonrpc import members, read_message
from godot_analysis.normal_form.sightings import RECEIVED, SENT, Sighting, Weight

if TYPE_CHECKING:
    from godot_analysis.normal_form.sightings import Row

NAME = "message"


def read(row: Row) -> list[Sighting]:
    """One sighting for each message of the payload, which may be a batch."""
    mcp = row.data.get("mcp")
    if type(mcp) is not dict:
        return []
    direction = mcp.get("direction")
    if direction not in (SENT, RECEIVED) or "payload" not in mcp:
        return []
    peer, transport, session = mcp.get("peer"), mcp.get("transport"), mcp.get("session")
    if session is not None and not isinstance(session, str):
        session = str(session)
    seen = []
    for member in members(mcp["payload"]):
        kind, method, tool, rpc_id, code, text, era, validity = read_message(member)
        seen.append(
            Sighting(
                row.number,
                direction,
                kind,
                NAME,
                Weight.PAYLOAD,
                peer if isinstance(peer, str) and peer else None,
                transport if isinstance(transport, str) else None,
                session,
                era,
                method,
                tool,
                rpc_id,
                member,
                code,
                text,
                "",
                validity,
            )
        )
    return seen
