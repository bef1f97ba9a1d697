"""Judges messages by the official schema of the protocol version that their connection negotiated."""

from __future__ import annotations

from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pandas as pd

from godot_analysis.collection import collection_paused
from godot_analysis.columns import MESSAGES
from godot_analysis.loading.frames import texts
from godot_analysis.normal_form.jsonrpc import params_of, version_of
from godot_analysis.normal_form.sightings import NOTIFICATION, REQUEST, RESPONSE, SENT
from godot_analysis.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import TypeAdapter, ValidationError

_CONNECTION: Final = ("observer", "peer", "session")
_FRAMES: Final[dict[str, dict[str, Any]]] = {
    REQUEST: {"jsonrpc": "2.0", "id": 0},
    NOTIFICATION: {"jsonrpc": "2.0"},
}
_BLOCK: Final = 20_000  # messages judged between two signs of progress
_NAMED_AT_MOST: Final = 3  # faults of one message: the first ones tell, and a list of tools may have hundreds


class Seen(NamedTuple):
    """What the judge needs of one message."""

    connection: tuple[str | None, ...]
    direction: str | None
    kind: str | None
    method: str | None
    rpc_id: str | None
    payload: Any


class _Question(NamedTuple):
    method: str | None
    version: str | None


def validated(messages: pd.DataFrame) -> pd.DataFrame:
    """The message frame with the official judgement in `validity` where JSON-RPC had nothing to say.

    Some six microseconds a message, after half a second for the official types.
    """
    judge = Judge()
    connections = zip(*(texts(messages[name]) for name in _CONNECTION), strict=True)
    columns = (texts(messages[name]) for name in ("direction", "kind", "method", "rpc_id"))
    seen = map(Seen, connections, *columns, messages["payload"])
    both = zip(texts(messages["validity"]), seen, strict=True)
    told: list[str] = []
    with (
        collection_paused(),
        Progress("judge messages", steps=-(-len(messages) // _BLOCK), records=len(messages)) as progress,
    ):
        while len(told) < len(messages):
            progress.begin("by the official schema")
            told += [own or judge(message) for own, message in islice(both, _BLOCK)]
    return messages.assign(validity=pd.Series(told, index=messages.index, dtype=MESSAGES["validity"]))


class Judge:
    """Says what a message has against the official schema of its version; nothing when it is not judged.

    The messages of one connection come in order of time. Their version is the one that the answer to
    `initialize` names, from there on, as that observer sees that connection; a message that names its version
    itself (2026-07-28) is judged by that, as is its answer. `initialize` is judged by the version it offers.

    Not judged are messages before any version is known, of a version that is not published, of a method that
    is not in that version, and those whose payload was not logged.
    """

    def __init__(self) -> None:
        self._negotiated: dict[tuple[str | None, ...], str] = {}
        self._asked: dict[tuple[tuple[str | None, ...], bool, str | None], _Question] = {}

    def __call__(self, seen: Seen) -> str:
        """The faults as `path: why`, separated by semicolons; empty for none."""
        if not isinstance(seen.payload, dict):
            return ""
        if seen.kind == RESPONSE:
            return self._answer(seen, seen.payload.get("result"))
        if seen.kind not in _FRAMES:
            return ""
        version = _named_version(seen) or self._negotiated.get(seen.connection)
        if seen.kind == REQUEST:
            key = (seen.connection, seen.direction == SENT, seen.rpc_id)
            self._asked[key] = _Question(seen.method, version)
        # The frame has been judged already, and some conventions log what is in it without it.
        return _faults(seen.kind, seen.method, version, _FRAMES[seen.kind] | seen.payload)

    def _answer(self, seen: Seen, result: Any) -> str:
        question = self._asked.get((seen.connection, seen.direction != SENT, seen.rpc_id))
        if question is None:
            return ""
        version = question.version
        if question.method == "initialize" and isinstance(result, dict):
            version = _text(result.get("protocolVersion"))
            if version is not None:
                self._negotiated[seen.connection] = version
        return _faults(RESPONSE, question.method, version, result)


def _named_version(seen: Seen) -> str | None:
    params = params_of(seen.payload)
    asked = _text(params.get("protocolVersion")) if seen.method == "initialize" else None
    return asked or version_of(params)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _faults(kind: str, method: str | None, version: str | None, value: Any) -> str:
    adapter = _adapter(kind, method, version)
    # Most are sound, and that is told in half the time when nothing is made of what was read.
    if adapter is None or adapter.validator.isinstance_python(value):
        return ""
    from pydantic import ValidationError  # noqa: PLC0415  see `_adapter`

    try:
        adapter.validate_python(value)
    except ValidationError as error:
        return f"{_told(error)} (schema {version}, {method})"
    return ""


@cache
def _adapter(kind: str, method: str | None, version: str | None) -> TypeAdapter[Any] | None:
    """The official check, or None where the official schema has none: an extension, or another version."""
    if method is None or version is None:
        return None
    from mcp_types import methods  # noqa: PLC0415  half a second, for those who ask for a judgement
    from pydantic import TypeAdapter  # noqa: PLC0415

    surfaces: dict[str, tuple[Mapping[tuple[str, str], Any], ...]] = {
        REQUEST: (methods.CLIENT_REQUESTS, methods.SERVER_REQUESTS),
        NOTIFICATION: (methods.CLIENT_NOTIFICATIONS, methods.SERVER_NOTIFICATIONS),
        RESPONSE: (methods.SERVER_RESULTS, methods.CLIENT_RESULTS),
    }
    for surface in surfaces[kind]:
        if (method, version) in surface:
            return TypeAdapter(surface[method, version])
    return None


def _told(error: ValidationError) -> str:
    """The first faults of the alternative that fits best, where the schema has several."""
    import mcp_types  # noqa: PLC0415  see `_adapter`

    alternatives: dict[str | int | None, list[tuple[bool, str]]] = {}
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        types = [step for step in fault["loc"] if isinstance(step, str) and hasattr(mcp_types, step)]
        where = ".".join(str(step) for step in fault["loc"] if step not in types)
        told = f"{where}: {fault['msg']}" if where else fault["msg"]
        alternatives.setdefault(types[0] if types else None, []).append((fault["type"] == "missing", told))
    best = min(alternatives.values(), key=lambda faults: (sum(missing for missing, _ in faults), len(faults)))
    rest = len(best) - _NAMED_AT_MOST
    named = [told for _, told in best[:_NAMED_AT_MOST]]
    return "; ".join([*named, f"and {rest} more"] if rest > 0 else named)
