"""The logger: what a call records, and that no call raises."""

# ruff: noqa: PLE1205  this logger takes data, no format arguments

import json
import threading
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from godot_loglib import ICCMLogger
from godot_loglib.testing import capture

SCHEMA = json.loads(
    (Path(__file__).parents[3] / "clients" / "wire" / "record.schema.json").read_text("utf-8")
)
VALIDATOR = Draft202012Validator(SCHEMA)
ID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
PARENT = f"00-{ID.replace('-', '')}-b7ad6b7169203331-01"


@pytest.fixture
def captured():
    with capture() as records:
        yield records


def test_a_record_says_everything(captured):
    before = datetime.now(UTC)
    logger = ICCMLogger("gates")
    logger.info("listening", {"port": 9050}, trace_id=ID)
    (record,) = captured.records
    VALIDATOR.validate(record)
    assert uuid.UUID(record["id"]).version == 7
    assert (record["trace_id"], record["component"], record["level"]) == (ID, "gates", "INFO")
    assert (record["message"], record["data"]) == ("listening", {"port": 9050})
    assert record["instance"] == logger.instance
    assert abs(datetime.fromisoformat(record["event_created_at"]) - before) < timedelta(seconds=5)


def test_levels(captured):
    logger = ICCMLogger("gates")
    for level in ("TRACE", "DEBUG", "INFO", "WARN", "ERROR"):
        logger.set_level(level)
        for name in ("trace", "debug", "info", "warn", "error"):
            getattr(logger, name)(f"{level} {name}")
    logger.warning("as logging calls it")
    kept = [message for message in captured.messages if " " in message]
    order = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]
    assert [m for m in kept if m.startswith("WARN")] == ["WARN warn", "WARN error"]
    assert len(kept) == sum(range(1, 6))
    assert all(order.index(m.split()[1].upper()) >= order.index(m.split()[0]) for m in kept)
    assert logger.level == "ERROR"


def test_the_default_level_is_info(captured):
    logger = ICCMLogger("gates")
    logger.debug("no")
    logger.info("yes")
    assert captured.messages == ["yes"]


def test_an_unknown_level_changes_nothing(captured, capsys):
    logger = ICCMLogger("gates", level="WARN")
    logger.set_level("louder")
    assert logger.level == "WARN"
    assert "set_level" in capsys.readouterr().err


def test_switched_off(captured):
    logger = ICCMLogger("gates", enabled=False)
    logger.set_level("TRACE")
    logger.error("no")
    logger.sent("relay", {})
    assert captured.records == []
    assert logger.flush(0.1)


def test_seq_counts_what_was_logged(captured):
    logger = ICCMLogger("gates")
    for n in range(5):
        logger.info(str(n))
        logger.debug("filtered: takes no number")
    seqs = [record["seq"] for record in captured.records]
    assert seqs == list(range(seqs[0], seqs[0] + 5))
    ids = [record["id"] for record in captured.records]
    assert ids == sorted(set(ids))


def test_seqs_of_many_threads_have_no_gap(captured):
    logger = ICCMLogger("gates")

    def work():
        for _ in range(500):
            logger.info("x")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seqs = sorted(record["seq"] for record in captured.records)
    assert seqs == list(range(seqs[0], seqs[0] + 4000))


def test_later_changes_change_nothing(captured):
    data = {"list": [1], "self": {"when": datetime(2026, 1, 1, tzinfo=UTC)}}
    ICCMLogger("gates").info("x", data)
    data["list"].append(2)
    data["self"].clear()
    assert captured.records[0]["data"] == {"list": [1], "self": {"when": "2026-01-01T00:00:00+00:00"}}


@pytest.mark.parametrize("data", [[1], "text", 0, False, 1.5])
def test_data_that_is_no_object_is_wrapped(captured, data):
    ICCMLogger("gates").info("x", data)
    assert captured.records[0]["data"] == {"value": data}


def test_the_current_trace_is_recorded(captured):
    logger = ICCMLogger("gates")
    with logger.trace_context(ID):
        logger.info("in")
        logger.info("other", trace_id="0" * 8 + "7425" + "40de944b" + "e07fc1f90ae7")
    logger.info("out")
    assert [record["trace_id"] for record in captured.records] == [
        ID,
        "00000000-7425-40de-944b-e07fc1f90ae7",
        None,
    ]


def test_redaction_in_message_data_and_configured_keys(captured):
    logger = ICCMLogger("gates", redact_fields=["ssn"])
    logger.info("password=hunter2", {"headers": [{"Authorization": "Bearer hunter2"}], "SSN": "hunter2"})
    assert "hunter2" not in json.dumps(captured.records)
    assert captured.records[0]["data"] == {"headers": [{"Authorization": "[REDACTED]"}], "SSN": "[REDACTED]"}


MESSAGE = {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "x", "arguments": {"n": 1}}}


def test_message_records(captured):
    logger = ICCMLogger("relay", level="TRACE")
    logger.sent("gates", MESSAGE, transport="websocket", session="s-1")
    logger.received("gates", {"jsonrpc": "2.0", "id": 3, "error": {"code": -1, "message": "no"}})
    logger.received("gates", {"jsonrpc": "2.0", "id": 3, "result": {}}, transport="stdio")
    logger.received("gates", [MESSAGE, MESSAGE])
    records = captured.records
    for record in records:
        VALIDATOR.validate(record)
        assert record["level"] == "TRACE"
    assert records[0]["data"]["mcp"] == {
        "direction": "sent", "peer": "gates", "transport": "websocket", "session": "s-1", "payload": MESSAGE,
    }  # fmt: skip
    assert captured.messages == [
        "sent tools/call to gates",
        "received error from gates",
        "received answer from gates",
        "received batch of 2 from gates",
    ]


