"""Claiming from a real Valkey: atomic, in order, counted, and never lost with its claimer."""

from __future__ import annotations

import threading
import time

import pytest
import redis

from godot_daemon.errors import SetupError, UnavailableError
from godot_daemon.redis_queue import RedisQueue
from godot_daemon.settings import Settings
from godot_daemon.source import MAX_BATCH_BYTES, RedisSource

PUSH = """
redis.call('LPUSH', KEYS[1], unpack(ARGV, 2))
local over = redis.call('LLEN', KEYS[1]) - tonumber(ARGV[1])
if over > 0 then
  redis.call('LTRIM', KEYS[1], 0, tonumber(ARGV[1]) - 1)
  redis.call('HINCRBY', KEYS[2], 'queue_full', over)
end
"""


@pytest.fixture
def workers(redis_url):
    """Makes workers with names; a batch is whatever waits, at once."""
    made = []

    def make(name="host:1:a", url=redis_url, **changes):
        defaults = {"redis_url": url, "batch_window_ms": 0, "takeover_after": 1}
        settings = Settings.load({**defaults, **changes}, {})
        source = RedisSource(RedisQueue(settings), settings, name)
        source.open()
        made.append(source)
        return source

    yield make
    for source in made:
        source._stop.set()
        source._queue.close()


def claimed(source, limit=1000):
    """The next batch; a claim that finds nothing ripe yet is repeated."""
    for _ in range(20):
        if (batch := source.claim(limit)) is not None:
            return batch
    return None


def push(client, *entries, bound=100_000):
    client.eval(PUSH, 2, "logs:queue", "logs:dropped", bound, *entries)


def numbers(start, stop):
    return [b"%d" % n for n in range(start, stop)]


def test_a_claim_takes_the_oldest_first_and_leaves_the_rest(client, workers):
    source = workers()
    push(client, *numbers(0, 10))
    batch = claimed(source, 4)
    assert batch.entries == numbers(0, 4)
    assert client.llen("logs:queue") == 6
    assert client.lrange(f"logs:inflight:host:1:a:{batch.name}", 0, -1) == numbers(0, 4)[::-1]
    source.acknowledge(batch)
    assert client.keys("logs:inflight*") == []
    source.acknowledge(batch)
    assert claimed(source).entries == numbers(4, 10)


@pytest.mark.parametrize("limit", [1, 31, 32, 33, 64, 99, 100, 101])
def test_a_claim_of_any_size_keeps_the_order(client, workers, limit):
    source = workers()
    push(client, *numbers(0, 100))
    batch = claimed(source, limit)
    assert batch.entries == numbers(0, min(limit, 100))
    assert client.lrange("logs:queue", 0, -1) == numbers(limit, 100)[::-1]
    assert client.hgetall("logs:inflight") == {f"host:1:a:{batch.name}".encode(): b"%d" % min(limit, 100)}


def test_positions_count_what_was_claimed_and_what_was_dropped(client, workers):
    source = workers()
    push(client, *numbers(0, 10))
    assert claimed(source, 3).origin.base == 0
    push(client, *numbers(10, 20), bound=12)  # drops 3, 4 … 7
    batch = claimed(source, 5)
    assert batch.origin.base == 8
    assert batch.entries == numbers(8, 13)
    assert client.hgetall("logs:position")[b"claimed"] == b"8"
    assert source._queue.backlog().dropped == {"queue_full": 5}
    assert abs(batch.origin.claimed_us / 1e6 - time.time()) < 60


