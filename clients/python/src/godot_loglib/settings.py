"""The catalogue of settings: every environment variable, its default, its meaning, and how it is read."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from godot_loglib.levels import INFO, parse_level
from godot_loglib.payload import POLICIES

_UNITS: Final = {"": 1, "K": 1000, "M": 1000**2, "G": 1000**3, "KI": 1024, "MI": 1024**2, "GI": 1024**3}


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("not a text")
    return value


def _component(value: object) -> str:
    text = _text(value)
    if len(text) > 64:  # noqa: PLR2004  the wire contract
        raise ValueError("longer than 64 characters")
    return text


def _url(value: object) -> str:
    if not re.match(r"(rediss?|unix)://", text := _text(value)):
        raise ValueError("not a redis://, rediss:// or unix:// URL")
    return text


def _count(value: object) -> int:
    try:
        number = int(value) if isinstance(value, str | int) else 0
    except ValueError:
        number = 0
    if number < 1:
        raise ValueError("not a number from 1 on")
    return number


def _bytes(value: object) -> int:
    match = re.fullmatch(r"(\d+) *([KMG]?I?)B?", str(value).strip().upper())
    if not match:
        raise ValueError("not a size such as 67108864 or 64MiB")
    return _count(int(match[1]) * _UNITS.get(match[2], 0))


def _seconds(value: object) -> float:
    try:
        number = float(value) if isinstance(value, str | int | float) else 0.0
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise ValueError("not a number of seconds")
    return number


def _flag(value: object) -> bool:
    word = str(value).strip().lower()
    if word in {"true", "1", "yes", "on"}:
        return True
    if word in {"false", "0", "no", "off"}:
        return False
    raise ValueError("not true or false")


def _fields(value: object) -> tuple[str, ...]:
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list | tuple | set | frozenset):
        raise ValueError("not a list of names")  # noqa: TRY004  every parser speaks with ValueError
    return tuple(name for name in (str(item).strip() for item in items) if name)


def _fallback(value: object) -> str:
    text = _text(value)
    if text in {"auto", "stdout", "stderr", "off"} or (text.startswith("file:") and len(text) > len("file:")):
        return text
    raise ValueError("not one of auto, stdout, stderr, file:PATH, off")


def _share(value: object) -> float:
    try:
        number = float(value) if isinstance(value, str | int | float) else -1.0
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise ValueError("not a number from 0 to 1")
    return number


def _payloads(value: object) -> tuple[tuple[str | None, str], ...]:
    if isinstance(value, Mapping):
        items = list(value.items())
    else:
        pairs = (item.strip().rpartition("=") for item in _text(value).split(",") if item.strip())
        items = [(tool.strip() or None, policy.strip().lower()) for tool, _, policy in pairs]
    if not items or any(policy not in POLICIES for _, policy in items):
        raise ValueError("not a list of full, shape, off and TOOL=full|shape|off")
    return tuple(dict(items).items())


@dataclass(frozen=True, slots=True)
class Variable:
    """One setting: keyword of `ICCMLogger`, environment variable, default, parser, line of reference."""

    keyword: str
    name: str
    default: Any
    shown: str
    parse: Callable[[object], Any]
    meaning: str
    secret: bool = False


_ENABLED: Final = True

CATALOGUE: Final = (
    Variable(
        "component",
        "GODOT_COMPONENT",
        "unknown",
        "-",
        _component,
        "name of this component, when the constructor names none",
    ),
    Variable(
        "level",
        "GODOT_LEVEL",
        INFO,
        "INFO",
        parse_level,
        "lowest level that is logged: TRACE, DEBUG, INFO, WARN, ERROR",
    ),
    Variable("enabled", "LOGGING_ENABLED", _ENABLED, "true", _flag, "false makes every log call a no-op"),
    Variable(
        "redis_url",
        "GODOT_REDIS_URL",
        "redis://127.0.0.1:6379/0",
        "redis://127.0.0.1:6379/0",
        _url,
        "where the queue is",
        secret=True,
    ),
    Variable("prefix", "GODOT_PREFIX", "logs:", "logs:", _text, "prefix of all Redis keys"),
    Variable(
        "queue_max",
        "GODOT_QUEUE_MAX",
        100_000,
        "100000",
        _count,
        "bound of the queue in Redis; the oldest records go, and are counted",
    ),
    Variable(
        "redact_fields",
        "GODOT_REDACT_FIELDS",
        (),
        "-",
        _fields,
        "more keys to redact, separated by commas; adds to the defaults",
    ),
    Variable(
        "fallback",
        "GODOT_FALLBACK",
        "auto",
        "auto",
        _fallback,
        "where records go while Redis is away: auto, stdout, stderr, file:PATH, off",
    ),
    Variable(
        "fallback_bytes",
        "GODOT_FALLBACK_BYTES",
        64 * 1024**2,
        "64MiB",
        _bytes,
        "size at which a fallback file is rotated (three older ones are kept)",
    ),
    Variable(
        "buffer_max",
        "GODOT_BUFFER_MAX",
        10_000,
        "10000",
        _count,
        "records held in memory; beyond, the oldest go",
    ),
    Variable(
        "buffer_bytes",
        "GODOT_BUFFER_BYTES",
        64 * 1024**2,
        "64MiB",
        _bytes,
        "bytes held in memory; beyond, the oldest go",
    ),
    Variable(
        "redis_timeout",
        "GODOT_REDIS_TIMEOUT",
        1.0,
        "1",
        _seconds,
        "seconds the sender waits for Redis to connect or answer",
    ),
    Variable(
        "retry_seconds",
        "GODOT_RETRY_SECONDS",
        5.0,
        "5",
        _seconds,
        "seconds between attempts to reach Redis during fallback",
    ),
    Variable(
        "exit_seconds",
        "GODOT_EXIT_SECONDS",
        2.0,
        "2",
        _seconds,
        "deadline of the process's end: the first half is for Redis, the rest for the fallback",
    ),
    Variable(
        "trace_sample",
        "GODOT_TRACE_SAMPLE",
        1.0,
        "1",
        _share,
        "share of the traces whose TRACE records are logged, from 0 to 1",
    ),
    Variable(
        "payloads",
        "GODOT_PAYLOADS",
        ((None, "full"),),
        "full",
        _payloads,
        "what is recorded of the payloads of messages: full, shape, off, and TOOL=full, shape or off",
    ),
    Variable(
        "payload_bytes",
        "GODOT_PAYLOAD_BYTES",
        1024**2,
        "1MiB",
        _bytes,
        "size at which one payload is cut",
    ),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What one logger works with; `problems` tells what could not be used, one line each."""

    component: str
    level: int
    enabled: bool
    redis_url: str
    prefix: str
    queue_max: int
    redact_fields: tuple[str, ...]
    fallback: str
    fallback_bytes: int
    buffer_max: int
    buffer_bytes: int
    redis_timeout: float
    retry_seconds: float
    exit_seconds: float
    trace_sample: float
    payloads: tuple[tuple[str | None, str], ...]
    payload_bytes: int
    level_was_given: bool = False
    problems: tuple[str, ...] = ()


