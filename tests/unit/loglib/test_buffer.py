"""The buffer: its bounds, its order, and its account of what it dropped."""

import signal
import threading

import pytest

from godot_loglib.buffer import Buffer, Loss
from godot_loglib.record import Encoder, Source
from godot_loglib.redaction import Redactor

GATES, DEWEY = Source("gates", Redactor()), Source("dewey", Redactor())


def put(buffer, n, source=GATES, size=0):
    buffer.put(n, 20, source, "x" * size, None, None)


def taken(buffer):
    return [entry[1] for entry in buffer.take(10**6, 1 << 40)]


def test_first_in_first_out():
    buffer = Buffer(10, 10**6)
    for n in range(5):
        put(buffer, n)
    assert [entry[1] for entry in buffer.take(2, 1 << 40)] == [0, 1]
    assert taken(buffer) == [2, 3, 4]
    assert taken(buffer) == []


def test_beyond_the_count_the_oldest_go_and_are_counted():
    buffer = Buffer(3, 10**6)
    for n in range(10):
        put(buffer, n, GATES if n != 2 else DEWEY)
    assert buffer.losses.take() == [
        Loss("gates", "buffer_full", 6, 0, 6),
        Loss("dewey", "buffer_full", 1, 2, 2),
    ]
    assert buffer.losses.take() == []
    assert taken(buffer) == [7, 8, 9]


def test_beyond_the_bytes_the_oldest_go():
    buffer = Buffer(100, 10_000)
    for n in range(10):
        put(buffer, n, size=3000)
    assert taken(buffer) == [7, 8, 9]
    assert buffer.losses.take() == [Loss("gates", "buffer_bytes", 7, 0, 6)]


def test_what_never_fits_is_counted_too():
    buffer = Buffer(100, 10_000)
    put(buffer, 0)
    put(buffer, 1, size=50_000)
    assert taken(buffer) == []
    assert buffer.losses.take() == [
        Loss("gates", "buffer_bytes", 1, 0, 0),
        Loss("gates", "too_large", 1, 1, 1),
    ]


def test_a_lost_record_leaves_a_gap_in_seq():
    buffer = Buffer(2, 10**6)
    for n in range(4):
        put(buffer, n)
    assert [entry[0] for entry in buffer.take(9, 1 << 40)] == [3, 4]


def test_batches_are_bounded_by_bytes_but_never_empty():
    buffer = Buffer(100, 10**9)
    for n in range(4):
        put(buffer, n, size=1000)
    assert len(buffer.take(100, 10)) == 1
    assert len(buffer.take(100, 2600)) == 2
    assert len(buffer.take(100, 2600)) == 1


def test_losses_can_be_put_back():
    buffer = Buffer(1, 10**6)
    put(buffer, 5)
    put(buffer, 6)
    (loss,) = buffer.losses.take()
    put(buffer, 7)
    buffer.losses.merge(loss)
    assert buffer.losses.take() == [Loss("gates", "buffer_full", 2, 5, 6)]


def test_many_threads_lose_nothing_uncounted():
    buffer = Buffer(500, 10**9)
    got = []
    done = threading.Event()

    def write():
        for n in range(5000):
            put(buffer, n)

    def read():
        while not done.is_set() or len(buffer):
            got.extend(buffer.take(64, 1 << 40))

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write) for _ in range(4)]
    for thread in [reader, *writers]:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    lost = sum(loss.count for loss in buffer.losses.take())
    assert len(got) + lost == 20_000
    assert len({entry[0] for entry in got}) == len(got)
    assert [entry[0] for entry in got] == sorted(entry[0] for entry in got)
    assert buffer._bytes == 0


def test_a_signal_handler_may_log_in_the_middle_of_a_log_call():
    buffer = Buffer(10**6, 10**9)
    handled = []

    def handler(_number, _frame):
        handled.append(1)
        put(buffer, -1)

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        n = 0
        while len(handled) < 100 and n < 2_000_000:
            put(buffer, n)
            n += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(taken(buffer)) == n + len(handled)
    assert buffer._bytes == 0


def test_the_loss_record_tells_when_and_why():
    line = Encoder("host:1:abc").loss(Loss("gates", "buffer_full", 412, 10**18, 10**18 + 1_500_000), seq=9)
    assert b'"lost":{"count":412,"reason":"buffer_full","from":"2001-09-09T01:46:40.000000+00:00"' in line
    assert b'"to":"2001-09-09T01:46:40.001500+00:00"' in line
    assert b'"level":"WARN"' in line


@pytest.mark.parametrize("step", [1_000, -5_000_000_000])
def test_ids_increase_even_when_the_clock_steps_back(step):
    encoder = Encoder("host:1:abc")
    at = 1_800_000_000_000_000_000
    lines = []
    for seq in range(1, 50):
        lines.append(encoder.entry((seq, at, 20, GATES, "x", None, None, 0))[:43])
        at += step
    assert lines == sorted(set(lines))
