"""Calls that ask the relay itself to change or show its connections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from godot_analysis.reading.fields import NAMED
from godot_analysis.reading.names import is_address, parts_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from godot_analysis.diagnosis.facts.call import Call
    from godot_analysis.diagnosis.facts.calls import Calls

__all__ = ["Management", "management_of"]

Verb = Literal["add", "remove", "reconnect", "inspect"]

_VERBS: Final[dict[Verb, frozenset[str]]] = {
    "reconnect": frozenset({"reconnect", "refresh", "reload", "restart", "retry"}),
    "add": frozenset({"add", "register", "attach", "enable", "connect", "mount", "create"}),
    "remove": frozenset(
        {"remove", "unregister", "detach", "disable", "disconnect", "drop", "delete", "unmount"}
    ),
    "inspect": frozenset({"list", "get", "show", "status"}),
}
_NOUNS: Final = frozenset({"server", "servers", "backend", "backends", "upstream", "upstreams", "status"})


@dataclass(frozen=True, slots=True)
class Management:
    """A call that asked the relay to change or show its connections."""

    time: pd.Timestamp
    relay: str | None
    verb: Verb
    name: str | None
    url: str | None
    call: Call


def management_of(operations: Calls, relays: Iterable[str]) -> list[Management]:
    """The operations that a relay answered by itself to add, remove, reconnect or show its backends."""
    table = operations.table
    at_relay = table.mask("callee", *relays, None)
    own = operations.only(at_relay & at_relay[table.lasts])
    verbs = {tool: verb for (tool,) in own.counts("tool") if tool and (verb := _verb(tool)) is not None}
    found = []
    for call in own.where("tool", *verbs):
        verb = verbs[call.tool or ""]
        arguments = call.arguments or {}
        name = next((arguments[key] for key in NAMED if isinstance(arguments.get(key), str)), None)
        url = next((v for v in arguments.values() if isinstance(v, str) and is_address(v)), None)
        if verb == "inspect" or name is not None:
            found.append(Management(call.started, call.last.callee, verb, name, url, call))
    return sorted(found, key=lambda item: item.time)


def _verb(tool: str) -> Verb | None:
    """What a tool of this name does to a connection; None when it has to do with something else."""
    words = set(parts_of(tool.lower()))
    if not words & _NOUNS:
        return None
    return next((verb for verb, spellings in _VERBS.items() if words & spellings), None)
