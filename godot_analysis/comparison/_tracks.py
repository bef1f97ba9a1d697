"""A flow as two traces are compared by: a tree of steps, each with keys that say what it is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from godot_analysis.comparison._json import canonical
from godot_analysis.comparison._observed import rows
from godot_analysis.comparison._payloads import steady
from godot_analysis.schema.pointers import join

if TYPE_CHECKING:
    from collections.abc import Mapping

    from godot_analysis.reconstruction.flow import Flow

__all__ = ["Link", "Step", "keys_of", "renamed_components", "track"]

_CALL: Final = "tools/call"

Link = frozenset[str | None]


@dataclass(eq=False)
class Step:
    """One request with its end, or one notification, and the steps that it caused."""

    position: int  # of its first hop, in causal order
    sender: str | None
    receiver: str | None
    kind: str
    method: str | None
    tool: str | None
    status: str | None
    shown: bool  # whether its end was logged, rather than inferred
    params: Any
    result: Any
    error_code: int | None
    error_text: str | None
    duration: float | None
    attempts: int
    evidence: tuple[str, ...]
    parent: Step | None = None
    children: list[Step] = field(default_factory=list)
    ordinal: int = 1  # among the steps that look the same

    @property
    def link(self) -> Link:
        """Between whom it went, in either direction."""
        return frozenset((self.sender, self.receiver))

    @property
    def is_operation(self) -> bool:
        """Whether somebody outside asked for it, rather than the system doing it by itself."""
        return self.parent is None and self.method == _CALL

    @property
    def label(self) -> str:
        """The step in a few words."""
        what = " ".join(part for part in (self.method or self.kind, self.tool) if part)
        again = f" (no. {self.ordinal})" if self.ordinal > 1 else ""
        return f"{self.sender or '?'} → {self.receiver or '?'}: {what}{again}"

    @property
    def path(self) -> str:
        """Where it is: who to whom, method, tool."""
        again = f"#{self.ordinal}" if self.ordinal > 1 else ""
        what = (self.method or self.kind, *([self.tool] if self.tool else []))
        return join(join("", f"{self.sender or '?'} → {self.receiver or '?'}"), *what) + again

    @property
    def size(self) -> int:
        """How many steps it is, with all that it caused."""
        total, todo = 0, [self]
        while todo:
            step = todo.pop()
            total += 1
            todo += step.children
        return total


def track(flow: Flow, names: Mapping[str, str] | None = None) -> list[Step]:
    """The steps nobody caused, in causal order, all others below; components under other `names`."""
    names = names or {}
    payloads = flow.hops["payload"].tolist()
    steps: dict[int, Step] = {}
    parents: dict[int, int] = {}
    for row in rows(flow.calls):
        hop = row["request_hop"]
        payload = None if hop is None else payloads[int(hop)]
        steps[int(row["call"])] = Step(
            position=int(hop) if hop is not None else int(row["response_hop"] or 0),
            sender=names.get(row["caller"], row["caller"]),
            receiver=names.get(row["callee"], row["callee"]),
            kind="request",
            method=row["method"],
            tool=row["tool"],
            status=str(row["status"]),
            shown=row["response_hop"] is not None,
            params=_params(payload, row["arguments"]),
            result=row["result"],
            error_code=None if row["error_code"] is None else int(row["error_code"]),
            error_text=row["error_text"],
            duration=row["duration_ms"],
            attempts=int(row["attempts"]),
            evidence=tuple(row["evidence"] or ()),
        )
        if row["parent"] is not None:
            parents[int(row["call"])] = int(row["parent"])
    for number, step in steps.items():
        parent = steps.get(parents.get(number, -1))
        if parent is not None and parent is not step:
            step.parent = parent
            parent.children.append(step)
    found = [step for step in steps.values() if step.parent is None] + _strays(flow, names)
    found.sort(key=lambda step: step.position)
    _number([*steps.values(), *(step for step in found if step.kind != "request")])
    return found


def _strays(flow: Flow, names: Mapping[str, str]) -> list[Step]:
    """Messages that are no part of a call: notifications, and what is no message at all."""
    found = []
    for row in rows(flow.hops[flow.hops["call"].isna()]):
        payload = row["payload"]
        found.append(
            Step(
                position=int(row["hop"]),
                sender=names.get(row["sender"], row["sender"]),
                receiver=names.get(row["receiver"], row["receiver"]),
                kind=str(row["kind"]),
                method=row["method"],
                tool=row["tool"],
                status=None,
                shown=False,
                params=_params(payload, None) if isinstance(payload, dict) else payload,
                result=None,
                error_code=None if row["error_code"] is None else int(row["error_code"]),
                error_text=row["error_text"],
                duration=None,
                attempts=1,
                evidence=tuple(r for r in (row["sent_record"], row["received_record"]) if r),
            )
        )
    return found


def keys_of(step: Step) -> tuple[Any, ...]:
    """What the step is, from the strictest to the loosest: with what was asked, and without."""
    return (*_outline(step), steady(canonical(step.params))), _outline(step)


def _outline(step: Step) -> tuple[str | None, ...]:
    return step.sender, step.receiver, step.kind, step.method, step.tool


def renamed_components(left: Flow, right: Flow) -> dict[str, str]:
    """Right name → left name, for parts that only have another name: one of each kind is left over."""
    mine, theirs = _parts(left), _parts(right)
    found = {}
    for part in ("asks", "passes on"):
        old = [name for name, its in mine.items() if its == part and name not in theirs]
        new = [name for name, its in theirs.items() if its == part and name not in mine]
        if len(old) == len(new) == 1:
            found[new[0]] = old[0]
    return found


def _parts(flow: Flow) -> dict[str, str]:
    """Component → what it does: who only asks, and who is asked and asks others."""
    columns = (flow.calls[name].astype(object).tolist() for name in ("caller", "callee"))
    ends = [(caller, callee) for caller, callee in zip(*columns, strict=True) if isinstance(callee, str)]
    asked = {callee for _, callee in ends}
    asking = {caller for caller, _ in ends if isinstance(caller, str)}
    return {name: "passes on" if name in asked else "asks" for name in asking}


def _params(payload: Any, arguments: Any) -> Any:
    params = payload.get("params") if isinstance(payload, dict) else None
    if isinstance(params, dict):
        return {key: value for key, value in params.items() if key != "_meta"}
    return params if params is not None else {"arguments": arguments} if arguments is not None else None


def _number(steps: list[Step]) -> None:
    seen: Counter[Any] = Counter()
    for step in sorted(steps, key=lambda step: step.position):
        key = _outline(step)
        seen[key] += 1
        step.ordinal = seen[key]
