"""Lines between the records of a file, and files without any: all of them are kept, as ordinary records (IMP-2)."""

from __future__ import annotations

import gzip
import json
import time

import pandas as pd
import pytest

import godot_analysis as ga
from godot_analysis.loading.loose import loose_record


def record(second, message, **more):
    at = f"2026-06-01T08:00:{second:02}Z"
    return json.dumps(
        {"component": "relay", "level": "INFO", "message": message, "event_created_at": at, **more}
    )


@pytest.fixture
def load(tmp_path):
    """Write lines to a file, and load it."""

    def load(*lines, name="host.log", **filters):
        path = tmp_path / name
        path.write_bytes(b"\n".join(one if isinstance(one, bytes) else one.encode() for one in lines))
        return ga.load_logs(source=path, **filters)

    return load


def seconds(logs):
    return [(at - pd.Timestamp("2026-06-01T08:00:00Z")).total_seconds() for at in logs["event_created_at"]]


# One line.


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("2026-06-01 08:00:01 TRACE x", "TRACE"),
        ("2026-06-01 08:00:01 [debug] x", "DEBUG"),
        ("2026-06-01 08:00:01 verbose: x", "DEBUG"),
        ("2026-06-01 08:00:01 <info> x", "INFO"),
        ("2026-06-01 08:00:01 (notice) x", "INFO"),
        ("2026-06-01 08:00:01 | WARN | x", "WARN"),
        ("2026-06-01 08:00:01 - WARNING - x", "WARN"),
        ("2026-06-01 08:00:01 err: x", "ERROR"),
        ("2026-06-01 08:00:01 CRITICAL x", "ERROR"),
        ("2026-06-01 08:00:01 Fatal: x", "ERROR"),
        ("2026-06-01 08:00:01 [severe] x", "ERROR"),
        ("ERROR: x", "ERROR"),
        ("[warn] x", "WARN"),
        ("x", "INFO"),
    ],
)
def test_the_level_of_a_line(line, level):
    assert loose_record(line.encode(), "host").row.level == level


@pytest.mark.parametrize(
    "line",
    [
        "Errors were found",
        "Information wants to be free",
        "a warning for all",
        "the error: none",
        "errors: 0",
    ],
)
def test_a_word_that_is_no_level(line):
    row = loose_record(line.encode(), "host").row
    assert (row.level, row.message) == ("INFO", line)


@pytest.mark.parametrize(
    "written",
    [
        "2026-06-01T08:00:01Z",
        "2026-06-01 08:00:01",
        "2026-06-01 08:00:01,000",
        "[2026-06-01T08:00:01.000Z]",
        "2026-06-01T10:00:01+02:00",
        "2026-06-01T10:00:01+0200",
        "(2026-06-01 08:00:01)",
    ],
)
def test_the_time_of_a_line(written):
    at = loose_record(f"{written} INFO x".encode(), "host").row.event_created_at
    assert pd.Timestamp(at, unit="us", tz="UTC") == pd.Timestamp("2026-06-01T08:00:01Z")


@pytest.mark.parametrize(
    "line", ["x", "2026-13-45 99:99:99 INFO x", "08:00:01 x", "at 2026-06-01 08:00:01 it broke"]
)
def test_a_line_without_a_time_of_its_own(line):
    assert loose_record(line.encode(), "host").row.event_created_at is None


@pytest.mark.parametrize(
    ("line", "component"),
    [
        ("2026-06-01 08:00:01 [error] hazel: boom", "hazel"),
        ("2026-06-01 08:00:01 ERROR [hazel] boom", "hazel"),
        ("error: hazel: boom", "hazel"),
        ("2026-06-01 08:00:01 [error] boom", "host"),
        ("2026-06-01 08:00:01 [error] info: boom", "host"),
        ("hazel: boom", "host"),
        ("2026-06-01 08:00:01 [error] http://hazel: boom", "host"),
    ],
)
def test_whose_line_it_is(line, component):
    assert loose_record(line.encode(), "host").row.component == component


def test_head_and_message_are_taken_apart():
    row = loose_record(b"2026-06-01 08:00:01.031 [error] hazel: spawn hazel-mcp ENOENT", "host").row
    assert row.message == "spawn hazel-mcp ENOENT"


@pytest.mark.parametrize(
    ("line", "understood"),
    [
        ("2026-06-01 08:00:01 ERROR boom", True),
        ('{"level": "info", "msg": "up"}', True),
        ("ERROR boom", False),
        ("2026-06-01 08:00:01 boom", False),
        ("boom", False),
        ('{"a": 1}', False),
        ("[1, 2]", False),
        ('{"msg": "cut', False),
    ],
)
def test_understood_is_a_line_in_the_shape_of_a_log(line, understood):
    assert loose_record(line.encode(), "host").understood == understood


