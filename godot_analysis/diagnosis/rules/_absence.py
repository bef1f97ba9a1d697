"""What shows that the relay lacks a backend: refused calls, and a handshake that others got."""

from __future__ import annotations

from typing import TYPE_CHECKING

from godot_analysis.diagnosis.matches import Clue
from godot_analysis.diagnosis.wording import count, listed

if TYPE_CHECKING:
    from godot_analysis.diagnosis.facts import Facts, Missing

__all__ = ["absence_clue", "refused_clue"]


def refused_clue(item: Missing, weight: float) -> list[Clue]:
    """The refused calls, and that the relay's table held nothing of the backend."""
    if not item.refusals:
        return []
    tables = [refusal.table for refusal in item.refusals if refusal.table is not None]
    text = f"{count(len(item.refusals), 'call')} of {listed(item.tools)} refused as unknown"
    if tables:
        text += f" while the {count(len(tables[-1]), 'tool')} known then include none of {item.backend}"
        return [Clue(text, weight, item.rows)]
    return [Clue(text, weight / 2, item.rows)]


def absence_clue(item: Missing, facts: Facts) -> list[Clue]:
    """That it got no handshake while others did: the more it logs otherwise, the more that says."""
    others = sorted(item.incarnation.burst - {item.backend})
    if not others or item.reached:
        return []
    spoke = item.backend in facts.topology.components
    shook = any(arrival.backend == item.backend for arrival in facts.sessions.arrivals)
    weight = 0.55 if shook else 0.45 if spoke or not item.refusals else 0.4
    text = (
        f"{facts.topology.relay} shook hands with {listed(others)} when it started, "
        f"but not with {item.backend}"
    )
    if not spoke:
        text += ", which has not logged a single record"
    return [Clue(text, weight, item.incarnation.records)]
