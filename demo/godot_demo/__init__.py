"""The demo system: a small, real copy of the ICCM topology that shows faults truly."""

from __future__ import annotations

from godot_demo.errors import DemoError
from godot_demo.runner import DemoRun, run
from godot_demo.scenarios import SCENARIOS, Call, Scenario, Truth
from godot_demo.system import CallFact

__all__ = ["SCENARIOS", "Call", "CallFact", "DemoError", "DemoRun", "Scenario", "Truth", "run"]
