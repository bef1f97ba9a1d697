"""The daemon under a service manager: what it tells systemd, when, and what the unit makes of it."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
import uuid
from pathlib import Path

import psutil
import pytest

UNIT = Path(__file__).resolve().parents[2] / "daemon/godot-ingest.service"


class Manager:
    """systemd's end of the notification socket, an abstract one."""

    def __init__(self) -> None:
        self.name = f"@godot-{uuid.uuid4()}"
        self.heard: list[str] = []
        self._end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._end.bind("\0" + self.name[1:])
        self._end.settimeout(0)

    def count(self, message: str) -> int:
        """How often a line that begins so has been heard."""
        try:
            while True:
                self.heard += self._end.recv(4096).decode().splitlines()
        except BlockingIOError:
            return sum(line.startswith(message) for line in self.heard)

    def close(self) -> None:
        self._end.close()


@pytest.fixture
def manager():
    end = Manager()
    yield end
    end.close()


@pytest.fixture
def env(env, manager):
    return {**env, "NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "2000000"}


def test_its_whole_life_is_told(run_daemon, manager, client, make_record, eventually):
    daemon = run_daemon()
    eventually(lambda: manager.count("READY=1") == 1, why=daemon.log)
    meals = manager.count("WATCHDOG=1")
    eventually(lambda: manager.count("WATCHDOG=1") >= meals + 2, why="idle, it waits healthily")
    client.lpush("logs:queue", make_record())
    eventually(lambda: manager.count("STATUS=0 records waiting"), why=lambda: manager.heard)

    daemon.send_signal(signal.SIGHUP)
    eventually(lambda: manager.count("READY=1") == 2, why=daemon.log)
    order = [line.partition("=")[0] for line in manager.heard]
    assert order.index("RELOADING") < len(order) - 1 - order[::-1].index("READY")
    assert order[order.index("RELOADING") + 1] == "MONOTONIC_USEC"

    daemon.terminate()
    assert daemon.wait(60) == 0
    assert manager.count("STOPPING=1") == 1


def test_it_is_ready_only_when_postgresql_has_answered(run_daemon, manager, env, own_postgres, eventually):
    own_postgres.stop()
    daemon = run_daemon(env={**env, "GODOT_DATABASE_URL": own_postgres.url})
    eventually(lambda: manager.count("EXTEND_TIMEOUT_USEC=") >= 2, why=daemon.log)
    eventually(lambda: manager.count("STATUS=waiting for PostgreSQL"), why=lambda: manager.heard)
    assert manager.count("READY=1") == 0
    own_postgres.start()
    eventually(lambda: manager.count("READY=1") == 1, why=daemon.log)


def test_it_is_ready_only_when_redis_has_answered(run_daemon, manager, env, own_valkey, eventually):
    own_valkey.stop()
    daemon = run_daemon(env={**env, "GODOT_REDIS_URL": own_valkey.url}, ready=False)
    eventually(lambda: manager.count("STATUS=waiting: Redis"), why=daemon.log)
    eventually(lambda: manager.count("EXTEND_TIMEOUT_USEC="), why=daemon.log)
    assert manager.count("READY=1") == 0
    own_valkey.start()
    eventually(lambda: manager.count("READY=1") == 1, why=daemon.log)


def test_an_outage_is_told_and_feeds_the_watchdog(run_daemon, manager, env, own_valkey, eventually):
    daemon = run_daemon(env={**env, "GODOT_REDIS_URL": own_valkey.url})
    eventually(lambda: manager.count("READY=1") == 1, why=daemon.log)
    own_valkey.stop()
    eventually(lambda: manager.count("STATUS=Redis at"), why=lambda: manager.heard)
    meals = manager.count("WATCHDOG=1")
    eventually(lambda: manager.count("WATCHDOG=1") >= meals + 2, why="a restart would not help Redis")


def test_a_stopped_process_starves_the_watchdog(run_daemon, manager, eventually):
    daemon = run_daemon()
    eventually(lambda: manager.count("READY=1") == 1, why=daemon.log)
    daemon.send_signal(signal.SIGSTOP)
    eventually(lambda: psutil.Process(daemon.pid).status() == psutil.STATUS_STOPPED)
    meals = manager.count("WATCHDOG=1")
    time.sleep(2.5)  # longer than the watchdog's time: that nothing comes can only be waited for
    assert manager.count("WATCHDOG=1") == meals
    daemon.send_signal(signal.SIGCONT)
    eventually(lambda: manager.count("WATCHDOG=1") > meals)


def test_what_only_a_person_can_repair_is_the_last_status(
    run_daemon, manager, env, empty_database_url, eventually
):
    daemon = run_daemon(env={**env, "GODOT_DATABASE_URL": empty_database_url}, ready=False)
    assert daemon.wait(60) == 1
    assert manager.count("READY=1") == 0
    [last] = [line for line in manager.heard if line.startswith("STATUS=")][-1:]
    assert last.startswith("STATUS=ended: ")
    assert "godot db upgrade" in last


def section(name: str) -> dict[str, list[str]]:
    """The settings of one section of the unit; a setting may come several times."""
    found: dict[str, list[str]] = {}
    here = ""
    for line in UNIT.read_text().splitlines():
        if line.startswith("["):
            here = line.strip("[]")
        elif here == name and "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def test_the_unit_relies_on_what_the_daemon_tells():
    service = section("Service")
    assert service["Type"] == ["notify"]
    assert service["NotifyAccess"] == ["main"]
    assert int(service["WatchdogSec"][0]) >= 30, "a reload may take that long"
    assert int(service["TimeoutStopSec"][0]) > 10, "SIGTERM takes up to 10 seconds"
    assert "godot ingest" in service["ExecStart"][0]
    assert not [line for line in service["Environment"] if "://" in line], "no secret in a unit"


def test_systemd_understands_the_unit(tmp_path):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("only Linux with systemd can verify a unit")
    program = tmp_path / "godot"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    text = UNIT.read_text()
    start = section("Service")["ExecStart"][0].split()[0]
    unit = tmp_path / UNIT.name
    # What is not on this machine is no fault of the unit.
    unit.write_text(text.replace(start, str(program)).replace("User=godot", "User=root"))
    told = subprocess.run(
        [analyze, "verify", "--man=no", "--recursive-errors=no", unit],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    ours = [line for line in told.stderr.splitlines() if UNIT.name in line]
    assert told.returncode == 0, told.stderr
    assert ours == []