# One JSON object that is no record of ours.


@pytest.mark.parametrize(
    ("number", "level"),
    [(10, "TRACE"), (20, "DEBUG"), (30, "INFO"), (40, "WARN"), (50, "ERROR"), (60, "ERROR")],
)
def test_the_numbers_of_pino(number, level):
    assert loose_record(b'{"level": %d, "msg": "x"}' % number, "host").row.level == level


@pytest.mark.parametrize("number", [0, 3, 17, 35, 1000])
def test_numbers_of_others_are_not_guessed(number):
    assert loose_record(b'{"level": %d, "msg": "x"}' % number, "host").row.level == "INFO"


@pytest.mark.parametrize("key", ["level", "severity", "levelname", "log_level"])
def test_keys_of_the_level(key):
    assert loose_record(json.dumps({key: "error", "msg": "x"}).encode(), "host").row.level == "ERROR"


@pytest.mark.parametrize("key", ["time", "timestamp", "ts", "@timestamp", "datetime"])
@pytest.mark.parametrize("value", ["2026-06-01T08:00:01Z", 1780300801, 1780300801000])
def test_keys_of_the_time(key, value):
    row = loose_record(json.dumps({key: value, "msg": "x"}).encode(), "host").row
    assert pd.Timestamp(row.event_created_at, unit="us", tz="UTC") == pd.Timestamp("2026-06-01T08:00:01Z")


@pytest.mark.parametrize("key", ["service", "logger", "name", "app"])
def test_keys_of_the_component(key):
    assert loose_record(json.dumps({key: "hazel", "msg": "x"}).encode(), "host").row.component == "hazel"


@pytest.mark.parametrize("key", ["message", "msg", "text", "event"])
def test_keys_of_the_message(key):
    assert loose_record(json.dumps({key: "boom"}).encode(), "host").row.message == "boom"


def test_what_is_left_of_an_object_is_its_data():
    row = loose_record(b'{"msg": "x", "level": "info", "pid": 7}', "host").row
    assert row.data == {"pid": 7}


def test_an_object_without_a_message_is_its_own():
    row = loose_record(b'{"pid": 7}', "host").row
    assert (row.message, row.data) == ('{"pid": 7}', {"pid": 7})


def test_a_time_that_is_none_leaves_no_mark():
    row = loose_record(b'{"msg": "x", "time": "yesterday"}', "host").row
    assert (row.event_created_at, row.data) == (None, None)


# A file of records and lines.


def test_every_line_is_kept(load):
    logs = load(record(1, "one"), "plain", "", record(2, "two"), "  ", '{"pid": 7}', "[1]")
    assert sorted(logs["message"]) == ["[1]", "one", "plain", "two", '{"pid": 7}']


def test_the_order_of_the_file_is_kept(load):
    lines = [record(1, "a"), "b", "c", record(2, "d"), "e"]
    assert load(*lines)["message"].tolist() == ["a", "b", "c", "d", "e"]


def test_a_line_without_a_time_has_that_of_the_line_before(load):
    assert seconds(load(record(1, "a"), "b", record(5, "c"), "d")) == [1, 1, 5, 5]


def test_the_first_lines_have_the_time_of_the_next(load):
    assert seconds(load("a", "b", record(5, "c"))) == [5, 5, 5]


def test_a_line_with_a_time_stands_where_it_belongs(load):
    logs = load(record(1, "a"), record(5, "c"), "2026-06-01T08:00:03Z INFO b")
    assert logs["message"].tolist() == ["a", "b", "c"]


def test_a_line_has_the_name_of_the_file_as_its_component(load):
    assert load("plain", name="hazel.stderr.log")["component"].tolist() == ["hazel"]


def test_levels_of_lines_can_be_filtered(load):
    logs = load(record(1, "a"), "2026-06-01T08:00:02Z ERROR b", "2026-06-01T08:00:03Z INFO c", level="WARN")
    assert logs["message"].tolist() == ["b"]


def test_what_was_read_is_counted(load):
    logs = load(record(1, "a"), "plain", "", "2026-06-01T08:00:02Z ERROR b", '{"msg": "c"}')
    assert logs.attrs["source"] == {"format": "godot", "files": 1, "lines": 4, "records": 4, "unparsed": 1}


def test_records_alone_leave_nothing_unparsed(load):
    assert load(record(1, "a"), record(2, "b")).attrs["source"]["unparsed"] == 0


@pytest.mark.parametrize(
    ("lines", "kind"),
    [(["plain"], "text"), ([record(1, "a"), "plain"], "godot"), ([record(1, "a")], "godot")],
)
def test_a_file_without_a_record_of_ours_is_text(load, lines, kind):
    assert load(*lines).attrs["source"]["format"] == kind


