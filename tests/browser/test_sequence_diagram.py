"""The interactive sequence diagram in a real browser: the real script, the real widget behind it."""

from __future__ import annotations

import pytest

import godot_analysis as ga
from godot_analysis.widgets import SequenceDiagram

pytestmark = pytest.mark.browser

EVIL = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>\u202e'


def exchange(number, caller, callee, tool, *, answer=None, error=None):
    """The four records of one call that both ends logged."""
    at = f"2026-01-02T03:{number // 60000 % 60:02}:{number // 1000 % 60:02}.{number % 1000:03}"
    request = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": tool}}
    end = {"error": {"code": -32603, "message": error}} if error else {"result": answer or {"content": []}}
    response = {"jsonrpc": "2.0", "id": number, **end}
    sightings = [
        (caller, "sent", callee, request, 100),
        (callee, "received", caller, request, 200),
        (callee, "sent", caller, response, 300),
        (caller, "received", callee, response, 400),
    ]
    return [
        {
            "id": f"00000000-0000-4000-8000-{number * 4 + step:012}",
            "component": component,
            "level": "TRACE",
            "message": direction,
            "event_created_at": f"{at}{micros}Z",
            "data": {"mcp": {"direction": direction, "peer": peer, "transport": "stdio", "payload": payload}},
        }
        for step, (component, direction, peer, payload, micros) in enumerate(sightings)
    ]


def flow_of(*calls):
    return ga.reconstruct(ga.from_records([record for call in calls for record in call]))


@pytest.fixture(scope="module")
def small():
    return flow_of(
        exchange(1, "client", "relay", "dewey_list", answer={"needle": "in the hay"}),
        exchange(2, "client", "relay", "gates_create", error="boom"),
        exchange(3, "client", "relay", "fiedler_send"),
        *(exchange(10 + number, "client", "relay", "poll") for number in range(5)),
    )


@pytest.fixture(scope="module")
def large():
    tools = ("dewey_a", "gates_b", "fiedler_c")
    return flow_of(
        *(
            exchange(
                number,
                "client",
                "relay",
                tools[number * 7 % 11 % 3],
                error="boom" if number == 4_900 else None,
            )
            for number in range(5_000)
        )
    )


def count(page):
    return page.locator(".count").text_content()


def rows(page):
    return page.locator(".scroller .line")


def labels(page):
    return page.locator("[role=option] text.halo").all_text_contents()


def test_it_draws_lanes_arrows_and_a_count(show, small):
    page = show(SequenceDiagram(small, fold=False))
    assert page.locator(".heads text").all_text_contents() == ["client", "relay"]
    assert "showing 16 of 16 messages · 1 problem" in count(page)
    assert labels(page)[0] == "tools/call dewey_list #1"
    assert page.locator(".error .arrow").count() == 1


def test_a_click_shows_the_payload_and_tells_python(show, small):
    widget = SequenceDiagram(small)
    page = show(widget)
    with page.expect_response("**/state"):
        rows(page).nth(1).click()
    assert '"needle": "in the hay"' in page.locator(".details pre").text_content()
    hop = small.hops.iloc[1]
    assert widget.selected == [hop["sent_record"], hop["received_record"]]


def test_a_payload_of_a_large_flow_is_fetched_when_asked_for(show, large):
    page = show(SequenceDiagram(large))
    rows(page).nth(2).click()
    page.locator(".details pre").wait_for()
    assert '"jsonrpc": "2.0"' in page.locator(".details pre").text_content()


def test_a_kernel_that_is_gone_is_said(show, large):
    page = show(SequenceDiagram(large))
    page.evaluate("model.send = () => {}")
    page.clock.install()
    rows(page).nth(2).click()
    page.clock.fast_forward(5_000)
    page.get_by_text("The details are in the kernel, which does not answer.").wait_for()


@pytest.mark.parametrize(
    ("choice", "option", "expected"),
    [
        ("all tools", "gates_create", "showing 2 of 16"),
        ("all methods", "tools/call", "showing 16 of 16"),
        ("all components", "relay", "showing 16 of 16"),
    ],
)
def test_choices_filter(show, small, choice, option, expected):
    page = show(SequenceDiagram(small))
    page.get_by_label(choice).select_option(label=option)
    assert expected in count(page)


def test_problems_only_and_no_match(show, small):
    page = show(SequenceDiagram(small))
    page.get_by_label("problems only").check()
    assert [label.partition("-32603")[0] for label in labels(page)] == ["tools/call gates_create #2"]
    page.get_by_label("Text").fill("nothing is called this")
    page.get_by_text("no message passes the filter").wait_for()
    assert "showing 0 of 16" in count(page)


