"""JSON Schema in one place: references, what a value breaks, and what hosts refuse in a list of tools."""

from __future__ import annotations

from godot_analysis.schema.checks import Check, takes, unknown_keys
from godot_analysis.schema.references import resolve
from godot_analysis.schema.walk import subschemas

__all__ = ["Check", "resolve", "subschemas", "takes", "unknown_keys"]
