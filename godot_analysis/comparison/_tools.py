"""Differences between two lists of tools, keyed by name."""

from __future__ import annotations

import re
from collections import Counter
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Final

from godot_analysis.comparison._difference import difference
from godot_analysis.comparison._json import canonical
from godot_analysis.comparison._judgement import BREAKING, COMPATIBLE, Verdict
from godot_analysis.comparison._schemas import schema_differences
from godot_analysis.reading.names import family, normalised
from godot_analysis.schema.lint import lint_rows
from godot_analysis.schema.pointers import join
from godot_analysis.schema.walk import Budget

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from godot_analysis.comparison._difference import Difference
    from godot_analysis.comparison._judgement import View

__all__ = ["broken_rules", "by_name", "likely_renamed", "tool_differences"]

_MOST_PAIRS: Final = 2_500  # names compared letter by letter; beyond that only what is equal otherwise
_ALIKE: Final = 0.75
_SEPARATORS: Final = re.compile(r"__|[./:]")
_SCHEMAS: Final = {"inputSchema": "input", "outputSchema": "output"}
_WORDS: Final = ("title", "description", "icons", "_meta")
_HOST: Final = "claude-code"
_SHOWN_IN_SCHEMAS: Final = frozenset({"dangling-reference"})


def by_name(tools: Iterable[Any]) -> dict[str, dict[str, Any]]:
    """The tools by name; the last of one name wins, as in the hosts that do not refuse it."""
    return {str(tool.get("name")): tool for tool in tools if isinstance(tool, dict)}


def tool_differences(
    left: Sequence[Any],
    right: Sequence[Any],
    *,
    path: str = "tools",
    view: View = "versions",
    budget: Budget | None = None,
) -> list[Difference]:
    """Every difference between two lists of tools, with what hosts make of it.

    With the view `hops` the right one is what a relay offers of the left one; further tools are ignored.
    """
    budget = budget or Budget(200_000)
    mine, theirs = by_name(left), by_name(right)
    pairs = {name: name for name in mine if name in theirs}
    gone = [name for name in mine if name not in theirs]
    new = [name for name in theirs if name not in mine]
    renamed = likely_renamed({name: mine[name] for name in gone}, {name: theirs[name] for name in new})
    found: list[Difference] = []
    for name in gone:
        if name in renamed:
            told = f"{name} is most likely {renamed[name]} on the right"
            found.append(
                difference(join(path, name), "tool renamed", name, renamed[name], told, view=view, tool=name)
            )
        else:
            told = f"{name} is on the left only"
            found.append(difference(join(path, name), "tool removed", mine[name], None, told, tool=name))
    if view == "versions":
        known = set(renamed.values())
        for name in new:
            if name not in known:
                told = f"{name} is on the right only"
                found.append(difference(join(path, name), "tool added", None, theirs[name], told, tool=name))
    for name, other in {**pairs, **renamed}.items():
        found += _pair(join(path, name), mine[name], theirs[other], tool=name, view=view, budget=budget)
    order = [name for name in theirs if name in pairs]
    if view == "versions" and list(pairs) != order:
        found.append(difference(path, "order", list(pairs), order))
    kept = {*pairs, *renamed} if view == "hops" else set(mine)
    its = {*pairs, *renamed.values()} if view == "hops" else set(theirs)
    found += broken_rules(
        [mine[name] for name in mine if name in kept], [theirs[name] for name in theirs if name in its], path
    )
    return found


def _pair(
    path: str, left: dict[str, Any], right: dict[str, Any], *, tool: str, view: View, budget: Budget
) -> list[Difference]:
    if canonical(left) == canonical(right):
        return []
    found: list[Difference] = []
    for member, side in _SCHEMAS.items():
        mine, theirs, here = left.get(member), right.get(member), join(path, member)
        if side == "output" and (mine is None) != (theirs is None):
            kind = "output schema added" if mine is None else "output schema removed"
            found.append(difference(here, kind, mine, theirs, view=view, tool=tool))
        elif mine is not None or theirs is not None:
            found += schema_differences(
                mine,
                theirs,
                path=here,
                side="input" if side == "input" else "output",
                view=view,
                tool=tool,
                budget=budget,
            )
    for member in sorted((left.keys() | right.keys()) - {*_SCHEMAS, "name"}, key=str):
        mine, theirs = left.get(member), right.get(member)
        if canonical(mine) != canonical(theirs):
            kind = "hints" if member == "annotations" else "wording" if member in _WORDS else "extension"
            found.append(
                difference(
                    join(path, str(member)), kind, mine, theirs, f"{tool}: {member} differs", tool=tool
                )
            )
    return found


