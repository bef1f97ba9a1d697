"""The five levels, as numbers to compare and names to write."""

from typing import Final

TRACE: Final = 5
DEBUG: Final = 10
INFO: Final = 20
WARN: Final = 30
ERROR: Final = 40
OFF: Final = 100
_HIGHEST: Final = 50  # CRITICAL of `logging`

NAMES: Final = {TRACE: "TRACE", DEBUG: "DEBUG", INFO: "INFO", WARN: "WARN", ERROR: "ERROR"}
_NUMBERS: Final = {name: number for number, name in NAMES.items()} | {
    "WARNING": WARN,
    "NOTICE": INFO,
    "CRITICAL": ERROR,
    "FATAL": ERROR,
}


def parse_level(value: object) -> int:
    """The number of a level given by name, in any case, or as `logging` numbers it.

    The aliases are those of the wire contract; a number between two levels is the lower one.
    """
    if isinstance(value, str) and (number := _NUMBERS.get(value.strip().upper())) is not None:
        return number
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _HIGHEST:
        return max((number for number in NAMES if number <= value), default=TRACE)
    raise ValueError("not one of " + ", ".join(NAMES.values()))
