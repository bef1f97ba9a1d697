"""Captures: what a run put on the queue, one entry a line, to be looked at without running anything."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import redis

from godot_demo.runner import DemoRun, Progress, run

if TYPE_CHECKING:
    from pathlib import Path

HOST = "demo"
"""Stands in captures for the name of the machine that they were made on."""


def capture(
    scenario: str, path: Path, *, redis_url: str, seed: int = 13, progress: Progress | None = None
) -> DemoRun:
    """Run a scenario against a Redis that no daemon empties, and write its queue entries to a file."""
    prefix = f"capture:{scenario}:"
    with redis.Redis.from_url(redis_url) as client:
        client.delete(f"{prefix}queue")
        facts = run(scenario, redis_url=redis_url, prefix=prefix, seed=seed, progress=progress)
        entries = [json.loads(entry) for entry in client.lrange(f"{prefix}queue", 0, -1)]
        client.delete(f"{prefix}queue")
    path.write_text("".join(f"{line}\n" for line in _lines(entries)), encoding="utf-8")
    return facts


def _lines(entries: list[dict[str, Any]]) -> list[str]:
    """The entries in the order of their events: the order of arrival differs from run to run."""
    machine = socket.gethostname()
    for entry in entries:
        entry["instance"] = entry["instance"].replace(machine, HOST, 1)
    entries.sort(key=lambda entry: (entry["event_created_at"], entry["instance"], entry["seq"]))
    return [json.dumps(entry, ensure_ascii=False, separators=(",", ":")) for entry in entries]
