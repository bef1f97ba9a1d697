"""Writing batches into a real PostgreSQL: exactly once, and one bad record costs nobody else."""

from __future__ import annotations

import base64
import datetime as dt
import json
import threading
import uuid
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from psycopg import sql

from godot_daemon.batching import Batch
from godot_daemon.errors import SetupError, UnavailableError
from godot_daemon.record import DeadRecord, Origin, show_uuid
from godot_daemon.settings import Settings
from godot_daemon.sink import PostgresSink, prepare
from godot_wire.record import EPOCH

EXAMPLES = sorted((Path(__file__).parents[2] / "clients/wire/examples").glob("*.json"))
NOW_US = (dt.datetime.now(dt.UTC) - EPOCH) // dt.timedelta(microseconds=1)
REFUSED = b'{"n": 1e400000}'  # JSON, but no numeric of PostgreSQL


def batch(entries, base=0, claimed_us=NOW_US, epoch="epoch"):
    return Batch(f"{base}-{claimed_us}", Origin(epoch, base, claimed_us), entries)


def write(sink, entries, **where):
    return sink.write(prepare(batch(entries, **where)))


@pytest.fixture
def sink(settings):
    sink = PostgresSink(settings, "test")
    yield sink
    sink.close()


def test_golden_records_are_stored_as_they_should_be(sink, query):
    raws, expected = [], {}
    for path in EXAMPLES:
        example = json.loads(path.read_text())
        raw = example["raw"].encode() if "raw" in example else base64.b64decode(example["raw_base64"])
        if example["stored"] is not None:
            # Each as a record of its own, though most examples have the same id.
            record_id = str(uuid.uuid4())
            raw = raw.replace(b"019aa8f2-5c3b-7d10-8a44-3c1b5e9f0a01", record_id.encode())
            raw = raw.replace(b"019AA8F2-5C3B-7D10-8A44-3C1B5E9F0A01", record_id.upper().encode())
            derived = show_uuid(Origin("epoch", 0, 0).derived_id(len(raws), raw))
            stored = dict(example["stored"])
            stored["id"] = derived if stored["id"] == "<derived>" else record_id
            if stored["event_created_at"] == "<claim>":
                stored["event_created_at"] = (EPOCH + dt.timedelta(microseconds=NOW_US)).isoformat(
                    timespec="microseconds"
                )
            expected[stored["id"]] = stored
        raws.append(raw)
    outcome = write(sink, raws)
    assert outcome.stored == len(expected)
    assert outcome.received == len(raws)
    assert (
        sum(outcome.dead.values()) == len(raws) - len(expected) == query("select count(*) from dead_letters")
    )
    rows = query(
        "select id::text, trace_id::text, component, level, message, data,"
        " to_char(event_created_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US+00:00'), instance, seq from logs"
    )
    names = ("id", "trace_id", "component", "level", "message", "data", "event_created_at", "instance", "seq")
    assert {row[0]: dict(zip(names, row, strict=True)) for row in rows} == expected


def test_a_batch_that_comes_again_adds_nothing(sink, query, make_record):
    entries = [make_record() for _ in range(500)]
    assert write(sink, entries).stored == 500
    again = write(sink, entries)
    assert (again.stored, again.duplicate) == (0, 500)
    more = write(sink, [*entries[250:], *(make_record() for _ in range(100))])
    assert (more.stored, more.duplicate) == (100, 250)
    assert query("select count(*), count(distinct id) from logs") == [(600, 600)]
    assert query("select received, stored, duplicate, dead from ingest_ledger") == [(1350, 600, 750, 0)]


def test_the_same_record_twice_in_one_batch_is_one_row(sink, query, make_record):
    entry = make_record()
    outcome = write(sink, [entry, make_record(), entry])
    assert (outcome.stored, outcome.duplicate) == (2, 1)


def test_one_refused_record_among_999_good_ones(sink, query, make_record):
    entries = [make_record() for _ in range(1000)]
    entries[617] = make_record().replace(b'{"n": 1001}', REFUSED)
    assert REFUSED in entries[617]
    outcome = write(sink, entries)
    assert outcome.stored == 999
    assert outcome.dead == {"refused (22003)": 1}
    [(raw, reason, detail, component, seq)] = query(
        "select raw, reason, detail, component, seq from dead_letters"
    )
    assert raw == entries[617]
    assert (reason, component, seq) == ("refused (22003)", "gates", 1001)
    assert "numeric" in detail
    assert write(sink, entries).duplicate == 1000
    assert query("select count(*) from dead_letters") == 1


def test_a_batch_of_bad_records_only(sink, query, make_record):
    entries = [make_record().replace(b'{"n"', b'{"n": 1e400000, "m"') for _ in range(50)]
    outcome = write(sink, entries)
    assert outcome.stored == 0
    assert outcome.dead == {"refused (22003)": 50}
    assert query("select received, stored, duplicate, dead from ingest_ledger") == [(50, 0, 0, 50)]


def test_records_without_a_time_are_recognised_when_they_are_claimed_at_another_one(sink, query):
    entries = [b'{"component": "gates", "level": "INFO", "message": "%d"}' % n for n in range(10)]
    assert write(sink, entries).stored == 10
    again = write(sink, entries, claimed_us=NOW_US + 5_000_000)
    assert (again.stored, again.duplicate) == (0, 10)
    other = write(sink, entries, base=10)
    assert (other.stored, other.duplicate) == (10, 0)
    assert query("select count(distinct event_created_at) from logs") == 1


