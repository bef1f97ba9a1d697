"""The client while Redis is away in every way it can be: calls stay quick, nothing is lost in silence."""

# ruff: noqa: PLE1205  this logger takes data, no format arguments

import json
import socket
import statistics
import time

import pytest
import redis

from godot_loglib import ICCMLogger


@pytest.fixture
def make(tmp_path):
    made = []

    def build(url, **settings):
        options = {
            "fallback": f"file:{tmp_path / 'fallback.jsonl'}",
            "retry_seconds": 0.3,
            "redis_timeout": 2,
        }
        logger = ICCMLogger("gates", redis_url=url, **{**options, **settings})
        made.append(logger)
        return logger

    yield build
    for logger in made:
        logger.close(0.5)


def in_file(tmp_path):
    path = tmp_path / "fallback.jsonl"
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def in_redis(url):
    with redis.Redis.from_url(url) as client:
        return [json.loads(line) for line in reversed(client.lrange("logs:queue", 0, -1))]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def typical(logger, count=2000):
    """How long a call takes in seconds: the median, and the 99th percentile, since the machine may be busy."""
    times = []
    for n in range(count):
        started = time.perf_counter()
        logger.info("tool called", {"n": n, "text": "x" * 300})
        times.append(time.perf_counter() - started)
    return statistics.median(times), sorted(times)[-count // 100]


def test_refused(make, tmp_path, capsys, eventually):
    logger = make(f"redis://:hunter2@127.0.0.1:{free_port()}/0")
    _, slow = typical(logger)
    assert slow < 0.25, "a call must never wait for a socket"
    assert logger.flush(60)
    assert [record["data"]["n"] for record in in_file(tmp_path)] == list(range(2000))
    for n in range(3):
        logger.info(str(n))
        assert logger.flush(60)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1, said
    assert "ConnectionError" in said[0]
    assert "fallback.jsonl" in said[0]
    assert "hunter2" not in said[0]


def test_nobody_answers(make, tmp_path, own_valkey, eventually):
    """SIGSTOP: the kernel still accepts connections, but nothing ever comes back."""
    logger = make(own_valkey.url, redis_timeout=0.3)
    logger.info("before")
    assert logger.flush(60)
    own_valkey.suspend()
    try:
        median, slow = typical(logger)
        assert median < 0.01
        assert slow < 0.25, "a call must never wait for a socket"
        assert logger.flush(60), "the records should reach the fallback"
        assert logger.flush(0.1)
        assert sum(record["message"] == "tool called" for record in in_file(tmp_path)) == 2000
    finally:
        own_valkey.resume()
    # What was pushed into the silence may have arrived there as well: then under the same id.
    logger.info("after")
    eventually(
        lambda: (
            (logger.flush(1) and in_redis(own_valkey.url)[-1]["message"] == "after") or logger.info("after")
        )
    )
    ids = {record["id"] for record in in_file(tmp_path)} | {
        record["id"] for record in in_redis(own_valkey.url)
    }
    seqs = {record["seq"] for record in in_file(tmp_path) + in_redis(own_valkey.url)}
    assert seqs == set(range(1, len(seqs) + 1))
    assert len(ids) == len(seqs)


def test_it_comes_back_by_itself_and_says_so(make, tmp_path, own_valkey, capsys, eventually):
    logger = make(own_valkey.url)
    own_valkey.stop()
    logger.info("during")
    assert logger.flush(60)
    assert [record["message"] for record in in_file(tmp_path)] == ["during"]
    own_valkey.start()

    def back():
        logger.info("again")
        return logger.flush(2) and in_redis(own_valkey.url)

    eventually(back, why="the sender should try again every 0.3 s")
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2, said
    assert "takes records again" in said[1]
    seqs = [record["seq"] for record in in_file(tmp_path) + in_redis(own_valkey.url)]
    assert seqs == list(range(1, len(seqs) + 1)), (
        "the fallback file and Redis together have every record once"
    )


def test_a_short_absence_costs_nothing(make, tmp_path, own_valkey):
    """Killed and back within the retries: no fallback, no gap, and the script is loaded again (NOSCRIPT)."""
    logger = make(own_valkey.url)
    logger.info("one")
    assert logger.flush(60)
    own_valkey.kill()
    own_valkey.start()
    logger.info("two")
    assert logger.flush(60)
    assert in_redis(own_valkey.url)[-1]["message"] == "two"
    assert in_file(tmp_path) == []


def test_out_of_memory(make, tmp_path, own_valkey, eventually):
    logger = make(own_valkey.url)
    with redis.Redis.from_url(own_valkey.url) as client:
        client.config_set("maxmemory", 1)
        logger.info("during")
        assert logger.flush(60)
        assert [record["message"] for record in in_file(tmp_path)] == ["during"]
        client.config_set("maxmemory", 0)

    def back():
        logger.info("again")
        return logger.flush(2) and in_redis(own_valkey.url)

    eventually(back)


def test_read_only(make, tmp_path, own_valkey):
    logger = make(own_valkey.url)
    with redis.Redis.from_url(own_valkey.url) as client:
        client.execute_command("REPLICAOF", "127.0.0.1", str(free_port()))
        logger.info("during")
        assert logger.flush(60)
        client.execute_command("REPLICAOF", "NO", "ONE")
    assert [record["message"] for record in in_file(tmp_path)] == ["during"]


def test_a_server_that_is_no_redis(make, tmp_path):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        logger = make(f"redis://127.0.0.1:{server.getsockname()[1]}/0", redis_timeout=0.1)
        logger.info("x")
        assert logger.flush(60)
    assert [record["message"] for record in in_file(tmp_path)] == ["x"]


def test_without_a_fallback_records_wait_and_the_overflow_is_told(make, own_valkey, eventually):
    logger = make(own_valkey.url, fallback="off", buffer_max=100)
    own_valkey.stop()
    for n in range(1000):
        logger.info(str(n))
    assert not logger.flush(2.5)
    own_valkey.start()
    assert logger.flush(60)
    logger.info("last")
    assert logger.flush(60)
    records = in_redis(own_valkey.url)
    losses = [record["data"]["lost"] for record in records if record["data"]]
    kept = [record["message"] for record in records if not record["data"]]
    assert kept[-2:] == ["999", "last"]
    assert sum(loss["count"] for loss in losses) + len(kept) == 1001
    assert {loss["reason"] for loss in losses} == {"buffer_full"}


def test_a_fallback_that_fails_keeps_the_records_for_later(make, tmp_path, own_valkey, eventually):
    place = tmp_path / "not-yet"
    logger = make(own_valkey.url, fallback=f"file:{place / 'fallback.jsonl'}")
    own_valkey.stop()
    logger.info("kept")
    assert not logger.flush(2.5)
    own_valkey.start()
    assert logger.flush(60)
    assert [record["message"] for record in in_redis(own_valkey.url)] == ["kept"]


def test_closing_while_redis_hangs_keeps_the_deadline(make, tmp_path, own_valkey):
    logger = make(own_valkey.url, redis_timeout=30)
    logger.info("before")
    assert logger.flush(60)
    own_valkey.suspend()
    try:
        for n in range(2000):
            logger.info(str(n))
        started = time.monotonic()
        logger.close(0.5)
        assert time.monotonic() - started < 25, "it does not wait for Redis"
        seqs = {record["seq"] for record in in_file(tmp_path)}
        assert seqs == set(range(2, 2002)), "everything not known to be in Redis goes to the fallback"
    finally:
        own_valkey.resume()


def test_stdout_and_stderr(make, capsys):
    url = f"redis://127.0.0.1:{free_port()}/0"
    for place in ("stdout", "stderr"):
        logger = make(url, fallback=place)
        logger.info("x", {"token": "hunter2"})
        assert logger.flush(60)
        text = getattr(capsys.readouterr(), place[3:])
        (record,) = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        assert record["data"] == {"token": "[REDACTED]"}
        logger.close()
