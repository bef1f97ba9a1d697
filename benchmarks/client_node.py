"""What a log call of the Node client costs in any state of Redis, beside pino and winston writing JSON.

Run `python benchmarks/client_node.py`. Every figure is of single calls, timed one by one, with 300 bytes of
data; every ten calls the event loop has a turn, in which the sender redacts, encodes and sends. Each state
has a process of its own; the rounds alternate, so that whatever else the machine does falls on all of them
alike. The table shows the medians of the rounds.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
from pathlib import Path

from godot_daemon.embedded import EmbeddedValkey
from godot_demo import node

SCRIPT = Path(__file__).with_name("client.mjs")
NAMES = {
    "up": "Redis up",
    "refusing": "Redis refusing",
    "hanging": "Redis stopped (SIGSTOP)",
    "filtered": "filtered by level",
    "pino": "pino, file, sync",
    "pino-async": "pino, file, async",
    "winston": "winston, JSON to a file",
}


def round_of(state: str, url: str, count: int, directory: str) -> list[float]:
    """Median, p99, p99.9 and mean of one process, in microseconds."""
    command = [node.node_program(), str(SCRIPT), state, url, str(count), directory]
    # It kills itself: what its buffer holds need not be sent.
    output = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    result: list[float] = json.loads(output.stdout or "null")
    if result is None:
        raise SystemExit(output.stderr)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description="What a log call of the Node client costs.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--count", type=int, default=50_000, help="calls per round")
    options = parser.parse_args()
    node.ensure_packages(print)
    results: dict[str, list[list[float]]] = {state: [] for state in NAMES}
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        with EmbeddedValkey(place / "up") as up, EmbeddedValkey(place / "hanging") as hanging:
            with EmbeddedValkey(place / "gone") as gone:
                urls = dict.fromkeys(NAMES, up.url) | {"hanging": hanging.url, "refusing": gone.url}
            hanging.suspend()
            try:
                for _ in range(options.rounds):
                    for state, figures in results.items():
                        figures.append(round_of(state, urls[state], options.count, directory))
            finally:
                hanging.resume()
    medians = {
        state: [statistics.median(column) for column in zip(*each, strict=True)]
        for state, each in results.items()
    }
    print(f"Node: {options.count:,} calls, {options.rounds} rounds, 300 bytes, microseconds per call\n")
    print(f"{'':24}{'median':>8}{'p99':>8}{'p99.9':>9}{'mean':>8}{'pino ÷':>9}{'winston ÷':>11}")
    pino, winston = medians["pino"][0], medians["winston"][0]
    for state, (median, p99, p999, mean) in medians.items():
        ratios = [f"{each / median:.1f}" if median else "-" for each in (pino, winston)]
        row = f"{median:8.2f}{p99:8.2f}{p999:9.1f}{mean:8.2f}{ratios[0]:>9}{ratios[1]:>11}"
        print(f"{NAMES[state]:24}{row}")
    calls = [medians[state][0] for state in ("up", "refusing", "hanging")]
    slowest, fastest = max(calls), min(calls)
    print(f"\nlimit 3 µs: {slowest:.2f} in the slowest state; slowest ÷ fastest: {slowest / fastest:.2f}")


if __name__ == "__main__":
    main()
