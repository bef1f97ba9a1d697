"""The fallback: streams as they are at the moment, and a file that is capped, rotated and shared."""

import io
import json
import subprocess
import sys

import pytest

from godot_loglib.buffer import Losses, RLock
from godot_loglib.fallback import make_fallback


@pytest.fixture
def losses():
    return Losses(RLock())


def line(n, component="gates"):
    second = f"2026-01-01T00:{n // 60:02d}:{n % 60:02d}.000000+00:00"
    return json.dumps({"component": component, "event_created_at": second, "n": n}).encode()


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_streams(name, losses, capsys):
    make_fallback(name, 1, losses).write([b'{"a":"\xc3\xa9"}', b"{}"])
    assert getattr(capsys.readouterr(), name[3:]) == '{"a":"é"}\n{}\n'


def test_a_stream_without_bytes_below_it(losses, monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    make_fallback("stdout", 1, losses).write([b"{}"])
    assert stream.getvalue() == "{}\n"


def test_a_missing_stream_refuses(losses, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(OSError, match="no stdout"):
        make_fallback("stdout", 1, losses).write([b"{}"])


def test_off_refuses(losses):
    with pytest.raises(OSError, match="off"):
        make_fallback("off", 1, losses).write([b"{}"])


def test_the_file_is_private_and_appended_to(tmp_path, losses):
    path = tmp_path / "fallback.jsonl"
    for n in range(3):
        make_fallback(f"file:{path}", 10**6, losses).write([line(n)])
    assert [json.loads(text)["n"] for text in path.read_text().splitlines()] == [0, 1, 2]
    assert path.stat().st_mode & 0o077 == 0


def test_rotation_keeps_three_older_files_and_counts_what_goes(tmp_path, losses):
    path = tmp_path / "fallback.jsonl"
    fallback = make_fallback(f"file:{path}", 3 * len(line(0)) + 10, losses)
    for n in range(20):
        fallback.write([line(n, "gates" if n % 2 else "dewey")])
    kept = {}
    for each in sorted(tmp_path.iterdir()):
        kept[each.name] = [json.loads(text)["n"] for text in each.read_text().splitlines()]
    assert list(kept) == ["fallback.jsonl", "fallback.jsonl.1", "fallback.jsonl.2", "fallback.jsonl.3"]
    numbers = sorted(n for each in kept.values() for n in each)
    assert numbers == list(range(numbers[0], 20))
    lost = losses.take()
    assert sum(loss.count for loss in lost) == numbers[0]
    assert {loss.reason for loss in lost} == {"fallback_full"}
    assert {loss.component for loss in lost} == {"gates", "dewey"}


def test_more_than_the_cap_at_once_is_written_all_the_same(tmp_path, losses):
    path = tmp_path / "fallback.jsonl"
    make_fallback(f"file:{path}", 10, losses).write([line(n) for n in range(5)])
    assert len(path.read_text().splitlines()) == 5


def test_several_processes_share_a_file(tmp_path):
    path = tmp_path / "fallback.jsonl"
    code = f"""
from godot_loglib.buffer import Losses, RLock
from godot_loglib.fallback import make_fallback
import sys
fallback = make_fallback("file:{path}", 20_000, Losses(RLock()))
for n in range(300):
    fallback.write([b'{{"p":%s,"n":%d}}' % (sys.argv[1].encode(), n)])
"""
    workers = [subprocess.Popen([sys.executable, "-c", code, str(p)]) for p in range(4)]
    assert [worker.wait(60) for worker in workers] == [0] * 4
    seen = [json.loads(text) for each in tmp_path.iterdir() for text in each.read_text().splitlines()]
    assert len(seen) == 1200
    assert len({(record["p"], record["n"]) for record in seen}) == 1200
