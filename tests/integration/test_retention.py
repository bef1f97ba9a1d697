"""Retention on a real PostgreSQL: what goes, what stays, who may do it, and what happens in between."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import threading
import uuid

import psycopg
import pytest

import godot_analysis as ga
from godot_daemon import database, partitions, pins, retention, stats
from godot_daemon.archive import ParquetArchive
from godot_daemon.audit import audit
from godot_daemon.errors import SetupError, UnavailableError
from godot_daemon.redis_queue import RedisQueue

TODAY = dt.datetime.now(dt.UTC).date()
NOON = dt.time(12, tzinfo=dt.UTC)


@pytest.fixture
def connection(database_url):
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


@pytest.fixture
def reading(database_url):
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


@pytest.fixture
def other(database_url):
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


def noon(days_ago: int) -> dt.datetime:
    return dt.datetime.combine(TODAY - dt.timedelta(days=days_ago), NOON)


def fill(connection, moment: dt.datetime, count: int = 10, **columns) -> None:
    """Records of one moment, in the partition of its day or, where there is none, in the default one."""
    record = {"component": "gates", "level": "INFO", "message": "", "event_created_at": moment, **columns}
    connection.execute(
        f"insert into logs (id, {', '.join(record)}) select gen_random_uuid(), {', '.join(['%s'] * len(record))}"
        " from generate_series(1, %s)",
        [*record.values(), count],
    )


def day(connection, days_ago: int, count: int = 10, **columns) -> str:
    """A partition with records; returns its name."""
    partitions.ensure(connection, today=noon(days_ago).date(), days_ahead=0, days_back=0)
    fill(connection, noon(days_ago), count, **columns)
    return f"logs_{noon(days_ago):%Y_%m_%d}"


def names(connection) -> set[str]:
    return {partition.name for partition in partitions.listing(connection)}


def count(connection, where: str = "true", *values) -> int:
    return connection.execute(f"select count(*) from logs where {where}", values).fetchone()[0]


def retain(connection, *archive) -> retention.Outcome:
    return retention.retain(connection, retention.bound(connection), *archive)


class TestWhatGoes:
    def test_nothing_in_an_empty_database(self, connection):
        before = names(connection)
        assert retention.forecast(connection, retention.bound(connection)) == []
        assert retain(connection) == retention.Outcome(retention.bound(connection))
        assert names(connection) == before

    def test_whole_days_that_ended_so_many_days_ago(self, connection):
        gone, stays = day(connection, 8), day(connection, 7)
        outcome = retain(connection)
        assert [(step.partition, step.records) for step in outcome.retired] == [(gone, 10)]
        assert outcome.dropped == [gone]
        assert gone not in names(connection)
        assert stays in names(connection)
        assert count(connection) == 10

    def test_twice_is_once(self, connection):
        day(connection, 8)
        retain(connection)
        assert retain(connection).retired == []
        assert connection.execute("select count(*) from retention_log").fetchone() == (1,)

    def test_bounds_count_and_not_names(self, connection):
        connection.execute(
            "create table logs_2001_01_01 (like logs including defaults including constraints)"
        )
        connection.execute(
            "alter table logs attach partition logs_2001_01_01 for values from ('2090-01-01 00:00Z') to ('2090-01-02 00:00Z')"
        )
        connection.execute(
            'create table "Logs; drop table logs" (like logs including defaults including constraints)'
        )
        connection.execute(
            'alter table logs attach partition "Logs; drop table logs"'
            " for values from ('2001-01-01 00:00Z') to ('2001-01-03 00:00Z')"
        )
        fill(connection, dt.datetime(2090, 1, 1, 12, tzinfo=dt.UTC))
        fill(connection, dt.datetime(2001, 1, 2, 12, tzinfo=dt.UTC))
        outcome = retain(connection)
        assert [step.partition for step in outcome.retired] == ["Logs; drop table logs"]
        assert outcome.dropped == ["Logs; drop table logs"]
        assert count(connection) == 10

    @pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/New_York", "Europe/Berlin"])
    def test_days_are_of_utc_in_any_time_zone(self, connection, zone):
        connection.execute(f"set timezone = '{zone}'")
        midnight = dt.datetime.combine(TODAY, dt.time(), dt.UTC)
        for days in (1, 7, 30, 200):
            assert retention.bound(connection, days) == midnight - dt.timedelta(days=days)
        gone, stays = day(connection, 8), day(connection, 7)
        assert retain(connection).dropped == [gone]
        assert stays in names(connection)

    def test_the_forecast_is_what_happens(self, connection):
        trace = uuid.uuid4()
        pins.pin(connection, trace, owner="me")
        day(connection, 9, 30)
        day(connection, 8, 20)
        fill(connection, noon(8), 5, trace_id=trace)
        fill(connection, noon(500), 7, ingestion_created_at=noon(20))
        fill(connection, noon(400), 3, ingestion_created_at=noon(20), trace_id=trace)
        fill(connection, noon(300), 2)
        before = retention.bound(connection)
        expected = retention.forecast(connection, before)
        assert [(step.records, step.pinned, step.late) for step in expected] == [
            (30, 0, 0),
            (20, 5, 0),
            (7, 3, 2),
        ]
        assert retention.retain(connection, before).retired == expected
        assert retention.forecast(connection, before) == []

    def test_what_is_in_use_stays_and_the_rest_goes(self, connection, other):
        connection.execute(
            "alter function retire_partition(text, timestamptz, bigint, bigint, text) set lock_timeout = '50ms'"
        )
        used, gone = day(connection, 9), day(connection, 8)
        with other.transaction():
            other.execute(f"insert into {used} select * from {used} limit 0")
            outcome = retain(connection)
        assert outcome.dropped == [gone]
        assert outcome.problems == [f"{used} is in use: it stays until the next run"]
        assert retain(connection).dropped == [used]

    def test_who_reads_everything_delays_only_the_end(self, connection, other):
        """A long query of a notebook holds retention up, and nobody queues behind it for long."""
        for function in ("retire_partition(text, timestamptz, bigint, bigint, text)",):
            connection.execute(f"alter function {function} set lock_timeout = '50ms'")
        used = day(connection, 8)
        with other.transaction():
            other.execute("select count(*) from logs")
            assert retain(connection).problems == [f"{used} is in use: it stays until the next run"]
        assert retain(connection).dropped == [used]


class TestWhatStays:
    def test_a_pinned_trace_whole_and_where_every_query_finds_it(self, connection, database_url):
        trace = uuid.uuid4()
        name = day(connection, 8, 1000)
        fill(connection, noon(8), 5, trace_id=trace)
        fill(connection, noon(0), 2, trace_id=trace)
        before = ga.load_trace(trace, source=database_url)
        pins.pin(connection, trace, owner="me")
        [step] = retain(connection).retired
        assert (step.records, step.pinned, step.late) == (1000, 5, 0)
        assert name in names(connection)
        after = ga.load_trace(trace, source=database_url)
        assert after.equals(before)
        identity, moment = after["id"][0], after["event_created_at"][0]
        inserted = connection.execute(
            "insert into logs (id, component, level, message, event_created_at) values (%s, 'gates', 'INFO', '', %s)"
            " on conflict do nothing",
            (identity, moment.to_pydatetime()),
        )
        assert inserted.rowcount == 0, "a second delivery is recognised"

    def test_until_its_pin_ends(self, connection):
        trace = uuid.uuid4()
        name = day(connection, 8, 3, trace_id=trace)
        pins.pin(connection, trace, owner="me", expires_at=dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))
        assert retain(connection).retired == []
        connection.execute("update pinned_traces set expires_at = now() - interval '1 second'")
        [pin] = pins.pins(connection)
        assert (pin.expired, pin.records) == (True, 3)
        assert retain(connection).dropped == [name]
        assert count(connection) == 0

    def test_until_it_is_unpinned(self, connection):
        trace = uuid.uuid4()
        day(connection, 8, 3, trace_id=trace)
        pins.pin(connection, trace, owner="me")
        retain(connection)
        assert pins.unpin(connection, trace)
        assert not pins.unpin(connection, trace)
        retain(connection)
        assert count(connection) == 0

    def test_a_pin_waits_for_a_retention_at_work_and_tells_the_truth(self, connection, other, eventually):
        trace = uuid.uuid4()
        day(connection, 8, 3, trace_id=trace)
        kept = []
        with connection.transaction():
            connection.execute(
                "select retire_partition(%s, retention_bound(7))", (f"logs_{noon(8):%Y_%m_%d}",)
            )
            thread = threading.Thread(target=lambda: kept.append(pins.pin(other, trace, owner="me")))
            thread.start()
            eventually(lambda: waiting(connection))
            assert kept == []
        thread.join(10)
        assert kept[0].records == 0

    def test_late_records_and_wrong_clocks_are_kept_as_long_from_their_arrival(self, connection):
        for moment in (
            noon(20),
            dt.datetime(1970, 1, 1, tzinfo=dt.UTC),
            dt.datetime(2099, 12, 31, tzinfo=dt.UTC),
        ):
            fill(connection, moment, 2)
        assert retain(connection).retired == []
        assert stats.collect(connection).default_rows == 6
        connection.execute(
            "update logs_default set ingestion_created_at = ingestion_created_at - interval '9 days'"
        )
        fill(connection, noon(20), 1)
        [step] = retain(connection).retired
        assert (step.partition, step.records, step.late) == ("logs_default", 6, 1)
        assert count(connection) == 1

    def test_late_records_of_a_day_that_holds_only_pinned_ones(self, connection):
        trace = uuid.uuid4()
        pins.pin(connection, trace, owner="me")
        name = day(connection, 8, 3, trace_id=trace)
        fill(connection, noon(8), 10)
        retain(connection)
        fill(connection, noon(8), 2)
        assert retain(connection).retired == []
        assert count(connection) == 5
        connection.execute("update retention_log set retired_at = retired_at - interval '20 days'")
        connection.execute(
            f"update {name} set ingestion_created_at = ingestion_created_at - interval '9 days' where trace_id is null"
        )
        [step] = retain(connection).retired
        assert (step.records, step.pinned) == (2, 3)

    def test_many_strays_go_in_portions(self, connection, monkeypatch):
        monkeypatch.setattr(retention, "STRAYS_AT_ONCE", 10)
        fill(connection, noon(30), 35, ingestion_created_at=noon(20))
        [step] = retain(connection).retired
        assert step.records == 35
        assert connection.execute("select array_agg(records order by id) from retention_log").fetchone() == (
            [10, 10, 10, 5],
        )


def waiting(connection) -> bool:
    connection.execute("select pg_stat_clear_snapshot()")
    return connection.execute(
        "select exists (select from pg_stat_activity"
        " where datname = current_database() and wait_event_type = 'Lock')"
    ).fetchone()[0]


class TestWhoMay:
    @pytest.fixture
    def writer(self, connection, other):
        self.name = day(connection, 8)
        day(connection, 7)
        other.execute("set role godot_writer")
        return other

    def test_the_writer_lets_go_what_has_expired(self, writer):
        assert retain(writer).dropped == [self.name]

    def test_and_nothing_else(self, writer):
        yesterday = f"logs_{noon(7):%Y_%m_%d}"
        for statement, refusal in (
            (
                f"select retire_partition('{yesterday}', retention_bound(1))",
                psycopg.errors.InsufficientPrivilege,
            ),
            (f"select retire_partition('{yesterday}', now())", psycopg.errors.InsufficientPrivilege),
            ("select retire_strays(now())", psycopg.errors.InsufficientPrivilege),
            (f"select drop_emptied_partition('{yesterday}', now())", psycopg.errors.InsufficientPrivilege),
            (
                f"select retire_partition('{yesterday}', retention_bound(7))",
                psycopg.errors.ObjectNotInPrerequisiteState,
            ),
            ("update retention set days = 1", psycopg.errors.InsufficientPrivilege),
            ("delete from retention_log", psycopg.errors.InsufficientPrivilege),
            ("select recount('{}', 'logs')", psycopg.errors.InsufficientPrivilege),
            ("delete from log_counts", psycopg.errors.InsufficientPrivilege),
        ):
            with pytest.raises(refusal):
                writer.execute(statement)
        assert writer.execute(
            "select retire_partition('logs_default', retention_bound(7)) is null"
        ).fetchone()[0]
        assert writer.execute("select retire_partition('pg_class', retention_bound(7)) is null").fetchone()[0]
        assert not writer.execute(
            f"select drop_emptied_partition('{yesterday}', retention_bound(7))"
        ).fetchone()[0]

    def test_the_reader_sees_the_forecast_and_removes_nothing(self, writer):
        writer.execute("set role godot_reader")
        assert len(retention.forecast(writer, retention.bound(writer))) == 1
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            retain(writer)

    def test_longer_needs_no_leave_shorter_an_admin(self, connection, godot, database_url):
        connection.execute(
            "do $$ begin create role only_writes login in role godot_writer;"
            " exception when duplicate_object then null; end $$"
        )
        env = {"GODOT_DATABASE_URL": database_url.replace("postgres@", "only_writes@")}
        day(connection, 8)
        assert godot("db", "retain", "--days", "30", env=env).returncode == 0
        assert count(connection) == 10
        refused = godot("db", "retain", "--days", "3", env=env)
        assert refused.returncode == 1
        assert "promises to keep 7 days" in refused.stderr
        assert "godot_admin" in refused.stderr
        assert godot("db", "retain", env=env).returncode == 0
        assert count(connection) == 0


class TestSeveralAtOnce:
    def test_a_second_maintainer_is_turned_away(self, connection, other, godot, database_url):
        name = day(connection, 8)
        other.execute("select pg_advisory_lock(hashtextextended('godot retention', 0))")
        with pytest.raises(UnavailableError, match="another retention is at work"):
            retain(connection)
        done = godot("db", "retain", env={"GODOT_DATABASE_URL": database_url})
        assert (done.returncode, done.stderr[:40]) == (1, "godot: another retention is at work (let")
        other.execute("select pg_advisory_unlock_all()")
        assert retain(connection).dropped == [name]

    def test_nothing_is_lost_that_is_written_meanwhile(self, connection, database_url):
        for days_ago in range(8, 14):
            day(connection, days_ago, 2000)
        stop, written, errors = threading.Event(), [0], []

        def write(moment) -> None:
            with psycopg.connect(database_url, autocommit=True) as writer:
                while not stop.is_set():
                    try:
                        fill(writer, moment, 20, component="beside")
                        written[0] += 20
                    except psycopg.Error as error:
                        errors.append(error)

        threads = [threading.Thread(target=write, args=(moment,)) for moment in (noon(0), noon(60))]
        for thread in threads:
            thread.start()
        outcome = retain(connection)
        stop.set()
        for thread in threads:
            thread.join(20)
        assert errors == []
        assert outcome.problems == []
        assert sum(step.records for step in outcome.retired) == 12_000
        assert count(connection, "component = 'beside'") > 0
        assert count(connection) == count(connection, "component = 'beside'")


class TestCounts:
    """`godot db stats` is exact before, during and after."""

    def same(self, connection) -> None:
        assert stats.collect(connection).counts == stats.collect(connection, everything=True).counts

    def test_before_and_after_counting_and_retention(self, connection):
        trace = uuid.uuid4()
        pins.pin(connection, trace, owner="me")
        day(connection, 8, 30, ingestion_created_at=noon(8))
        fill(connection, noon(8), 4, trace_id=trace, ingestion_created_at=noon(8), level="ERROR")
        fill(connection, noon(90), 6, ingestion_created_at=noon(50))
        fill(connection, noon(90), 1, ingestion_created_at=noon(2))
        day(connection, 2, 12, ingestion_created_at=noon(2), component="relay")
        fill(connection, noon(0), 5)
        self.same(connection)
        assert stats.count_arrivals(connection) == 53
        self.same(connection)
        assert stats.count_arrivals(connection) == 0
        retain(connection)
        self.same(connection)
        assert stats.collect(connection).by("level") == {"ERROR": 4, "INFO": 18}
        fill(connection, noon(2), 3, ingestion_created_at=dt.datetime.now(dt.UTC) - dt.timedelta(minutes=20))
        stats.count_arrivals(connection)
        self.same(connection)

    def test_after_clearing(self, connection):
        fill(connection, noon(0), 5, ingestion_created_at=noon(1))
        fill(connection, noon(40), 5, ingestion_created_at=noon(1), component="relay")
        stats.count_arrivals(connection)
        connection.execute("delete from logs where component = 'relay'")
        self.same(connection)
        connection.execute("delete from logs where false")
        partitions.absorb(connection)
        self.same(connection)
        connection.execute("truncate logs")
        self.same(connection)
        assert stats.collect(connection).records == 0

    def test_the_command_shows_the_alarm(self, connection, godot, database_url):
        fill(connection, noon(0), 5)
        fill(connection, noon(900), 1)
        env = {"GODOT_DATABASE_URL": database_url}
        done = godot("db", "stats", env=env)
        assert done.stdout.startswith("6 records in 4 partitions")
        assert "alarm: 1 record lies outside all partitions" in done.stderr
        exact = json.loads(godot("db", "stats", "--exact", "--json", env=env).stdout)
        assert (exact["records"], exact["default_rows"]) == (6, 1)


class TestAudit:
    """The balance holds although records are gone."""

    @pytest.fixture
    def found(self, settings, client):
        def take():
            queue = RedisQueue(settings)
            with database.connect(
                settings.database_url, patience=30, application="test", role=None
            ) as opened:
                try:
                    return audit(queue, opened)
                finally:
                    queue.close()

        return take

    def store(self, connection, moment, seq, instance="host:1:a", data=None, **columns):
        fill(connection, moment, 1, instance=instance, seq=seq, data=data and json.dumps(data), **columns)
        connection.execute(
            "insert into ingest_ledger (worker, received, stored) values ('w', 1, 1) on conflict (worker)"
            " do update set received = ingest_ledger.received + 1, stored = ingest_ledger.stored + 1"
        )

    def test_retired_numbers_and_losses_are_no_gaps(self, connection, found):
        trace = uuid.uuid4()
        pins.pin(connection, trace, owner="me")
        day(connection, 8, 0)
        for seq in (1, 2, 3, 7, 8):
            self.store(connection, noon(8), seq)
        self.store(connection, noon(8), 9, trace_id=trace)
        self.store(connection, noon(8), 10, data={"lost": {"count": 3, "reason": "buffer_full"}})
        self.store(connection, noon(8), 11, data={"lost": {"count": "nonsense"}})
        self.store(connection, noon(8), 2**63 - 1, instance="hostile")
        self.store(connection, noon(8), None, instance=None)
        self.store(connection, noon(0), 12)
        self.store(connection, noon(0), 5, instance="host:2:b")
        before = found()
        retain(connection)
        after = found()
        assert after.retired == 9
        assert after.stored == 3
        # host:2:b lacks 1 to 4 and always did; the hostile one is gone with its number.
        assert (before.unaccounted, after.unaccounted) == (2**63 - 2 + 4, 4)
        [known] = [account for account in after.accounts if account.instance == "host:1:a"]
        assert (known.sent, known.stored, known.retired, known.lost, known.missing) == (12, 2, 7, 3, 0)
        assert not [problem for problem in after.problems if "gone" in problem]
        assert after.sent == after.stored + after.retired + sum(after.dropped.values()) + after.unaccounted


class TestArchive:
    @pytest.fixture
    def directory(self, tmp_path):
        (tmp_path / "archive").mkdir()
        return tmp_path / "archive"

    @pytest.fixture
    def archive(self, directory, reading):
        return ParquetArchive(directory, reading)

    def test_holds_exactly_what_went(self, connection, archive, directory, database_url):
        trace = uuid.uuid4()
        pins.pin(connection, trace, owner="me")
        day(connection, 8, 40, data=json.dumps({"a": [1, "ü\u2028"], "n": 10**30}), trace_id=uuid.uuid4())
        fill(connection, noon(8), 2, trace_id=trace)
        fill(connection, noon(90), 3, ingestion_created_at=noon(30), instance="i", seq=2**62)
        before = ga.load_logs(source=database_url)
        before = before[before["trace_id"] != str(trace)].sort_values("id", ignore_index=True)
        outcome = retain(connection, archive)
        assert [step.archive for step in outcome.retired] == [
            f"logs_{noon(8):%Y_%m_%d}.parquet",
            "logs_default.parquet",
        ]
        archived = ga.load_logs(source=directory).sort_values("id", ignore_index=True)
        assert archived.astype({"component": str}).equals(before.astype({"component": str}))
        assert archived.dtypes.drop("component").equals(before.dtypes.drop("component"))
        assert sorted(path.name for path in directory.iterdir()) == sorted(
            step.archive for step in outcome.retired
        )

    def test_a_day_that_is_retired_again_gets_another_file(self, connection, archive, directory):
        trace = uuid.uuid4()
        pins.pin(connection, trace, owner="me")
        name = day(connection, 8, 5)
        fill(connection, noon(8), 2, trace_id=trace)
        retain(connection, archive)
        pins.unpin(connection, trace)
        retain(connection, archive)
        assert sorted(path.name for path in directory.iterdir()) == [f"{name}.2.parquet", f"{name}.parquet"]
        assert len(ga.load_logs(source=directory)) == 7
        assert len(ga.load_trace(trace, source=directory)) == 2

    def test_a_crash_between_archive_and_drop_loses_and_doubles_nothing(
        self, connection, archive, directory, monkeypatch
    ):
        day(connection, 8, 5)

        def crash(*_):
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(retention, "_retired", crash)
            with pytest.raises(KeyboardInterrupt):
                retain(connection, archive)
        assert count(connection) == 5
        assert len(ga.load_logs(source=directory)) == 5
        fill(connection, noon(8), 1)  # late, after the archive was written
        assert retain(connection, archive).retired[0].records == 6
        assert count(connection) == 0
        assert len(ga.load_logs(source=directory)) == 6
        assert ga.load_logs(source=directory)["id"].is_unique

    def test_a_record_that_comes_between_archive_and_drop_is_archived_too(
        self, connection, archive, directory, monkeypatch
    ):
        day(connection, 8, 5)
        store = archive.store
        rounds = []

        def slow(*arguments):
            portion = store(*arguments)
            if not rounds:
                fill(connection, noon(8), 1)
            rounds.append(portion)
            return portion

        monkeypatch.setattr(archive, "store", slow)
        [step] = retain(connection, archive).retired
        assert step.records == 6
        assert [portion and portion.records for portion in rounds] == [5, 6, None]
        assert len(ga.load_logs(source=directory)) == 6

    def test_kill_9_in_the_middle(self, connection, directory, godot, database_url, eventually):
        """Killed while it writes the file, and while it waits to drop: nothing is lost, nothing doubled."""
        name = day(connection, 8, 60_000)
        env = {"GODOT_DATABASE_URL": database_url, "GODOT_ARCHIVE_DIR": str(directory)}
        process = godot.start("db", "retain", env=env)
        eventually(lambda: list(directory.glob("*.part")))
        os.kill(process.pid, signal.SIGKILL)
        process.wait(60)
        assert count(connection) == 60_000
        with psycopg.connect(database_url) as holder:
            holder.execute(f"select from {name} limit 1")  # the drop has to wait for this
            process = godot.start("db", "retain", env=env)
            eventually(lambda: waiting(connection))
            assert [path.name for path in directory.glob("*.parquet")] == [f"{name}.parquet"]
            os.kill(process.pid, signal.SIGKILL)
            process.wait(60)
        eventually(
            lambda: (
                connection.execute(
                    "select count(*) from pg_stat_activity where application_name = 'godot db retain'"
                    " and datname = current_database()"
                ).fetchone()
                == (0,)
            ),
        )
        # The server may finish what it was asked for although nobody waits for the answer: that is as good.
        assert count(connection) in {0, 60_000}
        done = godot("db", "retain", "--json", env=env)
        assert done.returncode == 0, done.stderr
        assert count(connection) == 0
        archived = ga.load_logs(source=directory)
        assert (len(archived), archived["id"].is_unique) == (60_000, True)
        assert [path.name for path in directory.iterdir()] == [f"{name}.parquet"]
        assert connection.execute("select sum(records) from retention_log").fetchone() == (60_000,)

    def test_a_file_that_cannot_be_read_back_keeps_the_records(
        self, connection, archive, directory, monkeypatch
    ):
        name = day(connection, 8, 5)
        monkeypatch.setattr("godot_daemon.archive._proven", lambda _: (4, 0, 0))
        outcome = retain(connection, archive)
        assert outcome.retired == []
        assert f"{name}: the archive" in outcome.problems[0]
        assert count(connection) == 5
        assert list(directory.iterdir()) == []

    def test_without_its_directory_nothing_goes(self, connection, directory, godot, database_url):
        day(connection, 8, 5)
        env = {"GODOT_DATABASE_URL": database_url, "GODOT_ARCHIVE_DIR": str(directory / "not there")}
        done = godot("db", "retain", env=env)
        assert done.returncode == 1
        assert "is no directory (create it, or mount its disk)" in done.stderr
        assert count(connection) == 5

    def test_who_may_not_read_cannot_archive(self, connection, archive, reading):
        day(connection, 8, 5)
        reading.execute("set role godot_writer")
        with pytest.raises(SetupError, match="grant godot_reader"):
            retain(connection, archive)
        assert count(connection) == 5


class TestCommand:
    def test_the_dry_run_says_what_the_run_does(self, connection, godot, database_url):
        trace = uuid.uuid4()
        pins.pin(connection, trace, owner="me")
        name = day(connection, 8, 20)
        fill(connection, noon(8), 5, trace_id=trace)
        env = {"GODOT_DATABASE_URL": database_url}
        dry = json.loads(godot("db", "retain", "--dry-run", "--json", env=env).stdout)
        text = godot("db", "retain", "--dry-run", env=env).stdout.splitlines()
        assert text[1].split()[:5] == [name, f"{noon(8):%F}", "20", "5", "0"]
        assert text[2].startswith("would remove 20 records")
        assert count(connection) == 25
        wet = json.loads(godot("db", "retain", "--json", env=env).stdout)
        assert wet["retired"] == dry["retired"]
        assert (dry["dry_run"], wet["dry_run"]) == (True, False)
        assert godot("db", "retain", env=env).stdout.startswith("nothing has expired")

    def test_days_become_the_promise(self, connection, godot, database_url):
        day(connection, 4)
        env = {"GODOT_DATABASE_URL": database_url}
        godot("db", "retain", "--days", "3", "--dry-run", env=env)
        assert retention.promised(connection) == 7
        assert godot("db", "retain", "--days", "3", env=env).returncode == 0
        assert retention.promised(connection) == 3
        assert count(connection) == 0
        assert godot("db", "retain", "--days", "0", env=env).returncode == 2

    def test_the_daemon_does_it_by_itself(self, connection, run_daemon, env, tmp_path, eventually):
        trace = uuid.uuid4()
        pins.pin(connection, trace, owner="me")
        name = day(connection, 8, 20)
        fill(connection, noon(8), 5, trace_id=trace)
        daemon = run_daemon(env={**env, "GODOT_ARCHIVE_DIR": str(tmp_path), "GODOT_RETENTION_DAYS": "2"})
        eventually(lambda: count(connection) == 5, why=daemon.log)
        assert len(ga.load_logs(source=tmp_path / f"{name}.parquet")) == 20
        eventually(lambda: f"retention: 20 records of {name} went, 5 pinned stay" in daemon.log())
        assert "logs are kept 7 days as the database promises, not 2" in daemon.log()


def test_a_missing_pyarrow_is_said(monkeypatch, reading, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(SetupError, match="archiving needs pyarrow"):
        ParquetArchive(tmp_path, reading)
    with pytest.raises(ga.BadSource, match="pyarrow is not installed"):
        ga.load_logs(source=tmp_path)
