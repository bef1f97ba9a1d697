"""`godot demo`, as a newcomer runs it: the whole path, the right root cause, nothing left behind."""

from __future__ import annotations

import json
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from godot_demo import SCENARIOS
from godot_demo.capture import capture

if TYPE_CHECKING:
    from collections.abc import Callable


def leftovers() -> set[str]:
    return {path.name for path in Path(tempfile.gettempdir()).glob("godot-demo-*")}


@pytest.fixture(autouse=True)
def nothing_stays_behind() -> Any:
    before = leftovers()
    mine = psutil.Process()
    yield
    assert leftovers() <= before
    assert [
        child.cmdline()
        for child in mine.children(recursive=True)
        if "godot_demo" in " ".join(child.cmdline())
    ] == []


def test_bug13_names_the_true_root_cause(godot: Any) -> None:
    done = godot("demo", "--json", timeout=180)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    diagnosis = found["diagnosis"]
    cause = diagnosis["root_cause"]
    assert (cause["code"], cause["component"], cause["cause_in"]) == ("B13", "gates", "relay")
    assert diagnosis["healthy"] is False
    assert [finding["code"] for finding in diagnosis["findings"] if finding["severity"] == "error"] == ["B13"]
    # What the client refused by itself is no call.
    sent = [call for call in found["run"]["calls"] if call["outcome"] != "refused"]
    assert diagnosis["calls"]["total"] == len(sent)
    assert diagnosis["calls"]["error"] == 1
    assert diagnosis["calls"]["answered"] == len(sent) - 1


def test_healthy_has_no_fault(godot: Any) -> None:
    done = godot("demo", "healthy", "--json", timeout=180)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["diagnosis"]["healthy"] is True
    assert found["diagnosis"]["root_cause"] is None
    assert found["diagnosis"]["calls"]["answered"] == len(found["run"]["calls"])


def test_a_person_sees_the_trace_and_the_cause_and_may_keep_the_servers_for_a_notebook(
    godot: Any, tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    said, complained = (tmp_path / "output").read_text, (tmp_path / "errors").read_text
    with (tmp_path / "output").open("w") as output, (tmp_path / "errors").open("w") as errors:
        process = godot.start("demo", "--keep", stdout=output, stderr=errors)
        eventually(lambda: "Ctrl-C stops everything" in said(), within=180, why=complained)
        for text in (
            "client",
            "relay",
            "gates",
            "dewey",
            "fiedler",
            "playfair",
            "No such tool available",
            "B13",
        ):
            assert text in said()
        assert "\x1b" not in said()
        assert complained() == ""  # progress is for terminals

        exports = dict(line.split()[1].split("=", 1) for line in said().splitlines() if "export " in line)
        shown = godot("diagnose", env=exports)
        assert shown.returncode == 3
        assert "B13" in shown.stdout

        started = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 130
    eventually(lambda: not [child for child in started if child.is_running()], why="a server goes on running")


def essence(path: Path) -> list[tuple[Any, ...]]:
    """What a seed decides of a capture."""
    found = []
    for line in path.read_text().splitlines():
        record = json.loads(line)
        message = (record["data"] or {}).get("mcp", {})
        result = message.get("payload", {}).get("result", {})
        content = json.dumps(result.get("content")) if isinstance(result, dict) else None
        found.append(
            (record["component"], record["seq"], record["message"], message.get("direction"), content)
        )
    return sorted(found, key=str)


def test_capture_writes_what_the_components_logged_and_the_same_for_the_same_seed(
    godot: Any, redis_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "bug13.jsonl"
    done = godot("demo", "bug13", "--capture", str(path), timeout=120)
    assert done.returncode == 0, done.stderr
    found = godot("diagnose", "--file", str(path), "--json")
    assert found.returncode == 3
    assert json.loads(found.stdout)["root_cause"]["code"] == "B13"
    capture("bug13", tmp_path / "again.jsonl", redis_url=redis_url)
    assert essence(tmp_path / "again.jsonl") == essence(path)


def test_list_names_the_scenarios(godot: Any) -> None:
    done = godot("demo", "--list")
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(SCENARIOS)
    told = json.loads(godot("demo", "--list", "--json").stdout)
    assert [(each["name"], each["code"]) for each in told] == [
        (each.name, each.truth and each.truth.code) for each in SCENARIOS.values()
    ]


def test_an_unknown_scenario_is_a_mistake_of_usage(godot: Any) -> None:
    done = godot("demo", "bug14")
    assert done.returncode == 2
    assert "did you mean bug13" in done.stderr
    assert "--list" in done.stderr
