"""Log frames from Arrow batches: each column is turned over once, and its source let go of at once."""

from __future__ import annotations

from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from godot_analysis.columns import LEVELS, LOGS
from godot_analysis.loading.frames import LEVEL_DTYPE
from godot_analysis.loading.json_array import JsonArray
from godot_analysis.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Numbers = np.ndarray[Any, np.dtype[Any]]

_BLOCK: Final = 4096  # rows; small enough for the gaps that chunks leave which were let go of
_LONG_RUN: Final = 256
_UUID_LENGTH: Final = 16
_HEX: Final = np.frombuffer("".join(f"{n:02x}" for n in range(256)).encode(), dtype="u2")
_DIGITS: Final = [place for place in range(36) if place not in {8, 13, 18, 23}]
_TEXT: Final[Any] = pd.StringDtype(na_value=np.nan)
_POOL: Final = pa.system_memory_pool()  # gives back to the system what a large column leaves


def log_frame(*streams: Iterable[pa.RecordBatch], stops: Sequence[Callable[[], None]] = ()) -> pd.DataFrame:
    """A log frame in order of time, of equal times by `seq` (none first) and id.

    Ids may be UUIDs or text, times any timestamps in UTC; `data` is JSON text. Streams are read side by side,
    each in a thread of its own; `stops` end them when nobody waits for them any more.
    """
    with Progress("load") as progress, ThreadPoolExecutor(len(streams)) as pool:
        under_way = [pool.submit(_read, stream, progress) for stream in streams]
        others = set(under_way)
        try:
            ended, others = wait(under_way, return_when=FIRST_EXCEPTION)
        finally:
            for stop in stops if others else ():
                stop()
        for reading in ended:
            reading.result()  # the error that came first, not those of who was stopped for it
    parts = [part for reading in under_way for part in reading.result()]
    # Nearly in order of time already, the columns are put in order with little more memory.
    parts.sort(key=lambda part: part["event_created_at"][0].as_py() or 0)
    columns = {name: [part[name] for part in parts] for name in LOGS}
    parts.clear()
    under_way.clear()
    ended.clear()
    rows = sum(map(len, columns["id"]))
    order = _order(columns)
    built = {}
    for name, kind in LOGS.items():
        built[name] = _BUILDERS[kind](columns.pop(name), order)
        pa.default_memory_pool().release_unused()
    return pd.DataFrame(built, index=pd.RangeIndex(rows), copy=False)


def _read(stream: Iterable[pa.RecordBatch], progress: Progress) -> list[dict[str, pa.Array]]:
    """The columns of each batch that holds anything."""
    found = []
    for batch in stream:
        if len(batch):
            found.append({name: _slim(LOGS[name], batch.column(name)) for name in LOGS})
        progress.count(len(batch))
    return found


def _slim(kind: str, column: pa.Array) -> pa.Array:
    """A copy of the column without what the frame would not keep: names as numbers, times as integers.

    Always a copy: a batch that a driver has made stays in memory as a whole while anything refers to it.
    """
    if isinstance(column, pa.ExtensionArray):  # UUIDs and JSON
        column = column.storage
    if kind in {"category", "level"}:
        return column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    elif pa.types.is_string(column.type):
        column = column.cast(pa.large_string())
    pool = _POOL if pa.types.is_large_string(column.type) else None
    return pa.concat_arrays([column, column.slice(0, 0)], memory_pool=pool)


def _order(columns: dict[str, list[pa.Array]]) -> Numbers | None:
    """Where each row of the frame stands in what was read; None when it is in order already."""
    times = _integers(columns["event_created_at"])
    if not len(times) or np.diff(times).min(initial=1) > 0:
        return None
    order = np.argsort(times, kind="stable")
    same = np.diff(times[order]) == 0
    if same.any():
        # Only where times are equal does anything else decide.
        places = np.flatnonzero(np.append(same, False) | np.append(False, same))
        tied = order[places]
        ids, sequence = (pa.chunked_array(columns[name]).take(pa.array(tied)) for name in ("id", "seq"))
        keys = {"time": times[tied], "seq": sequence.fill_null(-1), "id": ids}
        ranked = pa.table({**keys, "row": tied}).sort_by([(name, "ascending") for name in keys])
        order[places] = ranked["row"].to_numpy()
    return None if (np.diff(order) == 1).all() else order


def _reordered(chunks: list[pa.Array], order: Numbers | None) -> list[pa.Array]:
    """The column in another order; the list that is given is used up."""
    if order is None:
        return chunks
    edges = np.flatnonzero(np.diff(order) != 1) + 1
    if len(edges) * _LONG_RUN > len(order):
        return _copied(chunks, order)
    # Long runs only change places, which costs nothing.
    column = pa.chunked_array(chunks)
    runs = pairwise([0, *edges.tolist(), len(order)])
    return [part for start, end in runs for part in column.slice(int(order[start]), end - start).chunks]


