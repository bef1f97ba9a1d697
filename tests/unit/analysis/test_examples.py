"""Every example in a docstring runs, and every export has one."""

from __future__ import annotations

import doctest
import inspect
import json
import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

import godot_analysis as ga

if TYPE_CHECKING:
    from pathlib import Path

MODULES = sorted(
    module.name for module in pkgutil.walk_packages(ga.__path__, "godot_analysis.") if "._" not in module.name
)

CAPTURE = [
    {"level": "TRACE", "message": "Tool call received: gates_open"},
    {"level": "ERROR", "message": "Unknown tool: gates_open"},
]


@pytest.fixture(autouse=True)
def _capture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The `capture.jsonl` that the examples speak of."""
    about = {"component": "relay", "trace_id": "7c9e6679-7425-40de-944b-e07fc1f90ae7"}
    lines = [
        json.dumps({**about, **record, "event_created_at": f"2026-01-01T00:00:0{second}Z"})
        for second, record in enumerate(CAPTURE)
    ]
    (tmp_path / "capture.jsonl").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", MODULES)
def test_examples_tell_the_truth(name: str):
    failed, _ = doctest.testmod(import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0, f"see the doctest's report above, or run: python -m doctest {name}"


@pytest.mark.parametrize("name", [name for name in ga.__all__ if not inspect.isclass(getattr(ga, name))])
def test_every_function_has_an_example(name: str):
    assert ">>>" in (inspect.getdoc(getattr(ga, name)) or ""), f"ga.{name} has no example"
