"""What a log call of the Python client costs in any state of Redis, beside the other libraries.

`logging` (with a JSON file handler), structlog and loguru write JSON lines to a file; the OpenTelemetry SDK
has its batch processor and an exporter that drops everything, so it does in the call what it always does.

Run `python benchmarks/client.py`. Every figure is of single calls in a tight loop, timed one by one, with 300
bytes of data and the sender at work: the loop logs faster than any sender can send, so the buffer overflows
throughout, which is the worst case of a call. Each state has a process of its own; the rounds alternate, so
that whatever else the machine does falls on all of them alike. The table shows the medians of the rounds.

A virtual machine's cores may share a physical one: while the other works, a plain loop without any logging
takes 1.6 times as long (1,200 instead of 750 ns here), for tens of milliseconds at a time. The states are
therefore compared twice: in their median rounds, and in their best rounds, which nothing disturbed.
"""

# ruff: noqa: PLE1205  our logger takes data, no format arguments

import argparse
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from godot_loglib import GodotHandler, ICCMLogger

DATA = {
    "request_id": "0192f0a1-2b3c-7d4e-8f50-123456789abc",
    "method": "tools/call",
    "tool": "gates_create_document",
    "status": 200,
    "duration_ms": 12.75,
    "tags": ["alpha", "beta", "gamma"],
    "user": {"id": 4711, "name": "Ada Lovelace", "roles": ["admin", "author"]},
    "path": "/documents/2026/plan.md",
    "ok": True,
}
GODOT = ("up", "refusing", "hanging", "filtered", "habits", "bound", "handler")
OTHERS = ("logging", "structlog", "loguru", "otel")
STATES = GODOT + OTHERS
NAMES = {
    "up": "Redis up",
    "refusing": "Redis refusing",
    "hanging": "Redis stopped (SIGSTOP)",
    "filtered": "filtered by level",
    "habits": 'info("%s", …, key=value)',
    "bound": "bind(user=…), 9 keywords",
    "handler": "logging → GodotHandler",
    "logging": "logging, JSON to a file",
    "structlog": "structlog, JSON to a file",
    "loguru": "loguru, JSON to a file",
    "otel": "OpenTelemetry SDK, batched",
}
WARM_UP_SECONDS = 60


