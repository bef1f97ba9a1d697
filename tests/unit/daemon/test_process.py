"""What surrounds the pipeline in the process: its own log, signals, and the HTTP side."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

from godot_daemon import _child, batching, service
from godot_daemon.batching import Batch, Outcome
from godot_daemon.endpoint import Endpoint
from godot_daemon.errors import SetupError, UnavailableError
from godot_daemon.metrics import Metrics
from godot_daemon.narration import Narrator
from godot_daemon.record import Origin
from godot_daemon.redis_queue import Backlog
from godot_daemon.signals import Signals
from godot_daemon.watching import Watch

BATCH = Batch("0-0", Origin("e", 0, 0), [b""] * 500)


def test_lines_for_programs_are_json():
    stream = io.StringIO()
    Narrator("auto", stream).info("stored 1 record", stored=1)
    line = json.loads(stream.getvalue())
    assert (line["level"], line["message"], line["stored"]) == ("INFO", "stored 1 record", 1)


def test_lines_for_people_are_short():
    stream = io.StringIO()
    Narrator("human", stream).warning("careful", detail=1)
    assert stream.getvalue().rstrip().endswith("WARN  careful")


def test_a_reader_that_went_away_stops_nothing():
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        narrator = Narrator("json", stream)
        narrator.info("x")
        narrator.info("y")
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def watch():
    stream = io.StringIO()
    metrics = Metrics(lambda: Backlog(3, 2, 10, "e", {"queue_full": 7}, {"w": 1}))
    return Watch(metrics, Narrator("json", stream), lambda: 1234), stream, metrics


def told(stream) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_the_first_batch_is_told_at_once_and_those_of_one_second_together():
    observer, stream, _ = watch()
    observer.committed(BATCH, Outcome(500), 0.012)
    assert told(stream)[0]["message"] == "stored 500 records in 12 ms, 1,234 waiting"
    observer.committed(BATCH, Outcome(400, 100), 0.010)
    observer.committed(BATCH, Outcome(498, 0, {"not JSON": 2}), 0.030)
    assert len(told(stream)) == 1
    observer.tell()
    assert told(stream)[1]["message"] == (
        "stored 898 records in 2 batches of 20 ms, 100 duplicate, 2 dead (not JSON), 1,234 waiting"
    )


def test_a_takeover_is_told_and_counted():
    observer, stream, metrics = watch()
    observer.claimed(Batch("0-0", Origin("e", 0, 0), [b""] * 3, "far:1:a"))
    assert told(stream)[0]["message"] == "took over 3 records that far:1:a had claimed"
    assert "godot_claims_adopted_total 1.0" in metrics.exposition().decode()


def test_a_long_outage_is_told_ever_more_rarely():
    observer, stream, _ = watch()
    for attempt in range(1, 101):
        observer.retrying(UnavailableError("away"), attempt, 5.0)
    assert [line["attempt"] for line in told(stream)] == [1, 2, 4, 8, 16, 32, 64]
    assert observer.problems() == ["away"]
    observer.recovered(100)
    assert observer.problems() == []


def test_metrics_start_at_zero_and_count():
    observer, _, metrics = watch()
    before = metrics.exposition().decode()
    for line in (
        "godot_records_stored_total 0.0",
        "godot_records_duplicate_total 0.0",
        'godot_dead_letters_total{reason="not JSON"} 0.0',
        'godot_database_errors_total{sqlstate_class="08"} 0.0',
        'godot_records_dropped_total{reason="queue_full"} 7.0',
        "godot_queue_records 3.0",
        "godot_inflight_records 2.0",
    ):
        assert line in before.splitlines(), line
    observer.claimed(BATCH)
    observer.committed(BATCH, Outcome(497, 2, {"not JSON": 1}, oldest_us=int((time.time() - 20) * 1e6)), 0.01)
    after = metrics.exposition().decode().splitlines()
    assert "godot_records_stored_total 497.0" in after
    assert 'godot_dead_letters_total{reason="not JSON"} 1.0' in after
    assert 'godot_ingest_lag_seconds_bucket{le="10.0"} 0.0' in after
    assert 'godot_ingest_lag_seconds_bucket{le="60.0"} 1.0' in after
    assert "godot_batch_rows_sum 500.0" in after


def test_metrics_survive_a_redis_that_is_away():
    def away():
        raise UnavailableError("away")

    assert "godot_queue_up 0.0" in Metrics(away).exposition().decode()


def fetch(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_the_endpoint_answers_its_three_pages():
    problems: list[str] = []
    endpoint = Endpoint("127.0.0.1", 0, metrics=lambda: b"x 1\n", unhealthy=list, unready=lambda: problems)
    try:
        assert fetch(endpoint.url + "/metrics") == (200, b"x 1\n")
        assert fetch(endpoint.url + "/healthz")[0] == fetch(endpoint.url + "/readyz?x=1")[0] == 200
        problems.append("Redis is away")
        status, body = fetch(endpoint.url + "/readyz")
        assert (status, json.loads(body)) == (503, {"ok": False, "problems": ["Redis is away"]})
        assert fetch(endpoint.url + "/")[0] == 404
        port = int(endpoint.url.rpartition(":")[2])
        with pytest.raises(SetupError, match="--metrics-port"):
            Endpoint("127.0.0.1", port, metrics=bytes, unhealthy=list, unready=list)
    finally:
        endpoint.close()


def test_signals_are_waited_for():
    before = signal.getsignal(signal.SIGHUP)
    with Signals() as signals:
        assert signals.wait(0) is None
        os.kill(os.getpid(), signal.SIGHUP)
        assert signals.wait(60) is signal.SIGHUP
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
        assert signals.wait(60) is signal.SIGTERM
    assert signal.getsignal(signal.SIGHUP) is before


def test_children_do_not_hear_what_the_service_manager_tells_us(monkeypatch, tmp_path):
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("GODOT_HEARD", "yes")
    printing = [sys.executable, "-c", "import os; print(*sorted(os.environ))"]
    for given in (None, dict(os.environ)):
        with (tmp_path / "output").open("wb") as output:
            assert _child.spawn(printing, env=given, output=output).wait() == 0
        heard = (tmp_path / "output").read_text().split()
        assert "GODOT_HEARD" in heard
        assert not [name for name in heard if name.startswith(("NOTIFY", "WATCHDOG"))]


def test_all_that_stopping_waits_for_fits_into_ten_seconds():
    """A second is left for what takes no time: measured, this would depend on the machine."""
    waits = service._DRAIN_SECONDS, batching._LAST_WORDS_SECONDS, service._RELEASE_SECONDS
    assert sum(waits) <= 9
