"""Times as people type them: `10m`, `7d`, `2026-01-31`, `2026-01-31T12:00+01:00`."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

import click

EVERYTHING: Final = "all"
_USUALLY: Final = "1h"
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|d|w)", re.IGNORECASE)
_SECONDS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LONGEST_SECONDS: Final = 100 * 365 * 86_400


class Duration(click.ParamType[dt.timedelta]):
    """A length of time: `90s`, `10m`, `1.5h`, `7d`, `2w`."""

    name = "duration"

    def convert(
        self, value: str | dt.timedelta, param: click.Parameter | None, ctx: click.Context | None
    ) -> dt.timedelta:
        """Read it; a usage error when it is none."""
        if isinstance(value, dt.timedelta):
            return value
        found = _DURATION.fullmatch(value.strip())
        seconds = float(found[1]) * _SECONDS[found[2].lower()] if found else 0
        if not 0 < seconds <= _LONGEST_SECONDS:
            self.fail(f"{value!r} is no length of time such as 90s, 10m, 1.5h, 7d, 2w", param, ctx)
        return dt.timedelta(seconds=seconds)


class Deadline(click.ParamType[dt.datetime]):
    """A moment to come: a length of time from now, or a date or time, in UTC unless it says otherwise."""

    name = "time"

    def convert(
        self, value: str | dt.datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> dt.datetime:
        """Read it; a usage error when it is none, or past."""
        now = dt.datetime.now(dt.UTC)
        if isinstance(value, str) and _DURATION.fullmatch(value.strip()):
            return now + Duration().convert(value, param, ctx)
        try:
            moment = dt.datetime.fromisoformat(value.strip()) if isinstance(value, str) else value
        except ValueError:
            self.fail(f"{value!r} is no time such as 7d, 2026-01-31 or 2026-01-31T12:00+01:00", param, ctx)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
        if moment <= now:
            self.fail(f"{value!r} is past", param, ctx)
        return moment


class Since(click.ParamType[str]):
    """Where to begin: how long ago, a time, or `all`. It stays text, which the analysis reads."""

    name = "when"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check it; a usage error when it has no meaning."""
        from godot_analysis.errors import BadFilter
        from godot_analysis.loading.filters import moment

        if value == EVERYTHING:
            return value
        try:
            moment(value, "since").before(dt.datetime.now(dt.UTC))
        except (BadFilter, OverflowError):
            self.fail(f"{value!r} is none of 15m, 2h, 1d, 2026-01-31T12:00+01:00, all", param, ctx)
        return value


def beginning(since: str | None, *, of_file: bool) -> str | None:
    """What to load from: the last hour unless somebody says otherwise, and a file as a whole."""
    since = since or (EVERYTHING if of_file else _USUALLY)
    return None if since == EVERYTHING else since