def test_lines_that_are_no_records_are_listed_with_their_numbers(load):
    problems = load(record(1, "a"), "plain", "", '{"msg": "c"}').attrs["problems"]
    assert problems == [
        {"line": 2, "reason": "not JSON", "text": "plain"},
        {"line": 4, "reason": "no component", "text": '{"msg": "c"}'},
    ]


def test_ids_of_lines_are_unique_and_stay_the_same(load):
    first, second = (load("same", "same", "other")["id"].tolist() for _ in range(2))
    assert (len(set(first)), first) == (3, second)


def test_each_line_has_its_number(load):
    logs = load("a", "", record(1, "b"), "c")
    assert [logs.attrs["lines"][one] for one in logs["id"]] == [1, 3, 4]


def test_an_error_in_a_plain_line_is_seen_by_the_diagnosis(load):
    found = ga.diagnose(load(record(1, "a"), "2026-06-01T08:00:02Z ERROR the flux went sideways"))
    assert found.seen["errors_unknown"] == 1


def test_the_diagnosis_says_what_was_read(load):
    source = ga.diagnose(load(record(1, "a"), "plain")).source
    assert (source["lines"], source["unparsed"]) == (2, 1)


def test_gzip_holds_plain_lines_too(load):
    logs = load(gzip.compress(f"{record(1, 'a')}\nplain\n".encode()), name="host.log.gz")
    assert logs["message"].tolist() == ["a", "plain"]


def test_line_ends_of_windows(load):
    logs = load(record(1, "a") + "\r", "plain\r", "")
    assert logs["message"].tolist() == ["a", "plain"]


# What is no text, and odd files.


@pytest.mark.parametrize(
    "content", [b"\0", b"PNG\x00\x01", b"plain\n" * 100 + b"\0", "plain\n".encode("utf-16")]
)
def test_nul_bytes_are_no_text(load, content):
    with pytest.raises(ga.BadFile, match="not a text file") as caught:
        load(content)
    assert caught.value.hint


def test_a_nul_in_the_json_of_a_record_is_text(load):
    assert len(load(record(1, "a\0b"))) == 1


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "shift-jis"])
def test_a_wrong_encoding_stops_nothing(load, encoding):
    text = "表" if encoding == "shift-jis" else "Größe"
    logs = load(f"2026-06-01T08:00:01Z ERROR {text}".encode(encoding))
    assert logs["level"].tolist() == ["ERROR"]


def test_a_wrong_encoding_shows_where_it_cannot_be_read(load):
    assert load("Größe".encode("latin-1"))["message"].tolist() == ["Gr\ufffd\ufffde"]


def test_the_right_encoding_is_read_as_it_is(load):
    assert load("Größe 表")["message"].tolist() == ["Größe 表"]


def test_a_mark_at_the_beginning_is_no_part_of_the_line(load):
    assert load(b"\xef\xbb\xbfplain")["message"].tolist() == ["plain"]


@pytest.mark.parametrize("content", [b"", b"\n", b" \n\t\n\r\n"])
def test_an_empty_file_has_no_record(load, content):
    logs = load(content)
    assert (len(logs), logs.attrs["source"]["lines"]) == (0, 0)


def test_an_empty_file_is_unclear(load):
    assert ga.diagnose(load(b"")).verdict == "unclear"


def test_a_huge_line_is_one_record(load):
    logs = load(record(1, "a"), "ERROR " + "x" * (3 << 20), record(2, "b"))
    assert logs["message"].str.len().tolist()[::2] == [1, 1]
    assert logs["level"].tolist() == ["INFO", "ERROR", "INFO"]


def test_a_huge_line_keeps_its_first_mebibyte():
    assert len(loose_record(b"x" * (3 << 20), "host").row.message) == 1 << 20


@pytest.mark.parametrize(
    "line",
    [
        b"[" * (1 << 20),
        b" " * (1 << 20) + b"x",
        b'{"a":' * (1 << 18),
        b"2026-06-01 08:00:01 " * (1 << 16),
        b"[[[error" * (1 << 17),
        b"a" * (1 << 20) + b":",
    ],
    ids=["brackets", "spaces", "objects", "times", "levels", "name"],
)
def test_a_hostile_line_is_read_fast(line):
    begun = time.perf_counter()
    loose_record(line, "host")
    assert time.perf_counter() - begun < 2, "some milliseconds are usual: an expression backtracks"


def test_json_that_nests_too_deeply_is_a_line(load):
    assert len(load(b'{"a":' * 10_000, record(1, "a"))) == 2
