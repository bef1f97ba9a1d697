"""The contract in clients/wire agrees with itself: schema, golden records and redaction vectors."""

import base64
import json
import re
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

WIRE = Path(__file__).parents[3] / "clients" / "wire"
SCHEMA = json.loads((WIRE / "record.schema.json").read_text("utf-8"))
EXAMPLES = [json.loads(path.read_text("utf-8")) for path in sorted((WIRE / "examples").glob("*.json"))]
COLUMNS = ["id", "trace_id", "component", "level", "message", "data", "event_created_at", "instance", "seq"]
LEVELS = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR"}
VALIDATOR = Draft202012Validator(SCHEMA)

every_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"{e['class']}-{e['name']}")


def of_class(name):
    return pytest.mark.parametrize(
        "example", [e for e in EXAMPLES if e["class"] == name], ids=lambda e: e["name"]
    )


def raw(example):
    return base64.b64decode(example["raw_base64"]) if "raw_base64" in example else example["raw"].encode()


def parsed(example):
    return json.loads(raw(example))


def test_the_schema_is_a_schema():
    Draft202012Validator.check_schema(SCHEMA)


def test_there_are_examples_of_every_class():
    counts = {
        name: sum(e["class"] == name for e in EXAMPLES)
        for name in ("valid", "legacy", "repairable", "hopeless")
    }
    assert all(count >= 8 for count in counts.values()), counts


def test_a_file_is_named_after_its_example():
    names = sorted(f"{e['class']}-{e['name']}.json" for e in EXAMPLES)
    assert names == sorted(path.name for path in (WIRE / "examples").glob("*.json"))


@every_example
def test_the_form_of_an_example(example):
    keys = {"name", "class", "why", "stored", "repairs"} | {
        "raw_base64" if "raw_base64" in example else "raw"
    }
    assert set(example) == keys | ({"reason"} if example["class"] == "hopeless" else set())
    assert isinstance(raw(example), bytes)


@of_class("valid")
def test_valid_records_follow_the_schema_and_are_stored_as_they_are(example):
    record, stored = parsed(example), example["stored"]
    VALIDATOR.validate(record)
    for column in set(COLUMNS) - {"event_created_at"}:
        assert stored[column] == record.get(column), column
    assert example["repairs"] == []


@of_class("legacy")
def test_legacy_records_carry_no_new_mark(example):
    record = parsed(example)
    assert example["repairs"] == []
    earlier = record["data"].get("_repaired") if isinstance(record.get("data"), dict) else None
    assert ((example["stored"]["data"] or {}).get("_repaired")) == earlier


@of_class("repairable")
def test_repaired_records_carry_their_marks(example):
    marks = example["repairs"]
    assert marks
    assert example["stored"]["data"]["_repaired"][-len(marks) :] == marks
    assert all(len(mark) <= 200 for mark in marks)


@of_class("hopeless")
def test_hopeless_records_have_a_reason_and_nothing_stored(example):
    assert example["stored"] is None
    assert example["repairs"] == []
    assert example["reason"] in {"not JSON", "not an object", "no component"}


@every_example
def test_what_is_stored_fits_the_table(example):
    stored = example["stored"]
    if stored is None:
        return
    assert list(stored) == COLUMNS
    assert stored["id"] == "<derived>" or str(uuid.UUID(stored["id"])) == stored["id"]
    assert stored["trace_id"] is None or str(uuid.UUID(stored["trace_id"])) == stored["trace_id"]
    assert 1 <= len(stored["component"]) <= 64
    assert stored["level"] in LEVELS
    assert isinstance(stored["message"], str)
    assert stored["data"] is None or isinstance(stored["data"], dict)
    assert stored["instance"] is None or isinstance(stored["instance"], str)
    assert stored["seq"] is None or 0 <= stored["seq"] < 2**63
    assert not re.search("[\ud800-\udfff]|\x00", json.dumps(stored, ensure_ascii=False))
    if stored["event_created_at"] != "<claim>":
        moment = datetime.fromisoformat(stored["event_created_at"])
        assert moment.tzinfo is UTC
        assert stored["event_created_at"] == moment.isoformat(timespec="microseconds")


@every_example
def test_times_with_a_zone_are_the_same_instant(example):
    if example["class"] not in {"valid", "legacy"}:
        return
    record = parsed(example)
    moment = datetime.fromisoformat((record.get("event_created_at") or record["created_at"]).strip())
    assert datetime.fromisoformat(example["stored"]["event_created_at"]) == moment


def test_epoch_numbers_are_the_right_instants():
    stored = {e["name"]: (parsed(e), e["stored"]) for e in EXAMPLES if e["name"].startswith("time-epoch-")}
    for name, unit in [("time-epoch-seconds", 1), ("time-epoch-milliseconds", 1000)]:
        record, row = stored[name]
        moment = datetime.fromtimestamp(record["event_created_at"] / unit, UTC)
        assert row["event_created_at"] == moment.isoformat(timespec="microseconds")


def test_every_mark_of_the_reference_is_shown_by_an_example():
    reference = (WIRE / "README.md").read_text("utf-8")
    table = reference.partition("Repaired and marked.")[2].partition("Dead letters,")[0]
    documented = set(
        re.findall(r"`([a-z_]+: [^`]*?)(?:: <original>|<n> bytes)?` \|$", table, flags=re.MULTILINE)
    )
    shown = {mark for e in EXAMPLES for mark in e["repairs"]}
    untested = {mark for mark in documented if not any(text.startswith(mark) for text in shown)}
    assert untested == {"message: cut from ", "data: too large: "}
