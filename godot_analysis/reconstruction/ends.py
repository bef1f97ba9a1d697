"""Names for the ends of calls: who logs under another name than it is called by, and who has none."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from godot_analysis.normal_form.jsonrpc import params_of
from godot_analysis.normal_form.sightings import CALL

if TYPE_CHECKING:
    from godot_analysis.normal_form.messages import Observations
    from godot_analysis.reconstruction.exchange import Exchange
    from godot_analysis.reconstruction.joining import Call


def name_ends(calls: list[Call], strays: list[Call], seen: Observations) -> None:
    """Give callers and callees the names under which they log, as far as the log tells."""
    _rename(calls, strays)
    _name_callers(calls, strays, seen)


def _rename(calls: list[Call], strays: list[Call]) -> None:
    """Peers that log under another name than the one they are called by."""
    observers = {call.outer.observer for call in calls if call.outer is not None}
    observers |= {call.inner.observer for call in calls if call.inner is not None}
    if {end for call in (*calls, *strays) for end in (call.caller, call.callee)} <= {None, *observers}:
        return
    addressed = {(view.observer, view.peer) for call in calls for view in call.views}
    names: dict[str, Counter[str]] = defaultdict(Counter)
    for call in calls:
        outer, inner = call.outer, call.inner
        if outer is None or inner is None:
            continue
        for label, real, by in (
            (outer.peer, inner.observer, outer.observer),
            (inner.peer, outer.observer, inner.observer),
        ):
            # Who calls it by its own name as well does not mean it by another.
            if label is not None and label not in observers and (by, real) not in addressed:
                names[label][real] += 1
    aliases = {label: counts.most_common(1)[0][0] for label, counts in names.items()}
    for call in (*calls, *strays):
        if call.caller in aliases:
            call.caller = aliases[call.caller]
            call.inferred |= {"sender"}
        if call.callee in aliases:
            call.callee = aliases[call.callee]
            call.inferred |= {"receiver"}


def _name_callers(calls: list[Call], strays: list[Call], seen: Observations) -> None:
    """A connection has one caller: what one call of it shows holds for all of them."""
    nameless = [call for call in calls if call.caller is None]
    nameless_strays = [stray for stray in strays if stray.caller is None or stray.callee is None]
    if not nameless and not nameless_strays:
        return
    known, only = _known_callers(calls, seen)
    for place, one in enumerate((*nameless, *nameless_strays)):
        view = one.view
        name = known.get((view.observer, view.session))
        if one.method_is(CALL):
            # Without a named connection, a call may be anyone's.
            name = name if view.session is not None else None
        elif name is None:
            name = only
        if name is None or name == view.observer:
            continue
        if one.caller is None:
            one.caller = name
            one.inferred |= {"sender"}
        elif one.callee is None and place >= len(nameless):
            one.callee = name
            one.inferred |= {"receiver"}


def _known_callers(
    calls: list[Call], seen: Observations
) -> tuple[dict[tuple[str, str | None], str], str | None]:
    """Callers by callee and connection; and the caller of all when there is but one in the system."""
    callers: dict[tuple[str, str | None], set[str]] = defaultdict(set)
    introduced: dict[tuple[str, str | None], str] = {}
    for call in calls:
        inner = call.inner
        if inner is None:
            continue
        if call.caller is not None:
            callers[inner.observer, inner.session].add(call.caller)
        elif call.method_is("initialize") and (name := _introduced(inner, seen)):
            introduced[inner.observer, inner.session] = name
    known = {place: next(iter(names)) for place, names in callers.items() if len(names) == 1}
    everyone = {name for names in callers.values() for name in names}
    return introduced | known, next(iter(everyone)) if len(everyone) == 1 else None


def _introduced(exchange: Exchange, seen: Observations) -> str | None:
    if exchange.request is None:
        return None
    info = params_of(seen.payload(exchange.request)).get("clientInfo")
    name = info.get("name") if isinstance(info, dict) else None
    return name if isinstance(name, str) and name else None
