"""Shared fixtures: real servers, a fresh database for each test, the command line, and no silent skips in CI."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
import pytest
import redis
from psycopg import sql

from godot_daemon import migrations
from godot_daemon.embedded import EmbeddedPostgres, EmbeddedValkey

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

_Report = TypeVar("_Report", pytest.TestReport, pytest.CollectReport)

ROOT = Path(__file__).resolve().parents[1]

# Reasons that stay a skip where GODOT_NO_SKIPS turns all others into failures: what a checkout alone cannot have.
_EXCUSES = ("the original system's captures", "only Linux", "only root")

_FOR_TESTS = (
    "GODOT_SHARED",
    "GODOT_NO_SKIPS",
    "GODOT_CHAOS_ROUNDS",
    "GODOT_CHAOS_SEED",
    "GODOT_OUTAGE_SECONDS",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record", action="store_true", help="write golden files anew instead of comparing")


def pytest_configure() -> None:
    # What the developer's shell points to must not reach a test.
    for name in [name for name in os.environ if name.startswith("GODOT_") and name not in _FOR_TESTS]:
        del os.environ[name]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _without_excuse((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _without_excuse((yield))


def _without_excuse(report: _Report) -> _Report:
    if (
        os.environ.get("GODOT_NO_SKIPS")
        and report.skipped
        and not hasattr(report, "wasxfail")
        and not any(excuse in str(report.longrepr) for excuse in _EXCUSES)
    ):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be skipped (GODOT_NO_SKIPS): {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL for the whole run. Nobody pulls the plug on it, so it need not wait for the disk."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), settings={"fsync": "off"}) as server:
        yield server


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """A Valkey for the whole run."""
    with EmbeddedValkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(scope="session")
def _template(postgres_server: EmbeddedPostgres) -> str:
    name = "godot_template"
    with psycopg.connect(postgres_server.url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    migrations.upgrade(_url_of(postgres_server, name))
    return name


@pytest.fixture
def empty_database_url(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """A database without any schema."""
    yield from _database(postgres_server, "template0")


@pytest.fixture
def database_url(postgres_server: EmbeddedPostgres, _template: str) -> Iterator[str]:
    """A database with the current schema, cloned in milliseconds."""
    yield from _database(postgres_server, _template)


@pytest.fixture
def redis_url(valkey_server: EmbeddedValkey) -> str:
    """An empty Redis."""
    with redis.Redis.from_url(valkey_server.url) as client:
        client.flushall()
    return valkey_server.url


@pytest.fixture(scope="session")
def copy_postgres(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Makes the directory of a PostgreSQL with the current schema; a copy needs neither initdb nor migrations."""
    initial = tmp_path_factory.mktemp("initial")
    with EmbeddedPostgres(initial) as server:
        migrations.upgrade(server.url)

    def copy(place: Path) -> Path:
        place.mkdir(parents=True)
        subprocess.run(["cp", "-a", initial / "data", place], check=True)  # it may belong to another user
        return place

    return copy


@pytest.fixture
def own_postgres(tmp_path: Path, copy_postgres: Callable[[Path], Path]) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL with the current schema for this test alone, which may kill it; fsync is on."""
    place = copy_postgres(tmp_path / "own_postgres")
    with EmbeddedPostgres(place, settings={"shared_buffers": "64MB"}) as server:
        yield server


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    """A Valkey for this test alone, which may kill it."""
    with EmbeddedValkey(tmp_path / "own_valkey") as server:
        yield server


@pytest.fixture(scope="session")
def shared_captures() -> Path:
    """Logs of the original system, which lie beside the checkout and are not part of it."""
    place = Path(os.environ.get("GODOT_SHARED", ROOT.parent / "shared")) / "captures"
    if not place.is_dir():
        pytest.skip("needs the original system's captures: set GODOT_SHARED to the directory that holds them")
    return place


class Godot:
    """The `godot` command as a user starts it."""

    def __init__(self, cwd: Path) -> None:
        self._program = Path(sys.executable).with_name("godot")
        self._cwd = cwd
        self._started: list[subprocess.Popen[str]] = []

    def __call__(
        self,
        *arguments: str,
        env: dict[str, str] | None = None,
        stdin: str | None = None,
        timeout: float = 180,
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end; the test looks at `returncode`, `stdout` and `stderr`."""
        return subprocess.run(
            [self._program, *arguments],
            env={**os.environ, **(env or {})},
            cwd=self._cwd,
            input=stdin if stdin is not None else "",
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def start(
        self, *arguments: str, env: dict[str, str] | None = None, **options: Any
    ) -> subprocess.Popen[str]:
        """Start and go on; whatever still runs at the end of the test is killed.

        Output goes to pipes unless `stdout` and `stderr` say otherwise: a chatty program needs a file.
        """
        process = subprocess.Popen(
            [self._program, *arguments],
            env={**os.environ, **(env or {})},
            cwd=self._cwd,
            text=True,
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )
        self._started.append(process)
        return process

    def close(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


@pytest.fixture
def godot(tmp_path: Path) -> Iterator[Godot]:
    """Runs the command line: `godot("status", env={"GODOT_REDIS_URL": redis_url})`."""
    runner = Godot(tmp_path)
    yield runner
    runner.close()


@pytest.fixture(scope="session")
def eventually() -> Callable[..., Any]:
    """Polls instead of sleeping: `eventually(lambda: stored() == 10)` returns the first true value.

    The deadline is for what never comes, and is no promise of speed: a busy machine takes its time.
    `why` may be a function: what it returns at the deadline tells the reader what to look at.
    """

    def wait(
        condition: Callable[[], Any], *, within: float = 60, why: str | Callable[[], object] = ""
    ) -> Any:
        deadline = time.monotonic() + within
        pause = 0.005
        while not (value := condition()):
            if time.monotonic() > deadline:
                reason = why() if callable(why) else why
                pytest.fail(f"did not happen within {within:g} s: {reason or condition}")
            time.sleep(pause)
            pause = min(pause * 1.5, 0.1)
        return value

    return wait


def _url_of(server: EmbeddedPostgres, database: str) -> str:
    return server.url.rpartition("/")[0] + f"/{database}"


def _database(server: EmbeddedPostgres, template: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("create database {} template {} strategy file_copy").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        yield _url_of(server, name)
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