def test_big_entries_come_in_small_batches(client, workers):
    source = workers()
    for n in range(5):
        push(client, b"%d" % n * (MAX_BATCH_BYTES // 2))
    assert [len(claimed(source).entries) for _ in range(3)] == [2, 2, 1]
    push(client, *numbers(0, 40), b"x" * MAX_BATCH_BYTES, *numbers(40, 50))
    assert [len(claimed(source).entries) for _ in range(2)] == [41, 10]


@pytest.mark.parametrize("place", [0, 1, 7, 8, 300, 501, 999])
def test_one_big_entry_among_small_ones_ends_its_batch(client, workers, place):
    """Wherever it is: probes may miss it, the size of what was copied does not."""
    source = workers()
    entries = numbers(0, 1000)
    entries[place] = b"x" * MAX_BATCH_BYTES
    push(client, *entries)
    assert claimed(source).entries == entries[: place + 1]
    if place + 1 < len(entries):
        assert claimed(source).entries == entries[place + 1 :]
    assert client.llen("logs:queue") == 0


def test_a_claim_is_moved_by_one_command(client, workers):
    source = workers()
    push(client, *numbers(0, 1000))
    client.config_resetstat()
    assert len(claimed(source, 900).entries) == 900
    commands = client.info("commandstats")
    assert commands["cmdstat_sort"]["calls"] == 1
    assert "cmdstat_lpush" not in commands


@pytest.mark.parametrize("denied", ["sort", "memory", "@dangerous"])
def test_a_login_that_may_not_do_it_at_once_claims_all_the_same(client, workers, redis_url, denied):
    client.acl_setuser(
        "plain", enabled=True, passwords=["+secret"], keys=["*"], commands=["+@all", f"-{denied}"]
    )
    source = workers(url=redis_url.replace("redis://", "redis://plain:secret@"))
    try:
        push(client, *numbers(0, 1000))
        client.config_resetstat()
        assert claimed(source, 900).entries == numbers(0, 900)
        assert client.lrange("logs:queue", 0, -1) == numbers(900, 1000)[::-1]
        assert client.info("commandstats")["cmdstat_lpush"]["calls"] > 0, "it was not denied"
    finally:
        client.acl_deluser("plain")


def test_batches_wait_for_their_window_or_their_size(client, workers):
    source = workers(batch_window_ms=300, batch_size=5)
    push(client, b"x")
    started = time.monotonic()
    while (batch := source.claim(5)) is None:
        pass
    assert time.monotonic() - started > 0.25
    assert batch.entries == [b"x"]
    push(client, *numbers(0, 7))
    assert source.claim(5).entries == numbers(0, 5), "a full batch does not wait"


def test_an_idle_worker_wakes_at_once_and_leaves_the_order_alone(client, workers):
    source = workers(redis_timeout=600)
    assert source.claim(10) is None
    source._block = 300
    timer = threading.Timer(0.2, push, (client, b"1", b"2", b"3"))
    timer.start()
    started = time.monotonic()
    assert claimed(source).entries == [b"1", b"2", b"3"]
    assert time.monotonic() - started < 100, "it was woken, and did not sleep to the end"
    timer.join()


def test_without_blocking_moves_it_polls(client, workers):
    """As on a Redis before 6.2."""
    source = workers(batch_window_ms=20)
    source._can_block = False
    timer = threading.Timer(0.1, push, (client, b"1"))
    timer.start()
    deadline = time.monotonic() + 60
    while (batch := source.claim(10)) is None:
        assert time.monotonic() < deadline
    assert batch.entries == [b"1"]
    timer.join()


def test_claims_of_the_dead_are_taken_over_with_their_positions(client, workers):
    dead, living = workers("far:1:a"), workers("far:2:b", takeover_after=3600)
    push(client, *numbers(0, 6))
    lost = claimed(dead, 6)
    push(client, *numbers(6, 8))
    assert claimed(living).entries == numbers(6, 8)
    dead._stop.set()
    dead._heart.join()
    client.hset("logs:workers", "far:1:a", 1)  # its last heartbeat, long ago
    living._next_sweep = 0
    adopted = living.claim(1000)
    assert (adopted.name, adopted.origin, adopted.entries) == (lost.name, lost.origin, lost.entries)
    assert adopted.adopted_from == "far:1:a"
    dead.acknowledge(lost)  # the slow owner comes back: it changes nothing
    assert client.llen(f"logs:inflight:far:2:b:{lost.name}") == 6
    living.acknowledge(adopted)
    assert client.hgetall("logs:inflight") == {f"far:2:b:{b}".encode(): b"2" for b in living._held}


def test_a_worker_with_a_heartbeat_keeps_its_claims(client, workers, eventually):
    slow, other = workers("far:1:a", takeover_after=3), workers("far:2:b", takeover_after=600)
    push(client, b"x")
    assert claimed(slow)
    client.hset("logs:workers", "far:1:a", 1)
    eventually(lambda: client.hget("logs:workers", "far:1:a") != b"1", why="it beats every second")
    other._next_sweep = 0
    assert other.claim(10) is None


def test_released_claims_are_free_at_once(client, workers):
    leaving, other = workers("far:1:a"), workers("far:2:b", takeover_after=3600)
    push(client, b"x")
    assert claimed(leaving)
    leaving.close()
    other._next_sweep = 0
    assert claimed(other).entries == [b"x"]


def test_a_process_of_this_host_that_is_gone_is_dead_at_once(client, workers, monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "here")
    earlier = workers("here:999999999:a", takeover_after=3600)
    push(client, b"x")
    assert claimed(earlier)
    assert claimed(workers("here:1:b", takeover_after=3600)).entries == [b"x"]


def test_a_claim_whose_answer_was_lost_is_found_again(client, workers):
    source = workers(takeover_after=3600)
    source.claim(1)  # the first sweep
    push(client, b"x", b"y")
    batch = claimed(source, 1)
    source._held.clear()  # as if the answer had never come
    source._next_sweep = 0
    assert claimed(source).entries == [b"x"]
    assert claimed(source).entries == [b"y"]
    source.acknowledge(batch)


def test_a_claim_that_others_take_over_before_it_is_read_is_theirs(client, workers, monkeypatch):
    slow, other = workers("far:1:a", takeover_after=3600), workers("far:2:b", takeover_after=3600)
    push(client, b"x")
    assert slow.claim(1) is None  # the first sweep, and the window opens
    lrange = slow._queue.client.lrange

    def read_late(*given):
        client.hdel("logs:workers", "far:1:a")
        other._next_sweep = 0
        assert claimed(other).entries == [b"x"]
        return lrange(*given)

    monkeypatch.setattr(slow._queue.client, "lrange", read_late)
    assert slow.claim(1) is None
    assert not slow._held
    assert client.hlen("logs:inflight") == 1


def test_the_dead_that_hold_nothing_are_forgotten(client, workers, eventually):
    living = workers("far:2:b")
    client.hset("logs:workers", "far:1:a", 1)
    living.claim(1)
    assert client.hkeys("logs:workers") == [b"far:2:b"]


def test_scripts_that_the_server_forgot_are_loaded_again(client, workers):
    source = workers()
    push(client, b"x")
    client.script_flush()
    assert claimed(source).entries == [b"x"]


def test_a_key_of_another_kind_is_for_a_person_to_repair(client, workers):
    source = workers()
    client.set("logs:queue", "mine")
    with pytest.raises(SetupError, match="WRONGTYPE"):
        source.claim(1)


def test_a_server_that_refuses_writes_for_now_is_waited_for(own_valkey, workers):
    source = workers(url=own_valkey.url)
    with redis.Redis.from_url(own_valkey.url) as client:
        push(client, b"x")
        client.replicaof("127.0.0.1", 1)
        with pytest.raises(UnavailableError):
            claimed(source)
        client.replicaof("NO", "ONE")
        assert claimed(source).entries == [b"x"]


def test_a_server_that_hangs_is_noticed(own_valkey, workers):
    source = workers(url=own_valkey.url, redis_timeout=0.5)
    own_valkey.suspend()
    try:
        with pytest.raises(UnavailableError):
            source.claim(1)
    finally:
        own_valkey.resume()
