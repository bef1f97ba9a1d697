"""What raw entries become: the golden records, the rules about size, and whatever Hypothesis thinks of."""

from __future__ import annotations

import base64
import datetime as dt
import json
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from godot_analysis.loading.records import derived_ids
from godot_daemon.copying import COLUMNS, encode
from godot_daemon.decoding import decode
from godot_daemon.record import DeadRecord, Origin, Record, parse_uuid, show_uuid
from godot_wire.record import EPOCH, derived_id

EXAMPLES = sorted((Path(__file__).parents[3] / "clients/wire/examples").glob("*.json"))
ORIGIN = Origin("0123456789abcdef", 1000, 1_795_296_965_123_456)
CLAIM = "2026-11-21T21:36:05.123456+00:00"


def one(raw: bytes, origin: Origin = ORIGIN) -> Record | DeadRecord:
    [decoded] = decode([raw], origin)
    return decoded


def record(raw: bytes | str) -> Record:
    decoded = one(raw.encode() if isinstance(raw, str) else raw)
    assert isinstance(decoded, Record), decoded
    return decoded


def columns(found: Record) -> dict:
    return {
        "id": show_uuid(found.id),
        "trace_id": show_uuid(found.trace_id),
        "component": found.component,
        "level": found.level,
        "message": found.message,
        "data": None if found.data is None else json.loads(found.data),
        "event_created_at": (EPOCH + dt.timedelta(microseconds=found.event_created_at)).isoformat(
            timespec="microseconds"
        ),
        "instance": found.instance,
        "seq": found.seq,
    }


def wire(**changes) -> bytes:
    fields = {
        "id": "019aa8f2-5c3b-7d10-8a44-3c1b5e9f0a01",
        "component": "gates",
        "level": "INFO",
        "message": "m",
        "event_created_at": "2026-11-21T21:36:05.019254+00:00",
    }
    return json.dumps({**fields, **changes}).encode()


def marks(found: Record) -> list[str]:
    return json.loads(found.data or b"{}").get("_repaired", [])


def test_there_are_golden_records():
    assert len(EXAMPLES) > 50


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_golden_record(path):
    example = json.loads(path.read_text())
    raw = example["raw"].encode() if "raw" in example else base64.b64decode(example["raw_base64"])
    found = one(raw)
    if example["stored"] is None:
        assert isinstance(found, DeadRecord)
        assert (found.reason, found.raw) == (example["reason"], raw)
        return
    assert isinstance(found, Record), found
    expected = dict(example["stored"])
    if expected["id"] == "<derived>":
        expected["id"] = show_uuid(ORIGIN.derived_id(0, raw))
    assert found.claim_timed == (expected["event_created_at"] == "<claim>")
    if found.claim_timed:
        expected["event_created_at"] = CLAIM
    assert columns(found) == expected


def test_numbers_keep_every_digit():
    digits = "1" * 400
    found = record(
        wire(level="loud").replace(b'"m"', b'"m", "data": {"n": %s, "d": 1.10, "e": 1E5}' % digits.encode())
    )
    assert f'"n":{digits},"d":1.10,"e":1E5'.encode() in found.data


def test_a_message_over_a_mebibyte_is_cut_between_characters():
    found = record(wire(message="é" * 600_000))
    assert len(found.message.encode()) <= 1 << 20
    assert set(found.message) == {"é"}
    assert marks(found) == ["message: cut from 1200000 bytes"]


def test_a_record_over_16_mebibytes_keeps_the_head_of_its_data():
    text = "x" * (17 << 20)
    data = json.loads(record(wire(data={"text": text})).data)
    assert data["_truncated"] == {"bytes": len(text) + 11, "head": ('{"text":"' + text)[:4096]}
    assert data["_repaired"] == [f"data: too large: {len(text) + 11} bytes"]


@pytest.mark.parametrize("depth", [201, 1_000, 20_000, 300_000])
def test_any_depth_of_data_is_stored(depth):
    raw = wire(data=None).replace(b'"data": null', b'"data": {"deep": %s}' % (b"[" * depth + b"]" * depth))
    assert b'"deep"' in raw
    assert marks(record(raw)) == ["data: nested deeper than 200 levels"]


