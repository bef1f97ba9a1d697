"""The catalogue of settings: argument, then environment, then secret file, then default."""

from __future__ import annotations

import dataclasses
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

from godot_daemon.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MASK: Final = "***"
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


def _setting(default: Any, parse: Callable[[str], Any], about: str, *, secret: bool = False) -> Any:
    return field(default=default, metadata={"parse": parse, "about": about, "secret": secret})


@dataclass(frozen=True, repr=False)
class Settings:
    """All settings of one process.

    Each field is the environment variable `GODOT_<FIELD>`; a secret may instead stand in the
    file that `GODOT_<FIELD>_FILE` names. `Settings.load` reads and checks them.
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
        problems: list[str] = []
        given = {name: value for name, value in (arguments or {}).items() if value is not None}
        values: dict[str, Any] = {}
        for setting in dataclasses.fields(cls):
            try:
                text, origin = _find(setting, given, environ)
            except OSError as error:
                problems.append(f"{variable(setting.name)}_FILE: {error.strerror}: {error.filename}")
                continue
            if text is None:
                continue
            try:
                values[setting.name] = setting.metadata["parse"](text)
            except ValueError as error:
                shown = _MASK if setting.metadata["secret"] else repr(text)
                why = str(error) if str(error).startswith("must") else "is not a number"
                problems.append(f"{origin}: {shown} {why}")
        unknown = given.keys() - {setting.name for setting in dataclasses.fields(cls)}
        if unknown:
            raise TypeError(f"no such settings: {', '.join(sorted(unknown))}")
        if problems:
            raise SettingsError(problems)
        return cls(**values)

    def shown(self) -> dict[str, Any]:
        """Every setting for printing: the passwords in URLs are masked."""
        return {
            setting.name: masked(value) if setting.metadata["secret"] else value
            for setting in dataclasses.fields(self)
            for value in [getattr(self, setting.name)]
        }

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in self.shown().items())})"


def _find(
    setting: dataclasses.Field[Any], given: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[str | None, str]:
    """The text of a setting, if there is any, and where it came from."""
    name = variable(setting.name)
    if setting.name in given:
        return str(given[setting.name]), "--" + setting.name.replace("_", "-")
    if environ.get(name):
        return environ[name], name
    if setting.metadata["secret"] and environ.get(f"{name}_FILE"):
        return Path(environ[f"{name}_FILE"]).read_text(encoding="utf-8").strip(), f"{name}_FILE"
    return None, name


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"GODOT_{name.upper()}"


def masked(url: str) -> str:
    """A URL without its password.

    >>> masked("postgresql://me:secret@host/godot?password=secret&a=b")
    'postgresql://me:***@host/godot?password=***&a=b'
    """
    without = re.sub(r"(?<=://)([^/@:]*):.*@", rf"\1:{_MASK}@", url)
    return re.sub(r"(?<=[?&])((?:ssl)?password)=[^&]*", rf"\1={_MASK}", without)
