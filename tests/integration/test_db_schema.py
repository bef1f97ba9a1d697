"""The tables as the database enforces them: partitions, roles, constraints, and plans that use their indexes."""

from __future__ import annotations

import datetime as dt
import json
import uuid

import psycopg
import pytest
from psycopg.types.json import Jsonb

from godot_daemon import partitions

TODAY = dt.datetime.now(dt.UTC).date()
NOON = dt.time(12, tzinfo=dt.UTC)


@pytest.fixture
def connection(database_url):
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


def insert(connection, **columns) -> uuid.UUID:
    record = {
        "id": uuid.uuid4(),
        "component": "gates",
        "level": "INFO",
        "message": "",
        "event_created_at": dt.datetime.now(dt.UTC),
        **columns,
    }
    names = ", ".join(record)
    places = ", ".join(["%s"] * len(record))
    connection.execute(f"insert into logs ({names}) values ({places})", list(record.values()))
    return record["id"]


def one(connection, query, *arguments):
    return connection.execute(query, arguments).fetchone()[0]


class TestPartitions:
    def test_these_days_are_there(self, connection):
        listing = partitions.listing(connection)
        days = [partition.starts_at.date() for partition in listing[:-1]]
        assert days == [TODAY + dt.timedelta(days=offset) for offset in (-1, 0, 1, 2)]
        assert listing[-1].is_default
        assert all(
            partition.ends_at - partition.starts_at == dt.timedelta(days=1) for partition in listing[:-1]
        )

    def test_a_record_lies_in_the_partition_of_its_utc_day(self, connection):
        connection.execute("set timezone = 'Pacific/Kiritimati'")  # UTC+14: another day for most of the time
        insert(connection, event_created_at=dt.datetime.combine(TODAY, dt.time(23, 59, 59), dt.UTC))
        assert one(connection, "select tableoid::regclass::text from logs") == f"logs_{TODAY:%Y_%m_%d}"

    def test_bounds_are_utc_days_in_any_time_zone(self, connection):
        connection.execute("set timezone = 'America/New_York'")
        day = TODAY + dt.timedelta(days=40)
        assert partitions.ensure(connection, today=day, days_back=0, days_ahead=0) == [day]
        [created] = [
            found for found in partitions.listing(connection) if found.name == f"logs_{day:%Y_%m_%d}"
        ]
        assert created.starts_at == dt.datetime.combine(day, dt.time(), dt.UTC)

    def test_ensure_twice_creates_once(self, connection):
        assert partitions.ensure(connection, days_ahead=4) == [
            TODAY + dt.timedelta(days=offset) for offset in (3, 4)
        ]
        assert partitions.ensure(connection, days_ahead=4) == []

    def test_a_record_outside_all_of_them_is_kept_and_raises_the_alarm(self, connection, godot, database_url):
        insert(connection, event_created_at=dt.datetime.combine(TODAY - dt.timedelta(days=30), NOON))
        assert partitions.default_rows(connection) == 1
        done = godot("db", "partitions", env={"GODOT_DATABASE_URL": database_url})
        assert done.returncode == 0
        assert "alarm: 1 record lies outside all partitions" in done.stderr

    def test_creating_its_partition_moves_it_over(self, connection, godot, database_url):
        day = TODAY - dt.timedelta(days=30)
        moved = insert(connection, event_created_at=dt.datetime.combine(day, NOON), data=Jsonb({"a": [1]}))
        stays = insert(connection, event_created_at=dt.datetime(1999, 1, 1, tzinfo=dt.UTC))
        before = connection.execute("select * from logs order by id").fetchall()
        partitions.ensure(connection, today=day, days_back=0, days_ahead=0)
        assert one(connection, f"select id from logs_{day:%Y_%m_%d}") == moved
        assert one(connection, "select id from logs_default") == stays
        assert connection.execute("select * from logs order by id").fetchall() == before
        env = {"GODOT_DATABASE_URL": database_url}
        found = json.loads(godot("db", "partitions", "--absorb", "--json", env=env).stdout)
        assert found["created"] == ["1999-01-01"]
        assert found["default_rows"] == 0

    def test_absorbing_stops_at_its_limit_with_the_newest_days(self, connection):
        days = [TODAY - dt.timedelta(days=offset) for offset in (50, 40, 30)]
        for day in days:
            insert(connection, event_created_at=dt.datetime.combine(day, NOON))
        assert partitions.absorb(connection, limit=2) == days[1:]
        assert partitions.default_rows(connection) == 1

    def test_creating_does_not_disturb_a_batch_in_the_making(self, connection, database_url):
        with psycopg.connect(database_url) as writer:
            insert(writer)
            partitions.ensure(connection, days_ahead=3)
            insert(writer)
        assert one(connection, "select count(*) from logs") == 2

    def test_behind_somebody_who_reads_everything_it_gives_up(self, connection, database_url):
        connection.execute("alter function ensure_partition(date) set lock_timeout = '50ms'")
        with psycopg.connect(database_url) as reader:
            reader.execute("select count(*) from logs")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                partitions.ensure(connection, days_ahead=3)
            insert(connection)  # and nobody queues behind it
        assert partitions.ensure(connection, days_ahead=3) == [TODAY + dt.timedelta(days=3)]