def read_settings(
    keywords: Mapping[str, object] | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    """Keywords win over the environment, the environment over the defaults; nothing here ever raises.

    A value that cannot be used is told in `problems` (never with its text, which may be a secret), and the
    next source counts. `redact_fields` is the exception: keyword and environment add up.
    """
    environ = os.environ if environ is None else environ
    given = dict(keywords or {})
    problems: list[str] = []
    chosen: dict[str, Any] = {}
    for variable in CATALOGUE:
        sources = [(f"{variable.keyword}=", given.pop(variable.keyword, None))]
        try:
            sources.append((variable.name, _from_environment(variable, environ)))
        except (OSError, ValueError) as error:
            problems.append(f"{variable.name}_FILE cannot be read ({type(error).__name__})")
        usable = []
        for source, value in sources:
            if value is None or (isinstance(value, str) and not value):
                continue
            try:
                usable.append(variable.parse(value))
            except Exception as error:  # noqa: BLE001  a setting must never break the application
                problems.append(f"{source.rstrip('=')} is {error}; using the next best")
        if variable.keyword == "redact_fields":
            chosen["redact_fields"] = tuple(dict.fromkeys(name for names in usable for name in names))
        else:
            chosen[variable.keyword] = usable[0] if usable else variable.default
        if variable.keyword == "level":
            chosen["level_was_given"] = bool(usable)
    problems += [f"there is no setting {name}" for name in given]
    return Settings(**chosen, problems=tuple(problems))


def _from_environment(variable: Variable, environ: Mapping[str, str]) -> str | None:
    value = environ.get(variable.name)
    if value is None and variable.secret and (path := environ.get(variable.name + "_FILE")):
        value = Path(path).read_text(encoding="utf-8").strip()
    return value
