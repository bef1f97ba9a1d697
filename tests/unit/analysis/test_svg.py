"""The static picture: well-formed, harmless whatever the log says, and complete for those who cannot see it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from godot_analysis.presentation import svg

NAMESPACE = "{http://www.w3.org/2000/svg}"


def parse(drawn: str) -> ET.Element:
    return ET.fromstring(drawn)


def groups(root: ET.Element, kind: str) -> list[ET.Element]:
    return [group for group in root.iter(f"{NAMESPACE}g") if kind in (group.get("class") or "").split()]


def texts(root: ET.Element) -> list[str]:
    return ["".join(element.itertext()) for element in root.iter(f"{NAMESPACE}text")]


def test_kinds_differ_in_class_and_in_shape(story):
    story.call("client", "relay").call("client", "relay", "t", "error", error_text="boom")
    story.hop("notification", "relay", "client", method="notifications/tools/list_changed")
    root = parse(svg.sequence(story.flow))
    tips = {
        kind: groups(root, kind)[0].find(f"{NAMESPACE}path[@class='tip']").get("d")
        for kind in ("request", "response", "error", "notification")
    }
    assert [kind for kind, tip in tips.items() if tip.endswith("z")] == ["request", "error"]
    sheet = root.find(f"{NAMESPACE}style").text
    for kind in tips:
        assert f".{kind} {{ --c: var(--godot-" in sheet or f".{kind}, " in sheet


@pytest.mark.parametrize("where", ["sender", "wire", "receiver"])
def test_a_lost_message_ends_in_a_cross_where_it_was_lost(story, where):
    story.call("relay", "gates", status="lost", lost_at=where)
    [group] = groups(parse(svg.sequence(story.flow)), "lost")
    assert group.find(f"{NAMESPACE}path[@class='cross']") is not None
    assert group.find(f"{NAMESPACE}path[@class='tip']") is None, "it never arrived"


def test_crosses_move_towards_the_receiver(story, new_story):
    crosses = []
    for where in ("sender", "wire", "receiver"):
        told = new_story().call("relay", "gates", status="lost", lost_at=where)
        cross = parse(svg.sequence(told.flow)).find(f".//{NAMESPACE}g/{NAMESPACE}path[@class='cross']")
        crosses.append(float(re.match(r"M([\d.]+)", cross.get("d"))[1]))
    assert crosses == sorted(crosses)


def test_a_pending_call_and_a_side_not_logged_are_marked(story):
    story.call("client", "relay", status="pending").call("relay", "gates", seen="receiver")
    root = parse(svg.sequence(story.flow))
    assert groups(root, "pending")
    assert root.find(f".//{NAMESPACE}rect[@class='work open']") is not None
    assert root.find(f".//{NAMESPACE}circle[@class='unseen']") is not None
    assert {"no answer yet", "not logged on this side"} <= set(texts(root))


def test_names_times_labels_and_latency_are_there(story):
    story.call("client", "relay", "gates_create_document", rpc_id="7")
    shown = texts(parse(svg.sequence(story.flow, title="my trace")))
    assert {"my trace", "client", "relay", "03:04:05.000"} <= set(shown)
    assert "tools/call gates_create_document #71 ms" in shown


def test_the_picture_tells_itself_to_those_who_cannot_see_it(story):
    story.call("client", "relay", "t", "error", error_text="boom")
    root = parse(svg.sequence(story.flow, title="my trace"))
    assert (root.get("role"), root.get("aria-label")) == ("img", "my trace")
    assert root.find(f"{NAMESPACE}title").text == "my trace"
    assert (
        "2 messages between client, relay. Problems: tools/call t #0 (boom"
        in root.find(f"{NAMESPACE}desc").text
    )


def test_both_themes_are_inside_and_the_host_wins(story):
    sheet = parse(svg.sequence(story.flow)).find(f"{NAMESPACE}style").text
    for expected in ("prefers-color-scheme: dark", "--jp-layout-color0", "--vscode-editor-background"):
        assert expected in sheet
    assert sheet.index("prefers-color-scheme") < sheet.index('[data-jp-theme-light="true"]')


def test_hostile_text_stays_text(hostile):
    drawn = svg.sequence(hostile, title="<img src=x onerror=alert(1)>\x00\u202e")
    root = parse(drawn)
    assert {element.tag.removeprefix(NAMESPACE) for element in root.iter()} <= {
        "svg", "title", "desc", "style", "g", "path", "rect", "circle", "text", "tspan",
    }  # fmt: skip
    assert not [
        name for element in root.iter() for name in element.attrib if name.startswith("on") or "href" in name
    ]
    assert "\u202e" not in drawn
    drawn.encode("utf-8")


def test_an_empty_flow_says_so(story):
    assert "No messages and nothing said." in texts(parse(svg.sequence(story.flow)))


def test_repeats_get_a_frame(story):
    for _ in range(9):
        story.call("client", "relay", "poll")
    root = parse(svg.sequence(story.flow))
    assert "9 times, the last at 03:04:05.017" in texts(root)
    assert root.find(f".//{NAMESPACE}rect[@class='fold']") is not None


def test_a_huge_flow_stays_small_and_says_what_it_leaves_out(story):
    for number in range(3_000):
        story.call("client", "relay", f"tool_{number}")
    drawn = svg.sequence(story.flow)
    assert len(drawn) < 200_000
    assert any("of 6,000 messages" in text for text in texts(parse(drawn)))


def test_the_same_flow_gives_the_same_picture(story):
    story.call("client", "relay").says("relay", "hm", "WARN").loses("gates", 3)
    assert svg.sequence(story.flow) == svg.sequence(story.flow)


def test_everything_stays_inside_the_picture(story):
    story.call("client", "relay", "x" * 300).says("relay", "y" * 300)
    root = parse(svg.sequence(story.flow))
    width = float(root.get("width"))
    papers = [path.get("d") for path in root.iter(f"{NAMESPACE}path") if path.get("class") == "paper"]
    for left, across in (re.match(r"M([\d.]+) [\d.]+h([\d.]+)", paper).groups() for paper in papers):
        assert 0 <= float(left) <= float(left) + float(across) <= width