class TestRoles:
    """ST-5: the writer only adds, the reader only looks, the admin may clear."""

    @pytest.fixture
    def acting_as(self, connection):
        def become(role: str) -> psycopg.Connection:
            insert(connection)
            connection.execute(f"set role {role}")
            return connection

        return become

    @staticmethod
    def denied(connection, *statements):
        for statement in statements:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)

    def test_the_writer_stores_a_batch_in_every_way_it_needs(self, acting_as):
        writer = acting_as("godot_writer")
        row = (uuid.uuid4(), "gates", "INFO", "hello", dt.datetime.now(dt.UTC))
        with writer.cursor() as cursor:
            with cursor.copy(
                "copy logs (id, component, level, message, event_created_at) from stdin"
            ) as copy:
                copy.write_row(row)
            cursor.execute(
                "create temp table staging (id uuid, component text, level text, message text, event_created_at timestamptz)"
            )
            with cursor.copy(
                "copy staging (id, component, level, message, event_created_at) from stdin"
            ) as copy:
                copy.write_row(row)
            cursor.execute(
                "insert into logs (id, component, level, message, event_created_at)"
                " select * from staging on conflict do nothing"
            )
            assert cursor.rowcount == 0
            cursor.execute(
                "insert into dead_letters (id, raw, reason) values (%s, %s, 'x') on conflict do nothing",
                (row[0], b"x"),
            )
            cursor.execute(
                "insert into ingest_ledger (worker, received, stored) values ('w', 1, 1) on conflict (worker)"
                " do update set received = ingest_ledger.received + 1, stored = ingest_ledger.stored + 1"
            )
        assert one(writer, "select * from stored_ids(%s)", [row[0], uuid.uuid4()]) == row[0]
        assert partitions.default_rows(writer) == 0
        assert partitions.ensure(writer, days_ahead=3) == [TODAY + dt.timedelta(days=3)]
        assert len(partitions.listing(writer)) == 6
        assert partitions.merge_pending(writer) > 0

    def test_the_writer_reads_and_destroys_nothing(self, acting_as):
        self.denied(
            acting_as("godot_writer"),
            "select count(*) from logs",
            "select id from logs",
            f"select id from logs_{TODAY:%Y_%m_%d}",
            "select * from v_messages",
            "select * from dead_letters",
            "update logs set message = ''",
            "delete from logs",
            "truncate logs",
            "delete from dead_letters",
            "insert into logger_config (component, level) values ('gates', 'TRACE')",
            "drop table logs",
        )

    def test_the_reader_reads_everything_and_changes_nothing(self, acting_as):
        reader = acting_as("godot_reader")
        tables = "logs dead_letters pinned_traces logger_config ingest_ledger v_messages v_calls v_tools v_partitions"
        for table in tables.split():
            reader.execute(f"select * from {table}")
        self.denied(
            reader,
            "insert into logs (id, component, level, message, event_created_at) values (gen_random_uuid(), 'x', 'INFO', '', now())",
            "update logs set message = ''",
            "delete from logs",
            "select ensure_partition(current_date + 9)",
            "select * from stored_ids('{}')",
            "select merge_pending()",
            "insert into pinned_traces (trace_id, owner) values (gen_random_uuid(), 'me')",
        )

    def test_the_admin_clears_pins_and_sets_levels(self, acting_as):
        admin = acting_as("godot_admin")
        admin.execute("insert into pinned_traces (trace_id, owner) values (gen_random_uuid(), 'me')")
        admin.execute("insert into logger_config (component, level) values ('gates', 'TRACE')")
        admin.execute("delete from dead_letters")
        assert admin.execute("delete from logs").rowcount == 1
        admin.execute("truncate logs")
        self.denied(
            admin, "update logs set message = ''", "drop table logs", "update ingest_ledger set stored = 0"
        )