@pytest.mark.parametrize("size", ["small", "large"])
def test_text_is_found_in_payloads_too(show, request, size):
    page = show(SequenceDiagram(request.getfixturevalue(size)))
    page.get_by_label("Text").fill('"code": -32603')  # in the payload alone: embedded, or asked of the kernel
    page.wait_for_function("document.querySelector('.count').textContent.startsWith('showing 1 of')")


def test_repeats_fold_and_unfold(show, small):
    page = show(SequenceDiagram(small))
    head = page.get_by_text("▸ these 2 messages 5 times, the last at 03:00:00.014")
    head.wait_for()
    assert len(labels(page)) == 8
    head.click()
    assert len(labels(page)) == 16
    page.get_by_label("fold repeats").uncheck()
    assert page.locator(".fold-head").count() == 0


def test_notifications_can_be_hidden(show):
    note = exchange(1, "client", "relay", "x")[:2]
    for record in note:
        record["data"]["mcp"]["payload"] = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    page = show(SequenceDiagram(flow_of(note, exchange(2, "client", "relay", "y"))))
    assert "showing 3 of 3" in count(page)
    page.get_by_role("checkbox", name="notifications").uncheck()
    assert "showing 2 of 3" in count(page)


def test_the_keyboard_is_enough(show, small):
    widget = SequenceDiagram(small)
    page = show(widget)
    page.locator(".scroller").focus()

    def chosen():
        return page.locator("[aria-selected=true]").get_attribute("aria-label")

    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert "response from relay to client, tools/call dewey_list" in chosen()
    page.keyboard.press("ArrowUp")
    assert "request" in chosen()
    page.keyboard.press("n")
    assert "boom" in chosen()
    page.keyboard.press("Enter")
    assert "request from client to relay, tools/call gates_create" in chosen()
    page.keyboard.press("End")
    assert "poll" in chosen()
    page.keyboard.press("Home")
    assert "request from client to relay, tools/call dewey_list" in chosen()
    active = page.locator(".scroller").get_attribute("aria-activedescendant")
    assert page.locator(f"#{active}").get_attribute("aria-selected") == "true"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.type") == "search"


def test_only_what_is_in_sight_is_drawn(show, large):
    page = show(SequenceDiagram(large))
    assert rows(page).count() < 60
    page.locator(".scroller").focus()
    page.keyboard.press("End")
    page.wait_for_function("document.querySelector('.scroller').scrollTop > 100000")
    assert rows(page).count() < 60
    assert "#4999" in page.locator("[aria-selected=true]").get_attribute("aria-label")


def test_log_text_never_becomes_markup(show):
    flow = flow_of(
        exchange(1, f"client{EVIL}", "relay", EVIL, answer={EVIL: [EVIL]}),
        exchange(2, "relay", EVIL, "x", error=EVIL),
    )
    page = show(SequenceDiagram(flow))
    for number in range(rows(page).count()):
        rows(page).nth(number).click()
        page.locator(".details pre").wait_for()
    assert page.evaluate("window.hacked") is None
    assert page.locator("#widget :is(script, img)").count() == 0
    assert "\u202e" not in page.locator("#widget").text_content()


def test_a_message_chosen_in_python_comes_into_sight(show, large):
    widget = SequenceDiagram(large)
    widget.select(9_801)
    page = show(widget)
    assert page.locator("[aria-selected=true]").is_visible()
    assert "#4900" in page.locator("[aria-selected=true]").get_attribute("aria-label")


def test_a_view_that_goes_takes_its_listeners_along(show, small):
    page = show(SequenceDiagram(small))
    assert page.evaluate("[...listeners.values()].flat().length") == 2
    page.evaluate("cleanup()")
    assert page.evaluate("[...listeners.values()].flat().length") == 0


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_it_follows_the_theme(show, small, scheme, dark):
    page = show(SequenceDiagram(small), color_scheme=scheme)
    brightness = (
        "(element) => getComputedStyle(element).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
    )
    assert (sum(page.locator(".scroller").evaluate(brightness)) < 150) is dark
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    assert sum(page.locator(".scroller").evaluate(brightness)) < 150, (
        "the notebook's theme wins over the system's"
    )


def test_an_empty_flow_shows_an_empty_diagram(show):
    page = show(SequenceDiagram(flow_of()))
    assert "showing 0 of 0 messages · 0 problems" in count(page)
