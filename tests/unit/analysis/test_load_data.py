"""The column `data`: JSON text until somebody looks, and to everybody who looks an ordinary column of dicts."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

from godot_analysis.loading.json_array import JsonArray

VALUES = [{"a": 1}, None, {"a": {"b": [1, "é"]}}, {}]
TEXTS = ['{"a":1}', None, '{"a":{"b":[1,"é"]}}', "{}"]


@pytest.fixture(params=["texts", "objects"])
def data(request) -> pd.Series:
    array = JsonArray.from_texts(TEXTS) if request.param == "texts" else JsonArray.from_objects(VALUES)
    return pd.Series(array, name="data", copy=False)


def test_what_pandas_does_with_it(data: pd.Series):
    assert str(data.dtype) == "json"
    assert data.isna().tolist() == [False, True, False, False]
    assert data.iloc[2] == VALUES[2]
    assert data.iloc[1] is None
    assert data[data.notna()].tolist() == [VALUES[0], *VALUES[2:]]
    assert data.iloc[::-1].tolist() == VALUES[::-1]
    assert data.reindex([0, 9]).tolist() == [VALUES[0], None]
    assert pd.concat([data, data.iloc[:1]]).tolist() == [*VALUES, VALUES[0]]
    assert data.map(lambda one: "a" in one if one is not None else None).tolist() == [True, None, True, False]
    assert data.astype(object).tolist() == VALUES
    assert (data == {"a": 1}).tolist() == [True, False, False, False]
    assert (data == data.copy()).tolist() == [True, False, True, True]
    assert pd.json_normalize(data.dropna())["a.b"].iloc[1] == [1, "é"]
    assert data.tolist() == VALUES
    pd.testing.assert_series_equal(data, pd.Series(JsonArray.from_objects(VALUES), name="data"))


def test_frames_carry_it(data: pd.Series):
    frame = pd.DataFrame({"n": range(4), "data": data})
    assert "{'a': 1}" in repr(frame)
    assert [row["data"] for row in frame.to_dict("records")] == VALUES
    assert pickle.loads(pickle.dumps(frame))["data"].tolist() == VALUES
    assert [group["data"].tolist() for _, group in frame.groupby(frame["n"] // 2)] == [VALUES[:2], VALUES[2:]]


def test_a_change_shows_here_and_nowhere_else(data: pd.Series):
    frame = pd.DataFrame({"n": range(4), "data": data})
    other = frame.copy()
    other.at[1, "data"] = {"new": True}  # noqa: PD008 - `loc` takes a dict for a row
    other.loc[other["n"] > 1, "data"] = None
    assert other["data"].tolist() == [{"a": 1}, {"new": True}, None, None]
    assert frame["data"].tolist() == VALUES


def test_only_what_is_looked_at_is_decoded():
    bad = JsonArray.from_texts(['{"a": 1}', "no JSON"])  # decoding it all would raise
    frame = pd.DataFrame({"level": ["INFO", "WARN"], "data": bad}, copy=False)
    assert frame["data"].iloc[0] == {"a": 1}
    assert frame[frame["level"] == "INFO"]["data"].tolist() == [{"a": 1}]
    assert len(frame.sort_values("level", ascending=False)) == 2
    assert not frame["data"].array.decoded


def test_all_are_decoded_once_for_all_who_share_the_column():
    frame = pd.DataFrame({"data": JsonArray.from_texts(TEXTS)}, copy=False)
    first, again = frame["data"].tolist(), frame["data"].tolist()
    assert all(one is two for one, two in zip(first, again, strict=True))
    assert frame["data"].iloc[2] is first[2]


def test_arrow_gets_the_text(data: pd.Series):
    pa = pytest.importorskip("pyarrow")
    assert [None if text is None else text.replace(" ", "") for text in pa.array(data).to_pylist()] == TEXTS


def test_nothing_at_all():
    empty = JsonArray.from_texts([])
    assert len(empty) == 0
    assert np.asarray(empty, dtype=object).tolist() == []
    assert pd.Series(empty).isna().tolist() == []
