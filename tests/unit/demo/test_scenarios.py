"""The table of scenarios and the schemas of the tools that they call."""

from __future__ import annotations

import re

import pytest

from godot_demo import SCENARIOS, dewey, fiedler, playfair
from godot_demo.node import GATES
from godot_demo.scenarios import Start, Stop
from godot_demo.system import BACKENDS
from godot_demo.variants import variant

TOOLS = {tool.name: tool for module in (dewey, fiedler, playfair) for tool in module.tools(13)}


def test_the_demo_is_about_bug_13() -> None:
    truth = SCENARIOS["bug13"].truth
    assert truth is not None
    assert (truth.code, truth.component, truth.cause_in) == ("B13", "gates", "relay")
    assert SCENARIOS["healthy"].truth is None


@pytest.mark.parametrize("name", [name for name in SCENARIOS if SCENARIOS[name].truth is None])
def test_every_call_of_a_healthy_scenario_fits_its_schema(name: str) -> None:
    for call in SCENARIOS[name].calls:
        if call.tool in TOOLS:
            TOOLS[call.tool].check(dict(call.arguments))


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_every_scenario_is_about_things_that_are_there(name: str) -> None:
    scenario = SCENARIOS[name]
    for component, chosen in scenario.variants.items():
        if component == "gates":
            assert f"export const {chosen} " in (GATES / "variants.js").read_text()
        else:
            side = component if component in {"relay", "client"} else "backend"
            assert variant(side, chosen).__doc__
    named = {step.backend for step in scenario.steps if isinstance(step, Start | Stop)}
    assert named | scenario.moved | scenario.late | scenario.first <= set(BACKENDS)
    assert scenario.truth is None or scenario.truth.component in {*BACKENDS, "relay", None}
    assert 0 < len(scenario.summary) <= 100


def test_an_unknown_variant_is_told() -> None:
    with pytest.raises(LookupError, match="no variant 'Nothing' of a relay"):
        variant("relay", "Nothing")


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
