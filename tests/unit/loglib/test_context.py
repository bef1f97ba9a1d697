"""The trace context: scopes, and its way through MCP messages and HTTP headers."""

import asyncio
import json
import threading
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from godot_loglib import ICCMLogger, Trace, current_trace_id, new_trace_id

ID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
HEX = ID.replace("-", "")
PARENT = f"00-{HEX}-b7ad6b7169203331-01"
REQUEST = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "x"}}


@pytest.fixture
def logger():
    return ICCMLogger("relay", enabled=False)


def test_scopes_nest_and_end(logger):
    assert current_trace_id() is None
    with logger.trace_context(ID) as trace:
        assert trace == current_trace_id() == ID
        with logger.trace_context(None):
            assert current_trace_id() is None
        assert current_trace_id() == ID
    assert current_trace_id() is None


def test_tasks_have_their_own_trace(logger):
    async def work(trace_id):
        with logger.trace_context(trace_id):
            await asyncio.sleep(0)
            inner = await asyncio.create_task(read())
            return current_trace_id(), inner

    async def read():
        return current_trace_id()

    async def both():
        return await asyncio.gather(work("a"), work("b"))

    assert asyncio.run(both()) == [("a", "a"), ("b", "b")]


def test_a_new_thread_begins_without_a_trace(logger):
    seen = []
    with logger.trace_context(ID):
        thread = threading.Thread(target=lambda: seen.append(current_trace_id()))
        thread.start()
        thread.join()
    assert seen == [None]


def test_inject_writes_into_a_copy(logger):
    with logger.trace_context(ID):
        message = logger.inject(REQUEST)
    assert "_meta" not in REQUEST["params"]
    version, trace, parent, flags = message["params"]["_meta"]["traceparent"].split("-")
    assert (version, trace, flags) == ("00", HEX, "01")
    assert len(parent) == 16
    assert int(parent, 16)
    assert message["params"]["name"] == "x"


def test_inject_keeps_what_else_is_in_meta(logger):
    message = {
        **REQUEST,
        "params": {"_meta": {"progressToken": 7, "traceparent": "old", "tracestate": "theirs=1"}},
    }
    with logger.trace_context(Trace(ID, carried={"tracestate": "ours=1", "baggage": "a=b"})):
        meta = logger.inject(message)["params"]["_meta"]
    assert meta.pop("traceparent").startswith(f"00-{HEX}-")
    assert meta == {"progressToken": 7, "tracestate": "theirs=1", "baggage": "a=b"}


@pytest.mark.parametrize(
    "carrier",
    [
        {"jsonrpc": "2.0", "id": 1, "result": {}},
        {"jsonrpc": "2.0", "id": 1, "method": "x", "params": [1, 2]},
        "no JSON",
        "[1]",
        7,
        None,
        b"bytes",
    ],
)
def test_what_cannot_carry_a_trace_comes_back_as_it_is(logger, carrier):
    with logger.trace_context(ID):
        assert logger.inject(carrier) is carrier


@pytest.mark.parametrize("trace", [None, "not-a-uuid", 7])
def test_without_a_trace_nothing_is_injected(logger, trace):
    with logger.trace_context(trace):
        assert logger.inject(REQUEST) is REQUEST


def test_a_message_without_params_gets_some(logger):
    with logger.trace_context(ID):
        message = logger.inject({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    assert logger.extract(message) == ID


def test_json_text_can_carry_a_trace(logger):
    with logger.trace_context(ID):
        text = logger.inject(json.dumps(REQUEST))
    assert logger.extract(text) == ID
    assert logger.extract(text.encode()) == ID


def test_headers(logger):
    with logger.trace_context(Trace(ID, log_all=True, carried={"baggage": "a=b"})):
        headers = logger.inject({"Accept": "*/*", "TraceParent": "old"})
    assert headers["Accept"] == "*/*"
    assert headers["X-Trace-ID"] == ID
    assert headers["X-Trace-Log"] == "true"
    assert headers["baggage"] == "a=b"
    assert [key for key in headers if key.lower() == "traceparent"] == ["traceparent"]
    trace = logger.extract(headers)
    assert trace == ID
    assert trace.log_all
    assert trace.carried == {"baggage": "a=b"}


@pytest.mark.parametrize(
    "carrier",
    [
        {"traceparent": PARENT},
        {"TRACEPARENT": PARENT.upper()},
        {"X-Trace-ID": ID},
        {"x-trace-id": HEX},
        {"traceparent": "rubbish", "X-Trace-ID": ID},
        {"traceparent": [PARENT]},
        [(b"traceparent", PARENT.encode()), (b"accept", b"*/*")],
        {**REQUEST, "params": {"_meta": {"traceparent": PARENT}}},
        {
            "method": "notifications/progress",
            "params": {"_meta": {"traceparent": "01" + PARENT[2:] + "-more"}},
        },
    ],
)
def test_extract_finds_the_trace(logger, carrier):
    assert logger.extract(carrier) == ID


@pytest.mark.parametrize(
    "carrier",
    [
        {},
        REQUEST,
        {"traceparent": f"ff-{HEX}-b7ad6b7169203331-01"},
        {"traceparent": f"00-{'0' * 32}-b7ad6b7169203331-01"},
        {"traceparent": f"00-{HEX}-{'0' * 16}-01"},
        {"traceparent": PARENT + "-more"},
        {"X-Trace-ID": "abc"},
        {**REQUEST, "params": {"_meta": {"traceparent": 7}}},
        {**REQUEST, "params": {"_meta": [1]}},
        {**REQUEST, "params": None},
        None,
        7,
        "x",
        b"\xff",
        [1, 2],
        object(),
    ],
)
def test_extract_invents_nothing(logger, carrier):
    assert logger.extract(carrier) is None


@given(
    st.recursive(
        st.none() | st.integers() | st.text() | st.binary(),
        lambda v: (
            st.lists(v)
            | st.dictionaries(
                st.sampled_from(["jsonrpc", "method", "params", "_meta", "traceparent", "x"]), v
            )
        ),
    )
)
def test_neither_ever_raises(carrier):
    logger = ICCMLogger("relay", enabled=False)
    logger.extract(carrier)
    with logger.trace_context(ID):
        logger.inject(carrier)


def test_the_extracted_trace_can_be_made_current(logger):
    with logger.trace_context(logger.extract({"traceparent": PARENT[:-2] + "00", "tracestate": "v=1"})):
        assert current_trace_id() == ID
        meta = logger.inject(REQUEST)["params"]["_meta"]
    assert meta["traceparent"].endswith("-00")
    assert meta["tracestate"] == "v=1"


def test_new_trace_ids_are_time_ordered_uuids():
    ids = [new_trace_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert {uuid.UUID(each).version for each in ids} == {7}
    assert [each[:13] for each in ids] == sorted(each[:13] for each in ids)
