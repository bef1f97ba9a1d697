"""Every end that a process can take while it logs: the deadline holds, and nothing is lost in silence.

The rows of the table "What happens at each end" in the client's README are the names of these tests.
"""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import contextmanager

import pytest
import redis

DEADLINE = 3.0  # GODOT_EXIT_SECONDS here
BUSY = 4.0  # what a busy machine may add: starting Python's finalisation, waiting for a core

PREAMBLE = """
import asyncio, atexit, json, mmap, multiprocessing, os, signal, struct, sys, threading, time
from godot_loglib import ICCMLogger

with open(os.environ["COUNTER"], "r+b") as _file:
    counter = mmap.mmap(_file.fileno(), 8)

def log(logger, n):
    logger.info(str(n), {"padding": "x" * 100})
    counter[:] = struct.pack("q", n)

def log_many(logger, count):
    for n in range(1, count + 1): log(logger, n)

def chatter(logger):
    n = 0
    while True:
        n += 1
        log(logger, n)

def in_thread(function, *arguments):
    thread = threading.Thread(target=function, args=arguments, daemon=True)
    thread.start()
    return thread

def ready():
    os.write(int(os.environ["READY"]), b"ready")
    os.close(int(os.environ["READY"]))

if "FILE_LIMIT" in os.environ:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(os.environ["FILE_LIMIT"]), resource.RLIM_INFINITY))
"""


class Program:
    """A program that logs, and what became of its records."""

    def __init__(self, tmp_path, url):
        self.path = tmp_path
        self.counter = tmp_path / "counter"
        self.counter.write_bytes(b"\0" * 8)
        self.fallback = tmp_path / "fallback.jsonl"
        self.env = {
            "GODOT_REDIS_URL": url,
            "GODOT_FALLBACK": f"file:{self.fallback}",
            "GODOT_EXIT_SECONDS": str(DEADLINE),
            "GODOT_COMPONENT": "gates",
            "COUNTER": str(self.counter),
        }
        self.output = b""
        self.err = b""

    @contextmanager
    def started(self, code, *, env=None, ready=True, streams=None):
        program = self.path / "program.py"
        program.write_text(PREAMBLE + textwrap.dedent(code))
        reading, writing = os.pipe()
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **(streams or {})}
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore::DeprecationWarning", str(program)],
            env={**os.environ, **self.env, **(env or {}), "READY": str(writing)},
            stdin=subprocess.DEVNULL, pass_fds=(writing,), **streams,
        )  # fmt: skip
        os.close(writing)
        try:
            if ready:
                assert os.read(reading, 5) == b"ready", process.communicate(timeout=60)
            yield process
        finally:
            os.close(reading)
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

    def wait(self, process, limit=DEADLINE + BUSY):
        """Until it ends, without reading its pipes; how long that took."""
        started = time.monotonic()
        process.wait(timeout=limit)
        return time.monotonic() - started

    def read(self, process):
        if process.stdout is not None:
            self.output = process.stdout.read()
        if process.stderr is not None:
            self.err = process.stderr.read()

    @property
    def logged(self):
        return struct.unpack("q", self.counter.read_bytes())[0]

    def records(self, url=None):
        lines = []
        if url:
            with redis.Redis.from_url(url) as client:
                lines += reversed(client.lrange("logs:queue", 0, -1))
        if self.fallback.exists():
            lines += self.fallback.read_bytes().splitlines()
        lines += [line for line in self.output.splitlines() if line.startswith(b"{")]
        found = {}
        for line in lines:
            if line:
                record = json.loads(line)
                found[record["id"]] = record
        return list(found.values())

    def balance(self, url=None, records=None):
        """Records that are there, and those that are reported as lost."""
        records = self.records(url) if records is None else records
        lost = [record["data"]["lost"] for record in records if "lost" in (record["data"] or {})]
        at_the_end = sum(each["count"] for each in lost if each["reason"] == "exit")
        before = sum(each["count"] for each in lost if each["reason"] != "exit")
        words = self.err.decode().replace("is lost", "are lost").split("\n")
        told = sum(int(line.split()[1]) for line in words if " lost: neither" in line)
        kept = {record["message"] for record in records if "lost" not in (record["data"] or {})}
        return len(kept), before + max(at_the_end, told)


