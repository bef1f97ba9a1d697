"""What notebooks show keeps its looks among the styles that JupyterLab gives its outputs."""

from __future__ import annotations

from pathlib import Path

import pytest

import godot_analysis as ga
from godot_analysis.widgets import SequenceDiagram

pytestmark = pytest.mark.browser

CAPTURES = Path(__file__).parents[2] / "demo" / "captures"

# As JupyterLab 4 has them, with the weight that its selectors have.
OUTPUT = """
.jp-OutputArea-output :is(dl, dt, dd) { display: block; }
.jp-OutputArea-output dl { width: 100%; overflow: hidden; padding: 0; margin: 0; }
.jp-OutputArea-output dt { font-weight: bold; float: left; width: 20%; padding: 0; margin: 0; }
.jp-OutputArea-output dd { float: left; width: 80%; padding: 0; margin: 0; }
.jp-OutputArea-output pre { border: none; margin: 0; padding: 0; overflow: auto; word-break: break-all; }
"""
HTML = """
.jp-RenderedHTMLCommon :is(td, th, tr) { vertical-align: middle; padding: 0.5em; line-height: normal; border: none; }
:not(.jp-RenderedMarkdown).jp-RenderedHTMLCommon :is(td, th, tr) { text-align: right; }
.jp-RenderedHTMLCommon tbody tr:nth-child(odd) { background: red; }
.jp-ThemedContainer .jp-RenderedHTMLCommon :not(pre) > code { background-color: red; padding: 1px 5px; }
"""
STYLE = "(element, name) => getComputedStyle(element)[name]"


@pytest.fixture(scope="module")
def logs():
    return {name: ga.load_logs(source=CAPTURES / f"{name}.jsonl") for name in ("healthy", "bug13")}


@pytest.fixture
def output(browser):
    """Show HTML as the output of a cell."""
    page = browser.new_page(viewport={"width": 1000, "height": 800})

    def output(html):
        classes = "jp-OutputArea-output jp-RenderedHTMLCommon"
        page.set_content(
            f"<style>{OUTPUT}{HTML}</style><body class='jp-ThemedContainer'><div class='{classes}'>{html}</div>"
        )
        return page

    yield output
    page.close()


def styles(page, selector, name):
    return {element.evaluate(STYLE, name) for element in page.query_selector_all(selector)}


def test_a_diagnosis(output, logs):
    page = output(ga.diagnose(logs["bug13"])._repr_html_())
    assert styles(page, "td", "textAlign") == {"left"}
    assert styles(page, "tr", "backgroundColor") == {"rgba(0, 0, 0, 0)"}
    label = page.query_selector("dt:has-text('how sure')")
    assert label.bounding_box()["height"] < 30, "it stands in one line"
    assert label.evaluate(STYLE, "fontWeight") == "400"


def test_a_comparison(output, logs):
    page = output(ga.compare(logs["healthy"], logs["bug13"])._repr_html_())
    assert styles(page, "td, th", "textAlign") == {"left"}
    assert styles(page, "td", "verticalAlign") == {"top"}
    assert styles(page, "tr, code", "backgroundColor") == {"rgba(0, 0, 0, 0)"}


def test_the_details_of_the_widget(show, logs):
    widget = SequenceDiagram(ga.reconstruct(logs["bug13"]), height=400)
    page = show(widget)
    page.add_style_tag(content=OUTPUT)
    page.evaluate("document.body.classList.add('jp-OutputArea-output')")
    page.locator(".line").first.click()
    label = page.locator(".details dt", has_text="from")
    label.wait_for()
    assert label.bounding_box()["height"] < 30, "it stands in one line"
    assert styles(page, ".details dt", "fontWeight") == {"400"}
    assert styles(page, ".details pre", "wordBreak") == {"normal"}
