"""The client in processes that fork, end, are told to end, or fall: the last words arrive, and arrive once."""

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap

import pytest
import redis

PREAMBLE = """
import json, multiprocessing, os, signal, sys, threading, time
from godot_loglib import ICCMLogger
logger = ICCMLogger("gates")
"""


@pytest.fixture
def run(redis_url, tmp_path):
    """Runs a program that has a `logger`; returns the finished process and what it left in Redis."""

    def start(code, *, url=redis_url, env=None, **options):
        # At the end there is time for a busy machine.
        own = {"GODOT_REDIS_URL": url, "GODOT_FALLBACK": "stdout", "GODOT_EXIT_SECONDS": "60"}
        environ = {**os.environ, **own, **(env or {})}
        # A file, since multiprocessing's spawn has to import it again.
        program = tmp_path / "program.py"
        program.write_text(PREAMBLE + textwrap.dedent(code))
        return subprocess.Popen(
            [sys.executable, "-W", "ignore::DeprecationWarning", str(program)],
            env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
        )  # fmt: skip

    def finish(code, **options):
        with start(code, **options) as process:
            out, err = process.communicate(timeout=180)
        with redis.Redis.from_url(redis_url) as client:
            records = [json.loads(line) for line in reversed(client.lrange("logs:queue", 0, -1))]
        return process.returncode, out, err, records

    finish.start = start
    return finish


def messages(records):
    return [record["message"] for record in records]


def test_at_exit_everything_is_flushed(run):
    code, out, err, records = run("for n in range(2000): logger.info(str(n))")
    assert (code, out, err) == (0, "", "")
    assert messages(records) == [str(n) for n in range(2000)]


def test_an_uncaught_exception_loses_nothing(run):
    code, _, err, records = run("logger.error('last words')\nraise SystemExit('boom')")
    assert (code, err) == (1, "boom\n")
    assert messages(records) == ["last words"]


def test_what_is_logged_during_exit_arrives_too(run):
    code, out, _, records = run(
        """
        import atexit
        class Late:
            def __del__(self): logger.info("in a finaliser")
        late = Late()
        atexit.register(logger.info, "in atexit")
        logger.info("in time")
        """
    )
    assert code == 0
    diverted = [json.loads(line)["message"] for line in out.splitlines()]
    assert sorted(messages(records) + diverted) == ["in a finaliser", "in atexit", "in time"]


def test_at_exit_without_redis_the_rest_goes_to_the_fallback(run):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{probe.getsockname()[1]}/0"
        code, out, err, _ = run("for n in range(2000): logger.info(str(n))", url=url)
    assert code == 0
    assert [json.loads(line)["message"] for line in out.splitlines()] == [str(n) for n in range(2000)]
    assert len(err.splitlines()) == 1


def test_sigterm_flushes_and_still_kills(run):
    with run.start("logger.info('first'); print('ready', flush=True); time.sleep(60)") as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=180)
    assert process.returncode == -signal.SIGTERM
    assert messages(run("pass")[3]) == ["first"]


def test_a_sigterm_handler_of_the_application_stays(run):
    code, _, _, records = run(
        """
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
        ICCMLogger("dewey", prefix="other:")
        logger.info("first")
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
        """
    )
    assert code == 7
    assert messages(records) == ["first"]


def test_fork_parent_and_child_both_deliver_once(run):
    code, _, _, records = run(
        """
        for n in range(300): logger.info("before")
        pid = os.fork()
        for n in range(300): logger.info("child" if pid == 0 else "parent")
        if pid == 0:
            logger.close()
            os._exit(0)
        os.waitpid(pid, 0)
        """
    )
    assert code == 0
    counts = {name: messages(records).count(name) for name in ("before", "parent", "child")}
    assert counts == {"before": 300, "parent": 300, "child": 300}
    instances = {record["instance"]: [] for record in records}
    for record in records:
        instances[record["instance"]].append(record["seq"])
    assert sorted(map(len, instances.values())) == [300, 600]
    assert all(sorted(seqs) == list(range(1, len(seqs) + 1)) for seqs in instances.values())
    assert len({record["id"] for record in records}) == 900


