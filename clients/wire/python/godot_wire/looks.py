"""The rules for secrets that can be known by their look, compiled."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from godot_wire.checks import CHECKS
from godot_wire.rules import TABLE


@dataclass(frozen=True, slots=True)
class ValueRule:
    """A secret known by its look. Group 1 of the pattern stays, group 2 goes if the check agrees."""

    rule: str
    triggers: tuple[str, ...]
    pattern: re.Pattern[str]
    check: Callable[[str], bool] | None


def _value_rule(entry: dict[str, Any]) -> ValueRule:
    flags = re.IGNORECASE | re.ASCII if entry.get("flags") == "i" else re.ASCII
    check = CHECKS[entry["check"]] if "check" in entry else None
    return ValueRule(entry["rule"], tuple(entry["triggers"]), re.compile(entry["pattern"], flags), check)


VALUE_RULES: Final = tuple(_value_rule(entry) for entry in TABLE["values"])