@pytest.fixture
def program(tmp_path, redis_url):
    return Program(tmp_path, redis_url)


@pytest.fixture
def refusing():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield f"redis://127.0.0.1:{probe.getsockname()[1]}/0"


@pytest.fixture
def trickling():
    """Answers with one byte a second, and never comes to an end."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def serve(connection):
        with connection:
            connection.settimeout(0.1)
            while not stop.wait(1):
                try:
                    connection.send(b"$" if stop.is_set() else b"1")
                except OSError:
                    return

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.send(b"$")
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
    stop.set()
    listener.close()


LOUD = "logger = ICCMLogger(); in_thread(chatter, logger); time.sleep(0.3); ready()\n"
MANY = "logger = ICCMLogger(); log_many(logger, 2000); ready()\n"
SLEEP = "time.sleep(60)"


@pytest.mark.parametrize(
    ("code", "number"),
    [
        (LOUD, None),
        (LOUD + "raise RuntimeError('boom')", None),
        (LOUD + SLEEP, signal.SIGTERM),
        (LOUD + SLEEP, signal.SIGHUP),
        (LOUD + SLEEP, signal.SIGINT),
    ],
    ids=["exit", "exception", "SIGTERM", "SIGHUP", "SIGINT"],
)
def test_a_thread_that_logs_without_pause(program, redis_url, code, number):
    """Redis works: the end comes at once, and what was logged until then is there or counted."""
    with program.started(code) as process:
        if number is not None:
            process.send_signal(number)
        program.wait(process)
        program.read(process)
    kept, lost = program.balance(redis_url)
    assert process.returncode in {0, 1, -(number or 0)}
    # The thread goes on until the interpreter freezes it: a call may be cut off between its two steps.
    assert kept + lost >= program.logged - 20
    assert kept > 0


@pytest.mark.parametrize("code", [MANY, MANY + "raise RuntimeError('boom')", MANY + SLEEP], ids=["exit", "exception", "SIGTERM"])  # fmt: skip
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_full_pipe_that_nobody_reads(program, refusing, code, name):
    """What fits into the pipe is there as whole lines; the rest is counted, and said if stderr takes it."""
    env = {"GODOT_REDIS_URL": refusing, "GODOT_FALLBACK": name}
    with program.started(code, env=env) as process:
        if SLEEP in code:
            time.sleep(0.2)
            process.send_signal(signal.SIGTERM)
        program.wait(process)
        program.read(process)
    if name == "stderr":
        program.output, program.err = program.err, b""
        assert b"lost" in program.output or len(program.records()) > 0
    kept, lost = program.balance()
    assert 100 < kept < 2000, "64 KiB of the pipe"
    if name == "stdout":
        assert kept + lost == 2000
        assert b"lost: neither" in program.err


@pytest.mark.parametrize("code", [MANY, MANY + SLEEP, LOUD], ids=["exit", "SIGTERM", "exit-loud"])
def test_a_pipe_that_is_full_already(program, refusing, code):
    env = {"GODOT_REDIS_URL": refusing, "GODOT_FALLBACK": "stdout"}
    code = "os.set_blocking(1, False)\ntry:\n  while True: os.write(1, b'.' * 1024)\nexcept BlockingIOError: os.set_blocking(1, True)\n" + code  # fmt: skip
    with program.started(code, env=env) as process:
        if SLEEP in code:
            process.send_signal(signal.SIGTERM)
        program.wait(process)
        program.read(process)
    kept, lost = program.balance()
    assert kept == 0
    assert lost >= program.logged - 20 or b"after the deadline" in program.err
    assert b"lost: neither" in program.err


@pytest.mark.parametrize("code", [MANY, MANY + SLEEP], ids=["exit", "SIGTERM"])
def test_a_redis_that_hangs(program, own_valkey, code):
    own_valkey.suspend()
    try:
        with program.started(code, env={"GODOT_REDIS_URL": own_valkey.url}) as process:
            process.send_signal(signal.SIGTERM) if SLEEP in code else None
            program.wait(process)
            program.read(process)
    finally:
        own_valkey.resume()
    assert program.balance() == (2000, 0)


@pytest.mark.parametrize("code", [MANY, MANY + SLEEP], ids=["exit", "SIGTERM"])
def test_a_redis_that_trickles(program, trickling, code):
    with program.started(code, env={"GODOT_REDIS_URL": trickling}) as process:
        process.send_signal(signal.SIGTERM) if SLEEP in code else None
        program.wait(process)
        program.read(process)
    assert program.balance() == (2000, 0)


def test_a_redis_that_trickles_counts_as_away(program, trickling):
    code = "logger = ICCMLogger(redis_timeout=0.2); log_many(logger, 100); assert logger.flush(60); ready()"
    with program.started(code, env={"GODOT_REDIS_URL": trickling}) as process:
        program.wait(process, 60)
        program.read(process)
    assert program.balance() == (100, 0)
    assert b"too long" in program.err or b"Timeout" in program.err


@pytest.mark.parametrize("code", [MANY, MANY + "raise RuntimeError('boom')", MANY + SLEEP], ids=["exit", "exception", "SIGTERM"])  # fmt: skip
@pytest.mark.parametrize("place", ["file", "stdout"])
def test_a_full_disk(program, refusing, code, place):
    """What fits is there as whole lines; no line is torn; the rest is counted."""
    env = {"GODOT_REDIS_URL": refusing, "FILE_LIMIT": "100000"}
    streams = {}
    target = program.path / "stdout.txt"
    if place == "stdout":
        env["GODOT_FALLBACK"] = "stdout"
        streams["stdout"] = target.open("wb")
    with program.started(code, env=env, streams=streams) as process:
        process.send_signal(signal.SIGTERM) if SLEEP in code else None
        program.wait(process)
        program.read(process)
    if place == "stdout":
        streams["stdout"].close()
        program.output = target.read_bytes()
    text = program.output or program.fallback.read_bytes()
    assert text.endswith(b"\n")
    kept, lost = program.balance()
    assert 100 < kept < 2000
    assert kept + lost == 2000
    assert b"lost: neither" in program.err


def test_no_fallback(program, refusing):
    with program.started(MANY, env={"GODOT_REDIS_URL": refusing, "GODOT_FALLBACK": "off"}) as process:
        program.wait(process)
        program.read(process)
    assert program.balance() == (0, 2000)


def test_a_logger_made_in_a_thread(program, redis_url):
    code = """
    def work():
        logger = ICCMLogger()
        log_many(logger, 50)
        ready()
        threading.Event().wait()
    in_thread(work).join()
    """
    with program.started(code) as process:
        process.send_signal(signal.SIGTERM)
        program.wait(process)
    assert process.returncode == -signal.SIGTERM
    assert program.balance(redis_url) == (50, 0)


@pytest.mark.parametrize(
    "call",
    [
        'os.execv("/bin/true", ["true"])',
        'os.execve("/bin/true", ["true"], {})',
        'os.execlp("true", "true")',
        'os.execvpe("true", ["true"], os.environ)',
    ],
)
def test_exec(program, redis_url, call):
    with program.started("logger = ICCMLogger(); log_many(logger, 500); ready()\n" + call) as process:
        program.wait(process)
    assert process.returncode == 0
    assert program.balance(redis_url) == (500, 0)


def test_a_failed_exec_changes_nothing(program, redis_url):
    code = """
    logger = ICCMLogger(); log(logger, 1)
    try: os.execv("/no/such/program", ["x"])
    except FileNotFoundError: log(logger, 2)
    ready()
    """
    with program.started(code) as process:
        program.wait(process)
    assert program.balance(redis_url) == (2, 0)


@pytest.mark.parametrize(
    "end", ["sys.exit(0)", "logger.close(); os._exit(0)", "raise RuntimeError('boom')", "os.kill(os.getpid(), 15)"]
)  # fmt: skip
@pytest.mark.parametrize("fork", ["os.fork()", "os.forkpty()[0]"])
def test_fork(program, redis_url, end, fork):
    code = f"""
    logger = ICCMLogger(); log(logger, 1)
    pid = {fork}
    if pid == 0:
        log(logger, 2)
        {end}
    os.waitpid(pid, 0)
    log(logger, 3)
    ready()
    """
    with program.started(code) as process:
        program.wait(process, 60)
    assert process.returncode == 0
    assert program.balance(redis_url) == (3, 0)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_terminate_of_multiprocessing(program, redis_url, method):
    code = f"""
    def work(told):
        logger = ICCMLogger(); log_many(logger, 100)
        told.set()
        time.sleep(60)
    if __name__ == "__main__":
        context = multiprocessing.get_context({method!r})
        told = context.Event()
        child = context.Process(target=work, args=(told,))
        child.start()
        told.wait()
        child.terminate()
        child.join()
        assert child.exitcode == -15, child.exitcode
        ready()
    """
    with program.started(code) as process:
        program.wait(process, 60)
        program.read(process)
    assert process.returncode == 0, program.err
    assert program.balance(redis_url) == (100, 0)


def test_a_handler_of_the_program(program, redis_url):
    code = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n" + MANY + SLEEP
    with program.started(code) as process:
        process.send_signal(signal.SIGTERM)
        program.wait(process)
    assert process.returncode == 7
    assert program.balance(redis_url) == (2000, 0)


def test_asyncio_with_a_handler_of_its_own(program, redis_url):
    code = """
    logger = ICCMLogger()
    async def main():
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        log_many(logger, 100)
        ready()
        await stop.wait()
        log(logger, 101)
    asyncio.run(main())
    """
    with program.started(code) as process:
        process.send_signal(signal.SIGTERM)
        program.wait(process)
    assert process.returncode == 0
    assert program.balance(redis_url) == (101, 0)


def test_sigterm_during_exit(program, own_valkey):
    """The exit goes on to its deadline, and then the signal has its way."""
    own_valkey.suspend()
    code = MANY.replace("ready()", "") + "atexit._run_exitfuncs = None\nready()"
    try:
        with program.started(code, env={"GODOT_REDIS_URL": own_valkey.url}) as process:
            time.sleep(0.5)
            process.send_signal(signal.SIGTERM)
            program.wait(process)
            program.read(process)
    finally:
        own_valkey.resume()
    assert process.returncode == -signal.SIGTERM
    assert program.balance() == (2000, 0)


def test_a_second_sigterm_does_not_wait(program, own_valkey):
    own_valkey.suspend()
    try:
        with program.started(MANY + SLEEP, env={"GODOT_REDIS_URL": own_valkey.url}) as process:
            process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            process.send_signal(signal.SIGTERM)
            assert program.wait(process) < 1
    finally:
        own_valkey.resume()
    assert process.returncode == -signal.SIGTERM


def test_ctrl_c_during_exit(program, own_valkey):
    own_valkey.suspend()
    try:
        with program.started(MANY, env={"GODOT_REDIS_URL": own_valkey.url}) as process:
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            program.wait(process)
            program.read(process)
    finally:
        own_valkey.resume()
    assert program.balance() == (2000, 0)


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), signal.SIGKILL)", "os._exit(3)", "os.abort()"])
def test_sigkill_takes_the_last_moment_alone(program, redis_url, end):
    code = "logger = ICCMLogger(); log_many(logger, 500); time.sleep(1); log(logger, 501)\n" + end
    with program.started(code, ready=False) as process:
        program.wait(process)
    assert program.balance(redis_url)[0] in {500, 501}


def test_two_pipelines_have_one_deadline(program, own_valkey):
    own_valkey.suspend()
    code = "loggers = [ICCMLogger(prefix=f'{n}:') for n in range(5)]\nfor n, each in enumerate(loggers): log(each, n)\nready()"  # fmt: skip
    try:
        with program.started(code, env={"GODOT_REDIS_URL": own_valkey.url}) as process:
            program.wait(process)
    finally:
        own_valkey.resume()
    assert program.balance() == (5, 0)


def test_a_program_that_returns_sigterm_to_its_default(program, redis_url):
    """As uvicorn does at its end, to die of the signal that it was stopped with."""
    code = """
    def stop(number, frame):
        log(logger, 501)
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
    signal.signal(signal.SIGTERM, stop)
    logger = ICCMLogger(); log_many(logger, 500); ready()
    time.sleep(60)
    """
    with program.started(code) as process:
        process.send_signal(signal.SIGTERM)
        program.wait(process)
    assert process.returncode == -signal.SIGTERM
    assert program.balance(redis_url) == (501, 0)