class TestConstraints:
    @pytest.mark.parametrize(
        "columns",
        [{"component": ""}, {"component": "x" * 65}, {"level": "LOUD"}, {"seq": -1}],
        ids=lambda columns: next(iter(columns)),
    )
    def test_nonsense_is_refused(self, connection, columns):
        with pytest.raises(psycopg.errors.CheckViolation):
            insert(connection, **columns)

    def test_the_same_record_twice_is_refused(self, connection):
        now = dt.datetime.now(dt.UTC)
        first = insert(connection, event_created_at=now)
        with pytest.raises(psycopg.errors.UniqueViolation):
            insert(connection, id=first, event_created_at=now)

    def test_the_ledger_adds_up(self, connection):
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("insert into ingest_ledger (worker, received, stored) values ('w', 2, 1)")

    @pytest.mark.parametrize(
        "message",
        ["a" * 3_000_000, " ".join(f"word{n}" for n in range(300_000)), "é-ü/x.y@z " * 200_000],
        ids=["one long word", "many words", "many parts"],
    )
    def test_no_message_is_too_long_for_the_text_index(self, connection, message):
        insert(connection, message=message)


class TestPlans:
    """The hot questions use their index and read only the partitions that they must."""

    @pytest.fixture
    def filled(self, connection):
        connection.execute(
            """
            insert into logs (id, trace_id, component, level, message, data, event_created_at)
            select gen_random_uuid(), md5((n / 10)::text)::uuid, 'c' || n % 10,
                   case when n % 100 = 0 then 'ERROR' else 'INFO' end, 'tools/list number' || n,
                   jsonb_build_object('number', n, 'mcp', jsonb_build_object('direction', 'sent')),
                   now() - n * interval '2 s'
            from generate_series(1, 20000) as n
            """
        )
        connection.execute("vacuum analyze logs")
        return connection

    @staticmethod
    def plan(connection, query, *arguments):
        """Every node of the plan: (kind, index or table)."""
        [[root]] = connection.execute(f"explain (format json) {query}", arguments).fetchone()
        found = []

        def walk(node):
            found.append((node["Node Type"], node.get("Index Name") or node.get("Relation Name") or ""))
            for child in node.get("Plans", ()):
                walk(child)

        walk(root["Plan"])
        return found

    @staticmethod
    def tables(connection, query, *arguments):
        [[root]] = connection.execute(f"explain (format json) {query}", arguments).fetchone()
        names = set()

        def walk(node):
            names.add(node.get("Relation Name"))
            for child in node.get("Plans", ()):
                walk(child)

        walk(root["Plan"])
        return names - {None}

    def indexes(self, connection, query, *arguments):
        today = f"logs_{TODAY:%Y_%m_%d}"
        plan = self.plan(connection, query, *arguments)
        assert ("Seq Scan", today) not in plan
        return {name for _, name in plan if name.startswith(today) and name != today}

    def test_a_trace(self, filled):
        trace = one(
            filled, "select trace_id from logs where event_created_at > now() - interval '1 min' limit 1"
        )
        query = "select * from logs where trace_id = %s order by event_created_at"
        assert self.indexes(filled, query, trace) == {f"logs_{TODAY:%Y_%m_%d}_trace_id_idx"}

    def test_a_trace_with_a_time_range_reads_one_partition(self, filled):
        start = dt.datetime.combine(TODAY, dt.time(), dt.UTC)
        query = "select * from logs where trace_id = %s and event_created_at >= %s and event_created_at < %s"
        read = self.tables(filled, query, uuid.uuid4(), start, start + dt.timedelta(days=1))
        assert read == {f"logs_{TODAY:%Y_%m_%d}"}

    def test_the_views_reach_the_trace_index_too(self, filled):
        for view in ("v_messages", "v_calls"):
            found = self.indexes(filled, f"select * from {view} where trace_id = %s", uuid.uuid4())
            assert found == {f"logs_{TODAY:%Y_%m_%d}_trace_id_idx"}

    def test_recent_errors_of_a_component(self, filled):
        query = "select * from logs where component = %s and level = 'ERROR' order by event_created_at desc limit 100"
        assert self.indexes(filled, query, "c0") == {f"logs_{TODAY:%Y_%m_%d}_component_event_created_at_idx"}

    def test_words_of_a_message(self, filled):
        query = "select * from logs where log_words(message) @@ log_query(%s)"
        assert self.indexes(filled, query, "number500") == {f"logs_{TODAY:%Y_%m_%d}_log_words_idx"}

    def test_what_has_just_arrived_is_searched_by_index_too(self, filled):
        filled.execute(
            "insert into logs (id, component, level, message, data, event_created_at)"
            " select gen_random_uuid(), 'c', 'INFO', 'fresh' || n, jsonb_build_object('fresh', n), now()"
            " from generate_series(1, 5000) as n"
        )
        today = f"logs_{TODAY:%Y_%m_%d}"
        query = "select * from logs where log_words(message) @@ log_query(%s)"
        assert self.indexes(filled, query, "fresh500") == {f"{today}_log_words_idx"}
        query = "select * from logs where data @> %s"
        assert self.indexes(filled, query, Jsonb({"fresh": 500})) == {f"{today}_data_idx"}

    def test_containment_in_data(self, filled):
        query = "select * from logs where data @> %s"
        assert self.indexes(filled, query, Jsonb({"number": 500})) == {f"logs_{TODAY:%Y_%m_%d}_data_idx"}


