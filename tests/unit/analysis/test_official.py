"""Messages are judged by the official schema of the version that their connection negotiated, and by no other."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import godot_analysis as ga

OLD = "2025-06-18"
NEW = "2026-07-28"
SERVER = {
    "protocolVersion": OLD,
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "gates", "version": "1"},
}
STATELESS = {
    "_meta": {
        "io.modelcontextprotocol/protocolVersion": NEW,
        "io.modelcontextprotocol/clientInfo": {"name": "client", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
}


def judged(*exchange: tuple[str, dict[str, Any]], handshake: str | None = OLD) -> list[str]:
    """Validity of what `relay` sent (>) to and received (<) from gates, after the handshake's own messages."""
    messages = list(exchange)
    if handshake is not None:
        messages = [*shaking_hands(handshake), *messages]
    records = [
        {
            "component": "relay",
            "level": "TRACE",
            "message": "",
            "data": {
                "mcp": {
                    "direction": "sent" if arrow == ">" else "received",
                    "peer": "gates",
                    "payload": {"jsonrpc": "2.0"} | payload,
                }
            },
            "created_at": f"2026-01-01T00:00:{second:02}Z",
        }
        for second, (arrow, payload) in enumerate(messages)
    ]
    logs = ga.from_records(records)
    validity = ga.messages(logs)["validity"].tolist()
    assert ga.reconstruct(logs).messages["validity"].tolist() == validity
    assert handshake is None or validity[:2] == ["", ""]
    return validity[2 if handshake is not None else 0 :]


def shaking_hands(version: str) -> list[tuple[str, dict[str, Any]]]:
    client = {"protocolVersion": OLD, "capabilities": {}, "clientInfo": {"name": "relay", "version": "1"}}
    return [
        (">", {"id": 0, "method": "initialize", "params": client}),
        ("<", {"id": 0, "result": SERVER | {"protocolVersion": version}}),
    ]


def question(method: str, params: Any = None, rpc_id: int = 1) -> tuple[str, dict[str, Any]]:
    return ">", {"id": rpc_id, "method": method} | ({} if params is None else {"params": params})


def answer(result: Any, rpc_id: int = 1) -> tuple[str, dict[str, Any]]:
    return "<", {"id": rpc_id, "result": result}


