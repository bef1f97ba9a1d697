"""The client inside the servers and pools that people run: every worker delivers, and delivers once."""

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections import Counter

import pytest
import redis

APP = """
import logging, os
from godot_loglib import GodotHandler, ICCMLogger
logging.getLogger().addHandler(GodotHandler("gates"))
logger = ICCMLogger("gates")
logger.info("imported")

async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                logger.info("shutdown")
                return
    with logger.trace_context(logger.extract(scope["headers"])):
        logger.info("request", pid=os.getpid())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(os.getpid()).encode()})

def wsgi(environ, start_response):
    logger.info("request", pid=os.getpid())
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
"""
REQUESTS = 40


def records_in(url):
    with redis.Redis.from_url(url) as client:
        return [json.loads(line) for line in reversed(client.lrange("logs:queue", 0, -1))]


@pytest.fixture
def serve(tmp_path, redis_url):
    """Starts a server on APP, asks it forty times, ends it with SIGTERM; what was logged."""
    (tmp_path / "app.py").write_text(APP)

    def run(*command):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        env = {
            **os.environ,
            "GODOT_REDIS_URL": redis_url,
            "GODOT_FALLBACK": "stderr",
            "GODOT_EXIT_SECONDS": "20",
        }
        env["PYTHONPATH"] = os.pathsep.join([str(tmp_path), env.get("PYTHONPATH", "")])
        arguments = [part.replace("PORT", str(port)) for part in command]
        log = (tmp_path / "server.log").open("w+")
        with log, subprocess.Popen(
            [sys.executable, *arguments], env=env, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        ) as process:  # fmt: skip
            try:
                answered = 0
                deadline = time.monotonic() + 60
                while answered < REQUESTS:
                    assert time.monotonic() < deadline, (tmp_path / "server.log").read_text()
                    try:
                        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).read()
                        answered += 1
                    except OSError:
                        time.sleep(0.1)
                process.send_signal(signal.SIGTERM)
                process.wait(60)
            finally:
                if process.poll() is None:
                    process.kill()
        return records_in(redis_url), (tmp_path / "server.log").read_text()

    return run


def check(records, log):
    counts = Counter(record["message"] for record in records if record["message"] in {"request", "imported"})
    assert counts["request"] == REQUESTS, log
    assert len({record["id"] for record in records}) == len(records)
    by_instance = {}
    for record in records:
        by_instance.setdefault(record["instance"], []).append(record["seq"])
    for seqs in by_instance.values():
        assert sorted(seqs) == list(range(1, len(seqs) + 1)), "a gap would be a loss"
    return {record["data"]["pid"] for record in records if record["message"] == "request"}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_uvicorn(serve, workers):
    records, log = serve("-m", "uvicorn", "app:asgi", "--port", "PORT", "--workers", workers)
    check(records, log)
    assert [record["message"] for record in records].count("shutdown") == int(workers), log


@pytest.mark.parametrize("options", [["--workers", "2"], ["--workers", "2", "--preload"], ["--worker-class", "gthread", "--threads", "4"]])  # fmt: skip
def test_gunicorn(serve, options):
    pytest.importorskip("gunicorn")
    records, log = serve("-m", "gunicorn", "app:wsgi", "--bind", "127.0.0.1:PORT", *options)
    check(records, log)


CELERY = """
import os
from celery import Celery
from godot_loglib import ICCMLogger
app = Celery("work", broker=os.environ["BROKER"])
app.conf.update(worker_hijack_root_logger=False, broker_connection_retry_on_startup=True)
logger = ICCMLogger("dewey")

@app.task
def work(n):
    logger.info("task", n=n, pid=os.getpid())
"""


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_celery(tmp_path, redis_url, own_valkey, pool):
    """A broker of its own: Celery's keys are not ours. The last tasks are logged just before SIGTERM."""
    pytest.importorskip("celery")
    (tmp_path / "tasks.py").write_text(CELERY)
    env = {**os.environ, "GODOT_REDIS_URL": redis_url, "BROKER": own_valkey.url, "GODOT_EXIT_SECONDS": "20"}
    env["PYTHONPATH"] = os.pathsep.join([str(tmp_path), env.get("PYTHONPATH", "")])
    send = "import tasks; [tasks.work.delay(n) for n in range(100)]"
    subprocess.run([sys.executable, "-c", send], env=env, cwd=tmp_path, check=True, timeout=60)
    log = (tmp_path / "worker.log").open("w+")
    with log, subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "tasks", "worker", "--pool", pool, "--concurrency", "2", "--without-gossip", "--without-mingle"],
        env=env, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
    ) as process:  # fmt: skip
        try:
            deadline = time.monotonic() + 60
            with redis.Redis.from_url(own_valkey.url) as broker:
                while broker.llen("celery") or broker.hlen("unacked"):
                    assert time.monotonic() < deadline, (tmp_path / "worker.log").read_text()
                    time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        finally:
            if process.poll() is None:
                process.kill()
    records = [record for record in records_in(redis_url) if record["message"] == "task"]
    assert sorted(record["data"]["n"] for record in records) == list(range(100)), (
        tmp_path / "worker.log"
    ).read_text()


def run(tmp_path, redis_url, code):
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(code))
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", str(program)],
        env={**os.environ, "GODOT_REDIS_URL": redis_url, "GODOT_EXIT_SECONDS": "20", "GODOT_FALLBACK": "stderr"},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return records_in(redis_url)


def test_asyncio_tasks_keep_their_traces(tmp_path, redis_url):
    records = run(
        tmp_path, redis_url,
        """
        import asyncio
        from godot_loglib import ICCMLogger, new_trace_id
        logger = ICCMLogger("gates")
        async def inner(trace):
            await asyncio.sleep(0)
            logger.info("x", wanted=trace)
            await asyncio.to_thread(logger.info, "x", wanted=trace)
        async def one():
            with logger.trace_context(new_trace_id()) as trace:
                await asyncio.gather(*[asyncio.create_task(inner(trace)) for _ in range(5)])
        async def main():
            await asyncio.gather(*[one() for _ in range(20)])
        asyncio.run(main())
        """,
    )  # fmt: skip
    assert len(records) == 200
    assert all(record["trace_id"] == record["data"]["wanted"] for record in records)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_pools_of_processes(tmp_path, redis_url, method):
    """`multiprocessing.Pool` ends its workers with SIGTERM, an executor lets them run out."""
    records = run(
        tmp_path, redis_url,
        f"""
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor
        from godot_loglib import ICCMLogger
        logger = ICCMLogger("gates")
        def work(n):
            logger.info(str(n))
        if __name__ == "__main__":
            context = multiprocessing.get_context({method!r})
            with context.Pool(2) as pool:
                pool.map(work, range(50))
            with ProcessPoolExecutor(2, mp_context=context) as pool:
                list(pool.map(work, range(50, 100)))
        """,
    )  # fmt: skip
    assert sorted(int(record["message"]) for record in records) == list(range(100))
