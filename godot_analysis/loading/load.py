"""`load_trace`, `load_logs`, `list_traces`: from PostgreSQL or a file to frames of known columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from godot_analysis.collection import collection_paused
from godot_analysis.errors import BadFilter
from godot_analysis.loading.filters import STATUSES, Moment, make_filter, moment
from godot_analysis.loading.sources import open_source

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    import pandas as pd

    from godot_analysis.loading.filters import Filter
    from godot_analysis.loading.sources import AnySource


def load_trace(trace_id: str | UUID, source: AnySource = None) -> pd.DataFrame:
    """All records of one trace, in order of time.

    Parameters
    ----------
    trace_id
        The UUID, with or without hyphens.
    source
        A SQLAlchemy engine or connection, a database URL, or a path to a file of JSON lines (also gzipped).
        Without one, the database that `GODOT_DATABASE_URL` names.

    Returns
    -------
    DataFrame
        The columns of `godot_analysis.columns.LOGS`; empty, with the same columns, for an unknown trace.

    Raises
    ------
    BadFilter
        When `trace_id` is no UUID.
    SourceUnavailable, BadSource, BadFile
        When the source cannot be read; the error says what to do.

    Examples
    --------
    >>> import godot_analysis as ga
    >>> trace = ga.load_trace("7c9e6679-7425-40de-944b-e07fc1f90ae7", source="capture.jsonl")
    >>> trace["message"].tolist()
    ['Tool call received: gates_open', 'Unknown tool: gates_open']
    """
    return _load(make_filter(trace_id=trace_id), source)


def load_logs(
    *,
    component: str | None = None,
    level: str | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    search: str | None = None,
    data: Mapping[str, Any] | None = None,
    trace_id: str | UUID | None = None,
    limit: int | None = None,
    source: AnySource = None,
) -> pd.DataFrame:
    """Records that meet all filters, in order of time.

    Parameters
    ----------
    component
        The component's name.
    level
        The lowest level wanted.
    start, end
        From `start` on, before `end`: a time (without a zone it is UTC), or how long ago (`"1h"`, a
        timedelta). In a file, "ago" counts from its newest record.
    search
        Words of the message as in a search engine: all of them, `"a phrase"`, `or`, `-not`.
    data
        What `data` must contain, at any depth: `{"mcp": {"peer": "gates"}}`.
    trace_id
        One trace only.
    limit
        At most so many, the newest.
    source
        As for `load_trace`. Millions of records come three to four times as fast from a URL as over
        SQLAlchemy, where the extra `arrow` is installed.

    Returns
    -------
    DataFrame
        The columns of `godot_analysis.columns.LOGS`; `data` is decoded when it is looked at. Of a file,
        `attrs["lines"]` maps ids to line numbers and `attrs["problems"]` lists the lines that are no records;
        of a database, `attrs["live"]` is True.

    Raises
    ------
    BadFilter
        When a filter has no meaning.
    SourceUnavailable, BadSource, BadFile
        When the source cannot be read; the error says what to do.

    Examples
    --------
    >>> import godot_analysis as ga
    >>> ga.load_logs(level="error", source="capture.jsonl")["message"].tolist()
    ['Unknown tool: gates_open']
    """
    return _load(
        make_filter(
            trace_id=trace_id,
            component=component,
            level=level,
            start=start,
            end=end,
            search=search,
            data=data,
            limit=limit,
        ),
        source,
    )


def list_traces(
    since: Moment | None = "1h",
    component: str | None = None,
    status: str | None = None,
    source: AnySource = None,
) -> pd.DataFrame:
    """One row per trace, the newest first.

    Parameters
    ----------
    since
        Traces with a record since then; None for all. As `start` of `load_logs`.
    component
        Only traces in which this component logged since then.
    status
        Only traces with this worst level: `"error"`, `"warn"` or `"ok"`.
    source
        As for `load_trace`.

    Returns
    -------
    DataFrame
        The columns of `godot_analysis.columns.TRACES`.

    Raises
    ------
    BadFilter
        When a filter has no meaning.
    SourceUnavailable, BadSource, BadFile
        When the source cannot be read; the error says what to do.

    Examples
    --------
    >>> import godot_analysis as ga
    >>> ga.list_traces(source="capture.jsonl")[["status", "title"]].iloc[0].tolist()
    ['error', 'Tool call received: gates_open']
    """
    if status is not None and status not in STATUSES:
        raise BadFilter(f"unknown status {status!r}", hint=f"use one of {', '.join(STATUSES)}")
    wanted = make_filter(component=component)
    return open_source(source).traces(
        None if since is None else moment(since, "since"), wanted.component, status
    )


def _load(wanted: Filter, source: AnySource) -> pd.DataFrame:
    with collection_paused():
        logs = open_source(source).logs(wanted)
    if wanted.partial:
        logs.attrs["partial"] = True
    return logs
