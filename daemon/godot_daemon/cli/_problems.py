"""Errors in the words of the person at the terminal: what happened, and what to do next."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

import click

from godot_daemon.errors import GodotError
from godot_wire.connections import scrubbed

if TYPE_CHECKING:
    import psycopg

_SETUP_HINTS: Final = {
    "28P01": "check the user and password in GODOT_DATABASE_URL",
    "28000": "check the user in GODOT_DATABASE_URL and the server's pg_hba.conf",
    "3D000": "create it with `createdb`, then run `godot db upgrade`",
    "3F000": "run `godot db upgrade`",
    "42P01": "run `godot db upgrade`",
    "42703": "run `godot db upgrade`",
    "42883": "run `godot db upgrade`",
    "42501": "connect as a user that has the role for this: godot_writer, godot_reader or godot_admin",
    "55P03": "another session holds the lock: end it, or try again later",
}


def explain(error: Exception) -> str:
    """One line about an error, with a hint where there is one.

    A driver's errors are looked for only when it has been imported: no other can be the cause.
    """
    message, hint = _explain(error)
    line = scrubbed(" ".join(message.split()), *_addresses())
    return f"{line} ({hint})" if hint else line


def _addresses() -> list[str]:
    """Every address that this command was given: a driver may quote a part of it, and so of its password."""
    given = [text for name, text in os.environ.items() if name.startswith("GODOT_") and name.endswith("_URL")]
    typed = (argument.partition("=")[2] if argument[:2] == "--" else argument for argument in sys.argv[1:])
    return [*given, *(text for text in typed if "@" in text or "password" in text.lower())]


def _explain(error: Exception) -> tuple[str, str | None]:  # noqa: PLR0911 - one for each kind
    analysis = sys.modules.get("godot_analysis.errors")
    if analysis and isinstance(error, analysis.SourceUnavailable) and not error.details.get("sqlstate"):
        return _explain_source(error)
    if isinstance(error, GodotError) or (analysis and isinstance(error, analysis.GodotAnalysisError)):
        return getattr(error, "message", str(error)), getattr(error, "hint", None)
    if isinstance(error, click.ClickException):
        return error.format_message(), None
    postgres: Any = sys.modules.get("psycopg")
    if postgres and isinstance(error, postgres.Error):
        return _explain_postgres(error)
    redis: Any = sys.modules.get("redis")
    if redis and isinstance(error, redis.RedisError):
        return _explain_redis(error, redis)
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("godot"):
        return f"{error.name} is not installed", "pip install 'godot-logging[demo]' brings everything"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror, None
    return f"{type(error).__name__}: {error}", "`godot --debug …` shows where"


def _explain_source(error: Any) -> tuple[str, str | None]:
    """The analysis names what to do in Python; here it is the same as for every other command."""
    where, separator, said = error.message.partition(": ")
    if not separator or "FATAL:" in said:
        return error.message, "check GODOT_DATABASE_URL: user, password and database"
    from godot_daemon.database import AWAY

    return f"PostgreSQL at {where} does not answer: {said.removeprefix('connection failed: ')}", AWAY


def _explain_postgres(error: psycopg.Error) -> tuple[str, str | None]:
    said = error.diag.message_primary or str(error)
    if error.sqlstate in _SETUP_HINTS:
        return f"PostgreSQL: {said}", error.diag.message_hint or _SETUP_HINTS[error.sqlstate]
    if error.sqlstate is None and "FATAL:" in said:  # libpq tells no SQLSTATE of a refused connection
        refusal = said.partition("FATAL:")[2].splitlines()[0].strip()
        return (
            f"PostgreSQL refuses: {refusal}",
            "check GODOT_DATABASE_URL; `createdb` makes a missing database",
        )
    if error.sqlstate is None or error.sqlstate.startswith(("08", "57P")):
        from godot_daemon import database

        return f"PostgreSQL does not answer: {database.said(error)}", database.AWAY
    return f"PostgreSQL: {said} [{error.sqlstate}]", error.diag.message_hint


def _explain_redis(error: Exception, redis: Any) -> tuple[str, str | None]:
    if isinstance(error, redis.AuthenticationError):
        return f"Redis: {error}", "check the user and password in GODOT_REDIS_URL"
    if isinstance(error, redis.BusyLoadingError):
        return "Redis is still reading its data", "wait a moment and try again"
    if isinstance(error, (redis.ConnectionError, redis.TimeoutError)):
        from godot_daemon.redis_queue import AWAY

        return f"Redis does not answer: {error}", AWAY
    return f"Redis: {error}", None
