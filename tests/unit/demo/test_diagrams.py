"""Playfair's drawing."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from godot_demo.diagrams import DiagramError, layers, parse, to_svg


def test_edges_groups_attributes_and_quoted_names_are_read() -> None:
    graph = parse(
        'digraph "G" { rankdir=LR; "Claude Code" -> relay [label=mcp]; relay -> {gates dewey}; alone }'
    )
    assert graph.nodes == ["Claude Code", "relay", "gates", "dewey", "alone"]
    assert graph.edges == [("Claude Code", "relay"), ("relay", "gates"), ("relay", "dewey")]


def test_a_chain_is_as_many_edges() -> None:
    assert parse("digraph { a -> b -> c }").edges == [("a", "b"), ("b", "c")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "graph { a }",
        "digraph",
        "digraph { a -> }",
        "digraph { a -> {b }",
        "digraph { a § b }",
        "digraph { a",
    ],
)
def test_what_is_no_diagram_is_refused(text: str) -> None:
    with pytest.raises(DiagramError):
        parse(text)


def test_a_cycle_ends() -> None:
    found = layers(parse("digraph { a -> b -> c -> a; c -> d; d -> d }"))
    assert sorted(node for layer in found for node in layer) == ["a", "b", "c", "d"]


def test_the_svg_is_well_formed_and_escaped() -> None:
    root = ET.fromstring(to_svg(parse('digraph { "<a> & b" -> c }'), "dark"))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["<a> & b", "c"]
