"""The calls by columns: what is chosen there is what reading every call would choose."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import pytest

import godot_analysis as ga
from godot_analysis.diagnosis.facts import gather
from godot_analysis.loading.tables import log_table
from godot_analysis.schema import Check

TABLE = """
    0.0  client sends relay  ? 1 tools/call gates_open {"path": "/a"}
    0.1  relay  gets  client ? 1 tools/call gates_open {"path": "/a"}
    0.2  relay  sends gates  ? 7 tools/call gates_open {"path": "/a"}
    0.3  gates  gets  relay  ? 7 tools/call gates_open {"path": "/a"}
    0.4  gates  sends relay  = 7 {"content": []}
    0.5  relay  gets  gates  = 7 {"content": []}
    0.6  relay  sends client = 1 {"content": []}
    0.7  client gets  relay  = 1 {"content": []}
    1.0  client sends relay  ? 2 tools/call dewey_find {"text": "b"}
    1.1  relay  gets  client ? 2 tools/call dewey_find {"text": "b"}
    1.2  relay  sends client ! 2 -32602 Unknown tool: dewey_find
    1.3  client gets  relay  ! 2 -32602 Unknown tool: dewey_find
    2.0  client sends relay  ? 3 tools/call gates_open {"path": "/c"}
    2.1  relay  gets  client ? 3 tools/call gates_open {"path": "/c"}
    2.2  relay  sends gates  ? 8 tools/call gates_open {"path": "/c"}
"""


@pytest.fixture(scope="module")
def facts():
    return gather(ga.reconstruct(log_table(TABLE)))


def moment(facts, seconds):
    return facts.log.start + pd.Timedelta(seconds=seconds)


def test_selections_are_what_reading_every_call_finds(facts):
    calls, time = facts.operations.calls, moment(facts, 1)
    for some, wanted in [
        (calls.answered, lambda call: call.answered),
        (calls.failed, lambda call: call.failed),
        (calls.leaves, lambda call: not call.legs),
        (calls.where("tool", "gates_open"), lambda call: call.tool == "gates_open"),
        (calls.where("callee", "gates", None), lambda call: call.callee in {"gates", None}),
        (calls.after(time), lambda call: call.started > time),
        (calls.since(time), lambda call: call.started >= time),
        (calls.before(time), lambda call: call.started < time),
        (
            calls.only(facts.operations.table.passing_on),
            lambda call: any(leg.tool == call.tool for leg in call.legs),
        ),
        (facts.operations.roots, lambda call: call.parent is None),
    ]:
        assert [call.number for call in some] == [call.number for call in calls if wanted(call)]


def test_a_call_is_one_object_with_its_legs(facts):
    first = facts.operations.roots[0]
    assert facts.operations.calls[first.number - facts.operations.calls[0].number] is first
    assert [leg.callee for leg in first.legs] == ["gates"]
    assert facts.operations.operation_of(first.last) is first
    assert {call.number for call in facts.operations.numbered(first.family)} == {
        first.number,
        first.last.number,
    }


def test_counts_and_groups_go_by_first_appearance(facts):
    counts = facts.operations.calls.counts("caller", "callee")
    assert list(counts.items()) == list(Counter((c.caller, c.callee) for c in facts.operations.calls).items())
    assert list(facts.operations.by_backend) == ["gates"]
    assert facts.operations.calls[:0].counts("tool") == {}


def test_the_nearest_call_is_the_first_of_several(facts):
    assert facts.operations.roots.nearest(moment(facts, 0.9)).tool == "dewey_find"
    assert facts.operations.roots[:0].nearest(facts.log.start) is None


def test_a_family_is_found_by_any_of_its_legs(facts):
    told = facts.operations.roots.with_any(facts.operations.table.mask("callee", "gates"))
    assert [call.rpc_id for call in told] == ["1", "3"]


def test_only_chosen_calls_are_made(facts):
    fresh = gather(facts.flow)
    assert len(fresh.operations.calls.answered) == 3
    assert not fresh.operations.table.made


@pytest.mark.parametrize(
    ("value", "broken"),
    [
        ({"rows": [{"id": 1}, {"id": 2.0}]}, None),
        ({"rows": [{"id": 1}, {"id": True}]}, "rows[1].id is a boolean instead of integer"),
        ({"rows": {}}, "rows is an object instead of array"),
        ({}, "rows is missing"),
        ({"rows": [], "more": 1}, "more is not allowed"),
        ({"rows": [], "inner": {"rows": 1}}, "inner.rows is an integer instead of array"),
        ([], "it is an array instead of object"),
    ],
)
def test_a_schema_is_read_once_and_judges_many_values(value, broken):
    check = Check(
        {
            "type": "object",
            "properties": {
                "rows": {
                    "type": "array",
                    "items": {"type": "object", "properties": {"id": {"type": "integer"}}},
                },
                "inner": {"$ref": "#"},
            },
            "required": ["rows"],
            "additionalProperties": False,
        }
    )
    assert [check(value), check(value)] == [broken, broken]
