"""Arguments that make no sense: every one is refused with an error of this package and a hint, never another."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

import godot_analysis as ga


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"level": ["ERROR", "WARN"]}, ga.BadFilter, "unknown level"),
        ({"level": 40}, ga.BadFilter, "unknown level"),
        ({"start": "99999999d"}, ga.BadFilter, "beyond all time"),
        ({"start": "1" * 400 + "d"}, ga.BadFilter, "beyond all time"),
        ({"end": dt.timedelta.max}, ga.BadFilter, "beyond all time"),
        ({"start": "0001-01-01T00:00:00+05:00"}, ga.BadFilter, "beyond all time"),
        ({"source": 42}, ga.BadSource, "a source is no int"),
        ({"source": [{"component": "a"}]}, ga.BadSource, "a source is no list"),
        ({"source": "nowhere.txt"}, ga.BadSource, r"\.parquet"),
        ({"source": "nowhere.parquet"}, ga.GodotAnalysisError, "nowhere.parquet"),
    ],
)
def test_what_cannot_be_loaded_is_refused_with_a_hint(arguments, error, says):
    with pytest.raises(error, match=says) as refused:
        ga.load_logs(**arguments)
    assert refused.value.hint


def test_a_long_time_ago_is_fine(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"component": "a", "level": "INFO", "message": "x", "event_created_at": "2026-01-01"}\n')
    assert len(ga.load_logs(start="300000d", source=path)) == 1


@pytest.mark.parametrize(
    "use", [ga.plot.timeline, ga.widgets.SequenceDiagram, ga.svg.sequence, ga.text.sequence]
)
@pytest.mark.parametrize("logs", [42, None, pd.DataFrame(), "log.jsonl"])
def test_what_is_no_log_cannot_be_drawn(use, logs):
    with pytest.raises(ga.BadFrame) as refused:
        use(logs)
    assert refused.value.hint


def test_a_log_frame_is_drawn_like_its_flow(story):
    logs = story.call("client", "relay", "t").flow.logs
    flow = ga.reconstruct(logs)
    assert ga.svg.sequence(logs) == ga.svg.sequence(flow)
    assert ga.text.sequence(logs) == ga.text.sequence(flow)
    assert repr(ga.widgets.SequenceDiagram(logs)) == repr(ga.widgets.SequenceDiagram(flow))
