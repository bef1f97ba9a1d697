"""Drawing of directed graphs: a small part of the DOT language in, an SVG in layers out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

_TOKEN = re.compile(r'\s+|(?P<token>->|[{};=,]|\[[^\]]*\]|"(?:[^"\\]|\\.)*"|[\w.]+)')
_WIDTH, _HEIGHT, _GAP_X, _GAP_Y = 110, 34, 50, 18

THEMES = {
    "modern": ("#0072b2", "#ffffff"),
    "minimal": ("#444444", "#ffffff"),
    "dark": ("#56b4e9", "#1b1b1b"),
}
"""Line and background colour of each theme."""


class DiagramError(ValueError):
    """The text is not in the part of DOT that is understood here."""


@dataclass(slots=True)
class Graph:
    """Nodes in the order in which they are named, and edges between them."""

    nodes: list[str] = field(default_factory=list)
    edges: list[tuple[str, str]] = field(default_factory=list)

    def add(self, node: str) -> str:
        """Name a node; returns it."""
        if node not in self.nodes:
            self.nodes.append(node)
        return node


def parse(text: str) -> Graph:
    """Read `digraph [NAME] { a -> b -> {c d}; … }`; attributes are skipped."""
    tokens = _tokens(text)
    if not tokens or tokens.pop(0) != "digraph":
        raise DiagramError("expected 'digraph'")
    if tokens and tokens[0] != "{":
        tokens.pop(0)
    if len(tokens) < 2 or tokens[0] != "{" or tokens[-1] != "}":  # noqa: PLR2004  # both braces
        raise DiagramError("expected the statements in { }")
    graph = Graph()
    for statement in _statements(tokens[1:-1]):
        _read_statement(statement, graph)
    return graph


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise DiagramError(f"cannot read {text[at : at + 10]!r} at character {at + 1}")
        if match["token"]:
            tokens.append(match["token"])
        at = match.end()
    return tokens


def _statements(tokens: list[str]) -> list[list[str]]:
    """Split at semicolons, but not at those inside of a group."""
    statements: list[list[str]] = [[]]
    depth = 0
    for piece in tokens:
        depth += {"{": 1, "}": -1}.get(piece, 0)
        if piece == ";" and depth == 0:
            statements.append([])
        elif not piece.startswith("["):
            statements[-1].append(piece)
    if depth:
        raise DiagramError("a group is never closed")
    return [statement for statement in statements if statement]


def _read_statement(statement: list[str], graph: Graph) -> None:
    if len(statement) == 3 and statement[1] == "=":  # noqa: PLR2004  # NAME = VALUE, such as rankdir=LR
        return
    groups: list[list[str]] = [[]]
    for piece in statement:
        if piece == "->":
            groups.append([])
        elif piece not in {"{", "}", ";", ","}:
            groups[-1].append(graph.add(piece.strip('"')))
    if not all(groups):
        raise DiagramError("an arrow without an end")
    for left, right in pairwise(groups):
        graph.edges += [(a, b) for a in left for b in right]


def layers(graph: Graph) -> list[list[str]]:
    """Nodes by their longest way from a start; a cycle is cut where it closes."""
    depth = dict.fromkeys(graph.nodes, 0)
    for _ in graph.nodes:
        for a, b in graph.edges:
            if a != b and depth[b] < depth[a] + 1 < len(graph.nodes):
                depth[b] = depth[a] + 1
    found: dict[int, list[str]] = {}
    for node in graph.nodes:
        found.setdefault(depth[node], []).append(node)
    return [found[key] for key in sorted(found)]


def to_svg(graph: Graph, theme: str = "modern") -> str:
    """The graph from left to right, one column for each layer."""
    line, background = THEMES[theme]
    place = {
        node: (column * (_WIDTH + _GAP_X) + 10, row * (_HEIGHT + _GAP_Y) + 10)
        for column, nodes in enumerate(layers(graph))
        for row, node in enumerate(nodes)
    }
    width = max((x for x, _ in place.values()), default=0) + _WIDTH + 10
    height = max((y for _, y in place.values()), default=0) + _HEIGHT + 10
    edges = [_edge(place[a], place[b]) for a, b in graph.edges]
    nodes = [_node(name, x, y) for name, (x, y) in place.items()]
    colours = f'stroke="{line}" fill="{line}" style="background:{background}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {colours} font-size="13">'
    return "".join([head, *edges, *nodes, "</svg>"])


def _edge(start: tuple[int, int], end: tuple[int, int]) -> str:
    middle = _HEIGHT // 2
    return f'<path d="M{start[0] + _WIDTH} {start[1] + middle}L{end[0]} {end[1] + middle}" fill="none"/>'


def _node(name: str, x: int, y: int) -> str:
    return (
        f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="5" fill="none"/>'
        f'<text x="{x + _WIDTH // 2}" y="{y + 22}" text-anchor="middle" stroke="none">{escape(name)}</text>'
    )
