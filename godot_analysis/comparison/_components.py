"""Differences between two components of one log: how they were reached, greeted, listed and called."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from godot_analysis.comparison._difference import difference
from godot_analysis.comparison._handshakes import handshake_differences
from godot_analysis.comparison._observed import Log
from godot_analysis.comparison._style import style_differences
from godot_analysis.comparison._tools import broken_rules, by_name, tool_differences
from godot_analysis.errors import BadFilter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from godot_analysis.comparison._difference import Difference
    from godot_analysis.comparison._observed import Exchange, Listing, Observed
    from godot_analysis.reconstruction.flow import Flow
    from godot_analysis.schema.walk import Budget

__all__ = ["EVERYTHING", "HANDSHAKE", "component_differences"]

EVERYTHING: Final = "tools/list"
HANDSHAKE: Final = "initialize"
_SAME_SERVER: Final = 0.5  # from this share of common names on, two lists are versions of one


def component_differences(
    left: str, right: str, flow: Flow, what: str, budget: Budget
) -> tuple[str, str, list[Difference], list[str], tuple[str, ...] | None]:
    """The two names (of two hops of one list the server's first), the differences, remarks, what both show.

    Raises
    ------
    BadFilter
        When one of the names is not in the log.
    """
    log = Log(flow)
    for name in (left, right):
        if name not in log.names:
            close = get_close_matches(name, log.names, n=1)
            hint = (
                f"did you mean {close[0]}?"
                if close
                else f"it knows {', '.join(sorted(log.names)) or 'nobody'}"
            )
            raise BadFilter(f"the log knows no component {name!r}", hint=hint)
    if left != right and log.passes_on(right, left):
        left, right = right, left
    mine, theirs = log.observed(left), log.observed(right)
    if left == right:
        return left, right, [], [], None
    if what == EVERYTHING and log.passes_on(left, right) and mine.listing and theirs.listing:
        found = _hops(mine.listing, theirs.listing, log.listed_elsewhere(left, right), budget)
        return left, right, found, [f"{right} offers the list of {left} to others: what it made of it"], None
    found = list(_reached(mine, theirs))
    if found:
        return left, right, found, [], None
    found += _handshakes(mine, theirs)
    if what == EVERYTHING:
        found += [*_asked(mine, theirs), *_calls(mine, theirs), *_lists(mine, theirs, budget)]
    remarks = _remarks(mine, theirs) if what == EVERYTHING else []
    return left, right, found, remarks, _compared(mine, theirs, what)


def _reached(left: Observed, right: Observed) -> Iterable[Difference]:
    if left.reached == right.reached:
        return
    where, silent = ("left", left) if not left.reached else ("right", right)
    said = "it logs, but" if silent.logged else "it logged nothing, and"
    message = f"{silent.name}: {said} nobody is seen to connect to it"
    if silent.refused:
        calls = "1 call" if len(silent.refused) == 1 else f"{len(silent.refused)} calls"
        message += f"; {calls} of its tools ended before getting there"
    evidence = [record for item in silent.refused for record in item.evidence]
    found = {side.name: "reached" if side.reached else "never reached" for side in (left, right)}
    yield difference(
        "connection",
        "never reached",
        found[left.name],
        found[right.name],
        f"{message} (on the {where})",
        evidence=evidence,
    )


def _handshakes(left: Observed, right: Observed) -> Iterable[Difference]:
    mine, theirs = left.handshake, right.handshake
    yield from _ended("initialize", mine, theirs)
    if mine is None or theirs is None:
        return
    if mine.transport and theirs.transport and mine.transport != theirs.transport:
        yield difference("connection/transport", "transport", mine.transport, theirs.transport)
    if not (mine.well and theirs.well) or mine.result is None or theirs.result is None:
        return
    evidence = [*mine.evidence, *theirs.evidence]
    for item in handshake_differences(mine.result, theirs.result, works=(left.works, right.works)):
        yield _with(item, evidence)


def _asked(left: Observed, right: Observed) -> Iterable[Difference]:
    yield from _ended("tools/list", left.list_asked, right.list_asked)
    mine, theirs = left.listing, right.listing
    answered = [side.list_asked is not None and side.list_asked.well for side in (left, right)]
    if all(answered) and (mine is None) != (theirs is None):
        where = "left" if mine is None else "right"
        told = f"the tools listed on the {where} were not logged"
        yield difference("tools/list", "not logged", _count(mine), _count(theirs), told)


def _ended(path: str, left: Exchange | None, right: Exchange | None) -> Iterable[Difference]:
    """How one request to both of them ended."""
    if (left is None) != (right is None):
        where = "left" if left is None else "right"
        told = f"{path} was never sent to the one on the {where}, as far as the log tells"
        asked = left or right
        evidence = asked.evidence if asked else ()
        mine, theirs = (None if item is None else item.status for item in (left, right))
        yield difference(path, "not asked", mine, theirs, told, evidence=evidence)
    elif left is not None and right is not None and left.well != right.well:
        where = "left" if not left.well else "right"
        told = f"{path} is {left.status} on the left, {right.status} on the right"
        both = (*left.evidence, *right.evidence)
        yield difference(path, "not answered", left.status, right.status, told, evidence=both)


def _calls(left: Observed, right: Observed) -> Iterable[Difference]:
    if not left.statuses or not right.statuses:
        return
    failing = [sum(side.statuses.values()) - side.statuses["answered"] for side in (left, right)]
    if left.works != right.works:
        kind = "calls fail"
    elif bool(failing[0]) != bool(failing[1]):
        kind = "calls"
    else:
        return
    told = "; ".join(
        f"{side.name}: {side.statuses['answered']} of {sum(side.statuses.values())} calls answered"
        for side in (left, right)
    )
    yield difference("tools/call", kind, dict(left.statuses), dict(right.statuses), told)


def _lists(left: Observed, right: Observed, budget: Budget) -> Iterable[Difference]:
    if left.listing is None or right.listing is None:
        return
    mine, theirs = left.listing, right.listing
    evidence = [*mine.evidence, *theirs.evidence]
    if _same_server(mine.tools, theirs.tools):
        found = tool_differences(mine.tools, theirs.tools, budget=budget)
    else:
        found = [*broken_rules(mine.tools, theirs.tools), *style_differences(mine.tools, theirs.tools)]
    for item in found:
        yield _with(item, evidence)


def _hops(mine: Listing, theirs: Listing, others: set[str], budget: Budget) -> list[Difference]:
    known = by_name(mine.tools)
    offered = [
        tool for tool in theirs.tools if tool.get("name") in known or str(tool.get("name")) not in others
    ]
    evidence = [*mine.evidence, *theirs.evidence]
    return [
        _with(item, evidence) for item in tool_differences(mine.tools, offered, view="hops", budget=budget)
    ]


def _same_server(left: Sequence[object], right: Sequence[object]) -> bool:
    mine, theirs = by_name(left).keys(), by_name(right).keys()
    smaller = min(len(mine), len(theirs))
    return smaller > 0 and len(mine & theirs) >= _SAME_SERVER * smaller


def _remarks(left: Observed, right: Observed) -> list[str]:
    told = []
    for side in (left, right):
        if side.listing is None:
            told.append(f"no list of the tools of {side.name} is in the log")
        elif not side.listing.complete:
            told.append(f"only the first pages of the tools of {side.name} are in the log")
    if left.listing and right.listing and not _same_server(left.listing.tools, right.listing.tools):
        counts = f"{len(left.listing.tools)} and {len(right.listing.tools)} tools"
        told.append(f"different servers ({counts}): compared in manner, not tool by tool")
    return told


def _compared(left: Observed, right: Observed, what: str) -> tuple[str, ...] | None:
    """What both of them show; None when that is all that was asked for."""
    if left.listing is not None and right.listing is not None and what == EVERYTHING:
        return None
    greeted = left.handshake is not None and right.handshake is not None
    if what == HANDSHAKE:
        return None if greeted else ()
    called = bool(left.statuses and right.statuses)
    return tuple(
        name for name, shown in (("how they were greeted", greeted), ("how calls ended", called)) if shown
    )


def _count(listing: Listing | None) -> str | None:
    return None if listing is None else f"{len(listing.tools)} tools"


def _with(item: Difference, evidence: Iterable[str]) -> Difference:
    return replace(item, evidence=tuple(dict.fromkeys(evidence)))
