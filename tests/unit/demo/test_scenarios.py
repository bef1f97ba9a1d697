"""The table of scenarios and the schemas of the tools that they call."""

from __future__ import annotations

import re

import pytest

from godot_demo import SCENARIOS, dewey, fiedler, playfair

TOOLS = {tool.name: tool for module in (dewey, fiedler, playfair) for tool in module.tools(13)}


def test_the_demo_is_about_bug_13() -> None:
    truth = SCENARIOS["bug13"].truth
    assert truth is not None
    assert (truth.code, truth.component, truth.cause_in) == ("B13", "gates", "relay")
    assert SCENARIOS["healthy"].truth is None


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_every_call_of_a_python_tool_fits_its_schema(name: str) -> None:
    for call in SCENARIOS[name].calls:
        if call.tool in TOOLS:
            TOOLS[call.tool].check(dict(call.arguments))


@pytest.mark.parametrize("name", sorted(TOOLS))
def test_every_schema_is_one_that_all_hosts_accept(name: str) -> None:
    assert re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]{0,40}", name)
    schema = TOOLS[name].input_schema
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert set(schema.get("required", ())) <= set(schema["properties"])
    for part in schema["properties"].values():
        assert part["type"] in {"string", "integer", "object", "array"}
        assert part["description"]
        assert part["type"] != "array" or "items" in part


def test_the_same_seed_makes_the_same_ids() -> None:
    def first_id(seed: int) -> str:
        begin = next(tool for tool in dewey.tools(seed) if tool.name == "dewey_begin_conversation")
        return str(begin.run("s")["conversation_id"])

    assert first_id(1) == first_id(1) != first_id(2)
