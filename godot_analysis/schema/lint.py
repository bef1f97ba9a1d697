"""Checks a list of tools against the rules of the common hosts, which `hosts.json` holds."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from godot_analysis.errors import BadFilter
from godot_analysis.loading.frames import frame
from godot_analysis.printable import written
from godot_analysis.schema.host_rules import LIST_CHECKS, TOOL_CHECKS, Tool
from godot_analysis.schema.pointers import join

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pandas as pd

    from godot_analysis.schema.host_rules import Broken

__all__ = ["PROBLEMS", "hosts", "lint_frame", "lint_rows"]

PROBLEMS: Final[dict[str, str]] = {
    "tool": "str",  # missing where the list as a whole is concerned
    "path": "str",  # where in the tool, parts separated by /
    "rule": "category",
    "catalogue": "category",  # class of the failure catalogue, such as F01
    "host": "category",
    "severity": "category",  # error: refused or dropped; warning: works by luck; info: better otherwise
    "message": "str",
    "fix": "str",
    "reference": "str",
}
"""Columns of `lint`."""

_EVERY_HOST: Final = "*"
_ALL: Final = "all"
_SEVERITIES: Final = ("error", "warning", "info")


@cache
def _rules() -> dict[str, Any]:
    held = files("godot_analysis.schema").joinpath("hosts.json").read_text(encoding="utf-8")
    rules: dict[str, Any] = json.loads(held)
    return rules


def hosts() -> dict[str, str]:
    """The hosts that are known, each with a line about it.

    >>> "claude-code" in hosts()
    True
    """
    return dict(_rules()["hosts"])


def lint_rows(tools: Iterable[Any], host: str, server: str | None = None) -> list[dict[str, Any]]:
    """The problems as dicts of the columns of `PROBLEMS`, errors first, in the order of the list."""
    named = list(hosts()) if host == _ALL else [host]
    if host != _ALL and host not in hosts():
        raise BadFilter(f"no rules for the host {host!r}", hint=f"use one of {', '.join(hosts())}, or all")
    listed = [Tool(tool) for tool in tools if isinstance(tool, dict)]
    found = [
        row for rule in _rules()["rules"] for one in named for row in _apply(rule, one, listed, server or "")
    ]
    return sorted(found, key=lambda row: _SEVERITIES.index(row["severity"]))


def lint_frame(tools: Sequence[Any], host: str, server: str | None = None) -> pd.DataFrame:
    """The problems as the documented frame."""
    rows = lint_rows(tools, host, server)
    return frame({name: [row[name] for row in rows] for name in PROBLEMS}, PROBLEMS)


def _apply(rule: Mapping[str, Any], host: str, tools: list[Tool], server: str) -> Iterator[dict[str, Any]]:
    given = rule["hosts"].get(host) or rule["hosts"].get(_EVERY_HOST)
    if given is None:
        return
    given = {**given, "server": server}
    broken: Iterable[tuple[str | None, Broken]]
    if rule["check"] in LIST_CHECKS:
        broken = LIST_CHECKS[rule["check"]](tools, given)
    else:
        check = TOOL_CHECKS[rule["check"]]
        broken = (
            (tool.name or join("tools", number), item)
            for number, tool in enumerate(tools)
            for item in check(tool, given)
        )
    for tool, item in broken:
        facts = {**given, **item.facts}
        yield {
            "tool": None if tool is None else written(tool),
            "path": written(item.path),
            "rule": rule["rule"],
            "catalogue": rule["catalogue"],
            "host": host,
            "severity": given.get("severity", rule["severity"]),
            "message": written((f"{tool}: " if tool else "") + rule["message"].format(**facts)),
            "fix": rule["fix"].format(**facts),
            "reference": given["reference"],
        }
