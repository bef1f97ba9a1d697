"""Makes the wire record of a log call: redacted, as one line of JSON. See clients/wire."""

import json
import os
import secrets
import socket
import time
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from godot_loglib.buffer import Loss
from godot_loglib.context import Trace, trace_of
from godot_loglib.freeze import printable, thaw
from godot_loglib.ids import RecordIds, canonical_trace_id
from godot_loglib.levels import NAMES, WARN
from godot_loglib.payload import Payloads
from godot_loglib.redaction import Redactor, unique_keys
from godot_loglib.secret_text import redact_text

_TRACE_LENGTH: Final = 200  # of a trace id that is none: enough to recognise it in the daemon's mark

_dumps = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """What all records of one logger share."""

    component: str
    redactor: Redactor = field(repr=False)
    payloads: Payloads | None = field(repr=False, default=None)


# seq, nanoseconds since 1970, level, source, message, frozen data, trace id, bytes in memory. A plain tuple:
# a named one costs 0.3 µs more. Without a message it is a message record, whose text the encoder finds.
Entry: TypeAlias = tuple[int, int, int, Source, str | None, bytes | None, object, int]


def instance_name() -> str:
    """Which process this is: host, pid, and a nonce of its start."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


class Encoder:
    """Turns entries into lines. One for each process start, since it gives the ids."""

    def __init__(self, instance: str) -> None:
        self._instance = _dumps(instance)
        self._ids = RecordIds()
        self._second = -1
        self._second_text = ""
        self._trace: tuple[object, str] = (None, "null")

    def entry(self, entry: Entry) -> bytes:
        """The wire record of one log call. The id is made here: encode once, send as often as needed."""
        seq, at, level, source, message, frozen, trace, size = entry
        is_message = message is None
        value = None if frozen is None else thaw(frozen)
        if message is None:
            message, trace = _message_record(value, trace)
        redactor = source.redactor
        data = None if value is None else redactor.data(value)
        if is_message and source.payloads is not None and isinstance(data, dict):
            mcp = data.get("mcp")
            if isinstance(mcp, dict):
                source.payloads.apply(mcp, size)
        return self._line((seq, at, level, source.component), redactor.text(message), trace, data)

    def loss(self, loss: Loss, seq: int) -> bytes:
        """The loss record that tells what will never come."""
        text = f"{loss.count} record{'s' * (loss.count != 1)} lost ({loss.reason})"
        between = {"from": self._time(loss.first), "to": self._time(loss.last)}
        lost = {"count": loss.count, "reason": loss.reason, **between}
        return self._line((seq, time.time_ns(), WARN, loss.component), text, None, {"lost": lost})

    def _line(self, head: tuple[int, int, int, str], message: str, trace: object, data: Any) -> bytes:
        seq, at, level, component = head
        if data is not None and type(data) is not dict:
            data = {"value": data}
        line = (
            f'{{"id":"{self._ids(at, seq)}","trace_id":{self._trace_id(trace)},'
            f'"component":{_dumps(component)},"level":"{NAMES[level]}",'
            f'"message":{_dumps(message)},"data":{"null" if data is None else _dumps(data)},'
            f'"event_created_at":"{self._time(at)}","instance":{self._instance},"seq":{seq}}}'
        )
        # Half a surrogate pair is no UTF-8, but as the escape that backslashreplace makes of it, it is JSON.
        return line.encode("utf-8", "backslashreplace")

    def _time(self, at: int) -> str:
        second, rest = divmod(at, 1_000_000_000)
        if second != self._second:
            self._second_text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = second
        return f"{self._second_text}.{rest // 1000:06d}+00:00"

    def _trace_id(self, trace: object) -> str:
        if trace is None:
            return "null"
        if trace is not self._trace[0]:
            text = printable(trace)
            made = _dumps(canonical_trace_id(text) or redact_text(text[:_TRACE_LENGTH]))
            if isinstance(trace, Trace) and trace.log_all:
                return made  # to be remembered it would have to stay alive, and that has consequences
            self._trace = (trace, made)
        return self._trace[1]


def _message_record(data: Any, trace: object) -> tuple[str, object]:
    """Complete `mcp` in place; give the record's text, and its trace: the current one, else the message's."""
    mcp = data.get("mcp")
    if not isinstance(mcp, dict):
        return "a message that could not be recorded", trace
    payload = mcp["payload"] = _payload(mcp["payload"])
    if isinstance(payload, str):
        what = "text that is no JSON-RPC"
    elif isinstance(payload, list):
        what = f"batch of {len(payload)}"
    else:
        method = payload.get("method")
        what = (
            method if isinstance(method, str) else "error" if payload.get("error") is not None else "answer"
        )
        trace = trace_of(payload) if trace is None else trace
    return f"{mcp['direction']} {what} {'to' if mcp['direction'] == 'sent' else 'from'} {mcp['peer']}", trace


def _payload(payload: Any) -> Any:
    """The message as JSON where it is that, else its text; also where JSON would hide a part of it."""
    if isinstance(payload, bytes):
        payload = payload.decode("utf-8", "backslashreplace")
    if isinstance(payload, str):
        try:
            value = json.loads(payload, object_pairs_hook=unique_keys)
        except (ValueError, RecursionError):
            return payload
        return value if isinstance(value, dict | list) else payload
    return payload if isinstance(payload, dict | list) else printable(payload)
