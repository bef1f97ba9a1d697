"""A line torn by a full disk, with the next record glued to it: the second is recovered, the first is counted."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import godot_analysis as ga
from godot_daemon.replay import Replayed, _entries
from godot_wire.torn import untorn


def record(number, **more):
    fields = {
        "id": f"019aa8f2-5c3b-7d10-8a44-3c1b5e9f0a{number:02}",
        "trace_id": None,
        "component": "gates",
        "level": "INFO",
        "message": f"number {number}",
        "data": {"mcp": {"payload": {"id": number, "component": "x", "result": [{"id": "a"}]}}},
        "event_created_at": f"2026-01-01T00:00:{number:02}+00:00",
        "instance": "h:1:a",
        "seq": number,
        **more,
    }
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


@given(st.integers(1, 400), st.sampled_from(["", "é", '{"component":"y"}', "\\"]))
def test_wherever_it_was_torn_the_next_record_is_recovered(cut, text):
    first, second = record(1, message=text), record(2, message=text)
    pieces = untorn(first[: min(cut, len(first) - 1)] + second)
    assert pieces[-1] == second
    assert b"".join(pieces[:-1]).strip() == first[: min(cut, len(first) - 1)].strip()


def test_records_without_a_line_end_between_them():
    assert untorn(record(1) + record(2)) == [record(1), record(2)]
    assert untorn(record(1)[:50] + record(2)[:60] + record(3))[-1] == record(3)
    assert untorn(record(1) + record(2)[:60]) == [record(1), record(2)[:60]]


@pytest.mark.parametrize(
    "line", [b"", b"no record", b'{"component":"a"', b'{"id":1}{"id":2}', b"\xff{", record(1)[:90]]
)
def test_what_holds_no_whole_record_stays_alone(line):
    assert untorn(line) == [line]


def test_load_logs_recovers_the_record_and_counts_the_torn_one(tmp_path):
    path = tmp_path / "gates.jsonl"
    path.write_bytes(record(1) + b"\n" + record(2)[:120] + record(3) + b"\n" + record(4) + b"\n")
    logs = ga.load_logs(source=path)
    assert [m for m in logs["message"] if m.startswith("number")] == ["number 1", "number 3", "number 4"]
    [problem] = logs.attrs["problems"]
    assert (problem["line"], problem["reason"]) == (2, "torn")
    assert logs.attrs["lines"]["019aa8f2-5c3b-7d10-8a44-3c1b5e9f0a03"] == 2
    assert logs["id"].is_unique


def test_replay_pushes_the_record_and_counts_the_torn_one():
    done = Replayed()
    lines = [record(1) + b"\n", record(2)[:120] + record(3) + b"\n"]
    assert list(_entries(lines, done)) == [record(1), record(2)[:120], record(3)]
    assert (done.torn, done.not_records) == ([2], [2])


def test_hostile_lines_take_linear_time():
    for line in (
        b'{"id":' * 100_000,
        b'{"component":"a"' * 50_000,
        b'{"component":"a","x":{"id":1}' * 20_000,
    ):
        assert len(untorn(line)) == 1