@pytest.mark.parametrize("timeless", [False, True])
def test_two_writers_of_one_batch_store_it_once(settings, query, make_record, timeless):
    entries = [make_record() for _ in range(300)]
    if timeless:
        entries = [make_record(event_created_at=None) for _ in range(300)]
    outcomes = []
    barrier = threading.Barrier(2)

    def work(claimed_us):
        sink = PostgresSink(settings, "test")
        prepared = prepare(batch(entries, claimed_us=claimed_us))
        barrier.wait(60)
        outcomes.append(sink.write(prepared))
        sink.close()

    threads = [threading.Thread(target=work, args=(NOW_US + offset,)) for offset in (0, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(outcome.stored for outcome in outcomes) == [0, 300]
    assert query("select count(*) from logs") == 300


anything = (
    st.binary(max_size=40)
    | st.dictionaries(
        st.sampled_from(
            [
                "id",
                "component",
                "level",
                "message",
                "data",
                "trace_id",
                "event_created_at",
                "instance",
                "seq",
                "x",
            ]
        ),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats()
            | st.text(max_size=6)
            | st.text('\x00\ud800\\"', max_size=4),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
            ),
            max_leaves=6,
        ),
    ).map(lambda value: json.dumps(value).encode())
    | st.sampled_from(
        [
            b'{"component": "a", "data": {"n": 1e400000}, "event_created_at": "2026-11-21T00:00:00Z"}',
            b'{"component": "a", "level": "INFO", "message": "m", "event_created_at": "2026-11-21T00:00:00Z"}',
        ]
    )
)


@given(st.lists(anything, max_size=8), st.data())
@hypothesis_settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_is_pushed_ends_as_one_row_or_one_dead_letter_however_often_it_comes(
    sink, query, entries, data
):
    base = data.draw(st.integers(0, 2**40))
    epoch = uuid.uuid4().hex

    def total():
        return query("select count(*) from logs") + query("select count(*) from dead_letters")

    def own_ids():
        return {decoded.id for decoded in prepared.records} | {dead.id for dead in prepared.dead}

    prepared = prepare(batch(entries, base=base, epoch=epoch))
    before = total()
    first = sink.write(prepared)
    assert first.received == len(entries)
    assert total() - before == first.stored + sum(first.dead.values()) <= len(own_ids())
    # Redelivered in other batches, as after a takeover or a crash of Redis.
    cut = data.draw(st.integers(0, len(entries)))
    second = write(sink, entries[:cut], base=base, epoch=epoch)
    third = write(sink, entries[cut:], base=base + cut, epoch=epoch, claimed_us=NOW_US + 1)
    assert second.duplicate + third.duplicate == len(entries)
    assert total() - before == first.stored + sum(first.dead.values())


def test_a_login_that_may_only_insert_is_enough(settings, database_url, query, make_record):
    name = f"ingest_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(sql.SQL("create role {} login in role godot_writer").format(sql.Identifier(name)))
    try:
        url = database_url.replace("postgres@", f"{name}@")
        sink = PostgresSink(Settings.load({"database_url": url, "redis_url": settings.redis_url}, {}), "test")
        entries = [make_record() for _ in range(10)]
        refused = make_record().replace(b'{"n": 11}', REFUSED)
        assert write(sink, entries).stored == 10
        mixed = write(sink, [*entries[:5], refused, make_record(event_created_at=None), b"no JSON"])
        assert (mixed.stored, mixed.duplicate, sum(mixed.dead.values())) == (1, 5, 2)
        sink.close()
        with psycopg.connect(url) as login, pytest.raises(psycopg.errors.InsufficientPrivilege):
            login.execute("select * from logs")
    finally:
        with psycopg.connect(database_url, autocommit=True) as admin:
            admin.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


def test_a_superuser_becomes_the_writer(sink, query, make_record):
    write(sink, [make_record()])
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        sink._connection.execute("select * from logs")


def test_a_connection_that_is_cut_is_made_again(sink, query, make_record):
    write(sink, [make_record()])
    query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'godot ingest'"
        " and datname = current_database()"
    )
    entries = [make_record() for _ in range(3)]
    with pytest.raises(UnavailableError, match="does not answer"):
        write(sink, entries)
    assert write(sink, entries).stored == 3


def test_a_locked_table_is_waited_for_and_then_tried_with_more_patience(settings, database_url, make_record):
    impatient = Settings.load(
        {"database_url": database_url, "redis_url": settings.redis_url, "database_timeout": 1}, {}
    )
    calls = []
    sink = PostgresSink(impatient, "test", lambda seconds, state: calls.append(state))
    entries = [make_record()]
    with psycopg.connect(database_url) as other:
        other.execute("lock table logs in access exclusive mode")
        with pytest.raises(UnavailableError, match="57014"):
            write(sink, entries)
    assert sink._patience == 2
    assert write(sink, entries).stored == 1
    assert sink._patience == 1
    assert calls == ["57", None]
    sink.close()


def test_a_missing_table_or_database_is_for_a_person_to_repair(settings, empty_database_url, make_record):
    for url, advice in (
        (empty_database_url, "godot db upgrade"),
        (empty_database_url + "_not", "GODOT_DATABASE_URL"),
    ):
        sink = PostgresSink(Settings.load({"database_url": url, "redis_url": settings.redis_url}, {}), "test")
        with pytest.raises(SetupError) as caught:
            write(sink, [make_record()])
        assert advice in str(caught.value)
        sink.close()


def test_an_own_id_of_a_hopeless_record_does_not_hide_another_one(sink, query, make_record):
    hopeless = json.dumps({"id": str(uuid.uuid4()), "message": "no component"}).encode()
    assert isinstance(prepare(batch([hopeless])).dead[0], DeadRecord)
    other = hopeless.replace(b"no component", b"another")
    assert write(sink, [hopeless, other]).dead == {"no component": 2}
    again = write(sink, [other, hopeless])  # as a replay of its file pushes it
    assert (again.dead, again.duplicate) == ({}, 2)
