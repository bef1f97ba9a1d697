"""A log whose `data` are still text reads like one whose values are there, and stays text."""

from __future__ import annotations

import json

import msgspec
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

import godot_analysis as ga
from godot_analysis.loading.json_array import JsonArray

QUESTION = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "open", "arguments": {"n": 1}},
}
ANSWER = {"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "é"}]}}
ERROR = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32602, "message": "no such path"}}
DONE = {"jsonrpc": "2.0", "method": "notifications/initialized"}

odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=3),
    st.just([]),
    st.just({}),
)
keys = st.sampled_from(("jsonrpc", "id", "method", "params", "result", "error", "name", "_meta", "arguments"))
payloads = st.one_of(
    st.sampled_from((QUESTION, ANSWER, ERROR, DONE)),
    st.builds(
        dict.__or__, st.sampled_from((QUESTION, ANSWER, ERROR, DONE)), st.dictionaries(keys, odd, max_size=2)
    ),
    st.builds(lambda params: QUESTION | {"params": params}, st.dictionaries(keys, odd, max_size=3)),
    st.lists(st.sampled_from((QUESTION, ANSWER)), max_size=2),
    odd,
)
messages = st.fixed_dictionaries(
    {"direction": st.sampled_from(("sent", "received"))},
    optional={"payload": payloads, "peer": st.just("gates") | odd, "transport": odd, "session": odd},
)
data = st.one_of(
    st.builds(lambda mcp: {"mcp": mcp}, messages),
    st.builds(lambda mcp, lost: {"mcp": mcp, "lost": lost}, messages, odd),
    st.builds(lambda mcp: {"mcp": mcp}, odd),
    st.just({"tool": "open"}),
    st.none(),
)


def as_texts(logs: pd.DataFrame) -> pd.DataFrame:
    texts = [None if value is None else msgspec.json.encode(value).decode() for value in logs["data"]]
    return logs.assign(data=JsonArray.from_texts(texts))


def record(component: str, held: object, at: int = 0) -> dict[str, object]:
    time = f"2026-01-01T00:00:{at:02}Z"
    return {
        "component": component,
        "level": "INFO",
        "message": "tools/call",
        "data": held,
        "created_at": time,
    }


@given(st.lists(st.tuples(st.sampled_from(("relay", "gates")), data), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_text_reads_like_values(told):
    logs = ga.from_records([record(component, held, at) for at, (component, held) in enumerate(told)])
    undecoded = as_texts(logs)
    for mine, theirs in zip(frames(undecoded), frames(logs), strict=True):
        pd.testing.assert_frame_equal(mine, theirs)
    assert not undecoded["data"].array.decoded


def frames(logs: pd.DataFrame) -> list[pd.DataFrame]:
    flow = ga.reconstruct(logs)
    return [ga.messages(logs), flow.messages, flow.hops, flow.calls, flow.losses, flow.clocks]


def test_a_number_that_no_float_can_hold_is_infinite():
    """PostgreSQL keeps it, in the message and beside it."""
    question = json.dumps(QUESTION).replace('{"n": 1}', '{"n": 1e400}')
    mcp = f'"mcp": {{"direction": "sent", "peer": "gates", "payload": {question}}}'
    logs = ga.from_records([record("relay", None), record("relay", None, 1)])
    logs["data"] = JsonArray.from_texts([f"{{{mcp}}}", f'{{"x": -1e400, {mcp.replace("1e400", "2")}}}'])
    calls = ga.reconstruct(logs).calls
    assert calls["arguments"].tolist() == [{"n": float("inf")}, {"n": 2}]
    assert logs["data"].iloc[1]["x"] == float("-inf")
    pd.testing.assert_frame_equal(ga.reconstruct(logs.assign(data=logs["data"].astype(object))).calls, calls)


def test_what_both_ends_logged_alike_is_decoded_once():
    logs = ga.from_records(
        [
            record(component, {"mcp": {"direction": direction, "peer": peer, "payload": payload}})
            for payload in (QUESTION, ANSWER)
            for component, direction, peer in (("relay", "sent", "gates"), ("gates", "received", "relay"))
        ]
    )
    first, second, *answers = ga.messages(as_texts(logs))["payload"]
    assert first == QUESTION
    assert first is second
    assert answers == [ANSWER, ANSWER]


def test_the_diagnosis_decodes_only_what_is_no_message():
    hello = {"mcp": {"direction": "sent", "peer": "gates", "payload": QUESTION}}
    logs = as_texts(ga.from_records([record("relay", hello), record("relay", {"error": "no route"}, 1)]))
    flow = ga.reconstruct(logs)
    assert flow.others["data"].tolist() == [{"error": "no route"}]
    assert flow.others["id"].tolist() == logs["id"].tolist()[1:]
    assert (
        ga.diagnose(flow).to_dict()
        == ga.diagnose(ga.reconstruct(logs.assign(data=logs["data"].copy()))).to_dict()
    )
    assert not logs["data"].array.decoded
