"""How soon the sequence diagram shows 10,000 messages in a real browser, and how it scrolls (P-8)."""

from __future__ import annotations

import shutil
import statistics
import time
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

import godot_analysis as ga
from godot_analysis.widgets import SequenceDiagram
from godot_analysis.widgets.host import WidgetHost

PAGES = 5
CALLS = 2_500  # four messages each: client to relay to backend and back
SCROLL = """async () => {
  const scroller = document.querySelector(".scroller"), frames = [];
  let last = performance.now();
  for (let step = 0; step < 180; step++) {
    scroller.scrollTop += 777;
    await new Promise(requestAnimationFrame);
    frames.push(performance.now() - last);
    last = performance.now();
  }
  return frames;
}"""


def records() -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    backends = ("gates", "dewey", "fiedler", "playfair")

    def observe(component: str, direction: str, peer: str, payload: dict[str, Any]) -> None:
        record: dict[str, Any] = {"component": component, "level": "TRACE", "message": direction}
        record["event_created_at"] = 1_767_225_600 + len(made) / 1000
        record["data"] = {"mcp": {"direction": direction, "peer": peer, "payload": payload}}
        made.append(record)

    for number in range(CALLS):
        backend = backends[number * 7 % 11 % 4]
        params = {"name": f"{backend}_tool", "arguments": {"text": "x" * (number % 300)}}
        call = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
        answer = {"jsonrpc": "2.0", "id": number, "result": {"content": [{"text": "y" * 200}]}}
        for caller, callee in (("client", "relay"), ("relay", backend)):
            observe(caller, "sent", callee, call)
            observe(callee, "received", caller, call)
        for callee, caller in ((backend, "relay"), ("relay", "client")):
            observe(callee, "sent", caller, answer)
            observe(caller, "received", callee, answer)
    return made


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("the diagram in a browser: skipped, no Chromium on this machine (apt-get install chromium)")
        return
    flow = ga.reconstruct(ga.from_records(records()))
    began = time.perf_counter()
    widget = SequenceDiagram(flow)
    made = time.perf_counter() - began
    with sync_playwright() as playwright, WidgetHost(widget) as host:
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        pages = [show(browser, host.url) for _ in range(PAGES)]
        frames = sorted(pages[-1][1].evaluate(SCROLL))
        browser.close()
    shown = [seconds * 1000 for seconds, _ in pages]
    print(f"{len(flow.hops):,} messages: widget made in {made * 1000:.0f} ms")
    usual = statistics.median(shown)
    print(f"page opened until shown: first {shown[0]:.0f} ms, median {usual:.0f} ms (to reach: 1,000 ms)")
    print(
        f"scrolling 777 pixels a frame: median {statistics.median(frames):.1f} ms, "
        f"p99 {frames[int(len(frames) * 0.99)]:.1f} ms (a display shows one each 16.7 ms)"
    )


def show(browser: Browser, url: str) -> tuple[float, Page]:
    page = browser.new_page(viewport={"width": 1250, "height": 700})
    began = time.perf_counter()
    page.goto(url)
    page.wait_for_function("window.shownAfterMs !== undefined")
    return time.perf_counter() - began, page


if __name__ == "__main__":
    main()