def _copied(chunks: list[pa.Array], order: Numbers) -> list[pa.Array]:
    """A copy, block by block. Rows are nearly in order, so that what has been copied is soon let go of."""
    waiting = chunks[::-1]
    chunks.clear()
    needed = np.minimum.accumulate(order[::-1])[::-1]  # the first row that is still to be copied
    first, parts = 0, []
    for start in range(0, len(order), _BLOCK):
        while first + len(waiting[-1]) <= needed[start]:
            first += len(waiting.pop())
        places = order[start : start + _BLOCK] - first
        low, high = int(places.min()), int(places.max()) + 1
        # Arrow would make one piece of the whole column before it takes rows from it.
        near = pa.concat_arrays(pa.chunked_array(waiting[::-1]).slice(low, high - low).chunks)
        parts.append(pc.take(near, pa.array(places - low), memory_pool=_POOL))
    return parts


def _texts(chunks: list[pa.Array], order: Numbers | None) -> Any:
    if chunks and pa.types.is_fixed_size_binary(chunks[0].type):
        return _text_array([_uuid_texts(chunks, order)])
    return _text_array(_reordered(chunks, order))


def _text_array(chunks: list[pa.Array]) -> Any:
    return _TEXT.__from_arrow__(pa.chunked_array(chunks, pa.large_string()))


def _uuid_texts(chunks: list[pa.Array], order: Numbers | None) -> pa.Array:
    """UUIDs as text: 36 characters each, also where there is none, which the mask of missing values hides."""
    octets = np.concatenate([np.frombuffer(chunk.buffers()[1], dtype="u1") for chunk in chunks])
    octets = octets.reshape(-1, _UUID_LENGTH)
    there = ~_missing(chunks)
    chunks.clear()
    if order is not None:
        octets, there = octets[order], there[order]
    rows = len(octets)
    texts = np.full((rows, 36), ord("-"), dtype="u1")
    for start in range(0, rows, _BLOCK):  # in blocks that stay in the processor's cache
        block = slice(start, start + _BLOCK)
        texts[block, _DIGITS] = _HEX[octets[block]].view("u1")
    return pa.LargeStringArray.from_buffers(
        rows,
        pa.py_buffer(np.arange(0, 36 * rows + 1, 36, dtype="int64")),
        pa.py_buffer(texts),
        None if there.all() else pa.py_buffer(np.packbits(there, bitorder="little")),
    )


def _category(chunks: list[pa.Array], order: Numbers | None) -> pd.Categorical:
    codes, names = _factorised(chunks, order)
    return pd.Categorical.from_codes(codes, categories=pd.Index(names, dtype="str"))


def _level(chunks: list[pa.Array], order: Numbers | None) -> pd.Categorical:
    codes, names = _factorised(chunks, order)
    ranks = np.array([LEVELS.index(name) for name in names], dtype="int8")
    return pd.Categorical.from_codes(ranks[codes], dtype=LEVEL_DTYPE)


def _factorised(chunks: list[pa.Array], order: Numbers | None) -> tuple[Numbers, list[str]]:
    """Numbers of names, and the names in order of first appearance."""
    known: dict[str, int] = {}
    parts = [np.empty(0, dtype="int32")]
    for chunk in chunks:
        numbers = [known.setdefault(name, len(known)) for name in chunk.dictionary.to_pylist()]
        parts.append(np.array(numbers, dtype="int32")[chunk.indices.to_numpy()])
    codes = np.concatenate(parts)
    codes, present = pd.factorize(codes if order is None else codes[order])
    names = list(known)
    return codes, [names[number] for number in present]


def _integers(chunks: list[pa.Array], order: Numbers | None = None, missing: int = 0) -> Numbers:
    filled = [chunk.fill_null(missing) if chunk.null_count else chunk for chunk in chunks]
    values = np.concatenate([np.empty(0, dtype="int64"), *(chunk.to_numpy() for chunk in filled)])
    return values if order is None else values[order]


def _missing(chunks: list[pa.Array]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    masks = (chunk.is_null().to_numpy(zero_copy_only=False) for chunk in chunks)
    return np.concatenate([np.empty(0, dtype=bool), *masks])


def _times(chunks: list[pa.Array], order: Numbers | None) -> Any:
    micros = _integers(chunks, order, missing=np.iinfo("int64").min)  # NaT
    return pd.DatetimeIndex(micros.view("datetime64[us]"), tz="UTC").array


def _counts(chunks: list[pa.Array], order: Numbers | None) -> Any:
    mask = _missing(chunks)
    return pd.arrays.IntegerArray(_integers(chunks, order), mask if order is None else mask[order])


def _json(chunks: list[pa.Array], order: Numbers | None) -> JsonArray:
    return JsonArray.from_texts(_text_array(_reordered(chunks, order)))


_BUILDERS: Final = {
    "str": _texts,
    "category": _category,
    "level": _level,
    "json": _json,
    "datetime64[us, UTC]": _times,
    "Int64": _counts,
}
