"""Two lists of tools: what was added, lost and renamed, what hosts make of it, and what frames look like."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import godot_analysis as ga
from godot_analysis.comparison import DIFFERENCES, RULES


def tool(name, **more):
    schema = {"type": "object", "properties": {"path": {"type": "string"}}, "additionalProperties": False}
    return {"name": name, "description": f"{name} it", "inputSchema": schema, **more}


def kinds(comparison):
    return [item.kind for item in comparison.ranked]


def test_equal_lists_have_no_difference():
    found = ga.compare([tool("a")], {"tools": [tool("a")]})
    assert (found.breaking, found.first, found.ranked) == (False, None, ())
    assert found.summary == "No difference between left and right."


def test_a_tool_that_is_gone_breaks_its_callers():
    found = ga.compare([tool("open"), tool("zip")], [tool("open")])
    assert [(item.path, item.kind, item.affects) for item in found.ranked] == [
        ("tools/zip", "tool removed", "caller")
    ]
    assert found.breaking


def test_a_new_tool_breaks_nobody():
    found = ga.compare(
        [tool("open")], [tool("open"), tool("zip", inputSchema={"type": "object", "properties": {}})]
    )
    assert kinds(found) == ["tool added"]
    assert not found.breaking


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("gates-create.document", "gates_create_document"),
        ("gates_create_document", "gates_create_documents"),
        ("create_document", "mcp__iccm__create_document"),
    ],
)
def test_a_tool_that_was_most_likely_renamed_is_named(old, new):
    for left, right in ((old, new), (new, old)):
        found = ga.compare([tool(left, description="d")], [tool(right, description="e")])
        [renamed] = [item for item in found.ranked if item.kind == "tool renamed"]
        assert (renamed.left, renamed.right, renamed.affects) == (left, right, "caller")
        assert "tool removed" not in kinds(found)
        assert "tool added" not in kinds(found)


def test_tools_of_other_servers_are_no_renaming():
    found = ga.compare([tool("gates_list_capabilities")], [tool("playfair_list_capabilities")])
    assert sorted(kinds(found)) == ["tool added", "tool removed"]


def test_a_renamed_tool_is_compared_with_what_it_was():
    left = tool("open_file")
    right = tool("open-file", inputSchema={**left["inputSchema"], "required": ["path"]})
    assert {"tool renamed", "required"} <= set(kinds(ga.compare([left], [right])))


def test_output_schemas_come_and_go():
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    assert kinds(ga.compare([tool("a")], [tool("a", outputSchema=schema)])) == ["output schema added"]
    lost = ga.compare([tool("a", outputSchema=schema)], [tool("a")])
    assert (kinds(lost), lost.breaking) == (["output schema removed"], True)
    empty = {"type": "object", "properties": {}}
    assert (
        ga.compare([tool("a", outputSchema=schema)], [tool("a", outputSchema=empty)]).first.affects
        == "caller"
    )


def test_hints_and_words():
    assert kinds(ga.compare([tool("a")], [tool("a", annotations={"readOnlyHint": True})])) == ["hints"]
    assert kinds(ga.compare([tool("a")], [tool("a", description="other")])) == ["wording"]
    assert kinds(ga.compare([tool("a"), tool("b")], [tool("b"), tool("a")])) == ["order"]


def test_rules_of_hosts_that_only_one_of_them_breaks_are_told():
    broken = tool("a", inputSchema={"type": "object", "properties": {}, "oneOf": [{"required": ["x"]}]})
    plain = tool("a", inputSchema={"type": "object", "properties": {}})
    found = ga.compare([plain], [broken])
    [rule] = [item for item in found.ranked if item.kind == "host rule broken"]
    assert (rule.path, rule.judgement, rule.affects) == ("tools/rules/root-combinator", "breaking", "host")
    assert [
        item.judgement for item in ga.compare([broken], [plain]).ranked if item.kind == "host rule kept"
    ] == ["compatible"]
    assert "host rule broken" not in kinds(ga.compare([broken], [broken]))


def test_what_breaks_comes_first():
    left = [tool("a"), tool("b", title="x")]
    right = [tool("a", title="y"), tool("c", inputSchema={})]
    judgements = [item.judgement for item in ga.compare(left, right).ranked]
    assert judgements == sorted(judgements, key=["breaking", "compatible", "cosmetic"].index)
    assert judgements[0] == "breaking"


def test_the_frame_has_its_columns_even_when_empty():
    for found in (ga.compare([], []), ga.compare([tool("a")], [])):
        frame = found.differences
        assert list(frame.columns) == list(DIFFERENCES)
        assert frame["judgement"].cat.ordered
        assert list(frame["judgement"].cat.categories) == ["breaking", "compatible", "cosmetic"]
        assert frame["path"].dtype == "str"
    assert frame["evidence"].tolist() == [[]]


def test_the_dict_is_json_and_says_the_same():
    found = ga.compare([tool("a"), tool("b")], [tool("a")])
    told = json.loads(json.dumps(found.to_dict()))
    assert told["breaking"] is True
    assert told["first"] == told["differences"][0]
    assert told["counts"] == {"breaking": 1, "compatible": 0, "cosmetic": 0}
    assert set(told["differences"][0]) == set(DIFFERENCES)


def test_every_kind_is_in_the_rule_table():
    for kind, rule in RULES.items():
        assert rule.why
        assert kind == kind.lower()


@pytest.mark.parametrize(
    ("a", "b"), [("gates", [tool("a")]), (3, []), ([], None), ({"tools": 3}, []), ("x", "y")]
)
def test_what_cannot_be_compared_is_refused(a, b):
    with pytest.raises(ga.BadFrame):
        ga.compare(a, b)
    with pytest.raises(ga.BadFrame):
        ga.compare(pd.DataFrame(), ga.from_records([]))


def test_an_unknown_aspect_is_refused():
    with pytest.raises(ga.BadFilter):
        ga.compare([], [], what="prompts")


def test_ten_thousand_tools_of_which_half_were_renamed():
    left = [tool(f"t{number}") for number in range(10_000)]
    right = [tool(f"t{number}x" if number % 2 else f"t{number}") for number in range(10_000)]
    # Too many to compare letter by letter: they count as gone and new.
    assert ga.compare(left, right).counts == {"breaking": 5_000, "compatible": 5_000, "cosmetic": 0}
