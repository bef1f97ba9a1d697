"""Freezing: later changes change nothing, and nothing is too strange to be frozen."""

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import json
import pathlib
import sys
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from godot_loglib.freeze import freeze, plain, printable, thaw


class Unprintable:
    def __repr__(self):
        raise RuntimeError("no")

    __str__ = __repr__


@dataclasses.dataclass
class Point:
    x: int
    y: object


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Model:
    def model_dump(self, **options):
        assert options == {"mode": "json", "by_alias": True, "exclude_none": True}
        return {"jsonrpc": "2.0"}


class Array:
    def tolist(self):
        return [1, [2, 3]]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(json_values)
def test_json_data_comes_back_equal(value):
    assert thaw(freeze(value)) == value


@given(json_values)
def test_the_slow_way_gives_the_same(value):
    assert plain(value) == value


def test_later_changes_change_nothing():
    data = {"list": [1], "point": Point(1, [2])}
    frozen = freeze(data)
    data["list"].append(2)
    data["point"].y.append(3)
    data["new"] = 1
    assert thaw(frozen) == {"list": [1], "point": {"x": 1, "y": [2]}}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC), "2026-01-02T03:04:05+00:00"),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (dt.timedelta(seconds=90), "0:01:30"),
        (uuid.UUID(int=7), str(uuid.UUID(int=7))),
        (decimal.Decimal("1.10"), "1.10"),
        (pathlib.PurePosixPath("/a/b"), "/a/b"),
        (bytearray(b"ab"), b"ab"),
        (Point(1, Point(2, None)), {"x": 1, "y": {"x": 2, "y": None}}),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (collections.OrderedDict(a=1), {"a": 1}),
        (collections.deque([1, 2]), [1, 2]),
        (Model(), {"jsonrpc": "2.0"}),
        (Array(), [1, [2, 3]]),
        (Unprintable(), "<unprintable Unprintable>"),
        (int, "<class 'int'>"),
        ({Point: 1}, {repr(Point): 1}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_json_does_not_know(value, expected):
    assert thaw(freeze([value, object]))[0] == expected


def test_sets_become_lists():
    assert sorted(thaw(freeze({"a": {1, 2}, "b": object}))["a"]) == [1, 2]


def test_an_exception_keeps_type_message_and_stack():
    try:
        int("wrong")
    except ValueError as error:
        frozen = thaw(freeze({"error": error}))["error"]
    assert (frozen["type"], frozen["message"]) == (
        "ValueError",
        "invalid literal for int() with base 10: 'wrong'",
    )
    assert "test_an_exception_keeps_type_message_and_stack" in frozen["stack"]


def test_cycles_end():
    point = Point(1, None)
    point.y = {"again": point}
    assert thaw(freeze(point)) == {"x": 1, "y": {"again": "[cycle]"}}


def test_one_object_in_two_places_is_no_cycle():
    shared = Point(1, 2)
    assert thaw(freeze([shared, shared])) == [{"x": 1, "y": 2}] * 2


def test_depth_and_number_of_values_are_bounded():
    deep = Point(0, None)
    for _ in range(5 * sys.getrecursionlimit()):
        deep = Point(1, deep)
    text = json.dumps(thaw(freeze(deep)))
    assert "nested deeper than 200 levels" in text
    wide = [Point(1, 2)] * 200_000
    assert "more than 100000 values" in thaw(freeze(wide))[-1]


def test_a_long_repr_is_cut():
    class Long:
        def __repr__(self):
            return "x" * 10**6

    assert len(thaw(freeze(Long()))) < 11_000


def test_a_mapping_that_fails_leaves_a_note():
    class Broken(dict):
        def items(self):
            raise RuntimeError

    assert thaw(freeze(Broken(a=1))) == {"unserialisable": "Broken: RuntimeError"}


def test_anything_is_printable():
    assert printable("x") == "x"
    assert printable(7) == "7"
    assert printable(Unprintable()) == "<unprintable Unprintable>"