class TestSearch:
    @pytest.mark.parametrize(
        "words", ["list", "tools/list", "tools", '"tools list"', "relay -gates", "create_document", "v1.2"]
    )
    def test_finds_the_parts_of_what_a_parser_would_glue_together(self, connection, words):
        insert(connection, message="relay → http://localhost:9050/mcp tools/list gate_create_document v1.2")
        assert (
            one(connection, "select count(*) from logs where log_words(message) @@ log_query(%s)", words) == 1
        )

    def test_finds_what_has_just_arrived_and_what_is_merged(self, connection, database_url):
        found = {
            "select count(*) from logs where log_words(message) @@ log_query('needle')": 1,
            'select count(*) from logs where data @> \'{"user": {"id": 7}}\'': 1,
        }
        insert(connection, message="a needle", data=Jsonb({"user": {"id": 7, "name": "Ada"}}))
        connection.execute("set enable_seqscan = off")
        assert {query: one(connection, query) for query in found} == found
        with psycopg.connect(database_url) as other:
            insert(other, message="a needle", data=Jsonb({"user": {"id": 7}}))
            assert partitions.merge_pending(connection) > 0  # an open transaction hinders it not
            assert {query: one(connection, query) for query in found} == found
        assert {query: one(connection, query) for query in found} == dict.fromkeys(found, 2)
        assert partitions.merge_pending(connection) == 0

    def test_one_daemon_at_a_time_merges(self, connection, database_url):
        with psycopg.connect(database_url) as other:
            partitions.merge_pending(other)
            insert(connection, message="a needle")
            assert partitions.merge_pending(connection) == 0
        assert partitions.merge_pending(connection) > 0

    @pytest.mark.parametrize("words", ["", "-", '"', "& | !", "(", ":*", "'"])
    def test_no_text_is_a_syntax_error(self, connection, words):
        connection.execute("select count(*) from logs where log_words(message) @@ log_query(%s)", (words,))


