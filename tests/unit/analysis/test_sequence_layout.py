"""The layout behind every picture: lanes, order, folds, and an honest count of what is left out."""

from __future__ import annotations

import pytest

from godot_analysis.presentation.scene import UNKNOWN
from godot_analysis.presentation.sequence import lay_out


def test_lanes_stand_in_causal_order_of_appearance(story):
    story.call("relay", "gates").call("client", "relay").says("marco", "alone")
    assert lay_out(story.flow).lanes == ("relay", "gates", "client", "marco")


def test_a_component_that_logged_but_took_no_part_has_a_lane(story):
    story.call("client", "relay").says("gates", "ready", "INFO")
    assert lay_out(story.flow).lanes == ("client", "relay", "gates")
    assert not [row for row in lay_out(story.flow).rows if row.kind == "note"]


def test_an_unknown_client_stands_first_and_an_unknown_receiver_last(story, new_story):
    story.hop("request", None, "relay")
    story.call("relay", "gates")
    assert lay_out(story.flow).lanes == (UNKNOWN, "relay", "gates")
    other = new_story()
    other.hop("notification", "relay", None)
    other.call("relay", "gates")
    assert lay_out(other.flow).lanes == ("relay", "gates", UNKNOWN)


def test_nothing_happened(story):
    layout = lay_out(story.flow)
    assert (layout.lanes, layout.blocks, layout.note) == ((), (), "")


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        ("pending", "request", "no answer yet"),
        ("timed_out", "request", "timed out"),
        ("cancelled", "request", "cancelled"),
        ("tool_error", "response", "tool error"),
        ("error", "error", "-32603: boom"),
    ],
)
def test_the_end_of_a_call_stands_on_the_message_that_shows_it(story, status, kind, words):
    told = {"error_code": -32603, "error_text": "boom"} if status == "error" else {}
    story.call("client", "relay", "t", status, **told)
    rows = lay_out(story.flow).rows
    assert [row.status for row in rows[:-1]] == [""] * (len(rows) - 1)
    assert (rows[-1].kind, rows[-1].status, rows[-1].problem) == (kind, status, True)
    assert words in rows[-1].detail


@pytest.mark.parametrize("where", ["sender", "wire", "receiver", "logger"])
def test_a_lost_request_says_where(story, where):
    story.call("relay", "gates", status="lost", lost_at=where)
    [row] = lay_out(story.flow).rows
    assert (row.lost_at, row.problem) == (where, True)
    assert row.detail


def test_an_answer_points_to_its_question_and_says_how_long_it_took(story):
    story.call("client", "relay", payload={"result": {"tools": [{}, {}]}})
    question, answer = lay_out(story.flow).rows
    assert answer.answers == question.hop
    assert answer.detail == "2 tools · 1 ms"


def test_a_note_stands_between_what_its_component_had_seen_and_had_not(story):
    story.call("relay", "gates").says("gates", "in between").call("relay", "gates")
    assert [row.kind for row in lay_out(story.flow).rows] == [
        "request",
        "response",
        "note",
        "request",
        "response",
    ]


def test_information_is_no_note_and_a_message_is_not_told_twice(story):
    story.says("relay", "started", "INFO").says("relay", "oh no", "WARN")
    assert [row.label for row in lay_out(story.flow).rows] == ["oh no"]


def test_a_hole_in_the_log_is_a_row(story):
    story.call("relay", "gates").loses("gates", 1).loses("gates", None, None)
    assert [row.label for row in lay_out(story.flow).rows if row.kind == "loss"] == [
        "1 record missing from the log (queue_full)",
        "some records missing from the log",
    ]


def test_repeats_are_folded_and_counted(story):
    for _ in range(5):
        story.call("client", "relay", "poll")
    layout = lay_out(story.flow)
    [block] = layout.blocks
    assert (len(block.rows), block.times) == (2, 5)
    assert block.rows[0].label == "tools/call poll", "an id would be that of one repeat"
    assert layout.note == "showing 2 of 10 messages (8 folded as repeats)"


def test_two_in_a_row_are_not_folded_nor_is_anything_on_request(story):
    story.call("client", "relay", "poll").call("client", "relay", "poll")
    assert lay_out(story.flow).note == ""
    story.call("client", "relay", "poll")
    assert len(lay_out(story.flow, fold=False).rows) == 6


def test_what_differs_is_not_folded(story):
    for text in ("a", "b", "c", "d"):
        story.call("client", "relay", "t", "error", error_text=text)
    assert lay_out(story.flow).folded == 0


def test_a_huge_flow_is_thinned_out_and_its_problems_stay(story):
    for number in range(5_000):
        story.call("client", "relay", f"tool_{number}", "error" if number == 4_321 else "answered")
    layout = lay_out(story.flow, most=50)
    rows = layout.rows
    assert len(rows) <= 50
    assert any(row.kind == "error" for row in rows)
    assert any(row.label.startswith("tools/call tool_4321 ") and row.kind == "request" for row in rows)
    drawn = sum(row.hop >= 0 for row in rows)
    assert layout.note == f"showing {drawn} of 10,000 messages ({10_000 - drawn:,} left out)"
    left_out = sum(int(row.label.split()[0].replace(",", "")) for row in rows if row.kind == "gap")
    assert drawn + left_out == 10_000


def test_more_problems_than_room_still_fit(story):
    for number in range(500):
        story.call("client", "relay", f"tool_{number}", "error", error_text=f"{number}")
    assert len(lay_out(story.flow, most=40).rows) <= 41
