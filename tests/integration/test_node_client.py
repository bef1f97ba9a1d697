"""The Node client: its own test suite against a real server, and its records against the wire schema."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import jsonschema
import pytest
import redis

from godot_demo import node


@pytest.fixture(scope="session")
def node_program() -> str:
    """Node.js, with the packages of the client installed."""
    node.ensure_packages(lambda _line: None)
    return node.node_program()


def test_the_suite_of_the_client(node_program: str, redis_url: str) -> None:
    done = subprocess.run(
        [node_program, "--test", "--test-concurrency=4"],  # most of them wait
        cwd=node.CLIENT,
        env=os.environ | {"GODOT_TEST_REDIS_URL": redis_url},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_records_satisfy_the_wire_schema(node_program: str, redis_url: str) -> None:
    code = """
        const { ICCMLogger } = require(".");
        const log = new ICCMLogger("gates", { level: "TRACE", bufferMax: 3 });
        const trace = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
        for (let i = 0; i < 5; i += 1) log.info("lost");
        log.close().then(() => {
          log.error("Fehler: Größe 🚀", { n: [1, null, { x: 1.5 }] }, trace.toUpperCase());
          log.traceContext(trace, () => log.sent("relay", log.inject({ jsonrpc: "2.0", id: 1, method: "ping" }), { transport: "websocket", session: "1>2" }));
          return log.close();
        });
    """
    subprocess.run(
        [node_program, "-e", code],
        cwd=node.CLIENT,
        env=os.environ | {"GODOT_REDIS_URL": redis_url},
        timeout=60,
        check=True,
    )
    records = _queue(redis_url)
    schema = json.loads((node.ROOT / "clients" / "wire" / "record.schema.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    for record in records:
        validator.validate(record)
    assert {"INFO", "WARN", "ERROR", "TRACE"} == {record["level"] for record in records}
    assert any("lost" in (record["data"] or {}) for record in records)


def _queue(redis_url: str) -> list[dict[str, Any]]:
    with redis.Redis.from_url(redis_url) as client:
        return [json.loads(entry) for entry in reversed(client.lrange("logs:queue", 0, -1))]


def test_the_types_are_those_of_the_code(node_program: str) -> None:
    """Every public name of index.d.ts exists, and the other way round."""
    declared = (node.CLIENT / "index.d.ts").read_text(encoding="utf-8")
    body = declared.partition("export class ICCMLogger {")[2]
    names = {
        line.split("(")[0].split("<")[0].strip()
        for line in body.splitlines()
        if "(" in line and "*" not in line[:5]
    }
    names |= {
        line.split()[1].rstrip(":") for line in body.splitlines() if line.strip().startswith("readonly")
    }
    code = 'console.log(JSON.stringify(Object.getOwnPropertyNames(require(".").ICCMLogger.prototype)))'
    done = subprocess.run(
        [node_program, "-e", code], cwd=node.CLIENT, capture_output=True, text=True, timeout=60, check=True
    )
    assert names == set(json.loads(done.stdout))
