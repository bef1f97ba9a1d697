"""A real browser, and pages that show the real widget; what a page complains about fails its test."""

from __future__ import annotations

import shutil

import pytest
from playwright.sync_api import sync_playwright

from godot_analysis.widgets.host import WidgetHost

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")  # its event loop would be in the way of other tests
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def show(browser):
    """Show a widget and return its page; what the page complains about fails the test."""
    complaints = []
    open_hosts = []

    def show(widget, **options):
        page = browser.new_page(viewport={"width": 1200, "height": 700}, **options)
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        host = WidgetHost(widget)
        open_hosts.append((host, page))
        page.goto(host.__enter__().url)
        page.wait_for_function("window.shownAfterMs !== undefined")
        return page

    yield show
    for host, page in open_hosts:
        page.close()
        host.__exit__(None, None, None)
    assert complaints == []
