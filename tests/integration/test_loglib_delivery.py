"""The client against a Redis that works: everything arrives, in order, once, bounded and counted."""

# ruff: noqa: PLE1205  this logger takes data, no format arguments

import json
import threading
from pathlib import Path

import pytest
import redis
from jsonschema import Draft202012Validator

from godot_loglib import ICCMLogger
from godot_loglib.redis_queue import PUSH, PushError, RedisQueue

WIRE = Path(__file__).parents[2] / "clients" / "wire"
VALIDATOR = Draft202012Validator(json.loads((WIRE / "record.schema.json").read_text("utf-8")))


@pytest.fixture
def client(redis_url):
    with redis.Redis.from_url(redis_url) as connection:
        yield connection


@pytest.fixture
def logger(redis_url):
    logger = ICCMLogger("gates", redis_url=redis_url, level="TRACE", fallback="off")
    yield logger
    logger.close()


def queued(client, prefix="logs:"):
    return [json.loads(line) for line in reversed(client.lrange(f"{prefix}queue", 0, -1))]


def test_records_arrive_in_order_and_follow_the_schema(logger, client):
    for n in range(3000):
        logger.info("tool called", {"n": n})
    logger.sent("dewey", {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, transport="stdio")
    assert logger.flush(60)
    records = queued(client)
    assert [record["data"].get("n") for record in records] == [*range(3000), None]
    first = records[0]["seq"]
    assert [record["seq"] for record in records] == list(range(first, first + 3001))
    assert len({record["id"] for record in records}) == 3001
    for record in (records[0], records[-1]):
        VALIDATOR.validate(record)


def test_a_record_arrives_soon_without_a_flush(logger, client, eventually):
    for _ in range(3):
        logger.info("x")
        eventually(lambda: client.llen("logs:queue"))
        client.delete("logs:queue")


def test_an_idle_sender_wakes_up(logger, client, eventually):
    logger.info("first")
    eventually(lambda: logger._pipeline.buffer.wake_at == 1, why="the sender should fall asleep")
    logger.info("second")
    eventually(lambda: client.llen("logs:queue") == 2)


def test_the_queue_is_bounded_and_what_goes_is_counted(redis_url, client):
    logger = ICCMLogger("gates", redis_url=redis_url, queue_max=100)
    for n in range(1000):
        logger.info(str(n))
    assert logger.flush(60)
    logger.close()
    assert [record["message"] for record in queued(client)] == [str(n) for n in range(900, 1000)]
    assert client.hgetall("logs:dropped") == {b"queue_full": b"900"}


def test_the_script_is_the_one_of_the_wire_reference():
    reference = (WIRE / "README.md").read_text("utf-8").partition("```lua\n")[2].partition("```")[0]
    code = [line for line in reference.splitlines() if not line.startswith("--")]
    assert code == PUSH.splitlines()


def test_more_lines_than_the_lua_stack_holds(redis_url, client):
    queue = RedisQueue(redis_url, "logs:", 100_000, 5)
    queue.push([b'{"n":%d}' % n for n in range(20_000)])
    queue.close()
    assert [record["n"] for record in queued(client)] == list(range(20_000))


def test_a_prefix_of_its_own(redis_url, client):
    logger = ICCMLogger("gates", redis_url=redis_url, prefix="other:")
    logger.info("x")
    assert logger.flush(60)
    logger.close()
    assert client.keys() == [b"other:queue"]


def test_a_forgotten_script_is_sent_again(logger, client):
    logger.info("one")
    assert logger.flush(60)
    client.script_flush()
    logger.info("two")
    assert logger.flush(60)
    assert [record["message"] for record in queued(client)] == ["one", "two"]


def test_loggers_of_a_process_share_sender_and_connection(redis_url, client):
    before = threading.active_count()
    loggers = [ICCMLogger(name, redis_url=redis_url) for name in ("gates", "dewey", "fiedler")]
    for logger in loggers:
        logger.info("hello")
        assert logger.flush(60)
    assert threading.active_count() == before + 1
    assert len({logger.instance for logger in loggers}) == 1
    assert [record["component"] for record in queued(client)] == ["gates", "dewey", "fiedler"]
    first = queued(client)[0]["seq"]
    assert [record["seq"] for record in queued(client)] == [first, first + 1, first + 2]
    loggers[0].close()
    assert threading.active_count() == before


def test_logging_goes_on_after_close(logger, client):
    logger.info("one")
    logger.close()
    logger.info("two")
    assert logger.flush(60)
    assert [record["message"] for record in queued(client)] == ["one", "two"]


def test_an_overflow_is_told_and_leaves_nothing_unaccounted(redis_url, client):
    logger = ICCMLogger("gates", redis_url=redis_url, buffer_max=50)
    total = 20_000
    for n in range(total):
        logger.info(str(n))
    assert logger.flush(60)
    logger.close()
    records = queued(client)
    losses = [record for record in records if "lost" in (record["data"] or {})]
    kept = [int(record["message"]) for record in records if "lost" not in (record["data"] or {})]
    assert losses
    assert kept == sorted(kept)
    assert kept[-1] == total - 1
    assert sum(loss["data"]["lost"]["count"] for loss in losses) + len(kept) == total
    for loss in losses:
        VALIDATOR.validate(loss)
        assert loss["level"] == "WARN"
        assert loss["data"]["lost"]["reason"] == "buffer_full"
        assert loss["data"]["lost"]["from"] <= loss["data"]["lost"]["to"]


def test_many_threads(logger, client):
    def work(worker):
        for n in range(500):
            logger.info("x", {"worker": worker, "n": n})

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert logger.flush(60)
    records = queued(client)
    first = records[0]["seq"]
    assert [record["seq"] for record in records] == list(range(first, first + 4000))
    for worker in range(8):
        assert [r["data"]["n"] for r in records if r["data"]["worker"] == worker] == list(range(500))


def test_large_records(logger, client):
    for _ in range(5):
        logger.info("large", {"text": "x" * 3_000_000})
    assert logger.flush(60)
    assert [len(record["data"]["text"]) for record in queued(client)] == [3_000_000] * 5


def test_a_wrong_kind_of_key_is_no_disaster(redis_url, client):
    client.set("logs:queue", "not a list")
    queue = RedisQueue(redis_url, "logs:", 100, 1)
    with pytest.raises(PushError, match="WRONGTYPE"):
        queue.push([b"{}"])
    queue.close()