def test_what_the_schema_allows_has_no_fault():
    tool = {"name": "read", "inputSchema": {"type": "object"}, "x-own": [1]}
    assert (
        judged(
            (">", {"method": "notifications/initialized"}),
            question("tools/list"),
            answer({"tools": [tool], "nextCursor": "2"}),
            question("tools/call", {"name": "read", "arguments": {}}, 2),
            answer({"content": [{"type": "text", "text": "yes"}]}, 2),
            ("<", {"id": 9, "method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 5}}),
            (
                ">",
                {"id": 9, "result": {"role": "user", "content": {"type": "text", "text": "y"}, "model": "m"}},
            ),
            ("<", {"method": "notifications/tools/list_changed"}),
        )
        == [""] * 8
    )


@pytest.mark.parametrize(
    ("exchange", "faults"),
    [
        ([question("tools/call", {"arguments": {}})], ["params.name: Field required"]),
        ([question("tools/call", {"name": "x", "arguments": "{}"})], ["params.arguments: Input should be a valid dict"]),
        ([question("tools/list"), answer({"tool": []})], ["", "tools: Field required"]),
        (
            [question("tools/list"), answer({"tools": [{"name": "x", "inputSchema": {"oneOf": []}}]})],
            ["", "tools.0.inputSchema.type: Field required"],
        ),
        ([question("tools/call", {"name": "x"}), answer({"content": "text"})], ["", "content: Input should be a valid list"]),
        ([("<", {"method": "notifications/progress", "params": {}})], ["params.progress: Field required; params.progressToken: Field required"]),
        ([question("initialize", {}, 7)], ["params.capabilities: Field required"]),
    ],
)  # fmt: skip
def test_what_it_does_not_allow_is_named_with_its_place(exchange, faults):
    for validity, fault in zip(judged(*exchange), faults, strict=True):
        assert validity.startswith(fault)
        assert not fault or f"(schema {OLD}, " in validity


def test_an_answer_is_judged_by_its_own_question():
    """The same result is right for one method and wrong for the other; answers come out of order."""
    tools: dict[str, Any] = {"tools": []}
    validity = judged(
        question("tools/list", rpc_id=1),
        question("prompts/list", rpc_id=2),
        answer(tools, 2),
        answer(tools, 1),
        answer(tools, 3),
    )
    assert validity[2].startswith("prompts: Field required")
    assert validity[3:] == ["", ""]


def test_only_the_first_faults_are_named():
    (_, validity) = judged(question("tools/list"), answer({"tools": [{"name": "x"}] * 30}))
    assert validity.startswith("tools.0.inputSchema: Field required; tools.1.inputSchema")
    assert "; and 27 more (schema" in validity


@pytest.mark.parametrize(
    "exchange",
    [
        [question("acme/search", {"anything": 1}), answer([1])],
        [question("tasks/list"), answer({})],
        [("<", {"id": 4, "error": {"code": -32601, "message": "no"}})],
    ],
)
def test_what_the_schema_does_not_know_is_not_judged(exchange):
    assert set(judged(*exchange)) == {""}


@pytest.mark.parametrize("version", ["1999-01-01", "draft", ""])
def test_a_version_that_is_not_published_is_not_judged(version):
    assert judged(question("tools/call", {}), handshake=version) == [""]


def test_without_a_handshake_nothing_is_judged():
    assert judged(question("tools/call", {}), answer({}), handshake=None) == ["", ""]


def test_a_stateless_message_is_judged_by_the_version_that_it_names():
    params = STATELESS | {"name": "read"}
    validity = judged(
        question("tools/call", params),
        answer({"resultType": "complete", "content": []}),
        question("tools/call", params, 2),
        answer({"resultType": "input_required", "inputRequests": 5}, 2),
        question("ping", STATELESS, 3),
        handshake=None,
    )
    assert validity[:3] == ["", "", ""]
    assert validity[3].startswith("inputRequests: ")
    assert f"(schema {NEW}, tools/call)" in validity[3]
    assert not validity[4]  # not in that version


def test_a_second_handshake_changes_the_version():
    tool = {"name": "x", "inputSchema": {}}
    wrong = (question("tools/list"), answer({"tools": [tool]}))
    validity = judged(*wrong, *shaking_hands("unknown"), *wrong)
    assert validity[1]
    assert validity[-1] == ""


def test_what_a_message_says_against_json_rpc_comes_first():
    assert judged((">", {"jsonrpc": "1.0", "id": 1, "method": "tools/call"})) == ["jsonrpc is not 2.0"]


def test_a_flow_tells_what_broke_the_form_of_json_rpc_without_the_official_schema():
    tool = {"name": "open", "inputSchema": {"type": "object"}, "annotations": 7}
    logs = ga.from_records(
        [
            {"component": "relay", "data": {"mcp": {"direction": direction, "payload": payload}}}
            for direction, payload in (
                ("sent", {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {}}),
                ("received", {"jsonrpc": "2.0", "id": 0, "result": SERVER}),
                ("sent", {"jsonrpc": "1.0", "id": 1, "method": "tools/list"}),
                ("sent", {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}),
                ("received", {"jsonrpc": "2.0", "id": 1, "result": {"tools": [tool]}}),
            )
        ]
    )
    flow = ga.reconstruct(logs)
    assert flow.observed["validity"].tolist() == ["", "", "jsonrpc is not 2.0", "", ""]
    validity = flow.messages["validity"].tolist()
    assert validity[2] == "jsonrpc is not 2.0"
    assert "annotations" in validity[4]
    assert flow.messages is flow.messages, "judged once"


def test_hostile_payloads_are_judged_too():
    deep: Any = {}
    for _ in range(300):
        deep = {"a": deep}
    validity = judged(
        question("tools/call", {"name": "x", "arguments": deep}),
        question("tools/list", ["a"], 2),
        answer(None, 2),
        question("initialize", {"protocolVersion": ["x"]}, 3),
        answer({"protocolVersion": {"a": 1}}, 3),
    )
    assert all(isinstance(each, str) for each in validity)
    assert validity[1].startswith("params: ")


def test_every_message_of_the_captures_is_as_the_schema_says(shared_captures):
    for path in sorted(shared_captures.glob("*.jsonl")):
        validity = ga.messages(ga.load_logs(source=path))["validity"]
        assert validity.tolist() == [""] * len(validity), path.name


def test_the_column_stays_what_it_is():
    empty = ga.messages(ga.from_records([]))
    assert empty["validity"].dtype == pd.StringDtype(na_value=float("nan"))
