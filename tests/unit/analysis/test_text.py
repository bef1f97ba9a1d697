"""The sequence in the terminal."""

from __future__ import annotations

import re

import pytest

from godot_analysis import printable
from godot_analysis.presentation import text

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def test_one_call_drawn_with_lanes(story):
    story.call("client", "relay", "gates_create_document", rpc_id="3")
    assert text.sequence(story.flow, 100, title="trace 1").splitlines() == [
        "trace 1",
        "2026-01-02 UTC, 2 messages",
        "",
        "               client   relay",
        "03:04:05.000      │──────▶│  tools/call gates_create_document #3",
        "03:04:05.001      │<╌╌╌╌╌╌│  tools/call gates_create_document #3  1 ms",
    ]


def test_the_same_in_ascii(story):
    story.call("client", "relay", "t", "error", error_text="naïve …")
    drawn = text.sequence(story.flow, 100, unicode=False)
    assert drawn.isascii()
    assert "|------>|  tools/call t #0" in drawn
    assert "|< - - -|" in drawn


def test_a_narrow_terminal_gets_names_instead_of_lanes(story):
    story.call("client", "relay", method="ping")
    story.call("relay", "gates", method="ping", status="lost", lost_at="wire")
    lines = text.sequence(story.flow, 64).splitlines()
    assert lines[2] == "03:04:05.000  client ──▶ relay  ping #0"
    assert lines[4] == "03:04:05.002  relay ─✗  gates   ping #1  lost on the wire"


@pytest.mark.parametrize(
    ("where", "arrow"),
    [
        ("sender", "│─✗     │"),
        ("wire", "│───✗   │"),
        ("receiver", "│──────✗│"),
        ("logger", "│──────▶│"),
    ],
)
def test_a_lost_message_ends_where_it_was_lost(story, where, arrow):
    story.call("relay", "gates", status="lost", lost_at=where)
    assert f" {arrow} " in text.sequence(story.flow)


def test_a_side_that_did_not_log_is_marked(story):
    story.call("relay", "gates", seen="receiver")
    drawn = text.sequence(story.flow)
    assert "○──────▶│" in drawn
    assert "○ not logged on this side" in drawn


def test_what_went_wrong_is_told_in_full_on_lines_of_its_own(story):
    said = "Unknown tool: gates_create_document; available tools are " + ", ".join(
        f"tool_{n}" for n in range(12)
    )
    story.call("client", "relay", "gates_create_document", "error", error_code=-32603, error_text=said)
    drawn = text.sequence(story.flow, 70)
    assert "-32603: Unknown tool:" in drawn
    assert max(map(printable.cell_width, drawn.splitlines())) <= 70


def test_folds_and_notes_are_said(story):
    for _ in range(4):
        story.call("client", "relay", "poll")
    drawn = text.sequence(story.says("relay", "tired").flow)
    assert "these 2 lines 4 times, the last at 03:04:05.007" in drawn
    assert "ERROR tired" in drawn
    assert "showing 2 of 8 messages (6 folded as repeats)" in drawn


def test_colour_changes_nothing_but_colour(story):
    story.call("client", "relay", "t", "error", error_text="boom").says("gates", "oh")
    plain = text.sequence(story.flow)
    coloured = text.sequence(story.flow, color=True)
    assert "\x1b[" not in plain
    assert "\x1b[1;31m" in coloured
    assert [ANSI.sub("", line).rstrip() for line in coloured.splitlines()] == plain.splitlines()


@pytest.mark.parametrize("width", [20, 60, 100, 200])
@pytest.mark.parametrize("unicode", [True, False])
def test_hostile_text_stays_text(hostile, width, unicode):
    drawn = text.sequence(hostile, width, unicode=unicode, title="\x1b]0;owned\x07")
    assert not set(drawn) & set("\x00\x07\x1b\r\u202e")
    drawn.encode("utf-8")


def test_an_empty_flow_says_so(story):
    assert text.sequence(story.flow) == "No messages and nothing said."


def test_a_component_that_talks_to_itself(story):
    story.call("relay", "relay")
    assert "│──◀" in text.sequence(story.flow)
