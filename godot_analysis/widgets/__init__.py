"""Interactive pictures for notebooks, each with a static twin that needs no kernel."""

from godot_analysis.widgets.sequence_diagram import SequenceDiagram

__all__ = ["SequenceDiagram"]
