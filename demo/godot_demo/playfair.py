"""Playfair, the diagram backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from godot_demo.backend import main
from godot_demo.diagrams import THEMES, DiagramError, parse, to_svg
from godot_demo.tools import Tool, ToolError

if TYPE_CHECKING:
    from collections.abc import Sequence

_EXAMPLES = {
    "flow": "digraph flow { start -> work -> done; work -> retry -> work }",
    "architecture": "digraph iccm { client -> relay -> {gates dewey fiedler playfair}; gates -> playfair }",
}


def create_diagram(content: str, format: str = "dot", theme: str = "modern") -> dict[str, Any]:  # noqa: A002, ARG001
    """Draw a diagram; `format` has one value only and is there because callers send it."""
    try:
        graph = parse(content)
    except DiagramError as error:
        raise ToolError(f"Not a diagram: {error}") from None
    return {"svg": to_svg(graph, theme), "nodes": len(graph.nodes), "edges": len(graph.edges)}


def validate_syntax(content: str) -> dict[str, Any]:
    """Check a diagram without drawing it."""
    try:
        parse(content)
    except DiagramError as error:
        return {"valid": False, "problem": str(error)}
    return {"valid": True}


def get_examples() -> dict[str, Any]:
    """Diagrams to start from."""
    return {"examples": _EXAMPLES}


def list_capabilities() -> dict[str, Any]:
    """What can be drawn."""
    return {"input_formats": ["dot"], "output_formats": ["svg"], "themes": sorted(THEMES)}


def tools(_seed: int) -> Sequence[Tool]:
    """The tools of Playfair."""
    content = {"type": "string", "description": "The diagram, in the DOT language.", "minLength": 1}
    options = {
        "format": {"type": "string", "description": "Language of the content.", "enum": ["dot"]},
        "theme": {"type": "string", "description": "Colours.", "enum": sorted(THEMES)},
    }
    return [
        Tool(
            "playfair_create_diagram",
            "Draw a directed graph as SVG.",
            create_diagram,
            {"content": content} | options,
            ("content",),
        ),
        Tool("playfair_list_capabilities", "Tell what can be drawn.", list_capabilities, {}),
        Tool("playfair_get_examples", "Diagrams to start from.", get_examples, {}),
        Tool(
            "playfair_validate_syntax",
            "Check a diagram.",
            validate_syntax,
            {"content": content},
            ("content",),
        ),
    ]


if __name__ == "__main__":
    main("playfair", tools)
