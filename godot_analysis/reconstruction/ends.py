"""Names for the ends of calls: who logs under another name than it is called by, and who has none."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from godot_analysis.normal_form.jsonrpc import params_of
from godot_analysis.normal_form.sightings import CALL
from godot_analysis.normal_form.table import firsts, packed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from godot_analysis.normal_form.messages import Observations
    from godot_analysis.reconstruction.call import Calls

_Connection = tuple[int, int]  # callee and session


def name_ends(calls: Calls, strays: Calls, seen: Observations) -> None:
    """Give callers and callees the names under which they log, as far as the log tells."""
    _rename(calls, strays)
    _name_callers(calls, strays, seen)


def _rename(calls: Calls, strays: Calls) -> None:
    """Peers that log under another name than the one they are called by."""
    logging = np.zeros(len(calls.names) + 1, dtype=bool)
    logging[calls.exchanges.codes("observer")] = True
    logging[-1] = True  # no name is none to be changed
    if all(logging[ends].all() for of in (calls, strays) for ends in (of.caller, of.callee)):
        return
    real = np.arange(len(calls.names) + 1)
    real[-1] = -1
    for label, name in _aliases(calls, logging):
        real[label] = name
    for of in (calls, strays):
        of.caller_inferred |= real[of.caller] != of.caller
        of.callee_inferred |= real[of.callee] != of.callee
        of.caller, of.callee = real[of.caller], real[of.callee]


def _aliases(calls: Calls, logging: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Names that nobody logs under, each with the name that is mostly met in its place."""
    observer, peer = calls.exchanges.codes("observer"), calls.exchanges.codes("peer")
    both = (calls.outer >= 0) & (calls.inner >= 0)
    outer, inner = calls.outer[both], calls.inner[both]
    # What the caller says, then what the callee says, call by call.
    by = np.stack([observer[outer], observer[inner]], axis=1).reshape(-1)
    met = np.stack([observer[inner], observer[outer]], axis=1).reshape(-1)
    label = np.stack([peer[outer], peer[inner]], axis=1).reshape(-1)
    width = np.int64(len(logging))  # of 64 bits, as the products are
    # Who calls it by its own name as well does not mean it by another.
    meant = ~logging[label] & ~np.isin(by * width + met, observer * width + peer)
    _, first, count = np.unique(packed(label[meant], met[meant]), return_index=True, return_counts=True)
    often = np.lexsort((-first, count))  # of two equals the one that was met first
    return list(zip(label[meant][first[often]].tolist(), met[meant][first[often]].tolist(), strict=True))


def _name_callers(calls: Calls, strays: Calls, seen: Observations) -> None:
    """A connection has one caller: what one call of it shows holds for all of them."""
    nameless = np.flatnonzero(calls.caller < 0)
    nameless_strays = np.flatnonzero((strays.caller < 0) | (strays.callee < 0))
    if not len(nameless) and not len(nameless_strays):
        return
    known, only = _known_callers(calls, seen)
    for of, numbers in ((calls, nameless), (strays, nameless_strays)):
        view = np.where(of.outer < 0, of.inner, of.outer)[numbers]
        observers, sessions = of.exchanges.codes("observer")[view], of.exchanges.codes("session")[view]
        told = (numbers, observers, sessions, of.method_is(CALL)[numbers])
        for number, observer, session, is_call in zip(*(column.tolist() for column in told), strict=True):
            name = known.get((observer, session))
            if is_call:
                # Without a named connection, a call may be anyone's.
                name = name if session >= 0 else None
            elif name is None:
                name = only
            if name is None or name == observer:
                continue
            if of.caller[number] < 0:
                of.caller[number], of.caller_inferred[number] = name, True
            elif of is strays and of.callee[number] < 0:
                of.callee[number], of.callee_inferred[number] = name, True


def _known_callers(calls: Calls, seen: Observations) -> tuple[dict[_Connection, int], int | None]:
    """Callers by callee and connection; and the caller of all when there is but one in the system."""
    told = calls.exchanges
    served = np.flatnonzero(calls.inner >= 0)
    inner, caller = calls.inner[served], calls.caller[served]
    observer, session = told.codes("observer")[inner], told.codes("session")[inner]
    first = firsts(packed(observer, session, caller))
    first = first[caller[first] >= 0]
    places = list(zip(observer[first].tolist(), session[first].tolist(), strict=True))
    everyone = caller[first].tolist()
    callers = Counter(places)
    known = {place: name for place, name in zip(places, everyone, strict=True) if callers[place] == 1}
    introduced: dict[_Connection, int] = {}
    nameless = (caller < 0) & calls.method_is("initialize")[served]
    for place in np.flatnonzero(nameless).tolist():
        if name := _introduced(int(told.request[inner[place]]), seen):
            introduced[int(observer[place]), int(session[place])] = calls.number_of(name)
    return introduced | known, everyone[0] if len(set(everyone)) == 1 else None


def _introduced(request: int, seen: Observations) -> str | None:
    if request < 0:
        return None
    info = params_of(seen.payload(request)).get("clientInfo")
    name = info.get("name") if isinstance(info, dict) else None
    return name if isinstance(name, str) and name else None
