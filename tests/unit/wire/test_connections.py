"""No message that can show an address shows its password, however that is written."""

from __future__ import annotations

import itertools
from urllib.parse import quote

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine
from sqlalchemy.engine import URL

import godot_analysis as ga
from godot_analysis.errors import GodotAnalysisError
from godot_daemon import database
from godot_daemon.cli._connecting import connected
from godot_daemon.cli._problems import explain
from godot_daemon.errors import GodotError
from godot_daemon.redis_queue import RedisQueue
from godot_daemon.settings import Settings, resolve
from godot_wire.connections import MASK, scrubbed, shown

SECRETS = ["hunter2", "hun/ter2", "hun#ter2", "hun@ter2", "hun:ter2", "hun%zzter2", "hun?ter2", "hun ter2", "hun[ter2",
           "hun&ter2=x", "//hunter2", "@hunter2", "hunter2/", "h'unter2", 'h"unter2', "hun%40ter2", "?x=hunter2"]  # fmt: skip
URLS = ["postgresql://me:{}@127.0.0.1:1/db", "postgres://:{}@127.0.0.1:1", "postgresql+psycopg://me:{}@127.0.0.1:1/db?a=b",
        "postgresql://me:{}@127.0.0.1:1,127.0.0.1:2/db", "postgresql://me:{}@[::1]:1/db"]  # fmt: skip
DSNS = ["host=127.0.0.1 port=1 user=me password={} dbname=db", "password={} host=127.0.0.1 port=1",
        "host=127.0.0.1 port=1 PASSWORD = {}", "Server=127.0.0.1;User Id=me;Password={};Database=x"]  # fmt: skip
QUERIES = [
    "postgresql://127.0.0.1:1/db?user=me&password={}",
    "postgresql://127.0.0.1:1/db?sslpassword={}&user=me",
]
REDIS = ["redis://:{}@127.0.0.1:1/0", "rediss://me:{}@127.0.0.1:1/0", "unix:///run/redis.sock?password={}"]


def spellings():
    for form, secret in itertools.product([*URLS, *DSNS], SECRETS):
        if form in DSNS and "=" in secret and " " in secret:
            continue
        yield form.format(secret), secret
    for form, secret in itertools.product(
        QUERIES, ["hunter2", "hun/ter2", "hun#ter2", "hun@ter2", "hun%zzter2", "hun ter2"]
    ):
        yield form.format(secret), secret
    for secret in SECRETS[:6]:
        yield f"host=127.0.0.1 port=1 password='{secret} and x=1' dbname=db", secret
        yield f"postgresql://me:{quote(secret, safe='')}@127.0.0.1:1/db", quote(secret, safe="")


SPELLINGS = list(dict.fromkeys(spellings()))
REDIS_SPELLINGS = [
    (form.format(secret), secret)
    for form in REDIS
    for secret in SECRETS
    if form in REDIS[:2] or "&" not in secret
]
every_spelling = pytest.mark.parametrize(("address", "secret"), SPELLINGS)


def clean(message, secret):
    """Neither the secret nor a part of it that a driver may have split off."""
    parts = {secret, *secret.replace("/", " ").replace("#", " ").replace("@", " ").replace("?", " ").split()}
    return not any(part in message for part in parts if "hun" in part or "ter2" in part)


def test_there_are_about_a_hundred_spellings():
    assert len(SPELLINGS) + len(REDIS_SPELLINGS) > 100


@every_spelling
def test_shown(address, secret):
    assert clean(shown(address), secret), shown(address)
    assert MASK in shown(address)


@every_spelling
def test_the_analysis_shows_no_password(address, secret):
    with pytest.raises(GodotAnalysisError) as raised:
        ga.load_logs(source=address)
    assert clean(f"{raised.value} {raised.value.__dict__}", secret), raised.value


@every_spelling
def test_the_daemon_shows_no_password(address, secret):
    with pytest.raises(GodotError) as raised:
        connected(address)
    assert clean(str(raised.value), secret), raised.value
    found = resolve({"database_url": address}, {})
    assert clean(" ".join(found.problems), secret)


@pytest.mark.parametrize(("address", "secret"), REDIS_SPELLINGS)
def test_redis_shows_no_password(address, secret):
    with pytest.raises((GodotError, TypeError)) as raised:  # ?x= is an argument that redis does not know
        RedisQueue(Settings.load({"redis_url": address, "redis_timeout": "0.5"}, {})).backlog()
    assert clean(str(raised.value), secret), raised.value


@pytest.mark.parametrize("secret", SECRETS)
def test_an_engine_shows_no_password(secret):
    url = URL.create("postgresql+psycopg", "me", secret, "127.0.0.1", 1, "db", query={"sslpassword": secret})
    with pytest.raises(GodotAnalysisError) as raised:
        ga.load_logs(source=create_engine(url))
    assert clean(str(raised.value), secret), raised.value


@pytest.mark.parametrize(("message", "address", "expected"), [
    ('invalid integer value "p" for connection option "port"', "postgresql://me:p/w@host/db",
     'invalid integer value "***" for connection option "port"'),
    ("failed to resolve host 'ss@host'", "postgresql://me:p@ss@host/db", "failed to resolve host '***@host'"),
    ('invalid percent-encoded token: "hun%zzter"', "postgresql://me:hun%zzter@host/db",
     'invalid percent-encoded token: "***"'),
    ('database "db" does not exist', "postgresql://me:db1@host/db", 'database "db" does not exist'),
    ("at postgresql://me:pw@host/db", "postgresql://me:pw@host/db", "at postgresql://me:***@host/db"),
])  # fmt: skip
def test_what_a_driver_says_quotes_no_part_of_the_password(message, address, expected):
    assert scrubbed(message, address) == expected


def test_the_last_net_knows_the_addresses_of_the_environment(monkeypatch):
    monkeypatch.setenv("GODOT_REDIS_URL", "redis://:hunter2/x@127.0.0.1")
    assert "hunter2" not in explain(ValueError("Port could not be cast to integer value as 'hunter2'"))
    error = psycopg.OperationalError("could not connect to postgresql://me:hunter2/x@h")
    assert "hunter2" not in str(database.translated(error, "postgresql://me:hunter2/x@h"))


@pytest.mark.parametrize("address", ["postgresql:///godot", "postgresql://me@host:5432/db?sslmode=require", "127.0.0.1:6379",
                                     "redis://127.0.0.1:6379/0", "host=a user=b dbname=c passfile=/x", "postgresql://h1:1,h2:2/d",
                                     "postgresql://[::1]:5432/db", "unix:///run/redis.sock", "/var/log/gates.jsonl", ""])  # fmt: skip
def test_an_address_without_a_password_is_shown_as_it_is(address):
    assert shown(address) == address


@given(st.text(alphabet="ab:/@?#%&= '\"[]", max_size=12))
def test_whatever_a_password_holds(secret):
    marked = f"Qq{secret}qQ"
    assert "Qq" not in shown(f"postgresql://me:{marked}@host/db")
    assert "Qq" not in shown(f"redis://:{marked}@host")
