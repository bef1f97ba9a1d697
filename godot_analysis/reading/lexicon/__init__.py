"""Loads the lexicon: which words and identifiers tell of which kind of event, with sources and examples.

`kinds.toml` lists the kinds in order of precedence, `identifiers/*.toml` the finite lists of names and
numbers that programs share, `patterns/*.toml` the wordings of prose. `README.md` beside them tells how to
add one.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from godot_analysis.reading.entries import EntryError, checked

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable

__all__ = ["IdentifierTable", "Kind", "Pattern", "identifier_tables", "kinds", "patterns"]

_HERE: Final = files(__name__)
_WORD: Final = re.compile(r"\{(\w+)\}")
_WORDS: Final = ("component", "cause_in")
_AT_FAULT: Final = ("", "caller", "server", "person", "nobody", "unknown")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of event that words can tell of.

    `at_fault` says whose mistake it is when a call of a tool ends so: `caller`, `server` (what is wrong lies
    in the server or in what it depends on), `person` (somebody said no), `nobody` (an answer like any other),
    or `unknown`; it is empty for what is no failure. `phrase` completes "the error says that …"; `fix` tells
    what to do about it.
    """

    name: str
    rank: int
    at_fault: str
    phrase: str
    fix: str

    @property
    def ordinary(self) -> bool:
        """Whether it is no failure."""
        return not self.at_fault


@dataclass(frozen=True, slots=True, order=True)
class Pattern:
    """One wording: `match` is an expression in linear time, `example` a real text that only it matches.

    `also` names the other kinds that the example tells of; `unlike` are texts that it must not match.
    """

    kind: str
    match: str
    source: str
    example: str
    also: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IdentifierTable:
    """A finite, documented list of names or numbers, each with its kind.

    `form` is where one is recognised: `word` (a token of its own), `code` (the code of a JSON-RPC error),
    `status` (an HTTP status), or an expression in which `{id}` stands for it.
    """

    name: str
    source: str
    form: str
    kinds: Mapping[str, str]


@cache
def kinds() -> dict[str, Kind]:
    """All kinds by name, in order of precedence: where a text tells of several, the first one counts."""
    told = _load(_HERE / "kinds.toml")
    for name, entry in told.items():
        checked(f"kinds.toml, {name}", entry, ("phrase",), ("at_fault", "fix"))
        if entry.get("at_fault", "") not in _AT_FAULT:
            raise EntryError(f"kinds.toml, {name}: at_fault is none of {', '.join(filter(None, _AT_FAULT))}")
        for word in _WORD.findall(entry.get("fix", "")):
            if word not in _WORDS:
                raise EntryError(f"kinds.toml, {name}: `fix` has {{{word}}}, and not {' or '.join(_WORDS)}")
    return {
        name: Kind(name, rank, entry.get("at_fault", ""), entry["phrase"], entry.get("fix", ""))
        for rank, (name, entry) in enumerate(told.items())
    }


@cache
def patterns() -> tuple[Pattern, ...]:
    """All wordings, file by file."""
    return tuple(
        Pattern(
            kind,
            entry["match"],
            entry["source"],
            entry["example"],
            tuple(entry.get("also", ())),
            tuple(entry.get("unlike", ())),
        )
        for path in _tables("patterns")
        for kind, entries in _load(path).items()
        for entry in map(partial(_checked, path.name, kind), entries)
    )


def _checked(file: str, kind: str, entry: dict[str, Any]) -> Mapping[str, Any]:
    where = f"patterns/{file}, {kind}, {entry.get('match', 'an entry')}"
    if kind not in kinds():
        raise EntryError(f"patterns/{file}: there is no kind {kind} in kinds.toml")
    return checked(where, entry, ("match", "source", "example"), ("also", "unlike"))


@cache
def identifier_tables() -> tuple[IdentifierTable, ...]:
    """All tables of identifiers."""
    return tuple(
        IdentifierTable(
            path.name.removesuffix(".toml"), told["source"], told["form"], _by_name(told["kinds"])
        )
        for path in _tables("identifiers")
        for told in [_load(path)]
    )


def _tables(folder: str) -> list[Traversable]:
    return sorted((_HERE / folder).iterdir(), key=lambda path: path.name)


def _load(path: Traversable) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _by_name(by_kind: Mapping[str, list[str]]) -> dict[str, str]:
    return {str(name): kind for kind, names in by_kind.items() for name in names}
