"""`godot level` reaches running Python components: within a second while they log, within a minute when idle."""

import json
import os
import subprocess
import sys
import textwrap
import time

import pytest

PROGRAM = """
import os, sys, time
from godot_loglib import ICCMLogger
logger = ICCMLogger("gates", **eval(os.environ.get("SETTINGS", "{}")))
print(logger.level, flush=True)
for line in sys.stdin:
    exec(line)
    print(logger.level, flush=True)
"""


@pytest.fixture
def component(tmp_path, env):
    """A component that does what it is told: `component("logger.info('x')")` answers with its level."""
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    with subprocess.Popen(
        [sys.executable, str(program)], env={**os.environ, **env}, text=True, bufsize=1,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == "INFO\n"

        def do(line):
            process.stdin.write(line + "\n")
            return process.stdout.readline().strip()

        yield do
        process.stdin.close()
        process.wait(60)


def queued(client):
    return [json.loads(line) for line in reversed(client.lrange("logs:queue", 0, -1))]


def messages(client):
    return [record["message"] for record in queued(client)]


@pytest.mark.parametrize(
    "call", ["logger.info('x')", "logger.trace('x')", "logger.sent('relay', {'method': 'x'})"]
)
def test_a_level_is_in_force_within_a_second_while_the_component_logs(godot, component, client, env, call):
    """Also when the level lets none of its calls pass."""
    component(call)
    time.sleep(1.5)
    godot("level", "set", "gates", "TRACE", "--for", "10m", env=env)
    since = time.monotonic()
    while component(call) != "TRACE":
        assert time.monotonic() - since < 2, "one second, and what a busy machine adds"
        time.sleep(0.02)
    component("logger.trace('detail'); logger.flush(60)")
    assert "detail" in messages(client)
    assert any(text.startswith("level TRACE set centrally until 2") for text in messages(client))
    godot("level", "reset", "gates", env=env)
    since = time.monotonic()
    while component(call) != "INFO":
        assert time.monotonic() - since < 2
        time.sleep(0.02)
    component("logger.flush(60)")
    assert "own level INFO again" in messages(client)


def test_the_expiry(godot, component, env):
    component("logger.info('x')")
    godot("level", "set", "gates", "TRACE", "--for", "3s", env=env)
    since = time.monotonic()
    while component("logger.info('x')") != "TRACE":
        assert time.monotonic() - since < 2
        time.sleep(0.02)
    while component("pass") != "INFO":  # without a call, and without Redis saying so
        assert time.monotonic() - since < 6
        time.sleep(0.05)


def test_a_level_that_is_set_before_the_start(godot, component, env, eventually):
    godot("level", "set", "gates", "DEBUG", env=env)
    component("logger.trace('filtered, but somebody is there')")
    eventually(lambda: component("pass") == "DEBUG", within=5)


def test_an_idle_component_looks_by_itself(godot, component, env, monkeypatch, eventually):
    component("import godot_loglib.watch as w; w._IDLE_SECONDS = 1.0")
    component("logger.info('x')")
    time.sleep(2)
    godot("level", "set", "gates", "WARN", env=env)
    eventually(lambda: component("pass") == "WARN", within=5)


def test_a_forked_child_follows(godot, component, client, env, eventually):
    component("logger.info('x')")
    godot("level", "set", "gates", "DEBUG", env=env)
    component(
        "pid = os.fork(); "
        "(pid == 0) and [(logger.debug('child'), time.sleep(0.05)) for _ in range(60)] and (logger.close(), os._exit(0))"
    )
    component("os.waitpid(pid, 0)")
    eventually(lambda: "child" in messages(client), within=10)


def test_redis_away_changes_nothing(component, client, capsys):
    client.hset("logs:levels", "gates", '{"level":"TRACE","expires_at":null}')
    component("logger.info('x')")
    time.sleep(1.2)
    assert component("logger.info('x')") == "TRACE"
    component(
        "logger._pipeline.sender._queue._url = 'redis://127.0.0.1:1/0'; logger._pipeline.sender._queue.close()"
    )
    for _ in range(20):
        component("logger.info('x')")
        time.sleep(0.1)
    assert component("pass") == "TRACE"
