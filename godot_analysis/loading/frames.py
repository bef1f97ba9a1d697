"""Typed frames from plain columns: the dtypes of `columns.py`, also for no rows at all."""

from __future__ import annotations

from contextlib import suppress
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from godot_analysis.columns import LEVELS, LOGS, TRACES
from godot_analysis.errors import BadFrame
from godot_analysis.loading.json_array import JsonArray

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

LEVEL_DTYPE = pd.CategoricalDtype(list(LEVELS), ordered=True)
_RANKS: Final = {level: rank for rank, level in enumerate(LEVELS)}
_MISSING_INT: Final = -(2**63)  # NaT


def frame(columns: Mapping[str, Sequence[Any]], schema: Mapping[str, str]) -> pd.DataFrame:
    """Build a frame with exactly the columns and dtypes of `schema`, missing columns filled with nothing."""
    rows = max((len(values) for values in columns.values()), default=0)
    nothing: list[None] = [None] * rows
    data = {name: as_column(columns.get(name, nothing), kind) for name, kind in schema.items()}
    return pd.DataFrame(data, index=pd.RangeIndex(rows), copy=False)


def trace_frame(rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
    """The frame of `list_traces` from rows of its columns but `duration_ms`, times in microseconds."""
    names = [name for name in TRACES if name != "duration_ms"]
    columns = transposed(rows, names)
    spans = zip(columns["started_at"], columns["ended_at"], strict=True)
    return frame({**columns, "duration_ms": [(end - start) / 1000 for start, end in spans]}, TRACES)


def transposed(rows: Sequence[Sequence[Any]], names: Sequence[str]) -> dict[str, Sequence[Any]]:
    """Turn rows into named columns, at the speed of `zip`."""
    if not rows:
        return dict.fromkeys(names, ())
    return dict(zip(names, zip(*rows, strict=True), strict=True))


def require(logs: object, schema: Mapping[str, str] = LOGS) -> pd.DataFrame:
    """Return the frame if it has the columns of `schema`; say which ones it lacks otherwise."""
    if not isinstance(logs, pd.DataFrame):
        raise BadFrame(
            f"a DataFrame is needed, not {type(logs).__name__}",
            hint="load one with load_trace(…) or load_logs(…)",
        )
    lacking = [name for name in schema if name not in logs.columns]
    if lacking:
        raise BadFrame(
            f"the frame has no column {', '.join(lacking)}",
            hint="load it with load_trace(…) or load_logs(…)",
            lacking=lacking,
        )
    return logs


def micros(times: pd.Series[Any]) -> list[int | None]:
    """Microseconds since 1970, None for a missing time: plain integers are quick to compare."""
    values: list[int] = times.astype("datetime64[us, UTC]").astype("int64").tolist()
    if times.isna().any():
        return [None if value == _MISSING_INT else value for value in values]
    return list(values)


def texts(column: pd.Series[Any]) -> list[str | None]:
    """Strings, None for a missing one."""
    values: list[str | None] = objects(column).tolist()
    return values


def objects(column: pd.Series[Any]) -> NDArray[Any]:
    """The values themselves, None for a missing one; `where` takes a hundred times as long for a few rows."""
    values = np.array(column.array.astype(object), dtype=object)
    values[column.array.isna()] = None
    return values


def integers(column: pd.Series[Any]) -> list[int | None]:
    """Integers, None for a missing one."""
    return [None if missing else int(value) for value, missing in zip(column, column.isna(), strict=True)]


def as_column(values: Sequence[Any], kind: str) -> Any:
    """What pandas makes a column of a dtype of, of plain values."""
    return _BUILDERS.get(kind, _plain)(values, kind)


def _plain(values: Sequence[Any], kind: str) -> Any:
    return pd.Series(values, dtype=kind)


def _strings(values: Sequence[Any], _: str) -> Any:
    try:
        return pd.array(values, dtype="str")
    except UnicodeEncodeError:
        # Where pandas keeps strings in Arrow, half a surrogate pair has no place.
        clean = [
            value.encode(errors="replace").decode() if isinstance(value, str) else value for value in values
        ]
        return pd.array(clean, dtype="str")


def _level(values: Sequence[Any], _: str) -> pd.Categorical:
    codes = np.fromiter(map(_RANKS.get, values, repeat(-1)), dtype="int8", count=len(values))
    return pd.Categorical.from_codes(codes, dtype=LEVEL_DTYPE)


def _category(values: Sequence[Any], _: str) -> pd.Categorical:
    """Factorise by dictionary: categories in order of first appearance."""
    seen = dict.fromkeys(values)
    seen.pop(None, None)
    numbers = {value: number for number, value in enumerate(seen)}
    codes = np.fromiter(map(numbers.get, values, repeat(-1)), dtype="int32", count=len(values))
    categories = pd.Index(list(seen), dtype="str") if seen else pd.Index([], dtype="str")
    return pd.Categorical.from_codes(codes, categories=categories)


def _json(values: Any, _: str) -> JsonArray:
    return values if isinstance(values, JsonArray) else JsonArray.from_objects(values)


def _objects(values: Sequence[Any], _: str) -> pd.Series[Any]:
    out = np.empty(len(values), dtype=object)
    out[:] = values if isinstance(values, (list, np.ndarray)) else list(values)
    return pd.Series(out, dtype="object")


def _nullable_integers(values: Sequence[Any], _: str) -> Any:
    """Python integers that fit 64 bits; anything else counts as missing. Mostly all are there, or none."""
    if set(map(type, values)) == {int}:
        with suppress(OverflowError):
            whole = np.fromiter(values, dtype=np.int64, count=len(values))
            return pd.arrays.IntegerArray(whole, np.zeros(len(whole), dtype=bool))
    held = np.empty(len(values), dtype=object)
    held[:] = values
    there = np.flatnonzero(pd.notna(held))
    fits = [isinstance(value, int) and -(2**63) < value < 2**63 for value in held[there].tolist()]
    there = there[np.array(fits, dtype=bool)]
    mask = np.ones(len(held), dtype=bool)
    mask[there] = False
    filled = np.zeros(len(held), dtype=np.int64)
    filled[there] = held[there].astype(np.int64)
    return pd.arrays.IntegerArray(filled, mask)


def _times(values: Sequence[Any], _: str) -> Any:
    """Microseconds since 1970 (integers), datetimes, or a ready array."""
    if isinstance(values, np.ndarray) and values.dtype == "datetime64[us]":
        return pd.DatetimeIndex(values, tz="UTC").array
    if isinstance(values, (pd.Series, pd.DatetimeIndex, np.ndarray)):
        return (
            pd.Series(pd.to_datetime(values, utc=True)).astype("datetime64[us, UTC]").reset_index(drop=True)
        )
    if all(value is None or isinstance(value, int) for value in values):
        whole = np.fromiter(
            (_MISSING_INT if value is None else value for value in values), dtype="int64", count=len(values)
        )
        return pd.DatetimeIndex(whole.view("datetime64[us]"), tz="UTC").array
    return pd.Series(pd.to_datetime(list(values), utc=True)).astype("datetime64[us, UTC]")


_BUILDERS: Final = {
    "str": _strings,
    "category": _category,
    "level": _level,
    "json": _json,
    "object": _objects,
    "Int64": _nullable_integers,
    "datetime64[us, UTC]": _times,
}
