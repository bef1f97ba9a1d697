"""Lines of a file that are no records of ours, as ordinary records: nothing of a log is dropped in silence.

Time, level and component are taken where a line shows them plainly. Formats of other programs have readers of
their own.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

from godot_analysis.loading.records import LogRow, instant, level_of, row_of

__all__ = ["Loose", "loose_record"]

_TIME: Final = re.compile(
    r"[\s\[(]{0,3}(?P<time>\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)"
    r"[\])]?[\s:|-]{0,4}"
)
_LEVEL: Final = re.compile(
    r"[\[(<|\s]{0,3}(?P<level>trace|debug|verbose|info|notice|warn(?:ing)?|error|err|critical|fatal|severe)[\])>|:\s]{1,4}",
    re.IGNORECASE,
)
# What programs print in other orders: a level in capitals, as a key, or as the first letter of klog.
_INNER: Final = re.compile(
    r"(?:^|[\s\[(|])(?P<level>TRACE|DEBUG|VERBOSE|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL|SEVERE)(?=[\s\])|:]|$)"
    r"|\blevel=\"?(?P<key>[a-z]{3,8})\b|^(?P<klog>[IWEF])\d{4} \d\d:"
)
_KLOG: Final = {"I": "INFO", "W": "WARN", "E": "ERROR", "F": "ERROR"}
_HEAD: Final = 80  # characters in which a line names its level
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]{0,20}m")
_NAME: Final = re.compile(r"\[?(?P<name>[A-Za-z][\w.@/-]{0,63})(?:\]|:)\s{1,4}(?=\S)")
_TIMES: Final = ("time", "timestamp", "ts", "@timestamp", "datetime", "date", "t")
_LEVELS: Final = ("level", "severity", "lvl", "levelname", "log_level", "loglevel")
_TEXTS: Final = ("message", "msg", "text", "event", "log")
_COMPONENTS: Final = ("component", "service", "logger", "name", "source", "app", "module")
# pino, bunyan and structlog number their levels; the numbers of OpenTelemetry and syslog are not guessed.
_NUMBERS: Final = {10: "TRACE", 20: "DEBUG", 30: "INFO", 40: "WARN", 50: "ERROR", 60: "ERROR"}
_OTHERS: Final = {"verbose": "DEBUG", "err": "ERROR", "severe": "ERROR"}
_LONGEST: Final = 1 << 20


class Loose(NamedTuple):
    """A record made of a line, and whether the line had the shape of a line of a log."""

    row: LogRow
    understood: bool


def loose_record(raw: bytes, component: str) -> Loose:
    """Make a record of a line; `component` is whose it is if it does not say.

    Examples
    --------
    >>> line = b"2026-06-01 08:10:01.031 [error] hazel: spawn hazel-mcp ENOENT"
    >>> row, understood = loose_record(line, "host")
    >>> row.level, row.component, row.message, understood
    ('ERROR', 'hazel', 'spawn hazel-mcp ENOENT', True)
    """
    text = _COLOUR.sub("", raw[:_LONGEST].decode(errors="replace").rstrip("\r"))
    held = _json(text)
    return _of_object(held, component) if held is not None else _of_text(text, component)


def _of_object(held: dict[str, Any], component: str) -> Loose:
    message = next((held[key] for key in _TEXTS if isinstance(held.get(key), str)), None)
    named = next(
        (held[key] for key in _COMPONENTS if isinstance(held.get(key), str) and held[key]), component
    )
    time = next((held[key] for key in _TIMES if isinstance(held.get(key), (str, int, float))), None)
    level = next((held[key] for key in _LEVELS if isinstance(held.get(key), (str, int))), None)
    known = {*_TEXTS, *_TIMES, *_LEVELS, "component"}
    row = row_of(
        {
            "component": named[:64],
            "level": _NUMBERS.get(level, "INFO") if isinstance(level, int) else _level(level),
            "message": message if message is not None else json.dumps(held, ensure_ascii=False, default=str),
            "data": {key: value for key, value in held.items() if key not in known} or None,
            "event_created_at": time if instant(time) is not None else None,
        }
    )
    return Loose(_unmarked(row), message is not None)


def _of_text(text: str, component: str) -> Loose:
    time = _TIME.match(text)
    rest = text[time.end() :] if time else text
    level = _LEVEL.match(rest)
    rest = rest[level.end() :] if level else rest
    name = _NAME.match(rest) if level else None
    if name is not None and level_of(name["name"]) is None:
        component, rest = name["name"], rest[name.end() :]
    row = row_of(
        {
            "component": component[:64],
            "level": _level(level["level"]) if level else _inner_level(rest),
            "message": rest.strip() or text.strip(),
            "event_created_at": time["time"].replace(",", ".").replace(" ", "T", 1) if time else None,
        }
    )
    return Loose(_unmarked(row), bool(time and level))


def _inner_level(text: str) -> str:
    found = _INNER.search(text[:_HEAD])
    if found is None:
        return "INFO"
    return _KLOG[found["klog"]] if found["klog"] else _level(found["level"] or found["key"])


def _level(word: str | None) -> str:
    return level_of(word) or _OTHERS.get((word or "").lower(), "INFO")


def _unmarked(row: LogRow) -> LogRow:
    """The row without marks of repair: what is missing was never promised here."""
    if row.data is None or "_repaired" not in row.data:
        return row
    data = {key: value for key, value in row.data.items() if key != "_repaired"}
    return row._replace(data=data or None)


def _json(text: str) -> dict[str, Any] | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
