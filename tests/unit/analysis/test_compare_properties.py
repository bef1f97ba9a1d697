"""What holds for any two lists, schemas and logs: nothing differs from itself, and swapping sides swaps the answer."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import godot_analysis as ga
from godot_analysis.comparison._schemas import schema_differences
from godot_analysis.comparison._tools import tool_differences
from godot_analysis.schema.pointers import join

NAMES = st.sampled_from(["a", "b", "path", "x/y", "~", "", "$ref", "type", "é", "\ud800"])
LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False) | st.text(max_size=3)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
TYPES = st.sampled_from(["string", "integer", "number", "object", "array", "null", "boolean"])
REFERENCES = st.sampled_from(
    ["#", "#/$defs/A", "#/$defs/B", "#/properties/a", "#/nowhere", "#anchor", "other.json#/A"]
)


def schemas(inner):
    """Schemas as people write them, with some values that no schema may have."""
    lists = st.lists(inner, max_size=3)
    maps = st.dictionaries(NAMES, inner, max_size=3)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES | st.lists(TYPES, max_size=3) | JSON,
            "properties": maps | JSON,
            "required": st.lists(NAMES, max_size=3) | JSON,
            "additionalProperties": inner | st.booleans() | JSON,
            "items": inner | lists | JSON,
            "enum": st.lists(LEAVES, max_size=3) | JSON,
            "const": LEAVES,
            "anyOf": lists | JSON,
            "oneOf": lists,
            "allOf": lists,
            "not": inner,
            "minimum": LEAVES,
            "maxLength": LEAVES,
            "uniqueItems": LEAVES,
            "format": LEAVES,
            "default": JSON,
            "description": LEAVES,
            "$ref": REFERENCES | JSON,
            "$defs": st.dictionaries(st.sampled_from(["A", "B"]), inner, max_size=2) | JSON,
            "$anchor": st.just("anchor"),
            "x-anything": JSON,
        },
    )


SCHEMAS = st.recursive(st.booleans() | schemas(st.just({})), schemas, max_leaves=6)
TOOLS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["open", "close_file", "mcp__x__open", "OPEN"]) | LEAVES},
        optional={
            "inputSchema": SCHEMAS | JSON,
            "outputSchema": SCHEMAS | JSON,
            "description": LEAVES,
            "annotations": JSON,
        },
    )
    | JSON,
    max_size=4,
)
SOME = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


def copied(value):
    return json.loads(json.dumps(value))


@SOME
@given(SCHEMAS, st.sampled_from(["input", "output"]), st.sampled_from(["versions", "hops"]))
def test_no_schema_differs_from_itself(schema, side, view):
    assert schema_differences(schema, copied(schema), side=side, view=view) == []


@SOME
@given(SCHEMAS, SCHEMAS)
def test_swapping_two_schemas_swaps_left_and_right(one, other):
    forth = [
        (item.path, json.dumps(item.left), json.dumps(item.right)) for item in schema_differences(one, other)
    ]
    back = [
        (item.path, json.dumps(item.right), json.dumps(item.left)) for item in schema_differences(other, one)
    ]
    assert sorted(forth) == sorted(back)


@SOME
@given(SCHEMAS, SCHEMAS)
def test_what_narrows_arguments_one_way_widens_them_the_other_way(one, other):
    opposite = {"required", "type", "enum", "limit", "additional properties"}
    forth = {item.path: item.judgement for item in schema_differences(one, other) if item.kind in opposite}
    as_result = {
        item.path: item.judgement
        for item in schema_differences(other, one, side="output")
        if item.kind in opposite
    }
    assert forth == as_result


@SOME
@given(TOOLS)
def test_no_list_differs_from_itself(tools):
    assert ga.compare(tools, copied(tools)).ranked == ()


@SOME
@given(TOOLS, TOOLS)
def test_any_two_lists_are_compared_and_shown(one, other):
    found = ga.compare(one, other)
    assert json.loads(json.dumps(found.to_dict(), default=str))["breaking"] is found.breaking
    assert len(found.differences) == len(found.ranked)
    assert str(found)
    assert found._repr_html_()
    mirrored = ga.compare(other, one)
    assert sorted(item.tool or "" for item in found.ranked if item.kind == "tool removed") == sorted(
        item.tool or "" for item in mirrored.ranked if item.kind == "tool added"
    )
    tool_differences(one, other, view="hops")


@SOME
@given(TOOLS)
def test_any_list_is_linted(tools):
    found = ga.lint(tools, "all")
    assert found.message.notna().all()


DIRECTIONS = st.sampled_from(["sent", "received"])
COMPONENTS = st.sampled_from(["client", "relay", "gates", "dewey"])
PAYLOADS = (
    st.builds(
        lambda method, number, params: {"jsonrpc": "2.0", "id": number, "method": method, "params": params},
        st.sampled_from(["initialize", "tools/list", "tools/call", "notifications/initialized"]),
        st.integers(1, 3) | st.none(),
        st.fixed_dictionaries(
            {"name": st.sampled_from(["gates_a", "dewey_b"])}, optional={"arguments": JSON, "cursor": JSON}
        ),
    )
    | st.builds(
        lambda number, result: {"jsonrpc": "2.0", "id": number, "result": result},
        st.integers(1, 3),
        JSON
        | st.fixed_dictionaries({"tools": TOOLS}, optional={"nextCursor": JSON})
        | st.fixed_dictionaries({"capabilities": JSON}),
    )
    | JSON
)
RECORDS = st.lists(
    st.builds(
        lambda component, direction, peer, payload, second: {
            "component": component,
            "level": "TRACE",
            "event_created_at": f"2026-01-01T00:00:{second:02}Z",
            "data": {"mcp": {"direction": direction, "peer": peer, "payload": payload}},
        },
        COMPONENTS, DIRECTIONS, COMPONENTS, PAYLOADS, st.integers(0, 59),
    ),
    max_size=12,
)  # fmt: skip


@SOME
@given(RECORDS)
def test_no_log_differs_from_itself(records):
    flow = ga.reconstruct(ga.from_records(records))
    assert ga.compare(flow, flow).ranked == ()


@SOME
@given(RECORDS, RECORDS)
def test_any_two_logs_are_compared(one, other):
    left, right = (ga.reconstruct(ga.from_records(records)) for records in (one, other))
    assert str(ga.compare(left, right))
    for component, second in itertools.combinations_with_replacement(left.components, 2):
        ga.compare(component, second, logs=left)


@pytest.mark.parametrize(
    ("parts", "path"), [(("a", "b/c"), "a/b~1c"), (("", "x"), "x"), (("a", 0, "~"), "a/0/~0")]
)
def test_paths_are_json_pointers(parts, path):
    assert join(*parts) == path
