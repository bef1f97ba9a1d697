"""Loads the catalogue: what is told to people about each kind of finding, and which explains which."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from godot_analysis.reading.entries import EntryError, checked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from godot_analysis.diagnosis.findings import Severity

SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning", "info")
"""Gravest first."""
_NEEDED: Final = ("layer", "severity", "about", "title", "summary", "explanation", "fix", "references")
_ALLOWED: Final = ("blames", "explains", "stands", "each_tool", "variants")

__all__ = ["SEVERITIES", "Entry", "catalogue", "layers"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One kind of finding: its place in the order of precedence, and the templates of its texts.

    `about` says in one line what it is, `blames` who it is that usually causes it. `variants` hold the words,
    themselves templates, that differ with how the fault shows.
    """

    code: str
    rank: int
    layer: str
    severity: Severity
    about: str
    title: str
    summary: str
    explanation: str
    fix: str
    references: tuple[str, ...]
    blames: str = ""
    explains: bool = True
    stands: bool = False
    each_tool: bool = True
    variants: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@cache
def catalogue() -> dict[str, Entry]:
    """All entries by code, in order of precedence."""
    text = (files("godot_analysis.diagnosis") / "catalogue.toml").read_text(encoding="utf-8")
    entries = tomllib.loads(text)
    for code, told in entries.items():
        checked(f"catalogue.toml, {code}", told, _NEEDED, _ALLOWED)
        if told["severity"] not in SEVERITIES:
            raise EntryError(f"catalogue.toml, {code}: severity is none of {', '.join(SEVERITIES)}")
    return {
        code: Entry(code, rank, **(told | {"references": tuple(told["references"])}))
        for rank, (code, told) in enumerate(entries.items())
    }


@cache
def layers() -> tuple[str, ...]:
    """The layers in order: from what carries to what is carried."""
    return tuple(dict.fromkeys(entry.layer for entry in catalogue().values()))
