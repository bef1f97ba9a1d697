"""Logs from PostgreSQL: values always bound, only what is asked for is read, nothing left open."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from godot_analysis.columns import LOGS
from godot_analysis.errors import BadFilter
from godot_analysis.loading.connections import Direct, connected
from godot_analysis.loading.frames import frame, trace_frame
from godot_analysis.loading.json_array import JsonArray

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pandas as pd
    from sqlalchemy.engine import Connection, Engine

    from godot_analysis.loading.connections import Server
    from godot_analysis.loading.filters import Filter, Since

_UNINDEXED: Final = frozenset(("component", "levels"))
"""Filters that all of `logs` is read for; others have an index, or spare whole partitions."""

# As drivers without numpy deliver them soonest: ids as text, times as the eight octets of the wire.
_COLUMNS: Final = (
    "id::text, trace_id::text, component, level, message, data::text,"
    " timestamptz_send(event_created_at), timestamptz_send(ingestion_created_at), instance, seq"
)
_EPOCH_US: Final = 946_684_800_000_000  # PostgreSQL counts from 2000
_ORDER: Final = "event_created_at, seq nulls first, id"
_NEWEST: Final = "event_created_at desc, seq desc nulls last, id desc"
_MICROS: Final = "(extract(epoch from {}) * 1000000)::bigint"

# How far back to look for the newest records, step by step: most often they are there at once.
_LOOKS_BACK: Final = tuple(
    dt.timedelta(**span)
    for span in (
        {"minutes": 1},
        {"minutes": 10},
        {"hours": 1},
        {"hours": 6},
        {"days": 1},
        {"days": 3},
        {"days": 9},
    )
)


class Database:
    """A PostgreSQL with the schema of `sql/`."""

    def __init__(self, source: str | Engine | Connection) -> None:
        self._source = source

    def logs(self, wanted: Filter) -> pd.DataFrame:
        """Records in order of time; with a limit the newest ones."""
        now = dt.datetime.now(dt.UTC)
        conditions, values = _conditions(wanted, now)
        with connected(self._source) as server:
            if wanted.limit is not None:
                logs = _frame([_newest(server, conditions, values, wanted, now)])
            elif wanted.trace_id is not None:
                query = f"select {_COLUMNS} from logs {_where(conditions)} order by {_ORDER}"  # noqa: S608 - constants only
                logs = _frame([server.rows(query, values)])
            else:
                logs = self._all(server, conditions, values)
        logs.attrs["live"] = True
        return logs

    def _all(self, server: Server, conditions: list[str], values: dict[str, Any]) -> pd.DataFrame:
        """All records that meet the conditions: by ADBC where that is possible, it is three times as fast."""
        if isinstance(server, Direct):
            try:
                from godot_analysis.loading.bulk import log_frame_of  # noqa: PLC0415 - an extra
            except ModuleNotFoundError:
                pass
            else:

                def asked(*more: str) -> str:
                    return f"select {', '.join(LOGS)} from logs {_where([*conditions, *more])}"  # noqa: S608 - constants only

                address = str(self._source)
                return log_frame_of(server, asked, values, address, reads_all=values.keys() <= _UNINDEXED)
        query = f"select {_COLUMNS} from logs {_where(conditions)} order by {_ORDER}"  # noqa: S608 - constants only
        return _frame(server.blocks(query, values))

    def traces(self, since: Since | None, component: str | None, status: str | None) -> pd.DataFrame:
        """One row for each trace that was active since then, the newest first."""
        active = ["trace_id is not null"]
        values: dict[str, Any] = {}
        if since is not None:
            active.append("event_created_at >= :since")
            values["since"] = since.before(dt.datetime.now(dt.UTC))
        if component is not None:
            active.append("component = :component")
            values["component"] = component
        with connected(self._source) as server:
            of = "trace_id is not null"
            if values:
                # Asked first, not in a subquery: only for ids in hand does the planner reach for the index.
                found = server.rows(f"select distinct trace_id from logs {_where(active)}", values)  # noqa: S608
                of, values = "trace_id = any(:traces)", {"traces": [row[0] for row in found]}
            rows = server.rows(_TRACES.format(of=of), values)
        if status is not None:
            rows = [row for row in rows if row[6] == status]
        return trace_frame(rows)


_TRACES: Final = f"""
    select trace_id::text, {_MICROS.format("min(event_created_at)")} as started,
           {_MICROS.format("max(event_created_at)")} as ended, count(*) as records,
           count(*) filter (where level = 'ERROR') as errors,
           count(*) filter (where level = 'WARN') as warnings,
           case when bool_or(level = 'ERROR') then 'error'
                when bool_or(level = 'WARN') then 'warn' else 'ok' end as status,
           array_agg(distinct component order by component) as components,
           (array_agg(left(message, 200) order by event_created_at, seq))[1] as title
    from logs
    where {{of}}
    group by trace_id
    order by min(event_created_at) desc, trace_id
