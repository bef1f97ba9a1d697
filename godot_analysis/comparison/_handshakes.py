"""Differences between two answers to `initialize` (or `server/discover`): versions, capabilities, shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from godot_analysis.comparison._difference import difference
from godot_analysis.comparison._json import canonical
from godot_analysis.comparison._judgement import COMPATIBLE, Verdict
from godot_analysis.schema.pointers import join

if TYPE_CHECKING:
    from collections.abc import Iterable

    from godot_analysis.comparison._difference import Difference

__all__ = ["handshake_differences"]

_STATELESS_SINCE: Final = "2026-07-28"
_REQUIRED: Final = {"protocolVersion": str, "capabilities": dict, "serverInfo": dict}
_SPOKEN_FOR: Final = {*_REQUIRED, "supportedVersions"}


def handshake_differences(
    left: Any, right: Any, *, works: tuple[bool, bool] = (False, False), path: str = "initialize"
) -> list[Difference]:
    """Every difference between two results of a handshake.

    A shape that MCP does not allow breaks strict hosts only: where calls to that side succeed (`works`), it
    is evidently understood.
    """
    mine = left if isinstance(left, dict) else {}
    theirs = right if isinstance(right, dict) else {}
    found = [*_shape(path, mine, theirs, works), *_versions(path, mine, theirs)]
    found += _capabilities(join(path, "capabilities"), mine.get("capabilities"), theirs.get("capabilities"))
    for member in sorted(((mine.keys() | theirs.keys()) - _SPOKEN_FOR) | {"serverInfo"}, key=str):
        one, two = mine.get(member), theirs.get(member)
        both_named = member != "serverInfo" or (isinstance(one, dict) and isinstance(two, dict))
        if both_named and canonical(one) != canonical(two):
            kind = "server info" if member == "serverInfo" else "extension"
            found.append(difference(join(path, str(member)), kind, one, two, f"{member} differs"))
    return found


def _shape(
    path: str, left: dict[str, Any], right: dict[str, Any], works: tuple[bool, bool]
) -> Iterable[Difference]:
    for member, kind in _REQUIRED.items():
        ok = [_has(side, member, kind) for side in (left, right)]
        if ok[0] == ok[1]:
            continue
        where, wrong = ("left", left) if not ok[0] else ("right", right)
        what = "is no object" if member in wrong and kind is dict else "is missing"
        judged = Verdict(COMPATIBLE, "host") if works[0 if where == "left" else 1] else None
        told = f"{member} {what} on the {where}"
        if judged:
            told += ", where calls succeed all the same"
        here = join(path, member)
        yield difference(here, "handshake shape", left.get(member), right.get(member), told, judged=judged)


def _has(result: dict[str, Any], member: str, kind: type) -> bool:
    if member == "protocolVersion" and isinstance(result.get("supportedVersions"), list):
        return True
    return isinstance(result.get(member), kind)


def _versions(path: str, left: dict[str, Any], right: dict[str, Any]) -> Iterable[Difference]:
    mine, theirs = _spoken(left), _spoken(right)
    if not mine or not theirs or mine == theirs:
        return
    apart = max(mine) < _STATELESS_SINCE <= min(theirs) or max(theirs) < _STATELESS_SINCE <= min(mine)
    told = f"{', '.join(mine)} on the left, {', '.join(theirs)} on the right"
    kind = "protocol era" if apart else "protocol version"
    yield difference(join(path, "protocolVersion"), kind, mine, theirs, told)


def _spoken(result: dict[str, Any]) -> list[str]:
    many = result.get("supportedVersions")
    if isinstance(many, list):
        return sorted(version for version in many if isinstance(version, str))
    one = result.get("protocolVersion")
    return [one] if isinstance(one, str) else []


def _capabilities(path: str, left: Any, right: Any) -> Iterable[Difference]:
    if not isinstance(left, dict) or not isinstance(right, dict):
        return
    for name in [*left, *(name for name in right if name not in left)]:
        mine, theirs = left.get(name), right.get(name)
        here = join(path, str(name))
        if name not in right:
            yield difference(here, "capability removed", mine, None, f"{name} is declared on the left only")
        elif name not in left:
            yield difference(here, "capability added", None, theirs, f"{name} is declared on the right only")
        elif canonical(mine) != canonical(theirs):
            yield difference(here, "capability", mine, theirs, f"{name}: {_details(mine, theirs)}")


def _details(left: Any, right: Any) -> str:
    if not isinstance(left, dict) or not isinstance(right, dict):
        return "declared in another way"
    parts = [
        f"{key} is {canonical(left.get(key))} on the left, {canonical(right.get(key))} on the right"
        for key in sorted(left.keys() | right.keys(), key=str)
        if canonical(left.get(key)) != canonical(right.get(key))
    ]
    return "; ".join(parts)
