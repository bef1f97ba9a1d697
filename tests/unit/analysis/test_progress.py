"""A bar is shown for long work in a terminal, and for nothing else."""

from __future__ import annotations

import io
import itertools
from uuid import UUID

import pytest

import godot_analysis as ga
from godot_analysis import progress
from godot_analysis.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def slowly(monkeypatch):
    """Every look at the clock finds it a second later."""
    clock = itertools.count()
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))


def shown(stream: io.StringIO, records: int, monkeypatch) -> str:
    monkeypatch.setattr("sys.stderr", stream)
    with Progress("reconstruct", steps=3, records=records) as bar:
        bar.begin("reading")
        bar.begin("pairing")
        bar.begin("framing")
    return stream.getvalue()


@pytest.mark.usefixtures("slowly")
def test_long_work_says_what_it_is_at(monkeypatch):
    text = shown(Terminal(), 1_000_000, monkeypatch)
    assert "reconstruct: reading" in text
    assert "2/3" in text
    assert text.endswith("\r"), "nothing stays behind"


@pytest.mark.usefixtures("slowly")
def test_a_script_and_a_small_log_show_nothing(monkeypatch):
    assert shown(io.StringIO(), 1_000_000, monkeypatch) == ""
    assert shown(Terminal(), 100, monkeypatch) == ""


def test_quick_work_shows_nothing(monkeypatch):
    monkeypatch.setattr(progress.time, "monotonic", lambda: 0.0)
    assert shown(Terminal(), 1_000_000, monkeypatch) == ""


@pytest.mark.usefixtures("slowly")
def test_without_steps_records_are_counted(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with Progress("load") as bar:
        for _ in range(5):
            bar.count(10_000)
    assert "load: 50.0k records" in terminal.getvalue()


@pytest.mark.usefixtures("slowly")
def test_judging_many_messages_shows_how_far_it_is(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    payload = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    data = {"mcp": {"direction": "sent", "payload": payload}}
    flow = ga.reconstruct(
        ga.from_records([{"id": str(UUID(int=n)), "component": "relay", "data": data} for n in range(45_000)])
    )
    assert len(flow.messages) == 45_000
    assert "judge messages: by the official schema" in terminal.getvalue()
    assert "2/3" in terminal.getvalue()


@pytest.mark.usefixtures("slowly")
def test_an_error_takes_the_bar_away(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)

    def fail() -> None:
        with Progress("x", steps=2, records=50_000) as bar:
            bar.begin("a")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert terminal.getvalue().endswith("\r")
