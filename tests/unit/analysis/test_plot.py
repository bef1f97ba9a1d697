"""The timeline: one lane for each component, one shape for each level, holes shaded."""

from __future__ import annotations

import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib import dates
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from godot_analysis import columns, theme
from godot_analysis.presentation import plot


@pytest.fixture
def ax():
    return Figure(figsize=(6, 3)).add_subplot()


def lanes(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_components_are_lanes_in_order_of_their_first_record(story, ax):
    story.says("relay", "a", "INFO").says("gates", "b", "ERROR").says("relay", "c", "INFO")
    assert plot.timeline(story.flow.logs, ax=ax) is ax
    assert lanes(ax) == ["relay", "gates"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "the first is on top"


def test_levels_are_told_apart_by_colour_shape_and_size(story, ax):
    for level in columns.LEVELS:
        story.says("relay", level, level)
    plot.timeline(story.flow.logs, ax=ax)
    assert legend(ax) == [f"{level} (1)" for level in columns.LEVELS]
    error = ax.collections[-1]
    assert mpl.colors.to_hex(error.get_facecolor()[0]).upper() == theme.LEVEL_COLOURS["ERROR"]
    assert error.get_sizes()[0] == max(collection.get_sizes()[0] for collection in ax.collections)
    assert error.get_zorder() == max(collection.get_zorder() for collection in ax.collections)


def test_times_are_utc_and_say_so(story, ax):
    story.says("relay", "a", "INFO")
    logs = story.flow.logs
    logs["event_created_at"] = logs["event_created_at"].dt.tz_convert("Asia/Tokyo")
    plot.timeline(logs, ax=ax)
    [[x, _]] = ax.collections[0].get_offsets()
    assert dates.num2date(x).strftime("%H:%M:%S") == "03:04:05"
    assert "UTC" in ax.get_xlabel()


def test_a_flow_shows_where_log_is_missing(story, ax):
    story.says("relay", "a", "INFO").loses("gates", 3).loses("relay", 1)
    plot.timeline(story.flow, ax=ax)
    assert lanes(ax) == ["relay", "gates"], "a component known only from its loss has a lane too"
    assert len(ax.patches) == 2
    assert legend(ax).count("log missing") == 1


@pytest.mark.parametrize("count", [0, 1])
def test_few_records_make_a_figure_all_the_same(story, ax, count):
    for _ in range(count):
        story.says("relay", "a", "INFO")
    plot.timeline(story.flow.logs, ax=ax)
    ax.figure.canvas.draw()
    if count:
        first, last = (dates.num2date(x) for x in ax.get_xlim())
        assert last - first == pd.Timedelta(seconds=2)
    else:
        assert "no records" in [text.get_text() for text in ax.texts]


def test_a_hostile_name_is_no_mathematics(story, ax):
    story.says("$\\frac{1}{", "a", "INFO").says("b\x1b[2J\u202e$", "b", "INFO")
    plot.timeline(story.flow.logs, ax=ax)
    ax.figure.canvas.draw()
    assert lanes(ax)[1] == "b\\x1b[2J\\u202e\\$"


def test_given_axes_leave_pyplot_alone(story, ax):
    before = (plt.get_fignums(), dict(mpl.rcParams))
    plot.timeline(story.says("relay", "a").flow.logs, ax=ax)
    assert (plt.get_fignums(), dict(mpl.rcParams)) == before


def test_without_axes_the_figure_grows_with_the_lanes(story):
    for number in range(20):
        story.says(f"c{number}", "a", "INFO")
    with mpl.rc_context({"backend": "agg"}):
        ax = plot.timeline(story.flow.logs)
        try:
            assert ax.figure.get_figheight() > 8
            assert plt.fignum_exists(ax.figure.number), "a notebook shows it by itself"
        finally:
            plt.close(ax.figure)