def likely_renamed(gone: Mapping[str, dict[str, Any]], new: Mapping[str, dict[str, Any]]) -> dict[str, str]:
    """Old name → new name, where the one is most likely the other: same words, same schema, or much alike."""
    if not gone or not new:
        return {}
    found = _prefixed(gone, new)
    for key in (_by_words, _by_schema):
        mine, theirs = _unique(gone, key, found.keys()), _unique(new, key, found.values())
        found |= {mine[text]: theirs[text] for text in mine if text in theirs}
    known = set(found.values())
    left = [name for name in gone if name not in found]
    right = [name for name in new if name not in known]
    if len(left) * len(right) <= _MOST_PAIRS:
        scored = [
            (_alike(one, two), one, two)
            for one in left
            for two in right
            if family(one) == family(two)  # another family is another server's
        ]
        for score, one, two in sorted(scored, key=lambda item: (-item[0], *sorted(item[1:]))):
            if score >= _ALIKE and one not in found and two not in found.values():
                found[one] = two
    return found


def _alike(one: str, two: str) -> float:
    first, second = sorted((one, two))  # the ratio depends on the order, which must not matter
    return SequenceMatcher(None, first, second).ratio()


def _prefixed(gone: Iterable[str], new: Iterable[str]) -> dict[str, str]:
    """Names that one side shows with something in front, as a relay does that tells its servers apart."""
    found = _behind_prefix(gone, new) | {two: one for one, two in _behind_prefix(new, gone).items()}
    taken = Counter(found.values())
    return {one: two for one, two in found.items() if taken[two] == 1}


def _behind_prefix(short: Iterable[str], long: Iterable[str]) -> dict[str, str]:
    ends: dict[str, set[str]] = {}
    for name in long:
        for cut in _SEPARATORS.finditer(name):
            ends.setdefault(name[cut.end() :], set()).add(name)
    return {name: next(iter(ends[name])) for name in short if len(ends.get(name, ())) == 1}


def _unique(tools: Mapping[str, dict[str, Any]], key: Any, but: Iterable[str]) -> dict[str, str]:
    taken = set(but)
    keys = {name: key(name, tool) for name, tool in tools.items() if name not in taken}
    counts = Counter(keys.values())
    return {text: name for name, text in keys.items() if text and counts[text] == 1}


def _by_words(name: str, _: dict[str, Any]) -> str:
    return normalised(name)


def _by_schema(_: str, tool: dict[str, Any]) -> str:
    schema = tool.get("inputSchema")
    telling = isinstance(schema, dict) and isinstance(schema.get("properties"), dict) and schema["properties"]
    return canonical(schema) + canonical(tool.get("description")) if telling else ""


def broken_rules(left: Sequence[Any], right: Sequence[Any], path: str = "tools") -> list[Difference]:
    """The rules of the common hosts that only one of two lists breaks, one difference a rule."""
    mine, theirs = _by_rule(left), _by_rule(right)
    found = []
    for rule in [*mine, *(rule for rule in theirs if rule not in mine)]:
        one, two = mine.get(rule, {}), theirs.get(rule, {})
        if bool(one) == bool(two):
            continue
        problem = next(iter((one or two).values()))
        where = "left" if one else "right"
        message = f"on the {where} only: {problem['message']}"
        if len(one or two) > 1:
            message += f" (and {len(one or two) - 1} more tools)"
        judged = Verdict(BREAKING if problem["severity"] == "error" else COMPATIBLE, "host")
        found.append(
            difference(
                join(path, "rules", rule),
                "host rule kept" if one else "host rule broken",
                sorted(one) or None,
                sorted(two) or None,
                message,
                judged=None if one else judged,
                tool=problem["tool"],
                reference=problem["reference"],
            )
        )
    return found


def _by_rule(tools: Sequence[Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Rule → tool → its first problem; wishes (`info`) are left out."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in lint_rows(tools, _HOST):
        if row["severity"] != "info" and row["rule"] not in _SHOWN_IN_SCHEMAS:
            found.setdefault(row["rule"], {}).setdefault(str(row["tool"]), row)
    return found