def test_hostile_text_takes_linear_time():
    for raw in (b'"' + b'\\"' * 500_000, b"[" * 500_000, b'{"a":' * 200_000, b"{" + b'"[' * 300_000):
        started = time.process_time()
        assert isinstance(one(raw), DeadRecord)
        assert time.process_time() - started < 5, raw[:20]


def test_huge_numbers_where_a_time_belongs_do_not_fill_the_memory():
    for number in (b"1e999999999", b"9" * 100_000, b"1e99999999999999999999999"):
        found = record(wire(event_created_at=0).replace(b": 0}", b": " + number + b"}"))
        assert marks(found)[0].startswith("event_created_at: out of range")


def test_both_names_of_the_time_keep_both():
    found = record(wire(created_at="2026-01-01T00:00:00Z"))
    assert columns(found)["event_created_at"].startswith("2026-11-21")
    assert json.loads(found.data)["_extra"] == {"created_at": "2026-01-01T00:00:00Z"}


def test_derived_ids_depend_on_the_place_and_nothing_else():
    raw = b'{"component": "a", "level": "INFO", "message": "m", "created_at": "2026-11-21T21:36:05Z"}'
    first, second = decode([raw, raw], ORIGIN)
    assert first.id != second.id
    assert decode([raw], Origin(ORIGIN.epoch, ORIGIN.base + 1, 99))[0].id == second.id
    assert decode([raw], Origin("another epoch", ORIGIN.base, 99))[0].id != first.id
    assert first.id[6] >> 4 == 8
    assert first.id[8] >> 6 == 0b10


def test_derived_ids_of_lines_are_those_of_the_analysis():
    lines = [b"{}\n", b"{}\r\n", b"x"]
    expected = [derived_id(b"file|0|{}"), derived_id(b"file|1|{}"), derived_id(b"file|0|x")]
    assert derived_ids(lines) == [show_uuid(value) for value in expected]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        " " * 36,
        "019aa8f2-5c3b-7d10-8a44-3c1b5e9f0a0g",
        "019aa8f25-c3b-7d10-8a44-3c1b5e9f0a01",
        "{019aa8f2-5c3b-7d10-8a44-3c1b5e9f0a01}",
        "0 9aa8f25c3b7d108a443c1b5e9f0a01",
        "\N{ARABIC-INDIC DIGIT ZERO}" * 32,
    ],
)
def test_what_is_no_uuid(text):
    assert parse_uuid(text) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.text('\x00\ud800\udfff\\"a'),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
keys = st.sampled_from([*COLUMNS, "created_at", "other"]) | st.text(max_size=4)
entries = (
    st.binary(max_size=80)
    | st.dictionaries(keys, json_values, max_size=8).map(lambda value: json.dumps(value).encode())
    | st.dictionaries(keys, json_values, max_size=8).map(
        lambda value: json.dumps({"component": "c", **value}, ensure_ascii=False).encode(
            "utf-8", "surrogatepass"
        )
    )
)


@given(st.lists(entries, max_size=6))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_pushed_becomes_a_row_that_postgresql_takes_or_a_dead_letter(pushed):
    decoded = decode(pushed, ORIGIN)
    assert len(decoded) == len(pushed)
    for raw, found in zip(pushed, decoded, strict=True):
        if isinstance(found, DeadRecord):
            assert found.raw == raw
            assert found.reason in {"not JSON", "not an object", "no component"}
            continue
        for text in (found.component, found.message, found.instance or "", (found.data or b"{}").decode()):
            assert "\x00" not in text
            text.encode()
        assert 1 <= len(found.component) <= 64
        assert found.level in {"TRACE", "DEBUG", "INFO", "WARN", "ERROR"}
        assert b"\\u0000" not in (found.data or b"").replace(b"\\\\", b"")
        assert isinstance(json.loads(found.data or b"{}"), dict)
    assert decode(pushed, ORIGIN) == decoded
    encode([found for found in decoded if isinstance(found, Record)])
