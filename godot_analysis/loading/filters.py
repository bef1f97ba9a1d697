"""What to load: every filter checked once, before anything is asked of a source."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from godot_analysis.columns import LEVELS
from godot_analysis.errors import BadFilter

if TYPE_CHECKING:
    from collections.abc import Mapping

Moment = str | dt.datetime | dt.date | dt.timedelta
"""A time (without a zone it is UTC), or how long ago: `"90s"`, `"15m"`, `"1h"`, `"7d"`, a timedelta."""

STATUSES: Final = ("error", "warn", "ok")

_AGO: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|min|h|d|w)\s*(?:ago)?\s*", re.IGNORECASE)
_UNIT_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_LONGEST: Final = 1000 * 365 * 86400  # seconds; with more, a date may end before the year 1
_LEVEL_NAMES: Final = {"WARNING": "WARN", "CRITICAL": "ERROR", "FATAL": "ERROR", "NOTICE": "INFO"}


@dataclass(frozen=True, slots=True)
class Since:
    """A moment: fixed, or some time before the newest there is."""

    at: dt.datetime | None = None
    ago: dt.timedelta | None = None

    def before(self, newest: dt.datetime) -> dt.datetime:
        """The moment itself, when the newest is known."""
        return self.at if self.at is not None else newest - (self.ago or dt.timedelta())


@dataclass(frozen=True, slots=True)
class Filter:
    """Which records to load; None leaves a question open."""

    trace_id: str | None = None
    component: str | None = None
    levels: tuple[str, ...] | None = None  # the minimum and everything above
    start: Since | None = None
    end: Since | None = None
    search: str | None = None
    data: dict[str, Any] | None = None
    limit: int | None = None

    @property
    def partial(self) -> bool:
        """Whether records may be missing between two that are loaded, so that gaps in `seq` mean nothing."""
        return any(value is not None for value in (self.trace_id, self.levels, self.search, self.data))


def make_filter(
    *,
    trace_id: str | UUID | None = None,
    component: str | None = None,
    level: str | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    search: str | None = None,
    data: Mapping[str, Any] | None = None,
    limit: int | None = None,
) -> Filter:
    """Check every argument.

    Raises
    ------
    BadFilter
        When one has no meaning.
    """
    if component is not None and not isinstance(component, str):
        raise BadFilter(f"component is a name, not {component!r}", hint="one component, as it logs itself")
    if search is not None and not isinstance(search, str):
        raise BadFilter(f"search is text, not {search!r}", hint='words, "phrases", or, -not')
    if data is not None and not isinstance(data, dict):
        raise BadFilter(f"data is a dict, not {data!r}", hint="what a record's data must contain")
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 0):
        raise BadFilter(f"limit is a count, not {limit!r}", hint="0 or more, or None for all")
    return Filter(
        trace_id=None if trace_id is None else trace_text(trace_id),
        component=component,
        levels=None if level is None else levels_from(level),
        start=None if start is None else moment(start, "start"),
        end=None if end is None else moment(end, "end"),
        search=search or None,
        data=data,
        limit=limit,
    )


def trace_text(trace_id: str | UUID) -> str:
    """The trace id as the frames have it: 36 characters, lower case.

    Examples
    --------
    >>> trace_text("7C9E6679742540DE944BE07FC1F90AE7")
    '7c9e6679-7425-40de-944b-e07fc1f90ae7'
    """
    try:
        return str(trace_id if isinstance(trace_id, UUID) else UUID(trace_id.strip()))
    except (ValueError, AttributeError, TypeError):
        raise BadFilter(
            f"not a trace id: {trace_id!r}", hint="a UUID, or its 32 hex digits; list_traces() shows them"
        ) from None


def levels_from(level: str) -> tuple[str, ...]:
    """The level and everything above it.

    Examples
    --------
    >>> levels_from("warning")
    ('WARN', 'ERROR')
    """
    if not isinstance(level, str):
        raise BadFilter(
            f"unknown level {level!r}",
            hint=f"one of {', '.join(LEVELS)}: what is above it comes with it",
        )
    name = level.strip().upper()
    name = _LEVEL_NAMES.get(name, name)
    if name not in LEVELS:
        raise BadFilter(f"unknown level {level!r}", hint=f"use one of {', '.join(LEVELS)}")
    return LEVELS[LEVELS.index(name) :]


def moment(value: Moment, name: str) -> Since:
    """A time as people write it.

    Examples
    --------
    >>> moment("1h", "since").ago
    datetime.timedelta(seconds=3600)
    >>> moment("2026-01-31T12:00:00+01:00", "start").at
    datetime.datetime(2026, 1, 31, 11, 0, tzinfo=datetime.timezone.utc)
    """
    if isinstance(value, dt.timedelta):
        return _ago(value.total_seconds(), name)
    if isinstance(value, str):
        found = _AGO.fullmatch(value)
        if found:
            return _ago(float(found[1]) * _UNIT_SECONDS[found[2].lower()], name)
        try:
            value = dt.datetime.fromisoformat(value.strip())
        except ValueError:
            value = None  # type: ignore[assignment]
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
    if not isinstance(value, dt.datetime) or value != value:  # noqa: PLR0124 - NaT
        raise BadFilter(
            f"{name} is not a time", hint='2026-01-31T12:00:00+01:00, or how long ago: "15m", "1h", "7d"'
        )
    aware = value if value.tzinfo is not None else value.replace(tzinfo=dt.UTC)
    try:
        return Since(at=aware.astimezone(dt.UTC))
    except OverflowError:  # in the first or last hours that there are, in another zone
        raise BadFilter(f"{name} is beyond all time", hint="a time of this century") from None


def _ago(seconds: float, name: str) -> Since:
    if not abs(seconds) <= _LONGEST:
        raise BadFilter(f"{name} is beyond all time", hint='at most some centuries ago; "7d" is a week ago')
    return Since(ago=dt.timedelta(seconds=seconds))
