"""The five levels, as numbers to compare and names to write."""

from typing import Final

TRACE: Final = 5
DEBUG: Final = 10
INFO: Final = 20
WARN: Final = 30
ERROR: Final = 40
OFF: Final = 100

NAMES: Final = {TRACE: "TRACE", DEBUG: "DEBUG", INFO: "INFO", WARN: "WARN", ERROR: "ERROR"}
_NUMBERS: Final = {name: number for number, name in NAMES.items()} | {
    "WARNING": WARN,
    "NOTICE": INFO,
    "CRITICAL": ERROR,
    "FATAL": ERROR,
}


def parse_level(value: object) -> int:
    """The number of a level given by name, in any case; the aliases are those of the wire contract."""
    if isinstance(value, str) and (number := _NUMBERS.get(value.strip().upper())) is not None:
        return number
    if isinstance(value, int) and value in NAMES:
        return value
    raise ValueError("not one of " + ", ".join(NAMES.values()))
