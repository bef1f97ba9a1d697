"""The client while its Redis is killed, stopped and filled at random: in the end every record is accounted for."""

# ruff: noqa: PLE1205  this logger takes data, no format arguments

import json
import random
import threading
import time

import pytest
import redis

from godot_daemon.embedded import EmbeddedValkey
from godot_loglib import ICCMLogger

ROUNDS = 8


@pytest.fixture
def valkey(tmp_path):
    """One that forgets nothing it has acknowledged, for this is about the client."""
    with EmbeddedValkey(tmp_path / "valkey", settings={"appendfsync": "always"}) as server:
        yield server


def torment(server, rng):
    """One random misfortune, and its end."""
    kind = rng.choice(["kill", "suspend", "memory", "scripts"])
    if kind == "kill":
        server.kill()
        time.sleep(rng.uniform(0, 0.5))
        server.start()
        return
    if kind == "suspend":
        server.suspend()
        time.sleep(rng.uniform(0, 0.8))
        server.resume()
        return
    with redis.Redis.from_url(server.url) as client:
        if kind == "memory":
            client.config_set("maxmemory", 1)
            time.sleep(rng.uniform(0, 0.8))
            client.config_set("maxmemory", 0)
        else:
            client.script_flush()


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(2))
def test_every_record_is_somewhere(valkey, tmp_path, seed):
    """In Redis, in the fallback file, or in a loss record."""
    rng = random.Random(seed)
    path = tmp_path / "fallback.jsonl"
    logger = ICCMLogger(
        "gates",
        redis_url=valkey.url,
        fallback=f"file:{path}",
        buffer_max=300,
        redis_timeout=0.2,
        retry_seconds=0.3,
        exit_seconds=60,
    )
    stop = threading.Event()
    logged = [0, 0]

    def work(worker):
        while not stop.is_set():
            logger.info("x", {"worker": worker, "n": logged[worker]})
            logged[worker] += 1
            stop.wait(0.001)

    workers = [threading.Thread(target=work, args=(worker,)) for worker in range(2)]
    for thread in workers:
        thread.start()
    for _ in range(ROUNDS):
        time.sleep(rng.uniform(0.1, 0.6))
        torment(valkey, rng)
    stop.set()
    for thread in workers:
        thread.join()
    logger.close()

    with redis.Redis.from_url(valkey.url) as client:
        lines = client.lrange("logs:queue", 0, -1)
    lines += path.read_bytes().splitlines() if path.exists() else []
    records = {record["id"]: record for record in map(json.loads, lines)}.values()
    lost = sum(record["data"]["lost"]["count"] for record in records if "lost" in record["data"])
    kept = [
        (record["data"]["worker"], record["data"]["n"]) for record in records if "lost" not in record["data"]
    ]
    assert len(kept) == len(set(kept)), "one record, one id, however often it was sent"
    assert len(kept) + lost == sum(logged)
    assert len({record["seq"] for record in records}) == len(records)