def test_fork_while_other_threads_log(run):
    """A lock that a thread of the parent holds at the fork is held for ever in the child, unless it is made anew."""
    code, out, err, records = run(
        """
        stop = threading.Event()
        def chatter():
            while not stop.is_set(): logger.info("chatter")
        threads = [threading.Thread(target=chatter) for _ in range(3)]
        for thread in threads: thread.start()
        children = []
        for n in range(20):
            pid = os.fork()
            if pid == 0:
                logger.info(f"child {n}")
                logger.close()
                os._exit(0)
            children.append(pid)
        for pid in children:
            assert os.waitpid(pid, 0)[1] == 0
        stop.set()
        for thread in threads: thread.join()
        """,
        env={"GODOT_QUEUE_MAX": "100000000"},
    )
    assert (code, err) == (0, "")
    diverted = [json.loads(line)["message"] for line in out.splitlines()]  # where the deadline was too short
    assert {f"child {n}" for n in range(20)} <= {*messages(records), *diverted}


@pytest.mark.parametrize("reachable", [True, False])
def test_the_sender_imports_nothing(run, redis_url, reachable):
    """An import in the sender's thread may coincide with a fork, and leave the child half a module."""
    code, out, _, _ = run(
        """
        before = set(sys.modules)
        logger.info("x", {"when": object(), "text": '{"token": 1}'})
        logger.flush(60)
        print(sorted(set(sys.modules) - before))
        """,
        url=redis_url if reachable else "redis://127.0.0.1:1/0",
        env={"GODOT_FALLBACK": "stderr"},
    )
    assert (code, out) == (0, "[]\n")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(run, method):
    code, _, err, records = run(
        f"""
        def work(n): logger.info(f"child {{n}}")
        if __name__ == "__main__":
            logger.info("parent")
            context = multiprocessing.get_context({method!r})
            children = [context.Process(target=work, args=(n,)) for n in range(4)]
            for child in children: child.start()
            for child in children: child.join(60)
            assert [child.exitcode for child in children] == [0] * 4
        """
    )
    assert (code, err) == (0, "")
    assert sorted(messages(records)) == ["child 0", "child 1", "child 2", "child 3", "parent"]


def test_signal_handlers_may_log(run):
    code, _, err, records = run(
        """
        hits = []
        def handler(*_):
            hits.append(1); logger.info("signal")
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        n = 0
        while len(hits) < 200: n += 1; logger.info("loop") if n % 50 == 0 else None
        signal.setitimer(signal.ITIMER_REAL, 0)
        logger.info("done", {"hits": len(hits)})
        """,
        env={"GODOT_BUFFER_MAX": "1000000"},
    )
    assert (code, err) == (0, "")
    assert messages(records).count("signal") == records[-1]["data"]["hits"]


def test_a_library_that_logs_from_the_sender_does_not_recurse(run):
    code, _, _, records = run(
        """
        import logging
        class Handler(logging.Handler):
            def emit(self, record): logger.info(record.getMessage())
        logging.basicConfig(level=1, handlers=[Handler()])
        import redis
        send = redis.Redis.execute_command
        def chatty(self, *args, **options):
            logging.getLogger("redis").info("sending")
            return send(self, *args, **options)
        redis.Redis.execute_command = chatty
        logging.getLogger("app").info("hello")
        logger.flush(60)
        """
    )
    assert code == 0
    assert messages(records) == ["hello"]


def test_stdout_belongs_to_mcp_when_the_fallback_is_stderr(run):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{probe.getsockname()[1]}/0"
        _, out, err, _ = run("logger.info('x')\nprint('{}')", url=url, env={"GODOT_FALLBACK": "stderr"})
    assert out == "{}\n"
    assert json.loads(err.splitlines()[-1])["message"] == "x"
