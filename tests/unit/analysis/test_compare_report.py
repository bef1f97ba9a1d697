"""A comparison as a person sees it: escaped, bounded, legible in the terminal and in the notebook; its examples run."""

from __future__ import annotations

import doctest
import pkgutil
import re
from html.parser import HTMLParser
from importlib import import_module

import pytest

import godot_analysis as ga
from godot_analysis import comparison
from godot_analysis.comparison import as_html, as_text
from godot_analysis.loading.tables import log_table

EVIL = "<script>alert('x')</script>\"]]>&\x1b[2J\x00\r\n\u202egnp.exe"


class Tags(HTMLParser):
    """The tags that a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))


def tool(name, **properties):
    return {"name": name, "inputSchema": {"type": "object", "properties": properties}}


@pytest.fixture
def hostile():
    left = [tool(EVIL, **{EVIL: {"type": "string", "description": EVIL}}), tool("x" + EVIL)]
    right = [tool(EVIL, **{EVIL: {"type": EVIL, "enum": [EVIL]}}), {"name": "z", "description": EVIL}]
    return ga.compare(left, right, labels=(EVIL, f"right {EVIL}"))


def test_log_text_can_do_nothing_in_a_notebook(hostile):
    html = as_html(hostile)
    tags = Tags()
    tags.feed(html)
    assert {tag for tag, _ in tags.seen} <= {
        "style", "div", "h3", "h4", "p", "b", "br", "code", "span", "table", "colgroup", "col", "tr", "th", "td", "details", "summary", "pre",
    }  # fmt: skip
    assert all(set(attributes) <= {"class"} for _, attributes in tags.seen)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]", html)


def test_log_text_can_do_nothing_in_a_terminal(hostile):
    for text in (str(hostile), repr(hostile).replace(hostile.left, "")):
        assert "\x1b" not in text or text.startswith("<Comparison")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e]", str(hostile))


def test_no_line_is_wider_than_the_terminal(hostile, demo_capture):
    traces = ga.compare(demo_capture("healthy"), demo_capture("bug13"))
    for found in (hostile, traces, ga.compare([], [])):
        for width in (60, 100):
            assert all(len(line) <= width for line in as_text(found, width=width).splitlines())


def test_everything_is_painted_by_its_role(hostile):
    roles = set()

    def paint(text, role):
        roles.add(role)
        return f"[{text}]"

    as_text(hostile, style=paint)
    assert roles >= {"breaking", "compatible", "label", "quiet"}


def test_thousands_of_differences_are_cut_and_the_cut_is_said():
    found = ga.compare([tool(f"t{number}") for number in range(1000)], [])
    assert "… and 960 more" in str(found)
    assert "… and 800 more" in found._repr_html_()
    assert len(found._repr_html_()) < 500_000
    assert len(found.differences) == 1000


def test_big_values_are_folded():
    found = ga.compare([tool("a", **{f"p{n}": {"type": "string"} for n in range(5000)})], [])
    assert "<details>" in found._repr_html_()
    assert len(found._repr_html_()) < 20_000
    assert isinstance(found.first.left, str)
    assert "characters)" in found.first.left


def test_the_picture_follows_the_theme_of_the_notebook():
    html = ga.compare([tool("a")], [])._repr_html_()
    assert "prefers-color-scheme: dark" in html
    assert "--jp-layout-color0" in html


def test_the_verdict_comes_first():
    assert str(ga.compare([], [])) == "✓ No difference between left and right."
    assert str(ga.compare([tool("a")], [])).startswith("✗ 1 difference between left and right: 1 breaking.")
    assert str(ga.compare([], [tool("a", x={})])).startswith("✓ Nothing breaks: ")
    logs = log_table(
        "1.0 relay sends gates ? 1 initialize {}\n1.1 relay gets gates = 1 {}\n2.0 dewey says INFO up"
    )
    text = str(ga.compare("gates", "dewey", logs=logs))
    assert text.startswith("✗ 1 difference between gates (left) and dewey (right): 1 breaking.")
    assert "(breaks: caller)" in text


def test_repr_is_short():
    assert repr(ga.compare([tool("a")], [])) == "<Comparison: left and right, 1 difference, 1 breaking>"
    assert repr(ga.compare([], [])) == "<Comparison: left and right, 0 differences>"


@pytest.mark.parametrize(
    "name",
    [module.name for module in pkgutil.iter_modules(comparison.__path__, "godot_analysis.comparison.")],
)
def test_examples_tell_the_truth(name):
    assert doctest.testmod(import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0
