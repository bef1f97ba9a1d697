"""Two JSON Schemas: every kind of difference, its judgement, and that equal things have none."""

from __future__ import annotations

import pytest

from godot_analysis.comparison._schemas import schema_differences
from godot_analysis.schema.walk import Budget


def closed(**properties):
    return {"type": "object", "properties": properties, "additionalProperties": False}


def opened(**properties):
    return {"type": "object", "properties": properties}


STRING, INTEGER, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}


def told(left, right, **how):
    return [
        (item.path, item.kind, item.judgement, item.affects)
        for item in schema_differences(left, right, **how)
    ]


# name: left, right, path and kind, then who is broken when callers know the left schema and meet the right one:
# by arguments, by results; None for nobody
CASES = {
    "required added": (opened(a=STRING), {**opened(a=STRING), "required": ["a"]}, ("required/a", "required"), "caller", None),
    "required removed": ({**opened(a=STRING), "required": ["a"]}, opened(a=STRING), ("required/a", "required"), None, "caller"),
    "type replaced": (STRING, INTEGER, ("type", "type"), "caller", "caller"),
    "type widened to a union": (STRING, {"type": ["string", "null"]}, ("type", "type"), None, "caller"),
    "type narrowed from a union": ({"type": ["string", "null"]}, STRING, ("type", "type"), "caller", None),
    "integer to number": (INTEGER, NUMBER, ("type", "type"), None, "caller"),
    "number to integer": (NUMBER, INTEGER, ("type", "type"), "caller", None),
    "type left out": (STRING, {}, ("type", "type"), None, "caller"),
    "enum value added": ({"enum": ["a"]}, {"enum": ["a", "b"]}, ("enum", "enum"), None, "caller"),
    "enum value removed": ({"enum": ["a", "b"]}, {"enum": ["b"]}, ("enum", "enum"), "caller", None),
    "enum values exchanged": ({"enum": ["a"]}, {"enum": ["b"]}, ("enum", "enum"), "caller", "caller"),
    "any value to a const": ({}, {"const": 1}, ("enum", "enum"), "caller", None),
    "minimum raised": ({"minimum": 1}, {"minimum": 2}, ("minimum", "limit"), "caller", None),
    "maximum raised": ({"maximum": 1}, {"maximum": 2}, ("maximum", "limit"), None, "caller"),
    "pattern changed": ({"pattern": "a"}, {"pattern": "b"}, ("pattern", "limit"), "caller", "caller"),
    "maxLength added": (STRING, {**STRING, "maxLength": 9}, ("maxLength", "limit"), "caller", None),
    "property added to a closed object": (closed(), closed(a=STRING), ("properties/a", "property added"), None, "caller"),
    "property added to an open object": (opened(), opened(a=STRING), ("properties/a", "property added"), None, None),
    "property removed from a closed object": (closed(a=STRING), closed(), ("properties/a", "property removed"), "caller", None),
    "property removed from an open object": (opened(a=STRING), opened(), ("properties/a", "property removed"), "caller", "caller"),
    "closed": (opened(), closed(), ("additionalProperties", "additional properties"), "caller", None),
    "opened": (closed(), opened(), ("additionalProperties", "additional properties"), None, "caller"),
    "items described": ({"type": "array"}, {"type": "array", "items": STRING}, ("items", "items"), "caller", None),
    "items no longer described": ({"type": "array", "items": STRING}, {"type": "array"}, ("items", "items"), None, "caller"),
    "items changed": ({"items": STRING}, {"items": INTEGER}, ("items/type", "type"), "caller", "caller"),
    "alternative added": ({"anyOf": [STRING]}, {"anyOf": [STRING, INTEGER, NUMBER]}, ("anyOf", "alternatives"), None, "caller"),
    "alternative of allOf added": ({"allOf": [STRING]}, {"allOf": [STRING, {"minLength": 1}, {"maxLength": 2}]}, ("allOf", "alternatives"), "caller", None),
    "one alternative changed": ({"anyOf": [STRING, {"type": "null"}]}, {"anyOf": [INTEGER, {"type": "null"}]}, ("anyOf/0/type", "type"), "caller", "caller"),
    "combinator added": ({}, {"oneOf": [STRING]}, ("oneOf", "alternatives"), "caller", None),
    "condition added": ({}, {"not": STRING}, ("not", "condition"), "caller", None),
    "true to false": (True, False, ("not", "condition"), "caller", None),
    "no schema": ({}, 3, ("", "schema"), "caller", "caller"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_arguments_and_results_are_judged_the_opposite_way(name):
    left, right, (path, kind), breaks_input, breaks_output = CASES[name]
    for side, broken in (("input", breaks_input), ("output", breaks_output)):
        found = told(left, right, side=side)
        assert [item[:2] for item in found] == [(path, kind)]
        assert (found[0][3] if found[0][2] == "breaking" else None) == broken, side


@pytest.mark.parametrize("name", CASES)
def test_nothing_differs_from_itself(name):
    left, right, *_ = CASES[name]
    assert told(left, left) == told(right, right) == []


@pytest.mark.parametrize(
    ("left", "right", "kind", "judgement"),
    [
        ({"format": "date"}, {"format": "time"}, "format", "compatible"),
        ({"default": 1}, {"default": True}, "default", "compatible"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, {}, "dialect", "compatible"),
        ({"description": "old"}, {"description": "new"}, "wording", "cosmetic"),
        ({"x-order": 1}, {"x-order": 2}, "unknown keyword", "cosmetic"),
        ({"$defs": {"X": {}}}, {}, "definition", "cosmetic"),
    ],
)  # fmt: skip
def test_what_concerns_no_value(left, right, kind, judgement):
    assert [item[1:3] for item in told(left, right)] == [(kind, judgement)]
    assert told(left, left) == []


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({"required": []}, {}),
        ({"type": ["string"]}, {"type": "string"}),
        ({"additionalProperties": True}, {}),
        ({"additionalProperties": {}}, {}),
        ({"enum": ["a", "b"]}, {"enum": ["b", "a"]}),
        ({"const": "a"}, {"enum": ["a"]}),
        ({"minimum": 1}, {"minimum": 1.0}),
        ({"anyOf": [STRING, INTEGER]}, {"anyOf": [INTEGER, STRING]}),
        ({"uniqueItems": False}, {}),
        ({"type": ["number"]}, {"type": ["integer", "number"]}),
    ],
)
def test_another_way_to_say_the_same_is_no_difference(left, right):
    assert told(left, right) == told(right, left) == []


