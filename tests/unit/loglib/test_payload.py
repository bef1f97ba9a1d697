"""The payload policy: what is recorded of messages, by default and by tool, and what is marked."""

import json

import pytest

from godot_loglib import ICCMLogger
from godot_loglib.testing import capture

META = {"_meta": {"traceparent": "00-7c9e6679742540de944be07fc1f90ae7-b7ad6b7169203331-01"}}
ARGUMENTS = {"title": "Grüße", "n": 7, "deep": [{"ok": True, "no": None}, "x"]}
SHAPE = {"title": "[text: 5]", "n": "[number]", "deep": [{"ok": True, "no": None}, "[text: 1]"]}


def call(tool="gates_create_document", number=1):
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": tool, "arguments": ARGUMENTS, **META}}  # fmt: skip


def answer(number=1):
    return {"jsonrpc": "2.0", "id": number, "result": {"content": [{"type": "text", "text": "secret plan"}]}}


def recorded(*messages, **settings):
    with capture() as captured:
        logger = ICCMLogger("relay", level="TRACE", **settings)
        for direction, message in messages:
            getattr(logger, direction)("gates", message, session="s")
    return [record["data"]["mcp"] for record in captured.records]


def test_full_is_the_default():
    (mcp,) = recorded(("sent", call()))
    assert mcp["payload"] == call()
    assert "policy" not in mcp


def test_the_shape():
    sent, received = recorded(("sent", call()), ("received", json.dumps(answer())), payloads="shape")
    assert sent["payload"] == {
        **call(),
        "params": {"name": "gates_create_document", "arguments": SHAPE, **META},
    }
    assert sent["policy"] == {"payload": "shape", "bytes": len(json.dumps(call(), ensure_ascii=False, separators=(",", ":")).encode())}  # fmt: skip
    assert received["payload"]["result"] == {"content": [{"type": "[text: 4]", "text": "[text: 11]"}]}


def test_off():
    sent, received = recorded(("sent", call()), ("received", answer()), payloads="off")
    assert sent["payload"]["params"] == {"name": "gates_create_document", "arguments": "[off]", **META}
    assert received["payload"] == {"jsonrpc": "2.0", "id": 1, "result": "[off]"}
    assert sent["policy"]["payload"] == "off"


def test_by_tool_with_its_answer(monkeypatch):
    monkeypatch.setenv("GODOT_PAYLOADS", "full, gates_create_document=off")
    mcp = recorded(
        ("sent", call(number=1)), ("sent", call("dewey_search", 2)),
        ("received", answer(2)), ("received", answer(1)), ("received", answer(3)),
    )  # fmt: skip
    assert ["policy" in each for each in mcp] == [True, False, False, True, True]
    assert mcp[2]["payload"] == answer(2)
    assert mcp[4]["payload"]["result"] == "[off]", "nobody knows whose answer it is"


def test_what_the_protocol_says_stays():
    listing = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"cursor": "x"}}
    tools = {"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": "x", "inputSchema": {}}]}}
    notice = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": 1}}
    words = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": "x"}}
    mcp = recorded(
        *(("sent", each) for each in (listing, notice, words)), ("received", tools), payloads="off"
    )
    assert [each["payload"] for each in mcp] == [listing, notice, {**words, "params": "[off]"}, tools]


def test_an_error_keeps_its_words_and_loses_its_data():
    failed = {"jsonrpc": "2.0", "id": 1, "error": {"code": -1, "message": "no", "data": {"why": "x"}}}
    (mcp,) = recorded(("received", failed), payloads="shape")
    assert mcp["payload"]["error"] == {"code": -1, "message": "no", "data": {"why": "[text: 1]"}}


@pytest.mark.parametrize(("message", "kept"), [("no json", "[text: 7]"), ([call(), 7], None)])
def test_what_is_no_single_message(message, kept):
    (mcp,) = recorded(("received", message), payloads="shape")
    assert mcp["policy"]["payload"] == "shape"
    if kept:
        assert mcp["payload"] == kept
    else:
        assert mcp["payload"][0]["params"]["arguments"] == SHAPE
        assert mcp["payload"][1] == "[number]"


def test_the_size_is_bounded():
    big = call()
    big["params"]["arguments"] = {"text": "ü" * 5000}
    huge = call()
    huge["params"]["arguments"] = {str(n): n for n in range(5000)}
    mcp = recorded(("sent", big), ("sent", huge), ("sent", call()), payload_bytes=2000)
    assert mcp[0]["payload"]["params"]["arguments"] == {"text": "[text: 5000]"}
    assert mcp[0]["policy"]["payload"] == "shape"
    assert mcp[1]["policy"]["payload"] == "cut"
    assert len(mcp[1]["payload"].encode()) <= 2000
    assert mcp[1]["policy"]["bytes"] > 40_000
    assert "policy" not in mcp[2]


def test_redaction_comes_first():
    secret = call()
    secret["params"]["arguments"] = {"password": "hunter2", "text": "x" * 3000}
    for settings in ({"payloads": "shape"}, {"payload_bytes": 100}, {"payloads": "off"}):
        assert "hunter2" not in json.dumps(recorded(("sent", secret), **settings))


def test_ordinary_records_are_not_concerned():
    with capture() as captured:
        ICCMLogger("relay", payloads="off").info("x", {"mcp": {"payload": "mine"}})
    assert captured.records[0]["data"] == {"mcp": {"payload": "mine"}}


@pytest.mark.parametrize("policy", ["shape", "off"])
def test_a_bound_never_shows_what_the_policy_hides(policy):
    question = call()
    question["params"]["arguments"] = {f"key {number}": "a secret" for number in range(400)}
    [record] = recorded(("sent", question), payloads=policy, payload_bytes=1000)
    assert "a secret" not in json.dumps(record)
