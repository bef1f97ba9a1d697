"""The catalogue of settings: argument, then environment, then settings file, then default."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

from godot_daemon.errors import SettingsError
from godot_daemon.origins import Found, Places
from godot_wire.connections import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NOT_A_NUMBER: Final = "is not a number"
_REDACT: Final = ("unmarked", "all", "off")
_LOG_FORMATS: Final = ("auto", "human", "json")


def _integer(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError(f"must be between {low:,} and {high:,}")
        return value

    return parse


def _seconds(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        value = float(text)
        if not low <= value <= high:
            raise ValueError(f"must be between {low:g} and {high:g} seconds")
        return value

    return parse


def _redis_url(text: str) -> str:
    if urlsplit(text).scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("must start with redis://, rediss:// or unix://")
    return text


def _database_url(text: str) -> str:
    if urlsplit(text).scheme not in {"postgresql", "postgres"}:
        raise ValueError("must start with postgresql://")
    return text


def _text(text: str) -> str:
    if not text:
        raise ValueError("must not be empty")
    return text


def _log_format(text: str) -> str:
    if text not in _LOG_FORMATS:
        raise ValueError(f"must be one of {', '.join(_LOG_FORMATS)}")
    return text


def _redact(text: str) -> str:
    if text not in _REDACT:
        raise ValueError(f"must be one of {', '.join(_REDACT)}")
    return text


def _setting(default: Any, parse: Callable[[str], Any], about: str, *, secret: bool = False) -> Any:
    return field(default=default, metadata={"parse": parse, "about": about, "secret": secret})


@dataclass(frozen=True, repr=False)
class Settings:
    """All settings of one process.

    Each field is the environment variable `GODOT_<FIELD>`; a secret may instead stand in the file that
    `GODOT_<FIELD>_FILE` names. What the environment does not say, the file that `GODOT_SETTINGS_FILE` names
    may. `Settings.load` reads and checks them.
    """

    redis_url: str = _setting(
        "redis://127.0.0.1:6379/0", _redis_url, "Redis or Valkey that holds the queue", secret=True
    )
    database_url: str = _setting(
        "postgresql:///godot", _database_url, "PostgreSQL that keeps the logs", secret=True
    )
    prefix: str = _setting("logs:", _text, "what every Redis key starts with")
    queue_max: int = _setting(100_000, _integer(1, 10**9), "records the queue holds; the oldest go first")
    batch_size: int = _setting(
        500, _integer(1, 100_000), "a batch is written when so many records wait; grows under load"
    )
    batch_window_ms: int = _setting(
        100, _integer(0, 60_000), "or when its first record has waited so many milliseconds"
    )
    writers: int = _setting(2, _integer(1, 16), "database connections that write at the same time")
    database_timeout: float = _setting(
        30.0, _seconds(1, 3600), "seconds after which a silent PostgreSQL counts as hanging"
    )
    redis_timeout: float = _setting(5.0, _seconds(0.5, 600), "seconds after which a silent Redis does")
    takeover_after: float = _setting(
        15.0, _seconds(1, 3600), "seconds without a heartbeat after which a daemon's claims are taken over"
    )
    days_ahead: int = _setting(3, _integer(1, 365), "days for which partitions are made ahead")
    retention_days: int | None = _setting(
        None,
        _integer(1, 36_500),
        "days that records are kept; unset: what the database promises, 7 at first",
    )
    archive_dir: str | None = _setting(
        None, _text, "directory of Parquet files that keeps what retention removes; unset: nothing does"
    )
    metrics_host: str = _setting("127.0.0.1", _text, "address of /metrics, /healthz and /readyz")
    metrics_port: int = _setting(9465, _integer(0, 65_535), "their port; 0 takes any free one")
    redact: str = _setting(
        "unmarked",
        _redact,
        "whose records the daemon redacts: unmarked (those that no client of ours has made), all, off",
    )
    redact_fields: str = _setting("", str, "more keys to redact, separated by commas")
    log_format: str = _setting("auto", _log_format, "auto (human on a terminal, else json), human, json")

    @classmethod
    def load(
        cls, arguments: Mapping[str, Any] | None = None, environ: Mapping[str, str] = os.environ
    ) -> Self:
        """Read all settings; arguments that are None count as not given.

        Raises
        ------
        SettingsError
            Naming every unusable value at once, never the text of a secret.
        """
        resolution = resolve(arguments, environ)
        if resolution.problems:
            raise SettingsError(resolution.problems)
        return cls(**resolution.values)

    def shown(self) -> dict[str, Any]:
        """Every setting for printing: the passwords in URLs are masked."""
        return {
            setting.name: shown(value) if setting.metadata["secret"] else value
            for setting in dataclasses.fields(self)
            for value in [getattr(self, setting.name)]
        }

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in self.shown().items())})"


@dataclass(frozen=True, slots=True)
class Resolution:
    """What became of every setting, whether all of them can be used or not."""

    values: dict[str, Any]
    """By field, the default where nobody gave one; what cannot be used is missing."""
    found: dict[str, Found]
    problems: list[str]
    """Every unusable value, never the text of a secret."""
    misspelt: list[str]
    """Variables that are no setting, but nearly one."""


def resolve(
    arguments: Mapping[str, Any] | None = None, environ: Mapping[str, str] = os.environ
) -> Resolution:
    """Look every setting up; arguments that are None count as not given."""
    given = {name: value for name, value in (arguments or {}).items() if value is not None}
    settings = dataclasses.fields(Settings)
    if unknown := given.keys() - {setting.name for setting in settings}:
        raise TypeError(f"no such settings: {', '.join(sorted(unknown))}")
    places = Places(given, environ)
    problems: list[str] = []
    values: dict[str, Any] = {}
    found: dict[str, Found] = {}
    for setting in settings:
        place = found[setting.name] = places.find(setting.name, secret=setting.metadata["secret"])
        if place.text is None:
            if place.source == "default":
                values[setting.name] = setting.default
            continue
        try:
            values[setting.name] = setting.metadata["parse"](place.text)
        except ValueError as error:
            text = repr(shown(place.text) if setting.metadata["secret"] else place.text)
            why = str(error) if str(error).startswith("must") else _NOT_A_NUMBER
            if setting.metadata["secret"] and why == _NOT_A_NUMBER:
                why = "is not a URL"
            problems.append(f"{place.where}: {text} {why}")
    names = [setting.name for setting in settings]
    return Resolution(values, found, places.problems + problems, places.misspelt(names))