class TestViews:
    """Messages, calls and tools for people who prefer SQL."""

    TRACE = uuid.UUID(int=7)

    @pytest.fixture
    def at(self, connection):
        clock = iter(range(1000))

        def log(observer, direction, peer, payload, **columns):
            mcp = {"direction": direction, "peer": peer, "transport": "websocket", "payload": payload}
            moment = dt.datetime.combine(TODAY, NOON) + dt.timedelta(milliseconds=10 * next(clock))
            return insert(
                connection,
                **{
                    "component": observer,
                    "level": "TRACE",
                    "data": Jsonb({"mcp": mcp}),
                    "trace_id": self.TRACE,
                    "event_created_at": moment,
                    **columns,
                },
            )

        return log

    @staticmethod
    def request(number, method, **params):
        return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}

    def rows(self, connection, query):
        return connection.execute(query).fetchall()

    def test_each_message_says_who_sent_what_to_whom(self, connection, at):
        at("relay", "sent", "gates", self.request(1, "tools/call", name="draw", arguments={"a": 1}))
        at("gates", "received", "relay", self.request("1", "tools/list"))
        at("gates", "sent", "relay", {"id": 1, "error": {"code": -32601, "message": "no"}})
        at("gates", "sent", "relay", {"id": 1, "result": {}})
        at("gates", "sent", "relay", {"method": "notifications/initialized"})
        at("gates", "received", "relay", "{not json")
        insert(connection, data=Jsonb({"mcp": "nothing"}))
        assert self.rows(
            connection,
            "select sender, receiver, kind, method, tool, rpc_id::text, error_code from v_messages order by event_created_at",
        ) == [
            ("relay", "gates", "request", "tools/call", "draw", "1", None),
            ("relay", "gates", "request", "tools/list", None, '"1"', None),
            ("gates", "relay", "error", None, None, "1", -32601),
            ("gates", "relay", "response", None, None, "1", None),
            ("gates", "relay", "notification", "notifications/initialized", None, None, None),
            ("relay", "gates", "invalid", None, None, None, None),
        ]

    def test_calls_find_the_answer_that_the_same_component_saw(self, connection, at):
        call = self.request
        at("relay", "sent", "gates", call(1, "tools/call", name="fine"))
        at("gates", "received", "relay", call(1, "tools/call", name="fine"))
        at("gates", "sent", "relay", {"id": 1, "result": {"content": []}})
        answer = at("relay", "received", "gates", {"id": 1, "result": {"content": []}})
        at("relay", "sent", "gates", call(2, "tools/call", name="failing"))
        at("relay", "received", "gates", {"id": 2, "result": {"isError": True}})
        at("relay", "sent", "gates", call(3, "tools/call", name="refused"))
        at("relay", "received", "gates", {"id": 3, "error": {"code": 1, "message": "no"}})
        at("relay", "sent", "gates", call(4, "tools/call", name="id used again"))
        at(
            "relay", "received", "gates", call(4, "ping")
        )  # the other side's own request, with an id of its own
        at("relay", "sent", "gates", call(4, "tools/call", name="second"))
        at("relay", "received", "gates", {"id": 4, "result": {}})
        at("relay", "sent", "gates", call("4", "tools/call", name="another id"))
        found = self.rows(connection, "select observer, tool, status from v_calls order by event_created_at")
        assert found == [
            ("relay", "fine", "answered"),
            ("gates", "fine", "answered"),
            ("relay", "failing", "tool_error"),
            ("relay", "refused", "error"),
            ("relay", "id used again", "unanswered"),
            ("relay", "second", "answered"),
            ("relay", "another id", "unanswered"),
        ]
        [detail] = self.rows(
            connection,
            "select answer_id, answer, duration_ms from v_calls where direction = 'sent' and tool = 'fine'",
        )
        assert detail == (answer, {"content": []}, 30.0)

    def test_tools_are_those_of_the_newest_listing(self, connection, at):
        for text in ("old", "new"):
            tools = [
                {"name": "draw", "description": text, "inputSchema": {"type": "object"}},
                {"no": "name"},
                "nonsense",
            ]
            at("relay", "received", "gates", {"id": 2, "result": {"tools": tools}})
        at("relay", "received", "gates", {"id": 3, "result": {"tools": "none"}})
        assert self.rows(
            connection, "select observer, server, tool, description, input_schema from v_tools"
        ) == [("relay", "gates", "draw", "new", {"type": "object"})]
