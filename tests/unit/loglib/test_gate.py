"""What is logged: central levels, X-Trace-Log, sampling; what is not takes no number."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from godot_loglib import ICCMLogger, Trace, new_trace_id
from godot_loglib import context as trace_context
from godot_loglib.testing import capture

ID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


@pytest.fixture
def captured():
    with capture() as records:
        yield records


def entry(level, expires_at=None):
    return json.dumps({"level": level, "expires_at": expires_at}).encode()


def at(seconds):
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="microseconds")


def take(logger, *entries):
    logger._pipeline.levels.take([logger.component], entries)


def test_a_central_level_wins_in_both_directions_and_is_announced(captured):
    logger = ICCMLogger("levels-1")
    take(logger, entry("TRACE", until := at(60)))
    logger.trace("yes")
    assert logger.level == "TRACE"
    take(logger, entry("ERROR"))
    logger.set_level("DEBUG")
    logger.info("no")
    take(logger, None)
    logger.debug("yes again")
    assert captured.messages == [
        f"level TRACE set centrally until {until}", "yes", "level ERROR set centrally",
        "own level DEBUG again", "yes again",
    ]  # fmt: skip
    assert captured.records[0]["data"] == {
        "log_level": {"level": "TRACE", "own": "INFO", "expires_at": until}
    }
    assert captured.records[0]["level"] == "INFO"


def test_an_expiry(captured):
    logger = ICCMLogger("levels-2")
    take(logger, entry("TRACE", at(0.05)))
    levels = logger._pipeline.levels
    while levels.next_expiry() > 0:
        pass
    levels.expire()
    assert logger.level == "INFO"
    take(logger, entry("TRACE", at(-1)))
    assert logger.level == "INFO"


@pytest.mark.parametrize(
    "raw", [b"", b"TRACE", b"{}", b'{"level":"LOUD"}', b"[1]", b'{"level":"TRACE","expires_at":"soon"}',
            b'{"level":"TRACE","expires_at":"2099-01-01T00:00:00"}', b"\xff"],
)  # fmt: skip
def test_an_entry_that_cannot_be_used_is_none(raw, captured, capsys):
    logger = ICCMLogger("levels-3")
    take(logger, raw)
    assert logger.level == "INFO"


def test_switched_off_stays_off(captured):
    logger = ICCMLogger("levels-4", enabled=False)
    take(logger, entry("TRACE"))
    logger.error("no", trace_id=Trace(ID, log_all=True))
    assert captured.records == []


def test_bound_loggers_follow(captured):
    bound = ICCMLogger("levels-5").bind(a=1)
    take(bound, entry("TRACE"))
    bound.trace("yes")
    assert captured.messages[-1] == "yes"


def test_x_trace_log_logs_a_request_whatever_the_level(captured):
    logger = ICCMLogger("loud", level="ERROR")
    trace = logger.extract({"X-Trace-ID": ID, "X-Trace-Log": "true"})
    with logger.trace_context(trace):
        logger.trace("one")
        logger.sent("gates", {"jsonrpc": "2.0", "method": "ping"})
        logger.bind(a=1).debug("two")
        message = logger.inject({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {}})
    logger.trace("no")
    logger.info("no")
    logger.trace("three", trace_id=trace)
    assert message["params"]["_meta"]["x-trace-log"] == "true"
    assert logger.extract(message).log_all
    assert logger.extract(json.dumps(message)).log_all
    message["params"]["_meta"] = {
        "X-Trace-Log": True,
        "traceparent": message["params"]["_meta"]["traceparent"],
    }
    assert logger.extract(message).log_all
    assert captured.messages == ["one", "sent ping to gates", "two", "three"]
    assert [record["seq"] for record in captured.records] == list(range(captured.records[0]["seq"], captured.records[0]["seq"] + 4))  # fmt: skip


def test_the_last_loud_trace_gone_calls_are_filtered_quickly_again():
    logger = ICCMLogger("quiet")
    with capture():
        logger.trace("arms nothing any more")
        trace = Trace(ID, log_all=True)
        assert logger._gate.threshold == 0
        del trace
        assert not trace_context.loud
        assert logger._gate.threshold == 20


def test_a_message_that_asks_for_it_is_recorded_without_a_context(captured):
    logger = ICCMLogger("loud")
    message = {"jsonrpc": "2.0", "id": 1, "method": "x", "params": {"_meta": {"traceparent": f"00-{ID.replace('-', '')}-b7ad6b7169203331-01", "x-trace-log": "true"}}}  # fmt: skip
    trace = logger.extract(message)
    logger.received("client", message)
    assert trace.log_all
    assert captured.messages == ["received x from client"]


def test_the_entry_point_makes_a_trace():
    logger = ICCMLogger("relay")
    assert logger.extract({"X-Trace-Log": "true"}) is None
    made = logger.extract({"X-Trace-Log": "true"}, create=True)
    assert made.log_all
    assert len(made) == 36
    assert not logger.extract({}, create=True).log_all
    assert logger.extract({"X-Trace-ID": ID}, create=True) == ID


@pytest.mark.parametrize(("rate", "kept"), [(0.70, False), (0.71, True), (0, False), (1, True)])
def test_sampling_is_decided_from_the_trace_id(captured, rate, kept):
    logger = ICCMLogger("sampled", level="TRACE", trace_sample=rate)
    for spelling in (ID, ID.upper(), ID.replace("-", ""), Trace(ID)):
        logger.trace("x", trace_id=spelling)
    assert captured.messages.count("x") == 4 * kept


def test_sampling_concerns_trace_records_with_a_trace_alone(captured):
    logger = ICCMLogger("sampled-2", level="TRACE", trace_sample=0)
    logger.debug("one", trace_id=ID)
    logger.trace("two")
    logger.trace("three", trace_id="no uuid")
    with logger.trace_context(ID):
        logger.trace("no")
        logger.sent("gates", {"jsonrpc": "2.0", "method": "ping"})
        logger.info("four")
    logger.trace("five", trace_id=Trace(ID, log_all=True))
    parent = {"traceparent": f"00-{ID.replace('-', '')}-b7ad6b7169203331-01"}
    logger.received("gates", {"jsonrpc": "2.0", "method": "x", "params": {"_meta": parent}})
    sampled = "TRACE sampling: 0 % of traces are kept"
    assert captured.messages == ["one", "two", "three", sampled, "four", "five"]
    announced = captured.records[3]
    assert (announced["level"], announced["data"]) == ("INFO", {"trace_sample": {"rate": 0}})
    seqs = [record["seq"] for record in captured.records]
    assert seqs == list(range(seqs[0], seqs[0] + 6)), "what is not sampled takes no number"


def test_sampling_keeps_about_its_share(captured):
    logger = ICCMLogger("sampled-3", level="TRACE", trace_sample=0.1)
    for _ in range(5000):
        logger.trace("x", trace_id=new_trace_id())
    assert 380 < captured.messages.count("x") < 620
