"""Log frames from Arrow batches: whatever comes in whatever order, the frame is the documented one, in order."""

from __future__ import annotations

import datetime as dt
import threading
import uuid

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from godot_analysis import columns

pa = pytest.importorskip("pyarrow")
from godot_analysis.loading.arrow import _copied, _reordered, log_frame  # noqa: E402 - where pyarrow is

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.uuids(version=4),
            "trace_id": st.none() | st.uuids(),
            "component": st.sampled_from(["relay", "gates", "é"]),
            "level": st.sampled_from(columns.LEVELS),
            "message": st.text(max_size=20),
            "data": st.sampled_from([None, '{"a":1}', "{}"]),
            "event_created_at": st.integers(0, 20).map(lambda n: START + dt.timedelta(microseconds=n)),
            "ingestion_created_at": st.just(START),
            "instance": st.none() | st.just("host:1"),
            "seq": st.none() | st.integers(0, 9),
        }
    ),
    max_size=40,
    unique_by=lambda row: row["id"],
)

TYPES = {
    "data": "string",
    "event_created_at": pa.timestamp("us", "UTC"),
    "ingestion_created_at": pa.timestamp("us", "UTC"),
    "seq": pa.int64(),
}


def batch(rows: list[dict], *, binary: bool) -> pa.RecordBatch:
    arrays = {}
    for name in columns.LOGS:
        values = [row[name] for row in rows]
        if name in {"id", "trace_id"}:
            kind = pa.binary(16) if binary else pa.string()
            values = [one and (one.bytes if binary else str(one)) for one in values]
            arrays[name] = pa.array(values, kind)
        else:
            arrays[name] = pa.array(values, TYPES.get(name, pa.string()))
    return pa.record_batch(arrays)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.integers(1, 40), st.booleans())
def test_any_rows_in_any_batches(rows: list[dict], size: int, binary: bool):
    logs = log_frame(batch(rows[at : at + size], binary=binary) for at in range(0, len(rows), size))
    wanted = sorted(
        rows,
        key=lambda row: (row["event_created_at"], -1 if row["seq"] is None else row["seq"], row["id"].bytes),
    )
    assert list(logs) == list(columns.LOGS)
    assert logs["id"].tolist() == [str(row["id"]) for row in wanted]
    assert logs["trace_id"].isna().tolist() == [row["trace_id"] is None for row in wanted]
    assert logs["trace_id"].dropna().tolist() == [str(row["trace_id"]) for row in wanted if row["trace_id"]]
    for name in ("component", "level", "message", "event_created_at"):
        assert logs[name].tolist() == [row[name] for row in wanted], name
    assert list(logs["component"].cat.categories) == list(dict.fromkeys(row["component"] for row in wanted))
    assert logs["instance"].isna().tolist() == [row["instance"] is None for row in wanted]
    assert [None if pd.isna(one) else one for one in logs["seq"]] == [row["seq"] for row in wanted]
    assert logs["data"].tolist() == [
        {'{"a":1}': {"a": 1}, "{}": {}, None: None}[row["data"]] for row in wanted
    ]
    empty = log_frame([])
    for name in set(columns.LOGS) - {"component"}:
        assert logs[name].dtype == empty[name].dtype, name


@settings(max_examples=30, deadline=None)
@given(ROWS, st.integers(0, 40), st.integers(1, 20))
def test_several_streams_make_the_frame_of_one(rows: list[dict], cut: int, size: int):
    def batches(some: list[dict]) -> list[pa.RecordBatch]:
        return [batch(some[at : at + size], binary=True) for at in range(0, len(some), size)]

    pd.testing.assert_frame_equal(
        log_frame(batches(rows[:cut]), batches(rows[cut:])), log_frame(batches(rows))
    )


@pytest.mark.parametrize("first", [True, False])
def test_when_one_stream_fails_the_others_are_left(first: bool):
    begun, stopped = threading.Event(), threading.Event()

    def endless():
        begun.set()
        stopped.wait()
        raise ValueError("because it was stopped")
        yield

    def failing():
        begun.wait()
        raise OSError("cut off")
        yield

    with pytest.raises(OSError, match="cut off"):
        log_frame(*((failing(), endless()) if first else (endless(), failing())), stops=[stopped.set])


def test_a_long_column_is_copied_or_only_rearranged():
    pd_index = pd.Series(range(50_000))
    shuffled = pd_index.groupby(pd_index // 700).sample(frac=1, random_state=1).to_numpy()
    runs = pd.concat([pd_index[20_000:], pd_index[:20_000]]).to_numpy()

    def chunks():
        return [pa.array([str(n) for n in range(at, at + 5_000)]) for at in range(0, 50_000, 5_000)]

    copied = _copied(chunks(), shuffled)
    assert [value for part in copied for value in part.to_pylist()] == [str(n) for n in shuffled]
    rearranged = _reordered(chunks(), runs)
    assert [value for part in rearranged for value in part.to_pylist()] == [str(n) for n in runs]


def test_a_uuid_is_written_as_everywhere():
    one = uuid.UUID("0123ABCD-4567-89ef-8123-456789abcdef")
    row = {
        "id": one,
        "trace_id": None,
        "component": "gates",
        "level": "INFO",
        "message": "",
        "data": None,
        "event_created_at": START,
        "ingestion_created_at": START,
        "instance": None,
        "seq": None,
    }
    assert log_frame([batch([row], binary=True)])["id"].tolist() == [str(one)]
