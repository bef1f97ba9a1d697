"""How soon small things are there: a diagnosis of two records, the help, a file of a hundred lines (P-10).

Programs are measured in turn with `python -c "import pandas"`, each in a process of its own, with their
bytecode kept as an installed program has it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import godot_analysis as ga

if TYPE_CHECKING:
    from collections.abc import Callable

LOG = Path(__file__).parents[1] / "demo/captures/f10-host-filter.jsonl"  # of 100 lines, with a fault
MOST_MS = {"two records": 10.0, "--help": 150.0}
MOST_TIMES_PANDAS = 1.5
GODOT = (sys.executable, "-P", "-c", "from godot_daemon.start import main; main()")
PANDAS = (sys.executable, "-c", "import pandas")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def two_records() -> list[dict[str, Any]]:
    """A call, and the error that answers it, as the caller logs them."""
    asked = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "forecast", "arguments": {}},
    }
    answer = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32602, "message": "city is required"}}
    return [
        {
            "component": "client",
            "level": "TRACE",
            "message": direction,
            "event_created_at": f"2026-01-01T00:00:0{second}Z",
            "data": {"mcp": {"direction": direction, "peer": "weather", "payload": payload}},
        }
        for second, (direction, payload) in enumerate((("sent", asked), ("received", answer)))
    ]


def run(*command: str) -> None:
    subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, check=False)


def milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def show(what: str, measured: str, limit: str, ratio: float) -> None:
    print(f"{what:42} {measured:>10}  {limit:>10}  {ratio:6.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    logs = ga.from_records(two_records())
    ga.diagnose(logs)
    two = statistics.median(milliseconds(lambda: ga.diagnose(logs)) for _ in range(10 * rounds))
    programs = {
        "pandas": PANDAS,
        "--help": (*GODOT, "--help"),
        "diagnose": (*GODOT, "diagnose", "--file", str(LOG)),
    }
    for command in programs.values():
        run(*command)  # whose bytecode is kept from now on
    times: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, command in programs.items():
            times[name].append(milliseconds(lambda command=command: run(*command)))
    middle = {name: statistics.median(taken) for name, taken in times.items()}
    print(f"{'':42} {'measured':>10}  {'limit':>10}  {'ratio':>6}")
    for what, taken in (("two records", two), ("--help", middle["--help"])):
        show(what, f"{taken:.1f} ms", f"{MOST_MS[what]:.0f} ms", MOST_MS[what] / taken)
    times_pandas = middle["diagnose"] / middle["pandas"]
    print(f"{'import pandas':42} {middle['pandas']:7.0f} ms")
    print(f"{'diagnose --file of 100 lines':42} {middle['diagnose']:7.0f} ms")
    show("… ÷ import pandas", f"{times_pandas:.2f}", f"{MOST_TIMES_PANDAS}", MOST_TIMES_PANDAS / times_pandas)


if __name__ == "__main__":
    main()
