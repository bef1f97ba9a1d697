"""Logs from files: every line by the rules of the wire, filters as the database has them, problems told."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import godot_analysis as ga
from godot_analysis import columns
from godot_analysis.loading.records import UnusableRecordError, derived_ids, read_record
from godot_daemon.replay import Replayed, _entries, lines_of

EXAMPLES = sorted((Path(__file__).parents[3] / "clients" / "wire" / "examples").glob("*.json"))

TRACE = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


def line(number: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "component": "relay",
        "level": "INFO",
        "message": f"number {number}",
        "event_created_at": f"2026-01-01T00:00:{number:02}+00:00",
        **more,
    }


@pytest.fixture
def write(tmp_path: Path):
    def write(*lines: Any, name: str = "log.jsonl") -> Path:
        path = tmp_path / name
        text = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines]
        content = b"".join(one + b"\n" for one in text)
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_golden_records(path: Path):
    example = json.loads(path.read_text())
    raw = example.get("raw")
    content = raw.encode() if raw is not None else base64.b64decode(example["raw_base64"])
    if example["stored"] is None:
        with pytest.raises(UnusableRecordError, match=f"^{example['reason']}$"):
            read_record(content)
        return
    row = read_record(content)
    found = row._asdict()
    found["id"] = found["id"] or "<derived>"
    micros = found["event_created_at"]
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    found["event_created_at"] = (
        "<claim>"
        if micros is None
        else (epoch + dt.timedelta(microseconds=micros)).isoformat(timespec="microseconds")
    )
    assert found == example["stored"]


def test_the_columns_are_as_documented_also_when_nothing_is_found(write):
    path = write(line())
    full, empty = ga.load_logs(source=path), ga.load_trace(TRACE, source=path)
    assert list(full) == list(empty) == list(columns.LOGS)
    assert empty.empty
    for name in set(columns.LOGS) - {"component"}:
        assert full[name].dtype == empty[name].dtype, name
    assert isinstance(empty["component"].dtype, pd.CategoricalDtype)
    assert full["level"].cat.ordered
    assert str(full["event_created_at"].dtype) == "datetime64[us, UTC]"


def test_lines_in_any_order_come_in_order_of_time(write):
    logs = ga.load_logs(source=write(line(3), line(1), line(2)))
    assert logs["message"].tolist() == ["number 1", "number 2", "number 3"]
    assert [logs.attrs["lines"][record] for record in logs["id"]] == [2, 3, 1]


def test_bad_lines_are_told_and_stop_nothing(write):
    logs = ga.load_logs(source=write(line(1), b"not json", b"", b'{"level": "INFO"}', line(2)))
    assert (
        logs["message"].tolist() == ["record 1", "not json", '{"level": "INFO"}', "record 2"]
        or len(logs) == 4
    )
    assert [(problem["line"], problem["reason"]) for problem in logs.attrs["problems"]] == [
        (2, "not JSON"),
        (4, "no component"),
    ]


def test_lines_that_are_no_records_become_ordinary_records_and_are_counted(write):
    text = b"2026-06-01 08:10:01.031 [error] hazel: Client error for command spawn hazel-mcp ENOENT"
    pino = b'{"level": 50, "time": 1780000000000, "name": "birch", "msg": "boom", "pid": 7}'
    logs = ga.load_logs(source=write(line(1), text, pino, b"what is this"))
    found = logs.set_index("message")
    assert found.loc["Client error for command spawn hazel-mcp ENOENT", "component"] == "hazel"
    assert found.loc["Client error for command spawn hazel-mcp ENOENT", "level"] == "ERROR"
    assert found.loc["boom", ["component", "level"]].tolist() == ["birch", "ERROR"]
    assert found.loc["boom", "data"] == {"pid": 7, "name": "birch"}
    assert found.loc["what is this", "level"] == "INFO"
    assert logs.attrs["source"] == {"format": "godot", "files": 1, "lines": 4, "records": 4, "unparsed": 1}
    assert sorted(logs.attrs["lines"].values()) == [1, 2, 3, 4]


def test_a_file_of_text_alone_is_a_log_too(write):
    logs = ga.load_logs(source=write(b"PNG"))
    assert logs["message"].tolist() == ["PNG"]
    assert logs.attrs["source"]["format"] == "text"


def test_what_is_no_text_is_refused(write):
    with pytest.raises(ga.BadFile, match="not a text file"):
        ga.load_logs(source=write(b"PNG\x00\x01"))


def test_an_empty_file_is_an_empty_log(write):
    assert ga.load_logs(source=write()).empty


@pytest.mark.parametrize("name", ["a.jsonl.gz", "renamed.jsonl"])
def test_gzip_is_recognised(write, tmp_path: Path, name: str):
    path = write(line(), name="a.jsonl.gz").rename(tmp_path / name)
    assert len(ga.load_logs(source=path)) == 1


def test_a_cut_off_gzip_is_a_bad_file(write):
    path = write(line(), name="a.jsonl.gz")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ga.BadFile):
        ga.load_logs(source=path)


def test_a_missing_file_is_a_bad_file(tmp_path: Path):
    with pytest.raises(ga.BadFile, match="no such file"):
        ga.load_logs(source=tmp_path / "none.jsonl")


def test_ids_of_lines_without_one_are_the_same_at_every_reading(write):
    path = write(line(1), line(1), line(2))
    first, second = ga.load_logs(source=path), ga.load_logs(source=path)
    assert first["id"].tolist() == second["id"].tolist()
    assert first["id"].is_unique
    assert first["id"].tolist() == derived_ids(path.read_bytes().splitlines())


def test_a_windows_line_end_changes_no_id():
    assert derived_ids([b"{}\r\n"]) == derived_ids([b"{}\n"]) == derived_ids([b"{}"])


@pytest.mark.parametrize("name", ["log.jsonl", "log.jsonl.gz"])
def test_a_byte_order_mark_belongs_to_the_file_as_replay_has_it(write, name: str):
    path = write(b"\xef\xbb\xbf" + json.dumps(line(1)).encode(), line(1), line(2), name=name)
    logs = ga.load_logs(source=path)
    assert logs["data"].tolist() == [None, None, None], "nothing was repaired"
    with path.open("rb") as file:
        pushed = [json.loads(entry)["id"] for entry in _entries(lines_of(file), Replayed())]
    assert logs["id"].tolist() == pushed


def test_an_archive_that_holds_nothing_is_an_empty_log(tmp_path: Path):
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    empty = pa.schema([(name, pa.string()) for name in columns.LOGS])
    for name in ("event_created_at", "ingestion_created_at"):
        empty = empty.set(empty.get_field_index(name), pa.field(name, pa.timestamp("us", "UTC")))
    empty = empty.set(empty.get_field_index("seq"), pa.field("seq", pa.int64()))
    parquet.write_table(empty.empty_table(), tmp_path / "day.parquet")
    assert ga.load_logs(source=tmp_path, start="1h").empty
    assert ga.list_traces(source=tmp_path).empty


def test_a_record_without_a_time_stays_where_it_stands(write):
    bare = {"component": "relay", "level": "INFO", "message": "when?"}
    logs = ga.load_logs(source=write(bare, line(1), bare, line(2)))
    assert logs["message"].tolist() == ["when?", "number 1", "when?", "number 2"]
    assert logs["event_created_at"].is_monotonic_increasing
    assert logs["data"].iloc[0] == {"_repaired": ["event_created_at: missing"]}


@pytest.fixture
def several(write) -> Path:
    return write(
        line(1, trace_id=TRACE, level="debug", message="asked tools/list of gates"),
        line(2, component="gates", level="WARNING", message="slow", data={"ms": 900, "tags": ["a", "b"]}),
        line(
            3,
            component="gates",
            level="ERROR",
            message="gates failed",
            trace_id=TRACE.replace("-", "").upper(),
        ),
        line(59, message="last"),
    )


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ({}, [1, 2, 3, 59]),
        ({"component": "gates"}, [2, 3]),
        ({"component": "nobody"}, []),
        ({"level": "warn"}, [2, 3]),
        ({"level": "TRACE"}, [1, 2, 3, 59]),
        ({"trace_id": TRACE}, [1, 3]),
        ({"trace_id": TRACE.replace("-", "")}, [1, 3]),
        ({"start": "2026-01-01T01:00:02+01:00"}, [2, 3, 59]),
        ({"start": dt.datetime(2026, 1, 1, 0, 0, 2, tzinfo=dt.UTC), "end": "2026-01-01T00:00:03Z"}, [2]),
        ({"start": "57s"}, [2, 3, 59]),
        ({"start": dt.timedelta(seconds=56)}, [3, 59]),
        ({"end": "2026-01-01"}, []),
        ({"search": "gates"}, [1, 3]),
        ({"search": "tools/list"}, [1]),
        ({"search": '"list of"'}, [1]),
        ({"search": '"of list"'}, []),
        ({"search": "gates -failed"}, [1]),
        ({"search": "slow or last"}, [2, 59]),
        ({"data": {"ms": 900}}, [2]),
        ({"data": {"tags": ["b"]}}, [2]),
        ({"data": {"ms": 901}}, []),
        ({"limit": 2}, [3, 59]),
        ({"limit": 0}, []),
        ({"level": "WARN", "limit": 1}, [3]),
    ],
)
def test_filters(several: Path, filters: dict[str, Any], numbers: list[int]):
    logs = ga.load_logs(source=several, **filters)
    assert logs["event_created_at"].dt.second.tolist() == numbers


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ({"level": "LOUD"}, "unknown level"),
        ({"level": 3}, "unknown level"),
        ({"trace_id": "abc"}, "not a trace id"),
        ({"start": "yesterday"}, "start is not a time"),
        ({"end": 7}, "end is not a time"),
        ({"limit": -1}, "limit is a count"),
        ({"limit": True}, "limit is a count"),
        ({"data": [1]}, "data is a dict"),
        ({"search": 1}, "search is text"),
        ({"component": 1}, "component is a name"),
    ],
)
def test_a_bad_filter_says_what_to_write(several: Path, filters: dict[str, Any], said: str):
    with pytest.raises(ga.BadFilter, match=said) as caught:
        ga.load_logs(source=several, **filters)
    assert caught.value.hint


def test_traces(several: Path):
    traces = ga.list_traces(source=several)
    assert list(traces) == list(columns.TRACES)
    row = traces.iloc[0]
    assert (row["trace_id"], row["records"], row["errors"], row["status"]) == (TRACE, 2, 1, "error")
    assert row["components"] == ["gates", "relay"]
    assert row["title"] == "asked tools/list of gates"
    assert row["duration_ms"] == 2000
    assert ga.list_traces(source=several, status="ok").empty
    assert ga.list_traces(source=several, component="gates")["records"].tolist() == [2]
    assert ga.list_traces(source=several, since="1s").empty
    with pytest.raises(ga.BadFilter, match="unknown status"):
        ga.list_traces(source=several, status="fine")


def test_a_source_that_is_nothing_known():
    with pytest.raises(ga.BadSource, match="neither a database URL nor a file"):
        ga.load_logs(source="gates")
    with pytest.raises(ga.BadSource, match="no PostgreSQL"):
        ga.load_logs(source="mysql://localhost/godot")


def test_an_unreachable_database_says_so_without_the_password(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    secret = tmp_path / "url"
    secret.write_text("postgresql://me:hunter2@127.0.0.1:1/godot\n")
    monkeypatch.delenv("GODOT_DATABASE_URL", raising=False)
    monkeypatch.setenv("GODOT_DATABASE_URL_FILE", str(secret))
    with pytest.raises(ga.SourceUnavailable) as caught:
        ga.load_logs()
    assert "127.0.0.1:1" in str(caught.value)
    assert "hunter2" not in repr(caught.value.__dict__) + str(caught.value)


def test_half_a_surrogate_pair_harms_nothing():
    payload = '{"jsonrpc": "2.0", "id": 1, "method": "\\ud800"}'
    mcp = {"direction": "sent", "peer": "gates", "payload": payload}
    logs = ga.from_records([{"component": "relay\ud83d", "message": "\ud800", "data": {"mcp": mcp}}])
    assert logs["component"].tolist() == ["relay\ufffd"]
    assert len(ga.reconstruct(logs).calls) == 1


def test_nothing_is_printed(several: Path, capsys: pytest.CaptureFixture[str]):
    ga.reconstruct(ga.load_logs(source=several))
    assert capsys.readouterr() == ("", "")
