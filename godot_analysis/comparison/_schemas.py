"""Differences between two JSON Schemas: what the one accepts and the other does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from godot_analysis.comparison._difference import difference
from godot_analysis.comparison._effects import effect_of_limit, effect_of_sets, effect_of_types
from godot_analysis.comparison._json import canonical
from godot_analysis.comparison._judgement import RULES
from godot_analysis.schema.keywords import (
    ALTERNATIVES,
    ANNOTATIONS,
    CONDITIONS,
    DEFINITIONS,
    LIMITS,
    as_schema,
    closed,
    members,
    named_types,
    required_names,
)
from godot_analysis.schema.pointers import join
from godot_analysis.schema.references import resolve
from godot_analysis.schema.walk import Budget

if TYPE_CHECKING:
    from godot_analysis.comparison._difference import Difference
    from godot_analysis.comparison._judgement import Effect, Side, View

__all__ = ["schema_differences"]

_HANDLED: Final = {
    "type",
    "enum",
    "const",
    "required",
    "properties",
    "items",
    "additionalProperties",
    "format",
    "default",
    "$schema",
    "$ref",
    *ALTERNATIVES,
    *ANNOTATIONS,
    *CONDITIONS,
    *DEFINITIONS,
    *LIMITS,
}


def schema_differences(
    left: Any,
    right: Any,
    *,
    path: str = "",
    side: Side = "input",
    view: View = "versions",
    tool: str | None = None,
    budget: Budget | None = None,
) -> list[Difference]:
    """Every difference between two schemas, outer ones first.

    References are followed, cycles are walked once, and `budget` bounds the pairs of subschemas visited.
    """
    walk = _Walk(left, right, side=side, view=view, tool=tool, budget=budget or Budget(20_000))
    return walk.run(path)


class _Walk:
    """One walk through two schemas side by side."""

    def __init__(
        self, left: Any, right: Any, *, side: Side, view: View, tool: str | None, budget: Budget
    ) -> None:
        self._roots = left, right
        self._side = side
        self._view = view
        self._tool = tool
        self._budget = budget
        self._found: list[Difference] = []
        self._todo: list[tuple[str, Any, Any]] = []
        self._seen: dict[tuple[int, int], tuple[Any, Any]] = {}

    def run(self, path: str) -> list[Difference]:
        self._todo.append((path, *self._roots))
        while self._todo:
            here, left, right = self._todo.pop()
            if self._is_new(left, right):
                if not self._budget.take():
                    break
                self._visit(here, left, right)
        return self._found

    def _is_new(self, left: Any, right: Any) -> bool:
        """Whether this pair was not walked yet; what is no object is a leaf and costs nothing."""
        if not (isinstance(left, dict) and isinstance(right, dict)):
            return True
        pair = id(left), id(right)
        if pair in self._seen:
            return False
        self._seen[pair] = left, right  # kept alive, so that no other object gets the same identity
        return True

    def _visit(self, path: str, raw_left: Any, raw_right: Any) -> None:
        left, right = resolve(raw_left, self._roots[0]), resolve(raw_right, self._roots[1])
        if left.dangling != right.dangling:
            if right.dangling is not None:
                told = f"{right.dangling} is referred to, and not defined on the right"
                self._say(path, "dangling reference", raw_left, raw_right, told)
            else:
                told = f"{left.dangling} is referred to, and not defined on the left"
                self._say(path, "repaired reference", raw_left, raw_right, told)
            return
        followed = left.schema is not raw_left or right.schema is not raw_right
        if followed and not self._is_new(left.schema, right.schema):
            return
        one, other = as_schema(left.schema), as_schema(right.schema)
        if one is None or other is None:
            if canonical(left.schema) != canonical(right.schema):
                self._say(path, "schema", left.schema, right.schema, effect="changed")
            return
        self._values(path, one, other)
        self._object(path, one, other)
        self._array(path, one, other)
        self._combined(path, one, other)
        self._remarks(path, one, other)

    def _values(self, path: str, left: dict[str, Any], right: dict[str, Any]) -> None:
        effect = effect_of_types(named_types(left), named_types(right))
        if effect:
            told = f"{_types(left)} on the left, {_types(right)} on the right"
            self._say(join(path, "type"), "type", left.get("type"), right.get("type"), told, effect)
        listed, other = _listed(left), _listed(right)
        if effect := effect_of_sets(_texts(listed), _texts(other)):
            self._say(join(path, "enum"), "enum", listed, other, _apart(listed, other), effect)
        for keyword in sorted(LIMITS & (left.keys() | right.keys())):
            one, two = left.get(keyword), right.get(keyword)
            if effect := effect_of_limit(keyword, one, two):
                self._say(join(path, keyword), "limit", one, two, f"{keyword}: {_from_to(one, two)}", effect)

    def _object(self, path: str, left: dict[str, Any], right: dict[str, Any]) -> None:
        mine, theirs = members(left, "properties"), members(right, "properties")
        for name in [*mine, *(name for name in theirs if name not in mine)]:
            here = join(path, "properties", str(name))
            if name not in theirs:
                gone: Effect = "narrower" if closed(right) else "lost"
                told = f"{name} is known on the left only"
                self._say(here, "property removed", mine[name], None, told, gone)
            elif name not in mine:
                new: Effect = "wider" if closed(left) else "gained"
                told = f"{name} is known on the right only"
                self._say(here, "property added", None, theirs[name], told, new)
            else:
                self._todo.append((here, mine[name], theirs[name]))
        needed, asked = required_names(left), required_names(right)
        for name in [*needed, *(name for name in asked if name not in needed)]:
            if (name in needed) != (name in asked):
                where = "left" if name in needed else "right"
                effect: Effect = "wider" if name in needed else "narrower"
                told = f"{name} is required on the {where} only"
                here = join(path, "required", name)
                self._say(here, "required", name in needed, name in asked, told, effect)
        self._additional(join(path, "additionalProperties"), left, right)

    def _additional(self, path: str, left: dict[str, Any], right: dict[str, Any]) -> None:
        rest, other = left.get("additionalProperties", True), right.get("additionalProperties", True)
        if isinstance(rest, dict) and isinstance(other, dict):
            self._todo.append((path, rest, other))
            return
        openness, its = _openness(rest), _openness(other)
        if openness != its:
            effect: Effect = "narrower" if its < openness else "wider"
            told = f"further members are {_TREATED[openness]} on the left, {_TREATED[its]} on the right"
            self._say(path, "additional properties", rest, other, told, effect)

    def _array(self, path: str, left: dict[str, Any], right: dict[str, Any]) -> None:
        mine, theirs = left.get("items"), right.get("items")
        if mine is None and theirs is None:
            return
        path = join(path, "items")
        if as_schema(mine) is not None and as_schema(theirs) is not None:
            self._todo.append((path, mine, theirs))
        elif canonical(mine) != canonical(theirs):
            effect: Effect = "narrower" if mine is None else "wider" if theirs is None else "changed"
            where = "right" if mine is None else "left"
            told = "" if effect == "changed" else f"what the array holds is described on the {where} only"
            self._say(path, "items", mine, theirs, told, effect)

    def _combined(self, path: str, left: dict[str, Any], right: dict[str, Any]) -> None:
        for keyword in ALTERNATIVES:
            mine, theirs = left.get(keyword), right.get(keyword)
            if isinstance(mine, list) and isinstance(theirs, list):
                self._alternatives(join(path, keyword), keyword, mine, theirs)
            elif mine is not None or theirs is not None:
                self._condition(join(path, keyword), "alternatives", mine, theirs)
        for keyword in sorted(CONDITIONS & (left.keys() | right.keys())):
            self._condition(join(path, keyword), "condition", left.get(keyword), right.get(keyword))

    def _condition(self, path: str, kind: str, left: Any, right: Any) -> None:
        if canonical(left) != canonical(right):
            effect: Effect = "narrower" if left is None else "wider" if right is None else "changed"
            self._say(path, kind, left, right, _from_to(left, right), effect)

    def _alternatives(self, path: str, keyword: str, left: list[Any], right: list[Any]) -> None:
        mine = {canonical(item): (number, item) for number, item in enumerate(left)}
        theirs = {canonical(item): (number, item) for number, item in enumerate(right)}
        for text in mine.keys() & theirs.keys():
            # The same words may refer to different definitions.
            self._todo.append(
                (join(path, min(mine[text][0], theirs[text][0])), mine[text][1], theirs[text][1])
            )
        gone = [mine[text] for text in mine if text not in theirs]
        new = [theirs[text] for text in theirs if text not in mine]
        if len(gone) == len(new) == 1:
            self._todo.append((join(path, min(gone[0][0], new[0][0])), gone[0][1], new[0][1]))
        elif gone or new:
            more = not gone
            effect: Effect = (
                "changed" if gone and new else "wider" if more == (keyword != "allOf") else "narrower"
            )
            told = f"{len(gone)} only on the left, {len(new)} only on the right"
            self._say(
                path, "alternatives", [item for _, item in gone], [item for _, item in new], told, effect
            )

    def _remarks(self, path: str, left: dict[str, Any], right: dict[str, Any]) -> None:
        for keyword in sorted((left.keys() | right.keys()) - _SPOKEN_FOR, key=str):
            mine, theirs = left.get(keyword), right.get(keyword)
            if keyword in DEFINITIONS:
                for name in sorted(members(left, keyword).keys() ^ members(right, keyword).keys(), key=str):
                    one, two = members(left, keyword).get(name), members(right, keyword).get(name)
                    self._say(join(path, keyword, str(name)), "definition", one, two)
            elif canonical(mine) != canonical(theirs):
                kind = _KINDS.get(keyword, "wording" if keyword in ANNOTATIONS else "unknown keyword")
                self._say(
                    join(path, str(keyword)), kind, mine, theirs, f"{keyword}: {_from_to(mine, theirs)}"
                )

    def _say(  # noqa: PLR0917 - read like a sentence some twenty times above
        self, path: str, kind: str, left: Any, right: Any, told: str = "", effect: Effect | None = None
    ) -> None:
        where = [self._tool or "", "" if kind in _NAMING else _property(path)]
        message = ": ".join(part for part in (*where, told or RULES[kind].why) if part)
        self._found.append(
            difference(
                path,
                kind,
                left,
                right,
                message,
                effect=effect,
                side=self._side,
                view=self._view,
                tool=self._tool,
            )
        )


_TREATED: Final = ("refused", "described", "accepted")
_KINDS: Final = {"format": "format", "default": "default", "$schema": "dialect"}
_NAMING: Final = frozenset({"property added", "property removed", "required"})  # their messages name it
_SPOKEN_FOR: Final = _HANDLED - {*ANNOTATIONS, *DEFINITIONS, *_KINDS}


def _property(path: str) -> str:
    """The innermost property on the way to a place in a schema."""
    before, found, name = path.rpartition("properties/")
    return name.split("/")[0] if found and (not before or before.endswith("/")) else ""


def _openness(additional: Any) -> int:
    """How freely members that nobody described are accepted: refused, by a schema, or all."""
    if additional is False:
        return 0
    return 1 if isinstance(additional, dict) and additional else 2


def _types(schema: dict[str, Any]) -> str:
    types = named_types(schema)
    return "any type" if types is None else " or ".join(sorted(types)) or "no type"


def _listed(schema: dict[str, Any]) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    value = schema.get("enum")
    return value if isinstance(value, list) else None


def _texts(values: list[Any] | None) -> frozenset[str] | None:
    return None if values is None else frozenset(map(canonical, values))


def _apart(left: list[Any] | None, right: list[Any] | None) -> str:
    if left is None or right is None:
        return f"the values are listed on the {'right' if left is None else 'left'} only"
    mine, theirs = set(map(canonical, left)), set(map(canonical, right))
    parts = [
        f"only on the {where}: {', '.join(sorted(only)[:5])}"
        for where, only in (("left", mine - theirs), ("right", theirs - mine))
        if only
    ]
    return "; ".join(parts)


def _from_to(left: Any, right: Any) -> str:
    if left is None:
        return "on the right only"
    return "on the left only" if right is None else "differs"
