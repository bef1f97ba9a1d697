"""The fallback: streams as they are at the moment, and a file that is capped, rotated and shared."""

import fcntl
import io
import json
import socket
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


class HalfWay(io.StringIO):
    """Takes half of what is written, and then fails, for a while."""

    broken = True

    def write(self, text):
        if self.broken:
            super().write(text[: len(text) // 2])
            raise OSError(28, "No space left on device")
        return super().write(text)


def test_after_half_a_line_a_stream_begins_a_new_one(losses, monkeypatch):
    stream = HalfWay()
    monkeypatch.setattr(sys, "stdout", stream)
    fallback = make_fallback("stdout", 1, losses)
    with pytest.raises(OSError, match="No space"):
        fallback.write([line(1)])
    stream.broken = False
    fallback.write([line(2)])
    fallback.write([line(3)])
    torn, *whole = stream.getvalue().splitlines()
    assert [json.loads(text)["n"] for text in whole] == [2, 3]
    assert line(1).decode().startswith(torn)


def test_a_file_that_another_process_has_torn_is_healed(tmp_path, losses):
    path = tmp_path / "fallback.jsonl"
    fallback = make_fallback(f"file:{path}", 10**6, losses)
    fallback.write([line(1)])
    with path.open("ab") as file:
        file.write(line(2)[:20])  # killed while it wrote
    fallback.write([line(3)])
    fallback.write([line(4)])
    first, torn, *rest = path.read_bytes().splitlines()
    assert (first, torn) == (line(1), line(2)[:20])
    assert rest == [line(3), line(4)]


def test_a_full_disk_tears_no_line_of_a_file(tmp_path):
    """RLIMIT_FSIZE stands for the disk; the process writes on when there is room again."""
    program = f"""
import json, resource, sys
sys.path[:0] = {sys.path!r}
from godot_loglib.buffer import Losses, RLock
from godot_loglib.fallback import make_fallback
fallback = make_fallback("file:{tmp_path}/f", 10**6, Losses(RLock()))
lines = [json.dumps({{"n": n, "x": "y" * 50}}).encode() for n in range(10)]
resource.setrlimit(resource.RLIMIT_FSIZE, (333, resource.RLIM_INFINITY))
count = fallback.write(lines)
for _ in range(3):
    try:
        assert fallback.write(lines[count:]) == 0
    except OSError:
        pass
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert count == 4, count
assert fallback.write(lines[count:]) == 6
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    found = [json.loads(text)["n"] for text in (tmp_path / "f").read_bytes().splitlines()]
    assert found == list(range(10))


def test_a_lock_that_is_never_released_is_not_waited_for(tmp_path, losses):
    path = tmp_path / "fallback.jsonl"
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert make_fallback(f"file:{path}", 10**6, losses).write([line(1)], lambda: 0) == 0
    assert path.read_bytes() == b""


@pytest.mark.parametrize("channel", ["pipe", "socket", "null"])
def test_auto_leaves_stdout_to_mcp(channel):
    program = "from godot_loglib import ICCMLogger; ICCMLogger('x', redis_url='redis://127.0.0.1:1/0').info('hello')"
    ours, theirs = socket.socketpair()
    with ours, theirs:
        streams = {"pipe": subprocess.PIPE, "socket": theirs, "null": subprocess.DEVNULL}
        done = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=streams[channel],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = done.communicate(timeout=60)
    assert (b"hello" in out) is (channel == "null")
    assert (b'"hello"' in err) is (channel != "null")