def test_references_are_followed():
    inside = {"properties": {"a": STRING}}
    apart = {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": STRING}}
    assert [item[1] for item in told(inside, apart)] == ["definition"]
    other = {**apart, "$defs": {"A": INTEGER}}
    assert ("properties/a/type", "type", "breaking", "caller") in told(apart, other)


def test_keywords_beside_a_reference_stay_in_force():
    left = {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": STRING}}
    right = {"properties": {"a": {"$ref": "#/$defs/A", "maxLength": 3}}, "$defs": {"A": STRING}}
    assert [item[:2] for item in told(left, right)] == [("properties/a/maxLength", "limit")]


def test_stripped_definitions_leave_dangling_references_that_are_named():
    whole = {"$defs": {"Path": STRING}, "properties": {"path": {"$ref": "#/$defs/Path"}}}
    stripped = {"properties": {"path": {"$ref": "#/$defs/Path"}}}
    [found] = [item for item in schema_differences(whole, stripped) if item.kind == "dangling reference"]
    assert (found.path, found.judgement, found.affects) == (
        "properties/path",
        "breaking",
        "caller,callee,host",
    )
    assert "#/$defs/Path" in found.message
    assert "repaired reference" in [item[1] for item in told(stripped, whole)]
    assert told(stripped, dict(stripped)) == []


@pytest.mark.parametrize(
    "reference", ["#", "#/", "#/properties/0", "#/$defs/%24", "#node", "#/" + "9" * 5000, "http://x/y"]
)
def test_any_reference_is_read(reference):
    schema = {"properties": {"a": {"$ref": reference}}, "items": [{"$anchor": "node"}]}
    assert told(schema, {**schema}) == []


def test_references_that_go_round_in_circles_end():
    tree = {"properties": {"child": {"$ref": "#"}, "name": STRING}}
    other = {"properties": {"child": {"$ref": "#"}, "name": INTEGER}}
    assert [item[:2] for item in told(tree, other)] == [("properties/name/type", "type")]
    ring = {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}}}
    assert [item[1] for item in told({"$defs": ring["$defs"]}, ring)] == ["dangling reference"]


def test_a_relay_that_widens_breaks_the_server_behind_it():
    server, offered = closed(a=STRING), closed(a=STRING, b=STRING)
    assert told(server, offered, view="hops") == [("properties/b", "property added", "breaking", "callee")]
    assert told(offered, server, view="hops") == [
        ("properties/b", "property removed", "compatible", "caller")
    ]
    assert told({**server, "required": ["a"]}, server, view="hops")[0][2:] == ("breaking", "callee")


def test_a_relay_that_narrows_results_breaks_callers_that_validate():
    assert told(NUMBER, INTEGER, side="output", view="hops")[0][2:] == ("breaking", "caller")
    assert told(INTEGER, NUMBER, side="output", view="hops")[0][2] == "compatible"


def test_depth_costs_no_stack():
    def nested(leaf):
        schema = leaf
        for _ in range(50_000):
            schema = {"properties": {"a": schema}}
        return schema

    budget = Budget(100_000)
    found = schema_differences(
        nested({"type": "string", "maximum": 1}), nested({"type": "string", "maximum": 2}), budget=budget
    )
    assert [item.kind for item in found] == ["limit"]
    assert not budget.spent


def test_work_is_bounded_and_what_was_left_out_is_known():
    wide = opened(**{f"a{number}": {"minimum": number} for number in range(1000)})
    other = opened(**{f"a{number}": {"minimum": number + 1} for number in range(1000)})
    budget = Budget(100)
    assert len(schema_differences(wide, other, budget=budget)) < 100
    assert budget.spent
