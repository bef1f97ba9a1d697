"""The scenarios by name: what happens, what of it is not as it should be, and what a diagnosis should find.

One more failure is one more entry. A fault is switched on by facts about the system, never by faked entries.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from godot_demo.scenarios import calls, discovery, healthy, routing, web, wire
from godot_demo.scenarios._plan import Again, Call, Scenario, SetLevel, Start, Step, Stop, Truth

if TYPE_CHECKING:
    from collections.abc import Mapping

SCENARIOS: Final[Mapping[str, Scenario]] = MappingProxyType(
    {
        scenario.name: scenario
        for module in (routing, healthy, wire, discovery, calls, web)
        for scenario in module.SCENARIOS
    }
)

__all__ = ["SCENARIOS", "Again", "Call", "Scenario", "SetLevel", "Start", "Step", "Stop", "Truth"]
