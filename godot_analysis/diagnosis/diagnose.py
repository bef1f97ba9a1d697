"""From a log to a diagnosis: rebuild the flow, gather the facts, judge, and keep what was asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import pandas as pd

from godot_analysis.collection import collection_paused
from godot_analysis.diagnosis.asked import Asked
from godot_analysis.diagnosis.facts import Facts, Gap, gather
from godot_analysis.diagnosis.findings import Diagnosis
from godot_analysis.diagnosis.judge import judge
from godot_analysis.diagnosis.rules import LEFTOVERS
from godot_analysis.diagnosis.verdict import prove
from godot_analysis.errors import BadFilter
from godot_analysis.reading.names import family
from godot_analysis.reconstruction.flow import Flow
from godot_analysis.reconstruction.reconstruct import reconstruct

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["diagnose"]

_APART_US: Final = 1_000_000  # clocks that are nearer than this mislead no rule


def diagnose(
    logs: pd.DataFrame | Flow,
    *,
    trace_id: str | None = None,
    component: str | None = None,
    tool: str | None = None,
    live: bool | None = None,
) -> Diagnosis:
    """Name what is wrong in a log, the root cause first, with the rows that prove it.

    Parameters
    ----------
    logs : DataFrame or Flow
        A log frame, or what `reconstruct` made of one. Give the whole system's log, not one trace's: what is
        missing can only be seen beside what is there.
    trace_id, component, tool : str, optional
        Keep only findings and count only calls that concern this trace, component or tool; a finding
        concerns also the components whose rows it cites. A component or tool that the log never mentions is
        still looked for, since its silence is evidence, and `.notes` says that the log does not know it.
    live : bool, optional
        The log goes on, so a call that is under way at its end is no fault. By default what was loaded from a
        database is live, as for `godot diagnose`, and everything else is complete.

    Returns
    -------
    Diagnosis
        `.verdict`, `.root_cause`, `.findings`, `.calls`, `.gaps`; shows itself in a notebook and as text. The
        verdict is `healthy` only where work is proven and no failure is left unexplained, else `unclear`, and
        `.missing` says what would settle it.
        Where clocks are surely more than a second apart, times are compared and told by one of them, and
        `.notes` says by which.

    Raises
    ------
    BadFrame
        When `logs` is no log frame.
    BadFilter
        When `trace_id` is no UUID.

    Examples
    --------
    >>> import godot_analysis as ga
    >>> found = ga.diagnose(ga.from_records([]))
    >>> found.verdict, found.missing
    ('unclear', ('there is no record to judge by',))
    """
    trace_id = None if trace_id is None else _trace(trace_id)
    flow = logs if isinstance(logs, Flow) else reconstruct(logs)
    with collection_paused():
        return _judged(flow, trace_id, component, tool, live=live)


def _on_one_clock(flow: Flow) -> tuple[Flow, list[str]]:
    """The flow as it would be if all went by one clock, where theirs are surely apart; and what was moved.

    The rules compare times of different components: a restart with a connection, a list with a call.
    """
    clocks = flow.clocks
    apart = clocks[clocks["offset_us"].abs() - clocks["error_us"] > _APART_US]
    if apart.empty:
        return flow, []
    offset = flow.logs["component"].astype("str").map(apart.set_index("component")["offset_us"]).fillna(0)
    times = flow.logs["event_created_at"] - pd.to_timedelta(offset.round(), unit="us")
    logs = flow.logs.assign(event_created_at=times.astype(flow.logs["event_created_at"].dtype))
    notes = [
        f"the clock of {name} is {abs(seconds):,.1f} s {'ahead of' if seconds > 0 else 'behind'} that of "
        f"{reference}, by which times are told here"
        for name, reference, seconds in zip(
            apart["component"], apart["reference"], apart["offset_us"] / 1_000_000, strict=True
        )
    ]
    moved = reconstruct(logs.sort_values("event_created_at", kind="stable", ignore_index=True))
    # How far these clocks were apart tells how far those may be of which nothing is known.
    return replace(moved, clocks=clocks), notes


def _judged(
    flow: Flow, trace_id: str | None, component: str | None, tool: str | None, *, live: bool | None
) -> Diagnosis:
    logs = flow.logs
    flow, moved = _on_one_clock(flow)
    expected = {component} if component else set()
    if tool is not None and (named := family(tool)) is not None:
        expected.add(named)
    goes_on = bool(logs.attrs.get("live")) if live is None else live
    facts = gather(flow, live=goes_on)
    if unheard := _unheard(expected, facts):
        facts = gather(flow, expected=unheard, live=goes_on)
    asked = Asked(facts, trace_id, component, tool)
    judged = judge(facts)
    findings = tuple(one.finding for one in judged if asked.concerns(one))
    source = {**_source(logs), "one_sided": facts.wire.one_sided}
    explained = frozenset(
        row for one in judged if one.cause.entry.code not in LEFTOVERS for row in one.cause.rows
    )
    proof = prove(facts, explained, source)
    return Diagnosis(
        ranked=findings,
        calls=asked.count(),
        gaps=[_gap(gap) for gap in facts.log.gaps],
        cited=_cited(logs, {*proof.unexplained, *(row for one in findings for row in one.evidence)}),
        records=len(logs),
        scope=asked.scope,
        notes=(*asked.notes(), *moved),
        seen=proof.seen,
        errors=proof.errors,
        missing=()
        if any(one.severity != "info" for one in findings)
        else (*asked.missing(judged), *proof.missing),
        unexplained=proof.unexplained,
        source=source,
    )


def _source(logs: pd.DataFrame) -> dict[str, Any]:
    """What was read: as the loader counted it, else from the frame itself."""
    told: dict[str, Any] = logs.attrs.get("source") or {}
    kind = "database" if logs.attrs.get("live") else "godot"
    return {"format": kind, "files": 0, "lines": len(logs), "unparsed": 0, **told, "records": len(logs)}


def _unheard(expected: Iterable[str], facts: Facts) -> frozenset[str]:
    """The names that the reader gave which are backends, for all that the log tells."""
    others = facts.topology.roles.relays | facts.topology.roles.clients
    return frozenset(
        name for name in expected if name not in others and facts.tools.owners.of(f"{name}_") in {None, name}
    )


def _trace(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise BadFilter(
            f"a trace id is a UUID, not {text!r}",
            hint="list_traces() and `godot traces` show them",
            value=text,
        ) from None


def _gap(gap: Gap) -> dict[str, Any]:
    def moment(time: pd.Timestamp | None) -> str | None:
        return None if time is None else time.isoformat()

    return {"component": gap.component, "from": moment(gap.begin), "to": moment(gap.end), "why": gap.why}


def _cited(logs: pd.DataFrame, ids: set[str]) -> pd.DataFrame:
    rows = logs.loc[logs["id"].isin(ids), ["id", "event_created_at", "component", "level", "message"]]
    rows = rows.astype({"component": "object", "level": "object"})
    lines = logs.attrs.get("lines", {})
    numbers = pd.array([lines.get(record) for record in rows["id"]], dtype="Int64")
    rows.insert(1, "line", pd.Series(numbers, index=rows.index))
    return rows.reset_index(drop=True)
