"""What the tests of the daemon share: its settings for the servers at hand, records, and a running daemon."""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import redis

from godot_daemon.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def settings(database_url: str, redis_url: str) -> Settings:
    return Settings.load({"database_url": database_url, "redis_url": redis_url}, {})


@pytest.fixture
def env(database_url: str, redis_url: str) -> dict[str, str]:
    """The environment of a command that uses this test's servers."""
    return {"GODOT_DATABASE_URL": database_url, "GODOT_REDIS_URL": redis_url, "GODOT_METRICS_PORT": "0"}


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as connection:
        yield connection


@pytest.fixture
def query(database_url: str) -> Iterator[Callable[..., Any]]:
    """Rows of a query on this test's database; the value itself when there is just one."""
    with psycopg.connect(database_url, autocommit=True) as connection:

        def run(text: str, *values: Any) -> Any:
            rows = connection.execute(text, values or None).fetchall()
            return rows[0][0] if len(rows) == 1 and len(rows[0]) == 1 else rows

        yield run


@pytest.fixture
def make_record() -> Callable[..., bytes]:
    """A wire record of one process, numbered from 1 on."""
    instance = f"test:1:{uuid.uuid4().hex[:8]}"
    count = 0

    def make(**changes: Any) -> bytes:
        nonlocal count
        count += 1
        return json.dumps(
            {
                "id": str(uuid.uuid4()),
                "trace_id": None,
                "component": "gates",
                "level": "INFO",
                "message": f"number {count}",
                "data": {"n": count},
                "event_created_at": dt.datetime.now(dt.UTC).isoformat(),
                "instance": instance,
                "seq": count,
                **changes,
            }
        ).encode()

    return make


@pytest.fixture
def run_daemon(godot: Any, env: dict[str, str], eventually: Callable[..., Any], tmp_path: Path) -> Any:
    """Start `godot ingest` and wait until it is at work; its log is `process.log`, its metrics `process.metrics`."""
    count = 0

    def start(*arguments: str, env: dict[str, str] = env, ready: bool = True) -> Any:
        nonlocal count
        count += 1
        log = tmp_path / f"daemon-{count}.log"
        with log.open("w") as stream:
            process = godot.start("ingest", *arguments, env=env, stderr=stream)
        process.log = log.read_text
        if ready:
            eventually(lambda: "moving records" in log.read_text() or process.poll() is not None)
            assert process.poll() is None, log.read_text()
            process.metrics = re.search(r"http://127.0.0.1:\d+", log.read_text())[0]
        return process

    return start
