"""A connection to PostgreSQL for one command; one that fails is told as everywhere else."""

from __future__ import annotations

from typing import Any

import psycopg

from godot_daemon import database


def connected(url: str, application_name: str = "godot") -> psycopg.Connection[Any]:
    """Connect; every statement is its own transaction unless it asks for more.

    Raises
    ------
    UnavailableError, SetupError
        Saying what to do.
    """
    try:
        return psycopg.connect(url, autocommit=True, application_name=application_name)
    except psycopg.Error as error:
        raise database.translated(error, url) from error
