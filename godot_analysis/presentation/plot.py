"""Figures with matplotlib: a timeline of who logged what, when, and where the log has holes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from godot_analysis import printable, theme
from godot_analysis.columns import LEVELS
from godot_analysis.loading.frames import require
from godot_analysis.reconstruction.flow import Flow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["timeline"]

_MARKERS: Final = {"TRACE": ".", "DEBUG": "o", "INFO": "o", "WARN": "^", "ERROR": "X"}
_SIZES: Final = {"TRACE": 18, "DEBUG": 14, "INFO": 26, "WARN": 52, "ERROR": 90}
_LANE_HEIGHT: Final = 0.42  # inches
_NAME_MOST: Final = 32
_LOSS_COLOUR: Final = theme.LEVEL_COLOURS["ERROR"]


def timeline(logs: pd.DataFrame | Flow, *, ax: Axes | None = None) -> Axes:
    """Plot every record as a marker: components are lanes, levels are shapes and colours, errors stand out.

    Times are the components' own clocks, uncorrected, in UTC.

    Parameters
    ----------
    logs
        A log frame, or a Flow: then the stretches for which log is known to be missing are shaded.
    ax
        Where to draw; by default a new figure of pyplot's, which a notebook shows by itself.

    Returns
    -------
    matplotlib.axes.Axes
        To go on with: `ax.set_xlim(…)`, `ax.figure.savefig(…)`.

    Raises
    ------
    BadFrame
        When `logs` is neither.

    Examples
    --------
    >>> import godot_analysis as ga
    >>> from matplotlib.figure import Figure
    >>> ax = ga.plot.timeline(ga.from_records([]), ax=Figure().add_subplot())
    >>> ax.get_xlabel()
    "time (UTC, each component's own clock)"
    """
    losses = logs.losses if isinstance(logs, Flow) else None
    logs = require(logs.logs if isinstance(logs, Flow) else logs)
    lanes = _lanes(logs, losses)
    ax = _new_axes(len(lanes)) if ax is None else ax
    lane_of = {name: number for number, name in enumerate(lanes)}
    if losses is not None:
        _shade(ax, losses, lane_of)
    _mark(ax, logs, lane_of)
    _dress(ax, lanes, logs)
    return ax


def _new_axes(lanes: int) -> Axes:
    # Late, and only where no axes were given: pyplot keeps global state.
    from matplotlib import pyplot as plt  # noqa: PLC0415

    height = max(1.6 + _LANE_HEIGHT * lanes, 2.4)
    return plt.subplots(figsize=(10, height), layout="constrained")[1]


def _lanes(logs: pd.DataFrame, losses: pd.DataFrame | None) -> list[str]:
    """Components in the order in which they first logged; those known only from a loss last."""
    first = logs.sort_values("event_created_at", kind="stable")["component"].astype("object")
    lost = losses["component"].dropna() if losses is not None else ()
    return list(dict.fromkeys([*first, *lost]))


def _mark(ax: Axes, logs: pd.DataFrame, lane_of: dict[str, int]) -> None:
    times = logs["event_created_at"].dt.tz_convert("UTC").dt.tz_localize(None)
    lane = logs["component"].astype("object").map(lane_of)
    for rank, level in enumerate(LEVELS):
        chosen = (logs["level"] == level).to_numpy()
        if chosen.any():
            ax.scatter(
                times[chosen],
                lane[chosen].astype("float64"),
                s=_SIZES[level],
                marker=_MARKERS[level],
                color=theme.LEVEL_COLOURS[level],
                edgecolors="white" if level in {"WARN", "ERROR"} else "none",
                linewidths=0.6,
                label=f"{level} ({chosen.sum():,})",
                zorder=3 + rank,
            )


def _shade(ax: Axes, losses: pd.DataFrame, lane_of: dict[str, int]) -> None:
    known = losses.dropna(subset=["component", "from", "to"])
    label = "log missing"
    for component, start, end in zip(known["component"], known["from"], known["to"], strict=True):
        begin = start.tz_convert("UTC").tz_localize(None)
        ax.barh(
            lane_of[component],
            end - start,
            left=begin,
            height=0.7,
            facecolor=(_LOSS_COLOUR, 0.15),
            edgecolor=_LOSS_COLOUR,
            hatch="////",
            linewidth=0.8,
            label=label,
            zorder=2,
        )
        label = "_again"  # one entry in the legend is enough


def _dress(ax: Axes, lanes: list[str], logs: pd.DataFrame) -> None:
    from matplotlib import dates  # noqa: PLC0415

    ax.set_yticks(range(len(lanes)), [_name(name) for name in lanes])
    ax.set_ylim(max(len(lanes), 1) - 0.5, -0.5)  # the first to log is on top
    ax.grid(axis="x", alpha=0.3)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    if logs.empty:
        ax.set_xticks([])
        ax.text(0.5, 0.5, "no records", transform=ax.transAxes, ha="center", va="center")
    else:
        first, last = logs["event_created_at"].min(), logs["event_created_at"].max()
        if first == last:  # a margin of years is no help around a single moment
            second = pd.Timedelta(seconds=1)
            ax.set_xlim(*((time.tz_convert(None)) for time in (first - second, last + second)))
        locator = dates.AutoDateLocator()  # type: ignore[no-untyped-call]
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    ax.set_xlabel("time (UTC, each component's own clock)")
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)


def _name(component: str) -> str:
    # matplotlib would read a pair of dollar signs as mathematics.
    return printable.line(component, _NAME_MOST).replace("$", r"\$")
