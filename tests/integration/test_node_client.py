"""The Node client: its own test suite against a real server, and its records against the wire schema."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import Any

import jsonschema
import pytest
import redis

from godot_demo import node
from godot_loglib import ICCMLogger


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
        timeout=400,
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


def test_both_languages_write_the_same_bytes(node_program: str, redis_url: str) -> None:
    """Of one call: all but id, time, instance and number, which are their own."""
    calls = _calls()
    code = """
        const { ICCMLogger } = require(".");
        const log = new ICCMLogger("gates", { level: "TRACE" });
        for (const [method, ...given] of JSON.parse(require("node:fs").readFileSync(0, "utf8"))) log[method](...given);
        log.close();
    """
    subprocess.run(
        [node_program, "-e", code],
        cwd=node.CLIENT,
        env=os.environ | {"GODOT_REDIS_URL": redis_url},
        input=json.dumps(calls),
        text=True,
        timeout=60,
        check=True,
    )
    logger = ICCMLogger("gates", level="TRACE", redis_url=redis_url, prefix="python:")
    for method, *given in calls:
        if method in {"sent", "received"}:
            peer, message, *options = given
            getattr(logger, method)(peer, message, **(options[0] if options else {}))
        else:
            getattr(logger, method)(*given)
    logger.close()
    with redis.Redis.from_url(redis_url) as client:
        lines = [
            [_without_own(line) for line in reversed(client.lrange(f"{prefix}queue", 0, -1))]
            for prefix in ("logs:", "python:")
        ]
        client.delete("python:queue")
    assert len(lines[0]) == len(calls)
    for from_node, from_python in zip(*lines, strict=True):
        assert from_node == from_python


def _calls() -> list[list[Any]]:
    trace = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
    golden = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((node.ROOT / "clients" / "wire" / "examples").glob("valid-*.json"))
    ]
    data = [json.loads(each["raw"]).get("data") for each in golden]
    vectors = json.loads((node.ROOT / "clients" / "wire" / "redaction.json").read_text(encoding="utf-8"))[
        "cases"
    ]
    plain = [each["input"] for each in vectors if "fields" not in each]
    texts = [
        "",
        "Größe 🚀",
        "\x00\x1f\x7f\u2028",
        'quote " and \\',
        "/",
        *(each for each in plain if isinstance(each, str)),
    ]
    request = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "x", "arguments": {"password": "a"}},
    }
    return [
        *(["info", text] for text in texts),
        *(["warn", "data", each] for each in [*data, *plain] if _is_common(each)),
        ["debug", "traced", {"a": [1, None, True, {}]}, trace],
        ["error", "traced without hyphens", None, trace.replace("-", "").upper()],
        ["trace", "no trace id", None, "no trace id"],
        ["sent", "relay", request, {"transport": "websocket", "session": "1>2"}],
        ["sent", "relay", json.dumps(request)],
        ["received", "relay", {"jsonrpc": "2.0", "id": 1, "error": {"code": -1, "message": "no"}}],
        ["received", "relay", {"jsonrpc": "2.0", "id": 1, "result": {"Größe": "🚀"}}],
        ["received", "relay", [request, request]],
        ["received", "relay", "no JSON"],
        ["received", "relay", '{"a": 1, "a": 2}'],
    ]


def _is_common(value: Any) -> bool:
    """Whether a number of it is the same in both: JavaScript has no integers past 2^53, and writes 1.0 as 1."""
    if isinstance(value, dict):
        return all(map(_is_common, value.values()))
    if isinstance(value, list):
        return all(map(_is_common, value))
    if isinstance(value, int):
        return abs(value) < 2**53
    return not isinstance(value, float) or value != int(value)


def _without_own(line: bytes) -> str:
    own = rb'"(id|event_created_at|instance)":"[^"]*"|"seq":[0-9]+'
    return re.sub(own, b"", line).decode()