"""  # noqa: S608 - constants only


def _newest(
    server: Server, conditions: list[str], values: dict[str, Any], wanted: Filter, now: dt.datetime
) -> list[Sequence[Any]]:
    """The newest records, at most `limit`, in order of time."""
    assert wanted.limit is not None  # noqa: S101 - for the type checker
    found: list[Sequence[Any]] = []
    for ranged, bounds in _ranges(wanted, now):
        query = f"""
            select {_COLUMNS} from (
                select * from logs {_where([*conditions, *ranged])} order by {_NEWEST} limit :limit
            ) as newest order by {_NEWEST}
        """  # noqa: S608 - constants only
        found.extend(server.rows(query, {**values, **bounds, "limit": wanted.limit - len(found)}))
        if len(found) >= wanted.limit:
            break
    found.reverse()
    return found


def _ranges(wanted: Filter, now: dt.datetime) -> Iterator[tuple[list[str], dict[str, Any]]]:
    """Ranges of time to look in one after the other, newest first: each row lies in exactly one of them.

    There is no index from a component to its newest records: with one range all of `logs` would be read.
    Where another index answers, all of time is one range.
    """
    indexed = wanted.trace_id or wanted.search or wanted.data
    errors = wanted.component is not None and wanted.levels == ("ERROR",)
    start = wanted.start.before(now) if wanted.start else None
    end = min(now, wanted.end.before(now)) if wanted.end else now
    if indexed or errors:
        yield [], {}
        return
    edges = [end - back for back in _LOOKS_BACK if start is None or end - back > start]
    for newer, older in pairwise([None, *edges, None]):
        ranged, bounds = [], {}
        if older is not None:
            ranged.append("event_created_at >= :older")
            bounds["older"] = older
        if newer is not None:
            ranged.append("event_created_at < :newer")
            bounds["newer"] = newer
        yield ranged, bounds


def _conditions(wanted: Filter, now: dt.datetime) -> tuple[list[str], dict[str, Any]]:
    """SQL with bound values for each filter that is set."""
    levels = wanted.levels and list(wanted.levels)
    asked: dict[str, tuple[str, Any]] = {
        "trace_id": ("trace_id = cast(:trace_id as uuid)", wanted.trace_id),
        "component": ("component = :component", wanted.component),
        # The partial index of errors serves only when the planner sees the constant.
        "errors": ("level = 'ERROR' and :errors", levels == ["ERROR"] or None),
        "levels": ("level = any(:levels)", levels if levels != ["ERROR"] else None),
        "start": ("event_created_at >= :start", wanted.start and wanted.start.before(now)),
        "end": ("event_created_at < :end", wanted.end and wanted.end.before(now)),
        "search": ("log_words(message) @@ log_query(:search)", wanted.search),
        "data": ("data @> cast(:data as jsonb)", None if wanted.data is None else _json(wanted.data)),
    }
    given = {name: pair for name, pair in asked.items() if pair[1] is not None}
    values = {name: value for name, (_, value) in given.items()}
    return [condition for condition, _ in given.values()], values


def _where(conditions: list[str]) -> str:
    return f"where {' and '.join(conditions)}" if conditions else ""


def _json(data: dict[str, Any]) -> str:
    try:
        return msgspec.json.encode(data).decode()
    except (TypeError, ValueError) as error:
        raise BadFilter(
            f"data is no JSON: {error}", hint="dicts, lists, text, numbers, booleans, None"
        ) from None


def _frame(blocks: Iterable[Sequence[Sequence[Any]]]) -> pd.DataFrame:
    """A log frame of rows of `_COLUMNS`."""
    columns: list[list[Any]] = [[] for _ in LOGS]
    for rows in blocks:
        for column, part in zip(columns, zip(*rows, strict=True), strict=False):
            column.extend(part)
    named: dict[str, Any] = dict(zip(LOGS, columns, strict=True))
    named["data"] = JsonArray.from_texts(named["data"])
    for name in ("event_created_at", "ingestion_created_at"):
        micros = np.frombuffer(b"".join(named[name]), dtype=">i8").astype("int64") + _EPOCH_US
        named[name] = micros.view("datetime64[us]")
    return frame(named, LOGS)
