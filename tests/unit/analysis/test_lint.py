"""Lists of tools against the rules of hosts: each rule with what breaks it and what keeps it."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

import godot_analysis as ga
from godot_analysis.comparison import PROBLEMS, hosts
from godot_analysis.loading.tables import log_table
from godot_analysis.schema.host_rules import LIST_CHECKS, TOOL_CHECKS

RULES = json.loads(files("godot_analysis.schema").joinpath("hosts.json").read_text(encoding="utf-8"))["rules"]
STRING = {"type": "string"}
GOOD = {
    "name": "open_file",
    "description": "Open a file.",
    "inputSchema": {
        "type": "object",
        "properties": {"path": STRING},
        "required": ["path"],
        "additionalProperties": False,
    },
}


def tool(**more):
    return {**GOOD, **more}


def schema(**more):
    return tool(inputSchema={**GOOD["inputSchema"], **more})


def of(**properties):
    return schema(properties={"path": STRING, **properties})


# rule → host, lists that break it, lists that keep it
CASES = {
    "no-name": ("claude-code", [[{"inputSchema": GOOD["inputSchema"]}], [tool(name=3)]], [[GOOD]]),
    "duplicate-name": ("claude-code", [[GOOD, GOOD]], [[GOOD, tool(name="b")]]),
    "name-characters": ("claude-code", [[tool(name="a.b")], [tool(name="a/b")], [tool(name="ä b")]], [[tool(name="a-B_1")]]),
    "name-begins-with-underscore": ("claude-code", [[tool(name="__IMPORTANT")]], [[tool(name="a__b")]]),
    "name-length": ("claude-code", [[tool(name="n" * 58)]], [[tool(name="n" * 57)]]),
    "root-type": ("claude-code", [[schema(type=["object"])], [tool(inputSchema={})], [tool(inputSchema=None)]], [[GOOD]]),
    "root-combinator": ("claude-code", [[schema(oneOf=[])], [schema(anyOf=[])], [schema(allOf=[])]], [[of(a={"anyOf": [STRING]})]]),
    "no-properties": ("claude-code", [[tool(inputSchema={"type": "object"})]], [[tool(inputSchema={"type": "object", "properties": {}})]]),
    "empty-additional-properties": ("claude-code", [[schema(additionalProperties={})]], [[schema(additionalProperties=True)]]),
    "array-items": ("vscode", [[of(a={"type": "array"})], [of(a={"type": ["array", "null"]})], [of(a={"items": {"type": "array"}, "type": "array"})]], [[of(a={"type": "array", "items": STRING})], [of(a={"type": "array", "prefixItems": [STRING]})]]),
    "dangling-reference": ("claude-code", [[of(a={"$ref": "#/$defs/A"})], [tool(outputSchema={"type": "object", "$ref": "#/$defs/A"})]], [[schema(properties={"path": {"$ref": "#/$defs/A"}}, **{"$defs": {"A": STRING}})]]),
    "remote-reference": ("claude-code", [[of(a={"$ref": "https://example.org/a.json"})]], [[of(a={"$ref": "#"})]]),
    "reference": ("gemini", [[of(a={"$ref": "#"})]], [[GOOD]]),
    "property-name": ("claude-code", [[of(**{"a b": STRING})], [of(**{"n" * 65: STRING})]], [[of(**{"a.b-c": STRING})]]),
    "unknown-required": ("claude-code", [[schema(required=["nothing"])]], [[GOOD]]),
    "unsupported-keyword": ("gemini", [[of(a={"type": "object", "propertyNames": {}})]], [[GOOD]]),
    "dialect": ("claude-code", [[schema(**{"$schema": "http://json-schema.org/draft-07/schema#"})]], [[schema(**{"$schema": "https://json-schema.org/draft/2020-12/schema"})]]),
    "open-arguments": ("claude-code", [[tool(inputSchema={"type": "object", "properties": {}})]], [[GOOD]]),
    "output-root-type": ("claude-code", [[tool(outputSchema={"$id": "x"})]], [[tool(outputSchema={"type": "object"})]]),
    "no-description": ("claude-code", [[tool(description="")]], [[GOOD]]),
    "description-length": ("gemini", [[tool(description="d" * 1025)]], [[tool(description="d" * 1024)]]),
    "too-many-tools": ("vscode", [[tool(name=f"t{n}") for n in range(129)]], [[tool(name=f"t{n}") for n in range(128)]]),
}  # fmt: skip


@pytest.mark.parametrize("rule", CASES)
def test_each_rule_finds_what_breaks_it_and_nothing_else(rule):
    host, broken, kept = CASES[rule]
    for tools in broken:
        assert rule in set(ga.lint(tools, host).rule), tools
    for tools in kept:
        assert rule not in set(ga.lint(tools, host).rule), tools


def test_every_rule_has_a_case_and_a_check():
    assert {rule["rule"] for rule in RULES} == set(CASES)
    assert {rule["check"] for rule in RULES} == {*TOOL_CHECKS, *LIST_CHECKS}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["rule"])
def test_rules_are_complete(rule):
    assert rule["catalogue"][0] == "F"
    for host, given in rule["hosts"].items():
        assert host == "*" or host in hosts()
        assert given["reference"]
        assert given.get("severity", rule["severity"]) in {"error", "warning", "info"}


def test_a_good_tool_has_no_problem_anywhere():
    for host in (*hosts(), "all"):
        assert ga.lint([GOOD], host).empty, host


def test_the_frame_has_its_columns_even_when_empty():
    for tools in ([], [schema(oneOf=[])]):
        assert list(ga.lint(tools).columns) == list(PROBLEMS)


def test_errors_come_first_and_say_where_and_what_to_do():
    found = ga.lint([tool(description="", inputSchema={"oneOf": []})])
    assert found.severity.tolist() == sorted(found.severity, key=["error", "warning", "info"].index)
    row = found[found.rule == "root-combinator"].iloc[0]
    assert (row.tool, row.path, row.catalogue, row.host) == (
        "open_file",
        "inputSchema/oneOf",
        "F01",
        "claude-code",
    )
    assert "oneOf" in row.message
    assert "oneOf" in row.fix
    assert "claude-code#5973" in row.reference


def test_the_prefix_counts():
    tools = [tool(name="gates_create_document")]
    assert ga.lint(tools, server="iccm").empty
    assert set(ga.lint(tools, server="s" * 37).rule) == {"name-length"}
    assert "mcp__" + "s" * 37 in ga.lint(tools, server="s" * 37).message.iloc[0]


def test_a_hosts_name_and_figures_are_checked():
    with pytest.raises(ga.BadFilter, match="claude-code"):
        ga.lint([], "emacs")
    assert set(ga.lint([tool(name="n" * 60)], "all", server="x").host) >= {"claude-code", "cursor"}


def test_the_list_of_a_component_is_found_in_the_log():
    logs = log_table(
        f"1.0 relay sends gates ? 2 tools/list\n1.1 relay gets gates = 2 {json.dumps({'tools': [schema(oneOf=[])]})}"
    )
    assert "root-combinator" in set(ga.lint("gates", logs=logs).rule)
    with pytest.raises(ga.BadFilter, match="no list of the tools"):
        ga.lint("dewey", logs=logs)
    with pytest.raises(ga.BadFrame):
        ga.lint("gates")


def test_the_demo_passes_the_rules_of_every_host(demo_capture):
    flow = ga.reconstruct(demo_capture("healthy"))
    for name in ("gates", "dewey", "fiedler", "playfair", "relay"):
        found = ga.lint(name, "all", server="iccm", logs=flow)
        assert found[found.severity == "error"].empty, name


@pytest.mark.parametrize(
    "junk",
    [
        [None, 3, "x", {}],
        [{"name": {}, "inputSchema": []}],
        [{"inputSchema": {"properties": 3, "required": 3, "$ref": {}}}],
    ],
)
def test_junk_is_judged_not_raised(junk):
    for host in (*hosts(), "all"):
        ga.lint(junk, host)


def test_cycles_and_depth_end():
    round_schema = {"type": "object", "properties": {}}
    round_schema["properties"]["self"] = round_schema
    ga.lint([tool(inputSchema=round_schema)], "all")
    deep = dict(GOOD["inputSchema"])
    for _ in range(50_000):
        deep = {"type": "object", "properties": {"a": deep}, "additionalProperties": False}
    ga.lint([tool(inputSchema=deep)], "all")
