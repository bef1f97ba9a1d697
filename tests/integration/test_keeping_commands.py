"""`godot pin`, `godot level` and `godot db index-key`, as a user meets them, on real servers."""

from __future__ import annotations

import datetime as dt
import json
import threading
import uuid

import psycopg
import pytest
import redis
from psycopg.types.json import Jsonb

from godot_daemon import index_keys, levels, partitions
from godot_daemon.errors import InputError, UnavailableError
from godot_daemon.redis_queue import RedisQueue

TODAY = dt.datetime.now(dt.UTC).date()


@pytest.fixture
def connection(database_url):
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


def insert(connection, **columns) -> None:
    record = {"id": uuid.uuid4(), "component": "gates", "level": "INFO", "message": "", **columns}
    record.setdefault("event_created_at", dt.datetime.now(dt.UTC))
    connection.execute(
        f"insert into logs ({', '.join(record)}) values ({', '.join(['%s'] * len(record))})",
        list(record.values()),
    )


class TestPins:
    TRACE = "7c9e6679-7425-40de-944b-e07fc1f90ae7"

    def test_pin_list_and_unpin(self, connection, godot, env):
        insert(connection, trace_id=self.TRACE)
        done = godot(
            "pin", self.TRACE, "--note", "BUG #13 \x1b[2J", "--owner", "me", "--until", "30d", env=env
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("pinned until ")
        assert done.stdout.endswith(": 1 record\n")
        [pin] = json.loads(godot("pins", "--json", env=env).stdout)
        assert (pin["trace_id"], pin["owner"], pin["records"], pin["expired"]) == (self.TRACE, "me", 1, False)
        remaining = dt.datetime.fromisoformat(pin["expires_at"]) - dt.datetime.now(dt.UTC)
        assert dt.timedelta(days=29) < remaining <= dt.timedelta(days=30)
        shown = godot("pins", env=env).stdout
        assert "BUG #13 \\x1b[2J" in shown
        assert "\x1b" not in shown
        assert godot("unpin", self.TRACE, env=env).stdout == "unpinned\n"
        again = godot("unpin", self.TRACE, env=env)
        assert (again.returncode, again.stderr) == (
            1,
            "godot: this trace was not pinned (`godot pins` lists those that are)\n",
        )
        assert godot("pins", env=env).stdout == "no trace is pinned\n"

    def test_pinning_again_changes_it(self, connection, godot, env):
        godot("pin", self.TRACE, "--until", "2099-01-31", env=env)
        done = godot("pin", self.TRACE.replace("-", "").upper(), "--json", env=env)
        assert json.loads(done.stdout)["expires_at"] is None
        assert connection.execute("select count(*) from pinned_traces").fetchone() == (1,)

    def test_a_trace_without_records_is_pinned_with_a_word(self, godot, env):
        done = godot("pin", self.TRACE, env=env)
        assert done.returncode == 0
        assert "no records of this trace" in done.stderr

    @pytest.mark.parametrize(
        "arguments",
        [
            ("nonsense",),
            (TRACE, "--until", "yesterday"),
            (TRACE, "--until", "2001-01-01"),
            (TRACE, "--until", "0d"),
        ],
    )
    def test_nonsense_is_a_usage_error(self, godot, env, arguments):
        assert godot("pin", *arguments, env=env).returncode == 2

    def test_only_an_admin_pins(self, connection, godot, env, database_url):
        connection.execute(
            "do $$ begin create role only_reads login in role godot_reader;"
            " exception when duplicate_object then null; end $$"
        )
        env = {**env, "GODOT_DATABASE_URL": database_url.replace("postgres@", "only_reads@")}
        done = godot("pin", self.TRACE, env=env)
        assert done.returncode == 1
        assert done.stderr.startswith(
            "godot: PostgreSQL: permission denied for table pinned_traces (connect as"
        )
        assert godot("pins", env=env).returncode == 0


class TestLevels:
    @pytest.fixture
    def mirrored(self, client):
        return lambda: {
            name.decode(): json.loads(value) for name, value in client.hgetall("logs:levels").items()
        }

    def test_set_list_and_reset(self, godot, env, mirrored):
        assert (
            godot("level", "set", "gates", "trace", "--for", "10m", env=env).stdout
            == "gates: TRACE for 0:10:00\n"
        )
        assert godot("level", "set", "relay", "WARNING", env=env).stdout == "relay: WARN\n"
        found = mirrored()
        assert found["relay"] == {"level": "WARN", "expires_at": None}
        ends = dt.datetime.fromisoformat(found["gates"]["expires_at"])
        assert dt.timedelta(minutes=9) < ends - dt.datetime.now(dt.UTC) <= dt.timedelta(minutes=10)
        listed = json.loads(godot("level", "list", "--json", env=env).stdout)
        assert [(one["component"], one["level"]) for one in listed] == [("gates", "TRACE"), ("relay", "WARN")]
        assert godot("level", "reset", "gates", env=env).stdout == "gates: its own level\n"
        assert set(mirrored()) == {"relay"}
        assert godot("level", "reset", "gates", env=env).stdout == "gates: had its own level\n"

    def test_what_has_expired_is_nowhere(self, connection, godot, env, mirrored):
        godot("level", "set", "gates", "TRACE", "--for", "10m", env=env)
        connection.execute("update logger_config set expires_at = now() - interval '1 second'")
        assert godot("level", "list", env=env).stdout.startswith("no level is set")
        godot("level", "set", "relay", "DEBUG", env=env)
        assert set(mirrored()) == {"relay"}
        assert connection.execute("select count(*) from logger_config").fetchone() == (1,)

    @pytest.mark.parametrize(
        "arguments",
        [
            ("gates", "LOUD"),
            ("x" * 65, "INFO"),
            ("", "INFO"),
            ("gates", "INFO", "--for", "soon"),
            ("gates", "INFO", "--for", "0s"),
        ],
    )
    def test_nonsense_is_a_usage_error(self, godot, env, arguments):
        assert godot("level", "set", *arguments, env=env).returncode == 2

    def test_hostile_names_are_names(self, godot, env, mirrored):
        name = "'; drop table logs; -- 🚀\n"
        assert godot("level", "set", name, "DEBUG", env=env).returncode == 0
        assert mirrored()[name]["level"] == "DEBUG"
        assert "\\n" in godot("level", "list", env=env).stdout

    def test_without_redis_it_is_set_all_the_same(self, connection, godot, env):
        done = godot(
            "level", "set", "gates", "DEBUG", env={**env, "GODOT_REDIS_URL": "redis://127.0.0.1:1/0"}
        )
        assert done.returncode == 0
        assert "the daemon tells the clients when Redis is back" in done.stderr
        assert [level.level for level in levels.levels(connection)] == ["DEBUG"]

    def test_the_daemon_restores_what_redis_lost(self, connection, client, run_daemon, mirrored, eventually):
        levels.set_level(connection, "gates", "TRACE")
        client.hset("logs:levels", "ghost", "{}")
        daemon = run_daemon()
        eventually(lambda: set(mirrored()) == {"gates"}, why=daemon.log)

    def test_the_copy_is_replaced_in_one_step(self, connection, settings, client):
        queue = RedisQueue(settings)
        levels.set_level(connection, "gates", "TRACE")
        levels.mirror(connection, queue)
        stop, seen = threading.Event(), set()

        def look() -> None:
            with redis.Redis.from_url(settings.redis_url) as other:
                while not stop.is_set():
                    seen.add(len(other.hkeys("logs:levels")))

        thread = threading.Thread(target=look)
        thread.start()
        for _ in range(100):
            levels.mirror(connection, queue)
        stop.set()
        thread.join(10)
        queue.close()
        assert seen == {1}


class TestKeyIndexes:
    HOSTILE = (
        "user_id",
        "'",
        '"; drop table logs; --',
        "a%sb{}",
        "Grüße 🚀",
        " ",
        "x" * 500,
        "back\\slash",
        "$1",
    )

    @staticmethod
    def plan(connection, key) -> str:
        rows = connection.execute(
            "explain select * from logs where log_key(data, %s::text) = '42' and event_created_at >= now() - interval '1 h'",
            (key,),
        ).fetchall()
        return "\n".join(row[0] for row in rows)

    def test_serves_its_query_in_old_and_new_partitions(self, connection):
        connection.execute(
            "insert into logs (id, component, level, message, data, event_created_at)"
            " select gen_random_uuid(), 'gates', 'INFO', '', jsonb_build_object('user_id', n), now()"
            " from generate_series(1, 5000) as n"
        )
        assert index_keys.index_key(connection, "user_id")
        assert not index_keys.index_key(connection, "user_id")
        connection.execute("analyze logs")
        assert f"logs_{TODAY:%Y_%m_%d}_key_" in self.plan(connection, "user_id")
        assert connection.execute(
            "select count(*) from logs where log_key(data, 'user_id') = '42'"
        ).fetchone() == (1,)
        [index] = index_keys.indexed_keys(connection)
        assert (index.key, index.valid) == ("user_id", True)
        assert index.bytes > 0
        partitions.ensure(connection, days_ahead=9)
        [index] = index_keys.indexed_keys(connection)
        assert index.valid
        assert index_keys.drop_key_index(connection, "user_id")
        assert not index_keys.drop_key_index(connection, "user_id")
        assert connection.execute(
            "select count(*) from pg_class where relname like '%\\_key\\_%'"
        ).fetchone() == (0,)

    @pytest.mark.parametrize("key", HOSTILE)
    def test_any_name_is_a_name(self, connection, key):
        insert(connection, data=Jsonb({key: "42"}))
        assert index_keys.index_key(connection, key)
        assert [index.key for index in index_keys.indexed_keys(connection)] == [key]
        assert index_keys.drop_key_index(connection, key)

    def test_names_that_read_alike_are_different(self, connection):
        for key in ("a.b", "a b", "A_B"):
            assert index_keys.index_key(connection, key)
        assert len(index_keys.indexed_keys(connection)) == 3

    @pytest.mark.parametrize("key", ["", "a\0b", "\udc80"])
    def test_what_is_no_key_is_refused(self, connection, key):
        with pytest.raises(InputError):
            index_keys.index_key(connection, key)

    def test_no_value_is_too_long_for_it(self, connection):
        index_keys.index_key(connection, "text")
        for value in ("🚀" * 100_000, None, {"a": 1}, 10**400, "".join(map(chr, range(0x4E00, 0x9FFF)))):
            insert(connection, data=Jsonb({"text": value}))
        assert connection.execute("select count(*) from logs").fetchone() == (5,)

    def test_it_goes_on_where_it_was_interrupted(self, connection, database_url):
        name = f"logs_{TODAY:%Y_%m_%d}"
        for _ in range(2):  # two records of one key: the unique index below is left invalid
            insert(connection, data=Jsonb({"user_id": "7"}))
        part = name + index_keys._suffix(index_keys._name("user_id"))
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(f"create unique index concurrently {part} on {name} ((data ->> 'user_id'))")
        assert index_keys.index_key(connection, "user_id")
        assert [index.valid for index in index_keys.indexed_keys(connection)] == [True]

    def test_it_does_not_stop_those_who_write(self, connection, database_url, eventually):
        """A batch that stays open holds it up; the others go on meanwhile."""
        insert(connection, data=Jsonb({"user_id": "7"}))
        done = []

        def make() -> None:
            with psycopg.connect(database_url, autocommit=True) as other:
                done.append(index_keys.index_key(other, "user_id"))

        with psycopg.connect(database_url) as batch:
            insert(batch, data=Jsonb({"user_id": "8"}))
            thread = threading.Thread(target=make)
            thread.start()
            eventually(
                lambda: (
                    connection.execute(
                        "select exists (select from pg_stat_activity where query like 'create index%'"
                        " and wait_event_type = 'Lock' and datname = current_database())"
                    ).fetchone()[0]
                    or done
                ),
            )
            connection.execute("set statement_timeout = '3s'")
            insert(connection, data=Jsonb({"user_id": "9"}))
            assert not done
        thread.join(20)
        assert done == [True]

    def test_two_at_once_are_one(self, connection, database_url):
        with psycopg.connect(database_url) as other:
            other.execute("select pg_advisory_lock(hashtextextended('godot index-key', 0))")
            with pytest.raises(UnavailableError, match="another index is being made"):
                index_keys.index_key(connection, "user_id")

    def test_the_command(self, connection, godot, env, database_url):
        assert godot("db", "index-key", "user_id", env=env).stdout == "indexed\n"
        assert godot("db", "index-key", "user_id", env=env).stdout.startswith("nothing to do")
        assert (
            godot("db", "index-key", env=env).stdout.splitlines()[1].startswith("user_id  logs_key_user_id_")
        )
        assert json.loads(godot("db", "index-key", "--json", env=env).stdout)["keys"][0]["valid"] is True
        assert godot("db", "index-key", "user_id", "--drop", env=env).stdout == "removed\n"
        assert (
            godot("db", "index-key", "user_id", "--drop", env=env).stdout
            == "there was no index of this key\n"
        )
        assert godot("db", "index-key", "--drop", env=env).returncode == 2
        connection.execute(
            "do $$ begin create role only_writes login in role godot_writer;"
            " exception when duplicate_object then null; end $$"
        )
        refused = godot(
            "db",
            "index-key",
            "user_id",
            env={**env, "GODOT_DATABASE_URL": database_url.replace("postgres@", "only_writes@")},
        )
        assert refused.returncode == 1
        assert "must be owner of" in refused.stderr