class JSONFormatter(logging.Formatter):
    """What most projects write when they want JSON lines from the standard library."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line = {
            "time": record.created,
            "level": record.levelname,
            "name": record.name,
            "message": record.getMessage(),
        }
        return json.dumps(line | {"data": record.__dict__["data"]})


def timed(call: Callable[[], object], count: int) -> list[float]:
    """Durations of single calls, in nanoseconds, without the cost of reading the clock."""
    clock = time.perf_counter_ns
    times = [0.0] * count
    for i in range(count):
        started = clock()
        call()
        times[i] = clock() - started
    overhead = statistics.median(-clock() + clock() for _ in range(10_000))
    return sorted(max(0, each - overhead) for each in times)


def godot_call(state: str, url: str, directory: Path) -> Callable[[], object]:
    """A call of ours, the sender at work."""
    fallback = f"file:{directory / state}.jsonl"
    settings = {"redis_url": url, "fallback": fallback, "redis_timeout": 0.2}
    logger = ICCMLogger("bench", **settings)
    logger.info("warm up")
    logger.flush(
        WARM_UP_SECONDS
    )  # until Redis has it, or has been given up: the sender is at work in any state
    if state == "filtered":
        return lambda: logger.debug("tool call finished", DATA)
    if state == "habits":
        return lambda: logger.info("tool %s finished", "gates_create_document", **DATA)
    if state == "bound":
        bound = logger.bind(user="ada")
        return lambda: bound.info("tool call finished", **DATA)
    if state == "handler":
        standard = logging.Logger("bench")  # noqa: LOG001  no global state for a benchmark
        standard.addHandler(GodotHandler("bench", **settings))
        return lambda: standard.info("tool call finished", extra={"data": DATA})
    return lambda: logger.info("tool call finished", DATA)


def logging_call(directory: Path) -> Callable[[], object]:
    """The standard library as most projects set it up."""
    handler = logging.FileHandler(directory / "logging.jsonl")
    handler.setFormatter(JSONFormatter())
    standard = logging.Logger("bench")  # noqa: LOG001  no global state for a benchmark
    standard.addHandler(handler)
    return lambda: standard.info("tool call finished", extra={"data": DATA})


def structlog_call(directory: Path) -> Callable[[], object]:
    """What structlog's page about performance recommends, with the standard library's json."""
    import structlog  # noqa: PLC0415  each measuring process needs one

    file = (directory / "structlog.jsonl").open("wb")
    logger = structlog.wrap_logger(
        structlog.BytesLogger(file),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=lambda *a, **k: json.dumps(*a, **k).encode()),
        ],
        cache_logger_on_first_use=True,
    ).bind()
    return lambda: logger.info("tool call finished", **DATA)


def loguru_call(directory: Path) -> Callable[[], object]:
    """Loguru with `serialize`."""
    from loguru import logger  # noqa: PLC0415

    logger.remove()
    logger.add(directory / "loguru.jsonl", serialize=True)
    return lambda: logger.bind(**DATA).info("tool call finished")


def otel_call(_directory: Path) -> Callable[[], object]:
    """The SDK's own logger: a record goes to the batch processor's queue."""
    from opentelemetry._logs import LogRecord, SeverityNumber  # noqa: PLC0415
    from opentelemetry.sdk._logs import LoggerProvider  # noqa: PLC0415
    from opentelemetry.sdk._logs.export import (  # noqa: PLC0415
        BatchLogRecordProcessor,
        LogRecordExporter,
        LogRecordExportResult,
    )

    class Dropping(LogRecordExporter):
        def export(self, batch: object) -> LogRecordExportResult:  # noqa: ARG002
            return LogRecordExportResult.SUCCESS

        def force_flush(self, timeout_millis: int = 0) -> bool:  # noqa: ARG002
            return True

        def shutdown(self) -> None:
            pass

    provider = LoggerProvider()
    provider.add_log_record_processor(BatchLogRecordProcessor(Dropping()))
    logger = provider.get_logger("bench")
    return lambda: logger.emit(
        LogRecord(
            timestamp=time.time_ns(),
            severity_number=SeverityNumber.INFO,
            severity_text="INFO",
            body="tool call finished",
            attributes=DATA,
        )
    )


def measure(state: str, url: str, count: int, directory: Path) -> None:
    """One round in this process: median, p99, p99.9 and mean in microseconds."""
    others = {
        "logging": logging_call,
        "structlog": structlog_call,
        "loguru": loguru_call,
        "otel": otel_call,
    }
    call = godot_call(state, url, directory) if state in GODOT else others[state](directory)
    times = timed(call, count)
    points = [times[int(len(times) * share)] for share in (0.5, 0.99, 0.999)]
    print(json.dumps([point / 1000 for point in [*points, statistics.fmean(times)]]), flush=True)
    os._exit(0)  # what is left in the buffer is nobody's concern


def round_of(state: str, url: str, count: int, directory: str) -> list[float]:
    """The same in a process of its own."""
    command = [
        sys.executable,
        __file__,
        "--state",
        state,
        "--url",
        url,
        "--count",
        str(count),
        "--directory",
        directory,
    ]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout
    result: list[float] = json.loads(output)
    return result


def compare(rounds: int, count: int) -> None:
    """All states in turn, several times; the table."""
    from godot_daemon.embedded import EmbeddedValkey  # noqa: PLC0415  the measuring processes need no daemon

    needs = {"otel": "opentelemetry.sdk"}
    missing = [state for state in OTHERS if find_spec(needs.get(state, state).partition(".")[0]) is None]
    results: dict[str, list[list[float]]] = {state: [] for state in STATES if state not in missing}
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        with EmbeddedValkey(place / "up") as up, EmbeddedValkey(place / "hanging") as hanging:
            with EmbeddedValkey(place / "gone") as gone:
                urls = dict.fromkeys(STATES, up.url) | {"hanging": hanging.url, "refusing": gone.url}
            hanging.suspend()
            try:
                for _ in range(rounds):
                    for state, rows in results.items():
                        rows.append(round_of(state, urls[state], count, directory))
            finally:
                hanging.resume()
    medians = {
        state: [statistics.median(column) for column in zip(*each, strict=True)]
        for state, each in results.items()
    }
    standard = medians["logging"][0]
    print(f"{count:,} calls, {rounds} rounds, 300 bytes of data, microseconds per call\n")
    print(f"{'':28}{'median':>8}{'p99':>8}{'p99.9':>9}{'mean':>8}{'÷ Redis up':>13}{'logging ÷':>11}")
    ours = medians["up"][0]
    for state, (median, p99, p999, mean) in medians.items():
        beside = f"{standard / median:.1f}" if median else "-"
        print(
            f"{NAMES[state]:28}{median:8.2f}{p99:8.2f}{p999:9.1f}{mean:8.2f}{median / ours:13.2f}{beside:>11}"
        )
    if missing:
        print(f"not installed, and so not here: {', '.join(missing)}")
    calls = ("up", "refusing", "hanging")
    in_median = [medians[state][0] for state in calls]
    in_best = [min(median for median, *_ in results[state]) for state in calls]
    print(
        f"\nslowest state ÷ fastest state: {max(in_median) / min(in_median):.2f} in the median rounds, "
        f"{max(in_best) / min(in_best):.2f} in the best"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="What a log call costs.")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--count", type=int, default=100_000, help="calls per round")
    parser.add_argument("--state", choices=STATES, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--directory", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.state:
        measure(options.state, options.url, options.count, options.directory)
    compare(options.rounds, options.count)


if __name__ == "__main__":
    main()
