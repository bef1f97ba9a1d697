"""What systemd is told, through a real datagram socket."""

from __future__ import annotations

import io
import os
import socket
import threading
import time
import uuid

import pytest

from godot_daemon.backoff import Backoff
from godot_daemon.batching import BatchSize, Pipeline
from godot_daemon.metrics import Metrics
from godot_daemon.narration import Narrator
from godot_daemon.notify import Notifier
from godot_daemon.service import Service
from godot_daemon.settings import Settings
from godot_daemon.watching import Watch


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    """systemd's end of the socket, and how NOTIFY_SOCKET names it."""
    name = f"@godot-{uuid.uuid4()}" if request.param == "abstract" else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind("\0" + name[1:] if name.startswith("@") else name)
        end.settimeout(5)
        yield end, name


@pytest.fixture
def notify():
    """Makes notifiers, and closes them."""
    made = []

    def make(environ: dict[str, str]) -> Notifier:
        made.append(Notifier(environ))
        return made[-1]

    yield make
    for notifier in made:
        notifier.close()


def heard(end) -> list[str]:
    """All datagrams that have come."""
    end.settimeout(0)
    found = []
    try:
        while True:
            found.append(end.recv(4096).decode())
    except BlockingIOError:
        return found


def test_each_message_is_one_datagram(manager, notify):
    end, name = manager
    notifier = notify({"NOTIFY_SOCKET": name})
    assert notifier.ready()
    notifier.status("3\nrecords  waiting")
    notifier.status("3 records waiting")
    notifier.patience(1.5)
    notifier.stopping()
    notifier.close()
    notifier.stopping()
    assert heard(end) == [
        "READY=1",
        "STATUS=3 records waiting",
        "EXTEND_TIMEOUT_USEC=1500000",
        "STOPPING=1",
    ]


def test_a_reload_carries_the_time_that_systemd_compares(manager, notify):
    end, name = manager
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    notify({"NOTIFY_SOCKET": name}).reloading()
    [message] = heard(end)
    reloading, monotonic = message.split("\n")
    assert reloading == "RELOADING=1"
    assert before <= int(monotonic.removeprefix("MONOTONIC_USEC=")) <= time.clock_gettime_ns(1) // 1000


def test_the_watchdog_is_fed_more_often_than_it_asks_and_no_more_than_needed(manager, notify, monkeypatch):
    end, name = manager
    notifier = notify({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "200000", "WATCHDOG_PID": str(os.getpid())})
    for milliseconds in range(400):
        monkeypatch.setattr("godot_daemon.notify.time.monotonic", lambda now=100 + milliseconds / 1000: now)
        notifier.alive()
    assert heard(end) == ["WATCHDOG=1"] * 8


@pytest.mark.parametrize(
    "environ", [{}, {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "often"}]
)
def test_a_watchdog_of_nobody_or_of_another_process_is_not_fed(manager, notify, environ):
    end, name = manager
    notify({"NOTIFY_SOCKET": name, **environ}).alive()
    assert heard(end) == []


@pytest.mark.parametrize("name", ["", "/does/not/exist", "@nobody-listens", "vsock:2:1234"])
def test_without_a_manager_nothing_happens(notify, name):
    notifier = notify({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "1"})
    assert notifier.ready() is (name[:1] not in {"/", "@"}), "what was not heard has to be said again"
    notifier.status("x")
    notifier.alive()
    notifier.close()


class HangingSource:
    """Does not come back from the claim until it is let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def claim(self, limit: int) -> None:
        self.let_go.wait()

    def acknowledge(self, batch) -> None:
        raise AssertionError


def test_a_pipeline_that_hangs_is_unhealthy(eventually):
    narrator = Narrator("json", io.StringIO())
    service = Service(lambda: Settings.load({}, {}), narrator, Notifier({}))
    source = HangingSource()
    observer = Watch(Metrics(lambda: None), narrator, lambda: 0)
    pipeline = Pipeline(
        source, lambda batch: batch, [], size=BatchSize(1, 1), backoff=Backoff(), observer=observer
    )
    pipeline.start()
    try:
        service._pipeline = pipeline
        assert service._unhealthy() == []
        service._stalled_after = 0.05
        eventually(lambda: pipeline.silence > 0.05)
        assert "has hung" in service._unhealthy()[0]
        source.let_go.set()
        eventually(lambda: service._unhealthy() == [])
    finally:
        source.let_go.set()
        pipeline.stop()
        assert pipeline.join(5)
    assert pipeline.silence == 0
