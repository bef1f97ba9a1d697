"""`godot up`: one process tree that starts whole, stops whole, and comes back after the worst."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import sys
import uuid
from contextlib import closing
from pathlib import Path

import msgspec
import psycopg
import pytest
import redis

from godot_daemon import _child
from godot_daemon.processes import Stack

linux_only = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells children about the end of a parent"
)


def push(url: str, message: str) -> str:
    identity = str(uuid.uuid4())
    record = {
        "id": identity,
        "component": "test",
        "level": "INFO",
        "message": message,
        "event_created_at": "2026-11-21T12:00:00+00:00",
    }
    with redis.Redis.from_url(url) as client:
        client.lpush("logs:queue", msgspec.json.encode(record))
    return identity


def stored(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("select message from logs order by message")]


class Up:
    """A running `godot up` and what it printed."""

    def __init__(self, process, log) -> None:
        self.process = process
        self.log = log
        text = ""
        while "Ctrl-C stops everything" not in text:
            line = process.stdout.readline()
            assert line, f"godot up ended: {log.read_text()}"
            text += line
        self.redis_url = re.search(r"export GODOT_REDIS_URL=(\S+)", text)[1]
        self.database_url = re.search(r"export GODOT_DATABASE_URL=(\S+)", text)[1]
        self.family = _child.tree(process.pid)

    def children(self, name: str) -> list[int]:
        """Processes of the tree whose command line holds a word."""
        found = []
        for pid in _child.tree(self.process.pid):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended since it was listed
                if name in Path(f"/proc/{pid}/cmdline").read_text():
                    found.append(pid)
        return found

    def end(self, number: int) -> int:
        self.family = _child.tree(self.process.pid)
        self.process.send_signal(number)
        return self.process.wait(60)

    def survivors(self) -> list[int]:
        return [pid for pid in self.family if _child.is_alive(pid)]


@pytest.fixture
def up(godot, tmp_path, copy_postgres):
    """Starts one; its PostgreSQL is there already, which spares initdb (those of `Stack` below begin with nothing)."""
    files = []
    copy_postgres(tmp_path / "data" / "postgres")

    def start() -> Up:
        log = tmp_path / f"up{len(files)}.log"
        files.append(log.open("w"))
        process = godot.start("up", "--data-dir", str(tmp_path / "data"), stderr=files[-1])
        return Up(process, log)

    yield start
    for file in files:
        file.close()


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name
)
def test_records_get_through_and_a_signal_stops_everything_in_order(up, eventually, number):
    running = up()
    push(running.redis_url, "hello")
    eventually(lambda: stored(running.database_url) == ["hello"], why=running.log.read_text)
    assert running.end(number) == 0
    assert running.survivors() == []
    log = running.log.read_text()
    assert "stopped; the data is in" in log
    assert "Traceback" not in log


@linux_only
def test_after_kill_9_nothing_is_left_and_the_next_start_has_urls_and_data_again(up, eventually):
    first = up()
    push(first.redis_url, "before")
    eventually(lambda: stored(first.database_url) == ["before"])
    first.end(signal.SIGKILL)
    second = up()  # at once, while the first one's children are still on their way out
    assert (second.redis_url, second.database_url) == (first.redis_url, first.database_url)
    push(second.redis_url, "later")
    eventually(lambda: stored(second.database_url) == ["before", "later"], why=second.log.read_text)
    eventually(lambda: first.survivors() == [], why=first.survivors)
    assert second.end(signal.SIGINT) == 0


def test_a_second_one_on_the_same_directory_says_who_is_there(up, godot, tmp_path):
    running = up()
    done = godot("up", "--data-dir", str(tmp_path / "data"))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"godot: {tmp_path}/data/valkey is in use by process {running.process.pid} (stop it, or use another directory)"
    ]
    assert stored(running.database_url) == []


@linux_only
def test_what_dies_is_started_again(up, eventually):
    running = up()
    for part, name in {"ingest": "the daemon", "valkey-server": "Valkey", "postgres": "PostgreSQL"}.items():
        victim = running.children(part)[0]
        push(running.redis_url, f"before {part}")
        eventually(lambda part=part: f"before {part}" in stored(running.database_url))
        os.kill(victim, signal.SIGKILL)
        eventually(
            lambda name=name: f"{name} has died and is started again" in running.log.read_text(),
            why=running.log.read_text,
        )

        def alive_again(part=part) -> bool:
            try:
                push(running.redis_url, f"after {part}")
                return f"after {part}" in stored(running.database_url)
            except (redis.RedisError, psycopg.Error):
                return False

        eventually(alive_again, why=running.log.read_text)
    assert running.end(signal.SIGTERM) == 0
    assert running.survivors() == []


def test_a_directory_that_cannot_be_one_is_an_error_in_one_line(godot, tmp_path):
    (tmp_path / "file").touch()
    done = godot("up", "--data-dir", str(tmp_path / "file" / "data"))
    assert done.returncode == 1
    assert done.stderr == f"godot: {tmp_path}/file/data: Not a directory\n"


def test_a_port_that_somebody_else_took_is_replaced(tmp_path):
    with Stack(tmp_path / "data", daemon_log=tmp_path / "log") as stack:
        before = stack.redis_url
        port = stack.valkey.port
    with (
        closing(socket.create_server(("127.0.0.1", port))),
        Stack(tmp_path / "data", daemon_log=tmp_path / "log") as stack,
    ):
        assert stack.redis_url != before
        with redis.Redis.from_url(stack.redis_url) as client:
            assert client.ping()


def test_the_daemon_has_no_more_rights_than_a_writer(tmp_path):
    with Stack(tmp_path / "data", daemon_log=tmp_path / "log") as stack:
        writer = stack.database_url.replace("//postgres@", "//godot_daemon@")
        with psycopg.connect(writer) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select * from logs")


def test_a_daemon_that_cannot_start_stops_the_rest(tmp_path, monkeypatch):
    monkeypatch.setenv("GODOT_BATCH_SIZE", "many")
    stack = Stack(tmp_path / "data", daemon_log=tmp_path / "log")
    with pytest.raises(Exception, match="the daemon ended at once") as caught:
        stack.start()
    assert "GODOT_BATCH_SIZE" in (tmp_path / "log").read_text()
    assert str(tmp_path / "log") in caught.value.hint
    assert not stack.valkey.running
    assert not stack.postgres.running