def test_messages_are_recorded_at_trace_only(captured):
    ICCMLogger("relay", level="DEBUG").sent("gates", MESSAGE)
    assert captured.records == []


@pytest.mark.parametrize("wire", [json.dumps(MESSAGE), json.dumps(MESSAGE).encode()], ids=["str", "bytes"])
def test_json_text_is_recorded_as_json(captured, wire):
    ICCMLogger("relay", level="TRACE").received("gates", wire)
    assert captured.records[0]["data"]["mcp"]["payload"] == MESSAGE


@pytest.mark.parametrize(
    ("wire", "payload"),
    [
        ("Listening on port 8030\n", "Listening on port 8030\n"),
        ('{"jsonrpc": "2.0", "id": ', '{"jsonrpc": "2.0", "id": '),
        ('{"id": 1, "id": 2}', '{"id": 1, "id": 2}'),
        ("42", "42"),
        ("", ""),
        (b"\xff\x00{", "\\xff\x00{"),
    ],
)
def test_what_is_no_json_is_recorded_verbatim(captured, wire, payload):
    ICCMLogger("relay", level="TRACE").received("marco", wire)
    (record,) = captured.records
    assert record["data"]["mcp"]["payload"] == payload
    assert record["message"] == "received text that is no JSON-RPC from marco"


def test_payloads_are_redacted(captured):
    logger = ICCMLogger("relay", level="TRACE")
    logger.sent("gates", {**MESSAGE, "params": {"arguments": {"apiKey": "hunter2"}}})
    logger.sent("gates", json.dumps({"params": {"arguments": {"password": "hunter2"}}}))
    logger.received("gates", '{"jsonrpc": "2.0", "token": "hunter2", ')
    assert "hunter2" not in json.dumps(captured.records)


def test_a_message_record_has_the_trace_of_its_message(captured):
    logger = ICCMLogger("gates", level="TRACE")
    message = {**MESSAGE, "params": {"_meta": {"traceparent": PARENT}}}
    logger.received("relay", message)
    with logger.trace_context("0" * 32):
        logger.received("relay", message)
    assert [record["trace_id"] for record in captured.records] == [ID, str(uuid.UUID(int=0))]


def test_models_are_recorded_as_they_dump(captured):
    types = pytest.importorskip("mcp.types")
    request = types.JSONRPCRequest(jsonrpc="2.0", id=1, method="tools/list")
    ICCMLogger("relay", level="TRACE").sent("gates", request)
    assert captured.records[0]["data"]["mcp"]["payload"] == {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/list",
    }


class Hostile:
    """Raises whatever is done to it, and logs while it is printed."""

    def __init__(self, logger):
        self.__dict__["logger"] = logger

    def __getattr__(self, name):
        raise RuntimeError(name)

    def __str__(self):
        self.__dict__["logger"].error("from inside", {"me": self})
        raise RuntimeError

    __repr__ = __str__

    def __eq__(self, other):
        raise RuntimeError

    def __hash__(self):
        raise RuntimeError

    def __bool__(self):
        raise RuntimeError


def test_no_argument_makes_a_call_raise(captured):
    logger = ICCMLogger("gates", level="TRACE")
    hostile = Hostile(logger)
    cycle = []
    cycle.append(cycle)
    deep = []
    for _ in range(100_000):
        deep = [deep]
    strange = [
        hostile,
        cycle,
        deep,
        object(),
        "\ud800",
        "\0",
        b"\xff",
        10**5000,
        float("nan"),
        {1, 2},
        {(1,): 2},
        ...,
        print,
        Hostile,
        "x" * 5_000_000,
    ]
    for value in strange:
        logger.info(value, value, trace_id=value)
        logger.info("x", {"deep": [value]})
        logger.sent(value, value, transport=value, session=value)
        logger.received("gates", {"params": {"_meta": value}, "method": value})
        with logger.trace_context(value):
            logger.error("x")
            assert logger.inject(value) is value or isinstance(value, str | dict)
    assert len(captured.records) == len(strange) * 5
    assert all(isinstance(record["message"], str) for record in captured.records)
    assert "from inside" not in captured.messages


def test_half_a_surrogate_pair_survives_as_an_escape(captured):
    ICCMLogger("gates").info("x\ud800", {"\udfff": "é"})
    assert captured.records[0]["message"] == "x\ud800"
    assert captured.records[0]["data"] == {"\udfff": "é"}


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text('abcxyz \n"\\é🚀\0', max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abcxyz", max_size=8), inner, max_size=4)
    ),
    max_leaves=30,
)


@settings(deadline=None)
@given(st.dictionaries(st.text("abcxyz", max_size=8), json_values), st.text("abcxyz é\n🚀", max_size=50))
def test_any_json_arrives_as_it_was_logged(data, message):
    with capture() as captured:
        ICCMLogger("gates").info(message, data)
    (record,) = captured.records
    assert record["data"] == data
    assert record["message"] == message


def test_a_capture_ends_with_its_block():
    logger = ICCMLogger("gates", redis_url="redis://127.0.0.1:1/0", fallback="off")
    with capture() as first:
        logger.info("one")
        assert logger.flush(0.1)
        logger.close()
        assert first.messages == ["one"]
        logger.info("two")
    with capture() as second:
        pass
    assert first.messages == ["one", "two"]
    assert second.records == []
