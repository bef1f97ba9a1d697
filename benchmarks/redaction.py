"""How well redaction tells secrets from what only looks like one: precision and recall, in both languages.

Run `python benchmarks/redaction.py`. `--show` lists what was judged wrongly.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from redacting.lookalikes import lookalikes
from redacting.planted import planted

from godot_demo.node import node_program
from godot_wire.redaction import Redactor

LEAST = 0.98
NODE = Path(__file__).with_name("redaction.js")


def plain(value: Any) -> Any:
    """Bytes as texts: how they arrive in JSON."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def in_python(values: list[Any]) -> list[Any]:
    """What the Python redactor makes of each."""
    redactor = Redactor(key=b"")
    return [redactor.text(value) if isinstance(value, str) else redactor.data(value) for value in values]


def in_node(values: list[Any]) -> list[Any]:
    """What the Node redactor makes of each."""
    text = json.dumps([plain(value) for value in values])
    done = subprocess.run([node_program(), NODE], input=text, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def judged(results: list[Any], secrets: list[Any], harmless: list[Any]) -> tuple[list[Any], list[Any]]:
    """What passed and what was hidden wrongly."""
    passed = [
        (each, result)
        for each, result in zip(secrets, results, strict=False)
        if each.secret in json.dumps(result, default=str)
    ]
    rest = results[len(secrets) :]
    hidden = [
        (value, result) for value, result in zip(harmless, rest, strict=True) if plain(value) != plain(result)
    ]
    return passed, hidden


def main() -> int:
    """Print the figures; exit 1 when one is below its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--show", action="store_true", help="list what was judged wrongly")
    parser.add_argument("--seed", type=int, default=13)
    arguments = parser.parse_args()
    secrets, harmless = planted(arguments.seed), lookalikes(arguments.seed)
    values = [*(each.value for each in secrets), *harmless]
    print(f"{len(secrets)} secrets, {len(harmless)} look-alikes\n")
    print(f"{'':8}{'recall':>8}{'precision':>11}{'passed':>8}{'hidden wrongly':>16}{'µs each':>9}")
    good = True
    for name, redact in (("Python", in_python), ("Node", in_node)):
        started = time.perf_counter()
        results = redact(values)
        each = (time.perf_counter() - started) / len(values) * 1e6
        passed, hidden = judged(results, secrets, harmless)
        found = len(secrets) - len(passed)
        recall, precision = found / len(secrets), found / (found + len(hidden))
        good &= min(recall, precision) >= LEAST
        print(f"{name:8}{recall:8.3f}{precision:11.3f}{len(passed):8}{len(hidden):16}{each:9.1f}")
        if arguments.show:
            for planted_one, result in passed:
                print(f"  passed: {planted_one.kind}: {json.dumps(result, default=str)[:300]}")
            for value, result in hidden:
                print(f"  hidden: {json.dumps(plain(value))[:200]} → {json.dumps(result)[:200]}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
