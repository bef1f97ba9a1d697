"""One schema by itself: references that are followed, and schemas that hold themselves."""

from __future__ import annotations

import pytest

from godot_analysis.schema import Check, resolve, takes

STRING = {"type": "string"}


@pytest.mark.parametrize("copies", [1, 2, 8])
def test_a_schema_that_is_a_branch_of_itself_says_nothing(copies):
    root = {"$defs": {"Value": {"anyOf": [STRING, *[{"$ref": "#/$defs/Value"}] * copies]}}}
    schema = {"$ref": "#/$defs/Value"}
    assert takes(schema, root) == frozenset()
    assert Check(schema, root)(3) is None


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("#/$defs/a~1b", STRING),
        ("#/%24defs/a~1b", STRING),
        ("#named", {"$anchor": "named", **STRING}),
        ("#/oneOf/1", STRING),
    ],
)
def test_every_way_to_refer_is_followed_by_checks_and_comparisons_alike(reference, found):
    root = {
        "$defs": {"a/b": STRING, "anchored": {"$anchor": "named", **STRING}},
        "oneOf": [{"type": "null"}, STRING],
    }
    schema = {"$ref": reference}
    assert resolve(schema, root).schema == found
    assert Check(schema, root)(3) == "it is an integer instead of string"


@pytest.mark.parametrize("reference", ["#/$defs/gone", "#", "https://example.com/schema.json", "#gone"])
def test_what_a_reference_does_not_find_refuses_nothing(reference):
    schema = {"$ref": reference, **STRING}
    assert not resolve(schema, schema).complete
    assert Check(schema)(3) is None


def test_keywords_beside_a_reference_are_in_force_where_the_draft_is_known_to_be_new():
    root = {"$defs": {"Name": STRING}}
    schema = {"$ref": "#/$defs/Name", "enum": ["left"]}
    assert resolve(schema, root).schema == {**STRING, "enum": ["left"]}
    assert resolve(schema, root, beside=False).schema == STRING
    assert Check(schema, root)("right") is None
