"""The sequence diagram without a browser: what it sends, what it answers, and its static twins."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from godot_analysis.widgets import SequenceDiagram


class Replies:
    """Takes the place of the channel to the page."""

    def __init__(self, widget, monkeypatch):
        self.got = []
        monkeypatch.setattr(
            widget, "send", lambda content, buffers=(): self.got.append((content, list(buffers)))
        )
        self._ask = lambda **question: widget._handle_custom_msg({"number": 7, **question}, [])

    def to(self, **question):
        self._ask(**question)
        return self.got.pop()


@pytest.fixture
def ask(monkeypatch):
    return lambda widget, **question: Replies(widget, monkeypatch).to(**question)


def ints(widget, name):
    return np.frombuffer(widget._columns[name], "<i4").tolist()


def words(widget, name):
    return [widget._words[code] for code in ints(widget, name)]


def test_an_unknown_option_is_refused_with_a_hint(story):
    with pytest.raises(TypeError, match=r"no option 'heigth': did you mean 'height'\?"):
        SequenceDiagram(story.flow, heigth=300)
    with pytest.raises(TypeError, match="it takes fold, height, notifications"):
        SequenceDiagram(story.flow, zzz=1)


def test_rows_travel_as_columns_in_causal_order(story):
    story.call("client", "relay", "t").says("relay", "hm", "WARN").call("relay", "gates", status="pending")
    widget = SequenceDiagram(story.flow)
    assert widget._lanes == ["client", "relay", "gates"]
    assert words(widget, "kind") == ["request", "response", "note", "request"]
    assert (ints(widget, "source"), ints(widget, "target")) == ([0, 1, 1, 1], [1, 0, 1, 2])
    assert ints(widget, "answers") == [-1, 0, -1, -1]
    assert ints(widget, "problem") == [0, 0, 0, 1]
    assert words(widget, "detail")[3] == "no answer yet"
    times = np.frombuffer(widget._columns["time"], "<f8")
    assert (np.diff(times) == 1).all()


def test_a_large_flow_keeps_its_payloads_in_the_kernel(story, ask):
    for number in range(200):
        story.call("client", "relay", "t", payload={"answer": f"needle {number}"})
    widget = SequenceDiagram(story.flow)
    assert widget._details == []
    reply, _ = ask(widget, kind="details", row=1)
    assert reply["number"] == 7
    assert json.loads(reply["payload"]) == {"answer": "needle 0"}
    assert ["from", "relay"] in reply["facts"]
    reply, [found] = ask(widget, kind="search", text="needle 19")
    assert np.frombuffer(found, "<i4").tolist() == [39, *range(381, 400, 2)]


def test_a_small_flow_carries_its_payloads_unless_they_are_big(story, new_story):
    story.call("client", "relay", payload={"x": 1})
    assert [detail["payload"] for detail in SequenceDiagram(story.flow)._details][1] == '{\n  "x": 1\n}'
    big = new_story()
    big.call("client", "relay", payload="x" * 10_000_000).call("client", "relay", payload="x" * 10_000_000)
    assert SequenceDiagram(big.flow)._details == []


def test_nonsense_from_the_page_is_ignored(story, ask):
    story.call("client", "relay")
    widget = SequenceDiagram(story.flow)
    with pytest.raises(IndexError):  # nothing was sent
        ask(widget, kind="details", row=99)


def test_the_chosen_message_is_known_in_python(story):
    story.call("client", "relay").says("relay", "hm", "WARN")
    widget = SequenceDiagram(story.flow)
    seen = []
    widget.observe(lambda change: seen.append(change["new"]), "selected")
    widget.set_state({"_row": 1})
    widget.set_state({"_row": 2})
    widget.set_state({"_row": -1})
    assert seen == [["sent-1", "received-1"], ["log-0"], []]


def test_a_message_can_be_chosen_from_python(story):
    story.says("relay", "hm", "WARN").call("client", "relay", seen="sender")
    widget = SequenceDiagram(story.flow)
    widget.select(0)
    assert widget.selected == ["sent-0"]
    widget.select(None)
    assert widget.selected == []
    with pytest.raises(KeyError, match="no hop 12"):
        widget.select(12)


def test_the_bundle_can_be_read_without_a_kernel(story):
    story.call("client", "relay", "gates_create_document")
    data, _ = SequenceDiagram(story.flow)._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert data["text/html"].startswith("<svg ")
    assert "tools/call gates_create_document" in data["text/plain"]


def test_its_repr_says_what_it_holds(story):
    story.call("client", "relay").call("client", "relay", status="pending")
    said = repr(SequenceDiagram(story.flow))
    assert said == "<SequenceDiagram: 3 messages between client, relay; 2 calls: 1 answered, 1 pending>"


def test_saving_writes_what_the_name_asks_for(story, tmp_path):
    widget = SequenceDiagram(story.call("client", "relay").flow)
    assert widget.save(tmp_path / "a.svg").read_text().startswith("<svg ")
    assert widget.save(str(tmp_path / "a.html")).read_text().startswith("<!doctype html>")
    assert "client" in widget.save(tmp_path / "a.txt").read_text()
    with pytest.raises(ValueError, match=r"must end in \.svg, \.html, \.txt"):
        widget.save(tmp_path / "a.png")


def test_the_page_needs_no_script_and_fetches_nothing(story, hostile):
    for widget in (SequenceDiagram(story.flow), SequenceDiagram(hostile)):
        page = widget.to_html()
        assert not re.search(r"<script|\bon\w+=|https?://(?!www\.w3\.org/2000/svg)|@import|url\(", page)


def test_a_long_page_says_what_it_leaves_out(story):
    for number in range(400):
        story.call("client", "relay", f"t{number}")
    assert "showing 500 of 800: 300 left out" in SequenceDiagram(story.flow).to_html()


def test_more_rows_than_a_browser_scrolls_are_cut_and_the_total_is_told(story, monkeypatch):
    monkeypatch.setattr("godot_analysis.widgets.sequence_diagram._MOST_ROWS", 3)
    story.call("client", "relay").call("client", "relay")
    widget = SequenceDiagram(story.flow)
    assert (len(ints(widget, "source")), widget._messages) == (3, 4)
    assert ints(widget, "answers") == [-1, 0, -1]
    with pytest.raises(KeyError, match="beyond the 3 rows"):
        widget.select(3)


def test_hostile_text_can_travel(hostile, ask):
    widget = SequenceDiagram(hostile)
    sent = json.dumps([widget._words, widget._lanes, widget._details])
    sent.encode("utf-8")
    assert not any(set("\x00\x1b\u202e\ud800") & set(word) for word in (*widget._words, *widget._lanes))
    assert all("\u202e" not in detail["payload"] for detail in widget._details)


def test_an_empty_flow_is_a_widget_too(story):
    widget = SequenceDiagram(story.flow)
    assert "No messages" in widget.to_text()
    assert "0 messages between no component" in repr(widget)
